//! Certificates of both sides, renewed while the gateway serves: by reloads and by take-overs.

use super::ends::{Asked, ask};
use super::riders::{Riders, Stream};
use crate::harness::{
    Authority, Client, Frames, KEY, Setup, Tunnel, Wire, Wired, mock, on_both_drivers_at_once, stream, until,
};
use crate::trust::{client_of, greeted_at};
use rustls::HandshakeKind;
use rustls::version::{TLS12, TLS13};

/// A gateway that believes clients of one authority, and two more authorities.
struct Trusting {
    clients: Authority,
    next: Authority,
    strangers: Authority,
    wired: Wired,
    _mock: loadtest::mock::Mock,
}

impl Trusting {
    fn start(io: crate::harness::Io) -> Self {
        let (clients, next, strangers) = (Authority::new(), Authority::new(), Authority::new());
        let mock = mock();
        let wired = Wired::trusting(Some(&clients), Setup::of(io, &mock.base_url()).shards(2));
        Self { clients, next, strangers, wired, _mock: mock }
    }

    /// Whether clients of this authority, or of none, are served, over HTTP/1.1 in both versions of TLS and over HTTP/2.
    #[track_caller]
    fn believes(&self, shown: Option<&Authority>) -> bool {
        let (server, secure) = (&self.wired.authority, self.wired.secure);
        let served =
            [&TLS12, &TLS13].map(|version| greeted_at(secure, &client_of(server, shown, version)).is_some());
        let tunnel = Tunnel::showing(shown, secure, &server.root, b"h2");
        let mut frames = Frames::connect(tunnel.address);
        let list = [(":method", "GET"), (":scheme", "https"), (":authority", "g"), (":path", "/v1/models")];
        frames.head(1, &[list.as_slice(), &[("x-api-key", KEY)]].concat(), false);
        let over_http2 = frames.status(1) == Ok(200);
        assert_eq!(served, [over_http2; 2]);
        over_http2
    }

    /// Has clients of these authorities be believed from now on, and renews the gateway's own certificate with that.
    fn renew(&self, trusted: &[&Authority]) {
        let files = trusted.iter().map(|authority| std::fs::read_to_string(authority.path("root.pem")));
        let text: String = files.map(|file| file.expect("a file")).collect();
        std::fs::write(self.clients.file(), text).expect("a file can be written");
        self.wired.authority.sign("localhost");
    }

    /// Keeps what each authority's own file holds, since one of them is changed.
    fn keep_roots(&self) {
        for authority in [&self.clients, &self.next] {
            std::fs::copy(authority.file(), authority.path("root.pem")).expect("a file can be copied");
        }
    }
}

/// Streams over TLS whose clients will not be believed any more.
struct Last {
    http1: Client,
    http2: Frames,
    asked: Asked,
}

impl Last {
    fn begin(wired: &Wired) -> Self {
        let mut http1 = Client::connect(wired.address(Wire::Http1OverTls));
        http1.send(&stream("chunks=150&gap_ms=20"));
        assert_eq!(http1.head().0, 200);
        let mut http2 = Frames::connect(wired.address(Wire::Http2OverTls));
        let asked = ask(&mut http2, 1, "chunks=150&gap_ms=20");
        Self { http1, http2, asked }
    }

    #[track_caller]
    fn ends(mut self) {
        self.asked.ends(&mut self.http2);
        assert_eq!(self.http1.arrivals(10_000).last().map(|event| event.data.as_str()), Some("[DONE]"));
    }
}

/// A new authority for clients comes, and the old one goes, each with a new certificate of the gateway's: by reloads nobody
/// is cut or refused who is believed before and after, and what runs when its client is not believed any more finishes.
#[test]
fn authorities_change_by_reloads() {
    on_both_drivers_at_once(|io| {
        let trusting = Trusting::start(io);
        trusting.keep_roots();
        let Trusting { clients, next, strangers, wired, .. } = &trusting;
        let mut riders = Riders::start(wired, "m/mock");
        let streams = riders.streams("chunks=100&gap_ms=20");
        assert!(trusting.believes(Some(clients)));
        assert!(
            !trusting.believes(Some(next)) && !trusting.believes(Some(strangers)) && !trusting.believes(None)
        );

        trusting.renew(&[clients, next]);
        let known = client_of(&wired.authority, Some(next), &TLS13);
        until("the other authority", || greeted_at(wired.secure, &known));
        riders.go_on(40);
        assert!(trusting.believes(Some(clients)) && trusting.believes(Some(next)));
        assert!(!trusting.believes(Some(strangers)) && !trusting.believes(None));
        streams.into_iter().for_each(Stream::ends);
        assert_eq!(riders.stop(), []);

        let last = Last::begin(wired);
        let old = client_of(&wired.authority, Some(clients), &TLS13);
        assert!(greeted_at(wired.secure, &old).is_some());
        trusting.renew(&[next]);
        until("the old authority's end", || greeted_at(wired.secure, &old).is_none().then_some(()));
        assert!(
            !trusting.believes(Some(clients)) && trusting.believes(Some(next)) && !trusting.believes(None)
        );
        last.ends();
    });
}

/// The same by take-overs: what the predecessor accepted it finishes, by whomever it was asked.
#[test]
fn authorities_change_by_take_overs() {
    on_both_drivers_at_once(|io| {
        let mut trusting = Trusting::start(io);
        trusting.keep_roots();
        let mut riders = Riders::start(&trusting.wired, "m/mock");
        let streams = riders.streams("chunks=100&gap_ms=20");
        trusting.renew(&[&trusting.clients, &trusting.next]);
        let mut old = trusting.wired.succeed();
        riders.go_on(40);
        streams.into_iter().for_each(Stream::ends);
        assert_eq!(old.wait().code(), Some(0), "{}", old.stderr());
        assert!(trusting.believes(Some(&trusting.clients)) && trusting.believes(Some(&trusting.next)));
        assert!(!trusting.believes(Some(&trusting.strangers)) && !trusting.believes(None));
        assert_eq!(riders.stop(), []);

        let last = Last::begin(&trusting.wired);
        let known = client_of(&trusting.wired.authority, Some(&trusting.clients), &TLS13);
        assert!(greeted_at(trusting.wired.secure, &known).is_some());
        // A file of its own: the predecessor is not to follow.
        let own = trusting.next.file();
        let shared = trusting.clients.file();
        let mut old = trusting.wired.succeed_with(|text| text.replace(&shared, &own));
        last.ends();
        assert_eq!(old.wait().code(), Some(0), "{}", old.stderr());
        assert!(!trusting.believes(Some(&trusting.clients)) && trusting.believes(Some(&trusting.next)));
        assert_eq!(
            greeted_at(trusting.wired.secure, &known),
            None::<HandshakeKind>,
            "a session is no certificate"
        );
    });
}
