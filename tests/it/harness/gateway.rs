//! A gateway process: started with a configuration, watched, and killed when the test is over.

use super::{Client, Setup, until};
use serde_json::Value;
use std::io::{BufRead as _, BufReader, Read};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex};

/// A running gateway.
pub struct Gateway {
    pub address: SocketAddr,
    /// All that it serves, in the order of its listeners.
    pub addresses: Vec<SocketAddr>,
    pub admin: SocketAddr,
    /// Holds the configuration and the access log.
    pub dir: PathBuf,
    child: Child,
    stderr: Arc<Mutex<String>>,
    stdout: Arc<Mutex<String>>,
}

impl Gateway {
    /// Starts a gateway and waits until it serves.
    pub fn start(setup: &Setup) -> Self {
        let dir = fresh_dir();
        std::fs::write(dir.join("gateway.yaml"), setup.yaml(&dir)).expect("a file can be written");
        Self::spawn(dir, &[])
    }

    /// Starts a gateway from the `gateway.yaml` in `dir`, and waits until it serves.
    pub fn spawn(dir: PathBuf, more: &[&str]) -> Self {
        Self::spawn_with(dir, more, &[])
    }

    /// The same for a process that `shape` made something of.
    pub fn spawn_as(dir: PathBuf, shape: impl FnOnce(&mut Command)) -> Self {
        let mut command = Self::command(&dir);
        shape(&mut command);
        Self::run(dir, command)
    }

    /// The same with environment variables.
    pub fn spawn_with(dir: PathBuf, more: &[&str], variables: &[(&str, &str)]) -> Self {
        let mut command = Self::command(&dir);
        command.args(more).envs(variables.iter().copied());
        Self::run(dir, command)
    }

