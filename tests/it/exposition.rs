//! `/metrics` as Prometheus reads it: its text format, its rules for names, and figures that are true.

use crate::harness::{
    Client, Gateway, Io, KEY, Scripted, Setup, chat, mock, on_both_drivers, post, post_with, stream, until,
};
use std::collections::{BTreeMap, BTreeSet};

/// Samples by family: what kind it is, and the value of each series.
type Families = BTreeMap<String, (String, BTreeMap<String, f64>)>;

/// Reads the text format, and asserts what Prometheus and its linter ask of it.
#[track_caller]
fn read(text: &str) -> Families {
    let mut families = Families::new();
    let (mut current, mut described) = (String::new(), String::new());
    assert!(text.ends_with('\n'));
    for line in text.lines() {
        if let Some(help) = line.strip_prefix("# HELP ") {
            let (name, help) = help.split_once(' ').expect("a description");
            assert!(!families.contains_key(name), "{name} is described twice");
            assert!(help.len() > 9 && help.ends_with('.'), "{line}");
            name.clone_into(&mut described);
        } else if let Some(kind) = line.strip_prefix("# TYPE ") {
            let (name, kind) = kind.split_once(' ').expect("a kind");
            assert_eq!(name, described, "its description stands before it");
            assert_eq!(name.ends_with("_total"), kind == "counter", "{line}");
            assert!(matches!(kind, "counter" | "gauge" | "histogram"), "{line}");
            assert!(name.starts_with("gateway_") || name.starts_with("gen_ai_"), "{line}");
            assert!(name.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'_'), "{line}");
            name.clone_into(&mut current);
            families.insert(current.clone(), (kind.to_owned(), BTreeMap::new()));
        } else {
            let (series, value) = line.rsplit_once(' ').expect("a value");
            let name = series.split('{').next().expect("a name");
            let (kind, samples) = families.get_mut(&current).expect("a family");
            let plain = name == current;
            let part =
                ["_bucket", "_sum", "_count"].iter().any(|end| name.strip_suffix(end) == Some(&current));
            assert!(if kind == "histogram" { part } else { plain }, "{line} stands among {current}");
            labels(series);
            let value: f64 = value.parse().expect("a number");
            assert!(value >= 0.0 && value.is_finite(), "{line}");
            assert!(samples.insert(series.to_owned(), value).is_none(), "{series} is told twice");
        }
    }
    for (name, (kind, samples)) in &families {
        if kind == "histogram" {
            histograms(name, samples);
        }
    }
    families
}

/// The labels of a series, whose form is asserted.
#[track_caller]
fn labels(series: &str) -> Vec<(&str, &str)> {
    let Some((_, rest)) = series.split_once('{') else { return vec![] };
    let mut rest = rest.strip_suffix('}').expect("a closing brace");
    let mut labels: Vec<(&str, &str)> = vec![];
    while !rest.is_empty() {
        let (name, value) = rest.split_once("=\"").expect("a value in quotes");
        assert!(name.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'_'), "{series}");
        assert!(labels.iter().all(|(known, _)| *known != name), "{series}");
        let mut end = value.find('"').expect("a closing quote");
        while value[..end].ends_with('\\') && !value[..end].ends_with("\\\\") {
            end += 1 + value[end + 1..].find('"').expect("a closing quote");
        }
        assert!(!value[..end].contains(char::is_control), "{series}");
        labels.push((name, &value[..end]));
        rest = value[end + 1..].strip_prefix(',').unwrap_or(&value[end + 1..]);
    }
    labels
}

