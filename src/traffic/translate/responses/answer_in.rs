//! A response of a provider, whole or as a stream, as events.
//!
//! A stream tells every item three times: in pieces, at the end of its part, and at its own end. The pieces are told
//! on, and the item's end where no pieces came.

use super::spaces;
use crate::base::fault::Fault;
use crate::contract::record::Usage;
use crate::traffic::dialect::json::{Item, Quoted};
use crate::traffic::translate::event::{Block, Citation, Event, Stop};
use crate::traffic::translate::misread::{lacks, misplaced, odd};
use crate::traffic::translate::shape::present;
use crate::traffic::translate::{failure, logprobs, proof};

/// Where events go.
type Tell<'t> = &'t mut dyn FnMut(Event<'_>);

/// Most items that may be left before their end.
const LEFT: usize = 64;

/// Stands between two summaries of one thought.
const BETWEEN: Quoted<'static> = Quoted::raw(b"\\n\\n");

/// Reads one answer.
#[derive(Default)]
pub struct Reader {
    started: bool,
    open: Open,
    /// Place of the open block's item in the answer.
    item: Option<u64>,
    /// Pieces of the open block came.
    begun: bool,
    /// Items that were left before their end was told: other servers end them when all is over.
    left: Vec<u64>,
    /// Sources of the open item were told.
    cited: bool,
    called: bool,
    declined: bool,
    ended: bool,
}

/// The block that is open.
#[derive(Clone, Copy, PartialEq, Eq, Default)]
enum Open {
    #[default]
    None,
    Text,
    Refusal,
    Thought,
    Call,
}

impl Reader {
    /// Whether nothing more is to come.
    pub fn is_over(&self) -> bool {
        self.ended
    }

    /// Reads one event's data.
    ///
    /// # Errors
    /// It has not the form of this API.
    pub fn event(&mut self, data: Item<'_>, tell: Tell<'_>) -> Result<(), Fault> {
        let Some(kind) = data.text_at("type") else {
            // Before it streams, a server may report an error as other endpoints do.
            let error = present(data.get("error")).ok_or_else(|| lacks("type"))?;
            self.fail(error, tell);
            return Ok(());
        };
        match &*kind.unescaped() {
            b"response.created" | b"response.in_progress" | b"response.queued" => {
                self.start(response_of(data)?, tell);
                Ok(())
            }
            b"error" => {
                self.fail(present(data.get("error")).unwrap_or(data), tell);
                Ok(())
            }
            b"response.completed" | b"response.incomplete" | b"response.failed" => {
                let response = response_of(data)?;
                self.start(response, tell);
                self.end(response, tell)
            }
            kind => self.running(kind, data, tell),
        }
    }

    fn running(&mut self, kind: &[u8], data: Item<'_>, tell: Tell<'_>) -> Result<(), Fault> {
        let open = match kind {
            b"response.output_item.added" => return self.added(data, tell),
            b"response.output_item.done" => return self.done(data, tell),
            b"response.reasoning_summary_part.added" => {
                if self.open == Open::Thought && self.begun {
                    self.piece(Open::Thought, data, Some(BETWEEN), tell)?;
                }
                return Ok(());
            }
            b"response.output_text.annotation.added" => {
                if let Some(annotation) = data.get("annotation").filter(|_| self.open == Open::Text) {
                    self.annotation(annotation, tell);
                }
                return Ok(());
            }
            b"response.output_text.delta" => Open::Text,
            b"response.refusal.delta" => Open::Refusal,
            b"response.reasoning_summary_text.delta" | b"response.reasoning_text.delta" => Open::Thought,
            b"response.function_call_arguments.delta" => Open::Call,
            // Ends of parts, which repeat them, tools that the provider runs itself, and what is new.
            _ => return Ok(()),
        };
        self.piece(open, data, data.text_at("delta"), tell)
    }

    /// Reads a whole answer.
    ///
    /// # Errors
    /// It has not the form of this API.
    pub fn whole(&mut self, response: Item<'_>, tell: Tell<'_>) -> Result<(), Fault> {
        if response.get("output").is_none()
            && let Some(error) = present(response.get("error"))
        {
            self.fail(error, tell);
            return Ok(());
        }
        // Some servers name neither the response nor its model; what does not even say that it is one is none.
        if !response.text_at("object").is_some_and(|object| object.is("response")) {
            for name in ["id", "model"] {
                response.text_at(name).ok_or_else(|| lacks(name))?;
            }
        }
        self.start(response, tell);
        for item in response.get("output").ok_or_else(|| lacks("output"))?.elements() {
            self.item(item, tell)?;
        }
        self.end(response, tell)
    }

    fn start(&mut self, response: Item<'_>, tell: Tell<'_>) {
        if !std::mem::replace(&mut self.started, true) {
            let text = |name| response.text_at(name).unwrap_or_default();
            tell(Event::Start { id: text("id"), model: text("model") });
        }
    }

    fn fail(&mut self, error: Item<'_>, tell: Tell<'_>) {
        self.ended = true;
        tell(Event::Failed(failure::of_openai(error)));
    }

    fn end(&mut self, response: Item<'_>, tell: Tell<'_>) -> Result<(), Fault> {
        self.close(tell);
        if let Some(usage) = usage(response) {
            tell(Event::Usage(usage));
        }
        let status = response.text_at("status").ok_or_else(|| lacks("status"))?;
        let reason = match &*status.unescaped() {
            b"completed" if self.called => Stop::Tools,
            b"completed" if self.declined => Stop::Declined,
            b"completed" => Stop::End,
            b"incomplete" => {
                let details = response.get("incomplete_details");
                let reason = details.and_then(|details| details.text_at("reason"));
                let filtered = reason.is_some_and(|reason| reason.is("content_filter"));
                if filtered { Stop::Refused } else { Stop::Length }
            }
            b"failed" | b"cancelled" => {
                self.fail(present(response.get("error")).unwrap_or(response), tell);
                return Ok(());
            }
            // An answer in the background, which nobody asked for.
            _ => return Err(odd("`status` is none of an end")),
        };
        tell(Event::Stop { reason, sequence: None });
        self.ended = true;
        tell(Event::End);
        Ok(())
    }

    /// An item begins. Only calls say then all that their beginning needs.
    fn added(&mut self, data: Item<'_>, tell: Tell<'_>) -> Result<(), Fault> {
        let item = data.get("item").ok_or_else(|| lacks("item"))?;
        if kind(item)?.is("function_call") {
            self.turn_to(data, tell)?;
            self.call(item, tell)?;
            self.item = place(data);
        }
        Ok(())
    }

    /// An item is whole: what of it was not told in pieces is told now.
    fn done(&mut self, data: Item<'_>, tell: Tell<'_>) -> Result<(), Fault> {
        let item = data.get("item").ok_or_else(|| lacks("item"))?;
        if let Some(at) = self.left.iter().position(|left| Some(*left) == place(data)) {
            self.left.swap_remove(at);
            return Ok(());
        }
        self.turn_to(data, tell)?;
        if self.open == Open::None {
            return self.item(item, tell);
        }
        match &*kind(item)?.unescaped() {
            b"reasoning" => self.sealed(item, tell),
            b"function_call" if !self.begun => arguments(item, tell),
            b"message" if !self.cited => {
                for part in item.get("content").iter().flat_map(Item::elements) {
                    self.annotations(part, tell);
                }
            }
            _ => {}
        }
        self.close(tell);
        Ok(())
    }

    /// A whole item.
    fn item(&mut self, item: Item<'_>, tell: Tell<'_>) -> Result<(), Fault> {
        match &*kind(item)?.unescaped() {
            b"message" => {
                for part in item.get("content").into_iter().flat_map(|parts| parts.elements()) {
                    let (open, name) = match &*kind(part)?.unescaped() {
                        b"output_text" => (Open::Text, "text"),
                        b"refusal" => (Open::Refusal, "refusal"),
                        _ => continue,
                    };
                    logprobs(part, tell);
                    self.say(open, part.text_at(name), tell);
                    self.annotations(part, tell);
                }
            }
            b"image_generation_call" => image(item, tell),
            b"reasoning" => {
                let texts = |name| item.get(name).into_iter().flat_map(|parts| parts.elements());
                let summary = texts("summary").next().map_or("content", |_| "summary");
                for part in texts(summary) {
                    if self.begun {
                        self.say(Open::Thought, Some(BETWEEN), tell);
                    }
                    self.say(Open::Thought, part.text_at("text"), tell);
                }
                self.sealed(item, tell);
            }
            b"function_call" => {
                self.call(item, tell)?;
                arguments(item, tell);
            }
            // Tools that the provider runs itself: what they found is in the text.
            kind => tell(Event::Untold(Quoted::of(&String::from_utf8_lossy(kind)))),
        }
        self.close(tell);
        Ok(())
    }

    fn call(&mut self, item: Item<'_>, tell: Tell<'_>) -> Result<(), Fault> {
        self.close(tell);
        let id = item.text_at("call_id").ok_or_else(|| lacks("call_id"))?;
        let name = item.text_at("name").ok_or_else(|| lacks("name"))?;
        let name = spaces::joined(item.text_at("namespace").as_ref(), name);
        (self.open, self.called) = (Open::Call, true);
        tell(Event::Open(Block::Call { id, name }));
        Ok(())
    }

    /// What the next request is to give back.
    fn sealed(&mut self, item: Item<'_>, tell: Tell<'_>) {
        let sealed = item.text_at("encrypted_content").filter(|sealed| !sealed.is_empty());
        if let Some(sealed) = sealed {
            self.open(Open::Thought, tell);
            tell(Event::Signature(&proof::of_openai(&sealed)));
        }
    }

    fn piece(
        &mut self,
        open: Open,
        data: Item<'_>,
        piece: Option<Quoted<'_>>,
        tell: Tell<'_>,
    ) -> Result<(), Fault> {
        self.turn_to(data, tell)?;
        logprobs(data, tell);
        if open == Open::Call && self.open != Open::Call {
            return Err(misplaced("response.function_call_arguments.delta"));
        }
        self.item = place(data);
        self.say(open, piece, tell);
        Ok(())
    }

    fn say(&mut self, open: Open, piece: Option<Quoted<'_>>, tell: Tell<'_>) {
        let Some(piece) = piece.filter(|piece| !piece.is_empty()) else { return };
        self.open(open, tell);
        self.begun = true;
        tell(Event::Piece(&piece));
    }

    fn open(&mut self, open: Open, tell: Tell<'_>) {
        if self.open == open {
            return;
        }
        self.close(tell);
        self.open = open;
        self.declined |= open == Open::Refusal;
        tell(Event::Open(match open {
            Open::Refusal => Block::Refusal,
            Open::Thought => Block::Thought,
            Open::None | Open::Text | Open::Call => Block::Text,
        }));
    }

    fn close(&mut self, tell: Tell<'_>) {
        self.begun = false;
        self.cited = false;
        self.item = None;
        if std::mem::take(&mut self.open) != Open::None {
            tell(Event::Close);
        }
    }

    /// Another item is spoken of. What is open ends there, but for a call, whose arguments would not be whole; and no item
    /// goes on that was left.
    fn turn_to(&mut self, data: Item<'_>, tell: Tell<'_>) -> Result<(), Fault> {
        let place = place(data);
        if self.left.iter().any(|left| Some(*left) == place) {
            return Err(odd("an item goes on that was left"));
        }
        let Some(item) = self.item.filter(|item| Some(*item) != place) else { return Ok(()) };
        if self.open == Open::Call || self.left.len() >= LEFT {
            return Err(odd("items are left before their end"));
        }
        self.left.push(item);
        self.close(tell);
        Ok(())
    }

    /// What a text rests on.
    fn annotations(&mut self, part: Item<'_>, tell: Tell<'_>) {
        for annotation in part.get("annotations").iter().flat_map(Item::elements) {
            self.annotation(annotation, tell);
        }
    }

    /// What stands somewhere in the net, or in a file that the provider has.
    fn annotation(&mut self, annotation: Item<'_>, tell: Tell<'_>) {
        let text = |name| annotation.text_at(name).unwrap_or_default();
        let (url, id) = (text("url"), text("file_id"));
        if url.is_empty() && id.is_empty() {
            return;
        }
        let place = |name| annotation.get(name).and_then(|place| place.count());
        let span = place("start_index").zip(place("end_index")).filter(|(start, end)| start < end);
        let title = if url.is_empty() { text("filename") } else { text("title") };
        self.open(Open::Text, tell);
        self.cited = true;
        tell(Event::Cited(Citation { url, id, title, span, ..Citation::default() }));
    }
}

/// An image that a tool of the provider's made.
fn image(item: Item<'_>, tell: Tell<'_>) {
    let Some(data) = item.text_at("result").filter(|data| !data.is_empty()) else { return };
    let format = item.text_at("output_format").unwrap_or(Quoted::raw(b"png"));
    let media = [b"image/", format.as_written()].concat();
    tell(Event::Open(Block::Image { media: Quoted::raw(&media), data }));
    tell(Event::Close);
}

/// How likely the tokens of a text were.
fn logprobs(text: Item<'_>, tell: Tell<'_>) {
    if let Some(list) = text.get("logprobs").filter(|list| list.elements().next().is_some()) {
        tell(Event::Logprobs(&logprobs::of_openai(list)));
    }
}

/// All arguments of a call at once.
fn arguments(item: Item<'_>, tell: Tell<'_>) {
    let arguments = item.text_at("arguments").filter(|arguments| !arguments.is_blank());
    tell(Event::Piece(&arguments.unwrap_or(Quoted::raw(b"{}"))));
}

/// Place of an event's item in the answer.
fn place(data: Item<'_>) -> Option<u64> {
    data.get("output_index")?.count()
}

fn usage(response: Item<'_>) -> Option<Usage> {
    let usage = present(response.get("usage")).filter(|usage| usage.members().next().is_some())?;
    let count = |item: Option<Item<'_>>, name| item?.get(name)?.count();
    let (input, output) = (usage.get("input_tokens_details"), usage.get("output_tokens_details"));
    let usage = Some(usage);
    Some(Usage {
        input: count(usage, "input_tokens").unwrap_or_default(),
        cached_input: count(input, "cached_tokens").unwrap_or_default(),
        cache_write: count(input, "cache_write_tokens").unwrap_or_default(),
        output: count(usage, "output_tokens").unwrap_or_default(),
        reasoning: count(output, "reasoning_tokens").unwrap_or_default(),
        audio_input: count(input, "audio_tokens").unwrap_or_default(),
        audio_output: count(output, "audio_tokens").unwrap_or_default(),
        ..Usage::default()
    })
}

fn response_of(data: Item<'_>) -> Result<Item<'_>, Fault> {
    data.get("response").filter(Item::is_object).ok_or_else(|| lacks("response"))
}

fn kind(item: Item<'_>) -> Result<Quoted<'_>, Fault> {
    item.text_at("type").ok_or_else(|| lacks("type"))
}
