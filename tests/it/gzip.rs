//! Providers that compress although they are asked not to.

use crate::harness::{Answer, Gateway, Io, KEY, Scripted, Setup, on_both_drivers, post_with};
use flate2::Compression;
use flate2::write::GzEncoder;
use std::io::Write;

const CHAT: &str = "/v1/chat/completions";
const COMPLETION: &str = r#"{"id":"c","object":"chat.completion","created":1,"model":"m","choices":[{"index":0,"message":{"role":"assistant","content":"hello"},"finish_reason":"stop"}],"usage":{"prompt_tokens":41,"completion_tokens":7,"total_tokens":48}}"#;
const STREAM: &str = concat!(
    "data: {\"id\":\"c\",\"object\":\"chat.completion.chunk\",\"created\":1,\"model\":\"m\",\"choices\":[{\"index\":0,\"delta\":{\"content\":\"hello\"},\"finish_reason\":\"stop\"}]}\n\n",
    "data: {\"id\":\"c\",\"object\":\"chat.completion.chunk\",\"created\":1,\"model\":\"m\",\"choices\":[],\"usage\":{\"prompt_tokens\":41,\"completion_tokens\":7,\"total_tokens\":48}}\n\n",
    "data: [DONE]\n\n",
);

#[derive(Clone, Copy, Debug, PartialEq)]
enum Framed {
    Length,
    Chunked,
    Close,
}

const FRAMINGS: [Framed; 3] = [Framed::Length, Framed::Chunked, Framed::Close];

fn zipped(text: &str) -> Vec<u8> {
    let mut encoder = GzEncoder::new(vec![], Compression::default());
    encoder.write_all(text.as_bytes()).expect("a vector");
    encoder.finish().expect("a vector")
}

/// An upstream whose answers are these bytes, which it says are gzip.
fn upstream(status: &str, kind: &str, framed: Framed, body: &[u8]) -> Scripted {
    let head = format!("HTTP/1.1 {status}\r\ncontent-type: {kind}\r\ncontent-encoding: gzip\r\n");
    let mut answer = head.into_bytes();
    match framed {
        Framed::Length => {
            answer.extend_from_slice(format!("content-length: {}\r\n\r\n", body.len()).as_bytes());
            answer.extend_from_slice(body);
        }
        Framed::Chunked => {
            answer.extend_from_slice(b"transfer-encoding: chunked\r\n\r\n");
            for piece in body.chunks(7) {
                answer.extend_from_slice(format!("{:x}\r\n", piece.len()).as_bytes());
                answer.extend_from_slice(piece);
                answer.extend_from_slice(b"\r\n");
            }
            answer.extend_from_slice(b"0\r\n\r\n");
        }
        Framed::Close => {
            answer.extend_from_slice(b"\r\n");
            answer.extend_from_slice(body);
        }
    }
    if framed == Framed::Close { Scripted::once(answer) } else { Scripted::always(answer) }
}

fn gateway(io: Io, upstream: &Scripted) -> Gateway {
    Gateway::start(&Setup::at(io, upstream.address))
}

