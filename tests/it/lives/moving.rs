//! Take-overs that change where the gateway listens.

use super::riders::{Riders, Stream};
use crate::harness::{
    Client, Gateway, PATIENCE, Setup, Wired, Young, chat, mock, on_both_drivers_at_once, stream, until,
};
use crate::lifecycle::one_request;
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering::Relaxed};
use std::time::Instant;

/// An address that nobody has now.
fn free() -> SocketAddr {
    TcpListener::bind("127.0.0.1:0").and_then(|socket| socket.local_addr()).expect("a free port")
}

fn nobody_listens(address: SocketAddr) -> bool {
    let socket = socket2::Socket::new(socket2::Domain::IPV4, socket2::Type::STREAM, None).expect("a socket");
    socket.set_reuse_address(true).expect("an option");
    socket.bind(&address.into()).is_ok()
}

/// The addresses of a configuration, as they are written there.
fn listen(text: &str) -> &str {
    text.lines().find_map(|line| line.strip_prefix("listen: [")?.strip_suffix(']')).expect("a line")
}

/// The configuration with other addresses.
fn listening(text: &str, list: &str) -> String {
    text.replacen(listen(text), list, 1)
}

/// The configuration that a successor has.
fn inherited(gateway: &Gateway) -> String {
    std::fs::read_to_string(gateway.heritage().join("gateway.yaml")).expect("the configuration")
}

/// A client whose stream has begun.
pub fn streaming(address: SocketAddr, settings: &str) -> Client {
    let mut client = Client::connect(address);
    client.send(&stream(settings));
    assert_eq!(client.head().0, 200);
    client
}

/// It comes to its proper end.
#[track_caller]
pub fn ends(client: &mut Client) {
    assert_eq!(client.arrivals(10_000).last().map(|event| event.data.as_str()), Some("[DONE]"));
}

/// A successor adds a listener, the next one removes it, changes the order of the others and moves the operator's interface:
/// what all have is served throughout; what is new answers at once; what is gone finishes what it began, resets nobody who
/// comes just then, and is closed while the predecessor still has much to do.
#[test]
fn listeners_come_and_go() {
    on_both_drivers_at_once(|io| {
        let mock = mock();
        let mut wired = Wired::start(Setup::of(io, &mock.base_url()).shards(2));
        let mut riders = Riders::start(&wired, "m/mock");
        let streams = riders.streams("chunks=60&gap_ms=20");
        let added = free();
        let mut first =
            wired.succeed_with(|text| listening(&text, &format!("{}, \"{added}\"", listen(&text))));
        assert_eq!(wired.gateway.addresses.len(), 3, "{}", wired.gateway.stderr());
        one_request(added).expect("it is served");
        streams.into_iter().for_each(Stream::ends);
        assert_eq!(first.wait().code(), Some(0), "{}", first.stderr());

        let mut long = streaming(added, "chunks=150&gap_ms=20");
        let mut kept = Client::connect(added);
        assert_eq!(kept.ask(&chat("")).status, 200);
        let (stop, served) = (AtomicBool::new(false), AtomicU32::new(0));
        let admin = free();
        let old_admin = wired.gateway.admin;
        let mut second = std::thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| hammer(added, &stop, &served));
            }
            until("load on it", || (served.load(Relaxed) > 20).then_some(()));
            let old = wired.succeed_with(|text| {
                let all = listen(&text).replace(&format!(", \"{added}\""), "");
                let (plain, secure) = all.split_once(", ").expect("two");
                let text = listening(&text, &format!("{secure}, {plain}"));
                text.replacen(&format!("\"{old_admin}\""), &format!("\"{admin}\""), 1)
            });
            until("the address to be free", || nobody_listens(added).then_some(()));
            until("the interface to be closed", || TcpStream::connect(old_admin).is_err().then_some(()));
            stop.store(true, Relaxed);
            old
        });
        assert!(!second.has_ended(), "it has a stream to finish");
        assert_eq!((wired.gateway.addresses.len(), wired.gateway.admin), (2, admin));
        assert_eq!(wired.gateway.admin("GET", "/readyz").status, 200);
        kept.ends();
        ends(&mut long);
        assert_eq!(second.wait().code(), Some(0), "{}", second.stderr());
        riders.go_on(30);
        assert_eq!(riders.stop(), []);
    });
}

