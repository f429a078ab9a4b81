//! One record for every request, with the right figures in it.

use crate::harness::{Gateway, Io, KEY, Scripted, Setup, chat, mock, on_both_drivers, post, stream, until};
use rustix::process::Signal;
use serde_json::{Value, json};

/// The id in the answer is the id in the record, and no two requests share one.
#[test]
fn ids_lead_to_records() {
    on_both_drivers(|io| {
        let mock = mock();
        let gateway = Gateway::start(&Setup::of(io, &mock.base_url()).shards(2));
        let mut ids = std::collections::BTreeSet::new();
        for _ in 0..10 {
            let mut client = gateway.client();
            for request in [chat(""), stream(""), post("/v1/chat/completions", "{}"), chat("fault=reset")] {
                let answer = client.ask(&request);
                let record = gateway.record(answer.id());
                assert_eq!(record["status"], answer.status, "{record}");
                assert!(ids.insert(answer.id().to_owned()), "{} was given twice", answer.id());
            }
        }
        let records = gateway.records(40);
        assert_eq!(records.len(), 40, "exactly one record for each request");
        assert!(records.iter().all(|record| ids.contains(record["id"].as_str().expect("an id"))));
    });
}

/// The gateway's own time is told in the answer, and is plausible. Record and metrics tell the same; the write that follows has a
/// stage of its own.
#[test]
fn overhead_is_told() {
    on_both_drivers(|io| {
        let mock = mock();
        let gateway = Gateway::start(&Setup::of(io, &mock.base_url()));
        let mut client = gateway.client();
        let mut told = vec![];
        for request in [chat("delay_ms=300"), stream("delay_ms=300&gap_ms=20"), chat(""), chat(""), chat("")]
        {
            let answer = client.ask(&request);
            let overhead: u64 =
                answer.header("x-ringgate-overhead-us").expect("a figure").parse().expect("a number");
            let record = gateway.record(answer.id());
            let [within, without, first, total] =
                ["overhead_in_us", "overhead_out_us", "first_byte_us", "total_us"]
                    .map(|name| record[name].as_u64().expect("a number"));
            assert!(within + without <= total && first <= total, "{record}");
            assert_eq!(within + without, overhead, "{record}");
            told.push(overhead);
            if told.len() <= 2 {
                assert!(first >= 290_000, "the provider's time is the provider's: {record}");
            }
        }
        let stage = |name: &str, kind: &str| {
            let series = format!("gateway_latency_seconds_{kind}{{stage=\"{name}\"}} ");
            let metrics = gateway.metrics();
            let value = metrics.lines().find_map(|line| line.strip_prefix(series.as_str()));
            value.and_then(|value| value.parse::<f64>().ok()).expect("a series")
        };
        until("five answers in the metrics", || (stage("overhead", "count") >= 5.0).then_some(()));
        let counted_us = stage("overhead", "sum") * 1e6;
        // Of a histogram with three digits.
        assert!(
            (counted_us - told.iter().sum::<u64>() as f64).abs() <= counted_us / 500.0,
            "{told:?} {counted_us}"
        );
        assert!(stage("client_write", "count") >= 5.0 && stage("client_write", "sum") > 0.0);
        told.sort_unstable();
        assert!(told[0] > 0 && told[0] < 50_000, "{told:?}");
        assert!(told[1] < 250_000, "waiting for the provider is not overhead: {told:?}");
    });
}

