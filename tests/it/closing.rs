//! Clients that come while the door is closed.

use crate::harness::{Gateway, KEY, PATIENCE, Setup, on_both_drivers};
use rustix::process::Signal;
use std::io::{ErrorKind, Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::sync::atomic::{AtomicU32, Ordering::Relaxed};

const CLIENTS: usize = 256;
/// The gateway is ended in the middle of so many answers.
const ANSWERS: u32 = 2_000;

/// A crowd that connects anew for each request: who is connected when the gateway is told to end is answered, everybody
/// else is refused, and nobody's connection is reset.
#[test]
fn who_is_connected_is_answered() {
    on_both_drivers(|io| {
        for turn in 0..4 {
            let mut gateway = Gateway::start(&Setup::of(io, "http://127.0.0.1:9/v1").shards(2));
            let (answered, address) = (AtomicU32::new(0), gateway.address);
            let broken: Vec<String> = std::thread::scope(|scope| {
                let clients: Vec<_> =
                    (0..CLIENTS).map(|_| scope.spawn(|| until_refused(address, &answered))).collect();
                crate::harness::until("answers", || (answered.load(Relaxed) > ANSWERS).then_some(()));
                gateway.signal(Signal::TERM);
                clients.into_iter().filter_map(|client| client.join().expect("no panic").err()).collect()
            });
            assert!(broken.is_empty(), "turn {turn}: {} clients: {:?}", broken.len(), broken.first());
            assert_eq!(gateway.wait().code(), Some(0), "{}", gateway.stderr());
            let written = gateway.records(0).len();
            assert_eq!(written, answered.into_inner() as usize, "each answer has its record");
        }
    });
}

/// Asks on a new connection each time, until there is none to be had.
fn until_refused(address: SocketAddr, answered: &AtomicU32) -> Result<(), String> {
    loop {
        let stream = match TcpStream::connect(address) {
            Err(error) if error.kind() == ErrorKind::ConnectionRefused => return Ok(()),
            connected => connected.map_err(|error| format!("connect: {error}"))?,
        };
        ask(stream).map_err(|error| format!("once connected: {error}"))?;
        answered.fetch_add(1, Relaxed);
    }
}

fn ask(mut stream: TcpStream) -> std::io::Result<()> {
    stream.set_read_timeout(Some(PATIENCE))?;
    let request =
        format!("GET /v1/models HTTP/1.1\r\nhost: g\r\nx-api-key: {KEY}\r\nconnection: close\r\n\r\n");
    stream.write_all(request.as_bytes())?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer)?;
    if answer.starts_with("HTTP/1.1 200 ") { Ok(()) } else { Err(std::io::Error::other(answer)) }
}
