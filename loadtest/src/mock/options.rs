//! How a mock is started: by a program, or from the command line.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use clap::Args;

use super::fault::Fault;
use super::faults::Faults;
use super::settings::Settings;
use super::wait::{Wait, recording};

/// How a mock is started.
#[derive(Clone, Debug)]
pub struct MockOptions {
    /// Where to listen; a free port is chosen if it is 0.
    pub address: SocketAddr,
    /// Event loops, each on its own thread.
    pub threads: usize,
    /// Core of the first thread; the others take the cores after it.
    pub cpu: Option<usize>,
    /// How answers are given where a model asks for nothing else.
    pub settings: Settings,
    /// What everything random follows from: ids, waits, faults by chance.
    pub seed: u64,
    /// Times that recorded waits are drawn from.
    pub recording: Arc<[Duration]>,
    /// Epoll, even where `io_uring` would work.
    pub epoll: bool,
}

impl Default for MockOptions {
    fn default() -> Self {
        Self {
            address: SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 0),
            threads: 1,
            cpu: None,
            settings: Settings::default(),
            seed: 0,
            recording: Arc::new([]),
            epoll: false,
        }
    }
}

/// Times that were measured once.
#[derive(Clone, Debug)]
pub struct Recording(Arc<[Duration]>);

fn read_recording(path: &Path) -> Result<Recording, String> {
    let text = std::fs::read_to_string(path).map_err(|failed| format!("cannot read it: {failed}"))?;
    Ok(Recording(recording(&text)?.into()))
}

/// What the command says of itself.
const ABOUT: &str = "Run a mock model provider.

It answers the endpoints of OpenAI, Anthropic, Google, Amazon Bedrock, Cohere and Ollama with canned text, for \
any model.";

/// What can be asked for behind the name of a model.
fn settings_help() -> String {
    format!(
        "What follows a ? in the name of a model changes that one answer, as in mock?chunks=50&gap_ms=20:
  delay_ms, gap_ms, chunks, answer_bytes  as above
  fault=FAULT, faults=FAULT@SHARE,...     misbehave, always or by chance
  retry_after_s=N                         what a refusal says in retry-after
  batch=N                                 N content chunks in one write
  prompt_tokens, completion_tokens=N      report these counts
  cached_tokens=N                         report so many tokens of the prompt as cached
  tools=N, thinks=1                       call N tools, think first: later turns must give both back
  json=1, wants=image, wants=schema       answer with an object; refuse what holds no image, or no schema
  skip=N, times=N                         after N good answers, for N answers
FAULT is one of these; what follows _after counts chunks of a stream:{}",
        Fault::help()
    )
}

/// The command line of a mock.
#[derive(Args, Clone, Debug)]
#[command(about = "Run a mock model provider", long_about = ABOUT, after_help = settings_help())]
pub struct MockArgs {
    /// Address to listen on; port 0 chooses a free one.
    #[arg(long, default_value = "127.0.0.1:0", value_name = "IP:PORT")]
    pub listen: SocketAddr,
    /// Event loops, each on its own thread.
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u16).range(1..=256))]
    pub threads: u16,
    /// Core for the first event loop; the others take the cores after it.
    #[arg(long, value_name = "CORE")]
    pub cpu: Option<usize>,
    /// Milliseconds before the first byte of an answer: a number, lognormal:MEDIAN:SIGMA, or recorded.
    #[arg(long, default_value = "0", value_name = "WAIT")]
    pub delay_ms: Wait,
    /// Milliseconds between the chunks of a stream, in the same words; chunks are tokens.
    #[arg(long, default_value = "0", value_name = "WAIT")]
    pub gap_ms: Wait,
    /// File with the times that recorded waits are drawn from: milliseconds, one on each line.
    #[arg(long, value_name = "FILE", value_parser = |path: &str| read_recording(Path::new(path)))]
    pub recording: Option<Recording>,
    /// Content chunks of a stream; each counts as one token.
    #[arg(long, default_value_t = 8, value_parser = clap::value_parser!(u32).range(0..=1_000_000))]
    pub chunks: u32,
    /// Bytes of answer text; the sentence is repeated or cut.
    #[arg(long, value_name = "BYTES", value_parser = clap::value_parser!(u32).range(0..=67_108_864))]
    pub answer_bytes: Option<u32>,
    /// Misbehave in every answer; see below.
    #[arg(long)]
    pub fault: Option<Fault>,
    /// Misbehave by chance, as in reset@0.01,status:429@0.05; see below.
    #[arg(long, value_name = "FAULT@SHARE,...")]
    pub faults: Option<Faults>,
    /// Seconds that a refusal says in retry-after.
    #[arg(long, default_value_t = 1, value_name = "SECONDS", value_parser = clap::value_parser!(u32).range(0..=86_400))]
    pub retry_after_s: u32,
    /// Say in each good answer when its request was there and when it was sent (x-mock-received, x-mock-answered:
    /// nanoseconds of the monotonic clock, hexadecimal).
    #[arg(long)]
    pub stamps: bool,
    /// What everything random follows from: ids, waits, faults by chance.
    #[arg(long, default_value_t = 0)]
    pub seed: u64,
    /// Use epoll, even where a ring would work.
    #[arg(long)]
    pub epoll: bool,
}

impl From<MockArgs> for MockOptions {
    fn from(args: MockArgs) -> Self {
        let settings = Settings {
            delay: args.delay_ms,
            gap: args.gap_ms,
            chunks: args.chunks,
            answer_bytes: args.answer_bytes,
            fault: args.fault,
            faults: args.faults.unwrap_or_default(),
            retry_after_s: args.retry_after_s,
            stamps: args.stamps,
            ..Settings::default()
        };
        Self {
            address: args.listen,
            threads: usize::from(args.threads),
            cpu: args.cpu,
            settings,
            seed: args.seed,
            recording: args.recording.map_or_else(|| Arc::new([]) as _, |it| it.0),
            epoll: args.epoll,
        }
    }
}
