//! An answer in no format: one event after the other, whether it came as a stream or whole.
//!
//! Invariant: `Start` comes first and once; blocks do not overlap; `Piece`, `Signature` and `Close` belong to the open
//! block, and so does `Cited`, which is a text's; `Stop` comes when all blocks are closed, `End` last. `Usage`,
//! `Logprobs`, `Untold` and `Ping` may stand anywhere between. After `Failed` nothing comes.

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
    /// How likely the tokens of the text were that comes next: elements as `logprobs` has them.
    Logprobs(&'a [u8]),
    /// What the open text rests on.
    Cited(Citation<'a>),
    /// What proves the open thought to its provider.
    Signature(&'a Quoted<'a>),
    Close,
    /// Counts that take the place of those before.
    Usage(Usage),
    Stop {
        reason: Stop,
        sequence: Option<Quoted<'a>>,
    },
    /// Another answer to the same prompt begins, behind the `Stop` of the one before: in whole answers alone.
    Another,
    /// Nothing, to show that the provider is there.
    Ping,
    /// Something that no other dialect has a place for, by its provider's name: what tools did that the provider runs, or
    /// what its filters found.
    Untold(Quoted<'a>),
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
    /// An image that the model made: all of it stands here, and nothing but its end follows.
    Image {
        media: Quoted<'a>,
        /// In base64.
        data: Quoted<'a>,
    },
}

/// A source that a text rests on.
#[derive(Debug, Default)]
pub struct Citation<'a> {
    /// Empty where it stands nowhere in the net: it is a document of the request's, or a file of the provider's.
    pub url: Quoted<'a>,
    /// What its provider calls it then.
    pub id: Quoted<'a>,
    pub title: Quoted<'a>,
    /// Words of the source.
    pub quote: Quoted<'a>,
    /// From which to which of its characters; all of them, where the provider does not say.
    pub span: Option<(u64, u64)>,
}

/// Why an answer ended.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Stop {
    End,
    Sequence,
    Length,
    Tools,
    Refused,
    /// The model declined in words, which is no reason of its own where those have a place of their own.
    Declined,
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
    /// When the provider wants to be asked again, if it says so beside the error.
    pub retry_ms: Option<u64>,
}

impl Failure<'_> {
    /// The same, for longer than the bytes that it was read from.
    pub fn kept(&self) -> Failure<'static> {
        let text = |text: &Quoted<'_>| Quoted::raw(text.as_written()).into_owned();
        Failure { message: text(&self.message), code: self.code.as_ref().map(text), ..*self }
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
