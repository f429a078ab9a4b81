//! The runtime seam: one monoio runtime per thread, on the best driver that the kernel allows.
//!
//! Takes a wish (`auto`, `uring`, `epoll`) and a future; gives its result and the driver that runs it.
//!
//! Invariant: a panic in one task ends that task alone, and is counted.

use super::turn;
use io_uring::opcode;
use std::cell::Cell;
use std::future::{Future, poll_fn};
use std::io;
use std::num::NonZero;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::{Pin, pin};
use std::task::{Context, Poll};
use std::time::Duration;

/// Ring size: enough for one operation per direction of a few hundred busy connections per loop turn; more
/// are submitted in several calls.
const RING_ENTRIES: u32 = 4096;

/// Which I/O driver the operator wants.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Wanted {
    /// The ring if the kernel allows it, else epoll.
    #[default]
    Auto,
    Uring,
    Epoll,
}

/// Which I/O driver runs, best first.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Driver {
    /// `SINGLE_ISSUER | DEFER_TASKRUN`, Linux 6.1 and later.
    UringDeferTaskrun,
    /// `COOP_TASKRUN`, Linux 5.19 and later.
    UringCoopTaskrun,
    UringPlain,
    Epoll,
}

impl Driver {
    /// The driver of this number, as `driver as u8` gave it.
    pub fn from_number(number: u8) -> Option<Self> {
        [Driver::UringDeferTaskrun, Driver::UringCoopTaskrun, Driver::UringPlain, Driver::Epoll]
            .get(number as usize)
            .copied()
    }

    /// As metrics and `doctor` name it.
    pub const fn name(self) -> &'static str {
        match self {
            Driver::UringDeferTaskrun => "io_uring_defer_taskrun",
            Driver::UringCoopTaskrun => "io_uring_coop_taskrun",
            Driver::UringPlain => "io_uring",
            Driver::Epoll => "epoll",
        }
    }

    fn ring_flags(self) -> io_uring::Builder {
        let mut builder = io_uring::IoUring::builder();
        match self {
            Driver::UringDeferTaskrun => builder.setup_single_issuer().setup_defer_taskrun(),
            Driver::UringCoopTaskrun => builder.setup_coop_taskrun(),
            Driver::UringPlain | Driver::Epoll => &mut builder,
        };
        builder
    }
}

const LADDER: [Driver; 3] = [Driver::UringDeferTaskrun, Driver::UringCoopTaskrun, Driver::UringPlain];

/// What is asked of a ring: Linux 5.6 has all of it.
const OPERATIONS: [u8; 9] = [
    opcode::Accept::CODE,
    opcode::AsyncCancel::CODE,
    opcode::Close::CODE,
    opcode::Connect::CODE,
    opcode::PollAdd::CODE,
    opcode::Recv::CODE,
    opcode::Send::CODE,
    opcode::Timeout::CODE,
    opcode::Writev::CODE,
];

/// The driver that [`block_on`] would use for this wish on this thread.
///
/// # Errors
/// The ring is wanted and the kernel refuses it, or its use: with `EPERM` a seccomp profile or `kernel.io_uring_disabled`.
pub fn probe(wanted: Wanted) -> io::Result<Driver> {
    if wanted == Wanted::Epoll {
        return Ok(Driver::Epoll);
    }
    let mut refusal = io::Error::from(io::ErrorKind::Unsupported);
    for driver in LADDER {
        match driver.ring_flags().build(RING_ENTRIES).and_then(|ring| try_out(&ring)) {
            Ok(()) => return Ok(driver),
            Err(error) => refusal = error,
        }
    }
    match wanted {
        Wanted::Auto => Ok(Driver::Epoll),
        Wanted::Uring | Wanted::Epoll => Err(refusal),
    }
}

/// Asks what a ring knows, and enters it. A profile may let rings be made that cannot be used afterwards: nobody would be
/// answered.
fn try_out(ring: &io_uring::IoUring) -> io::Result<()> {
    let mut known = io_uring::Probe::new();
    ring.submitter().register_probe(&mut known)?;
    if !OPERATIONS.iter().all(|code| known.is_supported(*code)) {
        return Err(io::ErrorKind::Unsupported.into());
    }
    ring.submit().map(drop)
}

/// Runs a future to its end on this thread.
///
/// # Errors
/// As [`probe`], or the runtime could not be built.
pub fn block_on<F: Future>(wanted: Wanted, make: impl FnOnce(Driver) -> F) -> io::Result<F::Output> {
    run(probe(wanted)?, make)
}

fn run<F: Future>(driver: Driver, make: impl FnOnce(Driver) -> F) -> io::Result<F::Output> {
    if driver == Driver::Epoll {
        let mut runtime = monoio::RuntimeBuilder::<monoio::LegacyDriver>::new()
            .with_entries(RING_ENTRIES)
            .enable_timer()
            .build()?;
        return runtime.block_on(async {
            spawn(turn::hang()?);
            Ok(make(driver).await)
        });
    }
    turn::take_down();
    let mut runtime = monoio::RuntimeBuilder::<monoio::IoUringDriver>::new()
        .uring_builder(driver.ring_flags())
        .with_entries(RING_ENTRIES)
        .enable_timer()
        .build()?;
    Ok(runtime.block_on(make(driver)))
}

thread_local! {
    static PANICS: Cell<u64> = const { Cell::new(0) };
}

/// Starts a task on this thread. If it panics, it ends and [`take_panics`] counts it.
pub fn spawn(future: impl Future<Output = ()> + 'static) {
    drop(monoio::spawn(Guarded(future)));
}

/// Panics of this thread's tasks since the last call.
pub fn take_panics() -> u64 {
    PANICS.with(Cell::take)
}

