//! The configuration that most tests run with, and what they change in it.

use loadtest::mock::{Mock, MockOptions, start};
use std::fmt::Write as _;
use std::net::SocketAddr;

/// The key that may use everything.
pub const KEY: &str = "canary-client-key-8e1f";
/// What the gateway shows its provider.
pub const UPSTREAM_KEY: &str = "canary-upstream-key-77ab";

/// What the gateway's event loops run on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Io {
    /// The best driver of this machine; with `RINGGATE_TEST_IO=epoll` in the environment that is epoll, so that one run
    /// of everything proves that driver, too.
    Auto,
    Epoll,
}

impl Io {
    /// As the configuration has it.
    pub fn name(self) -> &'static str {
        match self {
            Io::Auto if on_epoll_alone() => "epoll",
            Io::Auto => "auto",
            Io::Epoll => "epoll",
        }
    }
}

fn on_epoll_alone() -> bool {
    std::env::var("RINGGATE_TEST_IO").is_ok_and(|io| io == "epoll")
}

/// Runs a test on the best driver of this machine, then on epoll.
pub fn on_both_drivers(test: impl Fn(Io)) {
    for io in drivers() {
        eprintln!("on {io:?}");
        test(io);
    }
}

/// The same at once, for tests that wait most of their time.
pub fn on_both_drivers_at_once(test: impl Fn(Io) + Sync) {
    let test = &test;
    std::thread::scope(|scope| {
        for io in drivers() {
            std::thread::Builder::new()
                .name(format!("{io:?}"))
                .spawn_scoped(scope, move || test(io))
                .expect("a thread");
        }
    });
}

fn drivers() -> impl Iterator<Item = Io> {
    [Io::Auto, Io::Epoll].into_iter().filter(|io| *io == Io::Epoll || !on_epoll_alone())
}

/// A mock provider in this process.
pub fn mock() -> Mock {
    start(MockOptions::default()).expect("the mock starts")
}

/// A configuration in the making.
#[derive(Clone)]
pub struct Setup {
    pub io: Io,
    pub shards: u16,
    providers: String,
    models: String,
    settings: Vec<(&'static str, String)>,
}

impl Setup {
    /// Provider `up` at `base_url`, whose models are all those that begin with `m/`; key [`KEY`] for everything.
    pub fn of(io: Io, base_url: &str) -> Self {
        let setup = Self { io, shards: 1, providers: String::new(), models: String::new(), settings: vec![] };
        setup.provider("up", base_url, "").model("m/*", "{provider: up, model: \"*\"}", "")
    }

    pub fn at(io: Io, upstream: SocketAddr) -> Self {
        Self::of(io, &format!("http://{upstream}/v1"))
    }

    /// Adds a provider that wants [`UPSTREAM_KEY`]; `more` are further members.
    pub fn provider(self, name: &str, base_url: &str, more: &str) -> Self {
        self.provider_of("openai", name, base_url, more)
    }

    /// The same for a provider of another format.
    pub fn provider_of(mut self, format: &str, name: &str, base_url: &str, more: &str) -> Self {
        let line = format!(
            "  {name}: {{format: {format}, base_url: \"{base_url}\", api_key: {UPSTREAM_KEY}{}{more}}}",
            comma(more)
        );
        writeln!(self.providers, "{line}").expect("a string takes all");
        self
    }

    /// Adds a provider as it is written.
    pub fn provider_row(mut self, name: &str, row: &str) -> Self {
        writeln!(self.providers, "  {name}: {row}").expect("a string takes all");
        self
    }

    /// Adds a model; `more` are further members.
    pub fn model(mut self, name: &str, targets: &str, more: &str) -> Self {
        writeln!(self.models, "  \"{name}\": {{targets: [{targets}]{}{more}}}", comma(more))
            .expect("a string takes all");
        self
    }

    /// Has all providers at one address be at another one.
    pub fn with_base(mut self, old: &str, new: &str) -> Self {
        self.providers = self.providers.replace(&format!("\"{old}"), &format!("\"{new}"));
        self
    }

    /// Sets, or replaces, a top-level key.
    pub fn with(mut self, key: &'static str, value: &str) -> Self {
        self.settings.retain(|(known, _)| *known != key);
        self.settings.push((key, value.to_owned()));
        self
    }

    /// Several event loops in place of one.
    pub fn shards(mut self, count: u16) -> Self {
        self.shards = count;
        self
    }

    /// The YAML, with free ports and files in `dir`.
    pub fn yaml(&self, dir: &std::path::Path) -> String {
        let defaults = [
            ("listen", "[\"127.0.0.1:0\"]".to_owned()),
            ("admin", "{address: \"127.0.0.1:0\"}".to_owned()),
            ("shards", self.shards.to_string()),
            ("io", self.io.name().to_owned()),
            ("access_log", format!("{{path: \"{}\"}}", dir.join("access.log").display())),
            ("groups", "{everyone: {models: [\"*\"]}}".to_owned()),
            ("keys", format!("[{{id: tester, group: everyone, secret: {KEY}}}]")),
        ];
        let mut text = String::new();
        for (key, value) in &defaults {
            if !self.settings.iter().any(|(set, _)| set == key) {
                writeln!(text, "{key}: {value}").expect("a string takes all");
            }
        }
        for (key, value) in &self.settings {
            writeln!(text, "{key}: {value}").expect("a string takes all");
        }
        text + "providers:\n" + &self.providers + "models:\n" + &self.models
    }
}

fn comma(more: &str) -> &'static str {
    if more.is_empty() { "" } else { ", " }
}
