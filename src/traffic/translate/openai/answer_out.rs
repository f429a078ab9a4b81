//! Events as a chat completion, whole or in chunks.

use crate::contract::record::Usage;
use crate::traffic::dialect::json::{Quoted, Writer};
use crate::traffic::translate::cited::{Cited, Source};
use crate::traffic::translate::event::{Block, Event, Stop};
use crate::traffic::translate::names::Renamed;
use crate::traffic::translate::{Form, failure, logprobs};

/// Thoughts longer than this are shown, but none is handed out for a later turn: nothing else of a stream is kept.
const THOUGHT_BYTES: usize = 256 * 1024;

/// Bytes of what comes first, without names.
const PREFIX_BYTES: usize = 128;

/// Writes one answer.
pub struct Teller {
    form: Form,
    /// Seconds since 1970, the same in all chunks.
    created: u64,
    wants_usage: bool,
    /// What all chunks begin with, or a whole answer.
    prefix: Vec<u8>,
    open: Open,
    calls: u64,
    usage: Option<Usage>,
    stop: Option<Stop>,
    thought: Thought,
    cited: Cited,
    /// Sources were left out, because they have no URL: this dialect knows no others.
    pub unplaced: bool,
    images: u64,
    /// How likely the tokens of the next piece were.
    logprobs: Vec<u8>,
    message: Message,
    /// Of a whole answer, the choices before the one at hand.
    choices: Vec<Vec<u8>>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Open {
    None,
    Text,
    Refusal,
    Thought,
    Call,
}

/// The thought that is open, as its provider wants it back.
#[derive(Default)]
struct Thought {
    text: Vec<u8>,
    signature: Vec<u8>,
}

/// A whole message as far as it is known: insides of JSON strings, and elements of arrays.
#[derive(Default)]
struct Message {
    content: Option<Vec<u8>>,
    refusal: Option<Vec<u8>>,
    reasoning: Option<Vec<u8>>,
    calls: Vec<u8>,
    thoughts: Vec<u8>,
    images: Vec<u8>,
    annotations: Vec<u8>,
    logprobs: Vec<u8>,
}

impl Teller {
    pub fn new(form: Form, created: u64, wants_usage: bool) -> Self {
        Self {
            form,
            created,
            wants_usage,
            prefix: vec![],
            open: Open::None,
            calls: 0,
            usage: None,
            stop: None,
            thought: Thought::default(),
            cited: Cited::default(),
            unplaced: false,
            images: 0,
            logprobs: vec![],
            message: Message::default(),
            choices: vec![],
        }
    }

    /// Writes what an event is in this dialect.
    pub fn tell(&mut self, event: Event<'_>, renamed: &Renamed, out: &mut Vec<u8>) {
        match event {
            Event::Start { id, model } => self.start(&id, &model, out),
            Event::Open(block) => self.open(&block, renamed, out),
            Event::Piece(piece) => self.piece(piece, out),
            Event::Signature(signature) => self.thought.signature.extend_from_slice(signature.as_written()),
            Event::Logprobs(elements) => self.likely(elements, out),
            Event::Cited(citation) => self.cited.cite(&citation),
            Event::Close => self.close(out),
            Event::Usage(usage) => self.usage = Some(usage),
            Event::Stop { reason, .. } => self.stop(reason, out),
            Event::Ping if self.form == Form::Stream => out.extend_from_slice(b": ping\n\n"),
            Event::Another => self.another(),
            Event::Ping | Event::Untold(_) => {}
            Event::Failed(found) => failure::openai_event(&found, out),
            Event::End => self.end(out),
        }
    }

    fn start(&mut self, id: &Quoted<'_>, model: &Quoted<'_>, out: &mut Vec<u8>) {
        self.prefix.reserve(PREFIX_BYTES + id.as_written().len() + model.as_written().len());
        let (begin, object) = match self.form {
            Form::Whole => ("", "chat.completion"),
            Form::Stream => ("data: ", "chat.completion.chunk"),
        };
        let mut prefix = Writer(&mut self.prefix);
        prefix.close(begin).open("{\"id\":\"");
        if !id.as_written().starts_with(b"chatcmpl-") {
            prefix.close("chatcmpl-");
        }
        prefix.0.extend_from_slice(id.as_written());
        prefix.close("\"").key("object").word(object).key("created").count(self.created);
        prefix.key("model").quoted(model).key("choices").open("[{\"index\":0,");
        if self.form == Form::Whole {
            return;
        }
        self.chunk(out, |delta| _ = delta.key("role").word("assistant").key("content").word(""), None);
    }

