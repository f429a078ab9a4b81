//! The program as a shell sees it.

use std::io::{BufRead, BufReader};
use std::net::{TcpListener, TcpStream};
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

use loadtest::mock::{MockOptions, start};

use crate::client::{Client, PATIENCE};

fn program(line: &str) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_ringgate-load"));
    command.args(line.split_whitespace()).stdout(Stdio::piped()).stderr(Stdio::piped());
    command
}

fn output(line: &str) -> (Option<i32>, String, String) {
    text(&program(line).output().expect("it runs"))
}

fn text(output: &Output) -> (Option<i32>, String, String) {
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    (output.status.code(), text(&output.stdout), text(&output.stderr))
}

fn interrupt(child: &Child) {
    let sent = Command::new("kill").args(["-INT", &child.id().to_string()]).status();
    assert!(sent.is_ok_and(|status| status.success()));
}

/// The exit code says whether answers were good, wrong, or not to be had, and JSON is JSON.
#[test]
fn exit_codes() {
    let mock = start(MockOptions::default()).expect("start");
    let run = format!("run --url {}/chat/completions --duration 100ms --warmup 0ms --json", mock.base_url());
    let (code, out, _) = output(&run);
    let report: serde_json::Value = serde_json::from_str(&out).expect("JSON");
    assert_eq!((code, &report["wrong"]), (Some(0), &serde_json::json!(0)));
    let (code, out, _) = output(&format!("{run} --model mock?skip=1&status:500"));
    assert_eq!((code, out.as_str()), (Some(2), ""), "a setting that is none");
    let (code, out, _) = output(&format!("{run} --model mock?skip=1&fault=status:500"));
    assert!(code == Some(1) && out.contains("status 500"), "{out}");
    let (code, _, err) = output("run --url http://127.0.0.1:1/v1/responses");
    assert!(code == Some(2) && err.contains("cannot connect: connection refused"), "{err}");
    let plain = mock.base_url().replace("http://", "https://");
    let (code, _, err) = output(&format!("run --url {plain}/chat/completions"));
    assert!(code == Some(2) && err.contains("may speak no TLS") && err.lines().count() == 1, "{err}");
    let (code, _, err) = output("run --url ftp://127.0.0.1:1/v1/responses");
    assert!(code == Some(2) && err.contains("must begin with http://"), "{err}");
}

/// An interrupt ends a run at once, and what was measured until then is printed.
#[test]
fn interrupts() {
    for model in ["mock", "mock?skip=1&stall"] {
        let mock = start(MockOptions::default()).expect("start");
        let line = format!(
            "run --url {}/chat/completions --duration 10m --warmup 0ms --model {model}",
            mock.base_url()
        );
        let child = program(&line).spawn().expect("it runs");
        while mock.stats().requests < 5 {
            std::thread::sleep(Duration::from_millis(1));
        }
        let begun = Instant::now();
        interrupt(&child);
        let (_, out, _) = text(&child.wait_with_output().expect("it ends"));
        assert!(begun.elapsed() < PATIENCE, "{:?}", begun.elapsed());
        assert!(out.contains("requests") && out.contains("latency"), "{out}");
    }
}

/// On a terminal, and only there, whoever waits sees what is going on, in one line however narrow it is; nothing of it is left at
/// the end. Skipped where there is no `script` to make a terminal.
#[test]
fn progress_is_shown() {
    let mock = start(MockOptions::default()).expect("start");
    let run = format!(
        "{} run --url {}/chat/completions --rate 100 --duration 1s --warmup 500ms --interval 300ms",
        env!("CARGO_BIN_EXE_ringgate-load"),
        mock.base_url()
    );
    let mut terminal = Command::new("script");
    terminal
        .args(["-qec", &format!("stty cols 40 rows 24; TERM=xterm {run}"), "/dev/null"])
        .stdin(Stdio::null());
    let Ok(output) = terminal.output() else {
        eprintln!("skipped: there is no `script`");
        return;
    };
    let shown = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{shown:?}");
    let (progress, result) = shown.split_once("target ").expect("a result");
    let lines: Vec<&str> =
        progress.split(['\r', '\n']).map(|line| line.trim_start_matches("\u{1b}[2K")).collect();
    assert!(lines.iter().all(|line| line.chars().count() <= 40), "{lines:?}");
    for words in ["░░ warming up", "█░", "/s, p50 "] {
        assert!(lines.iter().any(|line| line.contains(words)), "{words}: {lines:?}");
    }
    // The last that is done to the line is to empty it.
    assert!(progress.ends_with("\r\u{1b}[2K") && !result.contains('\u{1b}'), "{shown:?}");
}

