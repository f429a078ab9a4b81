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
//! event loop. It does nothing but pass bytes on, reads the clock where a gateway does, and says in a header what its own
//! time was:
//!
//! | moment | clock |
//! |---|---|
//! | the generator sends the request; it is woken, reads | |
//! | has read the request | begins |
//! | has written it: the kernel's work on the provider's socket is within, as far as the writer does it, and so is waking the provider | stops |
//! | the provider is woken, reads, stamps; stamps, answers; it is woken, reads | |
//! | has read the answer | goes on |
//! | has made the answer's head | stops |
//! | has written the answer; the generator is woken, reads its first byte | |
//!
//! A header cannot tell of the write that it leaves with. That, the reads and the wake-ups are what nobody tells.
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
//! # How it is made firm
//!
//! The tail of such times is the machine's: a hypervisor that takes a core away, another program, a page that is not there.
//! These come in bursts of some milliseconds, and whoever is measured while there are more of them looks worse. So whoever is
//! measured is asked in turn with a *witness*, request by request, half of the time between two requests apart: a second relay on
//! the same core. Of whose exchanges more than twice of what is usual is left over, that one was kept waiting by the machine; what
//! ran meanwhile, and within one request's time of it, is left out, of whomever. Nobody can choose what is left out by being slow
//! himself: a gateway that stalls while its core is free stays in, and so does what its other threads take from the core, a log's
//! for instance, up to as much as is usual. How much was left out is printed, and the difference with it.
//!
//! Quantiles are those of the exchanges of all rounds, and how far they can be trusted is found by drawing whole rounds anew, the
//! same for all who are compared. A bar that lies within the margin of 95 % was neither kept nor missed for sure, and that is
//! said. The provider is asked directly in every fourth round.
//!
//! # The other place where it is said
//!
//! A gateway that has a histogram of its own times among its metrics is asked for it before the first round and after the last:
//! it must have counted as many exchanges as there were answers, with the mean of their headers, and the quantiles of the headers
//! have to lie in the buckets in which it says that they lie, or within the bar of that quantile of them. So has the p50 that is
//! seen from outside.
//!
//! # Limits
//!
//! It is taken for granted that transport is the same behind a gateway as behind a relay. It is not quite: caches are colder
//! after more work. A gateway whose other threads keep its core for longer than a request takes is excused, since the machine
//! would have looked no different to the witness; the difference with everything tells that it is there. Near what a core can do
//! the witness' load, which is as high as the gateway's, is felt. Where other programs run, what is measured is above all them:
//! give it the machine, or a priority (`chrt -f 10 ringgate-load truth`), which the processes that it starts inherit.
//!
//! Invariant: figures are only subtracted if they are of the same exchange, or of the same rounds.

mod args;
mod by_metrics;
mod disturbed;
mod judged;
mod relay;
mod report;
mod sample;
mod suite;
mod told;

pub use args::TruthArgs;
pub use relay::{Relay, RelayArgs};
pub use report::Truth;
pub use suite::measure_truth;
