//! Calls to the kernel that the standard library has no safe name for. The only unsafe code of this package.

use std::io;
use std::net::Shutdown;
use std::os::fd::{BorrowedFd, RawFd};

use socket2::SockRef;

/// Binds the calling thread to one core.
pub fn pin_to(cpu: usize) -> io::Result<()> {
    if cpu >= libc::CPU_SETSIZE as usize {
        return Err(io::Error::new(io::ErrorKind::InvalidInput, format!("there is no core {cpu}")));
    }
    #[expect(unsafe_code, reason = "sched_setaffinity has no safe wrapper in the standard library")]
    // SAFETY: an all-zero cpu_set_t is a valid empty set, the core is below its size (checked above), and the
    // kernel only reads the set, whose true size is passed.
    let failed = unsafe {
        let mut set: libc::cpu_set_t = std::mem::zeroed();
        libc::CPU_SET(cpu, &mut set);
        libc::sched_setaffinity(0, size_of::<libc::cpu_set_t>(), &raw const set) != 0
    };
    if failed { Err(io::Error::last_os_error()) } else { Ok(()) }
}

/// Ends both directions of a socket that the caller holds open. A socket that has ended already is no error.
pub fn shutdown_both(socket: RawFd) {
    ended_already_is_fine(with_socket(socket, |socket| socket.shutdown(Shutdown::Both)));
}

/// Sends the end of our direction of a socket that the caller holds open.
pub fn shutdown_write(socket: RawFd) {
    ended_already_is_fine(with_socket(socket, |socket| socket.shutdown(Shutdown::Write)));
}

/// Lets accepts that wait on a listener return, so that its loops can end.
pub fn shutdown_listener(listener: &std::net::TcpListener) {
    ended_already_is_fine(SockRef::from(listener).shutdown(Shutdown::Read));
}

/// Sends a reset to the peer of a connected socket, now: unread and unsent bytes are dropped, and no end is sent.
///
/// A close with a linger time of zero would do the same, but only once no operation holds the socket any more.
pub fn reset(socket: RawFd) {
    #[expect(unsafe_code, reason = "a disconnect has no safe wrapper in the standard library")]
    // SAFETY: an all-zero sockaddr is a valid one of family AF_UNSPEC (0), which is how a socket is asked to
    // disconnect; the kernel only reads it, and its true size is passed.
    let failed = unsafe {
        let nowhere: libc::sockaddr = std::mem::zeroed();
        libc::connect(socket, &raw const nowhere, size_of::<libc::sockaddr>() as libc::socklen_t) != 0
    };
    if failed {
        ended_already_is_fine(with_socket(socket, |socket| {
            socket.set_linger(Some(std::time::Duration::ZERO))
        }));
    }
}

/// What an operation on a socket says when the peer was faster is of no interest.
fn ended_already_is_fine(result: io::Result<()>) {
    drop(result);
}

fn with_socket<T>(socket: RawFd, work: impl FnOnce(SockRef<'_>) -> T) -> T {
    #[expect(unsafe_code, reason = "monoio hands out descriptors only as numbers")]
    // SAFETY: every caller owns the stream this descriptor belongs to for the duration of the call.
    let borrowed = unsafe { BorrowedFd::borrow_raw(socket) };
    work(SockRef::from(&borrowed))
}
