//! TLS that a reload switches on and off.

use super::ends::ask;
use crate::harness::{Client, Frames, KEY, Setup, Tunnel, Wire, Wired, chat, mock, on_both_drivers_at_once};
use std::net::SocketAddr;

/// Enough connections to meet every shard.
const MANY: usize = 24;

/// Whether a client of plain HTTP is answered there.
fn plain(address: SocketAddr) -> bool {
    let request =
        String::from_utf8(chat("")).expect("text").replacen("host: ", "connection: close\r\nhost: ", 1);
    let mut client = Client::connect(address);
    client.try_send(request.as_bytes());
    client.drain();
    client.rest.starts_with(b"HTTP/1.1 200 ")
}

/// Whether clients of TLS are, over either protocol.
fn secured(wired: &Wired, address: SocketAddr) -> bool {
    let [http1, http2] =
        [&b"http/1.1"[..], b"h2"].map(|protocol| Tunnel::to(address, &wired.authority.root, protocol));
    let mut frames = Frames::connect(http2.address);
    let list = [(":method", "GET"), (":scheme", "https"), (":authority", "g"), (":path", "/v1/models")];
    frames.head(1, &[list.as_slice(), &[("x-api-key", KEY)]].concat(), false);
    let served = frames.status(1) == Ok(200);
    assert_eq!(plain(http1.address), served);
    served
}

/// A listener that is to speak TLS, or to speak none any more, does so for all who connect once the reload is answered, on
/// every shard, and it is told; who is connected goes on as he is. Where its certificate is wrong nothing changes.
#[test]
fn tls_comes_and_goes() {
    on_both_drivers_at_once(|io| {
        let mock = mock();
        let wired = Wired::start(Setup::of(io, &mock.base_url()).shards(3));
        let (first, second) = (wired.gateway.address, wired.secure);
        let good = wired.gateway.config_text();
        let tls = good.split("tls: ").nth(1).and_then(|rest| rest.split("}}").next()).expect("a section");
        let bare = "\"127.0.0.1:0\"";
        let secure = |tls: &str| format!("{{address: {bare}, tls: {tls}}}}}");
        let listen = good.lines().find(|line| line.starts_with("listen:")).expect("a line");
        let with = |one: &str, other: &str| good.replace(listen, &format!("listen: [{one}, {other}]"));
        let mut kept = [Wire::Http2, Wire::Http2OverTls].map(|wire| Frames::connect(wired.address(wire)));
        let mut idle = [Wire::Http1, Wire::Http1OverTls].map(|wire| Client::connect(wired.address(wire)));
        let mut stream = 1;
        let mut go_on = |how: &str| {
            for frames in &mut kept {
                ask(frames, stream, "chunks=1").ends(frames);
            }
            for client in &mut idle {
                assert_eq!(client.ask(&chat("")).status, 200, "{how}");
            }
            stream += 2;
        };
        let turn = |text: &str| {
            std::fs::write(wired.gateway.config(), text).expect("a file can be written");
            wired.gateway.admin("POST", "/-/reload").status
        };
        go_on("before");
        let (on, off) = ("speak TLS from now on", "speak no TLS any more");
        assert!(!wired.gateway.stderr().contains(on) && !wired.gateway.stderr().contains(off));
        for (text, speaks) in [
            (with(&secure(tls), bare), [true, false]),
            (with(&secure(tls), &secure(tls)), [true, true]),
            (with(bare, bare), [false, false]),
            (good.clone(), [false, true]),
        ] {
            assert_eq!(turn(&text), 200, "{text}");
            for _ in 0..MANY {
                assert_eq!([first, second].map(|address| !plain(address)), speaks);
            }
            assert_eq!([first, second].map(|address| secured(&wired, address)), speaks);
            go_on("after");
        }
        for words in [on, off] {
            assert_eq!(wired.gateway.stderr().matches(words).count(), 3, "{}", wired.gateway.stderr());
        }
        let wrong = tls.replace("localhost.key", "ca.pem");
        assert_eq!(turn(&with(&secure(&wrong), bare)), 422);
        assert_eq!([first, second].map(|address| secured(&wired, address)), [false, true]);
        assert!(plain(first) && !plain(second));
        go_on("refused");
    });
}
