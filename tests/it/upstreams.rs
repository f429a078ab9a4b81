//! What providers may say, and how much of it a client sees.

use crate::harness::{
    Client, Gateway, Io, Scripted, Setup, chat, mock, on_both_drivers, post, refusing, stream, until,
};
use std::net::SocketAddr;
use std::sync::Mutex;
use std::sync::mpsc::channel;

const JSON: &str = "content-type: application/json\r\n";

/// Interim answers before the real one are skipped.
#[test]
fn interim_answers_are_skipped() {
    on_both_drivers(|io| {
        let mock = mock();
        let gateway = Gateway::start(&Setup::of(io, &mock.base_url()));
        let mut client = gateway.client();
        for request in [chat("interim"), stream("interim&chunks=2")] {
            let answer = client.ask(&request);
            assert!(answer.status == 200 && answer.whole && answer.header("link").is_none());
        }
    });
}

/// An endless row of interim answers, or a change of protocol, is a failure.
#[test]
fn interim_answers_are_bounded() {
    for flood in [
        "HTTP/1.1 103 Early Hints\r\n\r\n".repeat(1000),
        "HTTP/1.1 101 Switching Protocols\r\nupgrade: x\r\n\r\n".into(),
    ] {
        let upstream = Scripted::once(flood);
        let gateway = Gateway::start(&Setup::at(Io::Auto, upstream.address));
        gateway.client().ask(&chat("")).refused(502, "upstream_malformed");
    }
}

/// A body that ends with its connection is passed on, whole or as a stream; the upstream connection is not kept.
#[test]
fn bodies_until_the_end_of_the_connection() {
    on_both_drivers(|io| {
        let mock = mock();
        let gateway = Gateway::start(&Setup::of(io, &mock.base_url()));
        let mut client = gateway.client();
        for turn in 1..4 {
            let answer = client.ask(&chat("until_close"));
            assert!(answer.status == 200 && answer.whole && answer.json()["object"] == "chat.completion");
            let answer = client.ask(&stream("until_close&chunks=3"));
            assert!(answer.whole);
            assert_eq!(answer.events().last().map(String::as_str), Some("[DONE]"));
            assert_eq!(mock.stats().connections_opened, 2 * turn);
        }
    });
}

