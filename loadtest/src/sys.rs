//! Calls to the kernel that the standard library has no safe name for. The only unsafe code of this package.

use std::io;
use std::mem::MaybeUninit;
use std::net::Shutdown;
use std::os::fd::{AsRawFd, BorrowedFd, FromRawFd, OwnedFd, RawFd};
use std::os::unix::process::CommandExt;
use std::process::Command;
use std::time::Duration;

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
    if failed {
        let why = io::Error::last_os_error();
        return Err(io::Error::new(
            why.kind(),
            format!("core {cpu} is none that this process may use: {why}"),
        ));
    }
    Ok(())
}

/// Lets the calling thread go before all others on its core that are not as urgent, if this process may.
pub fn go_first() -> io::Result<()> {
    let param = libc::sched_param { sched_priority: 1 };
    #[expect(unsafe_code, reason = "sched_setscheduler has no safe wrapper in the standard library")]
    // SAFETY: the kernel only reads the parameters, which live on this stack.
    let failed = unsafe { libc::sched_setscheduler(0, libc::SCHED_FIFO, &raw const param) != 0 };
    if failed { Err(io::Error::last_os_error()) } else { Ok(()) }
}

/// Lets the calling thread go when nobody else on its core has anything to do.
pub fn go_last() -> io::Result<()> {
    let param = libc::sched_param { sched_priority: 0 };
    #[expect(unsafe_code, reason = "sched_setscheduler has no safe wrapper in the standard library")]
    // SAFETY: as above.
    let failed = unsafe { libc::sched_setscheduler(0, libc::SCHED_BATCH, &raw const param) != 0 };
    #[expect(unsafe_code, reason = "setpriority has no safe wrapper in the standard library")]
    // SAFETY: numbers only; zero is the calling thread.
    let failed = failed || unsafe { libc::setpriority(libc::PRIO_PROCESS, 0, 19) != 0 };
    if failed { Err(io::Error::last_os_error()) } else { Ok(()) }
}

/// Whether the other side of a socket that has nothing to say has ended it.
pub fn has_ended(socket: RawFd) -> bool {
    let mut byte = [MaybeUninit::uninit()];
    let peeked =
        with_socket(socket, |socket| socket.recv_with_flags(&mut byte, libc::MSG_PEEK | libc::MSG_DONTWAIT));
    match peeked {
        Ok(bytes) => bytes == 0,
        Err(failed) => failed.kind() != io::ErrorKind::WouldBlock,
    }
}

/// Hands bytes to a socket that the caller holds open, without waiting; gives how many it took.
pub fn send_at_once(socket: RawFd, bytes: &[u8]) -> io::Result<usize> {
    let flags = libc::MSG_DONTWAIT | libc::MSG_NOSIGNAL;
    match with_socket(socket, |socket| socket.send_with_flags(bytes, flags)) {
        Err(full) if full.kind() == io::ErrorKind::WouldBlock => Ok(0),
        sent => sent,
    }
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
        ended_already_is_fine(with_socket(socket, |socket| socket.set_linger(Some(Duration::ZERO))));
    }
}

