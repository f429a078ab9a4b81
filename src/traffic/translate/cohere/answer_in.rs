//! An answer of this provider, whole or as a stream, as events.
//!
//! A plan to call tools is a thought. Answers do not name their model.

use crate::base::fault::{Fault, FaultKind};
use crate::contract::record::Usage;
use crate::traffic::dialect::json::{Item, Quoted};
use crate::traffic::translate::cited::is_web;
use crate::traffic::translate::event::{Block, Citation, Event, Failure, FailureKind, Stop};
use crate::traffic::translate::misread::{lacks, misplaced};
use crate::traffic::translate::shape::present;
use crate::traffic::translate::{arguments, logprobs};
use memchr::memmem;

/// Where events go.
type Tell<'t> = &'t mut dyn FnMut(Event<'_>);

/// Reads one answer.
#[derive(Default)]
pub struct Reader {
    started: bool,
    open: Open,
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
}

impl Reader {
    /// Reads one event's data.
    ///
    /// # Errors
    /// It has not the form of this API.
    pub fn event(&mut self, event: Item<'_>, tell: Tell<'_>) -> Result<(), Fault> {
        let Some(kind) = event.text_at("type") else {
            tell(Event::Failed(failure(event)));
            return Ok(());
        };
        let kind = &*kind.unescaped();
        if kind == b"message-start" {
            return self.start(event, tell);
        }
        if !self.started {
            return Err(misplaced(&String::from_utf8_lossy(kind)));
        }
        let message = event.get("delta").and_then(|delta| delta.get("message"));
        match kind {
            b"content-start" | b"content-delta" => {
                logprobs(event.get("logprobs"), tell);
                let content = message.and_then(|message| message.get("content"));
                content.map_or(Ok(()), |content| self.content(content, tell))
            }
            b"tool-plan-delta" => {
                let plan = message.and_then(|message| message.text_at("tool_plan"));
                self.piece(Open::Thought, plan, tell);
                Ok(())
            }
            b"tool-call-start" | b"tool-call-delta" => {
                let call = message.and_then(|message| message.get("tool_calls"));
                let call = call.ok_or_else(|| lacks("delta.message.tool_calls"))?;
                if kind == b"tool-call-start" { self.call(call, tell) } else { self.arguments(call, tell) }
            }
            b"content-end" | b"tool-call-end" => {
                self.close(tell);
                Ok(())
            }
            b"message-end" => {
                self.end(event.get("delta").ok_or_else(|| lacks("delta"))?, tell);
                Ok(())
            }
            b"citation-start" => {
                if let Some(citation) = message.and_then(|message| message.get("citations")) {
                    self.cited(citation, tell);
                }
                Ok(())
            }
            // What is for those who look for faults.
            _ => Ok(()),
        }
    }

    /// Reads a whole answer.
    ///
    /// # Errors
    /// It has not the form of this API, or ended with an error.
    pub fn whole(&mut self, answer: Item<'_>, tell: Tell<'_>) -> Result<(), Fault> {
        let message = answer.get("message").filter(Item::is_object).ok_or_else(|| lacks("message"))?;
        if let Some(broken) = broken(answer) {
            let said = String::from_utf8_lossy(broken.code.unwrap_or_default().as_written()).into_owned();
            let message = format!("The model did not finish its answer: {said:.40}.");
            return Err(Fault::told(FaultKind::UpstreamUnreadable, message));
        }
        self.start(answer, tell)?;
        self.piece(Open::Thought, message.text_at("tool_plan"), tell);
        for entry in answer.get("logprobs").iter().flat_map(Item::elements) {
            logprobs(Some(entry), tell);
        }
        let contents = message.get("content").into_iter().flat_map(|content| content.elements());
        for (index, content) in contents.enumerate() {
            self.content(content, tell)?;
            let of_it = |citation: &Item<'_>| {
                let place = citation.get("content_index").and_then(|place| place.count());
                place.is_none_or(|place| place == index as u64)
            };
            for citation in message.get("citations").iter().flat_map(Item::elements).filter(of_it) {
                self.cited(citation, tell);
            }
            self.close(tell);
        }
        for call in message.get("tool_calls").into_iter().flat_map(|calls| calls.elements()) {
            self.call(call, tell)?;
            self.close(tell);
        }
        self.end(answer, tell);
        Ok(())
    }

    fn start(&mut self, event: Item<'_>, tell: Tell<'_>) -> Result<(), Fault> {
        if std::mem::replace(&mut self.started, true) {
            return Err(misplaced("message-start"));
        }
        let id = event.text_at("id").unwrap_or_default();
        tell(Event::Start { id, model: Quoted::default() });
        Ok(())
    }

    fn content(&mut self, content: Item<'_>, tell: Tell<'_>) -> Result<(), Fault> {
        if matches!(self.open, Open::Call { .. }) {
            return Err(misplaced("content-delta"));
        }
        self.piece(Open::Thought, content.text_at("thinking"), tell);
        self.piece(Open::Text, content.text_at("text"), tell);
        Ok(())
    }

    fn piece(&mut self, open: Open, piece: Option<Quoted<'_>>, tell: Tell<'_>) {
        let Some(piece) = piece.filter(|piece| !piece.is_empty()) else { return };
        if self.open != open {
            self.close(tell);
            self.open = open;
            tell(Event::Open(if open == Open::Thought { Block::Thought } else { Block::Text }));
        }
        tell(Event::Piece(&piece));
    }

    /// What the open text rests on: documents, or what tools gave.
    fn cited(&mut self, citation: Item<'_>, tell: Tell<'_>) {
        if self.open != Open::Text {
            return;
        }
        let place = |name| citation.get(name).and_then(|place| place.count());
        let span = place("start").zip(place("end")).filter(|(start, end)| start < end);
        for source in citation.get("sources").iter().flat_map(Item::elements) {
            let inside = present(source.get("document")).or_else(|| present(source.get("tool_output")));
            let given = |name| inside.and_then(|inside| inside.text_at(name)).filter(|text| !text.is_empty());
            let (url, id) = match given("url").filter(is_web) {
                Some(url) => (url, Quoted::default()),
                None => (Quoted::default(), source.text_at("id").unwrap_or_default()),
            };
            if url.is_empty() && id.is_empty() {
                continue;
            }
            let quote = given("snippet").or_else(|| given("text")).unwrap_or_default();
            let title = given("title").unwrap_or_default();
            tell(Event::Cited(Citation { url, id, title, quote, span }));
        }
    }

    fn call(&mut self, call: Item<'_>, tell: Tell<'_>) -> Result<(), Fault> {
        self.close(tell);
        let name = call.get("function").and_then(|function| function.text_at("name"));
        let name = name.filter(|name| !name.is_empty()).ok_or_else(|| lacks("tool_calls.function.name"))?;
        tell(Event::Open(Block::Call { id: call.text_at("id").unwrap_or_default(), name }));
        self.open = Open::Call { begun: false };
        self.arguments(call, tell)
    }

    fn arguments(&mut self, call: Item<'_>, tell: Tell<'_>) -> Result<(), Fault> {
        let Open::Call { begun } = &mut self.open else {
            return Err(misplaced("tool-call-delta"));
        };
        let piece = call.get("function").and_then(|function| function.text_at("arguments"));
        if let Some(piece) = piece.filter(|piece| *begun || !arguments::are_none(piece)) {
            *begun = true;
            tell(Event::Piece(&piece));
        }
        Ok(())
    }

    fn close(&mut self, tell: Tell<'_>) {
        match std::mem::take(&mut self.open) {
            Open::None => return,
            Open::Call { begun: false } => tell(Event::Piece(&Quoted::raw(b"{}"))),
            Open::Call { begun: true } | Open::Text | Open::Thought => {}
        }
        tell(Event::Close);
    }

    fn end(&mut self, end: Item<'_>, tell: Tell<'_>) {
        if let Some(broken) = broken(end) {
            tell(Event::Failed(broken));
            return;
        }
        self.close(tell);
        if let Some(usage) = present(end.get("usage")) {
            tell(Event::Usage(counts(usage)));
        }
        let reason = end.text_at("finish_reason").unwrap_or_default();
        let reason = match &*reason.unescaped() {
            b"MAX_TOKENS" => Stop::Length,
            b"STOP_SEQUENCE" => Stop::Sequence,
            b"TOOL_CALL" => Stop::Tools,
            _ => Stop::End,
        };
        tell(Event::Stop { reason, sequence: None });
        tell(Event::End);
    }
}

