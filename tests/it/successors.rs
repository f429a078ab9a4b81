//! Take-overs that do not go as planned.

use crate::harness::{Gateway, Io, Scripted, Setup, chat, mock, on_both_drivers, until};
use rustix::process::Signal;
use std::path::Path;
use std::process::{Child, Command, Stdio};

fn successor(dir: &Path) -> Child {
    let mut command = Command::new(env!("CARGO_BIN_EXE_ringgate"));
    command.arg("serve").arg("--config").arg(dir.join("gateway.yaml")).arg("--take-over").current_dir(dir);
    command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().expect("the binary runs")
}

/// Of two successors at once one serves in the end, and the other has given up or was succeeded; clients notice nothing.
#[test]
fn two_successors_at_once() {
    on_both_drivers(|io| {
        let mock = mock();
        let mut old = Gateway::start(&Setup::of(io, &mock.base_url()).shards(2));
        let mut successors = [successor(&old.heritage()), successor(&old.heritage())];
        let mut ended = None;
        until("one of them to end", || {
            assert_eq!(old.client().ask(&chat("")).status, 200);
            ended = successors.iter_mut().position(|child| child.try_wait().expect("a child").is_some());
            ended
        });
        assert_eq!(old.wait().code(), Some(0), "{}", old.stderr());
        for _ in 0..20 {
            assert_eq!(old.client().ask(&chat("")).status, 200);
        }
        let left = &mut successors[1 - ended.expect("one")];
        assert!(left.try_wait().expect("a child").is_none(), "one is left");
        left.kill().expect("it runs");
        left.wait().expect("it was killed");
    });
}

/// A predecessor that dies while its successor starts does not take that with it.
#[test]
fn a_predecessor_may_die_meanwhile() {
    let mock = mock();
    // Credentials that do not come hold the start up for a while.
    let slow = Scripted::start(|_, mut peer| peer.wait_for_end());
    let keys =
        format!("{{aws: {{region: r, source: container, token_url: \"http://{}/keys\"}}}}", slow.address);
    let row = format!("{{format: openai, base_url: \"{}\", auth: {keys}}}", mock.base_url());
    let setup = Setup::of(Io::Auto, &mock.base_url()).provider_row("slow", &row);
    let mut old = Gateway::start(&setup.model("slow", "{provider: slow, model: mock}", ""));
    let asked = slow.accepted();
    let dir = old.heritage();
    std::thread::scope(|scope| {
        let new = scope.spawn(|| Gateway::spawn(dir, &["--take-over"]));
        until("the successor to begin", || (slow.accepted() > asked).then_some(()));
        old.signal(Signal::KILL);
        assert_eq!(old.wait().code(), None);
        let mut new = new.join().expect("it serves");
        let next = new.successor();
        assert_eq!(new.wait().code(), Some(0), "{}", new.stderr());
        assert_eq!(next.client().ask(&chat("")).status, 200);
    });
}
