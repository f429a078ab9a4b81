//! Who may ask, and what never leaves the gateway.

use crate::harness::{
    Gateway, Io, KEY, Scripted, Setup, UPSTREAM_KEY, chat, mock, on_both_drivers, post_with,
};
use std::time::{Duration, Instant};

const JSON: &str = "content-type: application/json\r\n";
const BODY: &[u8] = br#"{"model":"m/mock?fault=echo_headers"}"#;

fn with_key(line: &str) -> Vec<u8> {
    post_with("/v1/chat/completions", &format!("{JSON}{line}"), BODY)
}

/// A key is found in each of the four headers, and `authorization` wins where there are several.
#[test]
fn keys_are_found_in_four_headers() {
    on_both_drivers(|io| {
        let mock = mock();
        let gateway = Gateway::start(&Setup::of(io, &mock.base_url()));
        let mut client = gateway.client();
        for line in [
            format!("Authorization: Bearer {KEY}\r\n"),
            format!("authorization: bearer   {KEY}\r\n"),
            format!("X-Api-Key: {KEY}\r\n"),
            format!("api-key: {KEY}\r\n"),
            format!("x-goog-api-key: {KEY}\r\n"),
            format!("x-goog-api-key: {KEY}\r\napi-key: {KEY}\r\nauthorization: Bearer {KEY}\r\n"),
        ] {
            let seen = client.ask(&with_key(&line)).text();
            assert!(seen.contains(&format!("Bearer {UPSTREAM_KEY}")), "{line}: {seen}");
            assert!(!seen.contains(KEY), "{line}: {seen}");
            assert_eq!(seen.matches(UPSTREAM_KEY).count(), 1);
        }
        client
            .ask(&with_key(&format!("x-api-key: {KEY}\r\nauthorization: Bearer wrong\r\n")))
            .refused(401, "invalid_api_key");
    });
}

/// Two fields of one name with different keys are refused, whoever stands first, and equal ones are one: whoever reads them
/// on the way would have to choose. A field without a key stands in nobody's way.
#[test]
fn two_keys_are_refused() {
    on_both_drivers(|io| {
        let mock = mock();
        let gateway = Gateway::start(&Setup::of(io, &mock.base_url()));
        let (good, other) = (format!("authorization: Bearer {KEY}\r\n"), "Authorization: Bearer other\r\n");
        for lines in [
            format!("{good}{other}"),
            format!("{other}{good}"),
            format!("x-api-key: a\r\nx-api-key: {KEY}\r\n"),
        ] {
            let answer = gateway.client().ask(&with_key(&lines));
            assert!(
                answer.refused(400, "malformed_request").contains("different API keys"),
                "{}",
                answer.text()
            );
        }
        assert_eq!(mock.stats().requests, 0);
        let empty = "authorization: Bearer\r\n";
        for lines in
            [format!("{good}{good}"), format!("{empty}{good}"), format!("{empty}x-api-key: {KEY}\r\n")]
        {
            assert_eq!(gateway.client().ask(&with_key(&lines)).status, 200, "{lines}");
        }
    });
}

/// No key, an unknown one, an expired one: 401, each with its own code, on a connection that stays where it can.
#[test]
fn bad_keys_are_refused() {
    on_both_drivers(|io| {
        let mock = mock();
        let keys = format!(
            "[{{id: a, group: everyone, secret: {KEY}}}, {{id: old, group: everyone, secret: oldkey, expires: 2020-01-31}}]"
        );
        let gateway = Gateway::start(&Setup::of(io, &mock.base_url()).with("keys", &keys));
        for (line, code) in [
            ("", "missing_api_key"),
            ("authorization: Bearer\r\n", "missing_api_key"),
            ("authorization: Bearer \r\n", "missing_api_key"),
            ("x-api-key:\r\n", "missing_api_key"),
            ("authorization: Bearer canary-client-key-8e1\r\n", "invalid_api_key"),
            ("authorization: Bearer canary-client-key-8e1fx\r\n", "invalid_api_key"),
            ("authorization: Basic Y2FuYXJ5\r\n", "invalid_api_key"),
            ("x-api-key: oldkey\r\n", "expired_api_key"),
        ] {
            let answer = gateway.client().ask(&with_key(line));
            answer.refused(401, code);
            assert_eq!(answer.header("www-authenticate"), Some("Bearer"), "{line}");
            assert_eq!(answer.json()["error"]["ringgate"]["blame"], "client");
            assert_eq!(gateway.record(answer.id())["fault"], code);
        }
        assert_eq!(mock.stats().requests, 0);
        assert_eq!(gateway.counted(&[("status", "401"), ("fault", "expired_api_key")]), 1);
    });
}

