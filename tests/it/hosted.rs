//! Clients that look for Anthropic's models where a cloud has them, of providers that are no cloud and that are one.

use crate::harness::{Gateway, Io, KEY, Scripted, Setup, mock, on_both_drivers, post, post_with};
use loadtest::mock::Mock;
use serde_json::Value;
use std::net::SocketAddr;

const BODY: &str = r#"{"max_tokens": 9, "anthropic_version":"vertex-2023-10-16" ,"messages":[{"role":"user","content":"hi"}]STREAM}"#;

/// Models `c/…` of Anthropic's format, `b/…` and `v/…` of it at Amazon and at Google, and `m/…` of `OpenAI`'s.
fn staged(io: Io) -> (Mock, Gateway) {
    let mock = mock();
    let gateway = before(io, mock.address);
    (mock, gateway)
}

fn before(io: Io, upstream: SocketAddr) -> Gateway {
    let at = |path: &str| format!("http://{upstream}{path}");
    let vertex = at("/v1/projects/p/locations/l/publishers/anthropic");
    let mut setup = Setup::at(io, upstream);
    for (format, name, base) in
        [("anthropic", "c", at("")), ("bedrock-anthropic", "b", at("")), ("vertex-anthropic", "v", vertex)]
    {
        let target = format!("{{provider: {name}, model: \"*\"}}");
        setup = setup.provider_of(format, name, &base, "").model(&format!("{name}/*"), &target, "");
    }
    Gateway::start(&setup)
}

/// A request as Anthropic's client for Google's cloud sends it.
fn raw_predict(model: &str, method: &str, more: &str) -> Vec<u8> {
    let path = format!("/v1/projects/any/locations/global/publishers/anthropic/models/{model}:{method}");
    post(&path, &BODY.replace("STREAM", more))
}

/// Anthropic itself gets the model in the body and the version in the head alone; all else stays byte for byte.
#[test]
fn anthropic_gets_its_own_form() {
    on_both_drivers(|io| {
        let (_mock, gateway) = staged(io);
        let mut client = gateway.client();
        for (method, more) in [("rawPredict", ""), ("streamRawPredict", ",\"stream\":true")] {
            let answer = client.ask(&raw_predict("c%2Fx%3Ffault=echo_body", method, more));
            let expected = format!(
                r#"{{"model":"x?fault=echo_body","max_tokens": 9 ,"messages":[{{"role":"user","content":"hi"}}]{more}}}"#
            );
            assert_eq!((answer.status, answer.text()), (200, expected), "{method}");
            assert_eq!(answer.header("x-ringgate-dropped"), None);
        }
        let answer = client.ask(&raw_predict("c/x%3Ffault=echo_headers", "rawPredict", ""));
        let seen = answer.text();
        assert!(seen.contains("POST /v1/messages HTTP/1.1"), "{seen}");
        assert!(seen.contains("anthropic-version") && !seen.contains(KEY), "{seen}");
        let count = BODY.replace("STREAM", r#","model":"c/x?fault=echo_body""#);
        let answer = client.ask(&post(
            "/v1/projects/p/locations/l/publishers/anthropic/models/count-tokens:rawPredict",
            &count,
        ));
        assert_eq!(answer.status, 200, "{}", answer.text());
        assert_eq!(
            (&answer.json()["model"], &answer.json()["anthropic_version"]),
            (&"x?fault=echo_body".into(), &Value::Null)
        );
    });
}

/// Models of every format are there; what the client gets is a message, whole or as a
/// stream.
#[test]
fn other_providers_get_theirs() {
    on_both_drivers(|io| {
        let (_mock, gateway) = staged(io);
        let mut client = gateway.client();
        for model in ["c/x", "b/x", "v/x", "m/x"] {
            let answer = client.ask(&raw_predict(model, "rawPredict", ""));
            assert_eq!(
                (answer.status, &answer.json()["type"]),
                (200, &"message".into()),
                "{}",
                answer.text()
            );
            assert_eq!(answer.header("x-ringgate-dropped"), None, "{model}");
            let answer = client.ask(&raw_predict(model, "streamRawPredict", ",\"stream\":true"));
            assert!(answer.text().contains("event: message_stop"), "{model}: {}", answer.text());
        }
    });
}

/// Clouds get their own version, whichever the client named, in a path of their own.
#[test]
fn clouds_get_their_own_version() {
    let upstream = Scripted::start(|_, mut peer| {
        while peer.request().is_some() {
            let body = r#"{"id":"msg_1","type":"message","role":"assistant","model":"c","content":[{"type":"text","text":"a"}],"stop_reason":"end_turn","usage":{"input_tokens":1,"output_tokens":2}}"#;
            let head = format!(
                "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n",
                body.len()
            );
            peer.send((head + body).as_bytes());
        }
    });
    let gateway = before(Io::Auto, upstream.address);
    for (model, version, path) in [
        ("b/x", "bedrock-2023-05-31", "POST /model/x/invoke HTTP/1.1"),
        (
            "v/x",
            "vertex-2023-10-16",
            "POST /v1/projects/p/locations/l/publishers/anthropic/models/x:rawPredict HTTP/1.1",
        ),
    ] {
        let answer = gateway.client().ask(&raw_predict(model, "rawPredict", ""));
        assert_eq!(answer.status, 200, "{}", answer.text());
        let sent = upstream.seen().pop().expect("a request");
        assert!(sent.starts_with(path), "{sent}");
        let (_, body) = sent.split_once("\r\n\r\n").expect("a head");
        let body: Value = serde_json::from_str(body).expect("JSON");
        assert_eq!((&body["anthropic_version"], &body["model"]), (&version.into(), &Value::Null));
    }
}

/// No key, no model and no other spelling of such a path leads anywhere, and refusals have the form of the path's dialect. Amazon's
/// own paths are told what there is instead.
#[test]
fn paths_are_guarded() {
    on_both_drivers(|io| {
        let (_mock, gateway) = staged(io);
        let path = "/v1/projects/p/locations/l/publishers/anthropic/models";
        let json = "content-type: application/json\r\n";
        let answer =
            gateway.client().ask(&post_with(&format!("{path}/c/x:rawPredict"), json, b"{\"max_tokens\":1}"));
        assert_eq!((answer.status, &answer.json()["error"]["type"]), (401, &"authentication_error".into()));
        let answer = gateway.client().ask(&raw_predict("unknown", "rawPredict", ""));
        assert_eq!((answer.status, &answer.json()["error"]["type"]), (404, &"not_found_error".into()));
        for other in ["c/x:rawPredict;x", "c/x:rawpredict", "c/x:rawPredict/", ":rawPredict"] {
            assert_eq!(
                gateway.client().ask(&post(&format!("{path}/{other}"), "{\"max_tokens\":1}")).status,
                404,
                "{other}"
            );
        }
        let answer = gateway.client().ask(&post("/model/c%2Fx/invoke", "{}"));
        assert_eq!(answer.status, 404);
        assert!(answer.text().contains("/v1/messages"), "{}", answer.text());
    });
}
