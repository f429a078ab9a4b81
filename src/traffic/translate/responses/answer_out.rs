//! Events as a response, whole or as a stream.
//!
//! What a model says leaves at once. This dialect repeats it all: in the event that ends an item, and in the one that
//! ends the answer. So that much of a stream is kept, which no other dialect asks for; see [`Teller::held`].
//!
//! Every block is an item of its own. Ids of items are made of the answer's id and the item's place. An item that was
//! cut is told as completed, because it ends before it is known why; the response tells that it is incomplete.

use super::spaces;
use super::thought::{self, Sealed};
use crate::contract::record::Usage;
use crate::traffic::dialect::json::{Item, Quoted, Writer};
use crate::traffic::translate::cited::Cited;
use crate::traffic::translate::event::{Block, Event, Failure, Stop};
use crate::traffic::translate::names::Renamed;
use crate::traffic::translate::{Form, failure, logprobs};

/// Members of a request that its answer repeats, and what they are where the request has them not.
const REPEATED: [(&str, &str); 12] = [
    ("instructions", "null"),
    ("max_output_tokens", "null"),
    ("metadata", "{}"),
    ("parallel_tool_calls", "true"),
    ("previous_response_id", "null"),
    ("reasoning", r#"{"effort":null,"summary":null}"#),
    ("temperature", "null"),
    ("text", r#"{"format":{"type":"text"}}"#),
    ("tool_choice", "\"auto\""),
    ("tools", "[]"),
    ("top_p", "null"),
    ("truncation", "\"disabled\""),
];
/// Longest value that is repeated: it is kept for the whole answer, and told three times in a stream. Of a longer one
/// the client gets what stands in the table.
const REPEATED_BYTES: usize = 4096;

/// The members of a request that its answer repeats, on one line.
pub fn repeated(body: Item<'_>) -> Vec<u8> {
    let mut members = vec![];
    for (name, absent) in REPEATED {
        let value = body.get(name).map(|value| value.raw()).filter(|value| value.len() <= REPEATED_BYTES);
        Writer(&mut members).key(name).raw(value.unwrap_or(absent.as_bytes()));
    }
    // Between its values JSON may have line ends, an event may not. Inside of strings there are none.
    members.retain(|byte| !matches!(byte, b'\n' | b'\r'));
    members
}

/// Writes one answer.
pub struct Teller {
    form: Form,
    /// Seconds since 1970.
    created: u64,
    id: Vec<u8>,
    model: Vec<u8>,
    repeated: Vec<u8>,
    /// Events so far.
    sequence: u64,
    /// Items before the open one.
    index: u64,
    open: Open,
    item_id: Vec<u8>,
    /// What the open item says so far, as the inside of a JSON string.
    said: Vec<u8>,
    /// What the open item has besides: of a call its members, of a thought what proves it.
    beside: Vec<u8>,
    /// What the texts rest on, and that of the open one: elements of an array.
    cited: Cited,
    annotations: Vec<u8>,
    /// How likely the tokens of the open text were, and those of the next piece.
    logprobs: Vec<u8>,
    fresh_logprobs: Vec<u8>,
    /// Whether the client knows of the open thought's text.
    shown: bool,
    /// Items that are complete.
    output: Vec<u8>,
    usage: Option<Usage>,
    stop: Option<Stop>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Open {
    None,
    Text,
    Refusal,
    Thought,
    HiddenThought,
    Call,
    Image,
}

/// How far an item has come.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Stage {
    Added,
    Done,
}

/// What a response says of itself.
#[derive(Clone, Copy)]
enum Status<'f> {
    InProgress,
    Completed,
    Incomplete(&'static str),
    Failed(&'f Failure<'f>),
}

impl Status<'_> {
    fn of(stop: Option<Stop>) -> Self {
        match stop {
            Some(Stop::Length) => Status::Incomplete("max_output_tokens"),
            Some(Stop::Refused) => Status::Incomplete("content_filter"),
            None | Some(Stop::End | Stop::Sequence | Stop::Tools | Stop::Paused | Stop::Declined) => {
                Status::Completed
            }
        }
    }

    /// As the response names it, and as the event does that brings it.
    fn names(self) -> (&'static str, &'static str) {
        match self {
            Status::InProgress => ("in_progress", "response.in_progress"),
            Status::Completed => ("completed", "response.completed"),
            Status::Incomplete(_) => ("incomplete", "response.incomplete"),
            Status::Failed(_) => ("failed", "response.failed"),
        }
    }
}

impl Teller {
    pub fn new(form: Form, created: u64) -> Self {
        Self {
            form,
            created,
            id: vec![],
            model: vec![],
            repeated: vec![],
            sequence: 0,
            index: 0,
            open: Open::None,
            item_id: vec![],
            said: vec![],
            beside: vec![],
            cited: Cited::default(),
            annotations: vec![],
            logprobs: vec![],
            fresh_logprobs: vec![],
            shown: false,
            output: vec![],
            usage: None,
            stop: None,
        }
    }

    /// The answer is to repeat these members of its request.
    pub fn repeat(&mut self, members: Vec<u8>) {
        self.repeated = members;
    }

    /// Bytes of the answer that are kept until its end.
    pub fn held(&self) -> usize {
        self.output.len()
            + self.said.len()
            + self.beside.len()
            + self.annotations.len()
            + self.logprobs.len()
            + self.fresh_logprobs.len()
    }

    /// Writes what an event is in this dialect.
    pub fn tell(&mut self, event: Event<'_>, renamed: &Renamed, out: &mut Vec<u8>) {
        match event {
            Event::Start { id, model } => self.start(&id, &model, out),
            Event::Open(block) => self.open(&block, renamed, out),
            Event::Piece(piece) => self.piece(piece, out),
            Event::Signature(signature) if self.open == Open::Thought => {
                self.beside.extend_from_slice(signature.as_written());
            }
            Event::Logprobs(elements) => logprobs::add(elements, &mut self.fresh_logprobs),
            Event::Cited(citation) => self.cited.cite(&citation),
            Event::Close => self.close(out),
            Event::Usage(usage) => self.usage = Some(usage),
            Event::Stop { reason, .. } => self.stop = Some(reason),
            Event::Ping if self.form == Form::Stream => out.extend_from_slice(b": ping\n\n"),
            Event::Signature(_) | Event::Ping | Event::Untold(_) | Event::Another => {}
            Event::Failed(found) => self.fail(&found, out),
            Event::End => self.end(out),
        }
    }

    fn start(&mut self, id: &Quoted<'_>, model: &Quoted<'_>, out: &mut Vec<u8>) {
        if !id.as_written().starts_with(b"resp_") {
            self.id.extend_from_slice(b"resp_");
        }
        self.id.extend_from_slice(id.as_written());
        self.model.extend_from_slice(model.as_written());
        if self.form == Form::Stream {
            self.told("response.created", Status::InProgress, out);
            self.told("response.in_progress", Status::InProgress, out);
        }
    }

    /// Begins an event; what it has besides is to follow, and `}` and two line ends.
    fn event<'o>(&mut self, name: &str, out: &'o mut Vec<u8>) -> Writer<'o> {
        out.extend_from_slice(b"event: ");
        out.extend_from_slice(name.as_bytes());
        out.extend_from_slice(b"\ndata: ");
        let mut event = Writer(out);
        event.open("{").key("type").word(name).key("sequence_number").count(self.sequence);
        self.sequence += 1;
        event
    }

    /// The same for an event of the open item.
    fn of_item<'o>(&mut self, name: &str, out: &'o mut Vec<u8>) -> Writer<'o> {
        let mut event = self.event(name, out);
        event.key("item_id").quoted(&Quoted::raw(&self.item_id)).key("output_index").count(self.index);
        event
    }

    /// An event that holds the response.
    fn told(&mut self, name: &str, status: Status<'_>, out: &mut Vec<u8>) {
        let mut event = self.event(name, out);
        event.key("response");
        self.response(status, &mut event);
        event.close("}\n\n");
    }

    fn response(&self, status: Status<'_>, out: &mut Writer<'_>) {
        out.open("{").key("id").quoted(&Quoted::raw(&self.id)).key("object").word("response");
        out.key("created_at").count(self.created).key("status").text(status.names().0).key("error");
        match status {
            Status::Failed(found) => failure::response_error(found, out),
            Status::InProgress | Status::Completed | Status::Incomplete(_) => _ = out.raw(b"null"),
        }
        out.key("incomplete_details");
        match status {
            Status::Incomplete(reason) => _ = out.open("{").key("reason").text(reason).close("}"),
            Status::InProgress | Status::Completed | Status::Failed(_) => _ = out.raw(b"null"),
        }
        out.key("model").quoted(&Quoted::raw(&self.model)).key("output").open("[");
        out.0.extend_from_slice(&self.output);
        out.close("]").key("background").flag(false).key("store").flag(false);
        if !self.repeated.is_empty() {
            out.raw(&self.repeated);
        }
        match &self.usage {
            Some(usage) => write_usage(usage, out.key("usage")),
            None => _ = out.key("usage").raw(b"null"),
        }
        out.close("}");
    }

    fn open(&mut self, block: &Block<'_>, renamed: &Renamed, out: &mut Vec<u8>) {
        self.said.clear();
        self.beside.clear();
        let (open, prefix) = match block {
            Block::Text => {
                self.cited.open();
                (Open::Text, "msg_")
            }
            Block::Refusal => (Open::Refusal, "msg_"),
            Block::Thought => (Open::Thought, "rs_"),
            Block::HiddenThought { data } => {
                self.beside.extend_from_slice(data.as_written());
                (Open::HiddenThought, "rs_")
            }
            Block::Call { id, name } => {
                let (space, name) = spaces::apart(renamed.original(name));
                let mut members = Writer(&mut self.beside);
                members.key("call_id").quoted(id);
                if let Some(space) = &space {
                    members.key("namespace").quoted(space);
                }
                members.key("name").quoted(&name);
                (Open::Call, "fc_")
            }
            Block::Image { media, data } => {
                let mut members = Writer(&mut self.beside);
                members.key("output_format").quoted(&Quoted::raw(kind_of_image(media)));
                self.said.extend_from_slice(data.as_written());
                (Open::Image, "ig_")
            }
        };
        self.open = open;
        self.item_id.clear();
        self.item_id.extend_from_slice(prefix.as_bytes());
        self.item_id.extend_from_slice(self.id.strip_prefix(b"resp_").unwrap_or(&self.id));
        self.item_id.push(b'_');
        self.item_id.extend_from_slice(itoa::Buffer::new().format(self.index).as_bytes());
        if self.form == Form::Stream {
            self.begin(out);
        }
    }

    fn begin(&mut self, out: &mut Vec<u8>) {
        self.with_item("response.output_item.added", Stage::Added, out);
        if matches!(self.open, Open::Text | Open::Refusal) {
            self.with_part("response.content_part.added", Stage::Added, out);
        }
    }

    /// An event that holds the open item.
    fn with_item(&mut self, name: &str, stage: Stage, out: &mut Vec<u8>) {
        let index = self.index;
        let mut event = self.event(name, out);
        event.key("output_index").count(index).key("item");
        self.item(stage, &mut event);
        event.close("}\n\n");
    }

    /// An event that holds the only part of the open item.
    fn with_part(&mut self, name: &str, stage: Stage, out: &mut Vec<u8>) {
        let place = self.place();
        let mut event = self.of_item(name, out);
        event.key(place).count(0).key("part");
        self.part(stage, &mut event);
        event.close("}\n\n");
    }

    /// What an item's parts are counted by.
    fn place(&self) -> &'static str {
        if self.open == Open::Thought { "summary_index" } else { "content_index" }
    }

    fn item(&self, stage: Stage, out: &mut Writer<'_>) {
        let done = stage == Stage::Done;
        out.open("{").key("id").quoted(&Quoted::raw(&self.item_id)).key("type");
        let status = if done { "completed" } else { "in_progress" };
        match self.open {
            Open::None => {}
            Open::Text | Open::Refusal => {
                out.word("message").key("status").text(status).key("role").word("assistant");
                out.key("content").open("[");
                if done {
                    self.part(stage, out);
                }
                out.close("]");
            }
            Open::Thought | Open::HiddenThought => {
                out.word("reasoning").key("summary").open("[");
                if done && !self.said.is_empty() {
                    self.part(stage, out);
                }
                out.close("]");
                if done {
                    self.proof(out);
                }
            }
            Open::Call => {
                out.word("function_call").key("status").text(status).raw(&self.beside).key("arguments");
                out.quoted(&Quoted::raw(if done { &self.said } else { b"" }));
            }
            Open::Image => {
                out.word("image_generation_call").key("status").text(status).key("result");
                if done {
                    out.quoted(&Quoted::raw(&self.said)).raw(&self.beside);
                } else {
                    out.raw(b"null");
                }
            }
        }
        out.close("}");
    }

    fn part(&self, stage: Stage, out: &mut Writer<'_>) {
        let said = Quoted::raw(if stage == Stage::Done { &self.said } else { b"" });
        match self.open {
            Open::Text => {
                out.open("{\"type\":\"output_text\"").key("text").quoted(&said);
                out.key("annotations").open("[");
                if stage == Stage::Done && !self.annotations.is_empty() {
                    out.raw(&self.annotations);
                }
                out.close("]");
                write_logprobs(if stage == Stage::Done { &self.logprobs } else { b"" }, out);
                out.close("}");
            }
            Open::Refusal => _ = out.open("{\"type\":\"refusal\"").key("refusal").quoted(&said).close("}"),
            Open::Thought => _ = out.open("{\"type\":\"summary_text\"").key("text").quoted(&said).close("}"),
            Open::None | Open::HiddenThought | Open::Call | Open::Image => {}
        }
    }

    /// What a later request is to give back, if the provider proved the thought.
    fn proof(&self, out: &mut Writer<'_>) {
        if self.beside.is_empty() {
            return;
        }
        let sealed = if self.open == Open::HiddenThought {
            Sealed::Hidden { data: &self.beside }
        } else {
            Sealed::Told { text: &self.said, signature: &self.beside }
        };
        thought::seal(sealed, out.key("encrypted_content"));
    }

    fn piece(&mut self, piece: &Quoted<'_>, out: &mut Vec<u8>) {
        if piece.is_empty() {
            return;
        }
        self.said.extend_from_slice(piece.as_written());
        let mut likely = vec![];
        if self.open == Open::Text {
            self.cited.piece(piece);
            likely = std::mem::take(&mut self.fresh_logprobs);
            logprobs::add(&likely, &mut self.logprobs);
        }
        if self.form == Form::Whole {
            return;
        }
        let name = match self.open {
            Open::None | Open::HiddenThought | Open::Image => return,
            Open::Text => "response.output_text.delta",
            Open::Refusal => "response.refusal.delta",
            Open::Thought => {
                if !std::mem::replace(&mut self.shown, true) {
                    self.with_part("response.reasoning_summary_part.added", Stage::Added, out);
                }
                "response.reasoning_summary_text.delta"
            }
            Open::Call => "response.function_call_arguments.delta",
        };
        let (open, place) = (self.open, self.place());
        let mut event = self.of_item(name, out);
        if open != Open::Call {
            event.key(place).count(0);
        }
        event.key("delta").quoted(piece);
        if open == Open::Text {
            write_logprobs(&likely, &mut event);
        }
        event.close("}\n\n");
    }

    fn close(&mut self, out: &mut Vec<u8>) {
        if self.open == Open::None {
            return;
        }
        if self.open == Open::Text {
            let fresh = std::mem::take(&mut self.fresh_logprobs);
            logprobs::add(&fresh, &mut self.logprobs);
            self.annotate(out);
        }
        if self.form == Form::Stream {
            self.finish(out);
        }
        let mut output = std::mem::take(&mut self.output);
        // What an item has besides all that is a few words.
        output.reserve(
            self.said.len() + self.beside.len() + self.annotations.len() + self.logprobs.len() + 256,
        );
        self.item(Stage::Done, &mut Writer(&mut output));
        self.output = output;
        self.open = Open::None;
        // All of it stands in the item now, and counts once.
        for kept in [&mut self.said, &mut self.beside, &mut self.annotations, &mut self.logprobs] {
            kept.clear();
        }
        self.shown = false;
        self.index += 1;
    }

    /// Tells what the open text rests on.
    fn annotate(&mut self, out: &mut Vec<u8>) {
        let mut annotations = std::mem::take(&mut self.annotations);
        for (index, source) in self.cited.take().into_iter().enumerate() {
            let mut annotation = vec![];
            let mut members = Writer(&mut annotation);
            if source.is_web() {
                source.members(self.cited.before(), members.open("{\"type\":\"url_citation\""));
            } else {
                members.open("{\"type\":\"file_citation\"").key("file_id").quoted(&Quoted::raw(&source.id));
                let name = if source.title.is_empty() { &source.id } else { &source.title };
                let end = source.end.saturating_sub(self.cited.before());
                members.key("filename").quoted(&Quoted::raw(name)).key("index").count(end);
            }
            members.close("}");
            Writer(&mut annotations).raw(&annotation);
            if self.form == Form::Stream {
                let mut event = self.of_item("response.output_text.annotation.added", out);
                event.key("content_index").count(0).key("annotation_index").count(index as u64);
                event.key("annotation").raw(&annotation).close("}\n\n");
            }
        }
        self.annotations = annotations;
    }

    /// The events that end the open item.
    fn finish(&mut self, out: &mut Vec<u8>) {
        match self.open {
            Open::Text => {
                self.all_said("response.output_text.done", "text", out);
                self.with_part("response.content_part.done", Stage::Done, out);
            }
            Open::Refusal => {
                self.all_said("response.refusal.done", "refusal", out);
                self.with_part("response.content_part.done", Stage::Done, out);
            }
            Open::Thought if self.shown => {
                self.all_said("response.reasoning_summary_text.done", "text", out);
                self.with_part("response.reasoning_summary_part.done", Stage::Done, out);
            }
            Open::None | Open::HiddenThought | Open::Thought => {}
            Open::Call => self.all_said("response.function_call_arguments.done", "arguments", out),
            Open::Image => {
                _ = self.of_item("response.image_generation_call.completed", out).close("}\n\n");
            }
        }
        self.with_item("response.output_item.done", Stage::Done, out);
    }

    /// An event that repeats what the open item says.
    fn all_said(&mut self, name: &str, member: &str, out: &mut Vec<u8>) {
        let (open, place) = (self.open, self.place());
        let likely = std::mem::take(&mut self.logprobs);
        let mut event = self.of_item(name, out);
        if open != Open::Call {
            event.key(place).count(0);
        }
        event.key(member).quoted(&Quoted::raw(&self.said));
        match open {
            Open::Text => write_logprobs(&likely, &mut event),
            Open::Call => _ = event.raw(&self.beside),
            Open::None | Open::Refusal | Open::Thought | Open::HiddenThought | Open::Image => {}
        }
        event.close("}\n\n");
        self.logprobs = likely;
    }

    /// The response that failed, for clients that look at its status, and the event at which the official ones raise.
    fn fail(&mut self, found: &Failure<'_>, out: &mut Vec<u8>) {
        let status = Status::Failed(found);
        if self.form == Form::Stream {
            self.told(status.names().1, status, out);
        }
        failure::response_event(found, self.sequence, out);
    }

    fn end(&mut self, out: &mut Vec<u8>) {
        let status = Status::of(self.stop);
        match self.form {
            Form::Stream => self.told(status.names().1, status, out),
            Form::Whole => self.response(status, &mut Writer(out)),
        }
    }
}

