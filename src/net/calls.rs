//! System calls that the libraries below take for granted: where a profile of seccomp forbids one of these they panic, or hear
//! of no signal. They are tried beforehand on a descriptor that is none, so that nothing comes of it.

use std::io;
use std::ptr;

/// The first of them that the system refuses, and how.
pub fn refused() -> Option<(&'static str, io::Error)> {
    [("epoll_wait", epoll_wait as fn() -> io::Error), ("sendto", send)]
        .into_iter()
        .map(|(name, tried)| (name, tried()))
        .find(|(_, error)| error.raw_os_error() != Some(libc::EBADF))
}

#[expect(unsafe_code, reason = "epoll_wait(2)")]
fn epoll_wait() -> io::Error {
    let mut event = libc::epoll_event { events: 0, u64: 0 };
    // SAFETY: there is room for the one event that is asked for, and there is no descriptor to tell any.
    _ = unsafe { libc::epoll_wait(-1, &raw mut event, 1, 0) };
    io::Error::last_os_error()
}

#[expect(unsafe_code, reason = "send(2)")]
fn send() -> io::Error {
    // SAFETY: no bytes are sent, and there is no descriptor to send them to.
    _ = unsafe { libc::send(-1, ptr::null(), 0, 0) };
    io::Error::last_os_error()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Where nothing is forbidden, nothing is refused.
    #[test]
    fn a_machine_has_them() {
        assert!(refused().is_none(), "{:?}", refused());
    }
}
