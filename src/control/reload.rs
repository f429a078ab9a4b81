//! Takes up new configurations while the process serves.
//!
//! Takes requests (a file changed, SIGHUP, the operator asked); compiles; publishes the snapshot, or keeps the old
//! one and says why.
//!
//! Invariant: a bad configuration is refused whole, and what is published has the listeners that are really open.

use crate::base::clock;
use crate::contract::names::Names;
use crate::contract::snapshot::{Access, Listener, Snapshot};
use crate::control::config::{self, Compiled, Complaint, Reachable, Settings, Source};
use crate::control::credentials::{self, Kept};
use crate::control::log;
use crate::control::request::{Outcome, Published, Reason, Request};
use crate::control::retire::Retired;
use crate::control::watch::FileWatch;
use arc_swap::ArcSwap;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::{Duration, SystemTime};
use tokio::sync::{mpsc, watch};

/// How often it is looked whether retired snapshots can go.
const SWEEP: Duration = Duration::from_secs(1);
/// How long a configuration may wait for its credentials before it is published without them.
const PREPARE: Duration = Duration::from_secs(3);

/// For metrics.
#[derive(Default, Debug)]
pub struct Counts {
    pub published: AtomicU64,
    pub refused: AtomicU64,
    /// Version of the configuration that is served by.
    pub version: AtomicU64,
    /// When it was published, in seconds since 1970.
    pub published_unix: AtomicU64,
    /// Replaced snapshots that are still in use.
    pub retired: AtomicU64,
}

/// Compiles and publishes.
pub struct Reloader {
    source: Source,
    /// When it was read last.
    read_at: SystemTime,
    running: Settings,
    names: Arc<Names>,
    origins: config::Origins,
    published: Arc<ArcSwap<Snapshot>>,
    resolve: watch::Sender<Arc<[Reachable]>>,
    passes: watch::Sender<Arc<[Kept]>>,
    files: Vec<PathBuf>,
    watch: Option<FileWatch>,
    retired: Retired,
    counts: Arc<Counts>,
}

impl Reloader {
    /// Goes on from the configuration that the process started with, and makes its snapshot the published one.
    pub fn new(source: Source, started: Compiled, names: Arc<Names>, origins: config::Origins) -> Self {
        let counts = Arc::new(Counts::default());
        counts.version.store(started.snapshot.version, Relaxed);
        counts.published_unix.store(clock::unix_seconds(), Relaxed);
        Self {
            source,
            read_at: SystemTime::now(),
            running: started.settings,
            names,
            origins,
            published: Arc::new(ArcSwap::from_pointee(started.snapshot)),
            resolve: watch::Sender::new(started.origins.into()),
            passes: watch::Sender::new(started.passes.into()),
            files: started.files,
            watch: None,
            retired: Retired::default(),
            counts,
        }
    }

    /// Takes what has changed since then for a change: the configuration was read after that.
    #[must_use]
    pub fn since(self, read_at: SystemTime) -> Self {
        Self { read_at, ..self }
    }

    /// What shards serve by.
    pub fn published(&self) -> Arc<ArcSwap<Snapshot>> {
        self.published.clone()
    }

    /// What the resolver keeps fresh.
    pub fn resolve(&self) -> watch::Receiver<Arc<[Reachable]>> {
        self.resolve.subscribe()
    }

    /// What the keeper of credentials keeps fresh.
    pub fn passes(&self) -> watch::Receiver<Arc<[Kept]>> {
        self.passes.subscribe()
    }

    pub fn counts(&self) -> Arc<Counts> {
        self.counts.clone()
    }

    /// Lets this watch follow the configuration's files from now on.
    pub fn follow_with(&mut self, watch: FileWatch) {
        self.watch = Some(watch);
        self.follow();
    }

    /// Serves requests until all their senders are gone.
    pub async fn run(mut self, mut requests: mpsc::Receiver<Request>) {
        let mut sweep = tokio::time::interval(SWEEP);
        loop {
            tokio::select! {
                _ = sweep.tick() => self.sweep(),
                request = requests.recv() => match request {
                    None => return,
                    Some(request) => self.serve(request).await,
                },
            }
        }
    }

    fn sweep(&mut self) {
        self.counts.retired.store(self.retired.sweep() as u64, Relaxed);
    }

    async fn serve(&mut self, request: Request) {
        let outcome = self.reload().await;
        tell(request.reason, &outcome);
        if let Some(reply) = request.reply
            && reply.send(outcome).is_err()
        {
            // Who asked did not wait.
        }
    }

    /// Compiles the configuration as it is now, and publishes it if there is nothing to complain about.
    ///
    /// # Errors
    /// All complaints; the old configuration stays.
    pub async fn reload(&mut self) -> Outcome {
        let outcome = match self.compile() {
            Ok(compiled) => {
                self.prepare(&compiled.passes).await;
                Ok(self.publish(compiled))
            }
            Err(complaints) => Err(complaints),
        };
        let count = if outcome.is_ok() { &self.counts.published } else { &self.counts.refused };
        count.fetch_add(1, Relaxed);
        outcome
    }

