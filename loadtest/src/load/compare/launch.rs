//! Starts peers, pinned to their core, and ends them with all their descendants.

use std::fs::{self, File};
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use anyhow::{Context, anyhow, bail, ensure};

use super::peer::Peer;
use crate::load::engine::is_interrupted;
use crate::load::measure::Process;
use crate::load::scenario::Part;
use crate::sys;

/// How often a peer that starts is asked, and how long it may take to answer once it is connected.
const ASK_EVERY: Duration = Duration::from_millis(1);
const ANSWER_WAIT: Duration = Duration::from_secs(5);

/// How long a peer has to end when it is asked to.
const END_WAIT: Duration = Duration::from_secs(5);

/// The last lines of what a peer said that are shown when it does not start.
const SAID_LINES: usize = 8;

/// The groups of all peers that run.
static STARTED: Mutex<Vec<u32>> = Mutex::new(Vec::new());

/// Ends all peers at once, where there is no time to do it in order.
pub fn end_peers() {
    for leader in STARTED.lock().unwrap_or_else(PoisonError::into_inner).iter() {
        // One that has ended already is no harm.
        drop(sys::end_group(*leader, true));
    }
}

/// Where the peers of a run live.
#[derive(Debug)]
pub struct Stage {
    folder: PathBuf,
    provider: SocketAddr,
    cpu: usize,
    /// Certificate and private key, if they could be made.
    pub has_certificate: bool,
}

/// Where a peer listens.
#[derive(Clone, Copy, Debug)]
pub struct Ports {
    pub plain: u16,
    pub tls: u16,
    /// For HTTP/2 without TLS.
    pub http2: u16,
    /// For whoever operates it.
    pub admin: u16,
}

/// A peer that runs.
#[derive(Debug)]
pub struct Running {
    child: Child,
    pub process: Process,
    pub ports: Ports,
    /// From its start to its first good answer.
    pub start: Duration,
}

impl Stage {
    /// A folder of its own for this run.
    ///
    /// # Errors
    /// When it cannot be made.
    pub fn new(provider: SocketAddr, cpu: usize) -> anyhow::Result<Self> {
        let folder = std::env::temp_dir().join(format!("ringgate-load-peers-{}", std::process::id()));
        fs::create_dir_all(&folder).with_context(|| format!("cannot make {}", folder.display()))?;
        let has_certificate = make_certificate(&folder);
        Ok(Self { folder, provider, cpu, has_certificate })
    }

    /// Starts a peer and waits for its first good answer.
    ///
    /// # Errors
    /// When it does not start, or does not give a good answer in time.
    pub fn start(&self, peer: &Peer, part: &Part) -> anyhow::Result<Running> {
        let program = program(&peer.command[0]).context("it is not installed")?;
        if peer.tls && !self.has_certificate {
            bail!("its certificate could not be made: the program openssl is needed");
        }
        let folder = self.folder.join(&peer.name);
        fs::create_dir_all(&folder)?;
        let ports = Ports::free()?;
        let fill = |text: &str| self.fill(text, &folder, ports);
        for (name, text) in &peer.files {
            fs::write(folder.join(name), fill(text))
                .with_context(|| format!("cannot write its file {name}"))?;
        }
        let said = File::create(folder.join("said.log"))?;
        let mut command = Command::new(program);
        command.args(peer.command[1..].iter().map(|argument| fill(argument))).current_dir(&folder);
        command.envs(peer.environment.iter().map(|(name, value)| (name, fill(value))));
        command.stdin(Stdio::null()).stdout(said.try_clone()?).stderr(said).process_group(0);
        sys::give_interrupts_to(&mut command);
        let begun = Instant::now();
        let child = spawn_on(self.cpu, command)?;
        let process = Process::new(child.id())?;
        let mut running = Running { child, process, ports, start: Duration::ZERO };
        let host = format!("127.0.0.1:{}", ports.plain);
        let request = part.draft(&peer.base, "", peer.key.as_deref()).http1(&host);
        running
            .wait(&request, Duration::from_secs(peer.start_s))
            .with_context(|| format!("it said: {}", last_lines(&folder.join("said.log"))))?;
        running.start = begun.elapsed();
        Ok(running)
    }

    /// A header with the provider's address in its place.
    pub fn fill_header(&self, text: &str) -> String {
        text.replace("{provider}", &self.provider.to_string())
    }

    fn fill(&self, text: &str, folder: &Path, ports: Ports) -> String {
        let path = |path: PathBuf| path.display().to_string();
        self.fill_header(text)
            .replace("{port}", &ports.plain.to_string())
            .replace("{tls_port}", &ports.tls.to_string())
            .replace("{http2_port}", &ports.http2.to_string())
            .replace("{admin_port}", &ports.admin.to_string())
            .replace("{dir}", &folder.display().to_string())
            .replace("{certificate}", &path(self.folder.join("certificate.pem")))
            .replace("{private_key}", &path(self.folder.join("key.pem")))
            .replace("{both}", &path(self.folder.join("both.pem")))
    }
}

impl Drop for Stage {
    fn drop(&mut self) {
        // What is left in the system's folder for such things is no harm.
        drop(fs::remove_dir_all(&self.folder));
    }
}

