//! Where lines end up, and where they wait when it takes none: a full disk, one that hangs, a pipe that nobody reads.
//!
//! Invariant: nothing here waits for a disk or for whoever reads; a line is lost only where the overflow policy says so or the
//! process ends, and then it is counted; what is written is whole lines. Nothing is written to a file that was deleted, if
//! there cannot be a new one.

use super::disk::{After, Disk};
use super::file::{Followed, LogFile, Place};
use super::{AccessLog, WhenFull};
use crate::base::clock::Moment;
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use std::fs::File;
use std::io::{self, Write};
use std::sync::Arc;

/// Lines that wait in memory; more of them stay in the shards' rings, or are dropped.
const WAITING_BYTES: usize = 48 * 1024;
/// Bytes that a pipe which says that it can be written to takes without waiting (`PIPE_BUF`).
const PIPE_BYTES: usize = 4096;
/// How long nothing can be written before that is a stall: a reader may pause.
const STALL_US: u64 = 1_000_000;

struct Target {
    name: String,
    has_path: bool,
    place: Place,
    /// The file, if its reader may make who writes to it wait: then it says so before. Closing it waits for nobody.
    pipe: Option<Arc<File>>,
    /// Whoever has the file.
    disk: Disk,
}

/// The access log's end.
pub struct Sink {
    /// None if no log is wanted.
    target: Option<Target>,
    when_full: WhenFull,
    lines: Vec<u8>,
    /// Bytes of the first line that are written.
    written: usize,
    /// Since when nothing could be written, if lines waited.
    stuck_since: Option<Moment>,
    failing: bool,
    lost_lines: u64,
}

impl Sink {
    /// # Errors
    /// The file cannot be opened for appending.
    pub fn open(log: &AccessLog, when_full: WhenFull) -> io::Result<Self> {
        let target = match log {
            AccessLog::Stdout => Some(LogFile::stdout()?),
            AccessLog::File(path) => Some(LogFile::open(path)?),
            AccessLog::None => None,
        };
        Ok(Self {
            target: target.map(Target::of),
            when_full,
            lines: Vec::with_capacity(64 * 1024),
            written: 0,
            stuck_since: None,
            failing: false,
            lost_lines: 0,
        })
    }

    /// Where the next line goes; none if no log is wanted.
    pub fn tail(&mut self) -> Option<&mut Vec<u8>> {
        self.target.is_some().then_some(&mut self.lines)
    }

    /// Whether so much waits that it should be written.
    pub fn is_full(&self) -> bool {
        self.waiting() > WAITING_BYTES
    }

    /// Whether nothing waits.
    pub fn is_empty(&self) -> bool {
        self.waiting() == 0
    }

    /// Writes as much as is taken without waiting.
    pub fn write(&mut self, now: Moment) {
        let settled = self.settle();
        let before = self.written;
        let result = settled.and_then(|()| self.push());
        if let Err(error) = &result
            && !self.failing
        {
            let name = self.target.as_ref().map_or("", |target| &target.name);
            eprintln!("ringgate: the access log {name} takes no lines: {error}");
        }
        self.failing = result.is_err();
        if self.written > before {
            self.stuck_since = (!self.is_empty()).then_some(now);
        } else if !self.is_empty() {
            self.stuck_since.get_or_insert(now);
        }
        self.forget_written();
        if self.is_full() && self.when_full == WhenFull::Drop {
            self.drop_waiting();
        }
    }

    /// Whether lines have waited for some time.
    pub fn is_stalled(&self, now: Moment) -> bool {
        self.stuck_since.is_some_and(|since| now.micros_since(since) >= STALL_US)
    }

    /// Gives up the lines that wait, except the rest of one that was begun, and those that are under way.
    pub fn drop_waiting(&mut self) {
        let begun = memchr::memchr(b'\n', &self.lines[self.written..])
            .map_or(self.written, |end| self.written + end + 1);
        let kept = if self.written > 0 { begun } else { 0 };
        // What is under way ends with a line.
        let kept = kept.max(self.written + self.bytes_under_way());
        self.lost_lines += memchr::memchr_iter(b'\n', &self.lines[kept..]).count() as u64;
        self.lines.truncate(kept);
    }

    /// Lines that were lost since the start.
    pub fn lost_lines(&self) -> u64 {
        self.lost_lines
    }

    /// Lines that the disk has neither taken nor refused.
    pub fn lines_under_way(&self) -> u64 {
        let bytes = &self.lines[self.written..self.written + self.bytes_under_way()];
        memchr::memchr_iter(b'\n', bytes).count() as u64
    }

