//! A configuration is one thing: no request sees a part of an old one and a part of a new one, on any shard.

use crate::harness::{Answer, Gateway, Scripted, Setup, UPSTREAM_KEY, on_both_drivers, post_with};
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering::Relaxed};

const KEYS: [&str; 2] = ["key-of-the-first-configuration", "key-of-the-second-configuration"];

fn provider(name: &str) -> Scripted {
    let body = format!("{{\"from\":\"{name}\"}}");
    let length = body.len();
    Scripted::always(format!(
        "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: {length}\r\n\r\n{body}"
    ))
}

fn request(key: &str, model: &str) -> Vec<u8> {
    let fields = format!("x-api-key: {key}\r\ncontent-type: application/json\r\n");
    post_with("/v1/chat/completions", &fields, format!(r#"{{"model":"{model}"}}"#).as_bytes())
}

/// Whether this is what the client of one of the configurations may see.
fn is_consistent(side: usize, answer: &Answer) -> bool {
    match answer.status {
        200 => answer.text().contains(["first", "second"][side]),
        401 => true,
        _ => false,
    }
}

/// Two configurations that have nothing in common take turns under load, with wrong ones between them. Whoever asks is told by
/// one of them, whole; and once a reload is answered, every shard has it.
#[test]
fn nobody_sees_half_of_one() {
    const TURNS: usize = 12;
    on_both_drivers(|io| {
        let providers = [provider("first"), provider("second")];
        let base = Setup::of(io, "http://127.0.0.1:9/v1").shards(4);
        let gateway = Gateway::start(&base.with("keys", "[]").with("groups", "{}"));
        let bare = gateway.config_text();
        let texts = [0, 1].map(|side| {
            let (key, name) = (KEYS[side], ["first", "second"][side]);
            let bare = bare.split("providers:").next().expect("the rest").replace("keys: []", "").replace("groups: {}", "");
            format!(
                "{bare}\ngroups: {{of-{name}: {{models: [{name}]}}}}\nkeys: [{{id: {name}, group: of-{name}, secret: {key}}}]\n\
                 providers: {{p-{name}: {{format: openai, base_url: \"http://{}/v1\", api_key: {UPSTREAM_KEY}}}}}\n\
                 models: {{{name}: {{targets: [{{provider: p-{name}, model: x}}]}}}}\n",
                providers[side].address
            )
        });
        let turn = |side: usize| {
            std::fs::write(gateway.config(), &texts[side]).expect("a file can be written");
            let told = gateway.admin("POST", "/-/reload");
            assert_eq!(told.status, 200, "{}", told.text());
        };
        turn(0);
        let (stop, seen) = (AtomicBool::new(false), [AtomicU32::new(0), AtomicU32::new(0)]);
        let (stop, seen) = (&stop, &seen);
        std::thread::scope(|scope| {
            for number in 0..6 {
                let address = gateway.address;
                scope.spawn(move || {
                    let (side, kept) = (number % 2, number < 4);
                    let model = ["first", "second"][side];
                    let mut client = crate::harness::Client::connect(address);
                    while !stop.load(Relaxed) {
                        let answer = client.ask(&request(KEYS[side], model));
                        if !is_consistent(side, &answer) {
                            stop.store(true, Relaxed);
                            panic!("{side}: {} {}", answer.status, answer.text());
                        }
                        if answer.status == 200 {
                            seen[side].fetch_add(1, Relaxed);
                        }
                        if !kept || answer.header("connection") == Some("close") {
                            client = crate::harness::Client::connect(address);
                        }
                    }
                });
            }
            for number in 1..=TURNS {
                if stop.load(Relaxed) {
                    break;
                }
                let side = number % 2;
                turn(side);
                for _ in 0..12 {
                    let [new, old] = [side, 1 - side].map(|side| {
                        gateway.client().ask(&request(KEYS[side], ["first", "second"][side])).status
                    });
                    assert_eq!((new, old), (200, 401), "after reload {number}");
                }
                let wrong = texts[1 - side].replace("format: openai", "format: opnai");
                std::fs::write(gateway.config(), wrong).expect("a file can be written");
                assert_eq!(gateway.admin("POST", "/-/reload").status, 422);
                assert_eq!(gateway.client().ask(&request(KEYS[side], ["first", "second"][side])).status, 200);
            }
            stop.store(true, Relaxed);
        });
        assert!(seen.iter().all(|count| count.load(Relaxed) > 0), "both were served");
    });
}
