//! An answer of a provider, whole or as a stream, as events.
//!
//! Each event of a stream is a whole answer of which the texts are what is new, and the counts what is known so far.
//! Nothing marks the end: a stream is over where its body ends, and whole if it gave a reason to stop before that.

use super::carried;
use super::grounding::Grounding;
use crate::base::fault::{Fault, FaultKind};
use crate::contract::record::Usage;
use crate::http::delay;
use crate::traffic::dialect::json::{Item, Kind, Quoted, escape_bytes};
use crate::traffic::dialect::sums;
use crate::traffic::translate::event::{Block, Event, Failure, FailureKind, Stop};
use crate::traffic::translate::misread::lacks;
use crate::traffic::translate::names::{alias, fnv};
use crate::traffic::translate::shape::present;
use crate::traffic::translate::{logprobs, proof};
use memchr::memmem;

/// What an answer ends with.
const REASON: &str = "candidates[].finishReason";

/// Where events go.
type Tell<'t> = &'t mut dyn FnMut(Event<'_>);

/// Longest name of an answer that stands in the ids of its calls.
const NAME_BYTES: usize = 40;

/// Reads one answer.
#[derive(Default)]
pub struct Reader {
    /// What ids of calls are made of: the answer's own id, or a hash of what came first.
    name: Option<String>,
    open: Open,
    /// The client is shown what the model thinks.
    shown: bool,
    calls: u32,
    /// The answer, of several the one at hand, calls a tool.
    called: bool,
    stop: Option<Stop>,
    grounding: Grounding,
}

/// The block that is open.
#[derive(Clone, Copy, PartialEq, Eq, Default)]
enum Open {
    #[default]
    None,
    Text,
    Thought,
}

/// What a reason to finish means.
enum Finish {
    Stop(Stop),
    /// The model made something that is no answer.
    Broken,
}

impl Reader {
    /// Reads one event's data.
    ///
    /// # Errors
    /// It has not the form of this API.
    pub fn event(&mut self, chunk: Item<'_>, tell: Tell<'_>) -> Result<(), Fault> {
        if error(chunk).is_some() {
            tell(Event::Failed(failure(chunk)));
            return Ok(());
        }
        if let Some(broken) = self.answer(chunk, tell)? {
            tell(Event::Failed(broken));
        }
        Ok(())
    }

    /// The end of the stream.
    ///
    /// # Errors
    /// The stream ended before its answer did.
    pub fn done(&mut self, tell: Tell<'_>) -> Result<(), Fault> {
        self.end_candidate(tell)?;
        tell(Event::End);
        Ok(())
    }

    fn end_candidate(&mut self, tell: Tell<'_>) -> Result<(), Fault> {
        let Some(reason) = self.stop else { return Err(FaultKind::UpstreamTruncated.into()) };
        self.close(tell);
        let reason = if reason == Stop::End && self.called { Stop::Tools } else { reason };
        tell(Event::Stop { reason, sequence: None });
        Ok(())
    }

    /// Reads a whole answer.
    ///
    /// # Errors
    /// It has not the form of this API, or the model made something that is no answer.
    pub fn whole(&mut self, answer: Item<'_>, tell: Tell<'_>) -> Result<(), Fault> {
        if error(answer).is_some() {
            tell(Event::Failed(failure(answer)));
            return Ok(());
        }
        // A stream that was not asked for as events is an array of answers.
        let only = Some(answer).filter(|answer| answer.kind() != Kind::Array);
        for answer in answer.elements().chain(only) {
            self.part_of(answer, tell)?;
        }
        for other in only.iter().flat_map(|answer| others(*answer)) {
            self.end_candidate(tell).map_err(|_| lacks(REASON))?;
            tell(Event::Another);
            (self.stop, self.called, self.grounding) = (None, false, Grounding::default());
            if let Some(broken) = self.candidate(other, tell)? {
                return Err(unfinished(broken));
            }
        }
        self.done(tell).map_err(|_| lacks(REASON))
    }

    fn part_of(&mut self, answer: Item<'_>, tell: Tell<'_>) -> Result<(), Fault> {
        self.answer(answer, tell)?.map_or(Ok(()), |broken| Err(unfinished(broken)))
    }

    /// A whole answer, or what is new of one.
    fn answer<'a>(&mut self, answer: Item<'a>, tell: Tell<'_>) -> Result<Option<Failure<'a>>, Fault> {
        let [candidates, usage, feedback] = answer.pick(["candidates", "usageMetadata", "promptFeedback"]);
        let candidate = first_candidate(candidates);
        let usage = present(usage);
        let blocked = is_blocked(feedback);
        if candidate.is_none() && usage.is_none() && !blocked {
            return Ok(None);
        }
        self.start(answer, tell);
        if let Some(counts) = usage.and_then(counts) {
            tell(Event::Usage(counts));
        }
        let Some(candidate) = candidate else {
            self.stop = self.stop.or(blocked.then_some(Stop::Refused));
            return Ok(None);
        };
        self.candidate(candidate, tell)
    }

    fn candidate<'a>(&mut self, candidate: Item<'a>, tell: Tell<'_>) -> Result<Option<Failure<'a>>, Fault> {
        if let Some(result) = present(candidate.get("logprobsResult")) {
            tell(Event::Logprobs(&logprobs::of_google(result)));
        }
        let parts = candidate.get("content").and_then(|content| content.get("parts"));
        for part in parts.into_iter().flat_map(|parts| parts.elements()) {
            self.part(part, candidate, tell)?;
        }
        self.ground(candidate, tell);
        Ok(self.finish(candidate))
    }

    fn start(&mut self, answer: Item<'_>, tell: Tell<'_>) {
        if self.name.is_some() {
            return;
        }
        let id = answer.text_at("responseId").filter(|id| !id.is_empty());
        let id = id.unwrap_or_else(|| Quoted::of(&format!("{:016x}", fnv(answer.raw()))));
        let name = alias(&id, NAME_BYTES);
        self.name = Some(String::from_utf8_lossy(name.as_written()).into_owned());
        tell(Event::Start { model: answer.text_at("modelVersion").unwrap_or_default(), id: id.clone() });
    }

    fn part<'a>(&mut self, part: Item<'a>, candidate: Item<'a>, tell: Tell<'_>) -> Result<(), Fault> {
        let [text, thought, signature, call, data] =
            part.pick(["text", "thought", "thoughtSignature", "functionCall", "inlineData"]);
        let inside = |item: Option<Item<'a>>| item?.text();
        let signature = inside(signature).filter(|signature| !signature.is_empty());
        if let Some(call) = present(call) {
            return self.call(call, signature.as_ref(), tell);
        }
        for name in ["executableCode", "codeExecutionResult", "toolCall", "toolResponse"] {
            if part.get(name).is_some() {
                tell(Event::Untold(Quoted::of(name)));
            }
        }
        let thought = thought.and_then(|thought| thought.flag()) == Some(true);
        if let Some(text) = inside(text) {
            self.piece(if thought { Open::Thought } else { Open::Text }, &text, tell);
        }
        // What a model draws while it thinks is not its answer.
        if let Some(data) = data.filter(|_| !thought) {
            self.image(data, tell);
        }
        if let Some(signature) = signature {
            // It may end the text, and sources are a text's.
            self.ground(candidate, tell);
            self.signature(&signature, tell);
        }
        Ok(())
    }

    fn ground(&mut self, candidate: Item<'_>, tell: Tell<'_>) {
        if self.open == Open::Text {
            self.grounding.tell(candidate, tell);
        }
    }

    fn piece(&mut self, open: Open, piece: &Quoted<'_>, tell: Tell<'_>) {
        if piece.is_empty() {
            return;
        }
        if self.open != open {
            self.close(tell);
            self.open = open;
            self.shown |= open == Open::Thought;
            self.grounding.open();
            tell(Event::Open(if open == Open::Thought { Block::Thought } else { Block::Text }));
        }
        if open == Open::Text {
            self.grounding.piece(piece);
        }
        tell(Event::Piece(piece));
    }

    fn image(&mut self, data: Item<'_>, tell: Tell<'_>) {
        let (Some(media), Some(data)) = (data.text_at("mimeType"), data.text_at("data")) else { return };
        self.close(tell);
        tell(Event::Open(Block::Image { media, data }));
        tell(Event::Close);
    }

    /// The proof of the open thought, or of a text: then it is a thought of its own, without words. A client that is
    /// shown no thoughts does not expect one, and the provider can do without the proof of a text.
    fn signature(&mut self, signature: &Quoted<'_>, tell: Tell<'_>) {
        if !self.shown {
            return;
        }
        if self.open != Open::Thought {
            self.close(tell);
            tell(Event::Open(Block::Thought));
        }
        tell(Event::Signature(&proof::of_google(&signature.unescaped())));
        tell(Event::Close);
        self.open = Open::None;
    }

    /// A call comes whole, and its signature goes with its id.
    fn call(&mut self, call: Item<'_>, signature: Option<&Quoted<'_>>, tell: Tell<'_>) -> Result<(), Fault> {
        self.close(tell);
        let name = call.text_at("name").filter(|name| !name.is_empty());
        let name = name.ok_or_else(|| lacks("functionCall.name"))?;
        let given = call.text_at("id").filter(|id| !id.is_empty());
        let signature = signature.map(Quoted::unescaped);
        let answer = self.name.as_deref().unwrap_or_default();
        let id =
            carried::id(given.as_ref(), signature.as_deref(), || format!("call_{answer}_{}", self.calls));
        self.calls += 1;
        self.called = true;
        tell(Event::Open(Block::Call { id, name }));
        let arguments = call.get("args").filter(Item::is_object).map_or(&b"{}"[..], |args| args.raw());
        let mut source = Vec::with_capacity(arguments.len() + 16);
        escape_bytes(arguments, |piece| source.extend_from_slice(piece));
        tell(Event::Piece(&Quoted::raw(&source)));
        tell(Event::Close);
        Ok(())
    }

    fn close(&mut self, tell: Tell<'_>) {
        if std::mem::take(&mut self.open) != Open::None {
            tell(Event::Close);
        }
    }

    /// A reason is told at the end: parts may still follow it. Calls end with the reason of texts.
    fn finish<'a>(&mut self, candidate: Item<'a>) -> Option<Failure<'a>> {
        let reason = candidate.get("finishReason")?;
        // Some of its clients ask for numbers in place of names.
        let reason = reason.text().or_else(|| named(reason.count()?)).filter(|reason| !reason.is_empty())?;
        match meaning(&reason) {
            Finish::Stop(stop) => {
                self.stop = Some(stop);
                None
            }
            Finish::Broken => {
                let message = candidate.text_at("finishMessage").unwrap_or_default();
                Some(Failure { kind: FailureKind::Server, message, code: Some(reason), retry_ms: None })
            }
        }
    }
}