    fn command(dir: &Path) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_ringgate"));
        command.arg("serve").arg("--config").arg(dir.join("gateway.yaml")).current_dir(dir).env_clear();
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        command
    }

    fn run(dir: PathBuf, mut command: Command) -> Self {
        let mut child = command.spawn().expect("the binary runs");
        let stderr = collect(child.stderr.take().expect("piped"));
        let stdout = collect(child.stdout.take().expect("piped"));
        let (addresses, admin) = until("the gateway to serve", || {
            let text = stderr.lock().expect("no reader panics").clone();
            if let Some(status) = child.try_wait().expect("a child can be waited for") {
                let text = stderr.lock().expect("no reader panics").clone();
                assert_eq!(status.code(), None, "the gateway did not start: {text}");
            }
            let admin = announced(&text, "ringgate: admin on ").pop()?;
            Some((announced(&text, "ringgate: serving on "), admin))
        });
        Self { address: addresses[0], addresses, admin, dir, child, stderr, stdout }
    }

    /// Starts a gateway with this one's configuration that takes its sockets over, and waits until it serves.
    pub fn successor(&self) -> Self {
        self.successor_with(|text| text)
    }

    /// The same with something changed in the configuration.
    pub fn successor_with(&self, change: impl FnOnce(String) -> String) -> Self {
        let dir = self.heritage();
        let file = dir.join("gateway.yaml");
        let text = std::fs::read_to_string(&file).expect("the configuration");
        std::fs::write(file, change(text)).expect("a file can be written");
        Self::spawn(dir, &["--take-over"])
    }

    /// A directory with this one's configuration on the very addresses that it serves.
    pub fn heritage(&self) -> PathBuf {
        let served = |line: &str, addresses: &[SocketAddr]| {
            let fixed = |line: String, address| line.replacen("127.0.0.1:0\"", &format!("{address}\""), 1);
            addresses.iter().fold(line.to_owned(), fixed) + "\n"
        };
        let text = self.config_text();
        let text = text.lines().map(|line| match line.split(':').next() {
            Some("listen") => served(line, &self.addresses),
            Some("admin") => served(line, &[self.admin]),
            _ => line.to_owned() + "\n",
        });
        let dir = fresh_dir();
        std::fs::write(dir.join("gateway.yaml"), text.collect::<String>()).expect("a file can be written");
        dir
    }

    pub fn client(&self) -> Client {
        Client::connect(self.address)
    }

    pub fn pid(&self) -> i32 {
        i32::try_from(self.child.id()).expect("a process id")
    }

    pub fn signal(&self, signal: rustix::process::Signal) {
        let pid = rustix::process::Pid::from_raw(self.pid()).expect("a process id");
        rustix::process::kill_process(pid, signal).expect("the gateway runs");
    }

    /// Waits until the process has ended.
    pub fn wait(&mut self) -> ExitStatus {
        until("the gateway to end", || self.child.try_wait().expect("a child can be waited for"))
    }

    /// Whether the process has ended by now.
    pub fn has_ended(&mut self) -> bool {
        self.child.try_wait().expect("a child can be waited for").is_some()
    }

    pub fn stderr(&self) -> String {
        self.stderr.lock().expect("no reader panics").clone()
    }

    pub fn stdout(&self) -> String {
        self.stdout.lock().expect("no reader panics").clone()
    }

    /// The path of the configuration.
    pub fn config(&self) -> PathBuf {
        self.dir.join("gateway.yaml")
    }

    /// Replaces the configuration file at once, as an editor or an orchestrator does.
    pub fn rewrite_config(&self, text: &str) {
        let fresh = self.dir.join("gateway.yaml.new");
        std::fs::write(&fresh, text).expect("a file can be written");
        std::fs::rename(fresh, self.config()).expect("a file can be renamed");
    }

    /// The configuration as it is now.
    pub fn config_text(&self) -> String {
        std::fs::read_to_string(self.config()).expect("the configuration")
    }

    /// The access log as it is now.
    pub fn log(&self) -> String {
        std::fs::read_to_string(self.dir.join("access.log")).unwrap_or_default()
    }

    /// Every record, once there are at least so many.
    pub fn records(&self, at_least: usize) -> Vec<Value> {
        until("records in the access log", || {
            let log = self.log();
            let whole = &log[..log.rfind('\n').map_or(0, |at| at + 1)];
            let lines: Vec<Value> = whole.lines().map(parse_line).collect();
            (lines.len() >= at_least).then_some(lines)
        })
    }

    /// The record of the request with this id, as `x-request-id` gave it.
    pub fn record(&self, id: &str) -> Value {
        until("a record", || self.records(0).into_iter().find(|record| record["id"] == id))
    }

    /// The last of exactly so many records.
    pub fn only_record(&self, count: usize) -> Value {
        let mut records = self.records(count);
        assert_eq!(records.len(), count, "{records:#?}");
        records.pop().expect("at least one")
    }

    /// What the operator's interface answers.
    pub fn admin(&self, method: &str, path: &str) -> super::Answer {
        let mut client = Client::connect(self.admin);
        client.send(
            format!(
                "{method} {path} HTTP/1.1\r\nhost: admin\r\ncontent-length: 0\r\nconnection: close\r\n\r\n"
            )
            .as_bytes(),
        );
        client.answer()
    }

    pub fn metrics(&self) -> String {
        self.admin("GET", "/metrics").text()
    }

    /// Requests that `gateway_requests_total` counts under these labels, once there is one.
    pub fn counted(&self, labels: &[(&str, &str)]) -> u64 {
        let labels: Vec<String> = labels.iter().map(|(name, value)| format!("{name}=\"{value}\"")).collect();
        until(&format!("a count of {labels:?}"), || {
            let metrics = self.metrics();
            let lines = metrics.lines().filter(|line| line.starts_with("gateway_requests_total{"));
            let counts = lines.filter(|line| labels.iter().all(|label| line.contains(label.as_str())));
            let sum: u64 = counts.filter_map(|line| line.rsplit(' ').next()?.parse::<u64>().ok()).sum();
            (sum > 0).then_some(sum)
        })
    }

    /// The value of a metric without labels.
    pub fn metric(&self, name: &str) -> u64 {
        let metrics = self.metrics();
        let line = metrics.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
        line.and_then(|value| value.parse().ok()).unwrap_or_default()
    }

    /// The sum of a metric over all its labels.
    pub fn metric_sum(&self, name: &str) -> u64 {
        let metrics = self.metrics();
        let lines =
            metrics.lines().filter(|line| line.strip_prefix(name).is_some_and(|rest| rest.starts_with('{')));
        lines.filter_map(|line| line.rsplit(' ').next()?.parse::<u64>().ok()).sum()
    }

    /// Memory of the process that is in use, in bytes.
    pub fn resident_bytes(&self) -> u64 {
        self.memory("status", "VmRSS:")
    }

    /// How much of the process's memory lies in huge pages.
    pub fn huge_page_bytes(&self) -> u64 {
        self.memory("smaps_rollup", "AnonHugePages:")
    }

    fn memory(&self, file: &str, what: &str) -> u64 {
        let text = std::fs::read_to_string(format!("/proc/{}/{file}", self.pid())).expect("the gateway runs");
        let line = text.lines().find_map(|line| line.strip_prefix(what)).expect("a line of it");
        line.trim().trim_end_matches(" kB").parse::<u64>().expect("a number") * 1024
    }

    /// The first shard's [`schedstat`](super::schedstat).
    pub fn shard_schedstat(&self) -> PathBuf {
        self.schedstat_of("shard-0")
    }

    /// The same of the thread with this name.
    pub fn schedstat_of(&self, thread: &str) -> PathBuf {
        let tasks =
            std::fs::read_dir(format!("/proc/{}/task", self.pid())).expect("the gateway runs").flatten();
        let found = tasks
            .map(|task| task.path())
            .find(|task| std::fs::read_to_string(task.join("comm")).is_ok_and(|name| name.trim() == thread));
        found.expect("such a thread").join("schedstat")
    }
}