    fn bytes_under_way(&self) -> usize {
        self.target.as_ref().map_or(0, |target| target.disk.under_way())
    }

    /// Has the file be opened anew if it was moved away or deleted. Where that is not done at once, what came of it is seen
    /// with the next lines; where something is under way, nothing is begun.
    pub fn follow_rotation(&mut self) {
        // If there is no thread for it, that is told of the lines that wait for it.
        drop(self.settle());
        let Some(target) = self.target.as_mut().filter(|target| target.has_path) else { return };
        if let Ok(Some(after)) = target.disk.follow() {
            self.go_on_with(after);
        }
    }

    /// Goes on with what a look after the file came to, if one is over.
    fn settle(&mut self) -> io::Result<()> {
        let Some(target) = &mut self.target else { return Ok(()) };
        if let Some(after) = target.disk.followed()? {
            self.go_on_with(after);
        }
        Ok(())
    }

    fn go_on_with(&mut self, after: After) {
        let Some(target) = &mut self.target else { return };
        target.pipe = after.pipe;
        match after.followed {
            Followed::Same(place) => target.place = place,
            Followed::Fresh => {
                target.place = Place::Its;
                // A line that was begun in the old file is whole in the new one.
                self.written = 0;
            }
        }
    }

    /// Forgets the lines that are out.
    fn forget_written(&mut self) {
        let out = memchr::memrchr(b'\n', &self.lines[..self.written]).map_or(0, |end| end + 1);
        self.lines.drain(..out);
        self.written -= out;
    }

    fn waiting(&self) -> usize {
        self.lines.len() - self.written
    }