/// The name of a reason to finish that is told by its number.
fn named(number: u64) -> Option<Quoted<'static>> {
    Some(Quoted::raw(match number {
        0 => return None,
        1 => b"STOP",
        2 => b"MAX_TOKENS",
        _ => b"SAFETY",
    }))
}

fn meaning(reason: &Quoted<'_>) -> Finish {
    Finish::Stop(match &*reason.unescaped() {
        b"STOP" | b"FINISH_REASON_UNSPECIFIED" => Stop::End,
        b"MAX_TOKENS" | b"CONTINUATION" => Stop::Length,
        b"MALFORMED_FUNCTION_CALL"
        | b"UNEXPECTED_TOOL_CALL"
        | b"TOO_MANY_TOOL_CALLS"
        | b"MALFORMED_RESPONSE"
        | b"MISSING_THOUGHT_SIGNATURE" => return Finish::Broken,
        // Safety, recitation and their like; what is not known yet is more likely to be one of these than an end.
        _ => Stop::Refused,
    })
}

/// Of a stream no others are asked for.
fn first_candidate(candidates: Option<Item<'_>>) -> Option<Item<'_>> {
    candidates?.elements().find(is_first)
}

/// The candidates beside the first.
fn others(answer: Item<'_>) -> impl Iterator<Item = Item<'_>> {
    let all = answer.get("candidates").into_iter().flat_map(|all| all.elements());
    all.filter(|one| !is_first(one))
}

fn is_first(candidate: &Item<'_>) -> bool {
    present(candidate.get("index")).is_none_or(|index| index.count() == Some(0))
}

/// The model made something that is no answer.
fn unfinished(broken: Failure<'_>) -> Fault {
    let reason = broken.code.unwrap_or_default().unescaped().into_owned();
    let (reason, said) = (String::from_utf8_lossy(&reason), broken.message.unescaped());
    let said = String::from_utf8_lossy(&said);
    let message = format!("The model did not finish its answer: {reason:.40}. {said:.200}");
    Fault::told(FaultKind::UpstreamUnreadable, message.trim_end())
}

/// Whether the provider refuses to answer the prompt at all.
fn is_blocked(feedback: Option<Item<'_>>) -> bool {
    present(feedback).is_some_and(|feedback| feedback.text_at("blockReason").is_some())
}

/// The counts in a report, of which servers leave out those that are zero. `None`: it tells what kind of traffic it is,
/// and no counts.
fn counts(usage: Item<'_>) -> Option<Usage> {
    let [input, output, thoughts, total, cached, tools, inputs, looked_up, outputs] = usage.pick([
        "promptTokenCount",
        "candidatesTokenCount",
        "thoughtsTokenCount",
        "totalTokenCount",
        "cachedContentTokenCount",
        "toolUsePromptTokenCount",
        "promptTokensDetails",
        "toolUsePromptTokensDetails",
        "candidatesTokensDetails",
    ]);
    input.or(output).or(thoughts).or(total)?;
    let count = |count: Option<Item<'_>>| count.and_then(|count| count.count()).unwrap_or_default();
    let counts = Usage {
        input: count(input),
        cached_input: count(cached),
        output: count(output),
        reasoning: count(thoughts),
        audio_input: sound(inputs).saturating_add(sound(looked_up)),
        audio_output: sound(outputs),
        ..Usage::default()
    };
    Some(sums::google(counts, count(tools), count(total)))
}

/// Of what was counted, what is sound.
fn sound(details: Option<Item<'_>>) -> u64 {
    let is_sound = |one: &Item<'_>| {
        let modality = one.get("modality");
        // Some of its clients ask for numbers in place of names.
        modality.is_some_and(|is| is.text().map_or(is.count() == Some(4), |is| is.is("AUDIO")))
    };
    let sound = details.iter().flat_map(Item::elements).filter(is_sound);
    sound.filter_map(|one| one.get("tokenCount")?.count()).fold(0, u64::saturating_add)
}

/// The error in a body, which some servers put into an array.
fn error(body: Item<'_>) -> Option<Item<'_>> {
    let body = if body.kind() == Kind::Array { body.elements().next()? } else { body };
    present(body.get("error"))
}

/// What an error answer says.
pub fn failure(body: Item<'_>) -> Failure<'_> {
    let error = error(body);
    let text = |name| error.and_then(|error| error.text_at(name)).unwrap_or_default();
    let (status, message) = (text("status"), text("message"));
    let kind = failure_kind(&status, &message, error);
    let code = Some(status).filter(|status| !status.is_empty());
    Failure { kind, message, code, retry_ms: retry_after_ms(body) }
}

fn failure_kind(status: &Quoted<'_>, message: &Quoted<'_>, error: Option<Item<'_>>) -> FailureKind {
    let says = |text: &str| memmem::find(message.as_written(), text.as_bytes()).is_some();
    match &*status.unescaped() {
        b"INVALID_ARGUMENT" if says("exceeds the maximum number of tokens") => FailureKind::TooLong,
        b"INVALID_ARGUMENT" | b"FAILED_PRECONDITION" | b"OUT_OF_RANGE" => FailureKind::Invalid,
        b"NOT_FOUND" => FailureKind::NotFound,
        b"ABORTED" | b"ALREADY_EXISTS" => FailureKind::Conflict,
        b"RESOURCE_EXHAUSTED" if error.is_some_and(is_daily) => FailureKind::Quota,
        b"RESOURCE_EXHAUSTED" => FailureKind::RateLimit,
        b"UNAVAILABLE" => FailureKind::Overloaded,
        b"DEADLINE_EXCEEDED" => FailureKind::Timeout,
        _ => FailureKind::Server,
    }
}

/// When an error answer says that the provider wants to be asked again: `RetryInfo` among its details.
pub fn retry_after_ms(body: Item<'_>) -> Option<u64> {
    let details = error(body)?.get("details")?;
    let delay = details.elements().find_map(|detail| detail.text_at("retryDelay"))?;
    delay::duration_ms(std::str::from_utf8(delay.as_written()).ok()?)
}

/// Whether the quota of a day is used up: it does not help to wait a little.
fn is_daily(error: Item<'_>) -> bool {
    memmem::find(error.raw(), b"PerDay").is_some()
}
