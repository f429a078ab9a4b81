//! More connections than there is room for.

use crate::certificates;
use crate::harness::{Client, End, Frames, Gateway, Io, KEY, PATIENCE, Setup, on_both_drivers, until};
use rustls::version::TLS13;
use std::net::SocketAddr;

/// An error code of HTTP/2. Source: RFC 9113, 7.
const ENHANCE_YOUR_CALM: u32 = 0xB;

fn list() -> Vec<u8> {
    format!("GET /v1/models HTTP/1.1\r\nhost: g\r\nx-api-key: {KEY}\r\n\r\n").into_bytes()
}

fn limited(io: Io, limits: &str) -> Setup {
    Setup::of(io, "http://127.0.0.1:9/v1").with("limits", limits)
}

/// A connection from another address of this machine.
fn from(source: &str, gateway: &Gateway) -> Client {
    let socket = socket2::Socket::new(socket2::Domain::IPV4, socket2::Type::STREAM, None).expect("a socket");
    let source: SocketAddr = format!("{source}:0").parse().expect("an address");
    socket.bind(&source.into()).expect("an address of this machine");
    socket.connect(&gateway.address.into()).expect("the gateway accepts connections");
    socket.set_read_timeout(Some(PATIENCE)).expect("a timeout can be set");
    Client::over(socket.into())
}

fn refused(gateway: &Gateway, reason: &str) -> u64 {
    gateway.metric(&format!("gateway_connections_refused_total{{reason=\"{reason}\"}}"))
}

/// However the kernel spreads them over the shards, one client gets as many connections as it may have, and not one
/// more; the next is told so before it says anything. Other clients are not affected.
#[test]
fn one_client_has_its_bound() {
    on_both_drivers(|io| {
        let gateway = Gateway::start(&limited(io, "{connections_per_client_max: 7}").shards(3));
        let (mut held, mut turned_away) = (vec![], 0);
        for _ in 0..1000 {
            let mut client = gateway.client();
            client.try_send(&list());
            let answer = client.answer();
            if answer.status == 200 {
                held.push(client);
            } else {
                answer.refused(429, "too_many_connections");
                turned_away += 1;
            }
            if held.len() == 7 {
                break;
            }
        }
        assert_eq!(held.len(), 7, "every shard's share is reached");
        for _ in 0..50 {
            let mut silent = gateway.client();
            let answer = silent.answer();
            let message = answer.refused(429, "too_many_connections");
            assert!(message.contains("connections"), "{message}");
            assert_eq!(
                (answer.header("connection"), answer.header("retry-after")),
                (Some("close"), Some("1"))
            );
            silent.ends();
            turned_away += 1;
        }
        assert_eq!(from("127.0.0.2", &gateway).ask(&list()).status, 200);
        assert!(held.iter_mut().all(|client| client.ask(&list()).status == 200));
        until("the count", || (refused(&gateway, "connections_per_client") == turned_away).then_some(()));
        assert_eq!(refused(&gateway, "connections"), 0);
        assert_eq!(gateway.records(15).len(), 15, "there is no record of what was not asked");

        held.pop();
        until("room for another", || {
            let mut client = gateway.client();
            client.try_send(&list());
            (client.answer().status == 200).then_some(())
        });
    });
}

/// A client that speaks HTTP/2 from its first byte on is told in HTTP/2.
#[test]
fn http2_is_turned_away_in_its_own_words() {
    on_both_drivers(|io| {
        let gateway = Gateway::start(&limited(io, "{connections_per_client_max: 1}"));
        let mut held = gateway.client();
        assert_eq!(held.ask(&list()).status, 200);
        let mut stranger = Frames::connect(gateway.address);
        assert_eq!(stranger.farewell(), (ENHANCE_YOUR_CALM, "too_many_connections".to_owned()));
        gateway.client().answer().refused(429, "too_many_connections");
    });
}

/// A bound holds from the reload on that brings it, for the connections that are open already too.
#[test]
fn a_bound_may_come_later() {
    on_both_drivers(|io| {
        let gateway = Gateway::start(&limited(io, "{connections_per_client_max: 0}"));
        let mut held: Vec<_> = (0..5).map(|_| gateway.client()).collect();
        assert!(held.iter_mut().all(|client| client.ask(&list()).status == 200));
        let text =
            gateway.config_text().replace("connections_per_client_max: 0", "connections_per_client_max: 3");
        gateway.rewrite_config(&text);
        until("the bound", || {
            let mut client = gateway.client();
            client.try_send(&list());
            (client.answer().status == 429).then_some(())
        });
        assert!(held.iter_mut().all(|client| client.ask(&list()).status == 200), "who is in stays");
        drop(held.split_off(2));
        until("room for the third", || {
            let mut client = gateway.client();
            client.try_send(&list());
            (client.answer().status == 200).then_some(())
        });
    });
}

/// Those who are turned away take no place from others, and however many they are, each connection ends.
#[test]
fn a_crowd_that_is_turned_away_takes_no_room() {
    on_both_drivers(|io| {
        let gateway = Gateway::start(&limited(io, "{connections: 4, connections_per_client_max: 1}"));
        let mut first = gateway.client();
        assert_eq!(first.ask(&list()).status, 200);
        let crowd: Vec<_> = (0..400).map(|_| gateway.client()).collect();
        assert_eq!(from("127.0.0.2", &gateway).ask(&list()).status, 200);
        assert_eq!(first.ask(&list()).status, 200);
        let mut told = 0;
        for mut client in crowd {
            client.drain();
            assert!(client.rest.is_empty() || client.rest.starts_with(b"HTTP/1.1 429 "));
            told += u32::from(!client.rest.is_empty());
        }
        assert!(told > 0);
        until("the count", || (refused(&gateway, "connections_per_client") == 400).then_some(()));
        assert_eq!(first.ask(&list()).status, 200);
    });
}

/// Where TLS is wanted nobody is told in plain text: the connection ends before the handshake.
#[test]
fn with_tls_the_door_is_closed() {
    on_both_drivers(|io| {
        let setup = limited(io, "{connections_per_client_max: 1}");
        let (gateway, root) = crate::secure::secured(setup);
        let held = crate::secure::connect(&gateway, &root);
        let mut second = gateway.client();
        assert!(matches!(second.drain(), End::Closed | End::Reset));
        assert!(second.rest.is_empty());
        until("the count", || (refused(&gateway, "connections_per_client") == 1).then_some(()));
        drop(held);
        until("room for another", || {
            certificates::connect(&gateway, "localhost", certificates::BOTH, &TLS13).is_ok().then_some(())
        });
    });
}
