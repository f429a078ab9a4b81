//! The command line as its user meets it: help, mistakes, files that cannot be read, and the demonstration.

use crate::harness::{Answer, Client, Finished, Io, Setup, fresh_dir, post, run_to_end, run_with};
use std::io::{BufRead as _, BufReader, Read as _};
use std::net::SocketAddr;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// Every command tells what it takes, and refuses what it does not know, with how it is used.
#[test]
fn commands_tell_what_they_take() {
    for (command, options) in [
        (vec!["serve"], vec!["[FILE]", "--config", "--take-over", "RINGGATE_CONFIG"]),
        (vec!["check"], vec!["[FILE]", "--config", "RINGGATE_CONFIG"]),
        (vec!["mock"], vec!["--listen", "--delay-ms", "--gap-ms", "--chunks", "--fault", "stall", "reset"]),
        (vec!["schema"], vec![]),
        (vec!["doctor"], vec![]),
        (vec!["import", "litellm"], vec!["--strict", "--output"]),
    ] {
        let help = run_to_end(&[command.as_slice(), &["--help"]].concat());
        assert_eq!((help.code, help.stderr.as_str()), (Some(0), ""), "{command:?}");
        for option in options {
            assert!(help.stdout.contains(option), "{command:?} {option}: {}", help.stdout);
        }
        let wrong = run_to_end(&[command.as_slice(), &["--no-such-option"]].concat());
        assert_eq!((wrong.code, wrong.stdout.as_str()), (Some(2), ""), "{command:?}");
        assert!(
            wrong.stderr.contains("--no-such-option") && wrong.stderr.contains("Usage: ringgate"),
            "{wrong:?}"
        );
    }
    for (arguments, told) in [
        (&["serv"][..], "serve"),
        (&["check"], "ringgate check FILE"),
        (&["serve", "--config"], "--config"),
        (&["mock", "--chunks", "many"], "many"),
        (&["mock", "--fault", "nonsense"], "nonsense"),
        (&["mock", "--listen", "nowhere"], "nowhere"),
    ] {
        let wrong = run_to_end(arguments);
        assert!(wrong.code == Some(2) && wrong.stderr.contains(told), "{arguments:?}: {wrong:?}");
    }
}

/// A configuration that cannot be read is one complaint, with its name and the reason, for `check` as for `serve`.
#[test]
fn files_that_cannot_be_read() {
    let dir = fresh_dir();
    let file = |name: &str, bytes: &[u8]| {
        let path = dir.join(name);
        std::fs::write(&path, bytes).expect("a file can be written");
        path.display().to_string()
    };
    let good = Setup::of(Io::Auto, "http://127.0.0.1:9/v1").yaml(&dir);
    let secured = |cert: &str, key: &str| {
        let tls = format!("[{{address: \"127.0.0.1:0\", tls: {{cert: {cert}, key: {key}}}}}]");
        Setup::of(Io::Auto, "http://127.0.0.1:9/v1").with("listen", &tls).yaml(&dir)
    };
    let garbage = file("garbage.pem", b"\0\xff nothing");
    for (path, told) in [
        ("/nonexistent/gateway.yaml".to_owned(), "/nonexistent/gateway.yaml:1:1: cannot read"),
        (dir.display().to_string(), "is not a file"),
        (file("bytes.yaml", b"listen: \xff\xfe"), "is not UTF-8"),
        (file("unclosed.yaml", b"listen: [\n  a,\n"), "unclosed.yaml:3:1: "),
        (file("indent.yaml", b"limits:\n  headers: 9\n bad: 1\n"), "indent.yaml:3:2: "),
        (file("tab.yaml", b"limits:\n\theaders: 9\n"), "tab.yaml:2:2: "),
        (file("anchor.yaml", b"limits: *missing\n"), "anchor.yaml:1:9: "),
        (file("cert.yaml", secured("/nonexistent/c.pem", "/dev/null").as_bytes()), "/nonexistent/c.pem"),
        (file("key.yaml", secured(&garbage, &garbage).as_bytes()), "garbage.pem holds no certificate"),
        (file("two.yaml", format!("{good}---\n{good}").as_bytes()), "two.yaml:"),
    ] {
        for command in ["check", "serve"] {
            let ended = run_to_end(&[command, "--config", &path]);
            assert_eq!((ended.code, ended.stdout.as_str()), (Some(1), ""), "{command} {path}: {ended:?}");
            assert!(ended.stderr.contains(told), "{command} {path}: {}", ended.stderr);
            assert!(!ended.stderr.contains("panicked"), "{}", ended.stderr);
        }
    }
}