/// Answers without a body, by status or by length, and a HTTP/1.0 provider.
#[test]
fn answers_without_a_body() {
    on_both_drivers(|io| {
        for (answer, status) in [
            ("HTTP/1.1 204 No Content\r\nx-a: b\r\n\r\n", 204),
            ("HTTP/1.1 304 Not Modified\r\ncontent-length: 100\r\nx-a: b\r\n\r\n", 304),
            ("HTTP/1.1 200 OK\r\nx-a: b\r\ncontent-length: 0\r\n\r\n", 200),
            ("HTTP/1.1 201 \r\nx-a: b\r\ncontent-length: 0\r\n\r\n", 201),
            ("HTTP/1.1 429\r\nx-a: b\r\ncontent-length: 0\r\n\r\n", 429),
        ] {
            let upstream = Scripted::always(answer);
            let gateway = Gateway::start(&Setup::at(io, upstream.address));
            let mut client = gateway.client();
            for _ in 0..3 {
                let got = client.ask(&chat(""));
                assert_eq!(
                    (got.status, got.body.len(), got.header("x-a")),
                    (status, 0, Some("b")),
                    "{answer}"
                );
            }
            assert_eq!(upstream.accepted(), 1, "the upstream connection is kept: {answer}");
        }
        let old = Scripted::once(format!("HTTP/1.0 200 OK\r\n{JSON}\r\n{{\"a\":1}}"));
        let gateway = Gateway::start(&Setup::at(io, old.address));
        let mut client = gateway.client();
        for _ in 0..3 {
            assert_eq!(client.ask(&chat("")).text(), r#"{"a":1}"#);
        }
        assert_eq!(old.accepted(), 3);
    });
}

/// A chunked answer passes whole, without its extensions and trailers; what speaks of the provider's connection
/// or site stays behind.
#[test]
fn answers_are_framed_afresh() {
    on_both_drivers(|io| {
        let answer = format!(
            "HTTP/1.1 200 Fine\r\n{JSON}Transfer-Encoding: Chunked\r\nset-cookie: a=b\r\nconnection: keep-alive, x-private\r\n\
             x-private: 1\r\nkeep-alive: timeout=5\r\nalt-svc: h3\r\nx-request-id: theirs\r\nx-ringgate-cost-usd: 1\r\n\
             openai-processing-ms: 7\r\nx-ratelimit-remaining-tokens: 9\r\n\r\n5;x=\"y\"\r\n{{\"a\":\r\n03\r\n1 }}\r\n0;z\r\nx-trailer: t\r\n\r\n"
        );
        let upstream = Scripted::always(answer);
        let gateway = Gateway::start(&Setup::at(io, upstream.address));
        let mut client = gateway.client();
        for _ in 0..2 {
            let got = client.ask(&chat(""));
            assert!(got.whole);
            assert_eq!(got.text(), "{\"a\":1 }");
            let mut names: Vec<_> = got.headers.iter().map(|(name, _)| name.as_str()).collect();
            names.sort_unstable();
            let wanted = [
                "content-type",
                "date",
                "openai-processing-ms",
                "transfer-encoding",
                "x-ratelimit-remaining-tokens",
                "x-request-id",
                "x-ringgate-overhead-us",
                "x-ringgate-upstream-request-id",
            ];
            assert_eq!(names, wanted);
            assert_eq!(got.header("x-ringgate-upstream-request-id"), Some("theirs"));
            assert_ne!(got.header("x-request-id"), Some("theirs"));
        }
        assert_eq!(upstream.accepted(), 1);
    });
}

/// An answer may come in pieces cut at any byte.
#[test]
fn answers_may_be_cut_anywhere() {
    on_both_drivers(|io| {
        let body = "data: {\"choices\":[],\"usage\":null}\r\n\r\ndata: [DONE]\n\n";
        let (first, second) = body.split_at(20);
        let answer = format!(
            "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n{:x}\r\n{first}\r\n{:x}\r\n{second}\r\n0\r\n\r\n",
            first.len(),
            second.len()
        );
        let cuts = answer.len();
        let upstream = Scripted::start(move |_, mut peer| {
            for at in 1.. {
                if peer.request().is_none() {
                    return;
                }
                peer.send(&answer.as_bytes()[..at]);
                std::thread::sleep(std::time::Duration::from_micros(300));
                peer.send(&answer.as_bytes()[at..]);
            }
        });
        let gateway = Gateway::start(&Setup::at(io, upstream.address));
        let mut client = gateway.client();
        let asked = post(
            "/v1/chat/completions",
            r#"{"model":"m/x","stream":true,"stream_options":{"include_usage":true}}"#,
        );
        for at in 1..cuts {
            let got = client.ask(&asked);
            assert_eq!((got.whole, got.text().as_str()), (true, body), "cut at {at}");
        }
        assert_eq!(upstream.accepted(), 1);
    });
}

/// A head that trickles in byte by byte is read, and its answer is not held up by more than that.
#[test]
fn a_slow_head_is_read() {
    let mock = mock();
    let gateway = Gateway::start(&Setup::of(Io::Auto, &mock.base_url()));
    assert_eq!(gateway.client().ask(&chat("slow_head")).status, 200);
}

/// A redirect is the client's affair: it passes, and is not followed.
#[test]
fn redirects_are_not_followed() {
    on_both_drivers(|io| {
        let mock = mock();
        let gateway = Gateway::start(&Setup::of(io, &mock.base_url()));
        let answer = gateway.client().ask(&chat("redirect"));
        assert_eq!(
            (answer.status, answer.header("location")),
            (307, Some("http://127.0.0.1:9/v1/elsewhere"))
        );
        assert_eq!(mock.stats().requests, 1);
    });
}

/// Answers whose end is open to two readings are failures, and their connections are not used again.
#[test]
fn malformed_answers_are_failures() {
    on_both_drivers(|io| {
        let huge = format!("HTTP/1.1 200 OK\r\nx: {}\r\ncontent-length: 2\r\n\r\n{{}}", "y".repeat(70_000));
        let many = format!("HTTP/1.1 200 OK\r\n{}content-length: 2\r\n\r\n{{}}", "x: y\r\n".repeat(300));
        for answer in [
            "HTTP/1.1 200 OK\r\ncontent-length: 2\r\ntransfer-encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n",
            "HTTP/1.1 200 OK\r\ncontent-length: 2\r\ncontent-length: 3\r\n\r\n{} ",
            "HTTP/1.1 200 OK\r\ncontent-length: +2\r\n\r\n{}",
            "HTTP/1.1 200 OK\r\ncontent-length: 2, 2\r\n\r\n{}",
            "HTTP/1.1 200 OK\r\ntransfer-encoding: gzip, chunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n",
            "HTTP/1.1 200 OK\r\ncontent-length : 2\r\n\r\n{}",
            "HTTP/1.1 200 OK\r\nx: a\r\n b\r\ncontent-length: 2\r\n\r\n{}",
            "HTTP/1.1 200 OK\r\nx: \0\r\ncontent-length: 2\r\n\r\n{}",
            "HTTP/1.1 200 OK\ncontent-length: 2\n\n{}",
            "HTTP/1.1 099 Low\r\ncontent-length: 2\r\n\r\n{}",
            "HTTP/1.1 600 High\r\ncontent-length: 2\r\n\r\n{}",
            "HTTP/1.1 +20 OK\r\ncontent-length: 2\r\n\r\n{}",
            "HTTP/2.0 200 OK\r\ncontent-length: 2\r\n\r\n{}",
            "HTTP/1.1 200 OK\r\ncontent-le",
            "SSH-2.0-OpenSSH_9.6\r\n\r\n",
            "\r\n\r\n",
            &huge,
            &many,
        ] {
            let upstream = Scripted::once(answer);
            let gateway = Gateway::start(&Setup::at(io, upstream.address));
            let shown = &answer[..answer.len().min(60)];
            eprintln!("{shown:?}");
            gateway.client().ask(&chat("")).refused(502, "upstream_malformed");
            assert_eq!(upstream.accepted(), 1, "{shown:?}");
        }
    });
}

/// Bytes behind an answer are nobody's: they end the connection that they came on.
#[test]
fn surplus_bytes_reach_nobody() {
    on_both_drivers(|io| {
        let mock = mock();
        let gateway = Gateway::start(&Setup::of(io, &mock.base_url()));
        let mut client = gateway.client();
        for turn in 1..5 {
            for request in [chat("surplus"), stream("surplus&chunks=2"), chat("surplus&fault=surplus")] {
                let answer = client.ask(&request);
                assert!(answer.whole && !answer.text().contains("surplus"), "{}", answer.text());
            }
            let answer = client.ask(&chat(""));
            assert!(answer.status == 200 && !answer.text().contains("surplus"));
            assert!(mock.stats().connections_opened >= 3 * turn);
        }
    });
}

/// Bytes that come a moment after an answer, while its connection rests, are nobody's either.
#[test]
fn late_surplus_bytes_reach_nobody() {
    on_both_drivers(|io| {
        let (go, wait) = channel::<()>();
        let (told, surplus_is_out) = channel();
        let script = Mutex::new((wait, told));
        let upstream = Scripted::start(move |_, mut peer| {
            while peer.request().is_some() {
                peer.send(
                    format!("HTTP/1.1 200 OK\r\n{JSON}content-length: 7\r\n\r\n{{\"a\":1}}").as_bytes(),
                );
                let (wait, told) = &*script.lock().expect("no peer panics");
                if wait.recv().is_err() {
                    return;
                }
                peer.send(b"HTTP/1.1 200 OK\r\ncontent-length: 13\r\n\r\n{\"surplus\":1}");
                if told.send(()).is_err() {
                    return;
                }
            }
        });
        let gateway = Gateway::start(&Setup::at(io, upstream.address));
        let mut client = gateway.client();
        for turn in 0..20 {
            assert_eq!(
                client.ask(&chat("")).text(),
                r#"{"a":1}"#,
                "an answer that nobody asked for, in turn {turn}"
            );
            go.send(()).expect("the upstream waits");
            surplus_is_out.recv().expect("the upstream sends");
        }
    });
}

/// A kept connection that the provider closed meanwhile is replaced, and nobody notices.
#[test]
fn stale_connections_are_replaced() {
    on_both_drivers(|io| {
        let mock = mock();
        let gateway = Gateway::start(&Setup::of(io, &mock.base_url()));
        let mut client = gateway.client();
        for turn in 1..20 {
            let answer = client.ask(&if turn % 3 == 0 { stream("one_shot") } else { chat("one_shot") });
            assert!(answer.status == 200 && answer.whole, "turn {turn}: {}", answer.text());
            assert_eq!(gateway.record(answer.id())["fault"], serde_json::Value::Null);
        }
        assert_eq!(gateway.records(19).len(), 19);
    });
}

/// A kept connection that dies when the next request arrives on it is replaced too, once, and it is counted.
#[test]
fn a_connection_that_dies_under_a_request_is_replaced() {
    on_both_drivers(|io| {
        let upstream = Scripted::start(|number, mut peer| {
            let answer = format!("HTTP/1.1 200 OK\r\n{JSON}content-length: 2\r\n\r\n{{}}");
            if peer.request().is_some() {
                peer.send(answer.as_bytes());
            }
            if peer.request().is_some() && number % 2 == 1 {
                peer.send(b"HTTP/1.1 2");
            }
        });
        let gateway = Gateway::start(&Setup::at(io, upstream.address));
        let mut client = gateway.client();
        assert_eq!(client.ask(&chat("")).status, 200);
        assert_eq!(client.ask(&chat("")).status, 200, "sent again on connection 1");
        client.ask(&chat("")).refused(502, "upstream_malformed");
        assert_eq!(upstream.seen().len(), 4, "a request that was answered in part is not sent again");
        until("the count", || (gateway.metric("gateway_upstream_stale_retries_total") == 1).then_some(()));
    });
}

/// When the first target refuses connections the second answers; the client sees one answer, the record two attempts.
#[test]
fn a_second_target_steps_in() {
    on_both_drivers(|io| {
        let mock = mock();
        let (_held, port) = refusing();
        let targets = "{provider: down, model: \"mock?fault=echo_body\"}, {provider: up, model: \"mock?fault=echo_body\", priority: 2}";
        let setup = Setup::of(io, &mock.base_url())
            .provider("down", &format!("http://{port}/v1"), "")
            .model("chain", targets, "");
        let gateway = Gateway::start(&setup);
        let mut client = gateway.client();
        for _ in 0..5 {
            let answer = client.ask(&post("/v1/chat/completions", r#"{"x":1,"model":"chain","y":2}"#));
            assert_eq!(answer.text(), r#"{"x":1,"model":"mock?fault=echo_body","y":2}"#);
            let record = gateway.record(answer.id());
            assert_eq!((&record["attempts"], &record["provider"]), (&2.into(), &"up".into()), "{record}");
            assert_eq!(record["fault"], serde_json::Value::Null);
        }
        assert_eq!(gateway.counted(&[("provider", "up"), ("status", "200"), ("fault", "")]), 5);
    });
}

/// When a provider may have begun to work, no second target is asked: a request is never run twice.
#[test]
fn what_may_have_run_is_not_run_again() {
    on_both_drivers(|io| {
        let mock = mock();
        let targets = "{provider: up, model: \"mock?fault=reset\"}, {provider: up, model: mock, priority: 2}";
        let gateway = Gateway::start(&Setup::of(io, &mock.base_url()).model("chain", targets, ""));
        gateway
            .client()
            .ask(&post("/v1/chat/completions", r#"{"model":"chain"}"#))
            .refused(502, "upstream_reset");
        assert_eq!(mock.stats().requests, 1);
    });
}

/// Weights decide how often each of several equal targets is asked.
#[test]
fn weights_are_kept() {
    let mock = mock();
    let targets = "{provider: up, model: a, weight: 3}, {provider: up, model: b, weight: 1}";
    let gateway = Gateway::start(&Setup::of(Io::Auto, &mock.base_url()).model("both", targets, ""));
    let mut client = gateway.client();
    let answers: Vec<_> = (0..80)
        .map(|_| client.ask(&post("/v1/chat/completions", r#"{"model":"both"}"#)).json()["model"].clone())
        .collect();
    let first = answers.iter().filter(|model| *model == "a").count();
    assert!((50..=70).contains(&first), "{first} of 80");
}

/// A provider that answers before it has read the whole body, and then stops reading, is heard.
#[test]
fn an_early_answer_is_heard() {
    on_both_drivers(|io| {
        let mock = mock();
        let gateway = Gateway::start(&Setup::of(io, &mock.base_url()));
        let padding = "x".repeat(8 << 20);
        let body = format!(
            r#"{{"model":"m/mock?fault=early","messages":[{{"role":"user","content":"{padding}"}}]}}"#
        );
        let mut client = Client::connect(gateway.address);
        let answer = client.ask(&post("/v1/chat/completions", &body));
        assert_eq!(answer.status, 413, "{}", answer.text());
        assert!(answer.text().contains("asked to refuse this body"));
        assert_eq!(client.ask(&chat("")).status, 200);
    });
}

/// A provider that knows its callers by their keys: each key has the status that it answers with.
fn provider_of_keys(statuses: &'static [(&'static str, &'static str)]) -> Scripted {
    Scripted::start(move |_, mut peer| {
        while let Some(request) = peer.request() {
            let known = statuses.iter().find(|(key, _)| request.contains(&format!("Bearer {key}\r\n")));
            let status = known.map_or("500 No Such Key", |(_, status)| status);
            let hint = if status.starts_with("429") { "retry-after: 3600\r\n" } else { "" };
            peer.send(format!("HTTP/1.1 {status}\r\ncontent-type: application/json\r\n{hint}content-length: 2\r\n\r\n{{}}").as_bytes());
        }
    })
}

fn with_keys(io: Io, upstream: SocketAddr, keys: &str) -> Gateway {
    with_keys_of("openai", io, upstream, keys)
}

fn with_keys_of(format: &str, io: Io, upstream: SocketAddr, keys: &str) -> Gateway {
    let row = format!("{{format: {format}, base_url: \"http://{upstream}/v1\", api_keys: [{keys}]}}");
    let setup = Setup::at(io, upstream).provider_row("several", &row);
    Gateway::start(&setup.model("m", "{provider: several, model: m}", ""))
}

/// A key whose limit, or whose end, the provider tells inside an answer rests as by a status: where the answer passes,
/// and where it is translated; for as long as the error asks for, which its client is told, too.
#[test]
fn keys_rest_by_what_streams_say() {
    let openai = r#"{"error":{"message":"Limit reached. Please try again in 1h0m0.5s.","type":"requests","code":"rate_limit_exceeded"}}"#;
    let google = r#"{"error":{"code":429,"message":"slow","status":"RESOURCE_EXHAUSTED","details":[{"@type":"type.googleapis.com/google.rpc.RetryInfo","retryDelay":"3600.5s"}]}}"#;
    let refused =
        r#"{"error":{"message":"No such key.","type":"invalid_request_error","code":"invalid_api_key"}}"#;
    let chat = r#"{"model":"m","stream":true,"messages":[]}"#;
    let messages =
        r#"{"model":"m","stream":true,"max_tokens":9,"messages":[{"role":"user","content":"hi"}]}"#;
    for (format, path, body, bad, status, hint) in [
        ("openai", "/v1/chat/completions", chat, format!("data: {openai}\n\n"), 429, Some("3601")),
        ("openai", "/v1/messages", messages, format!("data: {openai}\n\n"), 429, Some("3601")),
        ("gemini", "/v1/messages", messages, format!("data: {google}\n\n"), 429, Some("3601")),
        ("openai", "/v1/chat/completions", chat, format!("data: {refused}\n\n"), 502, None),
    ] {
        let upstream = Scripted::start(move |_, mut peer| {
            while let Some(request) = peer.request() {
                let fine = if request.contains("generateContent") || request.contains("GenerateContent") {
                    "data: {\"candidates\":[{\"content\":{\"parts\":[{\"text\":\"ok\"}]},\"finishReason\":\"STOP\"}]}\n\n"
                } else {
                    "data: {\"id\":\"1\",\"model\":\"m\",\"choices\":[{\"index\":0,\"delta\":{\"content\":\"ok\"},\"finish_reason\":\"stop\"}]}\n\ndata: [DONE]\n\n"
                };
                let body = if request.contains("canary-spent") { &*bad } else { fine };
                peer.send(format!("HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ncontent-length: {}\r\n\r\n{body}", body.len()).as_bytes());
            }
        });
        let keys = "{key: canary-spent, weight: 100000}, {key: canary-good}";
        let gateway = with_keys_of(format, Io::Auto, upstream.address, keys);
        let mut client = gateway.client();
        let answer = client.ask(&post(path, body));
        assert_eq!((answer.status, answer.header("retry-after")), (status, hint), "{}", answer.text());
        for _ in 0..5 {
            assert_eq!(client.ask(&post(path, body)).status, 200, "{format} {path}: the other key goes");
        }
        until("the count", || (gateway.metric("gateway_upstream_keys_rested_total") == 1).then_some(()));
    }
}

/// Several keys of a provider share its requests. One that it refuses or limits rests, the request goes out with
/// another at once, and its client sees nothing of it; when all have failed, the client is told what the last one got.
#[test]
fn keys_stand_in_for_each_other() {
    on_both_drivers(|io| {
        let upstream = provider_of_keys(&[
            ("canary-good", "200 OK"),
            ("canary-spent", "429 Too Many Requests"),
            ("canary-gone", "401 Unauthorized"),
        ]);
        let keys = "{key: canary-spent, weight: 500}, {key: canary-gone, weight: 500}, {key: canary-good}";
        let gateway = with_keys(io, upstream.address, keys);
        let mut client = gateway.client();
        let mut attempts = 0;
        for _ in 0..20 {
            let answer = client.ask(&post("/v1/chat/completions", r#"{"model":"m","messages":[]}"#));
            assert_eq!(answer.status, 200, "{}", answer.text());
            attempts += gateway.record(answer.id())["attempts"].as_u64().expect("a count");
        }
        assert_eq!(attempts, 22, "each of the bad keys was tried once");
        let seen = upstream.seen();
        let with = |key: &str| seen.iter().filter(|request| request.contains(key)).count();
        assert_eq!((with("canary-spent"), with("canary-gone"), with("canary-good")), (1, 1, 20));
        until("the count", || (gateway.metric("gateway_upstream_keys_rested_total") == 2).then_some(()));
        assert!(!(gateway.log() + &gateway.stderr() + &gateway.metrics()).contains("canary-"));

        let spent =
            provider_of_keys(&[("canary-a", "429 Too Many Requests"), ("canary-b", "429 Too Many Requests")]);
        let gateway = with_keys(io, spent.address, "{key: canary-a}, {key: canary-b}");
        let mut client = gateway.client();
        for tried in [2, 3] {
            let answer = client.ask(&post("/v1/chat/completions", r#"{"model":"m","messages":[]}"#));
            assert_eq!((answer.status, answer.header("retry-after")), (429, Some("3600")));
            assert_eq!(spent.seen().len(), tried, "all keys rest: one is asked all the same");
        }
    });
}

/// Azure's older URLs have the model's deployment in their path and a version in their query, beside what the client put
/// there, unless that names one, and behind translations too.
#[test]
fn azures_older_urls() {
    let upstream =
        Scripted::always("HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 2\r\n\r\n{}");
    let base = format!("http://{}/openai", upstream.address);
    let setup = Setup::at(Io::Auto, upstream.address)
        .provider("azure", &base, "vendor: azure, api_version: 2024-10-21, responses: false")
        .model("a/*", "{provider: azure, model: \"*\"}", "");
    let gateway = Gateway::start(&setup);
    for (path, body, expected) in [
        (
            "/v1/chat/completions",
            r#"{"model":"a/gpt 5","messages":[]}"#,
            "/chat/completions?api-version=2024-10-21",
        ),
        (
            "/v1/embeddings?x=1",
            r#"{"model":"a/gpt 5","input":"a"}"#,
            "/embeddings?x=1&api-version=2024-10-21",
        ),
        (
            "/v1/embeddings?api-version=2023-05-15&x=1",
            r#"{"model":"a/gpt 5","input":"a"}"#,
            "/embeddings?api-version=2023-05-15&x=1",
        ),
        ("/v1/responses", r#"{"model":"a/gpt 5","input":"a"}"#, "/chat/completions?api-version=2024-10-21"),
    ] {
        gateway.client().ask(&post(path, body));
        let sent = upstream.seen().pop().expect("a request");
        assert!(
            sent.starts_with(&format!("POST /openai/deployments/gpt%205{expected} HTTP/1.1\r\n")),
            "{sent}"
        );
        assert!(sent.contains("\r\napi-key: ") && sent.contains(r#""model":"gpt 5""#), "{sent}");
    }
}