/// Waits. monoio's timer is a wheel of one millisecond, and about one millisecond late.
/// The timer is boxed: it is large, and most of what can wait here seldom does.
pub async fn sleep(duration: Duration) {
    Box::pin(monoio::time::sleep(duration)).await;
}

/// A timer that waits again and again, without the heap after its first time.
pub struct Pulse(Pin<Box<monoio::time::Sleep>>);

impl Pulse {
    /// A timer that waits for nothing yet.
    pub fn idle() -> Pulse {
        Pulse(Box::pin(monoio::time::sleep(Duration::ZERO)))
    }

    /// Waits, as [`sleep`] does.
    pub async fn wait(&mut self, duration: Duration) {
        self.begin(duration);
        poll_fn(|cx| self.poll(cx)).await;
    }

    /// Begins to wait.
    pub fn begin(&mut self, duration: Duration) {
        self.0.as_mut().reset(monoio::time::Instant::now() + duration);
    }

    /// Whether the time that was begun is over.
    pub fn poll(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        self.0.as_mut().poll(cx)
    }
}

/// Waits for a future, but not longer than this. One that is there at once costs no timer.
pub async fn within<F: Future>(duration: Duration, future: F) -> Option<F::Output> {
    let mut timer = None;
    let mut future = pin!(future);
    poll_fn(|cx| match future.as_mut().poll(cx) {
        Poll::Ready(output) => Poll::Ready(Some(output)),
        Poll::Pending => {
            let timer = timer.get_or_insert_with(|| Box::pin(monoio::time::sleep(duration)));
            timer.as_mut().poll(cx).map(|()| None)
        }
    })
    .await
}

/// A future whose panic ends it alone, and is counted. By hand: an `async` block around it would hold it twice.
pub fn guarded(future: impl Future<Output = ()>) -> impl Future<Output = ()> {
    Guarded(future)
}

struct Guarded<F>(F);

impl<F: Future<Output = ()>> Future for Guarded<F> {
    type Output = ();

    #[expect(unsafe_code, reason = "pin projection to the only field")]
    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        // SAFETY: the field is never moved out of, and `Guarded` has no `Drop` and no other access to it.
        let future = unsafe { self.map_unchecked_mut(|s| &mut s.0) };
        catch_unwind(AssertUnwindSafe(|| future.poll(cx))).unwrap_or_else(|_| {
            PANICS.with(|panics| panics.set(panics.get() + 1));
            Poll::Ready(())
        })
    }
}

/// Pins the calling thread to one processor.
///
/// # Errors
/// The kernel does not know the processor or forbids it (cpuset).
#[expect(unsafe_code, reason = "sched_setaffinity")]
pub fn pin_to_cpu(cpu: usize) -> io::Result<()> {
    // SAFETY: `set` is a plain bit set, made empty before use, and outlives the call.
    let result = unsafe {
        let mut set: libc::cpu_set_t = std::mem::zeroed();
        libc::CPU_SET(cpu, &mut set);
        libc::sched_setaffinity(0, size_of::<libc::cpu_set_t>(), &raw const set)
    };
    if result == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
}

/// The processors that this process may use, in order.
#[expect(unsafe_code, reason = "sched_getaffinity")]
pub fn allowed_cpus() -> Vec<usize> {
    // SAFETY: `set` is large enough for the size given and is only read after the kernel filled it.
    unsafe {
        let mut set: libc::cpu_set_t = std::mem::zeroed();
        if libc::sched_getaffinity(0, size_of::<libc::cpu_set_t>(), &raw mut set) != 0 {
            return vec![];
        }
        (0..libc::CPU_SETSIZE as usize).filter(|cpu| libc::CPU_ISSET(*cpu, &set)).collect()
    }
}

/// How many of them there is time for: a control group may grant less (`cpu.max`), however many it lets use.
pub fn granted_cpus() -> usize {
    std::thread::available_parallelism().map_or(1, NonZero::get)
}

#[cfg(test)]
mod tests {
    use super::*;
    use monoio::io::{AsyncReadRent as _, AsyncWriteRentExt as _};
    use monoio::net::{TcpListener, TcpStream};

    /// Every rung of the ladder, those included at which only older kernels stop, moves bytes and waits.
    #[test]
    fn every_rung_serves() {
        for driver in LADDER.into_iter().chain([Driver::Epoll]) {
            if driver != Driver::Epoll && driver.ring_flags().build(RING_ENTRIES).is_err() {
                eprintln!("skipped: {}", driver.name());
                continue;
            }
            let told = run(driver, |driver| async move {
                let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
                let address = listener.local_addr().expect("bound");
                spawn(async move {
                    let (mut stream, _) = listener.accept().await.expect("a connection");
                    sleep(Duration::from_millis(2)).await;
                    stream.write_all(driver.name()).await.0.expect("it is taken");
                });
                let mut stream = TcpStream::connect(address).await.expect("a connection");
                let (read, bytes) = stream.read(vec![0; 64]).await;
                bytes[..read.expect("bytes")].to_vec()
            });
            assert_eq!(told.expect("a runtime"), driver.name().as_bytes());
        }
    }

    /// A task that panics ends alone and is counted; the next one runs, on every driver.
    #[test]
    fn a_panic_ends_one_task() {
        for wanted in [Wanted::Auto, Wanted::Epoll] {
            let ran = std::rc::Rc::new(Cell::new(false));
            let seen = ran.clone();
            block_on(wanted, |_| async move {
                spawn(async { std::panic::panic_any("one exchange fails") });
                spawn(async move { seen.set(true) });
                sleep(Duration::from_millis(2)).await;
            })
            .expect("a runtime");
            assert!(ran.get());
            assert_eq!(take_panics(), 1);
        }
    }
}