/// Whoever has had enough before anything was measured is told so at once: while a target takes no connection, and while it is
/// warmed up.
#[test]
fn interrupts_before_anything_is_measured() {
    let full = TcpListener::bind("127.0.0.1:0").expect("listen");
    let deaf = full.local_addr().expect("an address");
    // More than the kernel keeps for a listener that takes none.
    let mut waiting = Vec::new();
    while let Ok(connection) = TcpStream::connect_timeout(&deaf, Duration::from_millis(300)) {
        waiting.push(connection);
    }
    let mock = start(MockOptions::default()).expect("start");
    let url = format!("{}/chat/completions", mock.base_url());
    for (line, patience) in [
        (format!("run --timeout 9m --url http://{deaf}/v1/chat/completions"), "before its first answer"),
        (format!("streams --pid 1 --timeout 9m --url http://{deaf}/v1/responses"), "before its first answer"),
        (format!("run --warmup 9m --duration 1s --url {url}"), "before anything was measured"),
    ] {
        let child = program(&line).spawn().expect("it runs");
        while !holds_interrupts(&child) || line.contains("warmup") && mock.stats().requests < 5 {
            std::thread::sleep(Duration::from_millis(1));
        }
        // It connects next, and a target that takes no connection cannot tell when it does.
        std::thread::sleep(Duration::from_millis(300));
        interrupt(&child);
        let begun = Instant::now();
        let (code, out, err) = text(&child.wait_with_output().expect("it ends"));
        assert!(code == Some(2) && out.is_empty(), "{line}: {out}{err}");
        assert!(err.contains("interrupted") && err.contains(patience), "{line}: {err}");
        assert!(err.contains("target 127.0.0.1:") && begun.elapsed() < PATIENCE, "{line}: {err}");
    }
    drop(waiting);
}

/// Whether a program takes an interrupt by itself, and does not die of it. Source: proc(5), `SigBlk`.
fn holds_interrupts(child: &std::process::Child) -> bool {
    let status = std::fs::read_to_string(format!("/proc/{}/status", child.id())).expect("it runs");
    let held = status.lines().find_map(|line| line.strip_prefix("SigBlk:")).expect("a mask");
    u64::from_str_radix(held.trim(), 16).expect("digits") & (1 << (libc::SIGINT - 1)) != 0
}

/// What cannot be written does not take what was measured with it; what cannot be opened is said before anything is measured.
#[test]
fn full_disks() {
    let mock = start(MockOptions::default()).expect("start");
    let run = format!("run --url {}/chat/completions --duration 200ms --warmup 0ms", mock.base_url());
    for to in ["--json", "--hlog"] {
        let (code, out, err) = output(&format!("{run} {to} /dev/full"));
        assert!(code == Some(2) && out.contains("latency"), "{to}: {out} {err}");
        assert!(err.contains("No space left on device") && err.lines().count() == 1, "{to}: {err}");
    }
    let requests = mock.stats().requests;
    for line in [run.as_str(), "compare --peer nginx", "features", "truth"] {
        let (code, out, err) = output(&format!("{line} --json /nowhere/a.json"));
        assert!(
            code == Some(2) && out.is_empty() && err.contains("cannot write /nowhere/a.json"),
            "{out} {err}"
        );
    }
    assert_eq!(mock.stats().requests, requests);
    let file = std::env::temp_dir().join(format!("ringgate-load-unwritten-{}.json", std::process::id()));
    let (code, ..) = output(&format!("run --url http://127.0.0.1:1/v1/responses --json {}", file.display()));
    assert!(code == Some(2) && !file.exists(), "there was nothing to write");
}

/// What does nothing or cannot be is refused by its name, and help shows a pattern as it is to be typed.
#[test]
fn careless_users() {
    let mock = start(MockOptions::default()).expect("start");
    let run = format!("run --url {}/chat/completions", mock.base_url());
    let (taken, free) = (mock.address.to_string(), "127.0.0.1:0");
    for (line, words) in [
        (format!("{run} --key k --keys 3"), "--keys needs {n} in --key"),
        (format!("{run} --duration 0s"), "duration must be 1ms at least"),
        (format!("{run} --timeout 0s"), "'--timeout <TIME>': \"0s\" is too short"),
        (format!("{run} --cpu 999"), "core 999 is none that this process may use"),
        (format!("{run} --shape ramp --from 1 --to 2 --slo-p99 1s --hold 0s"), "hold must be 1ms at least"),
        (format!("mock --listen {taken}"), "cannot listen on 127.0.0.1:"),
        (format!("relay --listen {taken} --provider {free}"), "cannot listen on 127.0.0.1:"),
        ("mock --delay-ms recorded".to_owned(), "--recording"),
        ("scenarios chats".to_owned(), "there are completion-1k"),
        ("peers ngnix".to_owned(), "there are ringgate, nginx"),
    ] {
        let (code, out, err) = output(&line);
        assert!(code == Some(2) && out.is_empty() && err.contains(words), "{line}: {out} {err}");
    }
    let (_, help, _) = output("run --help");
    assert!(help.contains("place of {n} in --key") && help.contains("--key 'team-{n}'"), "{help}");
    assert!(!help.contains('\u{1b}'), "no escape sequences where nobody looks");
    for (line, words) in [
        ("scenarios chat", "[[request]]"),
        ("peers", "LiteLLM"),
        ("peers nginx", "worker_processes"),
        ("formats", "slo_p99"),
    ] {
        let (code, out, _) = output(line);
        assert!(code == Some(0) && out.contains(words), "{line}: {out}");
    }
}

