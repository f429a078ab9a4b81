//! Who leaves although nothing is read from them.
//!
//! A read learns that its peer has left. Where none is posted, the descriptor stands in an epoll set of the shard's
//! own, for which the runtime waits as for one more socket: who leaves is told at once on either driver, and who
//! stays, whatever they say, costs nothing. A read that is posted only to learn it costs half a microsecond each time.
//!
//! Takes descriptors with a number each, gives the numbers of those whose peer has ended or reset its side, whatever
//! there is still to be read from it.
//!
//! Invariant: a descriptor is taken out before it is closed, and its number is given once at most.

use monoio::net::UnixStream;
use rustix::buffer::spare_capacity;
use rustix::event::epoll::{self, CreateFlags, EventData, EventFlags};
use rustix::time::Timespec;
use std::io;
use std::os::fd::{AsRawFd, BorrowedFd, RawFd};

/// Departures that one look tells of.
const AT_A_LOOK: usize = 64;

/// One shard's set.
pub(super) struct Departures {
    /// The runtime takes no descriptor as such. This is no socket, and is only waited for.
    set: UnixStream,
}

impl Departures {
    /// An empty set in this thread's runtime.
    ///
    /// # Errors
    /// The process is out of descriptors.
    pub(super) fn new() -> io::Result<Self> {
        let set = epoll::create(CreateFlags::CLOEXEC)?;
        Ok(Self { set: UnixStream::from_std(set.into())? })
    }

    /// From now on the peer of `fd` is watched. A kernel that takes no more of them is not complained about: the
    /// next write to a peer that left tells of it too.
    pub(super) fn watch(&self, fd: RawFd, number: usize) {
        let data = EventData::new_u64(number as u64);
        _ = epoll::add(self.fd(), borrowed(fd), data, EventFlags::RDHUP | EventFlags::ONESHOT);
    }

    /// The peer of `fd` is watched no more.
    pub(super) fn unwatch(&self, fd: RawFd) {
        _ = epoll::delete(self.fd(), borrowed(fd));
    }

    /// Tells of everybody who leaves.
    pub(super) async fn run(&self, mut left: impl FnMut(usize)) {
        let mut events = Vec::with_capacity(AT_A_LOOK);
        while self.set.readable(false).await.is_ok() {
            if epoll::wait(self.fd(), spare_capacity(&mut events), Some(&Timespec::default())).is_err() {
                return;
            }
            events.drain(..).for_each(|event: epoll::Event| left(event.data.u64() as usize));
        }
    }

    fn fd(&self) -> BorrowedFd<'_> {
        borrowed(self.set.as_raw_fd())
    }
}

/// A descriptor for the length of one system call.
#[expect(unsafe_code, reason = "descriptors are known by their numbers here")]
fn borrowed<'a>(fd: RawFd) -> BorrowedFd<'a> {
    // SAFETY: the set is open while `Departures` is, and what is watched is open until it was taken out.
    unsafe { BorrowedFd::borrow_raw(fd) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::net::runtime::{self, Wanted, block_on};
    use std::cell::RefCell;
    use std::io::Write;
    use std::os::unix::net::UnixStream as Socket;
    use std::rc::Rc;
    use std::time::Duration;

    /// Everybody who leaves is told of once, more of them than one look tells of too; those who stay, who only say
    /// something, or who are watched no more are not, on every driver.
    #[test]
    fn who_leaves_is_told_of() {
        for wanted in [Wanted::Auto, Wanted::Epoll] {
            let told = block_on(wanted, |_| async {
                let (set, told) =
                    (Rc::new(Departures::new().expect("a set")), Rc::<RefCell<Vec<usize>>>::default());
                let (running, noted) = (set.clone(), told.clone());
                runtime::spawn(async move { running.run(|number| noted.borrow_mut().push(number)).await });
                let pairs: Vec<_> = (0..200).map(|_| Socket::pair().expect("a pair")).collect();
                let mut stays = vec![];
                for (number, (near, mut far)) in pairs.into_iter().enumerate() {
                    set.watch(near.as_raw_fd(), number);
                    far.write_all(b"the next request").expect("room for it");
                    match number % 10 {
                        0 => stays.push((near, Some(far))),
                        1 => {
                            set.unwatch(near.as_raw_fd());
                            stays.push((near, None));
                        }
                        _ => stays.push((near, None)),
                    }
                }
                for _ in 0..1000 {
                    runtime::sleep(Duration::from_millis(1)).await;
                    if told.borrow().len() >= 160 {
                        break;
                    }
                }
                runtime::sleep(Duration::from_millis(5)).await;
                told.take()
            });
            let mut told = told.expect("a runtime");
            told.sort_unstable();
            assert_eq!(told, (0..200).filter(|number| number % 10 > 1).collect::<Vec<_>>(), "{wanted:?}");
        }
    }
}
