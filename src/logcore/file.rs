//! The access log's file: opened, written to, looked after, and opened anew when it was moved away.
//!
//! Takes its path and lines; gives what became of both.
//!
//! Invariant: whatever is called here may wait for a disk. The log core therefore calls nothing of it: the start does, before
//! anybody is served, and the thread that has the file (`disk`).

use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::os::fd::AsFd;
use std::os::unix::fs::{FileTypeExt as _, MetadataExt as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// An open log.
pub struct LogFile {
    file: Arc<File>,
    /// Where it was opened, unless it is standard output.
    path: Option<PathBuf>,
    /// No reader makes its writer wait, but its disk may.
    regular: bool,
    place: Place,
}

/// Where the file is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Place {
    Its,
    /// It was moved away, and there cannot be a new one: lines go where it is.
    Moved,
    /// The same when it was deleted: lines wait.
    Deleted,
}

/// What a look after the file came to.
pub enum Followed {
    /// It is the same one, and is there now.
    Same(Place),
    /// It is a new one, at the old one's path.
    Fresh,
}

impl LogFile {
    /// # Errors
    /// It cannot be opened for appending.
    pub fn open(path: &Path) -> io::Result<Self> {
        Self::of(append(path)?, Some(path.to_owned()))
    }

    /// # Errors
    /// It was closed.
    pub fn stdout() -> io::Result<Self> {
        Self::of(io::stdout().as_fd().try_clone_to_owned()?.into(), None)
    }

    /// # Errors
    /// The system does not tell what it is.
    pub fn of(file: File, path: Option<PathBuf>) -> io::Result<Self> {
        let regular = file.metadata()?.is_file();
        Ok(Self { file: Arc::new(file), path, regular, place: Place::Its })
    }

    /// What people know it by.
    pub fn name(&self) -> String {
        self.path.as_ref().map_or_else(|| "on standard output".into(), |path| path.display().to_string())
    }

    /// Whether it may be moved away.
    pub fn has_path(&self) -> bool {
        self.path.is_some()
    }

    /// The same file, if it is no disk that makes who writes to it wait, but a reader. That is known before.
    pub fn pipe(&self) -> Option<Arc<File>> {
        (!self.regular).then(|| self.file.clone())
    }

    /// Writes; gives how many bytes it took.
    ///
    /// # Errors
    /// The file's.
    pub fn write(&self, bytes: &[u8]) -> io::Result<usize> {
        (&*self.file).write(bytes)
    }

    /// Opens it anew if it was moved away or deleted. That this cannot be done is told once.
    pub fn follow(&mut self) -> Followed {
        let Some(path) = &self.path else { return Followed::Same(self.place) };
        if is_still(path, &self.file) {
            self.place = Place::Its;
            return Followed::Same(self.place);
        }
        match Self::open(path) {
            Ok(fresh) => {
                *self = fresh;
                Followed::Fresh
            }
            Err(error) => {
                self.lose(&error);
                Followed::Same(self.place)
            }
        }
    }

    /// Its path leads elsewhere or nowhere, and cannot be opened.
    fn lose(&mut self, error: &io::Error) {
        let deleted = self.file.metadata().is_ok_and(|open| open.nlink() == 0);
        let place = if deleted { Place::Deleted } else { Place::Moved };
        if self.place != place {
            let what = if deleted { "deleted: its lines wait" } else { "moved away: its lines follow it" };
            eprintln!("ringgate: the access log was {what}; {} cannot be opened: {error}", self.name());
        }
        self.place = place;
    }

    /// Has it be taken for one on a disk.
    #[cfg(test)]
    pub fn taken_for_regular(self) -> Self {
        Self { regular: true, ..self }
    }
}

fn append(path: &Path) -> io::Result<File> {
    if let Some(folder) = path.parent() {
        std::fs::create_dir_all(folder)?;
    }
    if std::fs::metadata(path).is_ok_and(|found| found.file_type().is_fifo()) {
        // For writing alone it would be opened when somebody reads it, and nothing would begin before. What nobody reads
        // waits in it.
        return OpenOptions::new().read(true).write(true).open(path);
    }
    OpenOptions::new().create(true).append(true).open(path)
}

fn is_still(path: &Path, file: &File) -> bool {
    let (Ok(at_path), Ok(open)) = (std::fs::metadata(path), file.metadata()) else { return false };
    (at_path.dev(), at_path.ino()) == (open.dev(), open.ino())
}
