//! Every dialect of clients, every format of providers, and every protocol between them: what is promised of streams is
//! promised of all of them.

mod client;
mod provider;

pub use client::{DIALECTS, Dialect, End, Protocol, Tap};
pub use provider::{Format, asked, closing, complaint, opening, said, word};

use crate::harness::{Io, Setup};
use std::net::SocketAddr;

/// Models by the format of their provider; `straight` is that of each dialect's own.
pub const MODELS: [&str; 7] = ["openai", "newer", "claude", "google", "cohere", "ollama", "amazon"];

/// A model for each of [`MODELS`], all of which one upstream serves; `more` are further members of each.
pub fn setup(io: Io, upstream: SocketAddr, more: &str) -> Setup {
    let base = format!("http://{upstream}");
    let setup = Setup::at(io, upstream)
        .provider_of("openai-responses", "newer", &format!("{base}/v1"), "")
        .provider_of("anthropic", "claude", &base, "")
        .provider_of("gemini", "google", &base, "")
        .provider_of("cohere", "cohere", &format!("{base}/v2"), "")
        .provider_of("ollama", "ollama", &format!("{base}/api"), "")
        .provider_of("bedrock", "amazon", &base, "");
    MODELS.iter().fold(setup, |setup, model| {
        let provider = if *model == "openai" { "up" } else { model };
        setup.model(model, &format!("{{provider: {provider}, model: x}}"), more)
    })
}
