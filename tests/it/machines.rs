//! Machines that give a gateway less than it would like.

use crate::harness::{Gateway, Io, Setup, chat, deny, fresh_dir, mock, run_to_end};
use ringgate::net::runtime;
use rustix::process::{Resource, Rlimit, setrlimit};
use std::os::unix::process::CommandExt as _;
use std::path::PathBuf;
use std::process::Command;

fn dir_of(setup: &Setup) -> PathBuf {
    let dir = fresh_dir();
    std::fs::write(dir.join("gateway.yaml"), setup.yaml(&dir)).expect("a file can be written");
    dir
}

/// A profile that forbids `io_uring`, or lets rings be made and forbids to use them, makes the gateway serve on epoll; where
/// the ring is wanted it does not start, and says why.
#[test]
fn profiles_forbid_the_ring() {
    let mock = mock();
    let setup = Setup::of(Io::Auto, &mock.base_url()).with("io", "auto");
    for call in [libc::SYS_io_uring_setup, libc::SYS_io_uring_enter, libc::SYS_io_uring_register] {
        let gateway = Gateway::spawn_as(dir_of(&setup), |command| deny(command, call));
        let mut client = gateway.client();
        for _ in 0..3 {
            assert_eq!(client.ask(&chat("")).status, 200);
        }
        assert_eq!(
            gateway.metric("gateway_io_driver{shard=\"0\",driver=\"epoll\"}"),
            1,
            "{}",
            gateway.metrics()
        );

        let dir = dir_of(&setup.clone().with("io", "uring"));
        let mut command = Command::new(env!("CARGO_BIN_EXE_ringgate"));
        deny(command.arg("serve").arg("--config").arg(dir.join("gateway.yaml")), call);
        let ended = command.output().expect("the binary runs");
        let told = String::from_utf8_lossy(&ended.stderr);
        assert!(ended.status.code() == Some(1) && told.contains("`io: uring`"), "{told}");
    }
}

/// More shards than processors, and a single processor that is not the first one.
#[test]
fn processors_are_few() {
    let mock = mock();
    let setup = Setup::of(Io::Auto, &mock.base_url());
    let gateway = Gateway::start(&setup.clone().shards(9));
    assert_eq!(gateway.client().ask(&chat("")).status, 200);
    assert_eq!(gateway.metric_sum("gateway_shard_up"), 9);

    let last = *runtime::allowed_cpus().last().expect("this process runs on one");
    let alone = std::thread::spawn(move || {
        runtime::pin_to_cpu(last).expect("it is allowed");
        Gateway::start(&setup.with("shards", "auto"))
    });
    let alone = alone.join().expect("it serves");
    assert_eq!(alone.client().ask(&chat("")).status, 200);
    assert_eq!(alone.metric_sum("gateway_shard_up"), 1);
}

fn with_files(command: &mut Command, most: u64) {
    let limit = Rlimit { current: Some(most), maximum: Some(most) };
    #[expect(unsafe_code, reason = "a system call between fork and exec")]
    // SAFETY: it makes one system call and nothing else.
    unsafe {
        command.pre_exec(move || Ok(setrlimit(Resource::Nofile, limit)?))
    };
}

/// A low limit of open files is told when the gateway starts, and serves a few; one that is too low for any is refused with
/// what to do.
#[test]
fn descriptors_are_few() {
    let mock = mock();
    let setup = Setup::of(Io::Auto, &mock.base_url());
    let gateway = Gateway::spawn_as(dir_of(&setup), |command| with_files(command, 256));
    assert_eq!(gateway.client().ask(&chat("")).status, 200);
    assert!(gateway.stderr().contains("only 256 open files"), "{}", gateway.stderr());

    let dir = dir_of(&setup);
    let mut command = Command::new(env!("CARGO_BIN_EXE_ringgate"));
    with_files(command.arg("serve").arg("--config").arg(dir.join("gateway.yaml")), 20);
    let ended = command.output().expect("the binary runs");
    let told = String::from_utf8_lossy(&ended.stderr);
    assert!(ended.status.code() == Some(1) && told.contains("only 20 open files"), "{told}");
}

/// What cannot be opened when the gateway starts is named: the log's file, the address.
#[test]
fn what_cannot_be_opened_is_named() {
    let ended = |setup: &Setup| {
        let dir = dir_of(setup);
        run_to_end(&["serve", "--config", dir.join("gateway.yaml").to_str().expect("text")])
    };
    let setup = Setup::of(Io::Auto, "http://127.0.0.1:9/v1");
    for (key, value, told) in [
        ("access_log", "{path: /proc/none/access.log}", "/proc/none/access.log"),
        ("listen", "[\"192.0.2.1:0\"]", "192.0.2.1:0"),
        ("admin", "{address: \"192.0.2.1:0\", allow_remote: true}", "192.0.2.1:0"),
    ] {
        let ended = ended(&setup.clone().with(key, value));
        assert!(ended.code == Some(1) && ended.stderr.contains(told), "{}", ended.stderr);
    }
}
