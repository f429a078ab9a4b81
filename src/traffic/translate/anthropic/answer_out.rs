//! Events as a message, whole or as a stream.

use crate::contract::record::Usage;
use crate::traffic::dialect::json::{Item, Quoted, Writer};
use crate::traffic::translate::arguments;
use crate::traffic::translate::event::{Block, Citation, Event, Stop};
use crate::traffic::translate::names::Renamed;
use crate::traffic::translate::{Form, failure, picture};

/// Writes one answer.
pub struct Teller {
    form: Form,
    /// What the client calls the model, if it is to be told so.
    asked: Option<Quoted<'static>>,
    open: Open,
    index: u64,
    usage: Usage,
    stop: Option<Stop>,
    sequence: Option<Quoted<'static>>,
    /// Of a whole answer: the source of the arguments of the open call, and the signature of the open thought.
    arguments: Vec<u8>,
    signature: Vec<u8>,
    /// What the open text of a whole answer rests on: elements of an array.
    citations: Vec<u8>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Open {
    None,
    Text,
    Thought,
    HiddenThought,
    Call,
}

impl Teller {
    pub fn new(form: Form) -> Self {
        Self {
            form,
            asked: None,
            open: Open::None,
            index: 0,
            usage: Usage::default(),
            stop: None,
            sequence: None,
            arguments: vec![],
            signature: vec![],
            citations: vec![],
        }
    }

    /// The answer names the model as the client does: clients give thoughts back only to the model that they know them from.
    pub fn asked_as(&mut self, model: &str) {
        self.asked = Some(Quoted::of(model));
    }

    /// Writes what an event is in this dialect.
    pub fn tell(&mut self, event: Event<'_>, renamed: &Renamed, out: &mut Vec<u8>) {
        match event {
            Event::Start { id, model } => self.start(&id, &model, out),
            Event::Open(block) => self.open(&block, renamed, out),
            Event::Piece(piece) => self.piece(piece, out),
            Event::Signature(signature) => self.signature(signature, out),
            Event::Cited(citation) => self.cite(&citation, out),
            Event::Close => self.close(out),
            Event::Usage(usage) => self.usage = usage,
            Event::Stop { reason, sequence } => {
                self.stop = Some(reason);
                self.sequence = sequence.map(Quoted::into_owned);
            }
            Event::Ping if self.form == Form::Stream => {
                out.extend_from_slice(b"event: ping\ndata: {\"type\":\"ping\"}\n\n");
            }
            Event::Ping | Event::Logprobs(_) | Event::Untold(_) | Event::Another => {}
            Event::Failed(found) => failure::anthropic_event(&found, out),
            Event::End => self.end(out),
        }
    }

    fn start(&self, id: &Quoted<'_>, model: &Quoted<'_>, out: &mut Vec<u8>) {
        if self.form == Form::Stream {
            out.extend_from_slice(b"event: message_start\ndata: {\"type\":\"message_start\",\"message\":");
        }
        let mut message = Writer(out);
        message.open("{").key("id").open("\"");
        if !id.as_written().starts_with(b"msg_") {
            message.close("msg_");
        }
        message.0.extend_from_slice(id.as_written());
        message.close("\",\"type\":\"message\",\"role\":\"assistant\"").key("model");
        message.quoted(self.asked.as_ref().unwrap_or(model));
        message.key("content").open("[");
        if self.form == Form::Stream {
            message.close("],\"stop_reason\":null,\"stop_sequence\":null").key("usage");
            write_usage(&self.usage, &mut message);
            message.close("}}\n\n");
        }
    }