/// Asks on new connections until it is told to stop, or nobody listens any more; who was connected is answered.
fn hammer(address: SocketAddr, stop: &AtomicBool, served: &AtomicU32) {
    let began = Instant::now();
    while !stop.load(Relaxed) && began.elapsed() < PATIENCE {
        match one_request(address) {
            Ok(()) => drop(served.fetch_add(1, Relaxed)),
            Err(error) => {
                assert!(error.starts_with("connect: ") && error.contains("refused"), "{error}");
                return;
            }
        }
    }
}

/// A successor with fewer event loops, or more, serves all sockets, and says once where.
#[test]
fn shards_come_and_go() {
    on_both_drivers_at_once(|io| {
        let mock = mock();
        let mut wired = Wired::start(Setup::of(io, &mock.base_url()).shards(3));
        let mut riders = Riders::start(&wired, "m/mock");
        let mut olds = vec![];
        for (before, after) in [(3, 1), (1, 4), (4, 2)] {
            let line = |count| format!("shards: {count}\n");
            let streams = riders.streams("chunks=20&gap_ms=20");
            olds.push(wired.succeed_with(|text| {
                assert!(text.contains(&line(before)), "{text}");
                text.replacen(&line(before), &line(after), 1)
            }));
            assert_eq!(wired.gateway.addresses, [wired.gateway.address, wired.secure]);
            streams.into_iter().for_each(Stream::ends);
            riders.go_on(40);
        }
        for mut old in olds {
            assert_eq!(old.wait().code(), Some(0), "{}", old.stderr());
        }
        assert_eq!(riders.stop(), []);
    });
}

/// A successor that finds an address of its own taken, or lacks that by which its predecessor is known, says so and was never
/// there: its predecessor serves on, on the same sockets, and may be succeeded.
#[test]
fn a_successor_that_cannot_listen() {
    on_both_drivers_at_once(|io| {
        let mock = mock();
        let mut wired = Wired::start(Setup::of(io, &mock.base_url()).shards(2));
        let mut riders = Riders::start(&wired, "m/mock");
        let taken = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let address = taken.local_addr().expect("bound");
        let interface = format!("\"{}\"", wired.gateway.admin);
        let first = format!("\"{}\", ", wired.gateway.address);
        let more = |text: &str| listening(text, &format!("\"{address}\", {}", listen(text)));
        let moved = |text: &str| text.replacen(&interface, &format!("\"{address}\""), 1);
        let fewer = |text: &str| text.replacen(&first, "", 1);
        let cannot = format!("cannot listen on {address}");
        let unknown = format!("no running ringgate of this user has {} for its first address", wired.secure);
        let text = inherited(&wired.gateway);
        for (text, complaint) in [(more(&text), &cannot), (moved(&text), &cannot), (fewer(&text), &unknown)] {
            let dir = wired.gateway.heritage();
            std::fs::write(dir.join("gateway.yaml"), text).expect("a file can be written");
            let mut young = Young::begin(dir, &["--take-over"]);
            assert_eq!(young.code(), Some(1));
            assert!(young.told().contains(complaint), "{}", young.told());
            riders.go_on(20);
        }
        assert!(!wired.gateway.stderr().contains("draining"), "{}", wired.gateway.stderr());
        assert_eq!(wired.gateway.admin("GET", "/readyz").status, 200);
        let mut old = wired.succeed();
        assert_eq!(old.wait().code(), Some(0), "{}", old.stderr());
        riders.go_on(20);
        assert_eq!(riders.stop(), []);
    });
}

/// The operator's interface may be left out, and come back.
#[test]
fn the_interface_comes_and_goes() {
    on_both_drivers_at_once(|io| {
        let mock = mock();
        let mut old = Gateway::start(&Setup::of(io, &mock.base_url()));
        let interface = |text: &str| text.lines().find(|line| line.starts_with("admin:")).map(str::to_owned);
        let dir = old.heritage();
        let whole = std::fs::read_to_string(dir.join("gateway.yaml")).expect("the configuration");
        let line = interface(&whole).expect("a line");
        std::fs::write(dir.join("gateway.yaml"), whole.replace(&line, "")).expect("a file can be written");
        let mut running = streaming(old.address, "chunks=100&gap_ms=20");
        let mut bare = Young::begin(dir, &["--take-over"]);
        until("the interface to be closed", || TcpStream::connect(old.admin).is_err().then_some(()));
        assert!(!old.has_ended(), "it has a stream to finish");
        one_request(old.address).expect("it is served");
        ends(&mut running);
        assert_eq!(old.wait().code(), Some(0), "{}", old.stderr());
        let next = old.successor();
        assert_eq!(next.admin("GET", "/readyz").status, 200);
        assert_eq!(bare.code(), Some(0), "{}", bare.told());
    });
}