/// How likely the tokens of a piece of text were.
fn logprobs(entry: Option<Item<'_>>, tell: Tell<'_>) {
    if let Some(entry) = present(entry) {
        tell(Event::Logprobs(&logprobs::of_cohere(entry)));
    }
}

/// The failure that an answer ended with.
fn broken(end: Item<'_>) -> Option<Failure<'_>> {
    let reason = end.text_at("finish_reason")?;
    let kind = match &*reason.unescaped() {
        b"ERROR" => FailureKind::Server,
        b"TIMEOUT" => FailureKind::Timeout,
        _ => return None,
    };
    let message = end.text_at("error").unwrap_or_default();
    Some(Failure { kind, message, code: Some(reason), retry_ms: None })
}

/// What was counted, which is more than what is billed: that leaves out the provider's own words around the prompt.
fn counts(usage: Item<'_>) -> Usage {
    let tokens = present(usage.get("tokens")).or_else(|| present(usage.get("billed_units")));
    let count = |name| tokens.and_then(|tokens| tokens.get(name)?.count()).unwrap_or_default();
    Usage {
        input: count("input_tokens"),
        cached_input: usage.get("cached_tokens").and_then(|count| count.count()).unwrap_or_default(),
        output: count("output_tokens"),
        reasoning: count("reasoning_tokens"),
        ..Usage::default()
    }
}

/// What an error says, which is a text: its status tells the most of what it means.
pub fn failure(body: Item<'_>) -> Failure<'_> {
    let message = body.text_at("message").unwrap_or_default();
    let too_long = memmem::find(message.as_written(), b"too many tokens").is_some();
    let kind = if too_long { FailureKind::TooLong } else { FailureKind::Server };
    Failure { kind, message, code: None, retry_ms: None }
}
