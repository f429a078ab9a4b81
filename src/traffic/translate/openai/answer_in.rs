//! A chat completion of a provider, whole or in chunks, as events.

use super::calls::Calls;
use crate::base::fault::{Fault, FaultKind};
use crate::contract::record::Usage;
use crate::traffic::dialect::json::{Item, Quoted};
use crate::traffic::translate::event::{Block, Event, Stop};
use crate::traffic::translate::failure;
use crate::traffic::translate::shape::present;

/// Where events go.
pub type Tell<'t> = &'t mut dyn FnMut(Event<'_>);

/// Reads one answer.
#[derive(Default)]
pub struct Reader {
    started: bool,
    open: Open,
    calls: Calls,
    declined: bool,
    stop: Option<Stop>,
    ended: bool,
}

/// The block that is open and no call.
#[derive(Clone, Copy, PartialEq, Eq, Default)]
enum Open {
    #[default]
    None,
    Text,
    Refusal,
    Thought,
}

impl Reader {
    /// Whether nothing more is to come.
    pub fn is_over(&self) -> bool {
        self.ended
    }

    /// Reads one event's data.
    ///
    /// # Errors
    /// It has not the form of this API, or calls of tools are mixed beyond measure.
    pub fn event(&mut self, chunk: Item<'_>, tell: Tell<'_>) -> Result<(), Fault> {
        if let Some(error) = present(chunk.get("error")) {
            self.ended = true;
            tell(Event::Failed(failure::of_openai(error)));
            return Ok(());
        }
        if let Some(choice) = first_choice(chunk) {
            self.start(chunk, tell)?;
            if let Some(delta) = choice.get("delta") {
                self.said(delta, tell)?;
            }
            self.finish(choice);
        }
        usage(chunk, tell);
        Ok(())
    }

    /// `[DONE]`, or the end of a stream without it.
    ///
    /// # Errors
    /// The stream ended before its answer did.
    pub fn done(&mut self, tell: Tell<'_>) -> Result<(), Fault> {
        let reason = match self.stop.ok_or(FaultKind::UpstreamTruncated)? {
            // What a server says that called tools, or declined, and does not know the word for it.
            Stop::End if self.calls.any() => Stop::Tools,
            Stop::End if self.declined => Stop::Refused,
            reason => reason,
        };
        self.close(tell);
        self.calls.close(tell);
        tell(Event::Stop { reason, sequence: None });
        self.ended = true;
        tell(Event::End);
        Ok(())
    }

    /// Reads a whole answer.
    ///
    /// # Errors
    /// It has not the form of this API.
    pub fn whole(&mut self, answer: Item<'_>, tell: Tell<'_>) -> Result<(), Fault> {
        let choice = first_choice(answer).ok_or_else(unreadable)?;
        self.start(answer, tell)?;
        self.said(choice.get("message").ok_or_else(unreadable)?, tell)?;
        self.finish(choice);
        self.stop.get_or_insert(Stop::End);
        usage(answer, tell);
        self.done(tell)
    }

    fn start(&mut self, chunk: Item<'_>, tell: Tell<'_>) -> Result<(), Fault> {
        if !std::mem::replace(&mut self.started, true) {
            let id = chunk.text_at("id").unwrap_or_default();
            let model = chunk.text_at("model").ok_or_else(unreadable)?;
            tell(Event::Start { id, model });
        }
        Ok(())
    }

    /// A delta, or a whole message: the members are the same.
    fn said(&mut self, message: Item<'_>, tell: Tell<'_>) -> Result<(), Fault> {
        let (mut text, mut refusal, mut thought, mut calls) = (None, None, None, None);
        for (name, value) in message.entries() {
            match &*name {
                b"content" => text = Some(value),
                b"refusal" => refusal = value.text(),
                b"reasoning_content" | b"reasoning" => thought = value.text(),
                b"tool_calls" => calls = Some(value),
                _ => {}
            }
        }
        self.piece(Open::Thought, thought, tell);
        if let Some(text) = text {
            self.piece(Open::Text, text.text(), tell);
            // Some servers answer in parts.
            for part in text.elements() {
                self.piece(Open::Text, part.text_at("text"), tell);
            }
        }
        self.piece(Open::Refusal, refusal, tell);
        let Some(calls) = calls else { return Ok(()) };
        for (position, call) in calls.elements().enumerate() {
            self.close(tell);
            self.calls.delta(position, call, tell)?;
        }
        Ok(())
    }

    fn piece(&mut self, open: Open, piece: Option<Quoted<'_>>, tell: Tell<'_>) {
        let Some(piece) = piece.filter(|piece| !piece.is_empty()) else { return };
        if self.open != open {
            self.close(tell);
            self.calls.close(tell);
            self.open = open;
            self.declined |= open == Open::Refusal;
            tell(Event::Open(match open {
                Open::None | Open::Text => Block::Text,
                Open::Refusal => Block::Refusal,
                Open::Thought => Block::Thought,
            }));
        }
        tell(Event::Piece(&piece));
    }

    fn close(&mut self, tell: Tell<'_>) {
        if std::mem::take(&mut self.open) != Open::None {
            tell(Event::Close);
        }
    }

    /// Notes why the answer ends, which is told when it does: some servers say `stop` in every chunk, and go on.
    fn finish(&mut self, choice: Item<'_>) {
        let reason = choice.get("finish_reason").and_then(|reason| reason.text());
        let Some(reason) = reason.filter(|reason| !reason.is_empty()) else { return };
        if matches!(self.stop, None | Some(Stop::End)) {
            self.stop = Some(match &*reason.unescaped() {
                b"length" => Stop::Length,
                b"content_filter" => Stop::Refused,
                b"tool_calls" | b"function_call" => Stop::Tools,
                _ => Stop::End,
            });
        }
    }
}

/// Other choices are not asked for.
fn first_choice(holder: Item<'_>) -> Option<Item<'_>> {
    let first = |choice: &Item<'_>| choice.get("index").is_none_or(|index| index.count() == Some(0));
    holder.get("choices")?.elements().find(first)
}

fn usage(holder: Item<'_>, tell: Tell<'_>) {
    let Some(usage) = present(holder.get("usage")) else { return };
    let count = |item: Option<Item<'_>>, name| item?.get(name)?.count();
    let prompt = usage.get("prompt_tokens_details");
    let completion = usage.get("completion_tokens_details");
    let usage = Some(usage);
    tell(Event::Usage(Usage {
        input: count(usage, "prompt_tokens").unwrap_or_default(),
        cached_input: count(prompt, "cached_tokens").unwrap_or_default(),
        cache_write: count(prompt, "cache_write_tokens").unwrap_or_default(),
        output: count(usage, "completion_tokens").unwrap_or_default(),
        reasoning: count(completion, "reasoning_tokens").unwrap_or_default(),
    }));
}

fn unreadable() -> Fault {
    FaultKind::UpstreamUnreadable.into()
}
