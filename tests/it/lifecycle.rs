//! From start to end: reloads, drains, successors, and what keeps a gateway from starting.

use crate::harness::{
    Client, Fate, Frames, Gateway, Io, KEY, PATIENCE, Setup, chat, mock, on_both_drivers, post_with,
    run_to_end, stream, until,
};
use rustix::process::Signal;
use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::time::{Duration, Instant};

fn ask_with(key: &str, model: &str) -> Vec<u8> {
    let lines = format!("x-api-key: {key}\r\ncontent-type: application/json\r\n");
    post_with("/v1/chat/completions", &lines, format!(r#"{{"model":"{model}"}}"#).as_bytes())
}

fn published(gateway: &Gateway, version: u64) {
    until("the new configuration", || (gateway.metric("gateway_config_version") >= version).then_some(()));
}

/// A changed file, a SIGHUP and the operator's interface each swap the configuration at once, while streams run on.
#[test]
fn reloads_are_seamless() {
    on_both_drivers(|io| {
        let mock = mock();
        let gateway = Gateway::start(&Setup::of(io, &mock.base_url()).shards(2));
        let mut running = gateway.client();
        running.send(&stream("chunks=400&gap_ms=10"));
        assert_eq!(running.head().0, 200);
        let mut kept = gateway.client();
        assert_eq!(kept.ask(&chat("")).status, 200);

        let first = gateway.config_text();
        let second = first
            .replace(KEY, "second-key")
            .replace("models:\n", "models:\n  new: {targets: [{provider: up, model: mock}]}\n");
        gateway.rewrite_config(&second);
        published(&gateway, 2);
        until("the new key", || {
            (gateway.client().ask(&ask_with("second-key", "new")).status == 200).then_some(())
        });
        until("the old key's end", || {
            (gateway.client().ask(&ask_with(KEY, "m/mock")).status == 401).then_some(())
        });
        assert_eq!(
            kept.ask(&ask_with("second-key", "new")).status,
            200,
            "open connections see the new one too"
        );

        std::fs::write(gateway.config(), &first).expect("a file can be written");
        gateway.signal(Signal::HUP);
        until("the old configuration again", || {
            (gateway.client().ask(&ask_with(KEY, "m/mock")).status == 200).then_some(())
        });
        kept.ask(&ask_with("second-key", "new")).refused(401, "invalid_api_key");

        let told = gateway.admin("POST", "/-/reload");
        assert_eq!(told.status, 200, "{}", told.text());
        assert!(told.json()["version"].as_u64().is_some_and(|version| version >= 3), "{}", told.text());

        let events = running.arrivals(10_000);
        assert_eq!(events.last().map(|event| event.data.as_str()), Some("[DONE]"), "the stream ran on");
    });
}

/// Connections that wait hold no configuration, though they may wait for ever; what runs holds its own to its end.
#[test]
fn idle_connections_hold_no_configuration() {
    on_both_drivers(|io| {
        let mock = mock();
        let setup = Setup::of(io, &mock.base_url()).with("limits", "{keep_alive_ms: 0, head_ms: 0}");
        let gateway = Gateway::start(&setup);
        let silent = gateway.client();
        let mut begun = gateway.client();
        let (first_bytes, rest) = (chat(""), 40);
        begun.send(&first_bytes[..rest]);
        let (mut kept, mut told, mut http2) =
            (gateway.client(), gateway.client(), Frames::connect(gateway.address));
        assert_eq!(kept.ask(&chat("")).status, 200);
        assert_eq!(
            told.ask(format!("GET /v1/models HTTP/1.1\r\nhost: g\r\nx-api-key: {KEY}\r\n\r\n").as_bytes())
                .status,
            200
        );
        let list = |key| {
            let path =
                [(":method", "GET"), (":scheme", "http"), (":authority", "g"), (":path", "/v1/models")];
            [path.as_slice(), &[("x-api-key", key)]].concat()
        };
        http2.head(1, &list(KEY), false);
        assert!(matches!(http2.fate(1), Fate::Answered { status: 200, .. }));
        let mut running = gateway.client();
        running.send(&stream("stall_after=1"));
        assert_eq!(running.head().0, 200);

        let live = |count| {
            until(&format!("{count} configurations"), || {
                (gateway.metric("gateway_snapshots_live") == count).then_some(())
            });
        };
        live(1);
        gateway.rewrite_config(&gateway.config_text().replace(KEY, "second-key"));
        published(&gateway, 2);
        live(2);
        drop(running);
        live(1);

        http2.head(3, &list("second-key"), false);
        assert!(matches!(http2.fate(3), Fate::Answered { status: 200, .. }));
        begun.send(&first_bytes[rest..]);
        begun.answer().refused(401, "invalid_api_key");
        for mut client in [silent, kept, told] {
            assert_eq!(client.ask(&ask_with("second-key", "m/mock")).status, 200);
        }
    });
}

/// A configuration with a mistake is refused as a whole, all mistakes are told, and the old one serves on.
#[test]
fn bad_configurations_are_refused_whole() {
    on_both_drivers(|io| {
        let mock = mock();
        let gateway = Gateway::start(&Setup::of(io, &mock.base_url()));
        let good = gateway.config_text();
        let bad = good.replace(KEY, "second-key").replace("provider: up", "provider: upp") + "colour: red\n";
        gateway.rewrite_config(&bad);
        until("the refusal", || (gateway.metric("gateway_config_refused_total") >= 1).then_some(()));
        let told = gateway.admin("POST", "/-/reload");
        assert_eq!(told.status, 422);
        let complaints = told.json()["complaints"].clone();
        let text = complaints.to_string();
        assert!(complaints.as_array().is_some_and(|all| all.len() == 2), "{text}");
        assert!(text.contains("colour") && text.contains("upp") && text.contains("\"line\""), "{text}");
        assert!(!text.contains("second-key"));
        assert_eq!(gateway.client().ask(&ask_with(KEY, "m/mock")).status, 200);
        gateway.client().ask(&ask_with("second-key", "m/mock")).refused(401, "invalid_api_key");
        until("standard error to tell", || gateway.stderr().contains("colour").then_some(()));
        gateway.rewrite_config(&good.replace(KEY, "third-key"));
        until("the repaired configuration", || {
            (gateway.client().ask(&ask_with("third-key", "m/mock")).status == 200).then_some(())
        });
    });
}

/// On SIGTERM readiness flips, new connections are no longer served, idle ones end, streams finish, the exit is 0.
#[test]
fn streams_finish_before_the_end() {
    on_both_drivers(|io| {
        let mock = mock();
        let mut gateway = Gateway::start(&Setup::of(io, &mock.base_url()));
        assert_eq!(gateway.admin("GET", "/readyz").status, 200);
        let (mut running, mut idle, mut quiet) = (gateway.client(), gateway.client(), gateway.client());
        running.send(&stream("chunks=150&gap_ms=10"));
        assert_eq!(running.head().0, 200);
        assert_eq!(idle.ask(&chat("")).status, 200);
        assert_eq!(quiet.ask(&chat("")).status, 200);
        gateway.signal(Signal::TERM);
        until("readiness to flip", || (gateway.admin("GET", "/readyz").status == 503).then_some(()));
        assert_eq!(gateway.admin("GET", "/healthz").status, 200);
        // A client that was about to ask is answered, and told in time that this was the last time.
        until("the last answer", || {
            let answer = idle.ask(&chat(""));
            assert_eq!(answer.status, 200);
            (answer.header("connection") == Some("close")).then_some(())
        });
        idle.drain();
        quiet.drain();
        let events = running.arrivals(10_000);
        assert_eq!(events.last().map(|event| event.data.as_str()), Some("[DONE]"));
        assert_eq!(gateway.wait().code(), Some(0), "{}", gateway.stderr());
        assert!(gateway.records(4).len() >= 4, "the last record is written before the exit");
    });
}

/// A connection that was accepted a moment before the end, and has said nothing yet, is heard.
#[test]
fn who_has_just_come_is_heard() {
    on_both_drivers(|io| {
        let mock = mock();
        let mut gateway = Gateway::start(&Setup::of(io, &mock.base_url()));
        let (mut late, mut idle) = (gateway.client(), gateway.client());
        assert_eq!(idle.ask(&chat("")).status, 200);
        until("the connections to be counted", || {
            (gateway.metric_sum("gateway_client_connections") == 2).then_some(())
        });
        gateway.signal(Signal::TERM);
        until("the drain to begin", || {
            let answer = late.ask(&chat(""));
            assert_eq!(answer.status, 200);
            (answer.header("connection") == Some("close")).then_some(())
        });
        late.ends();
        idle.drain();
        assert_eq!(gateway.wait().code(), Some(0));
    });
}

/// Answers that outlast the time for draining are cut, their clients told by whom, and the exit is still orderly.
#[test]
fn draining_has_an_end() {
    on_both_drivers(|io| {
        let mock = mock();
        let mut gateway = Gateway::start(&Setup::of(io, &mock.base_url()).with("drain_timeout_ms", "300"));
        let mut running = gateway.client();
        running.send(&stream("stall_after=2"));
        assert_eq!(running.head().0, 200);
        assert!(running.arrivals(2).len() >= 2);
        let mut waiting = gateway.client();
        waiting.send(&chat("stall"));
        until("both requests at the provider", || (mock.stats().requests == 2).then_some(()));
        gateway.signal(Signal::TERM);
        assert_eq!(gateway.wait().code(), Some(0));
        waiting.answer().refused(503, "shutting_down");
        running.drain();
        let text = String::from_utf8_lossy(&running.rest);
        assert!(
            text.contains(r#""code":"shutting_down""#) && text.contains(r#""blame":"gateway""#),
            "{text}"
        );
        assert!(!text.contains("[DONE]") && !text.ends_with("0\r\n\r\n"), "{text}");
        assert!(gateway.records(2).iter().all(|record| record["fault"] == "shutting_down"));
    });
}

/// An idle gateway ends at once.
#[test]
fn an_idle_gateway_ends_at_once() {
    on_both_drivers(|io| {
        for signal in [Signal::TERM, Signal::INT] {
            let mut gateway = Gateway::start(&Setup::of(io, "http://127.0.0.1:9/v1").shards(2));
            let began = Instant::now();
            gateway.signal(signal);
            assert_eq!(gateway.wait().code(), Some(0));
            assert!(began.elapsed() < Duration::from_secs(10));
        }
    });
}

/// A successor takes the ports over under load: no connection is refused, and the old process ends its stream first.
#[test]
fn a_successor_takes_over() {
    on_both_drivers(|io| {
        let mock = mock();
        let mut old = Gateway::start(&Setup::of(io, &mock.base_url()).shards(2));
        let mut running = old.client();
        running.send(&stream("chunks=300&gap_ms=10"));
        assert_eq!(running.head().0, 200);

        let (stop, served, failed) =
            (AtomicBool::new(false), AtomicU32::new(0), std::sync::Mutex::new(vec![]));
        let address = old.address;
        let new = std::thread::scope(|scope| {
            for _ in 0..2 {
                scope.spawn(|| {
                    while !stop.load(Ordering::Relaxed) {
                        match one_request(address) {
                            Ok(()) => drop(served.fetch_add(1, Ordering::Relaxed)),
                            Err(error) => failed.lock().expect("no panic").push(error),
                        }
                    }
                });
            }
            let wait_for = |more: u32| {
                let now = served.load(Ordering::Relaxed);
                until("requests to be served", || {
                    (served.load(Ordering::Relaxed) >= now + more).then_some(())
                });
            };
            wait_for(50);
            let new = old.successor();
            assert_eq!((new.address, new.admin), (address, old.admin));
            let events = running.arrivals(10_000);
            assert_eq!(
                events.last().map(|event| event.data.as_str()),
                Some("[DONE]"),
                "the old process's stream finishes"
            );
            let code = old.wait().code();
            wait_for(50);
            stop.store(true, Ordering::Relaxed);
            assert_eq!(code, Some(0), "{}", old.stderr());
            assert_eq!(new.admin("GET", "/readyz").status, 200);
            new
        });
        assert_eq!(new.metric("gateway_panics_total"), 0);
        let failed = failed.into_inner().expect("no panic");
        assert!(
            failed.is_empty(),
            "{} served, {} failed: {:?}",
            served.load(Ordering::Relaxed),
            failed.len(),
            failed.first()
        );
    });
}

/// One request on a connection of its own.
pub fn one_request(address: std::net::SocketAddr) -> Result<(), String> {
    let mut stream = TcpStream::connect(address).map_err(|error| format!("connect: {error}"))?;
    stream.set_read_timeout(Some(PATIENCE)).map_err(|error| error.to_string())?;
    let request = String::from_utf8_lossy(&chat("")).replace("host: gateway", "host: g\r\nconnection: close");
    stream.write_all(request.as_bytes()).map_err(|error| format!("write: {error}"))?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer).map_err(|error| format!("read: {error}"))?;
    if answer.starts_with("HTTP/1.1 200 ") { Ok(()) } else { Err(format!("answer: {answer}")) }
}

/// What keeps a gateway from starting is told, and the exit is 1.
#[test]
fn what_keeps_it_from_starting() {
    let dir = crate::harness::fresh_dir();
    let file = dir.join("gateway.yaml");
    let path = file.to_str().expect("a path of text").to_owned();
    let serve = |text: &str| {
        std::fs::write(&file, text).expect("a file can be written");
        run_to_end(&["serve", "--config", &path])
    };
    let good = Setup::of(Io::Auto, "http://127.0.0.1:9/v1").yaml(&dir);
    let taken = std::net::TcpListener::bind("127.0.0.1:0").expect("a free port");
    let address = taken.local_addr().expect("bound").to_string();

    let ended = serve(&good.replacen("127.0.0.1:0", &address, 1));
    assert_eq!(ended.code, Some(1));
    assert!(ended.stderr.contains(&format!("cannot listen on {address}")), "{}", ended.stderr);

    let open = good.replace("listen: [\"127.0.0.1:0\"]", "listen: [\"0.0.0.0:0\"]");
    let keyless = open.lines().filter(|line| !line.starts_with("keys:")).collect::<Vec<_>>().join("\n");
    let ended = serve(&keyless);
    assert_eq!(ended.code, Some(1), "{}", ended.stderr);
    assert!(ended.stderr.contains("gateway.yaml:1:") && ended.stderr.contains("key"), "{}", ended.stderr);

    let ended = serve(&good.replace(KEY, "\"${RINGGATE_MISSING_VARIABLE}\""));
    assert_eq!(ended.code, Some(1));
    assert!(ended.stderr.contains("RINGGATE_MISSING_VARIABLE"), "{}", ended.stderr);

    let ended = serve("listen: [\n");
    assert_eq!((ended.code, ended.stdout.as_str()), (Some(1), ""));
    assert!(ended.stderr.contains("gateway.yaml:"), "{}", ended.stderr);

    let ended = run_to_end(&["serve", "--config", "/nonexistent/gateway.yaml"]);
    assert_eq!(ended.code, Some(1));
    assert!(ended.stderr.contains("/nonexistent/gateway.yaml"), "{}", ended.stderr);

    std::fs::write(&file, &good).expect("a file can be written");
    let ended = run_to_end(&["serve", "--config", &path, "--take-over"]);
    assert_eq!(ended.code, Some(1), "there is nobody to take over from");
    drop(std::fs::remove_dir_all(dir));
}

/// A gateway that was killed in the middle of its work starts again at once on the same address, as its supervisor wants.
#[test]
fn a_killed_gateway_starts_again_at_once() {
    on_both_drivers(|io| {
        let mock = mock();
        let mut gateway = Gateway::start(&Setup::of(io, &mock.base_url()).shards(2));
        let fixed = gateway.config_text().replacen("127.0.0.1:0", &gateway.address.to_string(), 1).replacen(
            "127.0.0.1:0",
            &gateway.admin.to_string(),
            1,
        );
        for _ in 0..5 {
            let mut running = gateway.client();
            running.send(&stream("stall_after=1"));
            assert_eq!(running.head().0, 200);
            let dir = crate::harness::fresh_dir();
            std::fs::write(dir.join("gateway.yaml"), &fixed).expect("a file can be written");
            gateway.signal(Signal::KILL);
            assert_eq!(gateway.wait().code(), None);
            gateway = Gateway::spawn(dir, &[]);
            assert_eq!(gateway.client().ask(&chat("")).status, 200);
        }
    });
}

/// `check` tells every complaint at once, each with its line; a good file is good.
#[test]
fn check_tells_everything_at_once() {
    let dir = crate::harness::fresh_dir();
    let file = dir.join("gateway.yaml");
    let path = file.to_str().expect("a path of text").to_owned();
    let good = Setup::of(Io::Auto, "http://127.0.0.1:9/v1").yaml(&dir);
    std::fs::write(&file, &good).expect("a file can be written");
    let ended = run_to_end(&["check", "--config", &path]);
    assert_eq!(ended.code, Some(0), "{}", ended.stderr);
    assert!(ended.stderr.starts_with("ok: "), "{}", ended.stderr);
    let bad = "shards: many\nlisten: [nowhere]\nkeys: [{id: a, group: none, secret: hunter2}]\nlimit: {}\n\
               providers:\n  up: {format: openai, base_url: \"ftp://x\"}\nmodels:\n  a: {targets: [{provider: upp, model: x}]}\n";
    std::fs::write(&file, bad).expect("a file can be written");
    let ended = run_to_end(&["check", "--config", &path]);
    assert_eq!(ended.code, Some(1));
    for line in [1, 2, 3, 4, 6, 8] {
        assert!(ended.stderr.contains(&format!("gateway.yaml:{line}:")), "line {line}: {}", ended.stderr);
    }
    assert!(
        ended.stderr.contains("did you mean \"limits\"") && !ended.stderr.contains("hunter2"),
        "{}",
        ended.stderr
    );
    drop(std::fs::remove_dir_all(dir));
}

/// The operator's interface: health, metrics, and nothing that a web page could ask for.
#[test]
fn the_operators_interface() {
    let gateway = Gateway::start(&Setup::of(Io::Auto, "http://127.0.0.1:9/v1"));
    for path in ["/healthz", "/readyz"] {
        assert_eq!(gateway.admin("GET", path).text(), "ok\n");
    }
    let metrics = gateway.admin("GET", "/metrics");
    assert_eq!(metrics.header("content-type"), Some("text/plain; version=0.0.4; charset=utf-8"));
    for name in [
        "gateway_build_info{version=\"",
        "# TYPE gateway_latency_seconds histogram",
        "gateway_shard_up{shard=\"0\"} 1",
    ] {
        assert!(metrics.text().contains(name), "{name}");
    }
    assert_eq!(gateway.admin("GET", "/nothing").status, 404);
    assert_eq!(gateway.admin("GET", "/-/reload").status, 405);
    let mut page = Client::connect(gateway.admin);
    page.send(b"POST /-/reload HTTP/1.1\r\nhost: admin\r\norigin: http://evil\r\ncontent-length: 0\r\n\r\n");
    assert_eq!(page.answer().status, 403);
    assert_eq!(gateway.metric("gateway_config_version"), 1);
}

/// The other commands: a schema that is JSON, a report on the machine, and help without arguments.
#[test]
fn other_commands() {
    let schema = run_to_end(&["schema"]);
    let parsed: serde_json::Value = serde_json::from_str(&schema.stdout).expect("JSON");
    assert!(schema.code == Some(0) && parsed["properties"]["providers"].is_object());
    let doctor = run_to_end(&["doctor"]);
    assert!(doctor.code == Some(0) && doctor.stdout.lines().count() > 3, "{}", doctor.stdout);
    assert_ne!(run_to_end(&[]).code, Some(0));
    assert!(run_to_end(&["--version"]).stdout.starts_with("ringgate "));
}
