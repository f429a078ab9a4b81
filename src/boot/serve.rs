//! `ringgate serve`, `check` and `schema`: from a configuration to a process that ends when it is told to.

use super::planes::{self, Plan};
use super::signals::Signals;
use super::supervise;
use super::takeover::{Inherited, Sockets};
use crate::contract::names::Names;
use crate::control::config::{self, Complaint, Origins, Settings, Shards, Source};
use crate::control::reload::Reloader;
use crate::control::schema::json_schema;
use crate::logcore;
use crate::net::runtime::{self, Driver, Wanted};
use crate::net::{calls, descriptors, listen};
use crate::traffic::exchange::shard::OnOverflow;
use anyhow::{Context, Result, anyhow, bail};
use std::io::ErrorKind;
use std::net::{SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};
use tokio::sync::oneshot;

/// What is served without a configuration.
const QUICKSTART: &str = include_str!("../../config/quickstart.yaml");

/// Open files below which a gateway is hardly one, and none at all.
const DESCRIPTORS: u64 = 1024;
const DESCRIPTORS_MIN: u64 = 64;

/// How long the sockets of a killed process may take to be gone.
const LINGERS: Duration = Duration::from_secs(1);

/// Runs the gateway until it is told to end.
///
/// # Errors
/// What keeps it from starting. Complaints about the configuration are printed, and give exit code 1.
pub fn serve(path: Option<&Path>, take_over: bool) -> Result<ExitCode> {
    quiet_panics();
    if let Some((call, error)) = calls::refused() {
        bail!("the system refuses {call} ({error}): allow it in the seccomp profile");
    }
    let runtime =
        supervise::runtime().context("the main thread's event loop (epoll, eventfd, socketpair)")?;
    let mut signals = runtime.block_on(async { Signals::new() }).context("signals")?;
    let path = path.map(Path::to_owned);
    let (done, prepared) = oneshot::channel();
    // Beside the main thread: what is read may take its time, and a predecessor, too. If nobody waits any more, the process
    // ends.
    planes::thread("start".into(), move || drop(done.send(prepare(path, take_over))))?;
    let prepared = runtime.block_on(async {
        tokio::select! {
            prepared = prepared => prepared.context("the start has failed").flatten(),
            name = signals.ends.recv() => Ok(Start::Ended(name)),
        }
    })?;
    let prepared = match prepared {
        Start::Prepared(prepared) => prepared,
        Start::Refused(code) => return Ok(code),
        Start::Ended(name) => {
            eprintln!("ringgate: ended by {name} before it served");
            return Ok(ExitCode::SUCCESS);
        }
    };
    let Prepared { plan, parts, mock } = *prepared;
    let ended = supervise::run(runtime, signals, parts, plan);
    drop(mock);
    ended
}

