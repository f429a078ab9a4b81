//! Looks at intervals as they end, on a thread of its own: progress, the histogram log, and the series of the report.

use std::fs::File;
use std::io::{self, BufWriter, IsTerminal, Write};
use std::path::Path;
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::sync::{Arc, OnceLock};
use std::thread::JoinHandle;
use std::time::{Duration, Instant, SystemTime};

use anyhow::{Context, anyhow};
use hdrhistogram::serialization::V2DeflateSerializer;
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use super::hlog;
use super::series::IntervalRow;
use crate::load::measure::{Interval, Intervals};

/// How often the progress is drawn.
const DRAW_EVERY: Duration = Duration::from_millis(200);

/// What stands beside the bar before anything is measured.
const WARMING_UP: &str = "warming up";

/// Where intervals go beside the report.
#[derive(Clone, Copy, Debug)]
pub struct Output<'a> {
    pub hlog: Option<&'a Path>,
    /// How long the run will take, if that is known.
    pub expected: Option<Duration>,
}

/// The thread that looks at intervals.
pub struct Collector {
    thread: JoinHandle<Collected>,
}

/// What a run left behind.
#[derive(Debug, Default)]
pub struct Collected {
    pub rows: Vec<IntervalRow>,
    /// Why the log ends before the run does.
    pub log_failed: Option<String>,
}

/// What brings intervals to the thread.
pub struct Feed {
    /// Since when there is something to measure.
    begun: Arc<OnceLock<Instant>>,
    over: Sender<Box<Interval>>,
    spare: Receiver<Box<Interval>>,
}

impl Feed {
    /// Begins to measure.
    pub fn begin(self, every: Duration) -> Intervals {
        self.begun.get_or_init(Instant::now);
        Intervals::begin(every, self.over, self.spare)
    }
}

impl Collector {
    /// Starts the thread, which ends with the feed or what it began.
    ///
    /// # Errors
    /// When the log cannot be written, or there is no thread to be had.
    pub fn start(output: Output<'_>) -> anyhow::Result<(Feed, Self)> {
        let create =
            |path: &Path| File::create(path).with_context(|| format!("cannot write {}", path.display()));
        let log = output.hlog.map(create).transpose()?.map(BufWriter::new);
        let (over, intervals) = channel();
        let (looked_at, spare) = channel();
        let begun = Arc::new(OnceLock::new());
        let work = Work { intervals, looked_at, log, bar: bar(output.expected), begun: Arc::clone(&begun) };
        let thread = std::thread::Builder::new().name("collector".to_owned()).spawn(|| work.run())?;
        Ok((Feed { begun, over, spare }, Self { thread }))
    }

    /// Waits for the last interval.
    ///
    /// # Errors
    /// Never, as a rule: when the thread is gone.
    pub fn finish(self) -> anyhow::Result<Collected> {
        self.thread.join().map_err(|_| anyhow!("the collector failed"))
    }
}

/// A bar of so much time, or one that only shows that time passes; nothing at all where nobody looks.
fn bar(expected: Option<Duration>) -> ProgressBar {
    if !io::stderr().is_terminal() {
        return ProgressBar::hidden();
    }
    let (template, length) = match expected {
        Some(expected) => ("{elapsed:>4} {bar:20} {wide_msg}", Some(expected.as_millis() as u64)),
        None => ("{elapsed:>4} {spinner} {wide_msg}", None),
    };
    let bar = ProgressBar::with_draw_target(length, ProgressDrawTarget::stderr());
    bar.set_style(ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_bar()));
    bar.set_message(WARMING_UP);
    bar
}

impl Collected {
    /// What was written, or a note that it was not.
    fn kept<T>(&mut self, written: io::Result<T>) -> Option<T> {
        written.map_err(|failed| self.log_failed = Some(failed.to_string())).ok()
    }
}

struct Work {
    intervals: Receiver<Box<Interval>>,
    looked_at: Sender<Box<Interval>>,
    log: Option<BufWriter<File>>,
    bar: ProgressBar,
    begun: Arc<OnceLock<Instant>>,
}

impl Work {
    fn run(mut self) -> Collected {
        let mut log = self.log.take();
        let mut collected = self.collect(log.as_mut());
        self.bar.finish_and_clear();
        if let Some(failed) = log.and_then(|mut log| log.flush().err()) {
            collected.log_failed.get_or_insert(failed.to_string());
        }
        collected
    }

    /// A log that cannot be written any more, as on a full disk, does not end the run that it is of.
    fn collect(&mut self, log: Option<&mut BufWriter<File>>) -> Collected {
        let mut collected = Collected::default();
        let Some(mut interval) = self.next() else { return collected };
        let begun = SystemTime::now() - interval.begin - interval.length;
        let mut serializer = V2DeflateSerializer::new();
        let mut log = log.and_then(|log| collected.kept(hlog::begin(log, &mut serializer, begun)));
        loop {
            if let Some(open) = &mut log
                && collected.kept(hlog::append(open, &interval)).is_none()
            {
                log = None;
            }
            let row = IntervalRow::of(&interval);
            self.show(&row);
            collected.rows.push(row);
            // The run may be over: then nobody needs it.
            drop(self.looked_at.send(interval));
            match self.next() {
                Some(next) => interval = next,
                None => return collected,
            }
        }
    }

    /// The next interval; draws the progress while it waits for it.
    fn next(&self) -> Option<Box<Interval>> {
        loop {
            match self.intervals.recv_timeout(DRAW_EVERY) {
                Ok(interval) => return Some(interval),
                Err(RecvTimeoutError::Disconnected) => return None,
                Err(RecvTimeoutError::Timeout) => self.advance(),
            }
        }
    }

    /// Where it stands: nowhere before what is measured begins.
    fn advance(&self) {
        let Some(begun) = self.begun.get() else { return self.bar.tick() };
        if self.bar.message() == WARMING_UP {
            self.bar.set_message("");
            self.bar.reset_elapsed();
        }
        self.bar.set_position(begun.elapsed().as_millis() as u64);
    }

    fn show(&self, row: &IntervalRow) {
        let rate = row.good as f64 / row.length_s.max(0.001);
        let wrong = if row.wrong > 0 { format!(", {} wrong", row.wrong) } else { String::new() };
        let (p50, p99) = (row.p50_us, row.p99_us);
        self.bar.set_message(format!("{rate:.0}/s, p50 {p50:.0} us, p99 {p99:.0} us{wrong}"));
    }
}