    fn push(&mut self) -> io::Result<()> {
        let Some(target) = &mut self.target else { return Ok(()) };
        while self.written < self.lines.len() {
            match target.write(&self.lines[self.written..]) {
                Ok(0) => return Ok(()),
                Ok(n) => self.written += n,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }
}

impl Target {
    fn of(file: LogFile) -> Self {
        let (name, has_path, pipe) = (file.name(), file.has_path(), file.pipe());
        Self { name, has_path, place: Place::Its, pipe, disk: Disk::new(file) }
    }

    /// Writes what is taken without waiting; 0 if nothing is.
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if self.place == Place::Deleted {
            return Err(io::ErrorKind::NotFound.into());
        }
        let Some(pipe) = &self.pipe else { return self.disk.write(bytes) };
        let mut asked = [PollFd::new(&**pipe, PollFlags::OUT)];
        if poll(&mut asked, Some(&Timespec { tv_sec: 0, tv_nsec: 0 }))? == 0 {
            return Ok(0);
        }
        (&**pipe).write(&bytes[..bytes.len().min(PIPE_BYTES)])
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Read;
    use std::path::Path;

    fn put(sink: &mut Sink, lines: &[u8]) {
        sink.tail().expect("a log is wanted").extend_from_slice(lines);
        sink.write(Moment(1));
    }

    /// The same on a disk that takes its time, as one of a busy machine may.
    fn put_slowly(sink: &mut Sink, lines: &[u8]) {
        put(sink, lines);
        settle(sink);
    }

    fn follow_slowly(sink: &mut Sink) {
        sink.follow_rotation();
        settle(sink);
    }

    fn settle(sink: &mut Sink) {
        while sink.target.as_ref().is_some_and(|target| target.disk.is_busy()) {
            sink.write(Moment(1));
        }
    }

    /// After its file was moved away, the log goes on in a new one, and no line is lost.
    #[test]
    fn a_rotated_log_goes_on() {
        let folder = std::env::temp_dir().join(format!("ringgate-sink-{}", std::process::id()));
        let path = folder.join("access.log");
        let mut sink =
            Sink::open(&AccessLog::File(path.clone()), WhenFull::Keep).expect("a temporary folder");
        put_slowly(&mut sink, b"one\n");
        std::fs::rename(&path, folder.join("access.log.1")).expect("just written");
        follow_slowly(&mut sink);
        put_slowly(&mut sink, b"two\n");
        assert_eq!(std::fs::read(folder.join("access.log.1")).expect("moved"), b"one\n");
        assert_eq!(std::fs::read(&path).expect("new"), b"two\n");
        std::fs::remove_dir_all(folder).expect("ours");
    }

    /// A file that was moved away takes lines until there can be a new one; of one that was deleted they are kept, and told
    /// to have waited.
    #[test]
    fn a_log_without_a_place() {
        for deleted in [false, true] {
            let folder = std::env::temp_dir().join(format!("ringgate-sink-{}-{deleted}", std::process::id()));
            let (logs, moved) = (folder.join("logs"), folder.join("moved"));
            let path = logs.join("access.log");
            let mut sink =
                Sink::open(&AccessLog::File(path.clone()), WhenFull::Keep).expect("a temporary folder");
            put_slowly(&mut sink, b"one\n");
            if deleted {
                std::fs::remove_dir_all(&logs).expect("ours");
            } else {
                std::fs::rename(&logs, &moved).expect("ours");
            }
            // A file where the folder was: nothing can be made in it.
            std::fs::write(&logs, b"").expect("ours");
            follow_slowly(&mut sink);
            put_slowly(&mut sink, b"two\n");
            assert_eq!((sink.is_empty(), sink.is_stalled(Moment(1 + STALL_US))), (!deleted, deleted));
            std::fs::remove_file(&logs).expect("ours");
            follow_slowly(&mut sink);
            put_slowly(&mut sink, b"three\n");
            assert!(sink.is_empty() && !sink.is_stalled(Moment(1 + STALL_US)) && sink.lost_lines() == 0);
            let read = |path: &Path| String::from_utf8(std::fs::read(path).expect("a log")).expect("text");
            if deleted {
                assert_eq!(read(&path), "two\nthree\n");
            } else {
                assert_eq!(
                    (read(&path).as_str(), read(&moved.join("access.log")).as_str()),
                    ("three\n", "one\ntwo\n")
                );
            }
            std::fs::remove_dir_all(folder).expect("ours");
        }
    }

    /// A disk without room keeps lines waiting up to a bound; beyond it they are kept or dropped and counted.
    #[test]
    fn a_full_disk_keeps_or_drops() {
        for when_full in [WhenFull::Keep, WhenFull::Drop] {
            let Ok(mut sink) = Sink::open(&AccessLog::File("/dev/full".into()), when_full) else { return };
            put(&mut sink, b"one\ntwo\n");
            assert!(sink.lost_lines() == 0 && !sink.is_empty());
            assert!(!sink.is_stalled(Moment(STALL_US)) && sink.is_stalled(Moment(1 + STALL_US)));
            put(&mut sink, &b"x\n".repeat(WAITING_BYTES / 2));
            let lost = if when_full == WhenFull::Keep { 0 } else { 2 + WAITING_BYTES as u64 / 2 };
            assert_eq!((sink.lost_lines(), sink.is_full()), (lost, when_full == WhenFull::Keep));
            sink.write(Moment(2));
            assert!(
                sink.is_stalled(Moment(1 + STALL_US)),
                "that lines were dropped makes no room on the disk"
            );
        }
    }

    /// A pipe that nobody reads is not waited for, nor is a disk that hangs, and what comes out in the end is whole lines,
    /// though some in the middle were dropped.
    #[test]
    fn what_hangs_gives_whole_lines() {
        what_hangs(false);
        what_hangs(true);
    }

    /// A pipe, or one that is taken for a file.
    fn what_hangs(regular: bool) {
        let (mut reader, writer) = io::pipe().expect("a pipe");
        let mut sink = Sink::open(&AccessLog::None, WhenFull::Drop).expect("nothing is opened");
        let file = File::from(std::os::fd::OwnedFd::from(writer));
        let file = LogFile::of(file, None).expect("an open pipe");
        sink.target = Some(Target::of(if regular { file.taken_for_regular() } else { file }));
        let line = [&[b'x'; 998][..], b"y\n"].concat();
        for _ in 0..300 {
            put(&mut sink, &line);
        }
        assert!(sink.lost_lines() > 0 && sink.is_stalled(Moment(2 + STALL_US)));
        let reading = std::thread::spawn(move || {
            let mut all = Vec::new();
            reader.read_to_end(&mut all).map(|_| all)
        });
        while !sink.is_empty() {
            sink.write(Moment(1));
        }
        assert!(!sink.is_stalled(Moment(2 + STALL_US)));
        let lost = sink.lost_lines();
        assert_eq!(sink.lines_under_way(), 0);
        drop(sink);
        let all = reading.join().expect("no panic").expect("read to the end");
        assert!(all.chunks(1000).all(|read| read == line));
        assert_eq!(all.len() as u64 / 1000 + lost, 300);
    }
}