fn ask(gateway: &Gateway, path: &str, fields: &str, model: &str, more: &str) -> Answer {
    let body = format!(r#"{{"model":"{model}","max_tokens":9,"messages":[]{more}}}"#);
    let fields = format!("authorization: Bearer {KEY}\r\ncontent-type: application/json\r\n{fields}");
    gateway.client().ask(&post_with(path, &fields, body.as_bytes()))
}

#[track_caller]
fn metered(gateway: &Gateway, answer: &Answer) {
    let record = gateway.record(answer.id());
    let tokens = |name: &str| record[name].as_u64();
    assert_eq!((tokens("input_tokens"), tokens("output_tokens")), (Some(41), Some(7)), "{record}");
}

/// A client that reads gzip gets the provider's bytes, any other what they stand for; in either case the usage is
/// counted.
#[test]
fn whole_answers() {
    on_both_drivers(|io| {
        for framed in FRAMINGS {
            let packed = zipped(COMPLETION);
            let upstream = upstream("200 OK", "application/json", framed, &packed);
            let gateway = gateway(io, &upstream);
            for reads in ["gzip", "br;q=1.0, GZIP;q=0.5", "*"] {
                let answer = ask(&gateway, CHAT, &format!("accept-encoding: {reads}\r\n"), "m/a", "");
                assert_eq!(answer.header("content-encoding"), Some("gzip"), "{framed:?} {reads}");
                assert_eq!((answer.whole, &answer.body), (true, &packed), "{framed:?} {reads}");
                metered(&gateway, &answer);
            }
            for reads in ["", "accept-encoding: identity\r\n", "accept-encoding: br, gzip;q=0\r\n"] {
                let answer = ask(&gateway, CHAT, reads, "m/a", "");
                assert_eq!(answer.header("content-encoding"), None, "{framed:?} {reads}");
                assert_eq!(
                    (answer.whole, answer.text()),
                    (true, COMPLETION.to_owned()),
                    "{framed:?} {reads}"
                );
                metered(&gateway, &answer);
            }
            assert!(upstream.seen().iter().all(|request| request.contains("accept-encoding: identity\r\n")));
        }
    });
}

/// A stream is read event by event, so it leaves as what it is; usage that only the gateway wanted stays here.
#[test]
fn streams() {
    on_both_drivers(|io| {
        for framed in FRAMINGS {
            let upstream = upstream("200 OK", "text/event-stream", framed, &zipped(STREAM));
            let gateway = gateway(io, &upstream);
            let answer = ask(&gateway, CHAT, "accept-encoding: gzip\r\n", "m/a", r#","stream":true"#);
            assert_eq!(answer.header("content-encoding"), None);
            let events = answer.events();
            assert_eq!((answer.whole, events.len(), events[1].as_str()), (true, 2, "[DONE]"), "{framed:?}");
            metered(&gateway, &answer);
        }
    });
}

/// What is translated is read, too, and so are errors.
#[test]
fn other_formats_and_errors() {
    on_both_drivers(|io| {
        let answers = upstream("200 OK", "application/json", Framed::Chunked, &zipped(COMPLETION));
        let gateway = gateway(io, &answers);
        let answer = ask(&gateway, "/v1/messages", "accept-encoding: gzip\r\n", "m/a", "");
        assert_eq!((answer.status, answer.header("content-encoding")), (200, None), "{}", answer.text());
        assert_eq!(answer.json()["content"][0]["text"], "hello");
        metered(&gateway, &answer);
        for framed in FRAMINGS {
            let error = r#"{"error":{"message":"too long","type":"invalid_request_error","code":"context_length_exceeded"}}"#;
            let upstream = upstream("400 Bad Request", "application/json", framed, &zipped(error));
            let gateway = self::gateway(io, &upstream);
            let answer = ask(&gateway, CHAT, "accept-encoding: gzip\r\n", "m/a", "");
            assert_eq!((answer.status, answer.header("content-encoding")), (400, None));
            assert_eq!(answer.text(), error, "{framed:?}");
            let answer = ask(&gateway, "/v1/messages", "", "m/a", "");
            assert_eq!(answer.json()["error"]["type"], "invalid_request_error", "{}", answer.text());
        }
    });
}

/// Bytes that are no gzip, or not all of it, are told as the provider's mistake; an answer that grows without end is
/// told in time, and not kept.
#[test]
fn mistakes() {
    on_both_drivers(|io| {
        let whole = zipped(COMPLETION);
        for (body, code) in [
            (&b"not gzip at all"[..], "upstream_malformed"),
            (&whole[..whole.len() - 4], "upstream_truncated"),
            (&whole[..whole.len() / 2], "upstream_truncated"),
        ] {
            for framed in FRAMINGS {
                let upstream = upstream("200 OK", "application/json", framed, body);
                let gateway = gateway(io, &upstream);
                let answer = ask(&gateway, "/v1/messages", "", "m/a", "");
                assert_eq!(answer.status, 502, "{framed:?} {code} {}", answer.text());
                assert_eq!(answer.json()["error"]["ringgate"]["code"], code, "{framed:?}");
            }
        }
        let bomb = zipped(&"0".repeat(70 << 20));
        let upstream = upstream("200 OK", "application/json", Framed::Length, &bomb);
        let gateway = gateway(io, &upstream);
        let answer = ask(&gateway, "/v1/messages", "", "m/a", "");
        assert_eq!(answer.status, 502, "{}", answer.text());
        let answer = ask(&gateway, CHAT, "", "m/a", "");
        assert_eq!((answer.status, answer.whole, answer.body.len()), (200, true, 70 << 20));
        assert!(gateway.resident_bytes() < 300 << 20, "{}", gateway.resident_bytes());
    });
}

/// An answer in a coding that cannot be undone here goes to whom it can be read by, as it is, and the record says that it
/// was not; nobody else gets bytes that mean nothing, and a refusal keeps its status.
#[test]
fn other_codings() {
    on_both_drivers(|io| {
        for (coding, named) in
            [("br", "br"), ("deflate", "deflate"), ("zstd", "zstd"), ("gzip, br", "not known")]
        {
            let sealed = b"\x0b\x02\x80 sealed \x03";
            let say = |status: &str| {
                let length = sealed.len();
                let head = format!(
                    "HTTP/1.1 {status}\r\ncontent-type: application/json\r\ncontent-encoding: {coding}\r\ncontent-length: {length}\r\n\r\n"
                );
                Scripted::always([head.as_bytes(), sealed].concat())
            };
            let (fine, busy) = (say("200 OK"), say("429 Too Many Requests"));
            for (upstream, status) in [(&fine, 200), (&busy, 429)] {
                let gateway = gateway(io, upstream);
                if !coding.contains(',') {
                    let answer =
                        ask(&gateway, CHAT, &format!("accept-encoding: gzip, {coding}\r\n"), "m/a", "");
                    assert_eq!((answer.status, answer.header("content-encoding")), (status, Some(coding)));
                    assert_eq!(answer.body, sealed);
                    let record = gateway.record(answer.id());
                    let detail = record["detail"].as_str().unwrap_or_default();
                    assert!(detail.contains(named) && record.get("input_tokens").is_none(), "{record}");
                }
                for (path, reads) in [
                    (CHAT, "accept-encoding: gzip\r\n"),
                    (CHAT, ""),
                    ("/v1/messages", "accept-encoding: *\r\n"),
                ] {
                    let answer = ask(&gateway, path, reads, "m/a", "");
                    assert_eq!(answer.header("content-encoding"), None, "{coding} {path} {reads}");
                    let error = &answer.json()["error"];
                    let limited = ["rate_limit_error", "rate_limit_exceeded"];
                    match status {
                        429 => assert!(limited.contains(&error["type"].as_str().expect("a type")), "{error}"),
                        _ => assert!(
                            error["message"].as_str().is_some_and(|text| text.contains(named)),
                            "{error}"
                        ),
                    }
                    assert_eq!(answer.status, if status == 429 { 429 } else { 502 }, "{error}");
                }
            }
        }
    });
}

/// Google's whole answers go on as they are, too, and are counted.
#[test]
fn googles_answers() {
    let body = r#"{"candidates":[{"finishReason":"STOP"}],"usageMetadata":{"promptTokenCount":41,"candidatesTokenCount":7,"totalTokenCount":48}}"#;
    let packed = zipped(body);
    let upstream = upstream("200 OK", "application/json; charset=UTF-8", Framed::Chunked, &packed);
    let setup = Setup::at(Io::Auto, upstream.address)
        .provider_of("gemini", "google", &format!("http://{}", upstream.address), "")
        .model("g", "{provider: google, model: gemini-x}", "");
    let gateway = Gateway::start(&setup);
    for (method, reads, whole) in [
        ("generateContent", "accept-encoding: gzip\r\n", true),
        ("generateContent", "", false),
        ("streamGenerateContent", "accept-encoding: gzip\r\n", false),
    ] {
        let fields = format!("x-goog-api-key: {KEY}\r\ncontent-type: application/json\r\n{reads}");
        let path = format!("/v1beta/models/g:{method}");
        let answer = gateway.client().ask(&post_with(&path, &fields, br#"{"contents":[]}"#));
        let expected = if whole { packed.clone() } else { body.as_bytes().to_vec() };
        assert_eq!(answer.body, expected, "{method} {reads}");
        assert_eq!(answer.header("content-encoding"), whole.then_some("gzip"));
        if method == "generateContent" {
            metered(&gateway, &answer);
        }
    }
}

/// A request that is compressed is refused by name.
#[test]
fn requests_are_plain() {
    on_both_drivers(|io| {
        let upstream = upstream("200 OK", "application/json", Framed::Length, &zipped(COMPLETION));
        let gateway = gateway(io, &upstream);
        let answer = ask(&gateway, CHAT, "content-encoding: gzip\r\n", "m/a", "");
        let message = answer.refused(415, "unsupported_media_type");
        assert!(message.contains("Content-Encoding"), "{message}");
        assert_eq!(ask(&gateway, CHAT, "content-encoding: identity\r\n", "m/a", "").status, 200);
        assert_eq!(upstream.seen().len(), 1);
    });
}

/// A little that stands for very much is held up to a bound, whole answer or event, and the refusal says that it is size and
/// not form that is wrong.
#[test]
fn little_that_becomes_much() {
    const BOUND: usize = 64 * 1024 * 1024;
    let (head, end) = COMPLETION.split_at(COMPLETION.find("hello").expect("its text"));
    let whole = zipped(&[head, &"a".repeat(BOUND), end].concat());
    let (head, end) = STREAM.split_at(STREAM.find("hello").expect("its text"));
    let stream = zipped(&[head, &"a".repeat(BOUND), end].concat());
    for (kind, body, more) in
        [("application/json", whole, ""), ("text/event-stream", stream, r#","stream":true"#)]
    {
        let upstream = upstream("200 OK", kind, Framed::Length, &body);
        let gateway = gateway(Io::Auto, &upstream);
        let before = gateway.resident_bytes();
        let answer = ask(&gateway, "/v1/messages", "", "m/a", more);
        assert!(answer.text().contains("larger than"), "{kind}: {}", answer.text());
        assert_eq!(
            (answer.status, &gateway.record(answer.id())["fault"]),
            (502, &"upstream_unreadable".into())
        );
        let more = gateway.resident_bytes().saturating_sub(before);
        assert!(more < 5 * BOUND as u64, "{kind}: {more} bytes for {}", body.len());
    }
}
