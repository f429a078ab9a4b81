//! Events as a completion, whole or in chunks. Thoughts have no place in it.

use crate::contract::record::Usage;
use crate::traffic::dialect::json::{Quoted, Writer};
use crate::traffic::translate::event::{Block, Event, Stop};
use crate::traffic::translate::{Form, failure, logprobs, picture};

/// Writes one answer.
pub struct Teller {
    form: Form,
    /// Seconds since 1970, the same in all chunks.
    created: u64,
    wants_usage: bool,
    /// What the answer and each chunk begin with.
    head: Vec<u8>,
    /// The open block is text.
    open: bool,
    /// A whole answer's text, as the inside of a JSON string, and the choices before it.
    text: Vec<u8>,
    choices: Vec<u8>,
    before: u64,
    /// How likely the tokens were of the next piece; of a whole answer, of all of them. And how far they go.
    logprobs: Vec<u8>,
    offset: u64,
    usage: Option<Usage>,
    stop: Option<Stop>,
}

impl Teller {
    pub fn new(form: Form, created: u64, wants_usage: bool) -> Self {
        Self {
            form,
            created,
            wants_usage,
            head: vec![],
            open: false,
            text: vec![],
            choices: vec![],
            before: 0,
            logprobs: vec![],
            offset: 0,
            usage: None,
            stop: None,
        }
    }

    /// Writes what an event is in this dialect.
    pub fn tell(&mut self, event: Event<'_>, out: &mut Vec<u8>) {
        match event {
            Event::Start { id, model } => self.start(&id, &model),
            Event::Open(Block::Image { media, data }) => self.piece(&picture::shown(&media, &data), out),
            Event::Open(block) => self.open = matches!(block, Block::Text | Block::Refusal),
            Event::Piece(piece) if self.open => self.piece(piece, out),
            Event::Close => self.open = false,
            Event::Another => {
                let mut choices = std::mem::take(&mut self.choices);
                self.whole_choice(&mut choices);
                self.choices = choices;
                self.text.clear();
                (self.stop, self.offset) = (None, 0);
                self.before += 1;
            }
            Event::Logprobs(elements) => logprobs::add(elements, &mut self.logprobs),
            Event::Usage(usage) => self.usage = Some(usage),
            Event::Stop { reason, .. } => self.stop = Some(reason),
            Event::Ping if self.form == Form::Stream => out.extend_from_slice(b": ping\n\n"),
            Event::Piece(_) | Event::Signature(_) | Event::Cited(_) | Event::Untold(_) | Event::Ping => {}
            Event::Failed(found) => failure::openai_event(&found, out),
            Event::End => self.end(out),
        }
    }

    fn start(&mut self, id: &Quoted<'_>, model: &Quoted<'_>) {
        let mut head = Writer(&mut self.head);
        head.open("{").key("id").open("\"cmpl-");
        head.0.extend_from_slice(id.as_written());
        head.close("\"").key("object").word("text_completion").key("created").count(self.created);
        head.key("model").quoted(model).key("choices").open("[");
    }

    fn piece(&mut self, piece: &Quoted<'_>, out: &mut Vec<u8>) {
        match self.form {
            Form::Whole => self.text.extend_from_slice(piece.as_written()),
            Form::Stream => {
                self.begin_chunk(out);
                self.choice(0, piece, None, out);
                out.extend_from_slice(b"]}\n\n");
            }
        }
    }

    fn begin_chunk(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(b"data: ");
        out.extend_from_slice(&self.head);
    }

    fn whole_choice(&mut self, out: &mut Vec<u8>) {
        let text = std::mem::take(&mut self.text);
        self.choice(self.before, &Quoted::raw(&text), self.stop, out);
        self.text = text;
    }

    /// A choice, or a piece of one, with the logprobs of its tokens.
    fn choice(&mut self, index: u64, text: &Quoted<'_>, stop: Option<Stop>, out: &mut Vec<u8>) {
        let mut choice = Writer(out);
        choice.open("{").key("text").quoted(text).key("index").count(index).key("logprobs");
        if self.logprobs.is_empty() {
            choice.raw(b"null");
        } else {
            logprobs::as_completion(&self.logprobs, &mut self.offset, &mut choice);
            self.logprobs.clear();
        }
        choice.key("finish_reason");
        match stop {
            None => choice.raw(b"null"),
            Some(Stop::End | Stop::Sequence | Stop::Tools | Stop::Paused) => choice.word("stop"),
            Some(Stop::Length) => choice.word("length"),
            Some(Stop::Refused | Stop::Declined) => choice.word("content_filter"),
        };
        choice.close("}");
    }

    fn end(&mut self, out: &mut Vec<u8>) {
        match self.form {
            Form::Whole => {
                out.extend_from_slice(&self.head);
                out.extend_from_slice(&self.choices);
                self.whole_choice(out);
                let mut answer = Writer(out);
                answer.close("]");
                if let Some(usage) = &self.usage {
                    write_usage(usage, answer.key("usage"));
                }
                answer.close("}");
            }
            Form::Stream => {
                self.begin_chunk(out);
                self.choice(0, &Quoted::default(), self.stop, out);
                out.extend_from_slice(b"]}\n\n");
                if let Some(usage) = self.usage.filter(|_| self.wants_usage) {
                    self.begin_chunk(out);
                    let mut chunk = Writer(out);
                    write_usage(&usage, chunk.close("]").key("usage"));
                    chunk.close("}\n\n");
                }
                out.extend_from_slice(b"data: [DONE]\n\n");
            }
        }
    }
}

fn write_usage(usage: &Usage, out: &mut Writer<'_>) {
    out.open("{").key("prompt_tokens").count(usage.input).key("completion_tokens").count(usage.output);
    out.key("total_tokens").count(usage.input.saturating_add(usage.output));
    out.key("prompt_tokens_details").open("{\"cached_tokens\":").count(usage.cached_input).close("}");
    out.key("completion_tokens_details").open("{\"reasoning_tokens\":").count(usage.reasoning).close("}}");
}
