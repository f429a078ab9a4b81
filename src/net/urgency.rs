//! Who goes first where threads share a processor: shards before what may wait.
//!
//! The kernel gives a processor to runnable threads in slices, and looks at their order when one wakes and at its tick,
//! which on many kernels comes every 4 ms. A thread that wakes goes first at once only if its own slice is shorter than
//! that of the one that runs (Linux 6.12). So shards ask for short slices, of which they lose nothing: their part of the
//! processor stays what it was. All of this needs no privilege.
//!
//! Invariant: no thread becomes more urgent than its process was started; a policy that the operator chose (real time,
//! batch) is left alone.

#![expect(unsafe_code, reason = "sched_setattr(2)")]

use std::io;

/// What a shard asks for: the shortest slice that the kernel gives.
const SHARD_SLICE_NS: u64 = 100_000;

/// How much nicer than a shard is who may wait: who is less nice is not always overtaken, since a shard that has just run is
/// ahead of its part until the other has run a few microseconds, too. It keeps a thirtieth of a processor that shards leave
/// nothing of, which is enough for a body that somebody waits for.
const PATIENT_NICE: i32 = 15;
const NICE_MAX: i32 = 19;

/// `struct sched_attr` of sched.h as far as every kernel has it that has the call.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Attributes {
    size: u32,
    policy: u32,
    flags: u64,
    nice: i32,
    priority: u32,
    /// For an ordinary thread its slice; 0 is what the kernel thinks good. Kernels before 6.12 take no notice of it.
    runtime_ns: u64,
    deadline_ns: u64,
    period_ns: u64,
}

/// Has the calling thread go first when it wakes.
///
/// # Errors
/// The kernel has no such call, or a sandbox forbids it.
pub fn wake_first() -> io::Result<()> {
    change(|now| Attributes { runtime_ns: SHARD_SLICE_NS, ..now })
}

/// Has the calling thread wait while others of this process have something to do. It never takes the processor from one that
/// runs.
///
/// # Errors
/// As [`wake_first`].
pub fn wait_for_others() -> io::Result<()> {
    change(|now| Attributes {
        policy: libc::SCHED_BATCH as u32,
        nice: (now.nice + PATIENT_NICE).min(NICE_MAX),
        runtime_ns: 0,
        ..now
    })
}

/// The calling thread's own slice, if the kernel tells.
pub fn slice_ns() -> Option<u64> {
    present().ok().map(|now| now.runtime_ns).filter(|slice| *slice > 0)
}

fn change(to: impl FnOnce(Attributes) -> Attributes) -> io::Result<()> {
    let now = present()?;
    if now.policy != libc::SCHED_OTHER as u32 {
        return Ok(());
    }
    let wanted = to(now);
    // SAFETY: zero is the calling thread, and the kernel only reads as much as `size` says, which is all of it.
    let failed = unsafe { libc::syscall(libc::SYS_sched_setattr, 0, &raw const wanted, 0) } != 0;
    if failed { Err(io::Error::last_os_error()) } else { Ok(()) }
}

fn present() -> io::Result<Attributes> {
    let mut now = Attributes::default();
    let size = size_of::<Attributes>() as u32;
    // SAFETY: zero is the calling thread, and the kernel writes at most `size` bytes into a structure of that size.
    let failed = unsafe { libc::syscall(libc::SYS_sched_getattr, 0, &raw mut now, size, 0) } != 0;
    if failed {
        return Err(io::Error::last_os_error());
    }
    // Flags that were set for this thread stay as they are; those of newer kernels are not ours to repeat.
    now.size = size;
    Ok(now)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn on_a_thread<T: Send + 'static>(run: impl FnOnce() -> T + Send + 'static) -> T {
        std::thread::spawn(run).join().expect("no panic")
    }

    /// A shard's thread stays an ordinary one, as nice as it was, and has a short slice where the kernel gives any.
    #[test]
    fn a_shard_asks_for_a_short_slice() {
        let (before, after) = on_a_thread(|| {
            let before = present().expect("the kernel tells");
            wake_first().expect("it needs no privilege");
            (before, present().expect("the kernel tells"))
        });
        assert_eq!((after.policy, after.nice), (before.policy, before.nice));
        assert!([0, SHARD_SLICE_NS].contains(&after.runtime_ns), "{after:?}");
    }

    /// Who waits for others is nicer than it was, as far as one can be, and takes nobody's turn.
    #[test]
    fn the_patient_are_nicer() {
        let (before, once, twice) = on_a_thread(|| {
            let before = present().expect("the kernel tells");
            wait_for_others().expect("it needs no privilege");
            let once = present().expect("the kernel tells");
            wait_for_others().expect("it is patient already");
            (before, once, present().expect("the kernel tells"))
        });
        assert_eq!(once.policy, libc::SCHED_BATCH as u32);
        assert_eq!(once.nice, (before.nice + PATIENT_NICE).min(NICE_MAX));
        assert_eq!(once, twice, "a policy that was chosen is left alone");
    }
}