impl Drop for Gateway {
    fn drop(&mut self) {
        if let Ok(Some(status)) = self.child.try_wait() {
            eprintln!("the gateway had ended before: {status}");
        }
        // It may have ended already; then there is nothing to do.
        drop(self.child.kill());
        drop(self.child.wait());
        if std::thread::panicking() {
            eprintln!("--- stderr of the gateway:\n{}\n--- access log:\n{}", self.stderr(), self.log());
        } else {
            drop(std::fs::remove_dir_all(&self.dir));
        }
    }
}

fn parse_line(line: &str) -> Value {
    serde_json::from_str(line).unwrap_or_else(|wrong| {
        assert!(line.is_empty(), "a line of the access log is no JSON: {wrong}: {line}");
        Value::Null
    })
}

/// A directory of this test's own.
pub fn fresh_dir() -> PathBuf {
    static NEXT: AtomicU32 = AtomicU32::new(0);
    let number = NEXT.fetch_add(1, Ordering::Relaxed);
    let dir = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("it-{}-{number}", std::process::id()));
    std::fs::create_dir_all(&dir).expect("a directory can be made");
    dir
}

fn announced(text: &str, before: &str) -> Vec<SocketAddr> {
    text.lines().filter_map(|line| line.strip_prefix(before)?.parse().ok()).collect()
}

/// Reads lines as they come, for as long as they come.
fn collect(from: impl Read + Send + 'static) -> Arc<Mutex<String>> {
    let text = Arc::new(Mutex::new(String::new()));
    let shared = Arc::clone(&text);
    std::thread::spawn(move || {
        let mut from = BufReader::new(from);
        let mut line = Vec::new();
        while from.read_until(b'\n', &mut line).is_ok_and(|read| read > 0) {
            shared.lock().expect("no reader panics").push_str(&String::from_utf8_lossy(&line));
            line.clear();
        }
    });
    text
}
