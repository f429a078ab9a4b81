//! Where lines end up. A full disk or a closed pipe costs lines, which are counted, and nothing else.

use super::AccessLog;
use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

enum Target {
    Stdout(io::Stdout),
    File { path: PathBuf, file: File },
    None,
}

/// The access log's end.
pub struct Sink {
    target: Target,
    lost_lines: u64,
    failing: bool,
}

impl Sink {
    /// # Errors
    /// The file cannot be opened for appending.
    pub fn open(log: &AccessLog) -> io::Result<Self> {
        let target = match log {
            AccessLog::Stdout => Target::Stdout(io::stdout()),
            AccessLog::File(path) => Target::File { path: path.clone(), file: append(path)? },
            AccessLog::None => Target::None,
        };
        Ok(Self { target, lost_lines: 0, failing: false })
    }

    pub fn is_wanted(&self) -> bool {
        !matches!(self.target, Target::None)
    }

    /// Writes whole lines and empties the buffer.
    pub fn write(&mut self, lines: &mut Vec<u8>) {
        if lines.is_empty() {
            return;
        }
        let result = match &mut self.target {
            Target::Stdout(out) => out.write_all(lines).and_then(|()| out.flush()),
            Target::File { file, .. } => file.write_all(lines),
            Target::None => Ok(()),
        };
        if let Err(error) = &result {
            self.lost_lines += memchr::memchr_iter(b'\n', lines).count() as u64;
            if !self.failing {
                eprintln!("ringgate: the access log cannot be written, lines are lost: {error}");
            }
        }
        self.failing = result.is_err();
        lines.clear();
    }

    /// Lines that could not be written since the start.
    pub fn lost_lines(&self) -> u64 {
        self.lost_lines
    }

    /// Opens the file anew if it was moved away.
    pub fn follow_rotation(&mut self) {
        if let Target::File { path, file } = &mut self.target
            && !is_still(path, file)
            && let Ok(fresh) = append(path)
        {
            *file = fresh;
        }
    }
}

fn append(path: &Path) -> io::Result<File> {
    if let Some(folder) = path.parent() {
        std::fs::create_dir_all(folder)?;
    }
    OpenOptions::new().create(true).append(true).open(path)
}

fn is_still(path: &Path, file: &File) -> bool {
    let (Ok(at_path), Ok(open)) = (std::fs::metadata(path), file.metadata()) else { return false };
    (at_path.dev(), at_path.ino()) == (open.dev(), open.ino())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// After its file was moved away, the log goes on in a new one, and no line is lost.
    #[test]
    fn a_rotated_log_goes_on() {
        let folder = std::env::temp_dir().join(format!("ringgate-sink-{}", std::process::id()));
        let path = folder.join("access.log");
        let mut sink = Sink::open(&AccessLog::File(path.clone())).expect("a temporary folder");
        sink.write(&mut b"one\n".to_vec());
        std::fs::rename(&path, folder.join("access.log.1")).expect("just written");
        sink.follow_rotation();
        sink.write(&mut b"two\n".to_vec());
        assert_eq!(std::fs::read(folder.join("access.log.1")).expect("moved"), b"one\n");
        assert_eq!(std::fs::read(&path).expect("new"), b"two\n");
        std::fs::remove_dir_all(folder).expect("ours");
    }

    /// A disk without room costs lines and counts them.
    #[test]
    fn a_full_disk_is_counted() {
        let Ok(mut sink) = Sink::open(&AccessLog::File("/dev/full".into())) else { return };
        sink.write(&mut b"one\ntwo\n".to_vec());
        assert_eq!(sink.lost_lines(), 2);
    }
}
