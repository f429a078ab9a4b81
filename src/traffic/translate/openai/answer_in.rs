//! A chat completion of a provider, whole or in chunks, as events.

use super::calls::Calls;
use super::{counts, details};
use crate::base::fault::{Fault, FaultKind};
use crate::traffic::dialect::json::{Item, Quoted};
use crate::traffic::translate::event::{Block, Citation, Event, Failure, FailureKind, Stop};
use crate::traffic::translate::misread::lacks;
use crate::traffic::translate::shape::present;
use crate::traffic::translate::{failure, logprobs, media};

/// Where events go.
pub type Tell<'t> = &'t mut dyn FnMut(Event<'_>);

/// Most addresses that are kept of an answer, and longest of them.
const LISTED: usize = 100;
const URL_BYTES: usize = 2048;

/// Reads one answer.
#[derive(Default)]
pub struct Reader {
    started: bool,
    open: Open,
    calls: Calls,
    declined: bool,
    stop: Option<Stop>,
    sequence: Option<Quoted<'static>>,
    /// Addresses that stand beside the answer, in every chunk or in the last, and whether a text named its own.
    listed: Vec<Quoted<'static>>,
    cited: bool,
    /// Proofs of thoughts that came behind calls.
    late: Vec<Quoted<'static>>,
    /// It ended with an error of which nothing else is said.
    broken: bool,
    ended: bool,
}

/// What a chunk or a whole answer says beside its choices. One maker puts that into an object of its own.
struct Members<'a> {
    choices: Option<Item<'a>>,
    error: Option<Item<'a>>,
    usage: Option<Item<'a>>,
    citations: Option<Item<'a>>,
}