/// Buckets rise to the count, and each set of them has its sum and its count.
#[track_caller]
fn histograms(name: &str, samples: &BTreeMap<String, f64>) {
    let mut buckets: BTreeMap<String, Vec<(f64, f64)>> = BTreeMap::new();
    for (series, value) in samples.iter().filter(|(series, _)| series.starts_with(&format!("{name}_bucket")))
    {
        let (rest, bound) = series.rsplit_once("le=\"").expect("a bound");
        let bound = bound.strip_suffix("\"}").expect("it is last");
        let bound = if bound == "+Inf" { f64::INFINITY } else { bound.parse().expect("a bound") };
        let rest = rest.replacen("_bucket", "", 1).trim_end_matches([',', '{']).to_owned();
        buckets.entry(rest).or_default().push((bound, *value));
    }
    for (labels, mut rows) in buckets {
        rows.sort_by(|a, b| a.0.total_cmp(&b.0));
        assert!(
            rows.windows(2).all(|pair| pair[0].0 < pair[1].0 && pair[0].1 <= pair[1].1),
            "{labels}: {rows:?}"
        );
        let of = |part: &str| {
            let series = format!("{}}}", labels.replacen(name, &format!("{name}{part}"), 1));
            let told = samples.get(&series).copied();
            assert!(told.is_some(), "{series} is not told");
            told.unwrap_or_default()
        };
        assert_eq!(rows.last().copied(), Some((f64::INFINITY, of("_count"))), "{labels}");
        assert!(of("_sum") >= 0.0);
    }
}

/// Every family has its form while all kinds of requests pass; counts never fall; and nothing that clients choose makes a new
/// series: no name of a model, path, method, key, user agent or host.
#[test]
fn strangers_make_no_series() {
    on_both_drivers(|io| {
        let mock = mock();
        let gateway = Gateway::start(&Setup::of(io, &mock.base_url()).shards(2));
        let hostile = |round: usize| {
            let mut clients: Vec<Client> = (0..6).map(|_| gateway.client()).collect();
            let named = |model: &str| format!(r#"{{"model":"{model}","messages":[]}}"#);
            let agent = format!(
                "x-api-key: {KEY}\r\ncontent-type: application/json\r\nuser-agent: a{round}\r\nhost: h{round}\r\n"
            );
            let requests = [
                post("/v1/chat/completions", &named(&format!("m/mock?chunks={round}"))),
                stream(&format!("chunks={round}")),
                post("/v1/chat/completions", &named(&format!("none-{round}"))),
                post(&format!("/v1/nothing-{round}"), "{}"),
                post_with("/v1/chat/completions", &format!("x-api-key: no-{round}\r\n"), b"{}"),
                post_with(
                    "/v1/embeddings",
                    &agent.replace(&format!("host: h{round}\r\n"), ""),
                    named(&format!("{round}\\n\\\"")).as_bytes(),
                ),
                format!("M{round} /v1/models HTTP/1.1\r\nhost: g\r\n\r\n").into_bytes(),
                post(&format!("/v1beta/models/{round}%22%0a:generateContent"), "{}"),
            ];
            for (number, request) in requests.iter().enumerate() {
                let client = &mut clients[number % 6];
                client.try_send(request);
                assert!(client.answer().status >= 200);
                *client = gateway.client();
            }
        };
        let names = |families: &Families| -> BTreeSet<String> {
            families.values().flat_map(|(_, samples)| samples.keys().cloned()).collect()
        };
        hostile(1);
        gateway.records(8);
        until("all to be counted", || (gateway.metric_sum("gateway_requests_total") == 8).then_some(()));
        // Shards tell of themselves once a second.
        until("all shards", || {
            let told = gateway.metrics();
            let has = |shard| told.contains(&format!("gateway_client_connections{{shard=\"{shard}\"}}"));
            (has(0) && has(1)).then_some(())
        });
        let first = read(&gateway.metrics());
        for round in 2..12 {
            hostile(round);
        }
        until("all to be counted", || (gateway.metric_sum("gateway_requests_total") == 88).then_some(()));
        let last = read(&gateway.metrics());
        let fresh: Vec<_> = names(&last).difference(&names(&first)).cloned().collect();
        assert!(fresh.is_empty(), "{fresh:?}");
        for (name, (kind, samples)) in &first {
            for (series, before) in samples.iter().filter(|_| kind != "gauge") {
                assert!(last[name].1[series] >= *before, "{series} fell");
            }
        }
        let (_, requests) = &last["gateway_requests_total"];
        let known = ["/v1/chat/completions", "/v1/embeddings", "/v1/models"];
        for series in requests.keys() {
            for (name, value) in labels(series) {
                match name {
                    "model" => assert!(matches!(value, "" | "m/*"), "{series}"),
                    "provider" => assert!(matches!(value, "" | "up"), "{series}"),
                    "endpoint" => {
                        let general = value.contains("{id}") || value == "/v1" || !value.contains('/');
                        assert!(general || known.contains(&value), "{series}");
                    }
                    "status" => assert!(value.len() == 3, "{series}"),
                    "fault" | "blame" => {
                        assert!(value.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'_'));
                    }
                    other => panic!("{other} in {series}"),
                }
            }
        }
    });
}

