//! Notices that the configuration may have changed: its files, and those that it refers to.
//!
//! Takes paths; gives requests to reload. Directories are watched, not files: editors and
//! orchestrators replace files, and a watch would stay on the old one.
//!
//! Invariant: reading the configuration is never taken for a change of it; what is changed between its reading and the watch is
//! noticed, too.

use crate::control::request::{Reason, Request};
use notify::event::{AccessKind, AccessMode};
use notify::{Event, EventKind, RecommendedWatcher, RecursiveMode, Watcher};
use std::collections::{BTreeSet, HashSet};
use std::fs::Metadata;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, PoisonError, RwLock};
use std::time::{Duration, SystemTime, UNIX_EPOCH};
use tokio::sync::{Notify, mpsc};
use tokio::time::{Instant, timeout, timeout_at};

/// A change is taken up when nothing more happened for so long.
const QUIET: Duration = Duration::from_millis(200);
/// A change is taken up after so long, even if more happens.
const PATIENCE: Duration = Duration::from_secs(2);

/// Watches a set of files.
pub struct FileWatch {
    watcher: RecommendedWatcher,
    directories: BTreeSet<PathBuf>,
    interest: Arc<RwLock<HashSet<PathBuf>>>,
    changed: Arc<Notify>,
}

impl FileWatch {
    /// Watches nothing yet. `changed` is notified of each change in the files of [`FileWatch::follow`].
    ///
    /// # Errors
    /// The system has no more watches.
    pub fn new(changed: Arc<Notify>) -> notify::Result<Self> {
        let interest: Arc<RwLock<HashSet<PathBuf>>> = Arc::default();
        let (known, tell) = (interest.clone(), changed.clone());
        let watcher = notify::recommended_watcher(move |event: notify::Result<Event>| {
            let concerns_us = |event: &Event| {
                let known = known.read().unwrap_or_else(PoisonError::into_inner);
                is_change(event.kind) && event.paths.iter().any(|path| known.contains(path) || is_swap(path))
            };
            // An error means that events were lost.
            if event.as_ref().map_or(true, concerns_us) {
                tell.notify_one();
            }
        })?;
        Ok(Self { watcher, directories: BTreeSet::new(), interest, changed })
    }

    /// Notifies of a change that the files of [`FileWatch::follow`] have seen since then: nobody watched yet.
    pub fn look_back(&self, since: SystemTime) {
        let known = self.interest.read().unwrap_or_else(PoisonError::into_inner);
        if known.iter().any(|path| has_changed(path, since)) {
            self.changed.notify_one();
        }
    }

    /// Watches these files from now on, and no others. Gives the directories that cannot be watched.
    pub fn follow(&mut self, files: &[PathBuf]) -> Vec<(PathBuf, notify::Error)> {
        let paths: HashSet<PathBuf> = files.iter().flat_map(|file| aliases(file)).collect();
        let wanted: BTreeSet<PathBuf> =
            paths.iter().filter_map(|path| path.parent().map(Path::to_owned)).collect();
        *self.interest.write().unwrap_or_else(PoisonError::into_inner) = paths;
        for gone in self.directories.difference(&wanted) {
            if self.watcher.unwatch(gone).is_err() {
                // It was removed, and its watch with it.
            }
        }
        let mut failures = Vec::new();
        let mut watched = BTreeSet::new();
        for directory in wanted {
            // Watched anew each time: a directory of the same name may be another one by now.
            match self.watcher.watch(&directory, RecursiveMode::NonRecursive) {
                Ok(()) => {
                    watched.insert(directory);
                }
                Err(e) => failures.push((directory, e)),
            }
        }
        self.directories = watched;
        failures
    }
}

/// Whether a file, or a link to it, was written or put there since then. Times to come are those of another machine's clock.
fn has_changed(path: &Path, since: SystemTime) -> bool {
    let moment = |at: SystemTime| {
        let at = at.duration_since(UNIX_EPOCH).unwrap_or_default();
        (at.as_secs().cast_signed(), i64::from(at.subsec_nanos()))
    };
    let (since, now) = (moment(since), moment(SystemTime::now()));
    let later = |data: Metadata| {
        let changed = (data.ctime(), data.ctime_nsec());
        changed > since && changed <= now
    };
    [path.symlink_metadata(), path.metadata()].into_iter().any(|data| data.is_ok_and(later))
}

/// A file's own path, and where its links lead.
fn aliases(file: &Path) -> impl Iterator<Item = PathBuf> {
    [std::path::absolute(file).ok(), file.canonicalize().ok()].into_iter().flatten()
}

/// Everything but reading.
fn is_change(kind: EventKind) -> bool {
    !kind.is_access() || kind == EventKind::Access(AccessKind::Close(AccessMode::Write))
}

/// Kubernetes swaps the link `..data` when a mounted map changes.
fn is_swap(path: &Path) -> bool {
    path.file_name().is_some_and(|name| name == "..data")
}