/// A key of 16 KiB and more is refused like any other unknown key.
#[test]
fn a_huge_key_is_unknown() {
    let gateway = Gateway::start(&Setup::of(Io::Auto, "http://127.0.0.1:9/v1"));
    for bytes in [10_000, 20_000] {
        let answer =
            gateway.client().ask(&with_key(&format!("authorization: Bearer {}\r\n", "k".repeat(bytes))));
        answer.refused(401, "invalid_api_key");
    }
}

/// The answer about a bad key comes before the body is sent, and the connection ends, as the body is not read.
#[test]
fn keys_are_checked_before_the_body() {
    on_both_drivers(|io| {
        let gateway = Gateway::start(&Setup::of(io, "http://127.0.0.1:9/v1"));
        for framing in [
            "content-length: 1000",
            "transfer-encoding: chunked",
            "content-length: 99\r\nexpect: 100-continue",
        ] {
            let mut client = gateway.client();
            let began = Instant::now();
            client.send(
                format!("POST /v1/chat/completions HTTP/1.1\r\nhost: g\r\nx-api-key: wrong\r\n{JSON}{framing}\r\n\r\n")
                    .as_bytes(),
            );
            let answer = client.answer();
            answer.refused(401, "invalid_api_key");
            assert_eq!(answer.header("connection"), Some("close"), "{framing}");
            assert!(began.elapsed() < Duration::from_secs(5));
            client.ends();
        }
    });
}