/// The stages measure what they are named for: the provider's first byte, the gaps between events, the whole.
#[test]
fn stages_are_true() {
    const GAP_MS: u64 = 60;
    const FIRST_MS: u64 = 200;
    on_both_drivers(|io| {
        let upstream = Scripted::start(|_, mut peer| {
            while peer.request().is_some() {
                std::thread::sleep(std::time::Duration::from_millis(FIRST_MS));
                peer.send(b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n");
                for _ in 0..6 {
                    peer.send(b"c\r\ndata: {\"a\"}\n\r\n1\r\n\n\r\n");
                    std::thread::sleep(std::time::Duration::from_millis(GAP_MS));
                }
                peer.send(b"e\r\ndata: [DONE]\n\n\r\n0\r\n\r\n");
            }
        });
        let gateway = Gateway::start(&Setup::at(io, upstream.address));
        let mut client = gateway.client();
        assert!(client.ask(&stream("")).whole && client.ask(&stream("")).whole);
        let stage = |name: &str, part: &str| -> f64 {
            let families = read(&gateway.metrics());
            families["gateway_latency_seconds"].1
                [&format!("gateway_latency_seconds_{part}{{stage=\"{name}\"}}")]
        };
        until("both in the metrics", || (stage("total", "count") >= 2.0).then_some(()));
        let mean = |name: &str| stage(name, "sum") / stage(name, "count");
        let (first, gap, total) = (mean("upstream_first_byte"), mean("event_gap"), mean("total"));
        eprintln!("first byte {first}, gap {gap}, total {total}");
        assert!((0.199..0.6).contains(&first), "{first}");
        assert!((0.03..0.3).contains(&gap), "{gap}");
        assert!((0.55..3.0).contains(&total) && total > first + 5.0 * gap * 0.9, "{total}");
        assert!(stage("event_gap", "count") >= 10.0);
        assert_eq!(stage("upstream_first_byte", "count") as u64, 2);
    });
}

/// What the README names is there, with the fields of `gen_ai_*` as OpenTelemetry has them.
#[test]
fn names_are_kept() {
    let mock = mock();
    let gateway = Gateway::start(&Setup::of(Io::Auto, &mock.base_url()));
    let mut client = gateway.client();
    client.ask(&chat("prompt_tokens=70&completion_tokens=5"));
    client.ask(&stream("prompt_tokens=70&completion_tokens=5"));
    client.ask(&chat("fault=reset"));
    until("all to be counted", || (gateway.metric_sum("gateway_requests_total") == 3).then_some(()));
    let families = read(&gateway.metrics());
    let readme = include_str!("../../README.md");
    let metrics =
        readme.split("**Metrics.**").nth(1).expect("a section").split("**A log").next().expect("an end");
    let named: Vec<&str> = metrics
        .split('`')
        .filter(|name| name.starts_with("gateway_") || name.starts_with("gen_ai_"))
        .collect();
    assert!(named.len() > 15, "{named:?}");
    for name in named {
        assert!(families.contains_key(name), "{name} is in the README alone");
    }
    let tokens = &families["gen_ai_client_token_usage"].1;
    let series = "gen_ai_client_token_usage_sum{gen_ai_operation_name=\"chat\",gen_ai_provider_name=\"up\",gen_ai_request_model=\"m/*\",gen_ai_token_type=";
    assert_eq!(tokens[&format!("{series}\"input\"}}")] as u64, 140, "{tokens:?}");
    assert_eq!(tokens[&format!("{series}\"output\"}}")] as u64, 10);
    let failed = &families["gen_ai_client_operation_duration_seconds"].1;
    assert!(failed.keys().any(|series| series.contains("error_type=\"upstream_reset\"")), "{failed:?}");
}
