//! Large and deep things where they have to be read: in every dialect, and translated.

use crate::harness::{Gateway, Io, Scripted, on_both_drivers, post, schedstat};
use crate::tongues::{
    DIALECTS, Dialect, End, MODELS, Protocol, Tap, asked, closing, opening, said, setup, word,
};
use std::time::{Duration, Instant};

/// So many messages in this dialect.
fn conversation(dialect: Dialect, model: &str, count: usize) -> (String, String) {
    let (path, body) = dialect.request(model);
    let messages =
        |one: &str, two: &str| [format!("{one},{two},").repeat(count / 2), one.to_owned()].concat();
    let turns = messages(r#"{"role":"user","content":"hi"}"#, r#"{"role":"assistant","content":"ho"}"#);
    let google =
        messages(r#"{"role":"user","parts":[{"text":"hi"}]}"#, r#"{"role":"model","parts":[{"text":"ho"}]}"#);
    let body = match dialect {
        Dialect::Chat | Dialect::Messages => body.replace(r#"{"role":"user","content":"hi"}"#, &turns),
        Dialect::Responses => body.replace(r#""input":"hi""#, &format!(r#""input":[{turns}]"#)),
        Dialect::Completions => body.replace("\"hi\"", &format!("\"{}\"", "hi ".repeat(count))),
        Dialect::GoogleEvents | Dialect::GoogleArray => {
            body.replace(r#"{"role":"user","parts":[{"text":"hi"}]}"#, &google)
        }
    };
    (path, body)
}

/// A provider of every format that says one word.
fn terse() -> Scripted {
    Scripted::start(|_, mut peer| {
        while let Some(request) = peer.request() {
            let format = asked(&request);
            let kind = format.content_type();
            let text = [opening(format), word(format, 0), closing(format)].concat();
            let length = text.len();
            peer.send(
                format!("HTTP/1.1 200 OK\r\ncontent-type: {kind}\r\ncontent-length: {length}\r\n\r\n")
                    .as_bytes(),
            );
            peer.send(&text);
        }
    })
}

/// A hundred thousand messages are answered, in a time that grows with their number alone; a hundred thousand levels are
/// refused at once.
#[test]
fn many_messages_and_many_levels() {
    const MANY: usize = 100_000;
    let upstream = terse();
    let gateway = Gateway::start(&setup(Io::Auto, upstream.address, ""));
    // Time of processors: other tests want them, too.
    let threads = ["shard-0", "helper"].map(|thread| gateway.schedstat_of(thread));
    let worked = || threads.iter().map(|thread| schedstat(thread).ran).sum::<Duration>();
    let before = gateway.resident_bytes();
    for dialect in DIALECTS {
        // Each dialect with a format that it is translated to, and with its own.
        for model in ["openai", "claude", "google"] {
            let took = |count: usize| {
                let (path, body) = conversation(dialect, model, count);
                let (request, before) = (post(&path, &body), worked());
                let answer = gateway.client().ask(&request);
                assert_eq!(answer.status, 200, "{dialect:?} {model}: {}", answer.text());
                worked().saturating_sub(before)
            };
            let (few, many) = (took(MANY / 10), took(MANY));
            assert!(many < few * 30 + Duration::from_millis(500), "{dialect:?} {model}: {few:?} {many:?}");
            let (path, body) = dialect.request(model);
            for level in ["[", "{\"a\":"] {
                let open = body.strip_suffix('}').expect("an object");
                let mut client = gateway.client();
                client.try_send(&post(&path, &format!("{open},\"x\":{}", level.repeat(MANY))));
                assert_eq!(client.answer().status, 400, "{dialect:?} {model}");
            }
        }
    }
    let grown = gateway.resident_bytes().saturating_sub(before);
    assert!(grown < 256 << 20, "{grown}");
}

/// An event of 30 MB passes where nothing reads it, and breaks what would have to hold it; memory is bounded in any case. So is
/// the time of one that is nested deeper than any answer.
#[test]
fn enormous_events() {
    const EVENT: usize = 30_000_000;
    on_both_drivers(|io| {
        for deep in [false, true] {
            let upstream = Scripted::start(move |_, mut peer| {
                let Some(request) = peer.request() else { return };
                let format = asked(&request);
                let kind = format.content_type();
                peer.send(format!("HTTP/1.1 200 OK\r\ncontent-type: {kind}\r\n\r\n").as_bytes());
                peer.send(&[opening(format), word(format, 0)].concat());
                let event = String::from_utf8_lossy(&word(format, 1)).into_owned();
                let text = if deep {
                    event.replace(
                        &format!("\"{}\"", said(1)),
                        &format!("\"w1. \",\"x\":{}{}", "[".repeat(100_000), "]".repeat(100_000)),
                    )
                } else {
                    event.replace(&said(1), &format!("{}w1. ", "y".repeat(EVENT)))
                };
                peer.send(text.as_bytes());
                peer.send(&closing(format));
            });
            let gateway = Gateway::start(&setup(io, upstream.address, ""));
            for dialect in DIALECTS {
                for (model, straight) in [
                    ("openai", matches!(dialect, Dialect::Chat | Dialect::Completions | Dialect::Responses)),
                    ("claude", dialect == Dialect::Messages),
                    ("google", matches!(dialect, Dialect::GoogleEvents | Dialect::GoogleArray)),
                ] {
                    let before = gateway.resident_bytes();
                    let began = Instant::now();
                    let mut tap = Tap::open(&gateway, Protocol::Chunked, dialect, model);
                    tap.begin();
                    let end = tap.end();
                    let whole = end == End::Clean && dialect.ends(&tap.text);
                    // One that is cut off never looks whole, and no more of it comes if somebody has to read it.
                    let cut = end == End::Broken && (straight || !dialect.ends(&tap.text));
                    assert!(whole || cut, "{dialect:?} {model} {deep}: {end:?}");
                    assert!(whole || !straight || deep, "{dialect:?} {model}: nothing has to hold it");
                    assert!(
                        began.elapsed() < Duration::from_secs(20),
                        "{dialect:?} {model}: {:?}",
                        began.elapsed()
                    );
                    let grown = gateway.resident_bytes().saturating_sub(before);
                    assert!(grown < 40 << 20, "{dialect:?} {model}: {grown}");
                }
            }
        }
    });
}

/// What is no object is refused as such at every URL that takes JSON.
#[test]
fn no_objects() {
    on_both_drivers(|io| {
        let gateway = Gateway::start(&setup(io, std::net::SocketAddr::from(([127, 0, 0, 1], 9)), ""));
        let mut client = gateway.client();
        let mut paths: Vec<String> = DIALECTS.iter().map(|dialect| dialect.request("openai").0).collect();
        let more = [
            "/v1/embeddings",
            "/v1/moderations",
            "/v1/images/generations",
            "/v1/audio/speech",
            "/v1/rerank",
            "/v2/rerank",
        ];
        paths.extend(more.map(str::to_owned));
        let counting = ["/v1/messages/count_tokens", "/v1/responses/input_tokens", "/v1/responses/compact"];
        paths.extend(counting.map(str::to_owned));
        let google = ["countTokens", "embedContent", "batchEmbedContents", "generateContent"];
        paths.extend(google.map(|method| format!("/v1beta/models/openai:{method}")));
        for path in &paths {
            for body in [
                "",
                " ",
                "[]",
                "null",
                "NaN",
                "true",
                "7",
                "\"x\"",
                "[{\"model\":\"openai\"}]",
                "{",
                "\u{feff}{}",
            ] {
                let answer = client.ask(&post(path, body));
                assert_eq!(answer.status, 400, "{path} {body:?}: {}", answer.text());
                assert!(answer.json()["error"]["message"].is_string());
            }
        }
        for model in MODELS {
            let null = format!(r#"{{"model":"{model}","messages":null,"input":null,"contents":null}}"#);
            for path in paths.iter().filter(|path| path.contains("/messages") || path.contains("/chat")) {
                let answer = client.ask(&post(path, &null));
                assert!(matches!(answer.status, 400 | 502), "{path} {model}: {}", answer.text());
            }
        }
        assert_eq!(gateway.metric("gateway_panics_total"), 0);
    });
}
