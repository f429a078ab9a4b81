//! An answer of this provider, whole or line by line, as events.
//!
//! Each line is an answer of which texts and calls are what is new; the last one says that it is, and has the counts. A
//! whole answer is a last line that has everything.

use crate::base::fault::Fault;
use crate::contract::record::Usage;
use crate::traffic::dialect::json::{Item, Quoted, escape_bytes};
use crate::traffic::translate::event::{Block, Event, Failure, FailureKind, Stop};
use crate::traffic::translate::logprobs;
use crate::traffic::translate::misread::lacks;
use crate::traffic::translate::names::fnv;
use crate::traffic::translate::shape::present;

/// Where events go.
type Tell<'t> = &'t mut dyn FnMut(Event<'_>);

/// Reads one answer.
#[derive(Default)]
pub struct Reader {
    /// Answers have no id: a hash of what came first.
    id: Option<String>,
    open: Open,
    calls: u32,
    ended: bool,
}

/// The block that is open.
#[derive(Clone, Copy, PartialEq, Eq, Default)]
enum Open {
    #[default]
    None,
    Text,
    Thought,
}

impl Reader {
    /// Reads one line.
    ///
    /// # Errors
    /// It has not the form of this API.
    pub fn event(&mut self, line: Item<'_>, tell: Tell<'_>) -> Result<(), Fault> {
        if present(line.get("error")).is_some() {
            tell(Event::Failed(failure(line)));
            return Ok(());
        }
        self.start(line, tell)?;
        // A chat's answer is a message; what completes a text is told beside it.
        let (said, text) = match present(line.get("message")) {
            Some(message) => (message, "content"),
            None => (line, "response"),
        };
        self.piece(Open::Thought, said.text_at("thinking"), tell);
        if let Some(list) = present(line.get("logprobs")) {
            tell(Event::Logprobs(&logprobs::of_openai(list)));
        }
        self.piece(Open::Text, said.text_at(text), tell);
        for call in said.get("tool_calls").into_iter().flat_map(|calls| calls.elements()) {
            self.call(call, tell)?;
        }
        if line.get("done").and_then(|done| done.flag()) == Some(true) {
            self.end(line, tell);
        }
        Ok(())
    }

    /// Reads a whole answer.
    ///
    /// # Errors
    /// It has not the form of this API.
    pub fn whole(&mut self, answer: Item<'_>, tell: Tell<'_>) -> Result<(), Fault> {
        self.event(answer, tell)?;
        let failed = present(answer.get("error")).is_some();
        if self.ended || failed { Ok(()) } else { Err(lacks("done")) }
    }

    fn start(&mut self, line: Item<'_>, tell: Tell<'_>) -> Result<(), Fault> {
        if self.id.is_none() {
            let model = line.text_at("model");
            if model.is_none()
                && !["message", "response"].iter().any(|said| present(line.get(said)).is_some())
            {
                return Err(lacks("model"));
            }
            let model = model.unwrap_or_default();
            let id = format!("{:016x}", fnv(line.raw()));
            tell(Event::Start { id: Quoted::of(&id), model });
            self.id = Some(id);
        }
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

    /// A call comes whole. Older servers give it no id, and a client needs one to answer to.
    fn call(&mut self, call: Item<'_>, tell: Tell<'_>) -> Result<(), Fault> {
        self.close(tell);
        let function = call.get("function").ok_or_else(|| lacks("tool_calls[].function"))?;
        let name = function.text_at("name").filter(|name| !name.is_empty());
        let name = name.ok_or_else(|| lacks("tool_calls[].function.name"))?;
        let given = call.text_at("id").filter(|id| !id.is_empty());
        let answer = self.id.as_deref().unwrap_or_default();
        let id = given.unwrap_or_else(|| Quoted::of(&format!("call_{answer}_{}", self.calls)));
        self.calls += 1;
        tell(Event::Open(Block::Call { id, name }));
        let arguments = present(function.get("arguments"));
        match arguments.and_then(|arguments| arguments.text()) {
            // The source of an object, as other formats have it.
            Some(source) if !source.is_blank() => tell(Event::Piece(&source)),
            Some(_) => tell(Event::Piece(&Quoted::raw(b"{}"))),
            None => {
                let object = arguments.map_or(&b"{}"[..], |arguments| arguments.raw());
                let mut source = Vec::with_capacity(object.len() + 16);
                escape_bytes(object, |piece| source.extend_from_slice(piece));
                tell(Event::Piece(&Quoted::raw(&source)));
            }
        }
        tell(Event::Close);
        Ok(())
    }

    fn close(&mut self, tell: Tell<'_>) {
        if std::mem::take(&mut self.open) != Open::None {
            tell(Event::Close);
        }
    }

    fn end(&mut self, line: Item<'_>, tell: Tell<'_>) {
        self.close(tell);
        let count = |name| line.get(name).and_then(|count| count.count());
        // A prompt that the server has worked on already is not counted by older ones.
        let (input, output) = (count("prompt_eval_count"), count("eval_count"));
        if input.is_some() || output.is_some() {
            let (input, output) = (input.unwrap_or_default(), output.unwrap_or_default());
            tell(Event::Usage(Usage { input, output, ..Usage::default() }));
        }
        let cut = line.text_at("done_reason").is_some_and(|reason| reason.is("length"));
        let reason = match (cut, self.calls) {
            (true, _) => Stop::Length,
            // It says `stop` in any case.
            (false, 1..) => Stop::Tools,
            (false, 0) => Stop::End,
        };
        tell(Event::Stop { reason, sequence: None });
        self.ended = true;
        tell(Event::End);
    }
}

/// What an error says, which is a text alone: its status tells what it means.
pub fn failure(body: Item<'_>) -> Failure<'_> {
    let error = body.get("error");
    let message = error.and_then(|error| error.text().or_else(|| error.text_at("message")));
    Failure { kind: FailureKind::Server, message: message.unwrap_or_default(), code: None, retry_ms: None }
}
