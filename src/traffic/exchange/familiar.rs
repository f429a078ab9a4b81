//! Heads that a client sends again, read once.
//!
//! Takes a head that was read, and what it said. Gives the same for the same bytes on the same connection, whatever
//! length they tell of the body: a client's library sends nearly nothing else twice, and everything else always.
//!
//! Invariant: what is given again follows from these bytes and one configuration alone. A head that differs in any
//! other byte, another configuration, or a key that has run out is read anew.

use super::state::Intake;
use crate::base::buf::Buf;
use crate::base::clock::unix_seconds;
use crate::base::text::Text;
use crate::http::request::{Framing, RequestHead, length};
use crate::net::pool::BufferPool;
use crate::traffic::dialect::BodyType;
use std::cell::RefCell;
use std::hash::{BuildHasher, BuildHasherDefault, DefaultHasher};
use std::ops::Range;
use std::rc::{Rc, Weak};

/// Longest head that is remembered.
const HEAD_BYTES: usize = 2048;
/// How often a connection's heads are remembered before one of them comes again: some carry a number of their own.
const TRIES: u8 = 3;
/// Heads that a shard shares between its connections, which are often of one client.
const SHARED: usize = 64;

/// A connection's last head: one connection's own, or that of an HTTP/2 connection, of which all streams know.
pub enum Familiar {
    Own(Last),
    Common(Rc<RefCell<Last>>),
}

/// The last head that was worth remembering.
pub struct Last {
    known: Option<Rc<Known>>,
    tries: u8,
    /// A head has passed: the next one may be like it.
    had_one: bool,
}

/// What a head said.
struct Known {
    bytes: Box<[u8]>,
    /// Where the digits of the body's length stand; behind the last byte if it has none.
    digits: Range<usize>,
    /// The configuration that it was read by.
    epoch: u64,
    /// When the caller's key runs out.
    expires_unix: Option<u64>,
    intake: Intake,
    user_agent: Text<64>,
}

/// A head that is at the front of what has arrived.
pub struct Found {
    /// Its length.
    pub bytes: usize,
    /// What it says of the body, if it is the connection's last head again, and of everything else.
    again: Option<(Framing, Rc<Known>)>,
}

impl Found {
    pub fn new(bytes: usize) -> Self {
        Self { bytes, again: None }
    }
}

/// A head that was read by the parser.
pub struct Read<'r> {
    pub bytes: &'r [u8],
    pub head: &'r RequestHead<'r>,
    pub intake: &'r Intake,
    pub user_agent: Text<64>,
    pub epoch: u64,
}

/// The heads that a shard's connections have in common, while they are open.
pub struct Shelf(RefCell<[Weak<Known>; SHARED]>);

impl Default for Shelf {
    fn default() -> Self {
        Self(RefCell::new([const { Weak::new() }; SHARED]))
    }
}

impl Default for Familiar {
    fn default() -> Self {
        Self::Own(Last::NOTHING)
    }
}

impl Familiar {
    /// For a connection that is several.
    pub fn common() -> Self {
        Self::Common(Rc::new(RefCell::new(Last::NOTHING)))
    }

    /// The same for one of several, if it is common.
    #[must_use]
    pub fn shared(&self) -> Self {
        match self {
            Self::Own(_) => Self::default(),
            Self::Common(last) => Self::Common(last.clone()),
        }
    }

    fn with<R>(&mut self, run: impl FnOnce(&mut Last) -> R) -> R {
        match self {
            Self::Own(last) => run(last),
            Self::Common(last) => run(&mut last.borrow_mut()),
        }
    }

    /// Finds the last head again, whole.
    pub fn find(&mut self, bytes: &[u8]) -> Option<Found> {
        self.with(|last| last.known.as_ref()?.find(bytes))
    }

    /// Puts what a head said that was found again into the intake, and gives the user agent. `None`: it is to be read.
    pub fn recall(
        &mut self,
        found: Found,
        epoch: u64,
        intake: &mut Intake,
        buffers: &BufferPool,
    ) -> Option<Text<64>> {
        let (framing, known) = found.again?;
        if known.epoch != epoch || known.expires_unix.is_some_and(|end| unix_seconds() >= end) {
            return None;
        }
        self.with(|last| last.tries = TRIES);
        let mut forward = buffers.small();
        forward.extend(&known.intake.forward);
        intake.recall(&known.intake, framing, forward);
        Some(known.user_agent)
    }

    /// Remembers what a head said, if the next one may be like it.
    pub fn learn(&mut self, read: &Read<'_>, shelf: &Shelf) {
        self.with(|last| last.learn(read, shelf));
    }
}

impl Last {
    const NOTHING: Self = Self { known: None, tries: TRIES, had_one: false };

    fn learn(&mut self, read: &Read<'_>, shelf: &Shelf) {
        if !std::mem::replace(&mut self.had_one, true) || self.tries == 0 || !read.may_come_again() {
            return;
        }
        self.tries -= 1;
        let digits = read.digits();
        let slot = BuildHasherDefault::<DefaultHasher>::default().hash_one(&read.bytes[..digits.start]);
        let mut shelf = shelf.0.borrow_mut();
        let place = &mut shelf[slot as usize % SHARED];
        let same = |known: &Rc<Known>| known.epoch == read.epoch && known.find(read.bytes).is_some();
        let known = place.upgrade().filter(same).unwrap_or_else(|| Rc::new(read.known(digits)));
        *place = Rc::downgrade(&known);
        self.known = Some(known);
    }
}

impl Known {
    fn find(self: &Rc<Self>, bytes: &[u8]) -> Option<Found> {
        let (before, behind) = (&self.bytes[..self.digits.start], &self.bytes[self.digits.end..]);
        let rest = bytes.strip_prefix(before)?;
        let count = rest.iter().take_while(|byte| byte.is_ascii_digit()).count();
        let (digits, rest) = if self.digits.is_empty() { (&rest[..0], rest) } else { rest.split_at(count) };
        if !rest.starts_with(behind) {
            return None;
        }
        let framing = match self.intake.framing {
            Framing::Length(_) => Framing::Length(length(digits)?),
            framing => framing,
        };
        let bytes = before.len() + digits.len() + behind.len();
        Some(Found { bytes, again: Some((framing, self.clone())) })
    }
}

impl Read<'_> {
    /// A form has another boundary each time.
    fn may_come_again(&self) -> bool {
        let Intake { fault, caller, body_type, .. } = self.intake;
        let is_plain = fault.is_none() && caller.is_ok() && !matches!(body_type, BodyType::Multipart { .. });
        is_plain && !self.head.expects_continue && self.bytes.len() <= HEAD_BYTES
    }

    /// Where the digits of the body's length stand.
    fn digits(&self) -> Range<usize> {
        let end = self.bytes.len();
        let Some(value) = self.head.headers.first("content-length") else { return end..end };
        let at = value.as_ptr().addr().saturating_sub(self.bytes.as_ptr().addr()).min(end);
        at..(at + value.len()).min(end)
    }

    fn known(&self, digits: Range<usize>) -> Known {
        let mut forward = Buf::with_capacity(self.intake.forward.len());
        forward.extend(&self.intake.forward);
        let mut intake = Intake::blank();
        intake.recall(self.intake, self.intake.framing, forward);
        Known {
            bytes: self.bytes.into(),
            digits,
            epoch: self.epoch,
            expires_unix: self.intake.caller.ok().and_then(|caller| caller.expires_unix),
            intake,
            user_agent: self.user_agent,
        }
    }
}
