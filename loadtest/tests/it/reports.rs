//! What a run leaves behind: JSON, histogram logs, pages.

use std::path::PathBuf;
use std::process::{Command, Output};

use hdrhistogram::Histogram;
use hdrhistogram::serialization::Deserializer;
use hdrhistogram::serialization::interval_log::{IntervalLogIterator, LogEntry};
use loadtest::mock::{MockOptions, start};
use serde_json::Value;

struct Folder(PathBuf);

impl Folder {
    fn new(name: &str) -> Self {
        let path = std::env::temp_dir().join(format!("ringgate-load-{name}-{}", std::process::id()));
        std::fs::create_dir_all(&path).expect("a folder");
        Self(path)
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        drop(std::fs::remove_dir_all(&self.0));
    }
}

fn program(line: &str) -> Output {
    Command::new(env!("CARGO_BIN_EXE_ringgate-load")).args(line.split_whitespace()).output().expect("it runs")
}

/// Runs against a mock, and leaves `NAME.json` and `NAME.hlog`.
fn record(folder: &Folder, name: &str, more: &str) -> Value {
    let mock = start(MockOptions::default()).expect("start");
    let (json, hlog) = (folder.path(&format!("{name}.json")), folder.path(&format!("{name}.hlog")));
    let output = program(&format!(
        "run --url {} --warmup 0ms --interval 100ms --json {} --hlog {} {more}",
        mock.base_url(),
        json.display(),
        hlog.display()
    ));
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(output.stderr.is_empty(), "progress is for terminals");
    let run: Value = serde_json::from_str(&std::fs::read_to_string(json).expect("a file")).expect("JSON");
    // A machine that did not keep up with the rate is told by the exit code.
    let is_good = run["wrong"] == 0 && run["unsent"] == 0;
    assert_eq!(output.status.code(), Some(i32::from(!is_good)), "{text}");
    assert!(text.contains("requests") && run["wrong"] == 0, "{text}");
    run
}

/// The file has the series and the curve, and both have every request in them.
#[test]
fn json_holds_the_series() {
    let folder = Folder::new("series");
    let run = record(&folder, "a", "--scenario streaming --duration 500ms --model mock?chunks=5");
    let sum = |field: &str| {
        run["intervals"].as_array().expect("rows").iter().filter_map(|row| row[field].as_u64()).sum::<u64>()
    };
    assert_eq!(Some(sum("good")), run["requests"].as_u64());
    assert_eq!(Some(sum("events")), run["events"].as_u64());
    let heat = run["intervals"]
        .as_array()
        .expect("rows")
        .iter()
        .flat_map(|row| row["heat"].as_array().expect("rows"));
    assert_eq!(heat.map(|cell| cell[1].as_u64().expect("a count")).sum::<u64>(), sum("good"));
    assert_eq!(run["latency_curve"]["quantiles"].as_array().and_then(|it| it.last()), Some(&1.0.into()));
    assert_eq!(run["parts"].as_array().map(Vec::len), Some(4));
}

/// The log has a histogram of every kind of time for the intervals, with every request in it.
#[test]
fn hlog_holds_every_request() {
    let folder = Folder::new("hlog");
    let run = record(
        &folder,
        "a",
        "--scenario streaming --shape closed --duration 500ms --connections 4 --model mock?chunks=5",
    );
    let log = std::fs::read(folder.path("a.hlog")).expect("a file");
    let (mut tags, mut heads) = (Vec::new(), 0);
    for entry in IntervalLogIterator::new(&log) {
        match entry.expect("valid") {
            LogEntry::Interval(interval) => tags.push(interval.tag().expect("a name").as_str().to_owned()),
            LogEntry::StartTime(_) | LogEntry::BaseTime(_) => heads += 1,
        }
    }
    let intervals = run["intervals"].as_array().expect("rows");
    assert!(intervals.len() >= 5 && heads == 2);
    // Whoever puts them together has what the result says, to the last value.
    for (name, told) in [
        ("latency", "latency_us"),
        ("service", "service_us"),
        ("first_byte", "first_byte_us"),
        ("gap", "gap_us"),
    ] {
        let merged = merged(&log, name);
        let us = |quantile: f64| merged.value_at_quantile(quantile) as f64 / 1000.0;
        if name == "gap" {
            assert!(merged.len() + run["requests"].as_u64().expect("a count") == run["events"], "{name}");
        } else {
            assert_eq!(run["requests"], merged.len(), "{name}");
        }
        let told = &run[told];
        for (member, quantile) in [("p50", 0.5), ("p90", 0.9), ("p99", 0.99), ("p999", 0.999), ("max", 1.0)] {
            let told = told[member].as_f64().expect("a time");
            assert!((told - us(quantile)).abs() < 0.002, "{name} {member}: {told} {}", us(quantile));
        }
        assert!((told["mean"].as_f64().expect("a time") - merged.mean() / 1000.0).abs() < 0.002, "{name}");
    }
    // An interval in which nothing was answered has no histogram.
    let answered = intervals.iter().filter(|row| row["good"] != 0).count();
    for name in ["latency", "service", "first_byte", "gap"] {
        assert_eq!(tags.iter().filter(|tag| *tag == name).count(), answered, "{name}");
    }
}

