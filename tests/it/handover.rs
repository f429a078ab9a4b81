//! Streams as long as real ones, and a steady load, through reloads and a take-over.

use crate::harness::{Client, Gateway, Io, Setup, chat, mock, stream, until};
use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering::Relaxed};
use std::time::{Duration, Instant};

/// A stream of 20 seconds.
const LONG: &str = "chunks=200&gap_ms=100";
/// Time between two short requests.
const PERIOD: Duration = Duration::from_millis(5);
/// More than are ever busy at once: a request begins when it is due, whatever became of those before it.
const CLIENTS: usize = 32;
/// Short requests before the load ends by itself.
const MOST: u32 = 12_000;

/// At 200 requests/s, through reloads and a take-over, 16 streams of 20 s and every short answer come whole.
#[test]
fn nothing_is_cut_or_refused() {
    through_reloads_and_a_take_over(Io::Auto);
}

/// The same on epoll, beside it: no other test takes so long.
#[test]
fn nothing_is_cut_or_refused_on_epoll() {
    through_reloads_and_a_take_over(Io::Epoll);
}

fn through_reloads_and_a_take_over(io: Io) {
    let mock = mock();
    let mut old = Gateway::start(&Setup::of(io, &mock.base_url()).shards(2));
    let events = old.client().ask(&stream("chunks=200")).events().len();
    let load = Load::on(old.address);
    let new = std::thread::scope(|scope| {
        for _ in 0..CLIENTS {
            scope.spawn(|| load.run());
        }
        let mut streams = begin(&old);
        load.go_on();
        reload(&old, "new");
        streams.extend(begin(&old));
        load.go_on();
        let new = old.successor();
        streams.extend(begin(&new));
        load.go_on();
        reload(&new, "newer");
        streams.extend(begin(&new));
        for (number, (mut client, began)) in streams.into_iter().enumerate() {
            let answer = client.answer();
            let whole = answer.status == 200 && answer.whole && answer.events().len() == events;
            assert!(
                whole && answer.text().ends_with("data: [DONE]\n\n"),
                "stream {number}: {}",
                answer.text()
            );
            assert!(began.elapsed() > Duration::from_secs(19), "stream {number}: {:?}", began.elapsed());
        }
        assert_eq!(old.wait().code(), Some(0), "{}", old.stderr());
        load.go_on();
        load.stop();
        new
    });
    assert_eq!(new.metric("gateway_panics_total"), 0);
}

/// Four streams of which each has said something.
fn begin(gateway: &Gateway) -> Vec<(Client, Instant)> {
    let begun = (0..4).map(|_| {
        let (mut client, began) = (gateway.client(), Instant::now());
        client.send(&stream(LONG));
        client.more().expect("the stream begins");
        (client, began)
    });
    begun.collect()
}

/// Adds a model called so.
fn reload(gateway: &Gateway, name: &str) {
    let model = format!("models:\n  {name}: {{targets: [{{provider: up, model: mock}}]}}\n");
    gateway.rewrite_config(&gateway.config_text().replace("models:\n", &model));
    until("the new configuration", || (gateway.metric("gateway_config_version") == 2).then_some(()));
}

/// Short requests at a fixed rate, on kept connections and on new ones. One that fails, fails the test.
struct Load {
    address: SocketAddr,
    began: Instant,
    begun: AtomicU32,
    served: AtomicU32,
    stopped: AtomicBool,
}

impl Load {
    fn on(address: SocketAddr) -> Self {
        let (begun, served, stopped) = Default::default();
        Self { address, began: Instant::now(), begun, served, stopped }
    }

    fn run(&self) {
        let mut kept = None;
        while !self.stopped.load(Relaxed) {
            let number = self.begun.fetch_add(1, Relaxed);
            if number > MOST {
                return;
            }
            let due = self.began + PERIOD * number;
            std::thread::sleep(due.saturating_duration_since(Instant::now()));
            let mut client = kept
                .take()
                .filter(|_| !number.is_multiple_of(4))
                .unwrap_or_else(|| Client::connect(self.address));
            let answer = client.ask(&chat(""));
            assert!(answer.status == 200 && answer.whole, "request {number}: {answer:?}");
            kept = (answer.header("connection") != Some("close")).then_some(client);
            self.served.fetch_add(1, Relaxed);
        }
    }

    /// Lets a second's requests be served.
    fn go_on(&self) {
        let enough = self.served.load(Relaxed) + 200;
        until("requests to be served", || (self.served.load(Relaxed) >= enough).then_some(()));
    }

    /// Ends it. It has kept its rate.
    fn stop(&self) {
        self.stopped.store(true, Relaxed);
        let due = self.began.elapsed().as_millis() / PERIOD.as_millis();
        let served = self.served.load(Relaxed);
        assert!(u128::from(served) > due * 3 / 4, "{served} of {due} were served");
    }
}
