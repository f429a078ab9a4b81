//! Calls of tools as chunks bring them: perhaps several at a time, by their index.
//!
//! Events know one open block. The call that was begun first is open; what comes of others meanwhile waits until its
//! arguments are a whole JSON value and another one speaks, or all is over.
//!
//! Invariant: every call is opened once, in the order of first mention, and closed with arguments that are not empty;
//! what waits is bounded.

use super::answer_in::Tell;
use crate::base::fault::Fault;
use crate::base::limits::HELD_CALL_BYTES;
use crate::traffic::dialect::json::{Item, Quoted};
use crate::traffic::translate::arguments;
use crate::traffic::translate::event::{Block, Event};
use crate::traffic::translate::misread::odd;
use std::collections::VecDeque;

/// Most calls that may wait at a time.
const CALLS: usize = 1024;

/// The calls of one answer.
#[derive(Default)]
pub struct Calls {
    /// The first one is open, the others wait.
    unfinished: VecDeque<Call>,
    begun: u64,
    held: usize,
}

/// One call.
struct Call {
    index: u64,
    id: Quoted<'static>,
    name: Quoted<'static>,
    /// Arguments that wait, as the inside of a JSON string.
    waiting: Vec<u8>,
    source: Source,
}

impl Calls {
    /// Whether there was any.
    pub fn any(&self) -> bool {
        self.begun > 0
    }

    /// One element of `tool_calls`, which stands at `position`.
    ///
    /// # Errors
    /// It has not the form of this API, or too much waits.
    pub fn delta(&mut self, position: usize, call: Item<'_>, tell: Tell<'_>) -> Result<(), Fault> {
        let index = call.get("index").and_then(|index| index.count()).unwrap_or(position as u64);
        let id = call.text_at("id").filter(|id| !id.is_empty());
        self.part(index, id, call.get("function"), tell)
    }

    /// The only call of an answer, as servers tell it that know no others.
    ///
    /// # Errors
    /// As above.
    pub fn only(&mut self, function: Item<'_>, tell: Tell<'_>) -> Result<(), Fault> {
        self.part(0, None, Some(function), tell)
    }

    fn part(
        &mut self,
        index: u64,
        id: Option<Quoted<'_>>,
        function: Option<Item<'_>>,
        tell: Tell<'_>,
    ) -> Result<(), Fault> {
        let name = function.and_then(|function| function.text_at("name")).filter(|name| !name.is_empty());
        let piece = function.and_then(|function| function.get("arguments")).map(arguments::source);
        let piece = piece.unwrap_or_default();
        // The last one, where a server gives all calls one index.
        let goes_on = |open: &Call| match &id {
            Some(id) => *id == open.id,
            // Some servers repeat the name; but one that has all its arguments is not begun again.
            None => name
                .as_ref()
                .is_none_or(|name| *name == open.name && (piece.is_blank() || !open.source.is_whole())),
        };
        let known = self.unfinished.iter().rposition(|open| open.index == index && goes_on(open));
        let place = match (known, name) {
            (Some(place), _) => place,
            (None, Some(name)) => self.begin(index, id, name, tell)?,
            // Blanks behind a call that was closed, or one that has no name because it is none.
            (None, None) if piece.is_blank() => return Ok(()),
            // More of a call that was closed, or that nobody began.
            (None, None) => {
                return Err(odd("`tool_calls` goes on with a call that was closed, or has no name"));
            }
        };
        self.piece(place, &piece, tell)
    }

    fn begin(
        &mut self,
        index: u64,
        id: Option<Quoted<'_>>,
        name: Quoted<'_>,
        tell: Tell<'_>,
    ) -> Result<usize, Fault> {
        // Some servers give no ids; a client needs one to answer to.
        let id = id.unwrap_or_else(|| Quoted::of(&format!("call_{}", self.begun))).into_owned();
        self.begun += 1;
        if self.unfinished.front().is_some_and(|first| first.source.is_whole()) {
            self.close_first(tell);
        }
        let call = Call { index, id, name: name.into_owned(), waiting: vec![], source: Source::default() };
        if self.unfinished.is_empty() {
            call.open(tell);
        }
        self.unfinished.push_back(call);
        if self.unfinished.len() > CALLS {
            return Err(odd("`tool_calls` has too many calls open at once"));
        }
        Ok(self.unfinished.len() - 1)
    }

    fn piece(&mut self, place: usize, piece: &Quoted<'_>, tell: Tell<'_>) -> Result<(), Fault> {
        let call = &mut self.unfinished[place];
        if !call.source.begun && piece.is("null") {
            return Ok(());
        }
        call.source.feed(piece.as_written());
        if place == 0 {
            if !piece.is_empty() {
                tell(Event::Piece(piece));
            }
            return Ok(());
        }
        call.waiting.extend_from_slice(piece.as_written());
        self.held += piece.as_written().len();
        if self.held > HELD_CALL_BYTES {
            return Err(odd("`tool_calls` mixes calls that are too large for that"));
        }
        while self.unfinished.len() > 1 && self.unfinished[0].source.is_whole() {
            self.close_first(tell);
        }
        Ok(())
    }

    /// Closes the open call, and opens the next with what waited for it.
    fn close_first(&mut self, tell: Tell<'_>) {
        let Some(call) = self.unfinished.pop_front() else { return };
        if !call.source.begun {
            tell(Event::Piece(&Quoted::raw(b"{}")));
        }
        tell(Event::Close);
        let Some(next) = self.unfinished.front_mut() else { return };
        next.open(tell);
        let waiting = std::mem::take(&mut next.waiting);
        self.held -= waiting.len();
        if !waiting.is_empty() {
            tell(Event::Piece(&Quoted::raw(&waiting)));
        }
    }

    /// No call goes on.
    pub fn close(&mut self, tell: Tell<'_>) {
        while !self.unfinished.is_empty() {
            self.close_first(tell);
        }
    }
}

impl Call {
    fn open(&self, tell: Tell<'_>) {
        tell(Event::Open(Block::Call { id: self.id.clone(), name: self.name.clone() }));
    }
}

/// How far the source of an object has come. It is the inside of a JSON string: what is looked at is what it means.
#[derive(Default)]
struct Source {
    begun: bool,
    depth: u32,
    text: bool,
    /// A backslash of the object's own stands before.
    escape: bool,
    /// A backslash of the string around it stands before, at the end of a piece.
    outer: bool,
}

impl Source {
    fn feed(&mut self, piece: &[u8]) {
        for byte in piece {
            let byte = match (std::mem::take(&mut self.outer), byte) {
                (false, b'\\') => {
                    self.outer = true;
                    continue;
                }
                (true, b'"' | b'\\') | (false, _) => *byte,
                // Line ends and characters by number: neither ends a text nor opens a container.
                (true, _) => b' ',
            };
            self.byte(byte);
        }
    }

    fn byte(&mut self, byte: u8) {
        self.begun |= !byte.is_ascii_whitespace();
        if self.text {
            let escape = std::mem::take(&mut self.escape);
            self.escape = byte == b'\\' && !escape;
            self.text = byte != b'"' || escape;
            return;
        }
        match byte {
            b'"' => self.text = true,
            b'{' | b'[' => self.depth += 1,
            b'}' | b']' => self.depth = self.depth.saturating_sub(1),
            _ => {}
        }
    }

    fn is_whole(&self) -> bool {
        self.begun && self.depth == 0 && !self.text
    }
}