/// All histograms of a log with this name, as one.
fn merged(log: &[u8], name: &str) -> Histogram<u64> {
    let mut merged = Histogram::new(3).expect("a histogram");
    for entry in IntervalLogIterator::new(log) {
        if let LogEntry::Interval(interval) = entry.expect("valid")
            && interval.tag().is_some_and(|tag| tag.as_str() == name)
        {
            let bytes = base64(interval.encoded_histogram());
            let read: Histogram<u64> = Deserializer::new().deserialize(&mut &bytes[..]).expect("a histogram");
            merged.add(read).expect("room for it");
        }
    }
    merged
}

fn base64(text: &str) -> Vec<u8> {
    const LETTERS: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let (mut bytes, mut bits, mut count) = (Vec::new(), 0_u32, 0);
    for letter in text.trim_end_matches('=').bytes() {
        let value = LETTERS.iter().position(|it| *it == letter).expect("base64");
        (bits, count) = (bits << 6 | value as u32, count + 6);
        if count >= 8 {
            count -= 8;
            bytes.push((bits >> count) as u8);
        }
    }
    bytes
}

/// A file that is no run is refused by name.
#[test]
fn only_runs_are_drawn() {
    let folder = Folder::new("no-run");
    let file = folder.path("x.json");
    std::fs::write(&file, "{}").expect("a file");
    let output = program(&format!("report {} -o {}", file.display(), folder.path("x.html").display()));
    let complaint = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.code() == Some(2) && complaint.contains("x.json is no run"), "{complaint}");
}

/// A page of two runs, one of them with errors.
fn page(folder: &Folder) -> String {
    record(folder, "steady", "--scenario tenants --rate 100 --duration 400ms");
    record(folder, "climbing", "--scenario knee --from 20 --to 40 --step 20 --hold 200ms --slo-p99 1m");
    let mut failing: Value =
        serde_json::from_str(&std::fs::read_to_string(folder.path("steady.json")).expect("a file"))
            .expect("JSON");
    failing["wrong"] = 7.into();
    failing["complaint"] = "</script><b>\"&".into();
    failing["errors"] = serde_json::json!([{"kind": "status", "error": "status 500", "count": 7}]);
    failing["intervals"][0]["wrong"] = 7.into();
    failing["parts"][0]["requests"] = 0.into();
    std::fs::write(folder.path("failing.json"), failing.to_string()).expect("a file");
    let runs = ["steady", "climbing", "failing"]
        .map(|name| folder.path(&format!("{name}.json")).display().to_string());
    let output = program(&format!("report {} -o {}", runs.join(" "), folder.path("page.html").display()));
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    std::fs::read_to_string(folder.path("page.html")).expect("a page")
}

/// A page holds its runs as JSON, whatever they say, and refers to nothing outside itself.
#[test]
fn pages_need_no_network() {
    let folder = Folder::new("page");
    let page = page(&folder);
    let (before, rest) = page.split_once("id=\"runs\">").expect("data");
    let (data, after) = rest.split_once("</script>").expect("an end of the data");
    let runs: Value = serde_json::from_str(data).expect("JSON");
    let names: Vec<_> = runs.as_array().expect("runs").iter().map(|run| run["name"].clone()).collect();
    assert_eq!(names, ["steady", "climbing", "failing"]);
    assert_eq!(runs[2]["complaint"], "</script><b>\"&");
    assert!(before.starts_with("<!doctype html>") && before.contains("default-src 'none'"));
    for outside in ["http://", "https://", "src=", "href=", "url(", "@import", "fetch(", "import("] {
        assert!(!before.contains(outside) && !after.contains(outside), "{outside}");
    }
    assert_eq!(page.matches("</html>").count(), 1);
}

