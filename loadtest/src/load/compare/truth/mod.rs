//! Whether a gateway tells the truth about its own time: what it says of each exchange against what is seen from outside.
//!
//! # What is compared
//!
//! *Seen*: the provider stamps each answer with the moments at which it had the request and at which it sent the answer, on
//! the clock that all processes of a machine share. From them and its own clock the generator knows, of each exchange, how
//! long the request was on its way to the provider and the answer on its way back; the provider's own time is in neither.
//!
//! *Own*: what the gateway says of the same exchange, in a header of its answer.
//!
//! Seen is more than own even if the gateway is honest. It has the kernel's work on four socket operations, two wake-ups of
//! the gateway, and whatever time its core was not given to it: nothing that the gateway could know. How much that is
//! cannot be had from requests that go to the provider directly: those have half of the socket operations, none of the
//! gateway's wake-ups, and another core. So a *relay* is put into the gateway's place, on its core and on the same kind of
//! event loop. It does nothing but pass bytes on, reads the clock where a gateway does (when the request's bytes are there;
//! when its write is done; when the answer's first bytes are there; before it writes them), and says in a header what its
//! own time was.
//!
//! Of each exchange, what was seen less the own time is *left over*. Of the relay, which has nothing to hide, that is what
//! the kernel and the scheduler take: the *transport*. A gateway that tells the truth leaves as much, at the p50 and at the
//! p99; what it leaves more it did not tell, and what it leaves less it claims although it was not its own. The
//! subtraction is done exchange by exchange, and only then are there percentiles: the percentile of a difference is not the
//! difference of percentiles. p99(seen) - p99(direct), the added latency that a user would measure, is printed and gives the
//! p99 its bar, but is not compared with the p99 of own times.
//!
//! What a gateway does outside of its clock readings counts as not told: work before the first and after the last, and
//! waiting for its event loop while other connections have their turn. Own time during which the provider worked already
//! counts as claimed too much, as far as it is more than the relay's: the clock that is read when a write is done is read
//! after the provider was woken.
//!
//! # The other place where it is said
//!
//! A gateway that has a histogram of its own times among its metrics is asked for it before the first round and after the last:
//! its mean has to be that of the headers, and the p50 that is seen from outside has to lie in the bucket in which it says that
//! its p50 lies. Buckets are wide, so that this finds a histogram that counts something else, not a microsecond.
//!
//! # Limits
//!
//! It is taken for granted that transport is the same behind a gateway as behind a relay. It is not quite: caches are colder
//! after more work, and a core that sleeps longer wakes up later. All figures are medians over the rounds, with a margin
//! that holds the true median with 95 % certainty; a bar that lies within the margin was neither kept nor missed for sure,
//! and that is said. Where other programs run, what is measured is above all them: give it the machine, or a priority
//! (`chrt -f 10 ringgate-load truth`), which the processes that it starts inherit.
//!
//! Invariant: figures are only subtracted if they are of the same round.

mod args;
mod relay;
mod report;
mod sample;
mod suite;
mod told;

pub use args::TruthArgs;
pub use relay::{Relay, RelayArgs};
pub use report::Truth;
pub use suite::measure_truth;
