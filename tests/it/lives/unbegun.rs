//! Streams of which nothing has come when the time for draining is over.

use crate::harness::{
    Asked, Client, Fate, Frames, KEY, Scripted, Wire, Wired, on_both_drivers_at_once, until,
};
use crate::tongues::{DIALECTS, Dialect, MODELS, setup};
use rustix::process::Signal;
use serde_json::Value;

/// The code that a refusal in the words of a dialect has.
fn code(dialect: Dialect, text: &str) -> String {
    let body: Value = serde_json::from_str(text).unwrap_or_default();
    let error = &body["error"];
    let code = match dialect {
        Dialect::Chat | Dialect::Completions | Dialect::Responses => &error["code"],
        Dialect::Messages => {
            assert_eq!(body["type"], "error", "{text}");
            &error["ringgate"]["code"]
        }
        Dialect::GoogleEvents | Dialect::GoogleArray => {
            assert_eq!((&error["code"], &error["status"]), (&503.into(), &"UNAVAILABLE".into()), "{text}");
            &error["details"][0]["reason"]
        }
    };
    assert!(error["message"].is_string(), "{text}");
    code.as_str().unwrap_or_default().to_ascii_lowercase()
}

enum Waiting {
    Http1(Client),
    Http2(Frames),
}

/// Over every wire, from a provider of every format, and in every dialect, such a stream is a refusal with its status, in its
/// client's words; so it is on record.
#[test]
fn streams_that_have_not_begun_are_refused() {
    on_both_drivers_at_once(|io| {
        let upstream = Scripted::start(|_, mut peer| {
            if peer.request().is_some() {
                peer.wait_for_end();
            }
        });
        let mut wired = Wired::start(setup(io, upstream.address, "").with("drain_timeout_ms", "300"));
        let mut waiting = vec![];
        for wire in Wire::ALL {
            for dialect in DIALECTS {
                for model in MODELS {
                    let (path, body) = dialect.request(model);
                    let fields = vec![("x-api-key", KEY), ("content-type", "application/json")];
                    let body = Some(body.as_bytes());
                    let asked = Asked { method: "POST", path: &path, fields, body };
                    waiting.push((wire, dialect, model, ask(&wired, wire, &asked)));
                }
            }
        }
        let count = waiting.len();
        until("all to be asked", || (upstream.seen().len() == count).then_some(()));
        wired.gateway.signal(Signal::TERM);
        for (wire, dialect, model, waiting) in waiting {
            let (status, text) = match waiting {
                Waiting::Http1(mut client) => {
                    let answer = client.answer();
                    assert!(answer.whole);
                    (answer.status, answer.text())
                }
                Waiting::Http2(mut frames) => match frames.fate(1) {
                    Fate::Answered { status, body } => (status, body),
                    fate => panic!("{wire:?} {dialect:?} {model}: {fate:?}"),
                },
            };
            assert_eq!(status, 503, "{wire:?} {dialect:?} {model}: {text}");
            assert_eq!(code(dialect, &text), "shutting_down", "{wire:?} {dialect:?} {model}");
        }
        assert_eq!(wired.gateway.wait().code(), Some(0), "{}", wired.gateway.stderr());
        let records = wired.gateway.records(count);
        let told = |record: &&Value| record["fault"] == "shutting_down" && record["status"] == 503;
        assert_eq!(records.iter().filter(told).count(), count, "{records:#?}");
    });
}

fn ask(wired: &Wired, wire: Wire, asked: &Asked<'_>) -> Waiting {
    let address = wired.address(wire);
    if !wire.is_http2() {
        let mut client = Client::connect(address);
        client.send(&asked.http1(crate::harness::Framing::Length));
        return Waiting::Http1(client);
    }
    let mut frames = Frames::connect(address);
    let mut head = vec![(":method", "POST"), (":scheme", "http"), (":authority", "g"), (":path", asked.path)];
    head.extend(asked.fields.iter().copied());
    frames.head(1, &head, true);
    frames.body(1, asked.body.expect("a body"));
    Waiting::Http2(frames)
}
