//! The thread that writes to the log's file: a disk may keep whoever writes waiting for seconds, and the log core has to be
//! there for the shards and for the operator meanwhile.
//!
//! Takes lines and their file; gives back how many bytes that took, or why it did not.
//!
//! Invariant: one piece is under way at most, and nothing else is written before it is known what became of it.

use std::fs::File;
use std::io::{self, Write};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, TryRecvError, sync_channel};
use std::time::Duration;

/// How long is waited for a piece that was just given: a disk that is well takes it in far less.
const GRACE: Duration = Duration::from_millis(20);

struct Piece {
    file: Arc<File>,
    bytes: Vec<u8>,
}

/// The log core's end of it.
pub struct Disk {
    pieces: SyncSender<Piece>,
    done: Receiver<(Vec<u8>, io::Result<usize>)>,
    /// Bytes that are under way.
    lent: usize,
    /// The memory of the last piece, for the next.
    spare: Vec<u8>,
}

impl Disk {
    /// Starts the thread. It ends with this.
    ///
    /// # Errors
    /// The system gives no more threads.
    pub fn start() -> io::Result<Self> {
        let (pieces, given) = sync_channel::<Piece>(1);
        let (back, done) = sync_channel(1);
        std::thread::Builder::new().name("logdisk".into()).spawn(move || {
            for Piece { file, bytes } in given {
                let written = (&*file).write(&bytes);
                drop(file);
                if back.send((bytes, written)).is_err() {
                    return;
                }
            }
        })?;
        Ok(Self { pieces, done, lent: 0, spare: vec![] })
    }

    /// Bytes of which it is not known yet what became of them.
    pub fn under_way(&self) -> usize {
        self.lent
    }

    /// Writes; gives how many bytes the file took, or 0 if that is not known yet. Then the next call has the same bytes in
    /// front, and tells of those.
    ///
    /// # Errors
    /// The file's.
    pub fn write(&mut self, file: &Arc<File>, bytes: &[u8]) -> io::Result<usize> {
        let gone = || io::Error::other("the thread that writes it has ended");
        let (piece, written) = if self.lent > 0 {
            match self.done.try_recv() {
                Ok(done) => done,
                Err(TryRecvError::Empty) => return Ok(0),
                Err(TryRecvError::Disconnected) => return Err(gone()),
            }
        } else {
            let mut piece = std::mem::take(&mut self.spare);
            piece.clear();
            piece.extend_from_slice(bytes);
            self.pieces.send(Piece { file: file.clone(), bytes: piece }).map_err(|_| gone())?;
            self.lent = bytes.len();
            match self.done.recv_timeout(GRACE) {
                Ok(done) => done,
                Err(RecvTimeoutError::Timeout) => return Ok(0),
                Err(RecvTimeoutError::Disconnected) => return Err(gone()),
            }
        };
        (self.lent, self.spare) = (0, piece);
        written
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Read;
    use std::os::fd::OwnedFd;

    /// What hangs is not waited for, is not given twice, and is told when it is done.
    #[test]
    fn a_disk_that_hangs() {
        let (mut reader, writer) = io::pipe().expect("a pipe");
        let file = Arc::new(File::from(OwnedFd::from(writer)));
        let mut disk = Disk::start().expect("a thread");
        // More than a pipe holds.
        let bytes: Vec<u8> = (0..200_000).map(|number| number as u8).collect();
        for _ in 0..3 {
            assert_eq!(disk.write(&file, &bytes).expect("no error"), 0);
            assert_eq!(disk.under_way(), bytes.len());
        }
        let mut read = vec![0; bytes.len()];
        reader.read_exact(&mut read).expect("all of it");
        let taken = loop {
            match disk.write(&file, &bytes).expect("no error") {
                0 => std::thread::yield_now(),
                taken => break taken,
            }
        };
        assert!(taken == bytes.len() && read == bytes && disk.under_way() == 0);
        drop((disk, file));
        assert_eq!(reader.read(&mut read).expect("its end"), 0, "nothing came twice");
    }

    /// What the file says comes back.
    #[test]
    fn errors_come_back() {
        let (reader, _writer) = io::pipe().expect("a pipe");
        let file = Arc::new(File::from(OwnedFd::from(reader)));
        let mut disk = Disk::start().expect("a thread");
        let error = loop {
            match disk.write(&file, b"line\n") {
                Ok(taken) => assert_eq!(taken, 0),
                Err(error) => break error,
            }
        };
        assert!(error.raw_os_error().is_some() && disk.under_way() == 0, "{error}");
    }
}
