//! An answer in no format: one event after the other, whether it came as a stream or whole.
//!
//! Invariant: `Start` comes first and once; blocks do not overlap; `Piece`, `Signature` and `Close` belong to the open
//! block; `Stop` comes when all blocks are closed, `End` last. `Usage` and `Ping` may stand anywhere between. After
//! `Failed` nothing comes.

use crate::contract::record::Usage;
use crate::traffic::dialect::json::Quoted;

/// What happens in an answer.
#[derive(Debug)]
pub enum Event<'a> {
    Start {
        id: Quoted<'a>,
        model: Quoted<'a>,
    },
    Open(Block<'a>),
    /// More text of the open block: of a call, the source of its arguments.
    Piece(&'a Quoted<'a>),
    /// What proves the open thought to its provider.
    Signature(&'a Quoted<'a>),
    Close,
    /// Counts that take the place of those before.
    Usage(Usage),
    Stop {
        reason: Stop,
        sequence: Option<Quoted<'a>>,
    },
    /// Nothing, to show that the provider is there.
    Ping,
    Failed(Failure<'a>),
    End,
}

/// What the pieces make.
#[derive(Debug)]
pub enum Block<'a> {
    Text,
    /// The model declines.
    Refusal,
    Thought,
    /// A thought that only its provider can read.
    HiddenThought {
        data: Quoted<'a>,
    },
    Call {
        id: Quoted<'a>,
        name: Quoted<'a>,
    },
}

/// Why an answer ended.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Stop {
    End,
    Sequence,
    Length,
    Tools,
    Refused,
    /// The provider's own tools take long; the same request goes on.
    Paused,
}

/// An error that a provider reports.
#[derive(Debug)]
pub struct Failure<'a> {
    pub kind: FailureKind,
    pub message: Quoted<'a>,
    /// The provider's own name for it.
    pub code: Option<Quoted<'a>>,
}

impl Failure<'_> {
    /// The same, for longer than the bytes that it was read from.
    pub fn kept(&self) -> Failure<'static> {
        let text = |text: &Quoted<'_>| Quoted::raw(text.as_written()).into_owned();
        Failure { kind: self.kind, message: text(&self.message), code: self.code.as_ref().map(text) }
    }
}

/// What an error means, whoever reports it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum FailureKind {
    Invalid,
    TooLong,
    NotFound,
    /// Something else has changed, or is at work: the same request may do later.
    Conflict,
    TooLarge,
    RateLimit,
    Quota,
    Overloaded,
    Timeout,
    Server,
}