/// What an image is, as this dialect names it.
fn kind_of_image<'m>(media: &'m Quoted<'_>) -> &'m [u8] {
    media.as_written().strip_prefix(b"image/").unwrap_or(b"png")
}

fn write_logprobs(elements: &[u8], out: &mut Writer<'_>) {
    out.key("logprobs").open("[");
    if !elements.is_empty() {
        out.raw(elements);
    }
    out.close("]");
}

fn write_usage(usage: &Usage, out: &mut Writer<'_>) {
    out.open("{").key("input_tokens").count(usage.input);
    out.key("input_tokens_details").open("{").key("cached_tokens").count(usage.cached_input);
    out.key("cache_write_tokens")
        .count(usage.cache_write)
        .close("}")
        .key("output_tokens")
        .count(usage.output);
    out.key("output_tokens_details").open("{").key("reasoning_tokens").count(usage.reasoning).close("}");
    out.key("total_tokens").count(usage.input.saturating_add(usage.output)).close("}");
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::traffic::dialect::json::Tree;
    use serde_json::{Value, json};

    /// An answer repeats what its request asked for, a default where it did not, and nothing that is long.
    #[test]
    fn requests_are_repeated() {
        let long = "x".repeat(REPEATED_BYTES);
        let metadata = "{\r\n \"a\": \"\\n\"\n}";
        let body =
            format!(r#"{{"temperature":0.50,"instructions":"{long}","metadata":{metadata},"top_p":null}}"#);
        let mut tree = Tree::default();
        let members = repeated(tree.parse(body.as_bytes()).expect("JSON").root());
        let text = format!("{{{}}}", String::from_utf8(members).expect("text"));
        assert!(text.contains("\"temperature\":0.50,") && text.lines().count() == 1, "{text}");
        let value: Value = serde_json::from_str(&text).expect("JSON");
        assert_eq!(
            (&value["instructions"], &value["metadata"], &value["tools"], &value["top_p"]),
            (&Value::Null, &json!({"a": "\n"}), &json!([]), &Value::Null)
        );
    }
}
