//! The thread that has the log's file: a disk may keep whoever touches it waiting for seconds, be it for a write, for a look
//! at a path, or for a new file, and the log core has to be there for the shards and for the operator meanwhile.
//!
//! Takes lines, and the wish to look after the file; gives back how many bytes it took, or why it did not, and whether it is
//! another one now.
//!
//! Invariant: one task is under way at most, and nothing else is begun before it is known what became of it; from the first on
//! nobody else touches the file.

use super::file::{Followed, LogFile};
use std::fs::File;
use std::io;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, SyncSender, TryRecvError, sync_channel};
use std::time::Duration;

/// How long is waited for a task that was just given: a disk that is well has done it in far less.
const GRACE: Duration = Duration::from_millis(20);

enum Task {
    /// The file itself, before all else.
    Have(LogFile),
    Write(Vec<u8>),
    Follow,
}

enum Done {
    Written(Vec<u8>, io::Result<usize>),
    Followed(After),
}

/// What a look after the file came to; of one that is no regular one, which others write to, the file.
pub struct After {
    pub followed: Followed,
    pub pipe: Option<Arc<File>>,
}

/// What the thread has to do.
#[derive(Clone, Copy, PartialEq, Eq)]
enum UnderWay {
    Nothing,
    /// So many bytes.
    Write(usize),
    Follow,
}

/// The log core's end of it.
pub struct Disk {
    /// Until its thread takes it. That is started by whoever has the first task, so that it runs where that does.
    file: Option<LogFile>,
    thread: Option<Ends>,
    under_way: UnderWay,
    /// The memory of the last piece, for the next.
    spare: Vec<u8>,
}

struct Ends {
    tasks: SyncSender<Task>,
    done: Receiver<Done>,
}

impl Disk {
    pub fn new(file: LogFile) -> Self {
        Self { file: Some(file), thread: None, under_way: UnderWay::Nothing, spare: vec![] }
    }

    /// Bytes of which it is not known yet what became of them.
    pub fn under_way(&self) -> usize {
        match self.under_way {
            UnderWay::Write(bytes) => bytes,
            UnderWay::Nothing | UnderWay::Follow => 0,
        }
    }

    /// Whether something is under way.
    #[cfg(test)]
    pub fn is_busy(&self) -> bool {
        self.under_way != UnderWay::Nothing
    }

    /// Writes; gives how many bytes the file took, or 0 if that is not known yet, or something else is under way. Then the
    /// next call has the same bytes in front, and tells of those.
    ///
    /// # Errors
    /// The file's, or there is no thread for it.
    pub fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let done = match self.under_way {
            UnderWay::Follow => return Ok(0),
            UnderWay::Write(_) => self.done()?,
            UnderWay::Nothing => {
                let mut piece = std::mem::take(&mut self.spare);
                piece.clear();
                piece.extend_from_slice(bytes);
                self.give(Task::Write(piece), UnderWay::Write(bytes.len()))?
            }
        };
        match done {
            Some(Done::Written(piece, written)) => {
                self.spare = piece;
                written
            }
            Some(Done::Followed(_)) | None => Ok(0),
        }
    }

    /// Has the file be looked after, if nothing is under way: lines of which it is not known whether they are in it could be
    /// in either. What that comes to is told here, or by [`Disk::followed`].
    ///
    /// # Errors
    /// There is no thread for it.
    pub fn follow(&mut self) -> io::Result<Option<After>> {
        if self.under_way != UnderWay::Nothing {
            return Ok(None);
        }
        Ok(self.give(Task::Follow, UnderWay::Follow)?.and_then(Done::followed))
    }

    /// What a look after the file came to, if one was under way and is over.
    ///
    /// # Errors
    /// There is no thread for it any more.
    pub fn followed(&mut self) -> io::Result<Option<After>> {
        match self.under_way {
            UnderWay::Follow => Ok(self.done()?.and_then(Done::followed)),
            UnderWay::Nothing | UnderWay::Write(_) => Ok(None),
        }
    }

    /// Gives the thread a task, and waits a little for it.
    fn give(&mut self, task: Task, what: UnderWay) -> io::Result<Option<Done>> {
        let ends = match &mut self.thread {
            Some(ends) => ends,
            None => self.thread.insert(start(&mut self.file)?),
        };
        ends.tasks.send(task).map_err(|_| gone())?;
        self.under_way = what;
        let done = ends.done.recv_timeout(GRACE).ok();
        if done.is_some() {
            self.under_way = UnderWay::Nothing;
        }
        Ok(done)
    }

    /// What became of the task that is under way, if that is known.
    fn done(&mut self) -> io::Result<Option<Done>> {
        let Some(ends) = &self.thread else { return Err(gone()) };
        match ends.done.try_recv() {
            Ok(done) => {
                self.under_way = UnderWay::Nothing;
                Ok(Some(done))
            }
            Err(TryRecvError::Empty) => Ok(None),
            Err(TryRecvError::Disconnected) => Err(gone()),
        }
    }
}

