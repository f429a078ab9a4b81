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

/// Calls that profiles of containers forbid, and that a gateway can do without: it serves as always.
#[test]
fn profiles_forbid_this_and_that() {
    let mock = mock();
    let setup = Setup::of(Io::Auto, &mock.base_url());
    for call in [
        libc::SYS_prlimit64,
        libc::SYS_sched_setaffinity,
        libc::SYS_sched_getaffinity,
        libc::SYS_sched_setattr,
        libc::SYS_inotify_init1,
        libc::SYS_inotify_add_watch,
        libc::SYS_getrandom,
        libc::SYS_madvise,
        libc::SYS_prctl,
        libc::SYS_statx,
    ] {
        let mut gateway = Gateway::spawn_as(dir_of(&setup), |command| deny(command, call));
        assert_eq!(gateway.client().ask(&chat("")).status, 200, "call {call}");
        assert_eq!(gateway.admin("POST", "/-/reload").status, 200, "call {call}");
        gateway.signal(rustix::process::Signal::TERM);
        assert_eq!(gateway.wait().code(), Some(0), "call {call}: {}", gateway.stderr());
        assert!(!gateway.stderr().contains("panicked"), "call {call}: {}", gateway.stderr());
    }
}

/// Where a gateway cannot do without a call it says which, and does not start.
#[test]
fn what_is_needed_is_named() {
    let setup = Setup::of(Io::Auto, "http://127.0.0.1:9/v1");
    for (call, name) in [
        (libc::SYS_eventfd2, "eventfd"),
        (libc::SYS_socketpair, "socketpair"),
        (libc::SYS_clone3, "no more threads"),
        #[cfg(target_arch = "x86_64")]
        (libc::SYS_epoll_wait, "the system refuses epoll_wait"),
        (libc::SYS_sendto, "the system refuses sendto"),
    ] {
        let dir = dir_of(&setup);
        let mut command = Command::new(env!("CARGO_BIN_EXE_ringgate"));
        deny(command.arg("serve").arg("--config").arg(dir.join("gateway.yaml")), call);
        let ended = command.output().expect("the binary runs");
        let told = String::from_utf8_lossy(&ended.stderr);
        assert!(ended.status.code() == Some(1) && told.contains(name), "{told}");
    }
}

/// `ringgate doctor` tells what it is for, of a machine that forbids much, too.
#[test]
fn doctors_speak_of_what_is_forbidden() {
    for (call, told) in [
        (libc::SYS_clone3, "! shards wake first     no: "),
        (libc::SYS_sendto, "! system calls          sendto is refused"),
        (libc::SYS_io_uring_setup, "! I/O driver            epoll"),
    ] {
        let mut command = Command::new(env!("CARGO_BIN_EXE_ringgate"));
        deny(command.arg("doctor"), call);
        let ended = command.output().expect("the binary runs");
        let (said, panicked) =
            (String::from_utf8_lossy(&ended.stdout), String::from_utf8_lossy(&ended.stderr));
        assert!(
            ended.status.code() == Some(0) && said.contains(told) && said.contains("iowait"),
            "{said}{panicked}"
        );
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

/// A control group of this test's own that grants the time of one processor; none where this process may make none.
struct Quota(PathBuf);

impl Quota {
    fn of_one() -> Option<Self> {
        let name = format!("ringgate-it-{}", std::process::id());
        // Of the second version, and of the first. Source: cgroups(7).
        [("/sys/fs/cgroup", "cpu.max", "100000 100000"), ("/sys/fs/cgroup/cpu", "cpu.cfs_quota_us", "100000")]
            .into_iter()
            .find_map(|(root, file, quota)| {
                let group = Self(PathBuf::from(root).join(&name));
                std::fs::create_dir(&group.0).ok()?;
                // Where this is a file system of another kind, there is none.
                let mut file = std::fs::File::options().write(true).open(group.0.join(file)).ok()?;
                std::io::Write::write_all(&mut file, quota.as_bytes()).is_ok().then_some(group)
            })
    }

    fn hold(&self, command: &mut Command) {
        let members = std::fs::File::options().write(true).open(self.0.join("cgroup.procs"));
        let members = members.expect("it is ours");
        #[expect(unsafe_code, reason = "a system call between fork and exec")]
        // SAFETY: it makes one system call and nothing else.
        unsafe {
            command.pre_exec(move || Ok(rustix::io::write(&members, b"0").map(drop)?))
        };
    }
}

impl Drop for Quota {
    fn drop(&mut self) {
        // It can be removed once its last process is gone, which is soon.
        for _ in 0..100 {
            if std::fs::remove_dir(&self.0).is_ok() {
                return;
            }
            std::thread::sleep(std::time::Duration::from_millis(20));
        }
    }
}

/// Where a control group grants less time than there are processors, there are as many shards as that is for, and none of
/// them has a processor to itself.
#[test]
fn a_quota_is_heeded() {
    let allowed = runtime::allowed_cpus();
    let Some(quota) = Quota::of_one().filter(|_| allowed.len() > 1) else {
        eprintln!("skipped: there is no quota to be had, or only one processor");
        return;
    };
    let mock = mock();
    let setup = Setup::of(Io::Auto, &mock.base_url()).with("shards", "auto");
    let gateway = Gateway::spawn_as(dir_of(&setup), |command| quota.hold(command));
    for _ in 0..20 {
        assert_eq!(gateway.client().ask(&chat("")).status, 200);
    }
    assert_eq!(gateway.metric_sum("gateway_shard_up"), 1);
    let shard = gateway.schedstat_of("shard-0").with_file_name("status");
    let allowed_to = |status: PathBuf| {
        let text = std::fs::read_to_string(status).expect("it runs");
        text.lines().find(|line| line.starts_with("Cpus_allowed:")).map(str::to_owned)
    };
    assert_eq!(allowed_to(shard), allowed_to("/proc/self/status".into()));
    drop(gateway);
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
