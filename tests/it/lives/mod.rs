//! Reloads, take-overs and ends as clients of HTTP/2 and of TLS see them, when all goes well and when it does not.

mod deaths;
mod draining;
mod ends;
mod moving;
mod mutual;
mod races;
mod reloading;
mod riders;
mod succession;
mod switched;
mod unbegun;

use crate::credentials::{ok, server};
use crate::harness::{Scripted, Setup};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::Relaxed};
use std::sync::{Arc, Condvar, Mutex};

/// A source of credentials: the first who asks is answered, everybody after that once it is opened. Without it a gateway does
/// not come to serve for a while.
pub struct Gate {
    source: Scripted,
    opened: Arc<(Mutex<bool>, Condvar)>,
    asked: Arc<AtomicUsize>,
}

impl Gate {
    fn new() -> Self {
        let opened = Arc::<(Mutex<bool>, Condvar)>::default();
        let (asked, known) = (Arc::<AtomicUsize>::default(), AtomicBool::new(false));
        let (gate, count) = (opened.clone(), asked.clone());
        let source = server(move |_| {
            count.fetch_add(1, Relaxed);
            if known.swap(true, Relaxed) {
                let closed = gate.0.lock().expect("no panic");
                drop(gate.1.wait_while(closed, |open| !*open).expect("no panic"));
            }
            ok(r#"{"AccessKeyId":"a","SecretAccessKey":"b","Token":"c","Expiration":"2099-01-01T00:00:00Z"}"#)
        });
        Self { source, opened, asked }
    }

    /// Adds the models `s/*` of the mock at `base_url`, which need these credentials.
    fn guard(&self, setup: Setup, base_url: &str) -> Setup {
        let at = self.source.address;
        let auth = format!("{{aws: {{region: r, source: container, token_url: \"http://{at}/keys\"}}}}");
        let row = format!("{{format: openai, base_url: \"{base_url}\", auth: {auth}}}");
        setup.provider_row("slow", &row).model("s/*", "{provider: slow, model: \"*\"}", "")
    }

    /// How often it was asked.
    fn asked(&self) -> usize {
        self.asked.load(Relaxed)
    }

    fn open(&self) {
        *self.opened.0.lock().expect("no panic") = true;
        self.opened.1.notify_all();
    }
}

impl Drop for Gate {
    fn drop(&mut self) {
        self.open();
    }
}
