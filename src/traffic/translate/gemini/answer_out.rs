//! Events as a `generateContent` answer, whole or as a stream.
//!
//! A call is one part here: the source of its arguments waits until it is whole. Nothing is written for a ping: the
//! official clients take each line of a stream for data.

use super::signature;
use crate::base::limits::HELD_CALL_BYTES;
use crate::contract::record::Usage;
use crate::traffic::dialect::json::{Quoted, Writer};
use crate::traffic::translate::cited::{Cited, Source, Widths};
use crate::traffic::translate::event::{Block, Event, Failure, Stop};
use crate::traffic::translate::logprobs::Mean;
use crate::traffic::translate::names::Renamed;
use crate::traffic::translate::{Form, arguments, failure, logprobs};

/// What a whole answer and each chunk begin with.
const HEAD: &str = "{\"candidates\":[{\"index\":0,\"content\":{\"role\":\"model\",\"parts\":[";

/// Writes one answer.
pub struct Teller {
    form: Form,
    frame: Frame,
    /// What all chunks end with: model and id.
    tail: Vec<u8>,
    open: Open,
    /// Of the open block of a whole answer: its part is begun.
    begun: bool,
    /// The call that is open: its members before the arguments, and their source.
    call: Vec<u8>,
    arguments: Vec<u8>,
    /// The open thought's.
    signature: Vec<u8>,
    usage: Usage,
    stop: Option<Stop>,
    overfull: bool,
    cited: Cited,
    widths: Widths,
    sources: Vec<Source>,
    /// How likely the tokens were of the next piece; of a whole answer, of all of them.
    logprobs: Vec<u8>,
    likelihood: Mean,
    /// Candidates of a whole answer before the one at hand.
    before: u64,
}

/// What stands around the chunks of a stream.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Frame {
    Events,
    /// An array that has not begun.
    Array,
    /// One that has a chunk.
    Begun,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Open {
    None,
    Text,
    Thought,
    Call,
}

impl Teller {
    pub fn new(form: Form) -> Self {
        Self {
            form,
            frame: Frame::Events,
            tail: vec![],
            open: Open::None,
            begun: false,
            call: vec![],
            arguments: vec![],
            signature: vec![],
            usage: Usage::default(),
            stop: None,
            overfull: false,
            cited: Cited::default(),
            widths: Widths::default(),
            sources: vec![],
            logprobs: vec![],
            likelihood: Mean::default(),
            before: 0,
        }
    }

    pub fn in_array(&mut self) {
        self.frame = Frame::Array;
    }

    /// More waits than may: what is told from now on is not the answer.
    pub fn is_overfull(&self) -> bool {
        self.overfull
    }

    /// Writes what an event is in this dialect.
    pub fn tell(&mut self, event: Event<'_>, renamed: &Renamed, out: &mut Vec<u8>) {
        match event {
            Event::Start { id, model } => self.start(&id, &model, out),
            Event::Open(block) => self.open(&block, renamed, out),
            Event::Piece(piece) => self.piece(piece, out),
            Event::Signature(proof) => self.signature.extend_from_slice(proof.as_written()),
            Event::Logprobs(elements) => self.likely(elements, out),
            Event::Cited(citation) => self.cited.cite(&citation),
            Event::Close => self.close(out),
            Event::Usage(usage) => self.usage = usage,
            Event::Stop { reason, .. } => self.stop = Some(reason),
            Event::Another => self.another(out),
            Event::Ping | Event::Untold(_) => {}
            Event::Failed(found) => self.fail(&found, out),
            Event::End => self.end(out),
        }
    }

    fn start(&mut self, id: &Quoted<'_>, model: &Quoted<'_>, out: &mut Vec<u8>) {
        Writer(&mut self.tail)
            .close(",\"modelVersion\":")
            .quoted(model)
            .key("responseId")
            .quoted(id)
            .close("}");
        if self.form == Form::Whole {
            out.extend_from_slice(HEAD.as_bytes());
        }
    }

    fn open(&mut self, block: &Block<'_>, renamed: &Renamed, out: &mut Vec<u8>) {
        self.begun = false;
        self.open = match block {
            Block::Text | Block::Refusal => {
                self.cited.open();
                Open::Text
            }
            Block::Thought => Open::Thought,
            Block::HiddenThought { data } => {
                self.proof(&signature::of_hidden(data), out);
                Open::None
            }
            Block::Call { id, name } => {
                let mut call = Writer(&mut self.call);
                call.open("{\"functionCall\":{")
                    .key("id")
                    .quoted(id)
                    .key("name")
                    .quoted(renamed.original(name));
                Open::Call
            }
            Block::Image { media, data } => {
                self.image(media, data, out);
                Open::None
            }
        };
    }