impl Done {
    fn followed(self) -> Option<After> {
        match self {
            Done::Followed(after) => Some(after),
            Done::Written(..) => None,
        }
    }
}

fn gone() -> io::Error {
    io::Error::other("the thread that writes it has ended")
}

/// Starts the thread, which takes the file. It ends with the other end of its tasks.
///
/// # Errors
/// The system gives no more threads; the file stays where it was.
fn start(file: &mut Option<LogFile>) -> io::Result<Ends> {
    let (tasks, given) = sync_channel(1);
    let (back, done) = sync_channel(1);
    std::thread::Builder::new().name("logdisk".into()).spawn(move || run(&given, &back))?;
    let file = file.take().ok_or_else(gone)?;
    tasks.send(Task::Have(file)).map_err(|_| gone())?;
    Ok(Ends { tasks, done })
}

fn run(given: &Receiver<Task>, back: &SyncSender<Done>) {
    let mut log = None;
    for task in given {
        let done = match (task, &mut log) {
            (Task::Have(file), _) => {
                log = Some(file);
                continue;
            }
            (_, None) => return,
            (Task::Write(bytes), Some(file)) => {
                let written = file.write(&bytes);
                Done::Written(bytes, written)
            }
            (Task::Follow, Some(file)) => {
                let followed = file.follow();
                Done::Followed(After { followed, pipe: file.pipe() })
            }
        };
        if back.send(done).is_err() {
            return;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Read;
    use std::os::fd::OwnedFd;

    fn disk(end: impl Into<OwnedFd>) -> Disk {
        Disk::new(LogFile::of(File::from(end.into()), None).expect("an open pipe"))
    }

    /// What hangs is not waited for, is not given twice, and is told when it is done.
    #[test]
    fn a_disk_that_hangs() {
        let (mut reader, writer) = io::pipe().expect("a pipe");
        let mut disk = disk(writer);
        // More than a pipe holds.
        let bytes: Vec<u8> = (0..200_000).map(|number| number as u8).collect();
        for _ in 0..3 {
            assert_eq!(disk.write(&bytes).expect("no error"), 0);
            assert_eq!(disk.under_way(), bytes.len());
            assert!(
                disk.follow().expect("no error").is_none() && disk.followed().expect("no error").is_none()
            );
        }
        let mut read = vec![0; bytes.len()];
        reader.read_exact(&mut read).expect("all of it");
        let taken = loop {
            match disk.write(&bytes).expect("no error") {
                0 => std::thread::yield_now(),
                taken => break taken,
            }
        };
        assert!(taken == bytes.len() && read == bytes && disk.under_way() == 0);
        drop(disk);
        assert_eq!(reader.read(&mut read).expect("its end"), 0, "nothing came twice");
    }

    /// What the file says comes back.
    #[test]
    fn errors_come_back() {
        let (reader, _writer) = io::pipe().expect("a pipe");
        let mut disk = disk(reader);
        let error = loop {
            match disk.write(b"line\n") {
                Ok(taken) => assert_eq!(taken, 0),
                Err(error) => break error,
            }
        };
        assert!(error.raw_os_error().is_some() && disk.under_way() == 0, "{error}");
    }
}
