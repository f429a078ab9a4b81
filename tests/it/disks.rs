//! Disks that are full, and logs that are taken away.

use crate::harness::{Gateway, Io, Setup, chat, mock, on_both_drivers, until};
use rustix::process::{Pid, Resource, Rlimit, prlimit};

fn limit_files(gateway: &Gateway, most: Option<u64>) {
    let limit = Rlimit { current: most, maximum: None };
    prlimit(Pid::from_raw(gateway.pid()), Resource::Fsize, limit).expect("a limit can be set");
}

/// A log that grows no more ends nothing: lines wait, readiness tells it, and when there is room again none is missing.
#[test]
fn a_log_that_grows_no_more() {
    on_both_drivers(|io| {
        let mock = mock();
        let gateway = Gateway::start(&Setup::of(io, &mock.base_url()));
        let mut client = gateway.client();
        assert_eq!(client.ask(&chat("")).status, 200);
        gateway.records(1);
        let size = gateway.log().len() as u64;
        // In the middle of a line.
        limit_files(&gateway, Some(size + 100));
        for _ in 0..5 {
            assert_eq!(client.ask(&chat("")).status, 200);
        }
        until("readiness to tell it", || {
            gateway.admin("GET", "/readyz").text().contains("takes no lines").then_some(())
        });
        let log = gateway.dir.join("access.log");
        until("its file to be named", || gateway.stderr().contains(log.to_str()?).then_some(()));
        assert_eq!(gateway.log().len() as u64, size + 100);
        limit_files(&gateway, None);
        until("readiness", || (gateway.admin("GET", "/readyz").status == 200).then_some(()));
        assert_eq!(gateway.records(6).len(), 6);
    });
}

/// A log's directory that is removed is made anew; where it cannot be, lines wait, which is told with the file, and they are
/// there as soon as it can.
#[test]
fn a_log_whose_directory_goes() {
    on_both_drivers(|io| {
        let mock = mock();
        let gateway = Gateway::start(&in_its_own_directory(io, &mock.base_url()));
        let logs = gateway.dir.join("logs");
        let mut client = gateway.client();
        let lines = || std::fs::read_to_string(logs.join("access.log")).unwrap_or_default().lines().count();
        assert_eq!(client.ask(&chat("")).status, 200);
        until("the line", || (lines() == 1).then_some(()));
        std::fs::remove_dir_all(&logs).expect("ours");
        until("the directory", || logs.join("access.log").exists().then_some(()));
        assert_eq!(client.ask(&chat("")).status, 200);
        until("the next line", || (lines() == 1).then_some(()));

        std::fs::remove_dir_all(&logs).expect("ours");
        // A file where the directory was: nothing can be made in it.
        std::fs::write(&logs, "").expect("ours");
        until("it to be told", || {
            gateway.stderr().contains("logs/access.log cannot be opened").then_some(())
        });
        for _ in 0..3 {
            assert_eq!(client.ask(&chat("")).status, 200);
        }
        until("readiness to tell it", || (gateway.admin("GET", "/readyz").status == 503).then_some(()));
        std::fs::remove_file(&logs).expect("ours");
        until("the lines that waited", || (lines() == 3).then_some(()));
        until("readiness", || (gateway.admin("GET", "/readyz").status == 200).then_some(()));
    });
}

/// The log's path is relative to the working directory, which is the test's own.
fn in_its_own_directory(io: Io, base_url: &str) -> Setup {
    Setup::of(io, base_url).with("access_log", "{path: logs/access.log}")
}
