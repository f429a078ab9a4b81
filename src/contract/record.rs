//! What is known about one exchange when it is over: a value of bounded size, sent up through the shard's ring.
//!
//! Invariant: every request that was parsed far enough to have a head gives exactly one `Record`. It holds no
//! key, no prompt and no answer.

use crate::base::clock::Moment;
use crate::base::fault::FaultKind;
use crate::base::ids::{NameId, RequestId};
use crate::base::text::Text;
use crate::contract::endpoint::Endpoint;
use std::net::SocketAddr;

/// Tokens in disjoint classes' sums, as providers of `OpenAI`'s format count them: input includes cached input,
/// output includes reasoning. `None`-like zeros are told apart by [`Record::usage_known`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Usage {
    pub input: u64,
    pub cached_input: u64,
    pub cache_write: u64,
    pub output: u64,
    pub reasoning: u64,
    /// Of what went into a cache, what stays there for an hour and not for minutes.
    pub cache_write_hour: u64,
    /// Of input and of output, what is sound.
    pub audio_input: u64,
    pub audio_output: u64,
}

impl Usage {
    /// Nothing was used.
    pub const NONE: Self = Self {
        input: 0,
        cached_input: 0,
        cache_write: 0,
        output: 0,
        reasoning: 0,
        cache_write_hour: 0,
        audio_input: 0,
        audio_output: 0,
    };
}

/// Longest that the rings may have to hold of one exchange: 8,192 of them wait in each.
const _: () = assert!(size_of::<Record>() <= 512);

/// What there is to say of some exchanges; empty texts of what there is not.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Remarks {
    /// What went wrong, for the operator: addresses and system errors, never bytes of a message.
    pub detail: Text<128>,
    /// Names of what request and answer lost on their way into another format, separated by commas.
    pub dropped: Text<128>,
}

/// One finished exchange.
#[derive(Clone, Debug)]
pub struct Record {
    pub id: RequestId,
    pub shard: u16,
    /// When the head was complete.
    pub started: Moment,
    pub endpoint: Endpoint,
    /// Status sent to the client; 0 if nothing was sent.
    pub status: u16,
    /// Status that the provider sent; 0 if it sent none.
    pub upstream_status: u16,
    pub fault: Option<FaultKind>,
    pub streamed: bool,
    pub usage_known: bool,
    pub attempts: u8,
    pub key: NameId,
    pub group: NameId,
    /// Catalog name (for a wildcard, the pattern): bounded, fit for a metric label.
    pub model: NameId,
    pub provider: NameId,
    /// The model as the client wrote it, cut to fit.
    pub asked: Text<96>,
    pub user_agent: Text<64>,
    /// Boxed, since most exchanges have none.
    pub remarks: Option<Box<Remarks>>,
    pub client: Option<SocketAddr>,
    pub usage: Usage,
    pub request_bytes: u64,
    pub response_bytes: u64,
    /// Gateway's own time on the way in: request complete at the gateway to handed to the upstream socket, us.
    pub overhead_in_us: u32,
    /// Gateway's own time on the way back: answer read, as far as it was waited for, to its head being ready to leave, us.
    pub overhead_out_us: u32,
    /// Request sent to first upstream byte, us; 0 if there was none.
    pub first_byte_us: u32,
    /// Head complete to last byte sent, us.
    pub total_us: u64,
    pub events: u32,
}

impl Record {
    /// Nothing is known yet.
    pub const BLANK: Self = Self {
        id: RequestId { process: 0, sequence: 0 },
        shard: 0,
        started: Moment(0),
        endpoint: Endpoint::Unknown,
        status: 0,
        upstream_status: 0,
        fault: None,
        streamed: false,
        usage_known: false,
        attempts: 0,
        key: NameId::NONE,
        group: NameId::NONE,
        model: NameId::NONE,
        provider: NameId::NONE,
        asked: Text::EMPTY,
        user_agent: Text::EMPTY,
        remarks: None,
        client: None,
        usage: Usage::NONE,
        request_bytes: 0,
        response_bytes: 0,
        overhead_in_us: 0,
        overhead_out_us: 0,
        first_byte_us: 0,
        total_us: 0,
        events: 0,
    };
}
