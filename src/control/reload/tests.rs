//! Reloads, good and bad.

use super::*;
use crate::control::scratch::Scratch;

const TEXT: &str = "
providers: {p: {format: openai, base_url: http://10.0.0.1}}
models: {m: {targets: [{provider: p, model: x}]}}
";
const KEYS: &str = "
groups: {g: {models: ['*']}}
keys: [{id: a, group: g, secret: 0123456789abcdef0123x}]
";

/// A reloader that started with this text, and the directory of its file.
fn started(text: &str) -> (Reloader, Scratch) {
    let scratch = Scratch::new();
    let source = Source::read(scratch.write("gateway.yaml", text)).expect("the file");
    let (names, mut origins) = (Arc::new(Names::default()), config::Origins::new(None));
    let compiled = config::compile(&source, &names, &mut origins, 1).expect("sound");
    (Reloader::new(source, compiled, names, origins), scratch)
}

fn version(reloader: &Reloader) -> u64 {
    reloader.published.load().version
}

/// A good configuration is published, a bad one is refused whole, and both are counted.
#[tokio::test]
async fn good_and_bad() {
    let (mut reloader, scratch) = started(TEXT);
    scratch.write("gateway.yaml", &TEXT.replace("m:", "n:"));
    let published = reloader.reload().await.expect("sound");
    assert_eq!((published.version, published.after_restart.len()), (2, 0));
    assert!(reloader.published.load().catalog.find("n").is_some());

    scratch.write("gateway.yaml", &TEXT.replace("provider: p", "provider: q").replace("m:", "o:"));
    let complaints = reloader.reload().await.expect_err("unsound");
    assert!(complaints[0].to_string().contains("\"q\" is not declared"));
    assert_eq!(version(&reloader), 2);
    assert!(reloader.published.load().catalog.find("n").is_some());

    std::fs::remove_file(scratch.path.join("gateway.yaml")).expect("a removal");
    assert_eq!(reloader.reload().await.expect_err("nothing there").len(), 1);
    let counts = reloader.counts();
    assert_eq!((counts.published.load(Relaxed), counts.refused.load(Relaxed)), (1, 2));
    assert_eq!(counts.version.load(Relaxed), 2);
}

/// Settings of the process are told to need a restart, and the published listeners are the open ones.
#[tokio::test]
async fn settings_need_a_restart() {
    let (mut reloader, scratch) =
        started(&format!("{TEXT}listen: [127.0.0.1:1, 127.0.0.1:0, 127.0.0.1:0]\n"));
    let moved = "listen: [127.0.0.1:0, 127.0.0.1:7]\nshards: 3\ndrain_timeout_ms: 1\n";
    scratch.write("gateway.yaml", &format!("{TEXT}{moved}"));
    let published = reloader.reload().await.expect("sound");
    assert_eq!(published.after_restart, ["listen", "shards", "drain_timeout_ms"]);
    let open: Vec<_> = reloader.published.load().listeners.iter().map(|l| l.address.port()).collect();
    assert_eq!(open, [1, 0, 0]);
}

/// Keys cannot be taken away while an address is open that others can reach.
#[tokio::test]
async fn an_open_door_is_refused() {
    let (mut reloader, scratch) = started(&format!("{TEXT}{KEYS}listen: [0.0.0.0:0]\n"));
    scratch.write("gateway.yaml", &format!("{TEXT}listen: [127.0.0.1:0]\n"));
    let complaints = reloader.reload().await.expect_err("the old address is still open");
    assert!(complaints[0].message.contains("0.0.0.0:0 can be reached from elsewhere"), "{}", complaints[0]);
    assert_eq!(reloader.published.load().access, Access::KeyRequired);
}

/// A replaced snapshot stays until its last user lets go, and is dropped here.
#[tokio::test]
async fn snapshots_retire() {
    let (mut reloader, _scratch) = started(TEXT);
    let in_use = reloader.published.load_full();
    reloader.reload().await.expect("sound");
    assert_eq!(reloader.counts.retired.load(Relaxed), 1);
    let last = Arc::downgrade(&in_use);
    drop(in_use);
    assert!(last.upgrade().is_some(), "dropped by its user");
    reloader.sweep();
    assert_eq!(reloader.counts.retired.load(Relaxed), 0);
    assert!(last.upgrade().is_none());
}

/// Who asks is answered; the task ends when nobody can ask any more.
#[tokio::test]
async fn requests_are_answered() {
    let (reloader, _scratch) = started(TEXT);
    let resolve = reloader.resolve();
    let (sender, requests) = mpsc::channel(1);
    let task = tokio::spawn(reloader.run(requests));
    let (request, answer) = Request::asked();
    assert!(sender.send(request).await.is_ok());
    assert_eq!(answer.await.expect("an answer").expect("sound").version, 2);
    assert_eq!(resolve.borrow().len(), 1);
    drop(sender);
    task.await.expect("it ends");
}

/// A file that a changed configuration refers to is followed from then on.
#[tokio::test]
async fn referred_files_are_followed() {
    let (mut reloader, scratch) = started(TEXT);
    let changed = Arc::new(tokio::sync::Notify::new());
    reloader.follow_with(FileWatch::new(changed.clone()).expect("a watcher"));
    let (sender, requests) = mpsc::channel(8);
    let counts = reloader.counts();
    tokio::spawn(crate::control::watch::files(changed, sender.clone()));
    let task = tokio::spawn(reloader.run(requests));

    std::fs::create_dir(scratch.path.join("secrets")).expect("a directory");
    scratch.write("secrets/key", "one");
    scratch.write(
        "gateway.yaml",
        &TEXT.replace("http://10.0.0.1", "http://10.0.0.1, api_key: file:secrets/key"),
    );
    reach(&counts, 2).await;
    scratch.write("secrets/key", "two");
    reach(&counts, 3).await;
    task.abort();
}

/// Waits until this version is published.
async fn reach(counts: &Counts, version: u64) {
    let reached = async {
        while counts.version.load(Relaxed) < version {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(20), reached).await.expect("the version is published in time");
}