/// What became of the preparations.
enum Start {
    Prepared(Box<Prepared>),
    /// The configuration, and all complaints are told.
    Refused(ExitCode),
    /// By this signal.
    Ended(&'static str),
}

/// All that is needed to serve, and none of it running, but for the mock provider.
struct Prepared {
    plan: Plan,
    parts: supervise::Parts,
    mock: Option<loadtest::mock::Mock>,
}

/// Reads the configuration, and binds the sockets.
fn prepare(path: Option<PathBuf>, take_over: bool) -> Result<Start> {
    descriptors::raise();
    look_at_descriptors()?;
    let (quickstart, began) = (path.is_none(), SystemTime::now());
    let source = match read(path) {
        Ok(source) => source,
        Err(complaint) => return Ok(Start::Refused(refuse(&[complaint]))),
    };
    let mock = if names_the_mock(&source.text) { Some(embedded_mock()?) } else { None };
    let names = Arc::new(Names::default());
    let mut origins = Origins::new(mock.as_ref().map(|mock| mock.address));
    let compiled = match config::compile(&source, &names, &mut origins, 1) {
        Ok(compiled) => compiled,
        Err(complaints) => return Ok(Start::Refused(refuse(&complaints))),
    };
    for warning in &compiled.warnings {
        eprintln!("ringgate: warning: {warning}");
    }
    let settings = compiled.settings.clone();
    let shards = shard_count(settings.shards);
    let mut inherited = if take_over { Some(Inherited::ask(&settings.listen)?) } else { None };
    let sockets = bind_all(&settings, shards, inherited.as_mut())?;
    let admin = settings.admin.map(|address| bind_admin(address, inherited.as_mut())).transpose()?;
    let offered = copies(&sockets, admin.as_ref())?;
    let addresses = addresses(&sockets);
    let reachable = compiled.origins.clone();
    let reloader = Reloader::new(source, compiled, names.clone(), origins).since(began);
    let plan = Plan {
        shards,
        io: wanted(settings.io),
        on_overflow: on_overflow(settings.on_overflow),
        access_log: access_log(&settings.access_log),
        snapshots: reloader.published(),
        names,
        sockets,
    };
    let parts = supervise::Parts {
        reloader,
        reachable,
        drain_timeout: Duration::from_millis(settings.drain_timeout_ms),
        on_overflow: settings.on_overflow,
        admin,
        addresses,
        offered,
        inherited,
        announce: if quickstart { announce_quickstart } else { announce },
    };
    Ok(Start::Prepared(Box::new(Prepared { plan, parts, mock })))
}

fn look_at_descriptors() -> Result<()> {
    let Some((_, most)) = descriptors::limits() else { return Ok(()) };
    let what = format!(
        "only {most} open files are allowed, and each request takes two (ulimit -Hn, LimitNOFILE= of systemd, --ulimit nofile= of docker)"
    );
    match most {
        0..DESCRIPTORS_MIN => bail!("{what}"),
        DESCRIPTORS_MIN..DESCRIPTORS => eprintln!("ringgate: warning: {what}"),
        DESCRIPTORS.. => {}
    }
    Ok(())
}

/// Checks a configuration without serving it.
pub fn check(path: PathBuf) -> ExitCode {
    let source = match Source::read(path) {
        Ok(source) => source,
        Err(complaint) => return refuse(&[complaint]),
    };
    // The address stands for the embedded mock provider, which `serve` would start.
    let mock = names_the_mock(&source.text).then(|| SocketAddr::from(([127, 0, 0, 1], 9)));
    match config::compile(&source, &Names::default(), &mut Origins::new(mock), 1) {
        Ok(compiled) => {
            for warning in &compiled.warnings {
                eprintln!("warning: {warning}");
            }
            let snapshot = &compiled.snapshot;
            let counts = [
                (snapshot.listeners.len(), "listener"),
                (snapshot.providers.len(), "provider"),
                (snapshot.catalog.models.len(), "model"),
                (snapshot.groups.len(), "group"),
                (snapshot.keys.len(), "key"),
            ];
            let counts =
                counts.map(|(count, noun)| format!("{count} {noun}{}", if count == 1 { "" } else { "s" }));
            eprintln!("ok: {}", counts.join(", "));
            ExitCode::SUCCESS
        }
        Err(complaints) => refuse(&complaints),
    }
}

/// The configuration's JSON schema as text.
///
/// # Errors
/// It cannot be written as JSON.
pub fn schema() -> Result<String> {
    Ok(serde_json::to_string_pretty(&json_schema())?)
}

fn read(path: Option<PathBuf>) -> Result<Source, Complaint> {
    match path {
        Some(path) => Source::read(path),
        None => Ok(Source { path: None, text: QUICKSTART.into() }),
    }
}

fn refuse(complaints: &[Complaint]) -> ExitCode {
    for complaint in complaints {
        eprintln!("{complaint}");
    }
    let count = complaints.len();
    eprintln!(
        "ringgate: the configuration is refused: {count} complaint{}",
        if count == 1 { "" } else { "s" }
    );
    ExitCode::FAILURE
}

/// Whether a configuration refers to the mock provider inside this process.
fn names_the_mock(text: &str) -> bool {
    text.lines().any(|line| {
        let line = line.split('#').next().unwrap_or_default();
        line.split("base_url:").nth(1).is_some_and(|value| {
            let value = value.trim_start().trim_start_matches(['"', '\'']);
            value.strip_prefix("mock").is_some_and(|rest| !rest.starts_with(|c: char| c.is_alphanumeric()))
        })
    })
}

fn embedded_mock() -> Result<loadtest::mock::Mock> {
    loadtest::mock::start(loadtest::mock::MockOptions::default()).context("the embedded mock provider")
}

/// One shard per processor that there is time for, less one for the log core where there are more than two.
fn shard_count(wanted: Shards) -> usize {
    match wanted {
        Shards::Count(count) => usize::from(count).max(1),
        Shards::Auto => match runtime::granted_cpus() {
            cpus @ 1..=2 => cpus,
            cpus => cpus.saturating_sub(1).max(1),
        },
    }
}

/// A socket for each listener and shard: the predecessor's where it hands them over, else new ones.
fn bind_all(
    settings: &Settings,
    shards: usize,
    mut inherited: Option<&mut Inherited>,
) -> Result<Vec<Vec<(usize, TcpListener)>>> {
    let mut sockets: Vec<Vec<_>> = (0..shards).map(|_| vec![]).collect();
    for (listener, address) in settings.listen.iter().enumerate() {
        let handed = inherited.as_mut().map(|i| i.take(*address)).unwrap_or_default();
        if handed.is_empty() {
            let bound = bind(*address, shards)?;
            for (shard, socket) in bound.into_iter().enumerate() {
                sockets[shard].push((listener, socket));
            }
            continue;
        }
        check_driver(&handed, *address, settings.io)?;
        // Every handed socket is accepted from, and every shard has one.
        for turn in 0..handed.len().max(shards) {
            let socket = handed[turn % handed.len()].try_clone()?;
            sockets[turn % shards].push((listener, socket));
        }
    }
    Ok(sockets)
}

/// Where each listener listens. A shard may have several sockets of one, if its predecessor had more shards.
fn addresses(sockets: &[Vec<(usize, TcpListener)>]) -> Vec<SocketAddr> {
    let mut first: Vec<_> = sockets.first().into_iter().flatten().collect();
    first.dedup_by_key(|(listener, _)| *listener);
    first.into_iter().filter_map(|(_, socket)| socket.local_addr().ok()).collect()
}

/// Whether a socket blocks is a property that both processes share, and the two drivers need it differently.
fn check_driver(handed: &[TcpListener], address: SocketAddr, io: config::Driver) -> Result<()> {
    let ours = runtime::probe(wanted(io))? == Driver::Epoll;
    for socket in handed {
        let theirs = rustix::fs::fcntl_getfl(socket)?.contains(rustix::fs::OFlags::NONBLOCK);
        if ours != theirs {
            bail!(
                "the running ringgate and this one use different I/O drivers, or {address} is its operator's interface: set `io` alike, or restart instead"
            );
        }
    }
    Ok(())
}

/// Sockets of this process alone. The ring of a process that was killed holds its sockets for some milliseconds more, so an
/// address that is in use is asked for again before that is told.
fn bind(address: SocketAddr, count: usize) -> Result<Vec<TcpListener>> {
    let began = Instant::now();
    loop {
        match listen::bind(address, count) {
            Err(error) if error.kind() == ErrorKind::AddrInUse && began.elapsed() < LINGERS => {
                std::thread::sleep(LINGERS / 50);
            }
            bound => return bound.map_err(|error| in_use(address, &error)),
        }
    }
}

fn in_use(address: SocketAddr, error: &std::io::Error) -> anyhow::Error {
    let hint = match error.kind() {
        ErrorKind::AddrInUse => {
            ": another process listens there (a running ringgate hands it over with `serve --take-over`)"
        }
        ErrorKind::PermissionDenied => ": ports below 1024 need CAP_NET_BIND_SERVICE",
        ErrorKind::AddrNotAvailable => ": no interface of this machine has this address",
        _ => "",
    };
    anyhow!("cannot listen on {address}: {error}{hint}")
}

fn bind_admin(address: SocketAddr, inherited: Option<&mut Inherited>) -> Result<TcpListener> {
    if let Some(socket) = inherited.and_then(|i| i.take(address).pop()) {
        return Ok(socket);
    }
    bind(address, 1)?.into_iter().next().context("no socket was bound")
}

/// Copies of all sockets, for a successor.
fn copies(sockets: &[Vec<(usize, TcpListener)>], admin: Option<&TcpListener>) -> Result<Sockets> {
    let clients = sockets.iter().flatten().map(|(_, socket)| socket.try_clone());
    Ok(Sockets {
        clients: clients.collect::<std::io::Result<_>>()?,
        admin: admin.map(TcpListener::try_clone).transpose()?,
    })
}

fn wanted(driver: config::Driver) -> Wanted {
    match driver {
        config::Driver::Auto => Wanted::Auto,
        config::Driver::Uring => Wanted::Uring,
        config::Driver::Epoll => Wanted::Epoll,
    }
}

fn on_overflow(policy: config::Overflow) -> OnOverflow {
    match policy {
        config::Overflow::Block => OnOverflow::Block,
        config::Overflow::Refuse => OnOverflow::Refuse,
        config::Overflow::CountAndDrop => OnOverflow::CountAndDrop,
    }
}

fn access_log(log: &config::AccessLog) -> logcore::AccessLog {
    match log {
        config::AccessLog::Stdout => logcore::AccessLog::Stdout,
        config::AccessLog::File(path) => logcore::AccessLog::File(path.clone()),
        config::AccessLog::None => logcore::AccessLog::None,
    }
}

/// A panic's message can hold what was being worked on; its place is enough to find the bug.
fn quiet_panics() {
    std::panic::set_hook(Box::new(|panic| {
        let thread = std::thread::current();
        let place = panic.location().map(ToString::to_string).unwrap_or_default();
        eprintln!("ringgate: a task panicked on {} at {place}", thread.name().unwrap_or("a thread"));
    }));
}

fn announce(addresses: &[SocketAddr]) {
    for address in addresses {
        eprintln!("ringgate: serving on {address}");
    }
}

fn announce_quickstart(addresses: &[SocketAddr]) {
    announce(addresses);
    let Some(address) = addresses.first() else { return };
    eprintln!(
        "\n\
        Nothing was configured, so this is a demonstration: answers are canned, by a mock provider in this process.\n\
        Paste this into another terminal:\n\n  \
        curl http://{address}/v1/chat/completions -H 'Authorization: Bearer {DEMO_KEY}' \\\n    \
        -H 'Content-Type: application/json' \\\n    \
        -d '{{\"model\":\"demo-chat\",\"messages\":[{{\"role\":\"user\",\"content\":\"Hello!\"}}]}}'\n\n\
        For a stream, add \"stream\":true. To serve a real provider, put its vendor and key into a file:\n\n  \
        providers: {{openai: {{vendor: openai, api_key: \"${{OPENAI_API_KEY}}\"}}}}\n  \
        models:    {{\"openai/*\": {{targets: [{{provider: openai, model: \"*\"}}]}}}}\n  \
        groups:    {{everyone: {{models: [\"*\"]}}}}\n  \
        keys:      [{{id: me, group: everyone, secret: \"${{MY_GATEWAY_KEY}}\"}}]\n\n\
        and run `ringgate serve FILE`.\n"
    );
}

/// The key of `config/quickstart.yaml`. It opens a mock provider on the loopback address, and nothing else.
pub const DEMO_KEY: &str = "ringgate-quickstart-key";

#[cfg(test)]
mod tests {
    use super::*;

    /// The embedded mock runs only for configurations that use it.
    #[test]
    fn the_mock_is_recognised() {
        assert!(names_the_mock("providers:\n  demo: {format: openai, base_url: mock}\n"));
        assert!(names_the_mock("    base_url: \"mock\""));
        assert!(!names_the_mock("    base_url: http://mock/v1"));
        assert!(!names_the_mock("    base_url: mockery"));
        assert!(!names_the_mock("    # base_url: mock"));
    }

    /// The key that is announced is the key that opens.
    #[test]
    fn the_announced_key_is_configured() {
        assert!(QUICKSTART.contains(DEMO_KEY));
        assert!(QUICKSTART.contains("demo-chat"));
    }
}
