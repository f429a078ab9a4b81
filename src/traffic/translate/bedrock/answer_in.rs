//! An answer of this provider, whole or as a stream, as events.
//!
//! It tells neither an id nor a model. Of a stream's blocks only calls have a beginning;
//! what its tokens were comes behind its end.

use super::family::Family;
use crate::base::fault::{Fault, FaultKind};
use crate::contract::record::Usage;
use crate::traffic::dialect::json::{Item, Quoted, escape_bytes};
use crate::traffic::translate::event::{Block, Citation, Event, Failure, FailureKind, Stop};
use crate::traffic::translate::misread::{lacks, misplaced};
use crate::traffic::translate::shape::present;

/// Where events go.
type Tell<'t> = &'t mut dyn FnMut(Event<'_>);

/// Events that are steps of an answer, each in its place.
const STEPS: [&[u8]; 5] =
    [b"messageStart", b"contentBlockStart", b"contentBlockDelta", b"contentBlockStop", b"messageStop"];

/// Reads one answer.
#[derive(Default)]
pub struct Reader {
    counts_cached: bool,
    thought: u64,
    stage: Stage,
    open: Open,
    /// The number of the block that is open.
    block: Option<u64>,
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
    /// A block that no other format knows.
    Untold,
}

/// What a reason to stop means.
enum Ended<'a> {
    Stop(Stop),
    /// The model made something that is no answer.
    Broken(Failure<'a>),
}

impl Reader {
    /// Of an answer of this model.
    pub fn of(model: &str) -> Self {
        Self { counts_cached: Family::of(model).counts_cached(), ..Self::default() }
    }

    /// Reads one event.
    ///
    /// # Errors
    /// It has not the form of this API.
    pub fn event(&mut self, name: &[u8], data: Item<'_>, tell: Tell<'_>) -> Result<(), Fault> {
        match (name, self.stage) {
            (b"messageStart", Stage::Before) => self.start(tell),
            (b"contentBlockStart", Stage::Started) => self.begin(data, tell)?,
            (b"contentBlockDelta", Stage::Started) => self.delta(data, tell)?,
            (b"contentBlockStop", Stage::Started) => self.close(tell),
            (b"messageStop", Stage::Started) => {
                self.close(tell);
                if let Some(broken) = self.stop(data, tell)? {
                    self.stage = Stage::Ended;
                    tell(Event::Failed(broken));
                }
            }
            (b"metadata", stage) if stage != Stage::Before => {
                self.usage(data.get("usage"), tell);
                if stage == Stage::Stopped {
                    self.end(tell);
                }
            }
            // An answer without its beginning, or that goes on behind its end.
            (name, _) if STEPS.contains(&name) => {
                return Err(misplaced(&String::from_utf8_lossy(name)));
            }
            // New events may appear, and older readers are to go on.
            _ => {}
        }
        Ok(())
    }

    /// The end of the stream, perhaps without a word on tokens.
    ///
    /// # Errors
    /// The stream ended before its answer did.
    pub fn done(&mut self, tell: Tell<'_>) -> Result<(), Fault> {
        if self.stage != Stage::Stopped {
            return Err(FaultKind::UpstreamTruncated.into());
        }
        self.end(tell);
        Ok(())
    }

    /// Reads a whole answer.
    ///
    /// # Errors
    /// It has not the form of this API, or the model made something that is no answer.
    pub fn whole(&mut self, answer: Item<'_>, tell: Tell<'_>) -> Result<(), Fault> {
        let message = answer.get("output").and_then(|output| output.get("message"));
        let message = message.ok_or_else(|| lacks("output.message"))?;
        self.start(tell);
        for block in message.get("content").ok_or_else(|| lacks("output.message.content"))?.elements() {
            self.whole_block(block, tell)?;
            self.close(tell);
        }
        if let Some(broken) = self.stop(answer, tell)? {
            let message = String::from_utf8_lossy(broken.message.as_written()).into_owned();
            return Err(Fault::told(FaultKind::UpstreamUnreadable, message));
        }
        let trace = answer.get("trace").and_then(|trace| present(trace.get("guardrail")));
        if trace.is_some_and(|trace| trace.members().next().is_some()) {
            tell(Event::Untold(Quoted::raw(b"trace.guardrail")));
        }
        self.usage(answer.get("usage"), tell);
        self.end(tell);
        Ok(())
    }

    fn start(&mut self, tell: Tell<'_>) {
        self.stage = Stage::Started;
        tell(Event::Start { id: Quoted::default(), model: Quoted::default() });
    }

    fn end(&mut self, tell: Tell<'_>) {
        self.stage = Stage::Ended;
        tell(Event::End);
    }

    fn whole_block(&mut self, block: Item<'_>, tell: Tell<'_>) -> Result<(), Fault> {
        let given = present(block.get("toolUse"));
        if given.is_some_and(is_providers) || block.get("toolResult").is_some() {
            tell(Event::Untold(Quoted::raw(b"server_tool_use")));
        }
        if let Some(call) = given.filter(|call| !is_providers(*call)) {
            self.call(call, tell)?;
            if let Some(input) = present(call.get("input")) {
                let mut source = Vec::with_capacity(input.raw().len() + 16);
                escape_bytes(input.raw(), |piece| source.extend_from_slice(piece));
                self.arguments(&Quoted::raw(&source), tell)?;
            }
        }
        if let Some(reasoning) = block.get("reasoningContent") {
            self.reasoning(present(reasoning.get("reasoningText")).unwrap_or(reasoning), tell);
        }
        // What the answer rests on is told beside the text of such a block.
        let cited = block.get("citationsContent");
        let inside =
            |name| cited.and_then(|cited| cited.get(name)).into_iter().flat_map(|all| all.elements());
        for text in inside("content").chain([block]) {
            if let Some(text) = text.text_at("text") {
                self.piece(Open::Text, &text, tell);
            }
        }
        for citation in inside("citations") {
            self.cited(citation, tell);
        }
        self.image(block, tell);
        Ok(())
    }

    fn begin(&mut self, data: Item<'_>, tell: Tell<'_>) -> Result<(), Fault> {
        self.turn_to(data, tell);
        let Some(start) = data.get("start") else { return Ok(()) };
        match present(start.get("toolUse")) {
            Some(call) if is_providers(call) => self.open = Open::Untold,
            Some(call) => self.call(call, tell)?,
            None if start.members().any(|(_, what)| !what.is_null()) => self.open = Open::Untold,
            None => {}
        }
        Ok(())
    }

    fn delta(&mut self, data: Item<'_>, tell: Tell<'_>) -> Result<(), Fault> {
        self.turn_to(data, tell);
        let delta = data.get("delta").ok_or_else(|| lacks("delta"))?;
        if self.open == Open::Untold {
            return Ok(());
        }
        if let Some(text) = delta.text_at("text") {
            self.piece(Open::Text, &text, tell);
        }
        if let Some(reasoning) = delta.get("reasoningContent") {
            self.reasoning(reasoning, tell);
        }
        if let Some(citation) = delta.get("citation") {
            self.cited(citation, tell);
        }
        match delta.get("toolUse").and_then(|call| call.text_at("input")) {
            Some(source) if !source.is_empty() => self.arguments(&source, tell),
            _ => Ok(()),
        }
    }

    /// Closes the block before, should nothing have said that it ends.
    fn turn_to(&mut self, data: Item<'_>, tell: Tell<'_>) {
        let block = data.get("contentBlockIndex").and_then(|index| index.count());
        if block != self.block {
            self.close(tell);
        }
        self.block = block;
    }

    fn call(&mut self, call: Item<'_>, tell: Tell<'_>) -> Result<(), Fault> {
        self.close(tell);
        let id = call.text_at("toolUseId").ok_or_else(|| lacks("toolUse.toolUseId"))?;
        let name = call.text_at("name").ok_or_else(|| lacks("toolUse.name"))?;
        self.open = Open::Call { begun: false };
        tell(Event::Open(Block::Call { id, name }));
        Ok(())
    }

    fn arguments(&mut self, source: &Quoted<'_>, tell: Tell<'_>) -> Result<(), Fault> {
        if !matches!(self.open, Open::Call { .. }) {
            return Err(misplaced("contentBlockDelta"));
        }
        self.open = Open::Call { begun: true };
        tell(Event::Piece(source));
        Ok(())
    }

    /// A thought, or what is new of one.
    fn reasoning(&mut self, reasoning: Item<'_>, tell: Tell<'_>) {
        if let Some(data) = reasoning.text_at("redactedContent") {
            self.close(tell);
            tell(Event::Open(Block::HiddenThought { data }));
            tell(Event::Close);
        }
        if let Some(text) = reasoning.text_at("text") {
            self.piece(Open::Thought, &text, tell);
        }
        if let Some(signature) = reasoning.text_at("signature").filter(|signature| !signature.is_empty()) {
            self.turn(Open::Thought, tell);
            tell(Event::Signature(&signature));
        }
    }

    /// What stands somewhere in the net, or in a document of the request.
    fn cited(&mut self, citation: Item<'_>, tell: Tell<'_>) {
        let web = citation.get("location").and_then(|location| location.get("web"));
        let url = web.and_then(|web| web.text_at("url")).unwrap_or_default();
        let said = citation.get("sourceContent").and_then(|said| said.elements().next()?.text_at("text"));
        let (title, quote) = (citation.text_at("title").unwrap_or_default(), said.unwrap_or_default());
        let source = citation.text_at("source").filter(|source| !source.is_empty());
        let id = if url.is_empty() { source.unwrap_or_else(|| title.clone()) } else { Quoted::default() };
        if url.is_empty() && id.is_empty() {
            return;
        }
        self.turn(Open::Text, tell);
        tell(Event::Cited(Citation { url, id, title, quote, span: None }));
    }

    fn image(&mut self, block: Item<'_>, tell: Tell<'_>) {
        let Some(image) = block.get("image") else { return };
        let data = image.get("source").and_then(|source| source.text_at("bytes"));
        let (Some(format), Some(data)) = (image.text_at("format"), data) else { return };
        self.close(tell);
        let media = [b"image/", format.as_written()].concat();
        tell(Event::Open(Block::Image { media: Quoted::raw(&media), data }));
        tell(Event::Close);
    }

    fn piece(&mut self, open: Open, piece: &Quoted<'_>, tell: Tell<'_>) {
        if !piece.is_empty() {
            self.turn(open, tell);
            tell(Event::Piece(piece));
        }
    }

    /// Opens a block of this kind, if none is open.
    fn turn(&mut self, open: Open, tell: Tell<'_>) {
        if self.open != open {
            self.close(tell);
            self.open = open;
            tell(Event::Open(if open == Open::Thought { Block::Thought } else { Block::Text }));
        }
    }

    fn close(&mut self, tell: Tell<'_>) {
        match std::mem::take(&mut self.open) {
            Open::None | Open::Untold => return,
            Open::Text | Open::Thought | Open::Call { begun: true } => {}
            // A tool without arguments has an empty object.
            Open::Call { begun: false } => tell(Event::Piece(&Quoted::raw(b"{}"))),
        }
        tell(Event::Close);
    }

    fn stop<'a>(&mut self, holder: Item<'a>, tell: Tell<'_>) -> Result<Option<Failure<'a>>, Fault> {
        let reason = holder.text_at("stopReason").ok_or_else(|| lacks("stopReason"))?;
        // What was asked for beyond the format, as the model's own API tells it.
        let own = holder.get("additionalModelResponseFields");
        let own = |name| own.and_then(|own| present(own.get(name)));
        let details = own("usage").and_then(|usage| usage.get("output_tokens_details"));
        let thought = details.and_then(|details| details.get("thinking_tokens"));
        self.thought = thought.and_then(|count| count.count()).unwrap_or_default();
        match meaning(reason) {
            Ended::Broken(failure) => Ok(Some(failure)),
            Ended::Stop(reason) => {
                self.stage = Stage::Stopped;
                let sequence = own("stop_sequence").and_then(|sequence| sequence.text());
                tell(Event::Stop { reason, sequence });
                Ok(None)
            }
        }
    }

    /// Input is reported without what was cached, but for one maker's models.
    fn usage(&mut self, usage: Option<Item<'_>>, tell: Tell<'_>) {
        let Some(usage) = present(usage) else { return };
        let count = |name| usage.get(name).and_then(|count| count.count()).unwrap_or_default();
        let (read, written) = (count("cacheReadInputTokens"), count("cacheWriteInputTokens"));
        let cached = if self.counts_cached { 0 } else { read.saturating_add(written) };
        let usage_told = Usage {
            input: count("inputTokens").saturating_add(cached),
            cached_input: read,
            cache_write: written,
            output: count("outputTokens"),
            reasoning: self.thought,
            cache_write_hour: hour_write(usage),
            ..Usage::default()
        };
        tell(Event::Usage(usage_told));
    }
}

/// What was written into a cache for an hour.
fn hour_write(usage: Item<'_>) -> u64 {
    let details = usage.get("cacheDetails");
    let long = details
        .iter()
        .flat_map(Item::elements)
        .filter(|one| one.text_at("ttl").is_some_and(|ttl| ttl.is("1h")));
    long.filter_map(|one| one.get("inputTokens")?.count()).fold(0, u64::saturating_add)
}

/// Whether a call is of a tool that the provider runs itself.
fn is_providers(call: Item<'_>) -> bool {
    call.text_at("type").is_some_and(|kind| kind.is("server_tool_use"))
}

fn meaning(reason: Quoted<'_>) -> Ended<'_> {
    Ended::Stop(match &*reason.unescaped() {
        b"max_tokens" | b"model_context_window_exceeded" => Stop::Length,
        b"stop_sequence" => Stop::Sequence,
        b"tool_use" => Stop::Tools,
        b"guardrail_intervened" | b"content_filtered" => Stop::Refused,
        b"malformed_model_output" | b"malformed_tool_use" => {
            let name = String::from_utf8_lossy(reason.as_written()).into_owned();
            let message = Quoted::of(&format!("The model did not finish its answer: {name}."));
            return Ended::Broken(Failure {
                kind: FailureKind::Server,
                message,
                code: Some(reason),
                retry_ms: None,
            });
        }
        _ => Stop::End,
    })
}
