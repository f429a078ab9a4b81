//! A process that has hardly a descriptor left.

use crate::harness::{Gateway, KEY, Setup, chat, mock, on_both_drivers, until};
use rustix::process::{Pid, Resource, Rlimit, Signal, prlimit};
use std::time::{Duration, Instant};

fn list() -> Vec<u8> {
    format!("GET /v1/models HTTP/1.1\r\nhost: g\r\nx-api-key: {KEY}\r\n\r\n").into_bytes()
}

fn allow(gateway: &Gateway, most: u64) {
    let limit = Rlimit { current: Some(most), maximum: Some(4096) };
    prlimit(Pid::from_raw(gateway.pid()), Resource::Nofile, limit).expect("a limit can be set");
    // It is looked at once a second.
    std::thread::sleep(Duration::from_millis(1500));
}

fn refused(gateway: &Gateway) -> u64 {
    gateway.metric("gateway_connections_refused_total{reason=\"descriptors\"}")
}

/// Clients who use up what there is leave the operator's interface, the log, reloads and connections to providers some;
/// who is too much is turned away at once, and when they are gone all is as before, at once.
#[test]
fn clients_do_not_use_up_the_last() {
    on_both_drivers(|io| {
        let mock = mock();
        let gateway = Gateway::start(&Setup::of(io, &mock.base_url()).shards(2));
        allow(&gateway, 80);
        let mut held = vec![];
        until("somebody to be turned away", || {
            held.extend((0..100).map(|_| gateway.client()));
            (refused(&gateway) > 0).then_some(())
        });
        held.extend((0..400).map(|_| gateway.client()));
        until("all of them to be counted", || (refused(&gateway) > 400).then_some(()));
        assert_eq!(gateway.admin("GET", "/healthz").status, 200);
        assert_eq!(gateway.admin("GET", "/readyz").status, 200);

        let (mut served, mut told) = (0, 0);
        let mut asking: Vec<_> = held
            .drain(..)
            .filter_map(|mut client| {
                client.try_send(&list());
                client.more().ok()?;
                match client.answer() {
                    answer if answer.status == 200 => served += 1,
                    answer => {
                        answer.refused(503, "overloaded");
                        told += 1;
                        return None;
                    }
                }
                Some(client)
            })
            .collect();
        assert!(served >= 4 && told > 0, "{served} {told}");
        for client in asking.iter_mut().take(4) {
            assert_eq!(client.ask(&chat("")).status, 200, "there is a connection to the provider");
        }

        std::fs::rename(gateway.dir.join("access.log"), gateway.dir.join("old.log")).expect("a log");
        gateway.signal(Signal::HUP);
        until("a new log", || gateway.dir.join("access.log").exists().then_some(()));
        let version = gateway.metric("gateway_config_version");
        gateway.rewrite_config(&(gateway.config_text() + "\n"));
        assert_eq!(gateway.admin("POST", "/-/reload").status, 200);
        assert!(gateway.metric("gateway_config_version") > version);

        drop(asking);
        let gone = Instant::now();
        until("room", || {
            let mut client = gateway.client();
            client.try_send(&chat(""));
            client.more().ok()?;
            (client.answer().status == 200).then_some(())
        });
        assert!(gone.elapsed() < Duration::from_secs(1), "{:?}", gone.elapsed());
    });
}
