//! Reloads that clients of HTTP/2 and TLS do not notice, and what they change.

use super::ends::ask;
use super::riders::Riders;
use crate::harness::frames::CHAT_HEAD;
use crate::harness::{
    Client, Fate, Frames, KEY, Setup, Wire, Wired, chat, mock, on_both_drivers_at_once, until,
};
use crate::trust::client_of;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::version::TLS13;
use rustls::{ClientConnection, StreamOwned};
use std::net::TcpStream;

/// The certificate that a client is shown now.
pub fn shown(wired: &Wired) -> CertificateDer<'static> {
    let name = ServerName::try_from("localhost").expect("a name");
    let session = ClientConnection::new(client_of(&wired.authority, None, &TLS13), name);
    let tcp = TcpStream::connect(wired.secure).expect("the gateway accepts connections");
    let mut tls = StreamOwned::new(session.expect("a session"), tcp);
    tls.conn.complete_io(&mut tls.sock).expect("a handshake");
    tls.conn.peer_certificates().expect("certificates")[0].clone().into_owned()
}

fn renew(wired: &Wired) {
    let (chain, _) = wired.authority.sign("localhost");
    until("the new certificate", || (shown(wired) == chain[0]).then_some(()));
}

/// Waits for one more refusal in these words; what was shown is shown still.
fn refuses(wired: &Wired, words: &str, change: impl FnOnce()) {
    let (before, told) = (shown(wired), wired.gateway.stderr().len());
    change();
    until(words, || wired.gateway.stderr()[told..].contains(words).then_some(()));
    assert_eq!(shown(wired), before, "the old one serves on");
}

fn write(path: &str, text: &str) {
    std::fs::write(path, text).expect("a file can be written");
}

/// Through new certificates and configurations in either order, and wrong ones between them, nothing is cut: a key that does
/// not fit its certificate, half a certificate, an empty one and a wrong configuration are refused whole and in words, and
/// what comes after them is taken up.
#[test]
fn certificates_and_configurations_in_any_order() {
    on_both_drivers_at_once(|io| {
        let mock = mock();
        let wired = Wired::start(Setup::of(io, &mock.base_url()).shards(2));
        let mut riders = Riders::start(&wired, "m/mock");
        let streams = riders.streams("chunks=150&gap_ms=20");
        let good = wired.gateway.config_text();
        let [cert, key] = ["localhost.pem", "localhost.key"].map(|name| wired.authority.path(name));
        renew(&wired);
        wired.gateway.rewrite_config(
            &good.replace("models:\n", "models:\n  a: {targets: [{provider: up, model: x}]}\n"),
        );
        refuses(&wired, "colour", || wired.gateway.rewrite_config(&(good.clone() + "colour: red\n")));
        // A wrong configuration holds a good certificate up, until that is right again.
        let refused = wired.gateway.metric("gateway_config_refused_total");
        let (chain, _) = wired.authority.sign("localhost");
        until("another refusal", || {
            (wired.gateway.metric("gateway_config_refused_total") > refused).then_some(())
        });
        assert_ne!(shown(&wired), chain[0]);
        wired.gateway.rewrite_config(&good);
        until("both", || (shown(&wired) == chain[0]).then_some(()));

        let (right, whole) = (std::fs::read_to_string(&key), std::fs::read_to_string(&cert));
        let (right, whole) = (right.expect("a key"), whole.expect("a certificate"));
        refuses(&wired, "does not belong to", || {
            write(&key, &rcgen::KeyPair::generate().expect("a key").serialize_pem());
        });
        refuses(&wired, "localhost.pem", || write(&cert, &whole[..whole.len() / 2]));
        refuses(&wired, "localhost.pem", || write(&cert, ""));
        write(&key, &right);
        write(&cert, &whole);
        renew(&wired);
        streams.into_iter().for_each(super::riders::Stream::ends);
        riders.go_on(30);
        assert_eq!(riders.stop(), []);
        assert_eq!(wired.gateway.client().ask(&chat("")).status, 200);
    });
}

/// A key that is taken away is refused with the next request of the connection that used it; what runs finishes.
#[test]
fn keys_go_while_connections_stay() {
    on_both_drivers_at_once(|io| {
        let mock = mock();
        let wired = Wired::start(Setup::of(io, &mock.base_url()));
        // On one connection what runs is followed, on the other what is asked then.
        let [mut followed, mut asking] = [Wire::Http2, Wire::Http2OverTls].map(|wire| {
            let mut client = Frames::connect(wired.address(wire));
            // What is asked with the same head again is known.
            for stream in [1, 3, 5] {
                ask(&mut client, stream, "chunks=1").ends(&mut client);
            }
            client
        });
        let running = ask(&mut followed, 7, "chunks=60&gap_ms=20");
        let mut kept = Client::connect(wired.address(Wire::Http1OverTls));
        assert_eq!(kept.ask(&chat("")).status, 200);
        let text = wired.gateway.config_text();
        wired.gateway.rewrite_config(&text.replace(KEY, "another-key"));
        until("the reload", || (wired.gateway.metric("gateway_config_version") == 2).then_some(()));
        for client in [&mut followed, &mut asking] {
            client.head(9, &CHAT_HEAD, true);
            client.body(9, br#"{"model":"m/mock","messages":[]}"#);
        }
        kept.ask(&chat("")).refused(401, "invalid_api_key");
        let fate = asking.fate(9);
        assert!(matches!(fate, Fate::Answered { status: 401, .. }), "{fate:?}");
        running.ends(&mut followed);
        let refused = wired.gateway.records(11).iter().filter(|record| record["status"] == 401).count();
        assert_eq!(refused, 3);
    });
}

/// A listener that is taken out of the configuration, or changed, stays as it is until a restart, which is told each time;
/// what is changed with it is taken up.
#[test]
fn listeners_stay_until_a_restart() {
    on_both_drivers_at_once(|io| {
        let mock = mock();
        let wired = Wired::start(Setup::of(io, &mock.base_url()));
        let good = wired.gateway.config_text();
        let listen = good.lines().find(|line| line.starts_with("listen:")).expect("a line");
        let mut kept = Frames::connect(wired.address(Wire::Http2OverTls));
        let changes = ["listen: [\"127.0.0.1:0\"]", "listen: [\"127.0.0.1:0\", \"127.0.0.2:0\"]", listen];
        for (change, streams) in changes.into_iter().zip([[1, 3], [5, 7], [9, 11]]) {
            let told = wired.gateway.stderr().len();
            let version = wired.gateway.metric("gateway_config_version");
            wired.gateway.rewrite_config(&good.replace(listen, change));
            until("the reload", || (wired.gateway.metric("gateway_config_version") > version).then_some(()));
            let words = "takes effect after a restart setting=listen";
            let said = || wired.gateway.stderr()[told..].contains(words);
            if change != listen {
                until("it to be told", || said().then_some(()));
            }
            assert_eq!(said(), change != listen, "{}", wired.gateway.stderr());
            for stream in streams {
                ask(&mut kept, stream, "chunks=1").ends(&mut kept);
            }
            for wire in Wire::ALL.into_iter().filter(|wire| !wire.is_http2()) {
                assert_eq!(Client::connect(wired.address(wire)).ask(&chat("")).status, 200, "{wire:?}");
            }
        }
    });
}
