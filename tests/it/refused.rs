//! Providers that fail before they answer: every dialect's clients, whatever the provider's format, are told by a status and
//! in their own shape.

use crate::harness::{
    Answer, Fate, Frames, Gateway, Io, KEY, Scripted, Setup, on_both_drivers, post, refusing,
};
use crate::tongues::{DIALECTS, Dialect, MODELS, setup};
use serde_json::Value;

/// What a provider says in place of an answer.
const ANSWERS: [(&str, &str); 6] = [
    ("", "upstream_reset"),
    ("HTTP/1.1 103 Early Hints\r\nlink: x\r\n\r\n", "upstream_malformed"),
    ("SSH-2.0-x\r\n", "upstream_malformed"),
    ("HTTP/1.1 200 OK\r\ncontent-ty", "upstream_malformed"),
    ("HTTP/1.1 200 OK\r\ncontent-length: 5\r\ntransfer-encoding: chunked\r\n\r\n", "upstream_malformed"),
    (
        "HTTP/1.1 500 Oops\r\ncontent-type: application/json\r\ncontent-length: 99\r\n\r\n{\"error\":",
        "upstream_truncated",
    ),
];

/// A connection that breaks, or says what is no HTTP.
#[test]
fn no_answers() {
    for (answer, fault) in ANSWERS {
        on_both_drivers(|io| {
            let upstream = Scripted::once(answer);
            everybody_is_told(&Gateway::start(&setup(io, upstream.address, "")), 502, fault);
            assert_eq!(upstream.seen().len(), told(), "nothing is asked twice: {answer:?}");
        });
    }
}

/// A provider that does not answer in time.
#[test]
fn silence() {
    on_both_drivers(|io| {
        let upstream = Scripted::start(|_, mut peer| {
            peer.request();
            peer.wait_for_end();
        });
        let setup = setup(io, upstream.address, "timeouts: {first_byte_ms: 50}");
        everybody_is_told(&Gateway::start(&setup), 504, "upstream_first_byte_timeout");
    });
}

/// A provider that cannot be connected to: nobody listens, its name has no address, or it speaks no TLS.
#[test]
fn no_connection() {
    on_both_drivers(|io| {
        let (_held, address) = refusing();
        everybody_is_told(&Gateway::start(&setup(io, address, "")), 502, "upstream_connect");
        let plain = Scripted::start(|_, mut peer| {
            peer.send(b"HTTP/1.1 400 Bad Request\r\ncontent-length: 0\r\n\r\n");
            peer.wait_for_end();
        });
        let secure = format!("https://localhost:{}", plain.address.port());
        everybody_is_told(&Gateway::start(&at(io, &secure)), 502, "upstream_tls");
        everybody_is_told(&Gateway::start(&at(io, "http://nonexistent.invalid")), 502, "upstream_dns");
    });
}

/// All models at a provider of each format there.
fn at(io: Io, base: &str) -> Setup {
    let here = std::net::SocketAddr::from(([127, 0, 0, 1], 9));
    setup(io, here, "").with_base("http://127.0.0.1:9", base)
}

fn told() -> usize {
    2 * DIALECTS.len() * MODELS.len()
}

/// Asks in every dialect for every model, by HTTP/1.1 and by HTTP/2. Each is told, has a record, and is counted.
#[track_caller]
fn everybody_is_told(gateway: &Gateway, status: u16, fault: &str) {
    let mut client = gateway.client();
    for dialect in DIALECTS {
        for model in MODELS {
            let (path, body) = dialect.request(model);
            let answer = client.ask(&post(&path, &body));
            assert_eq!(answer.status, status, "{dialect:?} {model}: {}", answer.text());
            assert_eq!(answer.header("connection"), None, "the client's connection stays");
            shaped(dialect, &answer, fault);
            let fields = [
                (":method", "POST"),
                (":scheme", "http"),
                (":authority", "g"),
                (":path", path.as_str()),
                ("x-api-key", KEY),
                ("content-type", "application/json"),
            ];
            let mut frames = Frames::connect(gateway.address);
            frames.head(1, &fields, true);
            frames.body(1, body.as_bytes());
            let fate = frames.fate(1);
            let same = matches!(&fate, Fate::Answered { body, .. } if body.contains(&code(dialect, fault)));
            assert!(same, "{dialect:?} {model}: {fate:?}");
        }
    }
    let records = gateway.records(told());
    assert_eq!(records.len(), told());
    for record in records {
        assert_eq!((&record["fault"], &record["status"]), (&fault.into(), &status.into()), "{record}");
        assert!(
            record["detail"].as_str().is_some_and(|detail| !detail.is_empty()) || fault.ends_with("ed"),
            "{record}"
        );
    }
    assert_eq!(gateway.counted(&[("fault", fault), ("blame", "upstream")]), told() as u64);
}

fn code(dialect: Dialect, fault: &str) -> String {
    match dialect {
        Dialect::GoogleEvents | Dialect::GoogleArray => fault.to_ascii_uppercase(),
        _ => fault.to_owned(),
    }
}

/// Asserts that a refusal has its dialect's shape and this code.
#[track_caller]
fn shaped(dialect: Dialect, answer: &Answer, fault: &str) {
    let body = answer.json();
    // A stream of Google's that is an array is refused by an object, as Google does.
    let error = &body["error"];
    let found = match dialect {
        Dialect::Chat | Dialect::Completions | Dialect::Responses => {
            assert!(error["type"] == "upstream_error" && error["param"].is_null(), "{body}");
            &error["code"]
        }
        Dialect::Messages => {
            assert!(body["type"] == "error" && error["type"].is_string(), "{body}");
            assert_eq!(body["request_id"], answer.id());
            &error["ringgate"]["code"]
        }
        Dialect::GoogleEvents | Dialect::GoogleArray => {
            assert!(error["code"] == answer.status && error["status"].is_string(), "{body}");
            &error["details"][0]["reason"]
        }
    };
    assert_eq!(found, &Value::from(code(dialect, fault)), "{body}");
    assert!(error["message"].as_str().is_some_and(|message| !message.is_empty()));
}
