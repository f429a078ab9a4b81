//! How far connections may use the process's descriptors up.
//!
//! The kernel gives the lowest number that is free: a connection's own number tells, without a count and for the whole
//! process, how many are in use. Beyond a bound it is let go of again, so that there are always some for the operator's
//! interface, the log, names and files; and from a lower one on clients that want nothing yet are, so that there are
//! some for connections to providers.
//!
//! Invariant: nobody waits unheard for a descriptor before the door: whoever cannot be served is accepted, and turned away.

use std::io;
use std::os::fd::RawFd;
use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering::Relaxed;

/// Descriptors that connections leave alone: an eighth, within these bounds.
const RESERVE: (u64, u64) = (8, 64);

/// The limit as it was last seen.
static LIMIT: AtomicU64 = AtomicU64::new(u64::MAX);

/// Looks at the limit, which may change while the process runs.
pub fn look() {
    match asked() {
        Ok(limit) => LIMIT.store(limit.rlim_cur, Relaxed),
        // Where the call is forbidden, what was so at first has to do.
        Err(_) if LIMIT.load(Relaxed) == u64::MAX => {
            LIMIT.store(told().map_or(u64::MAX, |(soft, _)| soft), Relaxed);
        }
        Err(_) => {}
    }
}

/// The soft and the hard limit of open files; none where nothing tells.
pub fn limits() -> Option<(u64, u64)> {
    asked().ok().map(|limit| (limit.rlim_cur, limit.rlim_max)).or_else(told)
}

/// Raises the soft limit to the hard one: every connection takes a descriptor. Where it is not allowed, it stays as it was.
#[expect(unsafe_code, reason = "setrlimit(2)")]
pub fn raise() {
    if let Ok(limit) = asked() {
        let raised = libc::rlimit { rlim_cur: limit.rlim_max, ..limit };
        // SAFETY: the kernel only reads the limit.
        _ = unsafe { libc::setrlimit(libc::RLIMIT_NOFILE, &raw const raised) };
    }
}

/// By the call, which a profile of seccomp may forbid: rustix takes that for impossible, and panics.
#[expect(unsafe_code, reason = "getrlimit(2)")]
fn asked() -> io::Result<libc::rlimit> {
    let mut limit = libc::rlimit { rlim_cur: 0, rlim_max: 0 };
    // SAFETY: the kernel writes the limit, and nothing else.
    let done = unsafe { libc::getrlimit(libc::RLIMIT_NOFILE, &raw mut limit) };
    if done == 0 { Ok(limit) } else { Err(io::Error::last_os_error()) }
}

/// By the file that tells the same.
fn told() -> Option<(u64, u64)> {
    read_limits(&std::fs::read_to_string("/proc/self/limits").ok()?)
}

/// Source: proc(5), `/proc/pid/limits`.
fn read_limits(text: &str) -> Option<(u64, u64)> {
    let line = text.lines().find_map(|line| line.strip_prefix("Max open files"))?;
    let mut numbers = line.split_ascii_whitespace().map(|number| match number {
        "unlimited" => Some(u64::MAX),
        number => number.parse().ok(),
    });
    Some((numbers.next()??, numbers.next()??))
}

/// What there is for a new connection.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Room {
    Enough,
    /// For so many more, which those that are there may want.
    Scarce {
        left: u64,
    },
    None {
        /// A word can be said before it is closed.
        told: bool,
    },
}

/// What there is beside the connection that has this number.
pub fn room(fd: RawFd) -> Room {
    let found = judge(fd, LIMIT.load(Relaxed));
    if found == Room::Enough {
        return found;
    }
    look();
    judge(fd, LIMIT.load(Relaxed))
}

fn judge(fd: RawFd, limit: u64) -> Room {
    let fd = u64::try_from(fd).unwrap_or_default();
    let reserve = (limit / 8).clamp(RESERVE.0, RESERVE.1);
    let most = limit.saturating_sub(reserve);
    match fd {
        _ if fd >= most + reserve / 2 => Room::None { told: false },
        _ if fd >= most => Room::None { told: true },
        _ if fd >= most - most / 4 => Room::Scarce { left: most - fd },
        _ => Room::Enough,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Connections leave some descriptors of every limit to others, and clients some of the rest to providers.
    #[test]
    fn something_is_left() {
        for (limit, scarce, none, silent) in [
            (64, 42, 56, 60),
            (1024, 720, 960, 992),
            (20_200, 15_102, 20_136, 20_168),
            (3, 0, 0, 4),
            (0, 0, 0, 4),
        ] {
            let most = |room: Room| (0..=limit as RawFd + 4).find(|fd| judge(*fd, limit) == room);
            if none > 0 {
                let left = none - scarce as u64;
                assert_eq!(most(Room::Scarce { left }), Some(scarce), "{limit}");
                assert_eq!(judge(none as RawFd - 1, limit), Room::Scarce { left: 1 }, "{limit}");
                assert_eq!(judge(scarce - 1, limit), Room::Enough, "{limit}");
            }
            assert_eq!(most(Room::None { told: true }), Some(none as RawFd), "{limit}");
            assert_eq!(most(Room::None { told: false }), Some(silent), "{limit}");
        }
        assert_eq!(judge(RawFd::MAX, u64::MAX), Room::Enough);
    }

    /// Both ways to the limits tell the same.
    #[test]
    fn limits_are_told() {
        let limits = limits().expect("this process may ask");
        assert_eq!(told(), Some(limits));
        let text = "Limit  Soft Limit  Hard Limit  Units\nMax open files            1024                 unlimited            files\n";
        assert_eq!(read_limits(text), Some((1024, u64::MAX)));
        for wrong in ["", "Max open files", "Max open files 1", "Max open files many 2 files"] {
            assert_eq!(read_limits(wrong), None, "{wrong}");
        }
    }

    /// The limit is that of this process.
    #[test]
    fn the_limit_is_looked_at() {
        assert_eq!(room(0), Room::Enough);
        assert_ne!(room(RawFd::MAX), Room::Scarce { left: 1 });
    }
}
