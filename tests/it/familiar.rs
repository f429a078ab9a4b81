//! Heads that a connection's client sends again: what they say must be as if each were the first.

use crate::harness::{Answer, Client, Gateway, KEY, Setup, mock, on_both_drivers, post_with, until};

const PATH: &str = "/v1/chat/completions";

fn lines(key: &str) -> String {
    format!(
        "authorization: Bearer {key}\r\ncontent-type: application/json\r\nuser-agent: sdk/1\r\nx-tag: a\r\n"
    )
}

/// A request whose body has so many bytes of text; the mock tells how it was received.
fn ask(lines: &str, letters: usize) -> Vec<u8> {
    let body = format!(r#"{{"model":"m/mock?fault=echo_headers","user":"{}"}}"#, "x".repeat(letters));
    post_with(PATH, lines, body.as_bytes())
}

/// The same head often enough to be known.
fn acquaint(client: &mut Client) {
    for letters in 0..4 {
        assert_eq!(client.ask(&ask(&lines(KEY), letters)).status, 200);
    }
}

/// Bodies of all lengths behind one head reach the provider whole, split anywhere and one behind another.
#[test]
fn bodies_differ() {
    on_both_drivers(|io| {
        let mock = mock();
        let gateway = Gateway::start(&Setup::of(io, &mock.base_url()));
        let mut client = gateway.client();
        acquaint(&mut client);
        let took = |answer: &Answer| answer.json()["body_bytes"].as_u64().expect("a number");
        // The provider knows the model as `mock`.
        let base = took(&client.ask(&ask(&lines(KEY), 0)));
        for letters in [1, 9, 99, 5_000, 0, 70_000, 3] {
            let answer = client.ask(&ask(&lines(KEY), letters));
            assert_eq!(took(&answer), base + letters as u64, "{letters}");
            let record = gateway.record(answer.id());
            assert_eq!((&record["key"], &record["user_agent"]), (&"tester".into(), &"sdk/1".into()));
            assert_eq!(record["endpoint"], PATH);
        }
        let whole = ask(&lines(KEY), 12);
        for at in 1..whole.len() {
            client.send_split(&whole, at);
            assert_eq!(took(&client.answer()), base + 12, "split at {at}");
        }
        client.send(&[7, 17, 27].map(|letters| ask(&lines(KEY), letters)).concat());
        for letters in [7, 17, 27] {
            assert_eq!(took(&client.answer()), base + letters);
        }
    });
}

/// A head that differs in one place is read for what it says, and the known one afterwards for what that says.
#[test]
fn what_differs_is_read() {
    on_both_drivers(|io| {
        let mock = mock();
        let gateway = Gateway::start(&Setup::of(io, &mock.base_url()));
        let known = lines(KEY);
        let acquainted = || {
            let mut client = gateway.client();
            acquaint(&mut client);
            client
        };
        let mut client = acquainted();
        for agent in ["sdk/2", "sdk/1", "sdk/22", "sdk/1"] {
            let answer = client.ask(&ask(&known.replace("sdk/1", agent), 1));
            assert_eq!(gateway.record(answer.id())["user_agent"], agent);
        }
        client.ask(&post_with("/v1/chat/completionz", &known, b"{}")).refused(404, "unknown_url");
        acquainted().ask(&ask(&known.replace(KEY, &KEY.to_uppercase()), 1)).refused(401, "invalid_api_key");
        let text = String::from_utf8(ask(&known, 0)).expect("text");
        let (head, body) = text.split_once("\r\n\r\n").expect("a head and a body");
        let (before, _) = head.rsplit_once(' ').expect("the length is the last field");
        let told = |length: &str| format!("{before} {length}\r\n\r\n{body}").into_bytes();
        assert_eq!(acquainted().ask(&told(&format!("00{}", body.len()))).status, 200);
        for length in ["", "+5", "5x", "-1", "99999999999999999999", "5, 5", "0x5", "5 5"] {
            let mut client = acquainted();
            let answer = client.ask(&told(length));
            assert_eq!(answer.status, 400, "{length:?}: {}", answer.text());
            client.ends();
        }
    });
}

/// A key that runs out, or is taken away by a reload, is refused on the connection that has used it.
#[test]
fn keys_end() {
    on_both_drivers(|io| {
        let mock = mock();
        let end = std::process::Command::new("date")
            .args(["-u", "-d", "+3 seconds", "+%Y-%m-%dT%H:%M:%SZ"])
            .output()
            .expect("date runs");
        let end = String::from_utf8_lossy(&end.stdout).trim().to_owned();
        let keys = format!(
            "[{{id: tester, group: everyone, secret: {KEY}, expires: \"{end}\"}}, {{id: other, group: everyone, secret: kept}}]"
        );
        let gateway = Gateway::start(&Setup::of(io, &mock.base_url()).with("keys", &keys));
        let (mut runs_out, mut taken) = (gateway.client(), gateway.client());
        for letters in 0..4 {
            assert_eq!(taken.ask(&ask(&lines("kept"), letters)).status, 200);
            assert_eq!(runs_out.ask(&ask(&lines(KEY), letters)).status, 200, "until {end}");
        }
        let ends = |client: &mut Client, key: &str| {
            until("the key's end", || {
                let answer = client.ask(&ask(&lines(key), 5));
                (answer.status != 200).then_some(answer)
            })
        };
        ends(&mut runs_out, KEY).refused(401, "expired_api_key");
        assert_eq!(taken.ask(&ask(&lines("kept"), 5)).status, 200);
        gateway.rewrite_config(&gateway.config_text().replace("secret: kept", "secret: another"));
        ends(&mut taken, "kept").refused(401, "invalid_api_key");
    });
}