    fn open(&mut self, block: &Block<'_>, renamed: &Renamed, out: &mut Vec<u8>) {
        if let Block::Image { media, data } = block {
            self.open(&Block::Text, renamed, out);
            self.piece(&picture::shown(media, data), out);
            return;
        }
        if self.form == Form::Stream {
            out.extend_from_slice(b"event: content_block_start\ndata: {\"type\":\"content_block_start\"");
            Writer(out).key("index").count(self.index).key("content_block");
        }
        let stream = self.form == Form::Stream;
        let mut inside = Writer(out);
        self.open = match block {
            Block::Text | Block::Refusal | Block::Image { .. } => {
                inside.open("{\"type\":\"text\",\"text\":\"");
                Open::Text
            }
            Block::Thought => {
                inside.open("{\"type\":\"thinking\",\"thinking\":\"");
                Open::Thought
            }
            Block::HiddenThought { data } => {
                inside.open("{\"type\":\"redacted_thinking\"").key("data").quoted(data);
                Open::HiddenThought
            }
            Block::Call { id, name } => {
                inside.open("{\"type\":\"tool_use\"").key("id").quoted(id);
                inside.key("name").quoted(renamed.original(name)).key("input");
                Open::Call
            }
        };
        if stream {
            inside.close(match self.open {
                Open::None | Open::HiddenThought => "}}\n\n",
                Open::Text => "\"}}\n\n",
                Open::Thought => "\",\"signature\":\"\"}}\n\n",
                Open::Call => "{}}}\n\n",
            });
        }
    }

    fn piece(&mut self, piece: &Quoted<'_>, out: &mut Vec<u8>) {
        if self.form == Form::Whole {
            match self.open {
                Open::None | Open::HiddenThought => {}
                Open::Text | Open::Thought => out.extend_from_slice(piece.as_written()),
                Open::Call => self.arguments.extend_from_slice(piece.as_written()),
            }
            return;
        }
        let (kind, name) = match self.open {
            Open::None | Open::HiddenThought => return,
            Open::Text => ("text_delta", "text"),
            Open::Thought => ("thinking_delta", "thinking"),
            Open::Call => ("input_json_delta", "partial_json"),
        };
        self.delta(kind, name, piece, out);
    }

    fn signature(&mut self, signature: &Quoted<'_>, out: &mut Vec<u8>) {
        if self.open != Open::Thought {
            return;
        }
        match self.form {
            Form::Stream => self.delta("signature_delta", "signature", signature, out),
            Form::Whole => self.signature.extend_from_slice(signature.as_written()),
        }
    }

    /// Only the provider's own citations have what it finds them by.
    fn cite(&mut self, citation: &Citation<'_>, out: &mut Vec<u8>) {
        if self.open != Open::Text {
            return;
        }
        let cited = |out: &mut Writer<'_>| {
            if citation.url.is_empty() {
                // As of a result that the client gave: what it is the index of, the provider does not say.
                out.open("{\"type\":\"search_result_location\"").key("cited_text").quoted(&citation.quote);
                out.key("source").quoted(&citation.id).key("title").quoted(&citation.title);
                out.key("search_result_index").count(0).key("start_block_index").count(0);
                out.key("end_block_index").count(1).close("}");
                return;
            }
            out.open("{\"type\":\"web_search_result_location\"").key("cited_text").quoted(&citation.quote);
            out.key("encrypted_index").word("").key("title").quoted(&citation.title);
            out.key("url").quoted(&citation.url).close("}");
        };
        if self.form == Form::Whole {
            cited(&mut Writer(&mut self.citations));
            return;
        }
        out.extend_from_slice(b"event: content_block_delta\ndata: {\"type\":\"content_block_delta\"");
        let mut delta = Writer(out);
        delta
            .key("index")
            .count(self.index)
            .key("delta")
            .open("{\"type\":\"citations_delta\"")
            .key("citation");
        cited(&mut delta);
        delta.close("}}\n\n");
    }

    fn delta(&self, kind: &str, name: &str, text: &Quoted<'_>, out: &mut Vec<u8>) {
        out.extend_from_slice(b"event: content_block_delta\ndata: {\"type\":\"content_block_delta\"");
        let mut delta = Writer(out);
        delta
            .key("index")
            .count(self.index)
            .key("delta")
            .open("{\"type\":")
            .word(kind)
            .key(name)
            .quoted(text);
        delta.close("}}\n\n");
    }

