//! Sends requests on time over connections that stay, and reads what comes back. One thread, one event loop.
//!
//! Takes a [`Target`] and a [`Scenario`](super::scenario::Scenario), gives what a [`Recorder`](super::measure::Recorder)
//! noted. Nothing is allocated for a request over HTTP/1.1 once a session runs.
//!
//! Invariant: when a request is sent does not depend on when others are answered, except in a closed loop.

mod connection;
mod descriptors;
mod event_loop;
mod h2;
mod herd;
mod holder;
mod lane;
mod pace;
mod prepared;
mod schedule;
mod session;
mod target;
mod tls;
mod trace;
mod transport;
mod watch;

pub use descriptors::{Ends, descriptors_allow, need_descriptors};
pub use event_loop::on_event_loop;
pub use herd::Herd;
pub use holder::{Holder, NO_TIME};
pub use prepared::HttpVersion;
pub use schedule::Beat;
pub use session::{Load, Session, Setup};
pub use target::Target;
pub use tls::Trust;
pub use watch::{Watch, interrupt, is_interrupted};
