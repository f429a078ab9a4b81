//! An answer of this provider, whole or as a stream, as events.

use crate::base::fault::Fault;
use crate::contract::record::Usage;
use crate::traffic::dialect::json::{Item, Quoted, escape_bytes};
use crate::traffic::translate::cited::is_web;
use crate::traffic::translate::event::{Block, Citation, Event, Failure, FailureKind, Stop};
use crate::traffic::translate::misread::{lacks, misplaced};
use crate::traffic::translate::shape::present;
use memchr::memmem;

/// Where events go.
type Tell<'t> = &'t mut dyn FnMut(Event<'_>);

/// Events that are steps of an answer, each in its place.
const STEPS: [&[u8]; 6] = [
    b"message_start",
    b"content_block_start",
    b"content_block_delta",
    b"content_block_stop",
    b"message_delta",
    b"message_stop",
];

/// Reads one answer.
#[derive(Default)]
pub struct Reader {
    counts: Counts,
    open: Open,
    stage: Stage,
}

/// How far the answer has come.
#[derive(Clone, Copy, PartialEq, Eq, Default)]
enum Stage {
    #[default]
    Before,
    Started,
    /// It was said why it ends.
    Stopped,
    Ended,
}

/// The block that is open.
#[derive(Clone, Copy, PartialEq, Eq, Default)]
enum Open {
    #[default]
    None,
    Text,
    Thought,
    /// A call, and whether any of its arguments came.
    Call {
        begun: bool,
    },
    /// A block that no other format knows: the provider's own tools and what they found.
    Untold,
}

/// Counts as they are reported: input without what was cached.
#[derive(Clone, Copy, Default)]
struct Counts {
    input: u64,
    read: u64,
    written: u64,
    output: u64,
    thought: u64,
    hour_write: u64,
}

impl Counts {
    /// Values that are there take the place of those before.
    fn update(&mut self, usage: Option<Item<'_>>) -> Option<Usage> {
        let usage = present(usage)?;
        let [input, read, written, output, details, creation] = usage.pick([
            "input_tokens",
            "cache_read_input_tokens",
            "cache_creation_input_tokens",
            "output_tokens",
            "output_tokens_details",
            "cache_creation",
        ]);
        for (place, value) in [
            (&mut self.input, input),
            (&mut self.read, read),
            (&mut self.written, written),
            (&mut self.output, output),
            (&mut self.thought, details.and_then(|details| details.get("thinking_tokens"))),
            (&mut self.hour_write, creation.and_then(|kinds| kinds.get("ephemeral_1h_input_tokens"))),
        ] {
            if let Some(count) = value.and_then(|value| value.count()) {
                *place = count;
            }
        }
        Some(Usage {
            input: self.input.saturating_add(self.read).saturating_add(self.written),
            cached_input: self.read,
            cache_write: self.written,
            output: self.output,
            reasoning: self.thought,
            cache_write_hour: self.hour_write,
            ..Usage::default()
        })
    }
}

impl Reader {
    /// Whether the stream's last event was read.
    pub fn is_over(&self) -> bool {
        self.stage == Stage::Ended
    }

    /// Reads one event's data.
    ///
    /// # Errors
    /// It has not the form of this API.
    pub fn event(&mut self, data: Item<'_>, tell: Tell<'_>) -> Result<(), Fault> {
        match (&*kind(data)?.unescaped(), self.stage) {
            (b"ping", Stage::Started | Stage::Stopped) => tell(Event::Ping),
            (b"error", _) => {
                self.stage = Stage::Ended;
                tell(Event::Failed(failure(data)));
            }
            (b"message_start", Stage::Before) => {
                let message = data.get("message").filter(Item::is_object).ok_or_else(|| lacks("message"))?;
                let [id, model, usage] = message.pick(["id", "model", "usage"]);
                self.start(id, model, tell);
                self.usage(usage, tell);
            }
            (kind, Stage::Started | Stage::Stopped) => self.running(kind, data, tell)?,
            // An answer without its beginning, or with two.
            (kind, _) if STEPS.contains(&kind) => {
                return Err(misplaced(&String::from_utf8_lossy(kind)));
            }
            // New events may appear, and older readers are to go on.
            _ => {}
        }
        Ok(())
    }

    fn running(&mut self, kind: &[u8], data: Item<'_>, tell: Tell<'_>) -> Result<(), Fault> {
        match kind {
            b"message_start" => return Err(misplaced("message_start")),
            b"content_block_start" if self.open != Open::None || self.stage == Stage::Stopped => {
                return Err(misplaced("content_block_start"));
            }
            b"content_block_start" => {
                let block = data.get("content_block").ok_or_else(|| lacks("content_block"))?;
                self.open = open(block, tell)?;
            }
            b"content_block_delta" => {
                self.delta(data.get("delta").ok_or_else(|| lacks("delta"))?, tell)?;
            }
            b"content_block_stop" => self.close(tell),
            b"message_delta" => {
                self.close(tell);
                self.usage(data.get("usage"), tell);
                if let Some(delta) = data.get("delta") {
                    let [reason, sequence] = delta.pick(["stop_reason", "stop_sequence"]);
                    self.stop(reason, sequence, tell);
                }
            }
            b"message_stop" => self.end(tell),
            _ => {}
        }
        Ok(())
    }

    /// Reads a whole answer.
    ///
    /// # Errors
    /// It has not the form of this API.
    pub fn whole(&mut self, message: Item<'_>, tell: Tell<'_>) -> Result<(), Fault> {
        let [id, kind, model, content, reason, sequence, usage, trace] = message.pick([
            "id",
            "type",
            "model",
            "content",
            "stop_reason",
            "stop_sequence",
            "usage",
            "amazon-bedrock-trace",
        ]);
        if text(kind).is_some_and(|kind| kind.is("error")) {
            self.stage = Stage::Ended;
            tell(Event::Failed(failure(message)));
            return Ok(());
        }
        // Some servers name neither the message nor its model; what does not even say that it is one is none.
        if !text(kind).is_some_and(|kind| kind.is("message")) {
            for (name, value) in [("id", id), ("model", model)] {
                text(value).ok_or_else(|| lacks(name))?;
            }
        }
        self.start(id, model, tell);
        for block in content.ok_or_else(|| lacks("content"))?.elements() {
            self.open = open(block, tell)?;
            self.close(tell);
        }
        if present(trace).is_some() {
            tell(Event::Untold(Quoted::raw(b"amazon-bedrock-trace")));
        }
        self.usage(usage, tell);
        self.stop(reason, sequence, tell);
        self.end(tell);
        Ok(())
    }

    fn start(&mut self, id: Option<Item<'_>>, model: Option<Item<'_>>, tell: Tell<'_>) {
        self.stage = Stage::Started;
        let (id, model) = (text(id).unwrap_or_default(), text(model).unwrap_or_default());
        tell(Event::Start { id, model });
    }

    /// The first reason counts.
    fn stop(&mut self, reason: Option<Item<'_>>, sequence: Option<Item<'_>>, tell: Tell<'_>) {
        let Some(reason) = text(reason).filter(|_| self.stage == Stage::Started) else { return };
        self.close(tell);
        self.stage = Stage::Stopped;
        let reason = match &*reason.unescaped() {
            b"max_tokens" | b"model_context_window_exceeded" => Stop::Length,
            b"stop_sequence" => Stop::Sequence,
            b"tool_use" => Stop::Tools,
            b"refusal" => Stop::Refused,
            b"pause_turn" => Stop::Paused,
            _ => Stop::End,
        };
        tell(Event::Stop { reason, sequence: text(sequence) });
    }

    /// Some servers do not say why.
    fn end(&mut self, tell: Tell<'_>) {
        if self.stage == Stage::Started {
            self.close(tell);
            tell(Event::Stop { reason: Stop::End, sequence: None });
        }
        self.stage = Stage::Ended;
        tell(Event::End);
    }

    fn usage(&mut self, usage: Option<Item<'_>>, tell: Tell<'_>) {
        if let Some(usage) = self.counts.update(usage) {
            tell(Event::Usage(usage));
        }
    }

    fn delta(&mut self, delta: Item<'_>, tell: Tell<'_>) -> Result<(), Fault> {
        let piece = match &*kind(delta)?.unescaped() {
            b"text_delta" => delta.text_at("text"),
            b"thinking_delta" => delta.text_at("thinking"),
            b"input_json_delta" => delta.text_at("partial_json"),
            b"signature_delta" => {
                if let Some(signature) = delta.text_at("signature").filter(|_| self.open == Open::Thought) {
                    tell(Event::Signature(&signature));
                }
                None
            }
            b"citations_delta" => {
                if let Some(citation) = delta.get("citation").filter(|_| self.open == Open::Text) {
                    cited(citation, tell);
                }
                None
            }
            _ => None,
        };
        let Some(piece) = piece.filter(|piece| !piece.is_empty()) else { return Ok(()) };
        match &mut self.open {
            Open::None => return Err(misplaced("content_block_delta")),
            Open::Untold => return Ok(()),
            Open::Text | Open::Thought => {}
            Open::Call { begun } => *begun = true,
        }
        tell(Event::Piece(&piece));
        Ok(())
    }

    fn close(&mut self, tell: Tell<'_>) {
        match std::mem::take(&mut self.open) {
            Open::None | Open::Untold => return,
            Open::Text | Open::Thought => {}
            // A tool without arguments has an empty object, whatever else the provider may leave out.
            Open::Call { begun } => {
                if !begun {
                    tell(Event::Piece(&Quoted::raw(b"{}")));
                }
            }
        }
        tell(Event::Close);
    }
}

fn open(block: Item<'_>, tell: Tell<'_>) -> Result<Open, Fault> {
    let told = match &*kind(block)?.unescaped() {
        b"text" => Block::Text,
        b"thinking" => Block::Thought,
        b"redacted_thinking" => {
            Block::HiddenThought { data: block.text_at("data").ok_or_else(|| lacks("content[].data"))? }
        }
        b"tool_use" => {
            let id = block.text_at("id").ok_or_else(|| lacks("content[].id"))?;
            let name = block.text_at("name").ok_or_else(|| lacks("content[].name"))?;
            tell(Event::Open(Block::Call { id, name }));
            let input = block.get("input").filter(|input| input.members().next().is_some());
            // Where it is there at once, no pieces follow.
            let begun = input.map(|input| source(input, tell)).is_some();
            return Ok(Open::Call { begun });
        }
        untold => {
            tell(Event::Untold(Quoted::of(&String::from_utf8_lossy(untold))));
            return Ok(Open::Untold);
        }
    };
    let open = if matches!(told, Block::Text) { Open::Text } else { Open::Thought };
    tell(Event::Open(told));
    // All of it in a whole answer, in a stream nothing as a rule.
    let [words, thought, proof, citations] = block.pick(["text", "thinking", "signature", "citations"]);
    if let Some(words) = text(words).or_else(|| text(thought)).filter(|words| !words.is_empty()) {
        tell(Event::Piece(&words));
    }
    if let Some(proof) = text(proof).filter(|proof| !proof.is_empty()) {
        tell(Event::Signature(&proof));
    }
    for citation in citations.iter().flat_map(Item::elements) {
        cited(citation, tell);
    }
    Ok(open)
}

/// What stands somewhere in the net. Other dialects have no place for what stands in a document of the request.
fn cited(citation: Item<'_>, tell: Tell<'_>) {
    let text = |name| citation.text_at(name).unwrap_or_default();
    let given = |name| citation.text_at(name).filter(|text| !text.is_empty());
    // What is no page is a document of the request's, or a result of a search that the client made itself.
    let own = given("source").or_else(|| given("file_id")).or_else(|| given("document_title"));
    let (url, id) = match (given("url"), own) {
        (Some(url), _) => (url, Quoted::default()),
        (None, Some(own)) if is_web(&own) => (own, Quoted::default()),
        (None, Some(own)) => (Quoted::default(), own),
        (None, None) => {
            let number = citation.get("document_index").and_then(|index| index.count()).unwrap_or_default();
            (Quoted::default(), Quoted::of(&format!("document {number}")))
        }
    };
    let title = given("title").or_else(|| given("document_title")).unwrap_or_default();
    tell(Event::Cited(Citation { url, id, title, quote: text("cited_text"), span: None }));
}

/// Tells an object as the source that it is.
fn source(object: Item<'_>, tell: Tell<'_>) {
    let mut source = Vec::with_capacity(object.raw().len() + 16);
    escape_bytes(object.raw(), |piece| source.extend_from_slice(piece));
    tell(Event::Piece(&Quoted::raw(&source)));
}

/// The error in an error event or an error answer.
pub fn failure(body: Item<'_>) -> Failure<'_> {
    let error = body.get("error");
    let name = error.and_then(|error| error.text_at("type"));
    let message = error.and_then(|error| error.text_at("message")).unwrap_or_default();
    let spent =
        error.and_then(|error| error.get("details")).and_then(|details| details.text_at("error_code"));
    let kind = match &name {
        // Waiting does not help.
        _ if spent.is_some_and(|code| memmem::find(code.as_written(), b"spend_limit_reached").is_some()) => {
            FailureKind::Quota
        }
        Some(name) => failure_kind(name, &message),
        None => FailureKind::Server,
    };
    Failure { kind, message, code: name, retry_ms: None }
}

fn failure_kind(name: &Quoted<'_>, message: &Quoted<'_>) -> FailureKind {
    let says = |text: &str| memmem::find(message.as_written(), text.as_bytes()).is_some();
    match &*name.unescaped() {
        b"invalid_request_error" if says("prompt is too long") || says("exceed context limit") => {
            FailureKind::TooLong
        }
        b"invalid_request_error" => FailureKind::Invalid,
        b"not_found_error" => FailureKind::NotFound,
        b"conflict_error" => FailureKind::Conflict,
        b"request_too_large" => FailureKind::TooLarge,
        b"rate_limit_error" => FailureKind::RateLimit,
        b"billing_error" => FailureKind::Quota,
        b"overloaded_error" => FailureKind::Overloaded,
        b"timeout_error" => FailureKind::Timeout,
        _ => FailureKind::Server,
    }
}

fn text(item: Option<Item<'_>>) -> Option<Quoted<'_>> {
    item?.text()
}

fn kind(item: Item<'_>) -> Result<Quoted<'_>, Fault> {
    item.text_at("type").ok_or_else(|| lacks("type"))
}