    fn likely(&mut self, elements: &[u8], out: &mut Vec<u8>) {
        if self.form == Form::Whole {
            logprobs::add(elements, &mut self.message.logprobs);
            return;
        }
        self.say_logprobs(out);
        self.logprobs.extend_from_slice(elements);
    }

    /// Logprobs that no piece followed have a chunk of their own.
    fn say_logprobs(&mut self, out: &mut Vec<u8>) {
        if !self.logprobs.is_empty() {
            let logprobs = std::mem::take(&mut self.logprobs);
            self.likely_chunk(out, &logprobs, |delta| _ = delta, None);
        }
    }

    /// Writes one chunk whose delta `write` fills.
    fn chunk(&self, out: &mut Vec<u8>, write: impl FnOnce(&mut Writer<'_>), finish: Option<&str>) {
        self.likely_chunk(out, b"", write, finish);
    }

    /// The same with the logprobs of its tokens.
    fn likely_chunk(
        &self,
        out: &mut Vec<u8>,
        logprobs: &[u8],
        write: impl FnOnce(&mut Writer<'_>),
        finish: Option<&str>,
    ) {
        out.extend_from_slice(&self.prefix);
        out.extend_from_slice(b"\"delta\":{");
        write(&mut Writer(out));
        out.push(b'}');
        if !logprobs.is_empty() {
            write_logprobs(logprobs, Writer(out).key("logprobs"));
        }
        out.extend_from_slice(b",\"finish_reason\":");
        match finish {
            None => out.extend_from_slice(b"null}]}\n\n"),
            Some(reason) => {
                out.push(b'"');
                out.extend_from_slice(reason.as_bytes());
                out.extend_from_slice(b"\"}]}\n\n");
            }
        }
    }

    fn open(&mut self, block: &Block<'_>, renamed: &Renamed, out: &mut Vec<u8>) {
        self.open = match block {
            Block::Text => {
                self.cited.open();
                self.message.content.get_or_insert_default();
                Open::Text
            }
            Block::Refusal => Open::Refusal,
            Block::Thought => Open::Thought,
            Block::HiddenThought { data } => {
                if self.message.thoughts.len() <= THOUGHT_BYTES {
                    let mut thoughts = Writer(&mut self.message.thoughts);
                    thoughts.open("{\"type\":\"redacted_thinking\"").key("data").quoted(data).close("}");
                }
                Open::None
            }
            Block::Call { id, name } => {
                self.call(id, renamed.original(name), out);
                Open::Call
            }
            Block::Image { media, data } => {
                self.image(media, data, out);
                Open::None
            }
        };
    }

    /// This dialect has no images in answers. Its clients that show any take them from here.
    fn image(&mut self, media: &Quoted<'_>, data: &Quoted<'_>, out: &mut Vec<u8>) {
        let index = self.images;
        self.images += 1;
        let image = |out: &mut Writer<'_>| {
            out.open("{\"type\":\"image_url\"").key("index").count(index).key("image_url");
            out.open("{\"url\":\"data:");
            out.0.extend_from_slice(media.as_written());
            out.close(";base64,");
            out.0.extend_from_slice(data.as_written());
            out.close("\"}}");
        };
        match self.form {
            Form::Whole => image(&mut Writer(&mut self.message.images)),
            Form::Stream => self.chunk(
                out,
                |delta| {
                    image(delta.key("images").open("["));
                    delta.close("]");
                },
                None,
            ),
        }
    }

    fn call(&mut self, id: &Quoted<'_>, name: &Quoted<'_>, out: &mut Vec<u8>) {
        let index = self.calls;
        self.calls += 1;
        let call = |out: &mut Writer<'_>| {
            out.key("id").quoted(id).key("type").word("function").key("function").open("{");
            out.key("name").quoted(name).key("arguments").open("\"");
        };
        if self.form == Form::Whole {
            let mut calls = Writer(&mut self.message.calls);
            call(calls.open("{"));
            return;
        }
        self.chunk(
            out,
            |delta| {
                delta.key("tool_calls").open("[{\"index\":").count(index);
                call(delta);
                delta.close("\"}}]");
            },
            None,
        );
    }