/// Gives a socket that the caller holds open a buffer of so many bytes for what it receives.
pub fn set_receive_bytes(socket: RawFd, bytes: usize) -> io::Result<()> {
    with_socket(socket, |socket| socket.set_recv_buffer_size(bytes))
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

/// A timer that can be polled, and that is not set yet.
pub fn timer() -> io::Result<OwnedFd> {
    #[expect(unsafe_code, reason = "timerfd has no safe wrapper in the standard library")]
    // SAFETY: the descriptor is checked before it becomes owned, and it is new and nobody else's.
    unsafe {
        let descriptor = libc::timerfd_create(libc::CLOCK_MONOTONIC, libc::TFD_NONBLOCK | libc::TFD_CLOEXEC);
        if descriptor < 0 { Err(io::Error::last_os_error()) } else { Ok(OwnedFd::from_raw_fd(descriptor)) }
    }
}

/// Lets a timer become due once, after `wait`; a nanosecond at least, as nothing would unset it.
pub fn set_timer(timer: BorrowedFd<'_>, wait: Duration) -> io::Result<()> {
    let wait = wait.max(Duration::from_nanos(1));
    let times = libc::itimerspec {
        it_interval: libc::timespec { tv_sec: 0, tv_nsec: 0 },
        it_value: libc::timespec {
            tv_sec: wait.as_secs() as libc::time_t,
            tv_nsec: libc::c_long::from(wait.subsec_nanos() as i32),
        },
    };
    #[expect(unsafe_code, reason = "timerfd has no safe wrapper in the standard library")]
    // SAFETY: the descriptor is open while it is borrowed, and the kernel only reads the times.
    let failed =
        unsafe { libc::timerfd_settime(timer.as_raw_fd(), 0, &raw const times, std::ptr::null_mut()) } != 0;
    if failed { Err(io::Error::last_os_error()) } else { Ok(()) }
}

/// Descriptors that are asked for where the system's own limit is lower, which only some users may raise.
const DESCRIPTORS_WANTED: u64 = 1 << 17;

/// Lets this process and those it starts have as many descriptors as the system lets it ask for. Returns how many.
pub fn raise_descriptor_limit() -> io::Result<u64> {
    #[expect(unsafe_code, reason = "resource limits have no safe wrapper in the standard library")]
    // SAFETY: the kernel writes and reads one rlimit at a time, which lives on this stack.
    let limit = unsafe {
        let mut limit = libc::rlimit { rlim_cur: 0, rlim_max: 0 };
        if libc::getrlimit(libc::RLIMIT_NOFILE, &raw mut limit) != 0 {
            return Err(io::Error::last_os_error());
        }
        let wanted = limit.rlim_max.max(DESCRIPTORS_WANTED);
        let more = libc::rlimit { rlim_cur: wanted, rlim_max: wanted };
        if libc::setrlimit(libc::RLIMIT_NOFILE, &raw const more) == 0 {
            return Ok(wanted);
        }
        limit.rlim_cur = limit.rlim_max;
        if libc::setrlimit(libc::RLIMIT_NOFILE, &raw const limit) != 0 {
            return Err(io::Error::last_os_error());
        }
        limit
    };
    Ok(limit.rlim_cur)
}

/// Keeps interrupts (Ctrl-C), the end of the terminal and requests to terminate from this thread and those it starts from now on, so that
/// [`wait_for_interrupt`] gets them.
pub fn hold_interrupts() -> io::Result<()> {
    let set = interrupts();
    #[expect(unsafe_code, reason = "signal masks have no safe wrapper in the standard library")]
    // SAFETY: the set was initialised, and the kernel only reads it.
    let failed = unsafe { libc::pthread_sigmask(libc::SIG_BLOCK, &raw const set, std::ptr::null_mut()) };
    if failed == 0 { Ok(()) } else { Err(io::Error::from_raw_os_error(failed)) }
}

/// Lets a program that is started get the interrupts that [`hold_interrupts`] keeps from this one: it would inherit
/// that.
pub fn give_interrupts_to(command: &mut Command) {
    #[expect(unsafe_code, reason = "signal masks have no safe wrapper in the standard library")]
    // SAFETY: between fork and exec only functions may be called that are safe in a signal handler: these two are, and
    // the set lives on that stack.
    unsafe {
        command.pre_exec(|| {
            let mut nothing: libc::sigset_t = std::mem::zeroed();
            libc::sigemptyset(&raw mut nothing);
            match libc::pthread_sigmask(libc::SIG_SETMASK, &raw const nothing, std::ptr::null_mut()) {
                0 => Ok(()),
                failed => Err(io::Error::from_raw_os_error(failed)),
            }
        });
    }
}

/// Waits for an interrupt that [`hold_interrupts`] keeps.
pub fn wait_for_interrupt() {
    let set = interrupts();
    let mut signal = 0;
    #[expect(unsafe_code, reason = "sigwait has no safe wrapper in the standard library")]
    // SAFETY: the set was initialised, and the number of the signal is written to this stack.
    let failed = unsafe { libc::sigwait(&raw const set, &raw mut signal) };
    debug_assert_eq!(failed, 0, "the set holds only signals that exist");
}

fn interrupts() -> libc::sigset_t {
    #[expect(unsafe_code, reason = "signal sets have no safe wrapper in the standard library")]
    // SAFETY: sigemptyset initialises the set before signals that exist are added to it.
    unsafe {
        let mut set: libc::sigset_t = std::mem::zeroed();
        libc::sigemptyset(&raw mut set);
        libc::sigaddset(&raw mut set, libc::SIGINT);
        libc::sigaddset(&raw mut set, libc::SIGTERM);
        libc::sigaddset(&raw mut set, libc::SIGHUP);
        set
    }
}

/// Asks the processes of a group to end, or ends them.
pub fn end_group(leader: u32, at_once: bool) -> io::Result<()> {
    let group = libc::pid_t::try_from(leader).map_err(io::Error::other)?;
    // Group 0 would be our own, and 1 that of the whole system.
    if group < 2 {
        return Err(io::ErrorKind::InvalidInput.into());
    }
    let signal = if at_once { libc::SIGKILL } else { libc::SIGTERM };
    #[expect(unsafe_code, reason = "signals have no safe wrapper in the standard library")]
    // SAFETY: only numbers are passed.
    let failed = unsafe { libc::kill(-group, signal) } != 0;
    if failed { Err(io::Error::last_os_error()) } else { Ok(()) }
}

/// CPU time that a process has used, with all its threads, those that are gone too; to the nanosecond.
pub fn process_cpu(pid: u32) -> io::Result<Duration> {
    let pid = libc::pid_t::try_from(pid).map_err(io::Error::other)?;
    let mut clock = 0;
    #[expect(unsafe_code, reason = "CPU clocks have no safe wrapper in the standard library")]
    // SAFETY: the number of the clock is written to this stack.
    let failed = unsafe { libc::clock_getcpuclockid(pid, &raw mut clock) };
    if failed == 0 { read_clock(clock) } else { Err(io::Error::from_raw_os_error(failed)) }
}

/// The machine's monotonic clock, which all its processes share, in nanoseconds.
pub fn monotonic_ns() -> u64 {
    let time = read_clock(libc::CLOCK_MONOTONIC);
    debug_assert!(time.is_ok(), "every kernel has it");
    time.map_or(0, |time| u64::try_from(time.as_nanos()).unwrap_or(u64::MAX))
}

/// CPU time that the calling thread has used.
pub fn thread_cpu() -> io::Result<Duration> {
    read_clock(libc::CLOCK_THREAD_CPUTIME_ID)
}

fn read_clock(clock: libc::clockid_t) -> io::Result<Duration> {
    let mut time = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    #[expect(unsafe_code, reason = "CPU clocks have no safe wrapper in the standard library")]
    // SAFETY: the time is written to this stack.
    let failed = unsafe { libc::clock_gettime(clock, &raw mut time) } != 0;
    if failed {
        Err(io::Error::last_os_error())
    } else {
        Ok(Duration::new(time.tv_sec as u64, time.tv_nsec as u32))
    }
}