/// A model that exists but is not granted is 403, one that does not exist 404; both name the field and the model,
/// as far as it is not too long.
#[test]
fn models_are_granted_by_group() {
    on_both_drivers(|io| {
        let mock = mock();
        let setup = Setup::of(io, &mock.base_url())
            .model("granted", "{provider: up, model: mock}", "")
            .with("groups", "{few: {models: [granted]}}")
            .with("keys", &format!("[{{id: tester, group: few, secret: {KEY}}}]"));
        let gateway = Gateway::start(&setup);
        let mut client = gateway.client();
        let ask = |model: &str| {
            let line = format!("x-api-key: {KEY}\r\n{JSON}");
            post_with("/v1/chat/completions", &line, format!(r#"{{"model":"{model}"}}"#).as_bytes())
        };
        assert_eq!(client.ask(&ask("granted")).status, 200);
        let refused = client.ask(&ask("m/other"));
        assert!(refused.refused(403, "model_not_granted").contains("`m/other`"));
        assert_eq!(refused.json()["error"]["param"], "model");
        let missing = client.ask(&ask("nothing"));
        assert!(missing.refused(404, "model_not_found").contains("`nothing`"));
        assert_eq!(missing.json()["error"]["param"], "model");
        for (code, prefix) in [("model_not_granted", "m/"), ("model_not_found", "")] {
            let name = format!("{prefix}\"{}", "é".repeat(100));
            let answer = client.ask(&ask(&name.replace('"', "\\\"")));
            let message = answer.refused(answer.status, code);
            assert!(message.contains(&name[..33]) && message.len() < 200, "{message}");
            assert!(message.contains("é…`"), "a cut name is no name: {message}");
        }
        let record = gateway.record(refused.id());
        assert_eq!((&record["key"], &record["group"]), (&"tester".into(), &"few".into()));
        assert_eq!(mock.stats().requests, 1);
    });
}

/// What belongs to the client's own connection stays there: its key, its cookies, and what `Connection` names.
#[test]
fn private_headers_stay_behind() {
    on_both_drivers(|io| {
        let upstream = Scripted::always("HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n{}");
        let gateway = Gateway::start(&Setup::at(io, upstream.address));
        let lines = format!(
            "{JSON}authorization: Bearer {KEY}\r\nx-api-key: {KEY}\r\nAPI-Key: {KEY}\r\nX-Goog-Api-Key: {KEY}\r\n\
             cookie: session=secret\r\nproxy-authorization: Basic x\r\nkeep-alive: timeout=5\r\nte: trailers\r\n\
             trailer: x\r\nupgrade: h2c\r\nhttp2-settings: AAMAAABk\r\nproxy-connection: keep-alive\r\n\
             connection: keep-alive, OpenAI-Beta,anthropic-version\r\nopenai-beta: a\r\nanthropic-version: b\r\n\
             connection: user-agent\r\nuser-agent: u\r\norigin: http://x\r\nx-real-ip: 1.1.1.1\r\n"
        );
        let answer = gateway.client().ask(&post_with("/v1/chat/completions", &lines, BODY));
        assert_eq!(answer.status, 200, "{}", answer.text());
        let seen = upstream.seen().pop().expect("one request");
        let head = seen.split_once("\r\n\r\n").expect("a head").0.to_ascii_lowercase();
        let mut names: Vec<_> = head.lines().skip(1).filter_map(|line| line.split(':').next()).collect();
        names.sort_unstable();
        // The gateway's own, of its own connection, for a client that reads trailers.
        let own = ["connection", "te"];
        assert!(own.iter().all(|name| names.contains(name)), "{head}");
        assert!(head.contains("\r\nconnection: te\r\n") && head.contains("\r\nte: trailers\r\n"), "{head}");
        names.retain(|name| !own.contains(name));
        assert_eq!(names, ["accept-encoding", "authorization", "content-length", "content-type", "host"]);
        assert!(!seen.contains(KEY) && seen.contains(UPSTREAM_KEY));
    });
}

/// Where no key is configured and only this machine can connect, nobody needs one.
#[test]
fn without_keys_the_loopback_is_open() {
    let mock = mock();
    let gateway =
        Gateway::start(&Setup::of(Io::Auto, &mock.base_url()).with("keys", "[]").with("groups", "{}"));
    let answer = gateway.client().ask(&post_with("/v1/chat/completions", JSON, br#"{"model":"m/mock"}"#));
    assert_eq!(answer.status, 200, "{}", answer.text());
    assert_eq!(gateway.client().ask(&chat("")).status, 200);
}

/// Keys in a query go to no provider and into no log, however their names are spelled; every other parameter passes
/// byte for byte. They do not open the door either: URLs are written down on the way here.
#[test]
fn keys_in_queries_stay_behind() {
    on_both_drivers(|io| {
        let upstream = Scripted::always("HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n{}");
        let gateway = Gateway::start(&Setup::at(io, upstream.address));
        let canary = "canary-query-key-93d7";
        let key = format!("authorization: Bearer {KEY}\r\n{JSON}");
        for (query, passed) in [
            (format!("?key={canary}"), ""),
            (format!("?a=1&KEY={canary}&b=2"), "?a=1&b=2"),
            (format!("?%6bey={canary}&api-version=2024-10-21"), "?api-version=2024-10-21"),
            (format!("?x=%20+&&y&api%5Fkey={canary}&api-key={canary}"), "?x=%20+&&y"),
            (format!("?access_token={canary};alt=sse;token={canary}&pageToken=p"), "?alt=sse&pageToken=p"),
            (format!("?key&key=&key={canary}&monkey=1&keys=2&=3"), "?monkey=1&keys=2&=3"),
            ("?a=key=b&next=%2Fx%3Fy&%zz=1&%".to_owned(), "?a=key=b&next=%2Fx%3Fy&%zz=1&%"),
        ] {
            let path = format!("/v1/chat/completions{query}");
            assert_eq!(gateway.client().ask(&post_with(&path, &key, BODY)).status, 200, "{query}");
            let seen = upstream.seen().pop().expect("a request");
            let line = seen.lines().next().expect("a first line").to_owned();
            assert_eq!(line, format!("POST /v1/chat/completions{passed} HTTP/1.1"), "{query}");
            assert!(!seen.contains(canary), "{seen}");
        }
        let path = format!("/v1/chat/completions?key={KEY}&x={canary}");
        gateway.client().ask(&post_with(&path, JSON, BODY)).refused(401, "missing_api_key");
        gateway.client().ask(&post_with(&format!("/v1/nothing?key={canary}"), &key, BODY));
        gateway.client().ask(&post_with(&format!("/v1/chat/completions?key={canary}#"), &key, BODY));
        gateway.records(10);
        for text in [gateway.log(), gateway.metrics(), gateway.stderr(), gateway.stdout()] {
            assert!(!text.contains(canary) && !text.contains(KEY), "{text}");
        }
    });
}