    fn image(&mut self, media: &Quoted<'_>, data: &Quoted<'_>, out: &mut Vec<u8>) {
        let write = |part: &mut Writer<'_>| {
            part.open("{\"inlineData\":{").key("mimeType").quoted(media).key("data").quoted(data).close("}}");
        };
        match self.form {
            Form::Whole => write(&mut Writer(out)),
            Form::Stream => self.chunk(out, write),
        }
    }

    /// Logprobs that no piece followed have a chunk of their own.
    fn likely(&mut self, elements: &[u8], out: &mut Vec<u8>) {
        if self.form == Form::Stream && !self.logprobs.is_empty() {
            self.chunk(out, |part| _ = part.raw(b"{\"text\":\"\"}"));
        }
        logprobs::add(elements, &mut self.logprobs);
        self.likelihood.add(elements);
    }

    fn piece(&mut self, piece: &Quoted<'_>, out: &mut Vec<u8>) {
        if self.open == Open::Text {
            self.cited.piece(piece);
            self.widths.piece(piece);
        }
        match (self.open, self.form) {
            (Open::None, _) => {}
            (Open::Call, _) => {
                self.arguments.extend_from_slice(piece.as_written());
                self.overfull |= self.form == Form::Stream && self.arguments.len() > HELD_CALL_BYTES;
            }
            (Open::Text | Open::Thought, Form::Whole) => {
                self.begin(out);
                out.extend_from_slice(piece.as_written());
            }
            (open @ (Open::Text | Open::Thought), Form::Stream) => self.chunk(out, |part| {
                part.open("{\"text\":").quoted(piece);
                if open == Open::Thought {
                    part.key("thought").flag(true);
                }
                part.close("}");
            }),
        }
    }

    fn begin(&mut self, out: &mut Vec<u8>) {
        if !std::mem::replace(&mut self.begun, true) {
            Writer(out).open("{\"text\":\"");
        }
    }

    fn close(&mut self, out: &mut Vec<u8>) {
        match std::mem::replace(&mut self.open, Open::None) {
            Open::Text => {
                if self.begun {
                    out.extend_from_slice(b"\"}");
                }
                self.sources.append(&mut self.cited.take());
            }
            Open::None => {}
            Open::Thought => self.end_thought(out),
            Open::Call => self.end_call(out),
        }
        self.begun = false;
    }

    fn end_thought(&mut self, out: &mut Vec<u8>) {
        let proof = std::mem::take(&mut self.signature);
        let proof = (!proof.is_empty()).then(|| signature::of_proof(&Quoted::raw(&proof)));
        match (self.begun, proof) {
            (true, proof) => {
                let mut part = Writer(out);
                part.close("\"").key("thought").flag(true);
                if let Some(proof) = proof {
                    part.key("thoughtSignature").quoted(&Quoted::raw(&proof));
                }
                part.close("}");
            }
            (false, Some(proof)) => self.proof(&proof, out),
            (false, None) => {}
        }
    }

    /// A thought's proof in a part of its own, without words.
    fn proof(&mut self, proof: &[u8], out: &mut Vec<u8>) {
        let write = |part: &mut Writer<'_>| {
            part.open("{\"text\":\"\",\"thought\":true")
                .key("thoughtSignature")
                .quoted(&Quoted::raw(proof))
                .close("}");
        };
        match self.form {
            Form::Whole => write(&mut Writer(out)),
            Form::Stream => self.chunk(out, write),
        }
    }

    fn end_call(&mut self, out: &mut Vec<u8>) {
        let (mut call, mut source) = (std::mem::take(&mut self.call), std::mem::take(&mut self.arguments));
        let mut part = Writer(&mut call);
        arguments::kept(&source, part.key("args"));
        part.close("}}");
        match self.form {
            Form::Whole => _ = Writer(out).raw(&call),
            Form::Stream => {
                // A line end between two values would end the line of the event. Inside of strings there are none.
                call.retain(|byte| !matches!(byte, b'\n' | b'\r'));
                self.chunk(out, |part| _ = part.raw(&call));
            }
        }
        call.clear();
        source.clear();
        (self.call, self.arguments) = (call, source);
    }

    /// Writes one chunk with the part that `write` writes.
    fn chunk(&mut self, out: &mut Vec<u8>, write: impl FnOnce(&mut Writer<'_>)) {
        self.begin_chunk(out);
        out.extend_from_slice(HEAD.as_bytes());
        write(&mut Writer(out));
        out.extend_from_slice(b"]}");
        self.say_logprobs(out);
        out.extend_from_slice(b"}]");
        out.extend_from_slice(&self.tail);
        self.end_chunk(out);
    }

    fn say_logprobs(&mut self, out: &mut Vec<u8>) {
        if !self.logprobs.is_empty() {
            logprobs::as_google(&self.logprobs, Writer(out).key("logprobsResult"));
            self.logprobs.clear();
        }
    }

    fn begin_chunk(&mut self, out: &mut Vec<u8>) {
        out.extend_from_slice(match self.frame {
            Frame::Events => b"data: ",
            Frame::Array => b"[",
            Frame::Begun => b",\r\n",
        });
        if self.frame == Frame::Array {
            self.frame = Frame::Begun;
        }
    }

    fn end_chunk(&self, out: &mut Vec<u8>) {
        if self.frame == Frame::Events {
            out.extend_from_slice(b"\r\n\r\n");
        }
    }

    fn end_stream(&self, out: &mut Vec<u8>) {
        if self.frame != Frame::Events {
            out.push(b']');
        }
    }

    fn fail(&mut self, found: &Failure<'_>, out: &mut Vec<u8>) {
        self.begin_chunk(out);
        failure::gemini(found, None, out);
        self.end_chunk(out);
        self.end_stream(out);
    }

    fn end(&mut self, out: &mut Vec<u8>) {
        if self.form == Form::Stream {
            self.begin_chunk(out);
            out.extend_from_slice(HEAD.as_bytes());
            out.extend_from_slice(b"{\"text\":\"\"}");
        }
        self.end_candidate(out);
        let mut answer = Writer(out);
        answer.close("]");
        write_usage(&self.usage, answer.key("usageMetadata"));
        out.extend_from_slice(&self.tail);
        if self.form == Form::Stream {
            self.end_chunk(out);
            self.end_stream(out);
        }
    }

    fn end_candidate(&mut self, out: &mut Vec<u8>) {
        let mut answer = Writer(out);
        answer.close("]}").key("finishReason").text(finish_reason(self.stop.unwrap_or(Stop::End)));
        self.ground(&mut answer);
        if let Some(mean) = std::mem::take(&mut self.likelihood).told() {
            answer.key("avgLogprobs").raw(mean.to_string().as_bytes());
        }
        self.say_logprobs(out);
        out.push(b'}');
    }

    fn another(&mut self, out: &mut Vec<u8>) {
        self.end_candidate(out);
        self.before += 1;
        let mut next = Writer(out);
        next.open("{").key("index").count(self.before).key("content");
        next.open("{\"role\":\"model\"").key("parts").open("[");
        (self.stop, self.cited, self.widths) = (None, Cited::default(), Widths::default());
        self.sources.clear();
    }

    /// What the texts rest on, at their end: sources, and which bytes rest on them.
    fn ground(&self, out: &mut Writer<'_>) {
        if self.sources.is_empty() {
            return;
        }
        out.key("groundingMetadata").open("{").key("groundingChunks").open("[");
        for source in &self.sources {
            if source.is_web() {
                out.open("{\"web\":{").key("uri").quoted(&Quoted::raw(&source.url));
                out.key("title").quoted(&Quoted::raw(&source.title)).close("}}");
                continue;
            }
            out.open("{\"retrievedContext\":{").key("uri").quoted(&Quoted::raw(&source.id));
            out.key("title").quoted(&Quoted::raw(&source.title));
            out.key("text").quoted(&Quoted::raw(&source.quote)).close("}}");
        }
        out.close("]").key("groundingSupports").open("[");
        for (index, source) in self.sources.iter().enumerate() {
            out.open("{\"segment\":{").key("startIndex").count(self.widths.bytes(source.start));
            out.key("endIndex").count(self.widths.bytes(source.end)).close("}");
            out.key("groundingChunkIndices").open("[").count(index as u64).close("]}");
        }
        out.close("]}");
    }
}

