//! A shard's histograms and gauges, handed up whole about once a second and given back empty.
//!
//! Invariant: values are microseconds from 1 us to 1 h, three significant digits; recording never fails (what
//! is out of range is clamped).

use hdrhistogram::Histogram;

const LOWEST_US: u64 = 1;
const HIGHEST_US: u64 = 3_600_000_000;
const DIGITS: u8 = 3;

/// Microseconds, 1 us to 1 h.
pub struct Micros(Histogram<u64>);

impl Default for Micros {
    fn default() -> Self {
        // The bounds are constants that the constructor accepts; the fallback never runs and needs no range.
        let histogram = Histogram::new_with_bounds(LOWEST_US, HIGHEST_US, DIGITS)
            .or_else(|_| Histogram::new(DIGITS))
            .unwrap_or_else(|_| unreachable!("three significant digits are valid"));
        Self(histogram)
    }
}

impl Micros {
    /// Counts one value (about 4 ns).
    pub fn record(&mut self, micros: u64) {
        self.0.saturating_record(micros.clamp(LOWEST_US, HIGHEST_US));
    }

    pub fn histogram(&self) -> &Histogram<u64> {
        &self.0
    }

    /// Adds all counts of `other`, which has the same bounds.
    pub fn add(&mut self, other: &Micros) {
        if self.0.add(&other.0).is_err() {
            debug_assert!(false, "histograms of equal bounds always add");
        }
    }

    pub fn clear(&mut self) {
        self.0.clear();
    }
}

/// What one shard measured since it last reported.
#[derive(Default)]
pub struct Meters {
    /// Gateway's own time per request: way in plus way back, as the answer's head tells it.
    pub overhead: Micros,
    /// Head of an answer ready to client's socket having taken it, and what came with it.
    pub client_write: Micros,
    /// Request sent to first upstream byte.
    pub first_byte: Micros,
    /// Between two events of a stream.
    pub gap: Micros,
    /// Head complete to last byte sent.
    pub total: Micros,
    pub gauges: Gauges,
}

/// State of a shard at the moment of the report, and counts since the last one.
#[derive(Clone, Copy, Default, Debug)]
pub struct Gauges {
    pub shard: u16,
    pub client_connections: u64,
    pub exchanges: u64,
    pub upstream_idle: u64,
    pub buffered_bytes: u64,
    pub accepted: u64,
    pub upstream_connects: u64,
    pub upstream_stale_retries: u64,
    /// Keys of providers that were sent to rest.
    pub keys_rested: u64,
    pub panics: u64,
    pub records_stalled: u64,
    pub records_dropped: u64,
    /// By [`Unserved`].
    pub connections_refused: [u64; Unserved::ALL.len()],
}

/// Why a connection ended before its first request.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Unserved {
    /// The shard has as many as it takes.
    Connections,
    /// The client has as many as one may have.
    ConnectionsPerClient,
    /// No TLS handshake came about.
    Handshake,
    /// The process has hardly a descriptor left.
    Descriptors,
}

impl Unserved {
    pub const ALL: [Self; 4] =
        [Self::Connections, Self::ConnectionsPerClient, Self::Handshake, Self::Descriptors];

    /// As metrics name it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Connections => "connections",
            Self::ConnectionsPerClient => "connections_per_client",
            Self::Handshake => "handshake",
            Self::Descriptors => "descriptors",
        }
    }
}

impl Meters {
    /// An empty set whose memory is there already, so that counting never waits for the kernel to find it.
    pub fn touched() -> Box<Self> {
        let mut meters = Box::<Self>::default();
        meters.clear();
        meters
    }

    pub fn clear(&mut self) {
        self.overhead.clear();
        self.client_write.clear();
        self.first_byte.clear();
        self.gap.clear();
        self.total.clear();
        self.gauges = Gauges::default();
    }
}