/// A configuration is named by itself, by an option, or by a variable, of which the command line counts; not by two of
/// the former, and a variable that is empty was to name one.
#[test]
fn a_configuration_is_named() {
    let dir = fresh_dir();
    let good = dir.join("good.yaml").display().to_string();
    std::fs::write(&good, Setup::of(Io::Auto, "http://127.0.0.1:9/v1").yaml(&dir))
        .expect("a file can be written");
    for (arguments, variable) in [
        (&[&*good][..], None),
        (&["--config", &good], None),
        (&["-c", &good], None),
        (&[], Some(&*good)),
        (&[&good], Some("/nonexistent")),
        (&["--config", &good], Some("/nonexistent")),
        (&[&good], Some("")),
    ] {
        let variables: Vec<_> = variable.map(|path| ("RINGGATE_CONFIG", path)).into_iter().collect();
        let ended = run_with(&[&["check"], arguments].concat(), &variables);
        assert_eq!(ended.code, Some(0), "{arguments:?} {variable:?}: {}", ended.stderr);
    }
    for command in ["check", "serve"] {
        let missing = run_to_end(&[command, "/nonexistent/gateway.yaml"]);
        assert_eq!(missing.code, Some(1), "{missing:?}");
        assert!(missing.stderr.contains("/nonexistent/gateway.yaml:1:1: cannot read"), "{missing:?}");
        let twice = run_to_end(&[command, "a.yaml", "--config", "b.yaml"]);
        assert!(twice.code == Some(2) && twice.stderr.contains("cannot be used with"), "{twice:?}");
        assert!(twice.stderr.contains(&format!("Usage: ringgate {command}")), "{twice:?}");
        let empty = run_with(&[command], &[("RINGGATE_CONFIG", "")]);
        assert!(
            empty.code == Some(2) && empty.stderr.contains("RINGGATE_CONFIG is set, and empty"),
            "{empty:?}"
        );
    }
}

/// A port that somebody has is named, whichever of the addresses it is, and nothing else is left behind.
#[test]
fn ports_that_are_taken() {
    let dir = fresh_dir();
    let taken = std::net::TcpListener::bind("127.0.0.1:0").expect("a free port");
    let address = taken.local_addr().expect("bound").to_string();
    for (key, value) in [
        ("listen", format!("[\"{address}\"]")),
        ("listen", format!("[\"127.0.0.1:0\", \"{address}\"]")),
        ("admin", format!("{{address: \"{address}\"}}")),
    ] {
        let text = Setup::of(Io::Auto, "http://127.0.0.1:9/v1").with(key, &value).yaml(&dir);
        let file = dir.join("gateway.yaml");
        std::fs::write(&file, text).expect("a file can be written");
        let ended = run_to_end(&["serve", "--config", file.to_str().expect("text")]);
        assert!(ended.code == Some(1) && ended.stderr.contains(&address), "{ended:?}");
        assert!(!ended.stderr.contains("serving on"), "{}", ended.stderr);
    }
}

/// A mock provider of the command line, which ends with the test.
struct Provider(Child, SocketAddr);

impl Provider {
    fn start(arguments: &[&str]) -> Self {
        let mut command = Command::new(env!("CARGO_BIN_EXE_ringgate"));
        command.arg("mock").args(arguments).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::null());
        let mut child = command.spawn().expect("the binary runs");
        let mut line = String::new();
        BufReader::new(child.stdout.take().expect("piped")).read_line(&mut line).expect("a line");
        let address = line.trim().strip_prefix("ringgate: mock provider on http://").expect("an address");
        let address = address.trim_end_matches("/v1").parse().expect("an address");
        Self(child, address)
    }

    fn ask(&self, path: &str, body: &str) -> Answer {
        Client::of_provider(self.1).ask(&post(path, body))
    }
}

impl Drop for Provider {
    fn drop(&mut self) {
        drop(self.0.kill());
        drop(self.0.wait());
    }
}