fn write_usage(usage: &Usage, out: &mut Writer<'_>) {
    out.open("{").key("promptTokenCount").count(usage.input);
    if usage.cached_input > 0 {
        out.key("cachedContentTokenCount").count(usage.cached_input);
    }
    out.key("candidatesTokenCount").count(usage.output.saturating_sub(usage.reasoning));
    if usage.reasoning > 0 {
        out.key("thoughtsTokenCount").count(usage.reasoning);
    }
    out.key("totalTokenCount").count(usage.input.saturating_add(usage.output));
    parts_of(usage.input, usage.audio_input, "promptTokensDetails", out);
    parts_of(
        usage.output.saturating_sub(usage.reasoning),
        usage.audio_output,
        "candidatesTokensDetails",
        out,
    );
    out.close("}");
}

/// What was counted, by its kind, if some of it is sound.
fn parts_of(all: u64, sound: u64, name: &str, out: &mut Writer<'_>) {
    if sound == 0 {
        return;
    }
    out.key(name).open("[");
    if let Some(text) = all.checked_sub(sound).filter(|text| *text > 0) {
        out.open("{\"modality\":\"TEXT\"").key("tokenCount").count(text).close("}");
    }
    out.open("{\"modality\":\"AUDIO\"").key("tokenCount").count(sound).close("}]");
}

fn finish_reason(stop: Stop) -> &'static str {
    match stop {
        Stop::End | Stop::Sequence | Stop::Tools | Stop::Paused => "STOP",
        Stop::Length => "MAX_TOKENS",
        Stop::Refused | Stop::Declined => "SAFETY",
    }
}