    fn piece(&mut self, piece: &Quoted<'_>, out: &mut Vec<u8>) {
        if self.open == Open::Thought && self.thought.text.len() <= THOUGHT_BYTES {
            self.thought.text.extend_from_slice(piece.as_written());
        }
        if self.open == Open::Text {
            self.cited.piece(piece);
        }
        if self.form == Form::Whole {
            let place = match self.open {
                Open::None => return,
                Open::Text => self.message.content.get_or_insert_default(),
                Open::Refusal => self.message.refusal.get_or_insert_default(),
                Open::Thought => self.message.reasoning.get_or_insert_default(),
                Open::Call => &mut self.message.calls,
            };
            place.extend_from_slice(piece.as_written());
            return;
        }
        let index = self.calls.saturating_sub(1);
        let open = self.open;
        let logprobs = if open == Open::Text { std::mem::take(&mut self.logprobs) } else { vec![] };
        self.likely_chunk(
            out,
            &logprobs,
            |delta| {
                _ = match open {
                    Open::None => return,
                    Open::Text => delta.key("content").quoted(piece),
                    Open::Refusal => delta.key("refusal").quoted(piece),
                    Open::Thought => delta.key("reasoning_content").quoted(piece),
                    Open::Call => {
                        delta.key("tool_calls").open("[{\"index\":").count(index).key("function");
                        delta.open("{\"arguments\":").quoted(piece).close("}}]")
                    }
                }
            },
            None,
        );
    }

    fn close(&mut self, out: &mut Vec<u8>) {
        match std::mem::replace(&mut self.open, Open::None) {
            Open::Call if self.form == Form::Whole => self.message.calls.extend_from_slice(b"\"}}"),
            Open::Thought => self.end_thought(),
            Open::Text => self.annotate(out),
            Open::None | Open::Refusal | Open::Call => {}
        }
    }

    /// Tells what the text rests on that ends here.
    fn annotate(&mut self, out: &mut Vec<u8>) {
        let mut sources = self.cited.take();
        let all = sources.len();
        sources.retain(Source::is_web);
        self.unplaced |= sources.len() < all;
        if sources.is_empty() {
            return;
        }
        let mut annotations = std::mem::take(&mut self.message.annotations);
        let mut list = Writer(&mut annotations);
        for source in sources {
            source.members(0, list.open("{\"type\":\"url_citation\"").key("url_citation").open("{"));
            list.close("}}");
        }
        if self.form == Form::Stream {
            self.chunk(
                out,
                |delta| _ = delta.key("annotations").open("[").raw(&annotations).close("]"),
                None,
            );
            annotations.clear();
        }
        self.message.annotations = annotations;
    }

    /// A thought with its proof is to come back as it is with the next turn.
    fn end_thought(&mut self) {
        let Thought { text, signature } = &mut self.thought;
        if !signature.is_empty() && self.message.thoughts.len() <= THOUGHT_BYTES {
            let mut thoughts = Writer(&mut self.message.thoughts);
            thoughts.open("{\"type\":\"thinking\"").key("thinking").quoted(&Quoted::raw(text));
            thoughts.key("signature").quoted(&Quoted::raw(signature)).close("}");
        }
        text.clear();
        signature.clear();
    }

    /// Thoughts are handed out in one chunk: the official clients that put chunks together keep the last array of a
    /// name that they do not know, or take no second one.
    fn stop(&mut self, reason: Stop, out: &mut Vec<u8>) {
        self.stop = Some(reason);
        if self.message.thoughts.len() > THOUGHT_BYTES {
            self.message.thoughts.clear();
        }
        if self.form == Form::Whole {
            return;
        }
        self.say_logprobs(out);
        let thoughts = &self.message.thoughts;
        if !thoughts.is_empty() {
            self.chunk(
                out,
                |delta| _ = delta.key("thinking_blocks").open("[").raw(thoughts).close("]"),
                None,
            );
        }
        self.chunk(out, |delta| _ = delta, Some(finish_reason(reason)));
    }