/// `ringgate mock` answers chats, completions, embeddings, responses and messages, whole and as streams, as slowly and in
/// as many chunks as it is told, with the errors and the silence that it is told.
#[test]
fn the_mock_does_what_it_is_told() {
    let provider = Provider::start(&["--chunks", "5", "--delay-ms", "150", "--gap-ms", "20"]);
    for (path, more, object, streams) in [
        ("/v1/chat/completions", r#""messages":[]"#, r#""object":"chat.completion""#, true),
        ("/v1/completions", r#""prompt":"a""#, r#""object":"text_completion""#, true),
        ("/v1/embeddings", r#""input":"a""#, r#""object":"embedding""#, false),
        ("/v1/responses", r#""input":"a""#, r#""object":"response""#, true),
        ("/v1/messages", r#""max_tokens":9,"messages":[]"#, r#""type":"message""#, true),
    ] {
        let began = Instant::now();
        let whole = provider.ask(path, &format!(r#"{{"model":"x",{more}}}"#));
        assert!(whole.status == 200 && whole.text().contains(object), "{path}: {}", whole.text());
        // Its timers go by a wheel of a millisecond.
        assert!(began.elapsed() >= Duration::from_millis(140), "{path}");
        if streams {
            let began = Instant::now();
            let stream = provider.ask(path, &format!(r#"{{"model":"x","stream":true,{more}}}"#));
            assert!(
                stream.whole && stream.text().matches("data: ").count() >= 5,
                "{path}: {}",
                stream.text()
            );
            assert!(began.elapsed() >= Duration::from_millis(140 + 3 * 20), "{path}");
        }
    }
    let chat = r#"{"model":"x","stream":true,"messages":[]}"#;
    let said = provider.ask("/v1/chat/completions", chat).text();
    assert_eq!(said.matches(r#""delta":{"content":"#).count(), 5, "{said}");

    let limited = Provider::start(&["--fault", "status:429", "--retry-after-s", "7"]);
    let refused = limited.ask("/v1/chat/completions", chat);
    assert_eq!((refused.status, refused.header("retry-after")), (429, Some("7")));
    let broken = Provider::start(&["--fault", "reset_after:2"]).ask("/v1/chat/completions", chat);
    assert!(broken.status == 200 && !broken.whole, "{}", broken.text());
    let stalling = Provider::start(&["--fault", "stall_after:2"]);
    let mut client = Client::of_provider(stalling.1);
    client.send(&post("/v1/chat/completions", chat));
    assert_eq!(client.head().0, 200);
    client.stream.set_read_timeout(Some(Duration::from_millis(500))).expect("a timeout can be set");
    let mut text = vec![];
    assert!(client.stream.read_to_end(&mut text).is_err(), "it ends: {}", String::from_utf8_lossy(&text));
}

/// What a shell says in a network of its own, where every port is free; none where there cannot be one.
fn in_a_network(script: &str, dir: &Path) -> Option<Finished> {
    let run = |script: &str| {
        let mut command = Command::new("unshare");
        command.args(["--user", "--map-root-user", "--net", "sh", "-c", script]).current_dir(dir);
        command.env("RINGGATE", env!("CARGO_BIN_EXE_ringgate")).env_remove("RINGGATE_CONFIG");
        command.output().ok()
    };
    let can = run("ip link set lo up && curl --version").is_some_and(|tried| tried.status.success());
    if !can {
        eprintln!("skipped: no network of one's own, or no curl");
        return None;
    }
    let output = run(&format!("ip link set lo up\n{script}"))?;
    let text = |bytes: Vec<u8>| String::from_utf8_lossy(&bytes).into_owned();
    Some(Finished { code: output.status.code(), stdout: text(output.stdout), stderr: text(output.stderr) })
}

/// Without a configuration everything works at once: the printed lines, pasted into a shell, ask and are answered; what is
/// printed says that answers are canned; and the printed configuration of a real provider is one.
#[test]
fn the_demonstration_is_ready_to_paste() {
    const SCRIPT: &str = r#"
        "$RINGGATE" serve >log 2>told & served=$!
        for turn in $(seq 300); do grep -q 'admin on' told && break; sleep 0.1; done
        sed -n '/^  curl/,/^$/p' told >paste.sh
        sed -n '/^  providers:/,/^$/p' told >real.yaml
        sh -e paste.sh || exit 3
        echo
        sed 's/"messages"/"stream":true,"messages"/' paste.sh >stream.sh
        sh -e stream.sh || exit 4
        OPENAI_API_KEY=sk-canary-0123456789abc MY_GATEWAY_KEY=canary-0123456789abcdef "$RINGGATE" check real.yaml || exit 5
        "$RINGGATE" serve && exit 6
        kill $served
        wait $served || exit 7
        cat told
    "#;
    let dir = fresh_dir();
    let Some(ended) = in_a_network(SCRIPT, &dir) else { return };
    assert_eq!(ended.code, Some(0), "{ended:?}");
    let said = &ended.stdout;
    for part in [
        r#""object":"chat.completion""#,
        r#""object":"chat.completion.chunk""#,
        "data: [DONE]",
        "answers are canned",
        "To serve a real provider",
    ] {
        assert!(said.contains(part), "{part}: {said}");
    }
    assert!(
        ended.stderr.contains("cannot listen on 127.0.0.1:8080"),
        "a second one is told: {}",
        ended.stderr
    );
    let log = std::fs::read_to_string(dir.join("log")).expect("the log is standard output");
    assert_eq!(log.lines().filter(|line| line.contains(r#""status":200"#)).count(), 2, "{log}");
}