/// The mock in the foreground says where it is on one line, and ends well when interrupted.
#[test]
fn mock_in_the_foreground() {
    let mut child = program(
        "mock --chunks 2 --fault status:418 --faults reset@0 --delay-ms lognormal:1:0.1 --retry-after-s 3",
    )
    .spawn()
    .expect("it runs");
    let mut line = String::new();
    BufReader::new(child.stdout.take().expect("piped")).read_line(&mut line).expect("a line");
    let address =
        line.split("http://").nth(1).and_then(|rest| rest.split('/').next()).and_then(|it| it.parse().ok());
    let mut client = Client::connect(address.expect("an address"));
    assert_eq!(client.ask("/v1/chat/completions", r#"{"model":"mock"}"#).status, 418);
    interrupt(&child);
    assert_eq!(child.wait().expect("it ends").code(), Some(0));
}

/// Scenarios are listed, a mistake in one is named with its place, and so is a recording that is none.
#[test]
fn says_what_is_wrong() {
    let (code, out, _) = output("scenarios");
    assert!(
        code == Some(0) && out.lines().count() >= 12 && out.contains("Head of line: one client"),
        "{out}"
    );
    let file = std::env::temp_dir().join(format!("ringgate-load-wrong-{}.toml", std::process::id()));
    std::fs::write(&file, "about = \"x\"\n[load]\nconection = 3\n").expect("a file");
    let url = "--url http://127.0.0.1:1/v1";
    let (code, _, err) = output(&format!("run {url} --scenario {}", file.display()));
    assert!(
        code == Some(2) && err.contains("line 3") && err.contains("did you mean `connections`?"),
        "{err}"
    );
    let (code, _, err) = output(&format!("mock --recording {}", file.display()));
    assert!(code == Some(2) && err.contains("line 1"), "{err}");
    std::fs::remove_file(file).expect("it was there");
    let (code, _, err) = output(&format!("run {url} --scenario nowhere"));
    assert!(code == Some(2) && err.contains("completion-1k"), "{err}");
    let (code, _, err) = output(&format!("run {url} --scenario chat --duration 1s --slo-p99 1ms"));
    assert!(code == Some(2) && err.contains("`slo_p99` has no effect here"), "{err}");
}

/// More connections than there can be descriptors are refused before anything is opened or started, with what is needed.
#[test]
fn needs_descriptors() {
    let mock = start(MockOptions::default()).expect("start");
    let held = format!(
        "streams --url {}/chat/completions --pid {} --connections 1000000",
        mock.base_url(),
        std::process::id()
    );
    let turns = "compare --peer nginx --connections 1000000";
    for (line, connections, needed) in [(held.as_str(), 1_000_000, 1_000_200), (turns, 3_000_000, 6_000_200)]
    {
        // What may be asked for beyond this limit is still too little.
        let mut limited = Command::new("sh");
        limited.args(["-c", "ulimit -n 1000 && exec \"$0\" \"$@\"", env!("CARGO_BIN_EXE_ringgate-load")]);
        let (code, out, err) = text(&limited.args(line.split(' ')).output().expect("it runs"));
        let words = format!("{connections} connections at a time need {needed} descriptors");
        assert!(code == Some(2) && out.is_empty() && err.contains(&words), "{err}");
        assert!(err.contains("this process may have 1") && err.contains("at most"), "{err}");
    }
    assert_eq!(mock.stats().connections_opened, 0);
}

/// Nothing to compare, a target that answers with a page of errors, and connections that cannot be had are told in one line
/// that names what is meant.
#[test]
fn mistakes_are_told_in_a_line() {
    let (code, _, err) = output("compare");
    assert!(code == Some(2) && err.contains("--peer") && err.contains("--target"), "{err}");
    let address = crate::servers::impatient(|_| page_of_errors(), Duration::from_secs(5));
    for command in ["run", "idle --pid 1", "streams --pid 1", "compare"] {
        let url = format!("http://{address}/v1/chat/completions");
        let of = if command == "compare" { format!("--target a={url}") } else { format!("--url {url}") };
        let (code, _, err) = output(&format!("{command} {of}"));
        assert!(code == Some(2) && err.lines().count() == 1, "{command}: {err}");
        assert!(err.contains(&address.to_string()) && err.contains("status 501: <p> not here </p>"), "{err}");
    }
}

fn page_of_errors() -> String {
    let body = "<p>\nnot\n\n here\n </p>\n";
    let length = body.len();
    format!("HTTP/1.1 501 No\r\ncontent-type: text/html\r\ncontent-length: {length}\r\n\r\n{body}")
}

/// The help of every command that does something has an example or says what its words mean.
#[test]
fn help_teaches() {
    for command in
        ["run", "scenarios", "peers", "report", "idle", "streams", "compare", "features", "truth", "relay"]
    {
        let (code, out, _) = output(&format!("{command} --help"));
        assert!(code == Some(0) && out.contains(&format!("ringgate-load {command}")), "{command}");
        let examples = out.split_once("-h, --help").map_or("", |(_, after)| after);
        assert!(examples.contains("ringgate-load"), "{command}: {out}");
    }
}
