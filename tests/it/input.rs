//! Bodies that are wrong, strange or enormous.

use crate::harness::{Answer, Gateway, Io, Setup, chat, mock, on_both_drivers, post, post_with, until};
use std::time::{Duration, Instant};

const CHAT: &str = "/v1/chat/completions";

/// What is no request is refused with a code that says why, and the connection stays usable.
#[test]
fn wrong_bodies_are_refused() {
    on_both_drivers(|io| {
        let mock = mock();
        let gateway = Gateway::start(&Setup::of(io, &mock.base_url()));
        let mut client = gateway.client();
        let long = format!(r#"{{"model":"{}"}}"#, "m".repeat(257));
        for (body, code) in [
            ("", "invalid_json"),
            (" ", "invalid_json"),
            ("[]", "invalid_json"),
            ("null", "invalid_json"),
            ("NaN", "invalid_json"),
            ("\"m/mock\"", "invalid_json"),
            ("{", "invalid_json"),
            ("{}}", "invalid_json"),
            ("{\"model\":\"m/mock\"", "invalid_json"),
            ("{\"model\":\"m/mock\",}", "invalid_json"),
            ("{'model':'m/mock'}", "invalid_json"),
            ("{\"model\":\"m/mock\"} x", "invalid_json"),
            ("{\"model\":\"m/mock\"}{}", "invalid_json"),
            ("{\"model\":\"m/mock\",\"x\":NaN}", "invalid_json"),
            ("{\"model\":\"m/mock\",\"x\":01}", "invalid_json"),
            ("{\"model\":\"m/mock\",\"x\":+1}", "invalid_json"),
            ("{\"model\":\"m/mock\",\"x\":1.}", "invalid_json"),
            ("{\"model\":\"m/mock\",\"x\":tru}", "invalid_json"),
            ("{\"model\":\"m/mock\",\"x\":\"\u{1}\"}", "invalid_json"),
            ("{\"model\":\"m/mock\",\"x\":\"\\x\"}", "invalid_json"),
            ("{\"model\":\"m/mock\",\"x\":\"\\u12g4\"}", "invalid_json"),
            ("{}", "missing_model"),
            ("{\"messages\":[{\"model\":\"m/mock\"}]}", "missing_model"),
            ("{\"Model\":\"m/mock\"}", "missing_model"),
            ("{\"model\":null}", "invalid_model"),
            ("{\"model\":1}", "invalid_model"),
            ("{\"model\":[\"m/mock\"]}", "invalid_model"),
            ("{\"model\":\"\"}", "invalid_model"),
            ("{\"model\":\"a\\nb\"}", "invalid_model"),
            ("{\"model\":\"a\\u0000b\"}", "invalid_model"),
            (&long, "invalid_model"),
            ("{\"model\":\"m/mock\",\"model\":\"m/other\"}", "duplicate_field"),
            ("{\"model\":\"m/mock\",\"mod\\u0065l\":\"m/other\"}", "duplicate_field"),
            ("{\"model\":\"m/mock\",\"stream\":true,\"stream\":false}", "duplicate_field"),
            ("{\"model\":\"m/mock\",\"stream\":\"yes\"}", "invalid_field"),
            ("{\"model\":\"m/mock\",\"stream\":1}", "invalid_field"),
        ] {
            let answer = client.ask(&post(CHAT, body));
            eprintln!("{body} -> {}", answer.text());
            answer.refused(400, code);
            let param = match code {
                "invalid_json" => None,
                _ if body.contains("stream") => Some("stream"),
                _ => Some("model"),
            };
            assert_eq!(answer.json()["error"]["param"].as_str(), param, "{body}");
        }
        assert_eq!(mock.stats().requests, 0);
        assert_eq!(client.ask(&chat("")).status, 200);
    });
}

/// A name that is not UTF-8 is none. Other strings are the provider's to read, and to refuse.
#[test]
fn names_are_text() {
    let mock = mock();
    let gateway = Gateway::start(&Setup::of(Io::Auto, &mock.base_url()));
    let lines = format!("x-api-key: {}\r\ncontent-type: application/json\r\n", crate::harness::KEY);
    for body in [&b"{\"model\":\"m/\xff\"}"[..], b"{\"model\":\"m/mock\",\"\xc3\":1}"] {
        let answer = gateway.client().ask(&post_with(CHAT, &lines, body));
        assert_eq!(answer.status, 400, "{}", answer.text());
    }
    assert_eq!(mock.stats().requests, 1, "the second is for the provider to refuse");
}

/// Forms that are none, and forms without a model.
#[test]
fn wrong_forms_are_refused() {
    let mock = mock();
    let gateway = Gateway::start(&Setup::of(Io::Auto, &mock.base_url()));
    let key = crate::harness::KEY;
    let ask = |boundary: &str, body: &str| {
        let lines = format!("x-api-key: {key}\r\ncontent-type: multipart/form-data{boundary}\r\n");
        gateway.client().ask(&post_with("/v1/audio/transcriptions", &lines, body.as_bytes()))
    };
    let part = |name: &str, value: &str| {
        format!("--b\r\ncontent-disposition: form-data; name=\"{name}\"\r\n\r\n{value}\r\n")
    };
    ask("", "x").refused(415, "unsupported_media_type");
    ask("; boundary=b", "").refused(400, "invalid_multipart");
    ask("; boundary=b", "no form at all").refused(400, "invalid_multipart");
    ask("; boundary=b", &part("model", "m/mock")).refused(400, "invalid_multipart");
    ask("; boundary=b", &(part("file", "x") + "--b--\r\n")).refused(400, "missing_model");
    ask("; boundary=b", &(part("model", "m/mock") + &part("model", "m/other") + "--b--\r\n"))
        .refused(400, "duplicate_field");
    assert_eq!(mock.stats().requests, 0);
    assert_eq!(ask("; boundary=b", &(part("model", "m/mock") + "--b--\r\n")).status, 200);
}

/// A hundred thousand messages pass; a hundred thousand levels of nesting do not, and cost nothing.
#[test]
fn long_is_fine_and_deep_is_not() {
    on_both_drivers(|io| {
        let mock = mock();
        let gateway = Gateway::start(&Setup::of(io, &mock.base_url()));
        let mut client = gateway.client();
        let messages = vec![r#"{"role":"user","content":"hi"}"#; 100_000].join(",");
        let answer = client.ask(&post(CHAT, &format!(r#"{{"model":"m/mock","messages":[{messages}]}}"#)));
        assert_eq!(answer.status, 200);
        assert_eq!(
            answer.json()["usage"]["prompt_tokens"].as_u64().map(|tokens| tokens > 100_000),
            Some(true)
        );
        let began = Instant::now();
        for opening in ["[", "{\"a\":"] {
            let mut client = gateway.client();
            client.try_send(&post(
                CHAT,
                &format!(r#"{{"model":"m/mock","messages":{}"#, opening.repeat(100_000)),
            ));
            client.answer().refused(400, "invalid_json");
        }
        assert!(began.elapsed() < Duration::from_secs(10));
        let deep = format!(r#"{{"model":"m/mock","x":{}{}}}"#, "[".repeat(100), "]".repeat(100));
        assert_eq!(client.ask(&post(CHAT, &deep)).status, 200);
    });
}

fn huge(bytes: usize) -> Vec<u8> {
    post(
        CHAT,
        &format!(r#"{{"messages":[{{"role":"user","content":"{}"}}],"model":"m/mock"}}"#, "y".repeat(bytes)),
    )
}

/// Asks in a loop until told to stop; the times that answers took, in order of size.
fn bystander(gateway: &Gateway, until: impl Fn() -> bool) -> Vec<Duration> {
    let mut client = gateway.client();
    let mut took = vec![];
    while !until() {
        let began = Instant::now();
        assert_eq!(client.ask(&chat("")).status, 200);
        took.push(began.elapsed());
    }
    took.sort_unstable();
    took
}

/// A body over the limit is refused before it is sent; one of 200 MB under a higher limit passes, in a time that
/// grows with its size alone, and others on the same shard hardly notice.
#[test]
fn enormous_bodies() {
    let mock = mock();
    let small =
        Gateway::start(&Setup::of(Io::Auto, &mock.base_url()).with("limits", "{body_bytes: 1000000}"));
    let mut client = small.client();
    let request = huge(200_000_000);
    client.try_send(&request[..500]);
    client.answer().refused(413, "body_too_large");
    drop(small);

    let limits = "{body_bytes: 300000000, buffered_bytes: 1000000000}";
    let gateway = Gateway::start(&Setup::of(Io::Auto, &mock.base_url()).with("limits", limits));
    let timed = |request: &[u8]| {
        let began = Instant::now();
        let mut client = gateway.client();
        let answer: Answer = client.ask(request);
        assert_eq!(answer.status, 200, "{}", answer.text());
        began.elapsed()
    };
    let quarter = timed(&huge(50_000_000));
    let (whole, others) = std::thread::scope(|scope| {
        let body = scope.spawn(|| timed(&request));
        let others = bystander(&gateway, || body.is_finished());
        (body.join().expect("no panic"), others)
    });
    let rank = |share: f64| others.get((others.len() as f64 * share) as usize).copied().unwrap_or_default();
    eprintln!(
        "50 MB {quarter:?}, 200 MB {whole:?}; {} bystanders: p50 {:?} p99 {:?}",
        others.len(),
        rank(0.5),
        rank(0.99)
    );
    assert!(whole < quarter * 16 + Duration::from_secs(1), "{quarter:?} for 50 MB, {whole:?} for 200 MB");
    assert!(rank(0.5) < Duration::from_millis(100), "p50 {:?}", rank(0.5));
    assert!(rank(0.99) < Duration::from_secs(1), "p99 {:?}", rank(0.99));
}

/// When too much is held at once, more is refused with a time to come again; later there is room.
#[test]
fn held_bodies_are_bounded() {
    on_both_drivers(|io| {
        let mock = mock();
        let limits = "{body_bytes: 10000000, buffered_bytes: 10000000}";
        let gateway = Gateway::start(&Setup::of(io, &mock.base_url()).with("limits", limits));
        let request = huge(8_000_000);
        let mut first = gateway.client();
        first.send(&request[..6_000_000]);
        until("the first body to be held", || {
            (gateway.metric_sum("gateway_buffered_body_bytes") > 4_000_000).then_some(())
        });
        let mut second = gateway.client();
        second.try_send(&request);
        let answer = second.answer();
        answer.refused(503, "overloaded");
        assert_eq!(answer.header("retry-after"), Some("1"));
        first.send(&request[6_000_000..]);
        assert_eq!(first.answer().status, 200, "who was there first is served");
        assert_eq!(gateway.client().ask(&request).status, 200);
    });
}
