//! Machines that give a gateway less than it would like.

use crate::harness::{Gateway, Io, Setup, chat, deny, fresh_dir, mock, on_both_drivers, run_to_end};
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

/// Each shard is a thread that is pinned to a processor, with a listening socket and connections to providers of its own;
/// the log has its own thread, and all have names.
#[test]
fn shards_share_nothing() {
    on_both_drivers(|io| {
        let mock = mock();
        let gateway = Gateway::start(&Setup::of(io, &mock.base_url()).shards(2));
        let (allowed, task) = (runtime::allowed_cpus(), format!("/proc/{}/task", gateway.pid()));
        let threads: Vec<_> = std::fs::read_dir(task)
            .expect("the gateway runs")
            .flatten()
            .map(|thread| {
                let read = |file: &str| std::fs::read_to_string(thread.path().join(file)).unwrap_or_default();
                let status = read("status");
                let cpus = status.lines().find_map(|line| line.strip_prefix("Cpus_allowed_list:"));
                (read("comm").trim().to_owned(), cpus.unwrap_or_default().trim().to_owned())
            })
            .collect();
        for shard in 0..2 {
            let cpus: Vec<_> = threads.iter().filter(|(name, _)| *name == format!("shard-{shard}")).collect();
            let [(_, cpus)] = cpus.as_slice() else { unreachable!("one thread: {threads:?}") };
            if runtime::granted_cpus() >= allowed.len() {
                assert_eq!(*cpus, allowed[shard % allowed.len()].to_string(), "{threads:?}");
            }
        }
        assert_eq!(threads.iter().filter(|(name, _)| name == "logcore").count(), 1, "{threads:?}");

        // Source: proc(5); a port is hexadecimal there, and 0A is a socket that listens.
        let port = format!(":{:04X} 00000000:0000 0A", gateway.address.port());
        let sockets = std::fs::read_to_string(format!("/proc/{}/net/tcp", gateway.pid())).expect("the table");
        assert_eq!(sockets.lines().filter(|line| line.contains(&port)).count(), 2);

        let mut clients: Vec<_> = (0..40).map(|_| gateway.client()).collect();
        for _ in 0..3 {
            assert!(clients.iter_mut().all(|client| client.ask(&chat("")).status == 200));
        }
        let records = gateway.records(120);
        let on_second = records.iter().filter(|record| record["shard"] == 1).count();
        assert!(
            (3..118).contains(&on_second) && on_second % 3 == 0,
            "a client stays on its shard: {on_second}"
        );
        assert_eq!(mock.stats().connections_opened, 2, "one of each shard, again and again");
    });
}

/// `ringgate doctor` tells the driver that a gateway would run on, as its metric does; where the ring is refused it says so,
/// and what to do.
#[test]
fn the_doctor_tells_the_driver() {
    let driver = runtime::probe(runtime::Wanted::Auto).expect("epoll at least").name();
    let report = |command: &mut Command| {
        let told = command.arg("doctor").output().expect("the binary runs");
        assert!(told.status.success());
        String::from_utf8_lossy(&told.stdout).into_owned()
    };
    let told = report(&mut Command::new(env!("CARGO_BIN_EXE_ringgate")));
    let line = told.lines().find(|line| line.contains("I/O driver")).expect("a line of it");
    assert!(line.split_whitespace().any(|word| word.trim_end_matches(':') == driver), "{told}");
    let setup = Setup::of(Io::Auto, "http://127.0.0.1:9/v1").with("io", "auto");
    let gateway = Gateway::start(&setup);
    let metric = format!("gateway_io_driver{{shard=\"0\",driver=\"{driver}\"}}");
    assert_eq!(gateway.metric(&metric), 1, "{}", gateway.metrics());

    let mut refused = Command::new(env!("CARGO_BIN_EXE_ringgate"));
    deny(&mut refused, libc::SYS_io_uring_setup);
    let told = report(&mut refused);
    assert!(told.contains("! I/O driver            epoll: the kernel refuses io_uring"), "{told}");
    assert!(told.contains("seccomp profile"), "{told}");
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
