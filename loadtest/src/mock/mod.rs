//! A model provider that costs nothing, says the same thing every time, and misbehaves on request.
//!
//! Takes requests of `OpenAI`'s, Anthropic's, Google's, Amazon Bedrock's, Cohere's and Ollama's endpoints, with and without
//! a version before them, and of Claude as clouds host it. Gives canned answers in their exact shapes, whole or streamed. What a test wants of one answer it writes behind the model's name, so that it
//! reaches the mock through any gateway: `mock?chunks=50&gap_ms=1`, `mock?fault=reset_after:3`; see [`Settings`] and
//! [`Fault`]. Settings that the mock does not know are refused with 400.
//!
//! Tokens: a chunk of the answer is one token, streamed or not; a prompt has a quarter of the bytes of its strings,
//! rounded up. Both are the same for the same prompt, whatever else a request says.
//!
//! Invariant: nothing of a prompt is ever part of an answer, unless an echo was asked for.
//!
//! ```
//! use std::io::{Read, Write};
//! let mock = loadtest::mock::start(loadtest::mock::MockOptions::default())?;
//! let mut client = std::net::TcpStream::connect(mock.address)?;
//! client.write_all(b"GET /v1/models HTTP/1.1\r\nhost: mock\r\nconnection: close\r\n\r\n")?;
//! let mut answer = String::new();
//! client.read_to_string(&mut answer)?;
//! assert!(answer.starts_with("HTTP/1.1 200 OK\r\n"));
//! assert_eq!(mock.stats().requests, 1);
//! # Ok::<(), std::io::Error>(())
//! ```

mod answer;
mod answers;
mod asked;
mod compile;
mod connection;
mod demands;
mod echo;
mod endpoint;
mod fault;
mod faults;
mod options;
mod request;
mod script;
mod server;
mod settings;
mod stats;
mod text;
mod wait;

use std::io;
use std::net::{SocketAddr, TcpListener};
use std::sync::{Arc, mpsc};
use std::thread::JoinHandle;
use std::time::Instant;

pub use fault::Fault;
pub use faults::Faults;
pub use options::{MockArgs, MockOptions};
pub use settings::Settings;
pub use stats::Stats;
pub use text::SENTENCE;
pub use wait::Wait;

use crate::runtime::Driver;
use crate::sys;

/// A mock provider that runs until it is stopped or dropped.
#[derive(Debug)]
pub struct Mock {
    /// Where it listens.
    pub address: SocketAddr,
    /// What its event loops run on.
    pub driver: Driver,
    counters: Arc<stats::Counters>,
    listeners: Vec<TcpListener>,
    threads: Vec<JoinHandle<()>>,
}

/// Starts a mock and returns once it accepts connections.
///
/// # Errors
/// When it cannot listen, pin a thread or set up an event loop, or has no recording of waits that need one.
#[expect(clippy::needless_pass_by_value, reason = "options are made for one mock")]
pub fn start(options: MockOptions) -> io::Result<Mock> {
    if options.settings.needs_recording() && options.recording.is_empty() {
        let missing = "recorded waits need a recording (--recording)";
        return Err(io::Error::new(io::ErrorKind::InvalidInput, missing));
    }
    let listening = server::listen(options.address, options.threads.max(1));
    let (address, listeners) = listening.map_err(|failed| cannot_listen(options.address, &failed))?;
    let counters = Arc::new(stats::Counters::default());
    let (ready, told) = mpsc::channel();
    let mut mock =
        Mock { address, driver: Driver::Epoll, counters, listeners: Vec::new(), threads: Vec::new() };
    let cpu = options.cpu;
    for (index, listener) in listeners.into_iter().enumerate() {
        mock.listeners.push(listener.try_clone()?);
        let worker = server::Worker {
            options: options.clone(),
            listener,
            counters: Arc::clone(&mock.counters),
            cpu: cpu.map(|first| first + index),
            ready: ready.clone(),
        };
        mock.threads.push(std::thread::Builder::new().name(format!("mock-{index}")).spawn(|| worker.run())?);
    }
    drop(ready);
    for _ in 0..mock.threads.len() {
        mock.driver = told.recv().map_err(io::Error::other)??;
    }
    Ok(mock)
}

fn cannot_listen(address: SocketAddr, failed: &io::Error) -> io::Error {
    io::Error::new(failed.kind(), format!("cannot listen on {address}: {failed}"))
}

impl Mock {
    /// The counters now.
    pub fn stats(&self) -> Stats {
        self.counters.read()
    }

    /// When the last client went away in the middle of an answer; its cancellation took until then.
    pub fn aborted_at(&self) -> Option<Instant> {
        self.counters.aborted_at()
    }

    /// The URL that clients put before `/chat/completions`.
    pub fn base_url(&self) -> String {
        format!("http://{}/v1", self.address)
    }

    /// Stops listening, ends all connections, and waits until the threads are gone.
    pub fn stop(mut self) {
        self.end();
    }

    /// Waits until another process or a failure ends the mock: forever, as a rule.
    pub fn wait(mut self) {
        for thread in self.threads.drain(..) {
            drop(thread.join());
        }
    }

    fn end(&mut self) {
        self.listeners.iter().for_each(sys::shutdown_listener);
        for thread in self.threads.drain(..) {
            drop(thread.join());
        }
    }
}

impl Drop for Mock {
    fn drop(&mut self) {
        self.end();
    }
}