    fn end(&mut self, out: &mut Vec<u8>) {
        if self.form == Form::Whole {
            self.write_whole(out);
            return;
        }
        if let Some(usage) = self.usage.filter(|_| self.wants_usage) {
            // The prefix up to its choices, of which there are none.
            let head = self.prefix.len() - b"{\"index\":0,".len();
            out.extend_from_slice(&self.prefix[..head]);
            let mut chunk = Writer(out);
            write_usage(&usage, chunk.close("]").key("usage"));
            chunk.close("}\n\n");
        }
        out.extend_from_slice(b"data: [DONE]\n\n");
    }

    fn another(&mut self) {
        let mut choice = vec![];
        self.choice(&mut choice);
        self.choices.push(choice);
        (self.message, self.stop, self.calls, self.images) = (Message::default(), None, 0, 0);
        self.cited = Cited::default();
    }

    fn write_whole(&mut self, out: &mut Vec<u8>) {
        out.extend_from_slice(&self.prefix);
        for (choice, next) in self.choices.iter().zip(1..) {
            out.extend_from_slice(choice);
            Writer(out).open("{").key("index").count(next).close(",");
        }
        self.choice(out);
        let mut answer = Writer(out);
        answer.close("]");
        if let Some(usage) = &self.usage {
            write_usage(usage, answer.key("usage"));
        }
        answer.close("}");
    }

    /// The members of a choice behind its index, and its end.
    fn choice(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(b"\"message\":{\"role\":\"assistant\"");
        let mut answer = Writer(out);
        let Message { content, refusal, reasoning, calls, thoughts, images, annotations, logprobs } =
            &self.message;
        for (name, text) in [("content", content), ("refusal", refusal)] {
            match text {
                Some(text) => answer.key(name).quoted(&Quoted::raw(text)),
                None => answer.key(name).raw(b"null"),
            };
        }
        if let Some(reasoning) = reasoning {
            answer.key("reasoning_content").quoted(&Quoted::raw(reasoning));
        }
        let lists = [
            ("annotations", annotations),
            ("images", images),
            ("thinking_blocks", thoughts),
            ("tool_calls", calls),
        ];
        for (name, elements) in lists {
            if !elements.is_empty() {
                answer.key(name).open("[").raw(elements).close("]");
            }
        }
        answer.close("}").key("logprobs");
        if logprobs.is_empty() {
            answer.raw(b"null");
        } else {
            write_logprobs(logprobs, &mut answer);
        }
        answer.key("finish_reason").word(finish_reason(self.stop.unwrap_or(Stop::End))).close("}");
    }
}

fn write_logprobs(elements: &[u8], out: &mut Writer<'_>) {
    out.open("{").key("content").open("[").raw(elements).close("]").key("refusal").raw(b"null").close("}");
}

fn write_usage(usage: &Usage, out: &mut Writer<'_>) {
    out.open("{\"prompt_tokens\":").count(usage.input).key("completion_tokens").count(usage.output);
    out.key("total_tokens").count(usage.input.saturating_add(usage.output));
    out.key("prompt_tokens_details").open("{\"cached_tokens\":").count(usage.cached_input);
    out.key("cache_write_tokens").count(usage.cache_write);
    if usage.audio_input > 0 {
        out.key("audio_tokens").count(usage.audio_input);
    }
    out.close("}").key("completion_tokens_details").open("{\"reasoning_tokens\":").count(usage.reasoning);
    if usage.audio_output > 0 {
        out.key("audio_tokens").count(usage.audio_output);
    }
    out.close("}}");
}

fn finish_reason(stop: Stop) -> &'static str {
    match stop {
        Stop::End | Stop::Sequence | Stop::Paused | Stop::Declined => "stop",
        Stop::Length => "length",
        Stop::Tools => "tool_calls",
        Stop::Refused => "content_filter",
    }
}
