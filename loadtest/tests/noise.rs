//! A machine that becomes busy: of that, nothing is reported as if it were the targets' doing. These tests stand
//! alone, since they keep the cores from all others.

use std::io::{BufRead, BufReader, Read};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use loadtest::mock::{Mock, MockOptions, start};
use loadtest::sys;

/// As many as take nearly all of a core.
const THREADS: usize = 12;
/// When they begin: in a run of two seconds, or five, its first third is quiet, and its last is not.
const LATER: Duration = Duration::from_millis(900);

/// Threads that take a core from whoever is on it, after a while and for as long as this lives.
struct Noise {
    over: Arc<AtomicBool>,
    threads: Vec<JoinHandle<()>>,
}

impl Noise {
    fn on(cpu: usize) -> Self {
        let (over, begins) = (Arc::<AtomicBool>::default(), Instant::now() + LATER);
        let noise = || {
            let seen = Arc::clone(&over);
            std::thread::spawn(move || {
                sys::pin_to(cpu).expect("there is such a core");
                while Instant::now() < begins && !seen.load(Relaxed) {
                    std::thread::sleep(Duration::from_millis(10));
                }
                while !seen.load(Relaxed) {
                    std::hint::spin_loop();
                }
            })
        };
        Self { threads: (0..THREADS).map(|_| noise()).collect(), over: over.clone() }
    }
}

impl Drop for Noise {
    fn drop(&mut self) {
        self.over.store(true, Relaxed);
        for thread in self.threads.drain(..) {
            drop(thread.join());
        }
    }
}

fn begin(line: &str) -> Child {
    let mut command = Command::new(env!("CARGO_BIN_EXE_ringgate-load"));
    command.args(line.split_whitespace()).stdout(Stdio::piped()).stderr(Stdio::piped());
    command.spawn().expect("it runs")
}

fn end(child: Child) -> (Option<i32>, String, String) {
    let output = child.wait_with_output().expect("it ends");
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    (output.status.code(), text(&output.stdout), text(&output.stderr))
}

/// Compares two targets, while the generator's core becomes busy from their first request on.
fn of_targets(mock: &Mock, more: &str) -> (Option<i32>, String, String) {
    let url = format!("{}/chat/completions", mock.base_url());
    let asked = mock.stats().requests;
    let mut child = begin(&format!(
        "compare --target a={url} --target b={url} --cpu 0 --rounds 9 --slice 60ms --connections 4 {more}"
    ));
    while mock.stats().requests == asked {
        assert!(child.try_wait().expect("it is ours").is_none(), "it asks for something");
        std::thread::sleep(Duration::from_millis(1));
    }
    let noise = Noise::on(0);
    let ended = end(child);
    drop(noise);
    ended
}

/// Of targets that run nothing is reported, in words and by the exit code, unless somebody insists: then it has a mark.
#[test]
fn targets() {
    let mock = start(MockOptions::default()).expect("start");
    let (code, out, err) = of_targets(&mock, "");
    assert!(code == Some(2) && out.is_empty(), "{code:?} {out} {err}");
    let (told, words) = err.split_once(": the machine was not steady").expect("the words");
    assert!(told.contains("the provider alone answered") && told.contains("drifted by"), "{err}");
    assert!(words.contains("nothing is reported") && words.contains("--force"), "{err}");
    assert_eq!(err.lines().count(), 1, "{err}");

    let (code, out, err) = of_targets(&mock, "--force");
    assert!(
        code == Some(0) && out.starts_with("!! NOT STEADY, reported by force: the provider"),
        "{out} {err}"
    );
    assert!(out.contains("CPU us/req") || out.contains("req/s"), "{out}");
    let (code, out, err) = of_targets(&mock, "--force --json");
    let comparison: serde_json::Value =
        serde_json::from_str(&out).unwrap_or_else(|_| unreachable!("no JSON: {out} {err}"));
    assert_eq!((code, &comparison["baseline"]["is_unsteady"]), (Some(0), &true.into()), "{comparison:#}");
    assert!(comparison["rows"].as_array().is_some_and(|rows| rows.len() == 2), "{comparison:#}");
}

/// Nor of peers that were started for it.
#[test]
fn peers() {
    if std::thread::available_parallelism().is_ok_and(|cores| cores.get() < 2) {
        eprintln!("skipped: generator and peers need a core each");
        return;
    }
    let file = std::env::temp_dir().join(format!("noise-{}.toml", std::process::id()));
    let command = [env!("CARGO_BIN_EXE_ringgate-load"), "mock", "--listen", "127.0.0.1:{port}"];
    let command = serde_json::to_string(&command).expect("JSON");
    let text = format!("about = \"a peer\"\ninstall = \"nobody can\"\nstart_s = 120\ncommand = {command}\n");
    std::fs::write(&file, text).expect("a file");
    let mut child = begin(&format!(
        "compare --peer {} --cpu 1 --parts requests --rounds 9 --slice 60ms --warmup 40ms --starts 1 --connections 4",
        file.display()
    ));
    let mut told = BufReader::new(child.stderr.take().expect("piped"));
    let mut line = String::new();
    while !line.contains("table 1 of") {
        line.clear();
        assert!(told.read_line(&mut line).expect("text") > 0, "it says what it does");
    }
    let noise = Noise::on(1);
    let mut rest = String::new();
    told.read_to_string(&mut rest).expect("text");
    let (code, out, _) = end(child);
    drop(noise);
    assert!(code == Some(2) && out.is_empty(), "{code:?} {out} {rest}");
    assert!(rest.contains("drifted by") && rest.contains("so nothing is reported (--force"), "{rest}");
    std::fs::remove_file(file).expect("it was there");
}