    fn close(&mut self, out: &mut Vec<u8>) {
        let open = std::mem::replace(&mut self.open, Open::None);
        if open == Open::None {
            return;
        }
        let index = self.index;
        self.index += 1;
        if self.form == Form::Stream {
            out.extend_from_slice(b"event: content_block_stop\ndata: {\"type\":\"content_block_stop\"");
            Writer(out).key("index").count(index).close("}\n\n");
            return;
        }
        match open {
            Open::None => {}
            Open::Text => {
                out.push(b'"');
                if !self.citations.is_empty() {
                    Writer(out).key("citations").open("[").raw(&self.citations).close("]");
                    self.citations.clear();
                }
                out.push(b'}');
            }
            Open::HiddenThought => out.push(b'}'),
            Open::Thought => {
                out.extend_from_slice(b"\",\"signature\":\"");
                out.append(&mut self.signature);
                out.extend_from_slice(b"\"}");
            }
            Open::Call => {
                arguments::kept(&self.arguments, &mut Writer(out));
                self.arguments.clear();
                out.push(b'}');
            }
        }
    }

    fn end(&mut self, out: &mut Vec<u8>) {
        let reason = stop_reason(self.stop.unwrap_or(Stop::End));
        let mut end = Writer(out);
        if self.form == Form::Stream {
            end.close("event: message_delta\ndata: {\"type\":\"message_delta\"").key("delta").open("{");
        } else {
            end.close("]");
        }
        end.key("stop_reason").word(reason).key("stop_sequence");
        match &self.sequence {
            Some(sequence) => end.quoted(sequence),
            None => end.raw(b"null"),
        };
        if self.form == Form::Stream {
            end.close("}");
        }
        write_usage(&self.usage, end.key("usage"));
        end.close("}");
        if self.form == Form::Stream {
            end.close("\n\nevent: message_stop\ndata: {\"type\":\"message_stop\"}\n\n");
        }
    }
}

/// Writes an event of a stream as it came, with its name before it.
pub fn event(event: Item<'_>, out: &mut Vec<u8>) {
    if let Some(kind) = event.text_at("type") {
        out.extend_from_slice(b"event: ");
        out.extend_from_slice(kind.as_written());
        out.push(b'\n');
    }
    for line in event.raw().split(|byte| matches!(byte, b'\n' | b'\r')) {
        out.extend_from_slice(b"data: ");
        out.extend_from_slice(line);
        out.push(b'\n');
    }
    out.push(b'\n');
}

fn write_usage(usage: &Usage, out: &mut Writer<'_>) {
    // Some servers count what they wrote into a cache among what they read from it.
    let uncached = usage.input.saturating_sub(usage.cached_input);
    let written = usage.cache_write.min(uncached);
    let fresh = uncached - written;
    out.open("{").key("input_tokens").count(fresh);
    out.key("cache_creation_input_tokens").count(written);
    if written > 0 {
        let (hour, minutes) =
            (written.min(usage.cache_write_hour), written.saturating_sub(usage.cache_write_hour));
        out.key("cache_creation").open("{").key("ephemeral_5m_input_tokens").count(minutes);
        out.key("ephemeral_1h_input_tokens").count(hour).close("}");
    }
    out.key("cache_read_input_tokens").count(usage.cached_input);
    out.key("output_tokens").count(usage.output);
    if usage.reasoning > 0 {
        out.key("output_tokens_details").open("{\"thinking_tokens\":").count(usage.reasoning).close("}");
    }
    out.close("}");
}

fn stop_reason(stop: Stop) -> &'static str {
    match stop {
        Stop::End => "end_turn",
        Stop::Sequence => "stop_sequence",
        Stop::Length => "max_tokens",
        Stop::Tools => "tool_use",
        Stop::Refused | Stop::Declined => "refusal",
        Stop::Paused => "pause_turn",
    }
}