impl<'a> Members<'a> {
    fn of(holder: Item<'a>) -> Self {
        let [choices, error, usage, citations, own, object] =
            holder.pick(["choices", "error", "usage", "citations", "x_groq", "object"]);
        let own = |name| present(own?.get(name));
        // Older servers have no object for it.
        let is_error = || object?.text().filter(|kind| kind.is("error")).map(|_| holder);
        Self {
            choices,
            error: present(error).or_else(|| own("error")).or_else(is_error),
            usage: present(usage).or_else(|| own("usage")),
            citations,
        }
    }
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
        let members = Members::of(chunk);
        if self.failed(&members, tell) {
            return Ok(());
        }
        if let Some(choice) = first_choice(&members) {
            self.start(chunk, choice, "delta", tell)?;
            logprobs(choice, tell);
            if let Some(delta) = choice.get("delta") {
                self.said(delta, tell)?;
            }
            self.finish(choice);
        }
        self.list(&members);
        usage(&members, tell);
        Ok(())
    }

    /// Tells the error that stands in place of an answer, or of its next piece.
    fn failed(&mut self, members: &Members<'_>, tell: Tell<'_>) -> bool {
        let Some(error) = members.error else { return false };
        self.ended = true;
        usage(members, tell);
        tell(Event::Failed(failure::of_openai(error)));
        true
    }

    /// `[DONE]`: the answer is whole, also where nobody said why it ends.
    ///
    /// # Errors
    /// There was none.
    pub fn marked(&mut self, tell: Tell<'_>) -> Result<(), Fault> {
        if self.started {
            self.stop.get_or_insert(Stop::End);
        }
        self.done(tell)
    }

    /// The end of a stream.
    ///
    /// # Errors
    /// The stream ended before its answer did.
    pub fn done(&mut self, tell: Tell<'_>) -> Result<(), Fault> {
        self.end_choice(tell)?;
        if !self.broken {
            tell(Event::End);
        }
        Ok(())
    }

    fn end_choice(&mut self, tell: Tell<'_>) -> Result<(), Fault> {
        let reason = match self.stop.ok_or(FaultKind::UpstreamTruncated)? {
            // What a server says that called tools, or declined, and does not know the word for it.
            Stop::End if self.calls.any() => Stop::Tools,
            Stop::End if self.declined => Stop::Declined,
            reason => reason,
        };
        self.ended = true;
        if self.open == Open::Text && !self.cited {
            for url in std::mem::take(&mut self.listed) {
                tell(Event::Cited(Citation { url, ..Citation::default() }));
            }
        }
        self.close(tell);
        self.calls.close(tell);
        for proof in std::mem::take(&mut self.late) {
            self.prove(&proof, tell);
        }
        if self.broken {
            let message = Quoted::raw(b"The model did not finish its answer.");
            tell(Event::Failed(Failure { kind: FailureKind::Server, message, code: None, retry_ms: None }));
            return Ok(());
        }
        tell(Event::Stop { reason, sequence: self.sequence.take() });
        Ok(())
    }

    /// Reads a whole answer.
    ///
    /// # Errors
    /// It has not the form of this API.
    pub fn whole(&mut self, answer: Item<'_>, tell: Tell<'_>) -> Result<(), Fault> {
        let members = Members::of(answer);
        if self.failed(&members, tell) {
            return Ok(());
        }
        let choice = first_choice(&members).ok_or_else(|| lacks("choices"))?;
        self.start(answer, choice, "message", tell)?;
        self.choice(choice, tell)?;
        self.list(&members);
        for other in others(&members) {
            self.end_choice(tell)?;
            tell(Event::Another);
            (self.calls, self.declined, self.stop) = (Calls::default(), false, None);
            (self.cited, self.listed) = (false, vec![]);
            self.choice(other, tell)?;
        }
        usage(&members, tell);
        self.done(tell)
    }

    /// One of an answer's choices.
    fn choice(&mut self, choice: Item<'_>, tell: Tell<'_>) -> Result<(), Fault> {
        logprobs(choice, tell);
        match present(choice.get("message")) {
            Some(message) => self.said(message, tell)?,
            // What was filtered before it said anything.
            None if present(choice.get("finish_reason")).is_some() => {}
            None => return Err(lacks("choices[].message")),
        }
        self.finish(choice);
        self.stop.get_or_insert(Stop::End);
        Ok(())
    }

    /// Some servers name neither the answer nor its model. One that says nothing in this member either is none.
    fn start(&mut self, chunk: Item<'_>, choice: Item<'_>, said: &str, tell: Tell<'_>) -> Result<(), Fault> {
        if std::mem::replace(&mut self.started, true) {
            return Ok(());
        }
        let model = match chunk.text_at("model") {
            Some(model) => model,
            None if choice.get(said).is_some_and(|said| said.members().next().is_some()) => Quoted::default(),
            None => return Err(lacks("model")),
        };
        tell(Event::Start { id: chunk.text_at("id").unwrap_or_default(), model });
        Ok(())
    }

    /// A delta, or a whole message: the members are the same.
    fn said(&mut self, message: Item<'_>, tell: Tell<'_>) -> Result<(), Fault> {
        let (mut text, mut refusal, mut thought, mut details) = (None, None, None, None);
        let (mut calls, mut call, mut images, mut annotations) = (None, None, None, None);
        for (name, value) in message.entries() {
            match &*name {
                b"content" => text = Some(value),
                b"refusal" => refusal = value.text(),
                // Some servers have both, and nothing in one of them.
                b"reasoning_content" | b"reasoning" => {
                    thought = thought.or_else(|| value.text().filter(|thought| !thought.is_empty()));
                }
                b"reasoning_details" => details = Some(value),
                b"tool_calls" => calls = Some(value),
                b"function_call" => call = present(Some(value)),
                b"images" => images = Some(value),
                b"annotations" => annotations = Some(value),
                _ => {}
            }
        }
        if thought.is_none() {
            // The same in parts, which some servers have alone.
            for part in details.iter().flat_map(Item::elements) {
                self.piece(Open::Thought, details::words(part), tell);
            }
        }
        self.piece(Open::Thought, thought, tell);
        for part in details.iter().flat_map(Item::elements) {
            self.proved(part, tell);
        }
        if let Some(text) = text {
            self.piece(Open::Text, text.text(), tell);
            // Some servers answer in parts.
            for part in text.elements() {
                self.part(part, tell);
            }
        }
        self.piece(Open::Refusal, refusal, tell);
        for annotation in annotations.iter().flat_map(Item::elements) {
            self.cited(annotation, tell);
        }
        for image in images.iter().flat_map(Item::elements) {
            self.image(image, tell);
        }
        for (position, call) in calls.iter().flat_map(Item::elements).enumerate() {
            self.close(tell);
            self.calls.delta(position, call, tell)?;
        }
        if let Some(call) = call {
            self.close(tell);
            self.calls.only(call, tell)?;
        }
        Ok(())
    }

    /// A part of a thought with its proof, behind which another begins.
    fn proved(&mut self, part: Item<'_>, tell: Tell<'_>) {
        let Some(proof) = details::proof_of(part) else { return };
        if self.calls.any() {
            // Arguments of a call may still be coming.
            if self.late.len() < LISTED {
                self.late.push(proof);
            }
            return;
        }
        self.prove(&proof, tell);
    }

    fn prove(&mut self, proof: &Quoted<'_>, tell: Tell<'_>) {
        self.turn(Open::Thought, tell);
        tell(Event::Signature(proof));
        self.close(tell);
    }

    /// A part of a text, or a thought that some servers have among such parts.
    fn part(&mut self, part: Item<'_>, tell: Tell<'_>) {
        let Some(thought) = present(part.get("thinking")) else {
            self.piece(Open::Text, part.text_at("text"), tell);
            return;
        };
        self.piece(Open::Thought, thought.text(), tell);
        for part in thought.elements() {
            self.piece(Open::Thought, part.text_at("text"), tell);
        }
    }

    fn cited(&mut self, annotation: Item<'_>, tell: Tell<'_>) {
        let Some(citation) = annotation.get("url_citation") else { return };
        let Some(url) = citation.text_at("url").filter(|url| !url.is_empty()) else { return };
        let text = |name| citation.text_at(name).unwrap_or_default();
        let place = |name| citation.get(name).and_then(|place| place.count());
        // Servers that know no places say that all begin and end at zero.
        let span = place("start_index").zip(place("end_index")).filter(|(start, end)| start < end);
        self.turn(Open::Text, tell);
        self.cited = true;
        tell(Event::Cited(Citation {
            url,
            title: text("title"),
            quote: text("content"),
            span,
            ..Citation::default()
        }));
    }

    /// Notes what the answer rests on, where servers list it beside what they say.
    fn list(&mut self, members: &Members<'_>) {
        let Some(list) = members.citations.filter(|_| self.listed.is_empty()) else { return };
        let urls = list.elements().take(LISTED).filter_map(|url| url.text()).filter(|url| !url.is_empty());
        self.listed =
            urls.filter(|url| url.as_written().len() <= URL_BYTES).map(Quoted::into_owned).collect();
    }

    fn image(&mut self, image: Item<'_>, tell: Tell<'_>) {
        let Some(url) = image.get("image_url").and_then(|image| image.text_at("url")) else { return };
        let url = url.with_plain_slashes();
        if let Ok((media, data)) = media::data_url(&url) {
            self.close(tell);
            self.calls.close(tell);
            tell(Event::Open(Block::Image { media, data }));
            tell(Event::Close);
        }
    }

    fn piece(&mut self, open: Open, piece: Option<Quoted<'_>>, tell: Tell<'_>) {
        let Some(piece) = piece.filter(|piece| !piece.is_empty()) else { return };
        self.turn(open, tell);
        tell(Event::Piece(&piece));
    }

    /// Opens a block of this kind, if none is open.
    fn turn(&mut self, open: Open, tell: Tell<'_>) {
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
        if !matches!(self.stop, None | Some(Stop::End)) {
            return;
        }
        self.stop = Some(match &*reason.unescaped() {
            b"length" | b"model_length" | b"insufficient_system_resource" => Stop::Length,
            b"content_filter" => Stop::Refused,
            b"tool_calls" | b"function_call" => Stop::Tools,
            reason => {
                self.broken = reason == b"error";
                Stop::End
            }
        });
        // What the text ended at, where a server says it. Others have the number of a token there.
        let sequence = choice.text_at("stop_reason").filter(|_| self.stop == Some(Stop::End));
        if let Some(sequence) = sequence {
            self.stop = Some(Stop::Sequence);
            self.sequence = Some(sequence.into_owned());
        }
    }
}

/// Of a stream no others are asked for.
fn first_choice<'a>(members: &Members<'a>) -> Option<Item<'a>> {
    members.choices?.elements().find(is_first)
}

/// The choices beside the first.
fn others<'a>(members: &Members<'a>) -> impl Iterator<Item = Item<'a>> + use<'a> {
    let all = members.choices.into_iter().flat_map(|choices| choices.elements());
    all.filter(|choice| !is_first(choice))
}

fn is_first(choice: &Item<'_>) -> bool {
    present(choice.get("index")).is_none_or(|index| index.count() == Some(0))
}

/// How likely the tokens are that a choice's text has.
fn logprobs(choice: Item<'_>, tell: Tell<'_>) {
    if let Some(list) = choice.get("logprobs").and_then(|logprobs| present(logprobs.get("content"))) {
        tell(Event::Logprobs(&logprobs::of_openai(list)));
    }
}

fn usage(members: &Members<'_>, tell: Tell<'_>) {
    if let Some(counts) = members.usage.and_then(counts::read) {
        tell(Event::Usage(counts));
    }
}