/// What a provider takes its time for behind its first byte is its own time, too: interim answers, a slow head, the rest of a
/// body that is read whole. Its errors tell the figure as its answers do.
#[test]
fn slow_answers_are_no_overhead() {
    const BODY: &str = r#"{"id":"m","type":"message","role":"assistant","model":"c","content":[{"type":"text","text":"a"}],"stop_reason":"end_turn","usage":{"input_tokens":1,"output_tokens":1}}"#;
    let answer = |status: &str, body: &str| {
        format!(
            "HTTP/1.1 {status}\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n{body}",
            body.len()
        )
    };
    on_both_drivers(|io| {
        for (model, text, cut) in [
            ("m/x", format!("HTTP/1.1 103 Early Hints\r\n\r\n{}", answer("200 OK", BODY)), "HTTP/1.1 200"),
            ("m/x", answer("200 OK", BODY), "content-length"),
            ("c/x", answer("200 OK", BODY), "stop_reason"),
            ("m/x", answer("400 Bad Request", r#"{"error":{"message":"x"}}"#), "message"),
            ("c/x", answer("400 Bad Request", r#"{"error":{"message":"x"}}"#), "message"),
        ] {
            let at = text.find(cut).expect("it is in there");
            let upstream = Scripted::start(move |_, mut peer| {
                if peer.request().is_some() {
                    peer.send(&text.as_bytes()[..at]);
                    std::thread::sleep(std::time::Duration::from_millis(400));
                    peer.send(&text.as_bytes()[at..]);
                }
            });
            let setup = Setup::at(io, upstream.address)
                .provider_of("anthropic", "claude", &format!("http://{}", upstream.address), "")
                .model("c/*", "{provider: claude, model: \"*\"}", "");
            let gateway = Gateway::start(&setup);
            let body = format!(r#"{{"model":"{model}","messages":[{{"role":"user","content":"a"}}]}}"#);
            let answer = gateway.client().ask(&post("/v1/chat/completions", &body));
            let told =
                answer.header("x-ringgate-overhead-us").expect("a figure").parse::<u64>().expect("a number");
            let record = gateway.record(answer.id());
            assert!(
                told < 300_000 && record["overhead_out_us"].as_u64().is_some_and(|us| us < 300_000),
                "{told} {record}"
            );
            assert!(record["total_us"].as_u64().is_some_and(|us| us >= 390_000), "{record}");
        }
    });
}

/// Usage of whole answers and of streams is recorded as the provider told it, for every endpoint that tells it.
#[test]
fn usage_is_recorded() {
    on_both_drivers(|io| {
        let mock = mock();
        let gateway = Gateway::start(&Setup::of(io, &mock.base_url()));
        let mut client = gateway.client();
        let settings = "prompt_tokens=4001&completion_tokens=302&cached_tokens=1003";
        for path in ["/v1/chat/completions", "/v1/completions", "/v1/responses"] {
            for streams in [false, true] {
                let body = format!(
                    r#"{{"model":"m/mock?{settings}","stream":{streams},"messages":[],"prompt":"","input":""}}"#
                );
                let answer = client.ask(&post(path, &body));
                let record = gateway.record(answer.id());
                assert_eq!(
                    [&record["input_tokens"], &record["output_tokens"], &record["cached_input_tokens"]],
                    [&json!(4001), &json!(302), &json!(1003)],
                    "{path} {streams}: {record}"
                );
                assert_eq!(record["endpoint"], path);
                assert_eq!(
                    record["response_bytes"].as_u64().map(|bytes| bytes > answer.body.len() as u64),
                    Some(true)
                );
                assert_eq!(record["request_bytes"], body.len());
            }
        }
        let embedded =
            client.ask(&post("/v1/embeddings", &format!(r#"{{"model":"m/mock?{settings}","input":"x"}}"#)));
        assert_eq!(gateway.record(embedded.id())["input_tokens"], 4001);
        let spoken = client.ask(&post("/v1/audio/speech", r#"{"model":"m/mock","input":"x"}"#));
        assert_eq!(gateway.record(spoken.id())["input_tokens"], Value::Null, "nothing is made up");
        assert_eq!(gateway.records(8).len(), 8);
    });
}

/// A record names who, what and where, and nothing of what was said.
#[test]
fn records_name_who_and_what() {
    let mock = mock();
    let gateway = Gateway::start(&Setup::of(Io::Auto, &mock.base_url()));
    let lines =
        format!("x-api-key: {KEY}\r\ncontent-type: application/json\r\nuser-agent: OpenAI/Python 2.1\r\n");
    let mut client = gateway.client();
    client.ask(&crate::harness::post_with(
        "/v1/chat/completions",
        &lines,
        br#"{"model":"m/mock?chunks=3","stream":true}"#,
    ));
    let record = gateway.only_record(1);
    for (name, value) in [
        ("key", json!("tester")),
        ("group", json!("everyone")),
        ("model", json!("m/*")),
        ("asked", json!("m/mock?chunks=3")),
        ("provider", json!("up")),
        ("upstream_status", json!(200)),
        ("attempts", json!(1)),
        ("stream", json!(true)),
        ("user_agent", json!("OpenAI/Python 2.1")),
        ("client", json!(client.stream.local_addr().expect("connected").to_string())),
    ] {
        assert_eq!(record[name], value, "{name}: {record}");
    }
    let time = record["time"].as_str().expect("a time");
    assert!(time.starts_with("20") && time.ends_with('Z') && time.len() == 27, "{time}");
}

/// Metrics and records tell the same numbers.
#[test]
fn metrics_count_every_request() {
    on_both_drivers(|io| {
        let mock = mock();
        let gateway = Gateway::start(&Setup::of(io, &mock.base_url()).shards(2));
        for turn in 0..12 {
            gateway.client().ask(&if turn % 3 == 0 { stream("") } else { chat("") });
        }
        gateway.client().ask(&chat("fault=status:429"));
        gateway.records(13);
        assert_eq!(
            gateway.counted(&[("endpoint", "/v1/chat/completions"), ("model", "m/*"), ("status", "200")]),
            12
        );
        assert_eq!(gateway.counted(&[("status", "429"), ("provider", "up"), ("fault", "")]), 1);
        let metrics = gateway.metrics();
        let wanted = match io {
            Io::Auto => "driver=\"",
            Io::Epoll => "driver=\"epoll\"",
        };
        assert!(metrics.contains(wanted), "{metrics}");
        assert!(metrics.contains("gateway_shard_up{shard=\"1\"} 1\n"));
        assert_eq!(gateway.metric("gateway_panics_total"), 0);
    });
}

/// A log that is written to standard output has the same lines, and nothing else is there.
#[test]
fn the_log_may_go_to_standard_output() {
    let mock = mock();
    let gateway = Gateway::start(&Setup::of(Io::Auto, &mock.base_url()).with("access_log", "{path: \"-\"}"));
    let answer = gateway.client().ask(&chat(""));
    let line = crate::harness::until("a line", || Some(gateway.stdout()).filter(|text| text.ends_with('\n')));
    let record: Value = serde_json::from_str(&line).expect("one line of JSON");
    assert_eq!(record["id"], answer.id());
    assert_eq!(gateway.log(), "");
}

/// A log that is a named pipe does not wait for its reader to serve, and what was written before is read by whoever comes.
#[test]
fn the_log_may_be_a_pipe_that_nobody_reads_yet() {
    let mock = mock();
    let pipe = crate::harness::fresh_dir().join("log");
    let made = std::process::Command::new("mkfifo").arg(&pipe).status().expect("mkfifo");
    assert!(made.success());
    let path = format!("{{path: \"{}\"}}", pipe.display());
    let gateway = Gateway::start(&Setup::of(Io::Auto, &mock.base_url()).with("access_log", &path));
    let answer = gateway.client().ask(&chat(""));
    let reader = std::fs::File::open(&pipe).expect("it is there");
    let mut line = String::new();
    std::io::BufRead::read_line(&mut std::io::BufReader::new(reader), &mut line).expect("a line");
    let record: Value = serde_json::from_str(&line).expect("one line of JSON");
    assert_eq!(record["id"], answer.id());
}

/// A log that was moved away is begun anew on `SIGHUP`: nothing is written any more to what may be packed up now.
#[test]
fn logs_are_begun_anew_on_sighup() {
    let mock = mock();
    let gateway = Gateway::start(&Setup::of(Io::Auto, &mock.base_url()));
    let mut client = gateway.client();
    for round in 1..4 {
        let first = client.ask(&chat(""));
        gateway.record(first.id());
        let moved = gateway.dir.join("moved.log");
        std::fs::rename(gateway.dir.join("access.log"), &moved).expect("there is a log");
        gateway.signal(Signal::HUP);
        until("the reload", || (gateway.metric("gateway_config_version") > round).then_some(()));
        let second = client.ask(&chat(""));
        gateway.record(second.id());
        let moved = std::fs::read_to_string(moved).expect("it is there");
        assert!(moved.contains(first.id()) && !moved.contains(second.id()), "{moved}");
    }
}