impl Running {
    /// Asks until there is a good answer.
    fn wait(&mut self, request: &[u8], longest: Duration) -> anyhow::Result<()> {
        let begun = Instant::now();
        let mut last = "it does not listen".to_owned();
        while begun.elapsed() < longest && !is_interrupted() {
            if let Some(status) = self.child.try_wait()? {
                bail!("it ended with {status}");
            }
            match ask(self.ports.plain, request) {
                Ok(status) if status.starts_with("HTTP/1.1 200") => return Ok(()),
                Ok(status) => last = format!("it answered {status}"),
                Err(_) => {}
            }
            std::thread::sleep(ASK_EVERY);
        }
        ensure!(!is_interrupted(), "interrupted before its first answer");
        Err(anyhow!("no good answer within {longest:?}: {last}"))
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let leader = self.child.id();
        let asked = sys::end_group(leader, false);
        let deadline = Instant::now() + END_WAIT;
        while asked.is_ok() && Instant::now() < deadline && matches!(self.child.try_wait(), Ok(None)) {
            std::thread::sleep(Duration::from_millis(5));
        }
        // Those that its leader left behind, too; that there are none any more is the usual case.
        drop(sys::end_group(leader, true));
        drop(self.child.wait());
        STARTED.lock().unwrap_or_else(PoisonError::into_inner).retain(|it| *it != leader);
    }
}

/// A child has the core of the thread that starts it.
fn spawn_on(cpu: usize, mut command: Command) -> anyhow::Result<Child> {
    let starting = std::thread::spawn(move || -> anyhow::Result<Child> {
        sys::pin_to(cpu)?;
        let child = command.spawn()?;
        STARTED.lock().unwrap_or_else(PoisonError::into_inner).push(child.id());
        Ok(child)
    });
    starting.join().map_err(|_| anyhow!("it could not be started"))?
}

/// Where a program is: a path, beside this program, or on the usual ways.
pub fn program(name: &str) -> Option<PathBuf> {
    if name.contains('/') {
        return Some(PathBuf::from(name)).filter(|path| path.is_file());
    }
    let beside = std::env::current_exe().ok().and_then(|own| own.parent().map(Path::to_path_buf));
    let ways = std::env::var_os("PATH").unwrap_or_default();
    let system = ["/usr/sbin", "/sbin"].map(PathBuf::from);
    let folders = beside.into_iter().chain(std::env::split_paths(&ways)).chain(system);
    folders.map(|folder| folder.join(name)).find(|path| path.is_file())
}

impl Ports {
    /// Ports that are free now, no two the same; whoever takes one before the peer makes it fail with a clear word.
    fn free() -> anyhow::Result<Self> {
        let held = |_| TcpListener::bind("127.0.0.1:0");
        let [plain, tls, http2, admin] = [0; 4].map(held);
        let port = |listener: &TcpListener| Ok::<u16, std::io::Error>(listener.local_addr()?.port());
        // All are held until the last one is known: the system gives a port that was let go again.
        let (plain, tls, http2, admin) = (plain?, tls?, http2?, admin?);
        Ok(Self { plain: port(&plain)?, tls: port(&tls)?, http2: port(&http2)?, admin: port(&admin)? })
    }
}

/// The status line of an answer.
fn ask(port: u16, request: &[u8]) -> std::io::Result<String> {
    let mut connection = TcpStream::connect(("127.0.0.1", port))?;
    connection.set_read_timeout(Some(ANSWER_WAIT))?;
    connection.write_all(request)?;
    let mut head = [0; 512];
    let read = connection.read(&mut head)?;
    let text = String::from_utf8_lossy(&head[..read]);
    Ok(text.lines().next().unwrap_or_default().to_owned())
}

fn last_lines(path: &Path) -> String {
    let text = fs::read_to_string(path).unwrap_or_default();
    let lines: Vec<&str> = text.lines().collect();
    let from = lines.len().saturating_sub(SAID_LINES);
    if lines.is_empty() { "nothing".to_owned() } else { lines[from..].join(" | ") }
}

/// A certificate for 127.0.0.1, made by the `openssl` program; without it, TLS is not measured.
fn make_certificate(folder: &Path) -> bool {
    let (certificate, key) = (folder.join("certificate.pem"), folder.join("key.pem"));
    let made = Command::new("openssl")
        .args([
            "req",
            "-x509",
            "-newkey",
            "ec",
            "-pkeyopt",
            "ec_paramgen_curve:P-256",
            "-nodes",
            "-days",
            "2",
        ])
        .args(["-subj", "/CN=127.0.0.1", "-addext", "subjectAltName=IP:127.0.0.1"])
        .arg("-out")
        .arg(&certificate)
        .arg("-keyout")
        .arg(&key)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status();
    let read = |path: &Path| fs::read(path).unwrap_or_default();
    let both = [read(&certificate), read(&key)].concat();
    made.is_ok_and(|status| status.success()) && fs::write(folder.join("both.pem"), both).is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A peer never has the same port twice.
    #[test]
    fn ports_differ() {
        for _ in 0..200 {
            let Ports { plain, tls, http2, admin } = Ports::free().expect("ports");
            let mut ports = vec![plain, tls, http2, admin];
            ports.sort_unstable();
            ports.dedup();
            assert_eq!(ports.len(), 4);
        }
    }
}
