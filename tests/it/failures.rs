//! Providers that fail: each way has its own status, code and count, and a broken stream never looks whole.

use crate::harness::{
    Answer, End, Gateway, Io, KEY, Scripted, Setup, UPSTREAM_KEY, chat, mock, on_both_drivers, post,
    refusing, stream,
};
use serde_json::Value;
use std::io::{ErrorKind, Read as _, Write as _};
use std::sync::Mutex;
use std::sync::mpsc::channel;

/// Asserts a refusal, its record and its count.
#[track_caller]
fn told(gateway: &Gateway, answer: &Answer, status: u16, code: &str) -> Value {
    answer.refused(status, code);
    assert_eq!(answer.json()["error"]["ringgate"]["blame"], "upstream");
    assert_eq!(answer.json()["error"]["type"], "upstream_error");
    let record = gateway.record(answer.id());
    assert_eq!((&record["fault"], &record["status"]), (&code.into(), &status.into()), "{record}");
    assert!(gateway.counted(&[("fault", code), ("status", &status.to_string()), ("blame", "upstream")]) >= 1);
    record
}

/// A provider that cannot be reached: nobody listens, no such host, no TLS where TLS is wanted.
#[test]
fn unreachable_providers() {
    on_both_drivers(|io| {
        let plain = Scripted::start(|_, mut peer| {
            peer.send(b"HTTP/1.1 400 Bad Request\r\ncontent-length: 0\r\n\r\n");
            peer.wait_for_end();
        });
        let (_held, refusing) = refusing();
        let setup = Setup::of(io, &format!("http://{refusing}/v1"))
            .provider("nowhere", "http://nonexistent.invalid/v1", "")
            .provider("plain", &format!("https://localhost:{}/v1", plain.address.port()), "")
            .model("dns", "{provider: nowhere, model: x}", "")
            .model("tls", "{provider: plain, model: x}", "");
        let gateway = Gateway::start(&setup);
        let mut client = gateway.client();
        let record = told(&gateway, &client.ask(&chat("")), 502, "upstream_connect");
        assert_eq!((&record["upstream_status"], &record["attempts"]), (&0.into(), &1.into()));
        assert!(
            record["detail"].as_str().is_some_and(|detail| detail.contains(&refusing.to_string())),
            "{record}"
        );
        let ask =
            |model: &str| post("/v1/chat/completions", &format!(r#"{{"model":"{model}","stream":true}}"#));
        told(&gateway, &client.ask(&ask("dns")), 502, "upstream_dns");
        told(&gateway, &client.ask(&ask("tls")), 502, "upstream_tls");
        assert_eq!(client.ask(&chat("")).header("connection"), None, "the client's connection stays");
    });
}

/// A gateway without a descriptor for one more connection says that it is the one who lacks something, and when to come
/// again; when it has some, all is well.
#[test]
fn descriptors_run_out() {
    use rustix::process::{Pid, Resource, Rlimit, prlimit};
    on_both_drivers(|io| {
        let mock = mock();
        let gateway = Gateway::start(&Setup::of(io, &mock.base_url()));
        let mut client = gateway.client();
        let models = format!("GET /v1/models HTTP/1.1\r\nhost: g\r\nx-api-key: {KEY}\r\n\r\n");
        assert_eq!(client.ask(models.as_bytes()).status, 200);
        let allow = |most: Option<u64>| {
            let limit = Rlimit { current: most, maximum: Some(1024) };
            prlimit(Pid::from_raw(gateway.pid()), Resource::Nofile, limit).expect("a limit can be set")
        };
        allow(Some(3));
        let answer = client.ask(&chat(""));
        answer.refused(503, "overloaded");
        assert_eq!(answer.json()["error"]["ringgate"]["blame"], "gateway");
        assert!(answer.header("retry-after").is_some());
        let record = gateway.record(answer.id());
        assert!(record["detail"].as_str().is_some_and(|detail| detail.contains("open files")), "{record}");
        allow(Some(1024));
        assert_eq!(client.ask(&chat("")).status, 200);
    });
}

/// A provider that breaks off before a word of its answer, or says what is no HTTP.
#[test]
fn no_answer_at_all() {
    on_both_drivers(|io| {
        let mock = mock();
        let gateway = Gateway::start(&Setup::of(io, &mock.base_url()));
        let mut client = gateway.client();
        for (settings, code) in [("fault=reset", "upstream_reset"), ("fault=garbage", "upstream_malformed")] {
            told(&gateway, &client.ask(&chat(settings)), 502, code);
            told(&gateway, &client.ask(&stream(settings)), 502, code);
        }
    });
}

/// A stream that breaks off is told so in its own dialect, without an end marker and without a proper end.
#[test]
fn broken_streams_never_look_whole() {
    on_both_drivers(|io| {
        let mock = mock();
        let gateway = Gateway::start(&Setup::of(io, &mock.base_url()));
        for (settings, code) in [
            ("reset_after=3", "upstream_truncated"),
            ("close_after=3", "upstream_truncated"),
            ("bad_chunk&chunks=6&gap_ms=30", "upstream_malformed"),
        ] {
            for path in ["/v1/chat/completions", "/v1/completions", "/v1/responses"] {
                let mut client = gateway.client();
                let body = format!(r#"{{"model":"m/mock?{settings}","stream":true,"messages":[]}}"#);
                let answer = client.ask(&post(path, &body));
                assert_eq!((answer.status, answer.whole), (200, false), "{settings} {path}");
                let text = answer.text();
                assert!(!text.contains("[DONE]") && !text.contains("response.completed"), "{text}");
                let last: Value =
                    serde_json::from_str(answer.events().last().expect("events")).expect("JSON");
                assert_eq!(last["error"]["code"], code, "{settings} {path}: {text}");
                assert_eq!(last["error"]["ringgate"]["request_id"], answer.id());
                if path == "/v1/responses" {
                    assert_eq!((&last["type"], &last["code"]), (&"error".into(), &code.into()));
                    assert!(text.contains("\nevent: error\ndata: "), "{text}");
                }
                client.drain();
                assert!(client.rest.is_empty());
                let record = gateway.record(answer.id());
                assert_eq!(
                    (&record["fault"], &record["status"]),
                    (&code.into(), &200.into()),
                    "{settings} {path} {record}"
                );
            }
        }
        assert!(gateway.counted(&[("fault", "upstream_truncated"), ("status", "200")]) >= 6);
    });
}

/// An answer that is no stream and breaks off after its head ends the client's connection before its own end.
#[test]
fn broken_answers_never_look_whole() {
    on_both_drivers(|io| {
        let mock = mock();
        let gateway = Gateway::start(&Setup::of(io, &mock.base_url()));
        for (settings, code) in [
            ("reset_after=1", "upstream_truncated"),
            ("close_after=1", "upstream_truncated"),
            ("truncate", "upstream_truncated"),
        ] {
            let mut client = gateway.client();
            client.send(&chat(settings));
            let answer = client.answer();
            assert_eq!((answer.status, answer.whole), (200, false), "{settings}");
            client.drain();
            assert!(client.rest.is_empty());
            assert_eq!(gateway.record(answer.id())["fault"], code, "{settings}");
        }
        told(&gateway, &gateway.client().ask(&chat("bad_chunk")), 502, "upstream_malformed");
    });
}

/// A client of HTTP/1.0 finds the end of such an answer by the end of its connection: it is reset if the answer broke,
/// behind all that was said of it, and over TLS there is no word of farewell.
#[test]
fn old_clients_can_tell_broken_answers() {
    on_both_drivers(|io| {
        let half = Scripted::once(
            "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ntransfer-encoding: chunked\r\n\r\n5\r\n{\"a\":\r\n",
        );
        let mock = mock();
        let setup = Setup::of(io, &mock.base_url())
            .provider("half", &format!("http://{}/v1", half.address), "")
            .model("half", "{provider: half, model: x}", "");
        let (tls_gateway, root) = crate::secure::secured(setup.clone());
        let gateway = Gateway::start(&setup);
        for (model, streams, said) in [
            ("m/mock?close_after=3", true, "\"code\":\"upstream_truncated\""),
            ("m/mock?reset_after=3", true, "\"code\":\"upstream_truncated\""),
            ("half", false, "{\"a\":"),
        ] {
            let body = format!(r#"{{"model":"{model}","stream":{streams},"messages":[]}}"#);
            let request = String::from_utf8(post("/v1/chat/completions", &body)).expect("text");
            let request = request.replacen("HTTP/1.1", "HTTP/1.0", 1);
            let mut client = gateway.client();
            client.send(request.as_bytes());
            assert_eq!((client.head().0, client.drain()), (200, End::Reset), "{model}");
            let text = String::from_utf8_lossy(&client.rest).into_owned();
            assert!(text.contains(said) && !text.contains("[DONE]"), "{model}: {text}");

            let mut tls = crate::secure::connect(&tls_gateway, &root);
            tls.write_all(request.as_bytes()).expect("sent");
            let mut bytes = Vec::new();
            let end = tls.read_to_end(&mut bytes).expect_err("no proper end");
            let text = String::from_utf8_lossy(&bytes);
            assert!(
                end.kind() == ErrorKind::ConnectionReset && text.contains(said),
                "{model}: {end}: {text}"
            );
        }
    });
}

/// A stream that should end with its connection, and does so before its end marker, has no proper end at the client.
#[test]
fn streams_until_the_end_of_the_connection_may_break() {
    on_both_drivers(|io| {
        let head = "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\nconnection: close\r\n\r\n";
        let upstream = Scripted::once(format!("{head}data: {{}}\n\n"));
        let gateway = Gateway::start(&Setup::at(io, upstream.address));
        let mut client = gateway.client();
        let answer = client.ask(&stream(""));
        assert!(!answer.whole && answer.text().contains("upstream_truncated"), "{}", answer.text());
        client.drain();
        assert!(client.rest.is_empty(), "nothing follows: {:?}", String::from_utf8_lossy(&client.rest));
    });
}

/// A stream that ends well as HTTP but without its end marker passes as it is; the provider said what it said.
#[test]
fn a_missing_end_marker_is_passed_on() {
    let mock = mock();
    let gateway = Gateway::start(&Setup::of(Io::Auto, &mock.base_url()));
    let answer = gateway.client().ask(&stream("no_done"));
    assert!(answer.whole && !answer.text().contains("[DONE]"), "nothing is made up: {}", answer.text());
}

/// An error that the provider reports inside its stream is passed on, ends the stream, and is counted.
#[test]
fn errors_inside_streams() {
    on_both_drivers(|io| {
        let mock = mock();
        let gateway = Gateway::start(&Setup::of(io, &mock.base_url()));
        let mut client = gateway.client();
        let answer = client.ask(&stream("error_event_after=3"));
        let events = answer.events();
        let last: Value = serde_json::from_str(events.last().expect("events")).expect("JSON");
        assert_eq!(last["error"]["type"], "server_error");
        assert!(!answer.whole && !answer.text().contains("[DONE]"));
        assert_eq!(answer.text().matches("\"error\"").count(), 1, "the gateway adds no second error");
        let record = gateway.record(answer.id());
        assert_eq!((&record["fault"], &record["status"]), (&"upstream_stream_error".into(), &200.into()));
        assert_eq!(gateway.counted(&[("fault", "upstream_stream_error")]), 1);
    });
}

/// A provider's refusal passes with its status, its body and its advice when to come again.
#[test]
fn refusals_pass() {
    on_both_drivers(|io| {
        let mock = mock();
        let gateway = Gateway::start(&Setup::of(io, &mock.base_url()));
        let mut client = gateway.client();
        let mut direct = crate::harness::Client::of_provider(mock.address);
        for status in [400, 404, 408, 409, 413, 422, 429, 500, 503, 529] {
            for make in [chat, stream] {
                let settings = format!("fault=status:{status}");
                let answer = client.ask(&make(&settings));
                let wanted = direct.ask(
                    &String::from_utf8(make(&settings))
                        .expect("text")
                        .replace("m/mock", "mock")
                        .replace("content-length: ", "x-length: ")
                        .replace(
                            "\r\n\r\n",
                            &format!(
                                "\r\ncontent-length: {}\r\n\r\n",
                                make(&settings).len() - find_body(&make(&settings)) - 2
                            ),
                        )
                        .into_bytes(),
                );
                assert_eq!((answer.status, answer.text()), (status, wanted.text()));
                assert_eq!(answer.header("retry-after"), Some("1"));
                let record = gateway.record(answer.id());
                assert_eq!((&record["upstream_status"], &record["status"]), (&status.into(), &status.into()));
            }
        }
        assert_eq!(client.ask(&chat("")).status, 200, "the connection is in step");
    });
}

fn find_body(request: &[u8]) -> usize {
    memchr::memmem::find(request, b"\r\n\r\n").expect("a head") + 4
}

/// What a provider says about the gateway's own account is not the client's affair.
#[test]
fn account_errors_stay_here() {
    on_both_drivers(|io| {
        let mock = mock();
        let gateway = Gateway::start(&Setup::of(io, &mock.base_url()));
        let mut client = gateway.client();
        for settings in ["fault=status:401", "fault=status:402", "fault=status:403", "fault=echo_key"] {
            let answer = client.ask(&chat(settings));
            let record = told(&gateway, &answer, 502, "upstream_account");
            assert!(record["upstream_status"].as_u64().is_some_and(|status| (401..=403).contains(&status)));
            assert!(!answer.text().contains(UPSTREAM_KEY));
        }
    });
}

/// What stands for a key before a server that wants none is found in no words.
#[test]
fn a_key_that_hides_nothing_is_no_key() {
    on_both_drivers(|io| {
        let body = r#"{"error":{"message":"The maximum context is exceeded, EMPTY or not.","code":null}}"#;
        for key in ["x", "EMPTY"] {
            let head = "HTTP/1.1 400 Bad Request\r\ncontent-type: application/json\r\n";
            let upstream = Scripted::once(format!("{head}content-length: {}\r\n\r\n{body}", body.len()));
            let row =
                format!("{{format: openai, base_url: \"http://{}/v1\", api_key: {key}}}", upstream.address);
            let setup = Setup::of(io, "http://127.0.0.1:1/v1").provider_row("local", &row).model(
                "local/*",
                "{provider: local, model: \"*\"}",
                "",
            );
            let gateway = Gateway::start(&setup);
            let ask = post("/v1/chat/completions", r#"{"model":"local/m","messages":[]}"#);
            let answer = gateway.client().ask(&ask);
            assert_eq!((answer.status, answer.text().as_str()), (400, body), "{key}");
        }
    });
}

/// A provider's error that repeats its key comes through without it, wherever the key stands.
#[test]
fn keys_in_errors_are_scrubbed() {
    on_both_drivers(|io| {
        let body =
            format!("{{\"error\":{{\"message\":\"{UPSTREAM_KEY} is {UPSTREAM_KEY}.\",\"code\":null}}}}");
        for framing in ["content-length", "chunked", "until-close"] {
            let head = format!(
                "HTTP/1.1 400 Bad Request\r\ncontent-type: application/json\r\nx-echo: Bearer {UPSTREAM_KEY}\r\n"
            );
            let (first, second) = body.split_at(30);
            let answer = match framing {
                "content-length" => format!("{head}content-length: {}\r\n\r\n{body}", body.len()),
                "chunked" => format!(
                    "{head}transfer-encoding: chunked\r\n\r\n{:x}\r\n{first}\r\n{:x}\r\n{second}\r\n0\r\n\r\n",
                    first.len(),
                    second.len()
                ),
                _ => format!("{head}connection: close\r\n\r\n{body}"),
            };
            let upstream = Scripted::once(answer);
            let gateway = Gateway::start(&Setup::at(io, upstream.address));
            let answer = gateway.client().ask(&chat(""));
            assert_eq!(answer.status, 400, "{framing}");
            assert_eq!(answer.json()["error"]["message"], "[redacted] is [redacted].");
            assert_eq!(answer.header("x-echo"), Some("Bearer [redacted]"));
        }
        let moved = format!("HTTP/1.1 307 Temporary Redirect\r\nlocation: /v2?key={UPSTREAM_KEY}\r\n");
        let upstream = Scripted::once(moved + "content-length: 0\r\n\r\n");
        let gateway = Gateway::start(&Setup::at(io, upstream.address));
        let answer = gateway.client().ask(&chat(""));
        assert_eq!((answer.status, answer.header("location")), (307, Some("/v2?key=[redacted]")));
    });
}

/// So does an error that it reports inside a stream, be that the first thing it says or not.
#[test]
fn keys_in_errors_of_streams_are_scrubbed() {
    const EVENT: &str = "data: {\"choices\":[{\"index\":0,\"delta\":{\"content\":\"a\"}}]}\n\n";
    const ELEMENT: &str = "[{\"candidates\":[{\"content\":{\"parts\":[{\"text\":\"a\"}]}}]}";
    let said = format!("{{\"error\":{{\"message\":\"{UPSTREAM_KEY} is no key\"}}}}");
    let google = post("/v1beta/models/g/mock:streamGenerateContent", "{\"contents\":[]}");
    on_both_drivers(|io| {
        for (request, kind, beginning, error) in [
            (stream(""), "text/event-stream", "", format!("data: {said}\n\n")),
            (stream(""), "text/event-stream", EVENT, format!("data: {said}\n\n")),
            (google.clone(), "application/json", ELEMENT, format!(",{said}]")),
        ] {
            let (go_on, told) = channel();
            let told = Mutex::new(told);
            let upstream = Scripted::start(move |_, mut peer| {
                if peer.request().is_some() {
                    peer.send(
                        format!("HTTP/1.1 200 OK\r\ncontent-type: {kind}\r\n\r\n{beginning}").as_bytes(),
                    );
                    told.lock().expect("no panic").recv().expect("the client reads");
                    peer.send(error.as_bytes());
                }
            });
            let setup = Setup::at(io, upstream.address)
                .provider_of("gemini", "google", &format!("http://{}", upstream.address), "")
                .model("g/*", "{provider: google, model: \"*\"}", "");
            let gateway = Gateway::start(&setup);
            let mut client = gateway.client();
            client.send(&request);
            client.head();
            go_on.send(()).expect("the provider waits");
            client.drain();
            let text = String::from_utf8_lossy(&client.rest);
            assert!(text.contains("[redacted] is no key") && !text.contains(UPSTREAM_KEY), "{text}");
        }
    });
}