/// Turns changes of files into requests, once each burst of them is over. Ends with the receiver.
pub async fn files(changed: Arc<Notify>, requests: mpsc::Sender<Request>) {
    loop {
        changed.notified().await;
        let patience = Instant::now() + PATIENCE;
        let burst = async { while timeout(QUIET, changed.notified()).await.is_ok() {} };
        if timeout_at(patience, burst).await.is_err() {
            // Still busy, but long enough: what is there now is tried.
        }
        if requests.send(Request::of(Reason::FilesChanged)).await.is_err() {
            return;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::control::scratch::Scratch;

    /// So long a test waits for what must come.
    const LONG: Duration = Duration::from_secs(20);

    async fn noticed(changed: &Notify) {
        timeout(LONG, changed.notified()).await.expect("a change is noticed");
    }

    /// Writing, replacing and removing a followed file is noticed; a neighbour's change is not.
    #[tokio::test]
    async fn changes_are_noticed() {
        let scratch = Scratch::new();
        let (file, other) = (scratch.write("gateway.yaml", "a"), scratch.path.join("neighbour"));
        let changed = Arc::new(Notify::new());
        let mut watch = FileWatch::new(changed.clone()).expect("a watcher");
        assert!(watch.follow(std::slice::from_ref(&file)).is_empty());

        scratch.write("neighbour", "x");
        scratch.write("gateway.yaml", "b");
        noticed(&changed).await;
        std::fs::rename(&other, &file).expect("a rename");
        noticed(&changed).await;
        std::fs::remove_file(&file).expect("a removal");
        noticed(&changed).await;
    }

    /// A burst of changes is one request, and reading is none.
    #[tokio::test]
    async fn bursts_are_one_request() {
        let scratch = Scratch::new();
        let file = scratch.write("gateway.yaml", "a");
        let changed = Arc::new(Notify::new());
        let mut watch = FileWatch::new(changed.clone()).expect("a watcher");
        assert!(watch.follow(std::slice::from_ref(&file)).is_empty());
        let (sender, mut requests) = mpsc::channel(8);
        let task = tokio::spawn(files(changed.clone(), sender));
        for i in 0..50 {
            scratch.write("gateway.yaml", &i.to_string());
        }
        let request = timeout(LONG, requests.recv()).await.expect("in time").expect("a request");
        assert_eq!(request.reason, Reason::FilesChanged);
        assert_eq!(std::fs::read_to_string(&file).expect("the file"), "49");
        assert!(timeout(QUIET * 2, requests.recv()).await.is_err(), "nothing else happened");
        drop(requests);
        scratch.write("gateway.yaml", "end");
        timeout(LONG, task).await.expect("in time").expect("it ends with its receiver");
    }

    /// What is reached by a link is followed to where it is.
    #[tokio::test]
    async fn links_are_followed() {
        let (links, data) = (Scratch::new(), Scratch::new());
        let (target, link) = (data.write("real.pem", "a"), links.path.join("cert.pem"));
        std::os::unix::fs::symlink(&target, &link).expect("a link");
        let changed = Arc::new(Notify::new());
        let mut watch = FileWatch::new(changed.clone()).expect("a watcher");
        assert!(watch.follow(&[link]).is_empty());
        data.write("real.pem", "b");
        noticed(&changed).await;
    }

    /// What happened before the watch began is noticed when it is looked for, whatever it was; what was before that is not.
    #[tokio::test]
    async fn changes_of_before_are_noticed() {
        let (links, data) = (Scratch::new(), Scratch::new());
        let (file, other) = (data.write("gateway.yaml", "a"), data.write("other.yaml", "b"));
        let link = links.path.join("link.yaml");
        std::os::unix::fs::symlink(&other, &link).expect("a link");
        // The clock of files is coarse.
        tokio::time::sleep(Duration::from_millis(50)).await;
        let all = [file.clone(), link.clone()];
        let changes: [&dyn Fn(); 3] = [
            &|| drop(data.write("gateway.yaml", "c")),
            &|| std::fs::rename(data.write("new.yaml", "d"), &file).expect("a rename"),
            &|| drop(data.write("other.yaml", "e")),
        ];
        for change in changes {
            let since = SystemTime::now();
            tokio::time::sleep(Duration::from_millis(50)).await;
            let changed = Arc::new(Notify::new());
            let mut watch = FileWatch::new(changed.clone()).expect("a watcher");
            assert!(watch.follow(&all).is_empty());
            watch.look_back(since);
            assert!(timeout(QUIET / 2, changed.notified()).await.is_err(), "nothing happened");
            drop(watch);
            change();
            let mut watch = FileWatch::new(changed.clone()).expect("a watcher");
            assert!(watch.follow(&all).is_empty());
            watch.look_back(since);
            noticed(&changed).await;
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }

    /// A directory that does not exist is told.
    #[test]
    fn missing_directories() {
        let mut watch = FileWatch::new(Arc::default()).expect("a watcher");
        assert_eq!(watch.follow(&["/nonexistent/file".into()]).len(), 1);
    }
}