    fn compile(&mut self) -> Result<Compiled, Vec<Complaint>> {
        self.read_at = SystemTime::now();
        let source = match &self.source.path {
            Some(path) => Source::read(path.clone()).map_err(|complaint| vec![complaint])?,
            None => self.source.clone(),
        };
        let version = self.counts.version.load(Relaxed) + 1;
        let compiled = config::compile(&source, &self.names, &mut self.origins, version)?;
        let exposed = exposed(&source, &self.running, compiled.snapshot.access);
        if exposed.is_empty() { Ok(compiled) } else { Err(exposed) }
    }

    /// Has credentials fetched that are new, while the old configuration serves.
    async fn prepare(&self, passes: &[Kept]) {
        let both: Arc<[Kept]> = self.passes.borrow().iter().chain(passes).cloned().collect();
        self.passes.send_replace(both);
        credentials::first_passes(passes, PREPARE).await;
    }

    fn publish(&mut self, compiled: Compiled) -> Published {
        let Compiled { settings, mut snapshot, warnings, origins, passes, files } = compiled;
        let version = snapshot.version;
        let open = self.published.load_full();
        snapshot.listeners = carry_over(snapshot.listeners, &open.listeners);
        tell_of_tls(&open.listeners, &snapshot.listeners);
        drop(open);
        self.retired.push(self.published.swap(Arc::new(snapshot)));
        self.sweep();
        self.resolve.send_replace(origins.into());
        self.passes.send_replace(passes.into());
        self.counts.version.store(version, Relaxed);
        self.counts.published_unix.store(clock::unix_seconds(), Relaxed);
        self.files = files;
        self.follow();
        Published { version, warnings, after_restart: self.running.differences(&settings) }
    }

    fn follow(&mut self) {
        let Some(watch) = &mut self.watch else { return };
        let mut files = self.files.clone();
        files.extend(self.source.path.clone());
        for (directory, reason) in watch.follow(&files) {
            let fields: log::Fields<'_> = &[("directory", &directory.display()), ("reason", &reason)];
            log::warn("changes in a directory will not be noticed", fields);
        }
        watch.look_back(self.read_at);
    }
}

/// The listeners that are open, with the TLS that the new configuration has for their addresses.
///
/// One that is no longer configured stays as it is: it closes with the process.
fn carry_over(configured: Vec<Listener>, open: &[Listener]) -> Vec<Listener> {
    let mut configured: Vec<Option<Listener>> = configured.into_iter().map(Some).collect();
    let mut successor = |open: &Listener| {
        let mut candidates = configured.iter_mut();
        candidates
            .find(|new| new.as_ref().is_some_and(|new| new.address == open.address))
            .and_then(Option::take)
    };
    open.iter()
        .map(|open| {
            successor(open).unwrap_or_else(|| Listener { address: open.address, tls: open.tls.clone() })
        })
        .collect()
}

/// Names the listeners that begin, or cease, to speak TLS: whoever connects from now on has to know.
fn tell_of_tls(before: &[Listener], now: &[Listener]) {
    for (before, now) in before.iter().zip(now) {
        let words = match (&before.tls, &now.tls) {
            (None, Some(_)) => "new connections to a listener speak TLS from now on",
            (Some(_), None) => "new connections to a listener speak no TLS any more",
            (Some(_), Some(_)) | (None, None) => continue,
        };
        log::warn(words, &[("listen", &now.address)]);
    }
}

/// Complaints about open addresses that the new configuration would leave without keys.
fn exposed(source: &Source, running: &Settings, access: Access) -> Vec<Complaint> {
    let file: Arc<str> =
        source.path.as_ref().map_or_else(String::new, |path| path.display().to_string()).into();
    let exposures = running.listen.iter().filter_map(|address| config::exposure(*address, access));
    let complaint = |message| Complaint {
        file: file.clone(),
        path: "keys".into(),
        line: 1,
        column: 1,
        message: format!("{message} (this address stays open until a restart)"),
        suggestion: None,
    };
    exposures.map(complaint).collect()
}

fn tell(reason: Reason, outcome: &Outcome) {
    match outcome {
        Ok(published) => {
            let fields: log::Fields<'_> = &[("version", &published.version), ("reason", &reason.name())];
            log::info("configuration published", fields);
            for warning in &published.warnings {
                log::warn(&warning.to_string(), &[]);
            }
            for name in &published.after_restart {
                log::warn("a changed setting takes effect after a restart", &[("setting", name)]);
            }
        }
        Err(complaints) => {
            let fields: log::Fields<'_> = &[("complaints", &complaints.len()), ("reason", &reason.name())];
            log::error("configuration refused, the old one stays", fields);
            for complaint in complaints {
                log::error(&complaint.to_string(), &[]);
            }
        }
    }
}

#[cfg(test)]
mod tests;
