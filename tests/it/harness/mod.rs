//! What the tests are made of: a gateway process, a client that shows every byte, upstreams that lie.

mod authority;
mod client;
mod denied;
pub mod frames;
mod gateway;
mod message;
mod natives;
mod over_tls;
mod process;
mod schedule;
mod scripted;
mod setup;
mod shim;
mod tunnel;
mod wires;
mod young;

pub use authority::Authority;
pub use client::{Client, End};
pub use denied::deny;
pub use frames::{Fate, Frames};
pub use gateway::{Gateway, fresh_dir};
pub use message::{Answer, FORM_PATHS, JSON_PATHS, chat, post, post_with, stream};
pub use natives::natives;
pub use over_tls::{over_tls, self_signed};
pub use process::{Finished, run_to_end, run_with};
pub use schedule::schedstat;
pub use scripted::{Peer, Scripted, refusing};
pub use setup::{Io, KEY, Setup, UPSTREAM_KEY, mock, on_both_drivers, on_both_drivers_at_once};
pub use shim::Shim;
pub use tunnel::Tunnel;
pub use wires::{Asked, Framing, Wire, Wired};
pub use young::Young;

use std::time::{Duration, Instant};

/// How long anything may take on a slow machine before a test gives up.
pub const PATIENCE: Duration = Duration::from_secs(30);

/// Looks again and again until there is something, or patience ends.
pub fn until<T>(what: &str, mut look: impl FnMut() -> Option<T>) -> T {
    let deadline = Instant::now() + PATIENCE;
    loop {
        if let Some(found) = look() {
            return found;
        }
        assert!(Instant::now() < deadline, "waited in vain for {what}");
        std::thread::sleep(Duration::from_millis(2));
    }
}