/// The page of a comparison of six peers, one of them a thousand times as dear as another, that is kept beside what it says.
fn comparison(folder: &Folder) -> String {
    let kept = "/../perf/runs/2026-11-30-2vcpu-xeon-57e567f/compare.json";
    let (from, to) = (format!("{}{kept}", env!("CARGO_MANIFEST_DIR")), folder.path("comparison.html"));
    let output = program(&format!("report {from} -o {}", to.display()));
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    std::fs::read_to_string(to).expect("a page")
}

/// A comparison refers to nothing outside itself either: what could be fetched is forbidden by the page and not there.
#[test]
fn comparisons_need_no_network() {
    let folder = Folder::new("comparison");
    let page = comparison(&folder);
    let (before, rest) = page.split_once("id=\"verdict\">").expect("data");
    let (data, after) = rest.split_once("</script>").expect("an end of the data");
    let verdict: Value = serde_json::from_str(data).expect("JSON");
    assert_eq!((&verdict["base"], verdict["starts"].as_array().map(Vec::len)), (&"nginx".into(), Some(6)));
    assert!(before.contains("default-src 'none'") && page.matches("</html>").count() == 1);
    for outside in ["http://", "https://", "src=", "href=", "url(", "@import", "fetch(", "import("] {
        assert!(!before.contains(outside) && !after.contains(outside), "{outside}");
    }
}

/// What a browser makes of a page, with all that its scripts change, and what it says meanwhile. Nothing where there is no
/// Chromium.
fn drawn(folder: &Folder, page: &str) -> Option<(String, String)> {
    let found = ["chromium", "chromium-browser", "google-chrome"]
        .into_iter()
        .find(|name| Command::new(name).arg("--version").output().is_ok());
    let Some(browser) = found else {
        eprintln!("skipped: there is no Chromium to draw the page");
        return None;
    };
    let output = Command::new(browser)
        .args(["--headless", "--no-sandbox", "--disable-gpu", "--enable-logging=stderr", "--dump-dom"])
        // The page that looks at others has to reach into them.
        .arg("--allow-file-access-from-files")
        .arg(format!("--user-data-dir={}", folder.path("profile").display()))
        .arg(format!("file://{}", folder.path(page).display()))
        .output()
        .expect("it runs");
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    let (drawn, said) = (text(&output.stdout), text(&output.stderr));
    // What a page asks for from outside itself is refused by its own policy, and that is said here.
    assert!(!said.contains("CONSOLE"), "{said}");
    Some((drawn, said))
}

/// A browser draws every part of a page of runs without a word on its console; a kind of request without an answer has no times.
#[test]
fn browsers_draw_pages() {
    let folder = Folder::new("browser");
    page(&folder);
    let Some((drawn, said)) = drawn(&folder, "page.html") else { return };
    assert!(drawn.contains("data-drawn=\"3\""), "{drawn}\n{said}");
    for part in ["summary", "curves", "heat", "throughput", "events", "errors", "kinds", "parts", "ramp"] {
        assert!(drawn.contains(&format!("<section id=\"{part}\">")), "{part}");
    }
    assert!(
        drawn.contains("&lt;/script&gt;&lt;b&gt;") && !drawn.contains("NaN") && !drawn.contains("undefined<")
    );
    assert!(drawn.contains("failing: chat</th><td>0</td><td>0</td><td>0</td><td>–</td>"), "{drawn}");
}

/// Pages can be read: as narrow as a telephone and as wide as a screen, in light and in dark, nothing reaches over the edge,
/// texts of charts keep their size and lie on no other, colours can be told from their ground, and every bar can be seen.
#[test]
fn pages_can_be_read() {
    let folder = Folder::new("look");
    page(&folder);
    comparison(&folder);
    let frame = |page: &str, width: u32| {
        format!("<iframe title=\"{page}\" src=\"{page}.html\" width=\"{width}\" height=\"900\"></iframe>\n")
    };
    let frames: String = ["page", "comparison"].map(|page| frame(page, 400) + &frame(page, 1400)).concat();
    let look = include_str!("look.html").replacen("\nFRAMES\n", &format!("\n{frames}"), 1);
    std::fs::write(folder.path("look.html"), look).expect("a file");
    let Some((drawn, _)) = drawn(&folder, "look.html") else { return };
    let said = drawn.split("<pre id=\"said\">").nth(1).and_then(|rest| rest.split("</pre>").next());
    assert_eq!(said, Some("fine"));
}
