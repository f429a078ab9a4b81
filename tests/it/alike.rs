//! HTTP/1.1 and HTTP/2, with TLS and without, with a body's length told or not: the same request has the same answer.

use crate::harness::{
    Answer, Asked, FORM_PATHS, Framing, Io, JSON_PATHS, KEY, Scripted, Setup, Wire, Wired, mock,
    on_both_drivers,
};
use serde_json::Value;

const JSON: (&str, &str) = ("content-type", "application/json");
const FORM: (&str, &str) = ("content-type", "multipart/form-data; boundary=b0undary");
const GRANTED: (&str, &str) = ("x-api-key", KEY);

fn asked<'a>(
    method: &'a str,
    path: &'a str,
    fields: &[(&'a str, &'a str)],
    body: Option<&'a [u8]>,
) -> Asked<'a> {
    Asked { method, path, fields: fields.to_vec(), body }
}

/// Asks over every wire, in both framings where there is a body.
#[track_caller]
fn everywhere(wired: &Wired, asked: &Asked<'_>, mut look: impl FnMut(&str, Wire, &Answer)) {
    for wire in Wire::ALL {
        for framing in [Framing::Length, Framing::Open] {
            if framing == Framing::Open && asked.body.is_none() {
                continue;
            }
            let name = format!("{} {} over {wire:?}, {framing:?}", asked.method, asked.path);
            look(&name, wire, &wired.ask(wire, framing, asked));
        }
    }
}

/// Where the model stands in the middle of a form, behind a file that has everything in it.
fn form(model: &str) -> Vec<u8> {
    let mut form =
        b"--b0undary\r\ncontent-disposition: form-data; name=\"file\"; filename=\"model\"\r\n\r\n".to_vec();
    form.extend((0..=255u8).cycle().take(70_000).chain(b"\r\n--b0undar\r\n--b0".iter().copied()));
    form.extend(b"\r\n--b0undary\r\nContent-Disposition: form-data; name=\"model\"\r\n\r\n");
    form.extend(model.as_bytes());
    form.extend(b"\r\n--b0undary--\r\n");
    form
}

/// Every endpoint's body reaches the provider byte for byte but for the model's name, and so does its answer come back,
/// over every wire and in both framings.
#[test]
fn every_endpoint_passes() {
    on_both_drivers(|io| {
        let mock = mock();
        let wired = Wired::start(Setup::of(io, &mock.base_url()));
        let json = |model: &str| {
            format!("{{ \"model\" :\t\"{model}\", \"x\":[1.50,\"\u{e9}\\u00e9\", {{\"model\":\"n\"}}]}}\n")
        };
        let (sent, wanted) = (json("m/mock?fault=echo_body"), json("mock?fault=echo_body"));
        for path in JSON_PATHS {
            let asked = asked("POST", path, &[GRANTED, JSON], Some(sent.as_bytes()));
            everywhere(&wired, &asked, |name, _, answer| {
                assert_eq!((answer.status, answer.text()), (200, wanted.clone()), "{name}");
            });
        }
        let (sent, wanted) = (form("m/mock?fault=echo_body"), form("mock?fault=echo_body"));
        for path in FORM_PATHS {
            let asked = asked("POST", path, &[GRANTED, FORM], Some(&sent));
            everywhere(&wired, &asked, |name, _, answer| {
                assert!(answer.status == 200 && answer.body == wanted, "{name}: {}", answer.status);
            });
        }
        let speech = br#"{"model":"m/mock?answer_bytes=300000","input":"a","voice":"b"}"#;
        let asked = asked("POST", "/v1/audio/speech", &[GRANTED, JSON], Some(speech));
        let mut first: Option<Vec<u8>> = None;
        everywhere(&wired, &asked, |name, _, answer| {
            assert_eq!(answer.header("content-type"), Some("audio/mpeg"), "{name}");
            assert_eq!(answer.body.len(), 300_000, "{name}");
            assert!(*first.get_or_insert_with(|| answer.body.clone()) == answer.body, "{name}");
        });
    });
}

/// Ten megabytes pass like ten bytes, the model's name being their last member, or the last field of a form.
#[test]
fn large_bodies_pass() {
    const BYTES: usize = 10 << 20;
    let mock = mock();
    let wired = Wired::start(Setup::of(Io::Auto, &mock.base_url()));
    let text = "model\\\":{[\u{e9}".repeat(BYTES / 12);
    let json =
        |model: &str| format!(r#"{{"messages":[{{"content":"{text}"}}],"model":"{model}"}}"#).into_bytes();
    let file = b"--b0undary\r\ncontent-disposition: form-data; name=\"file\"; filename=\"a\"\r\n\r\n";
    let part = "\r\n--b0undary\r\ncontent-disposition: form-data; name=\"model\"\r\n\r\n";
    let noise: Vec<_> = (0..=255u8).chain(*b"\r\n--b0undar\r\n").cycle().take(BYTES).collect();
    let form = |model: &str| {
        [&file[..], &noise, part.as_bytes(), model.as_bytes(), b"\r\n--b0undary--\r\n"].concat()
    };
    let ask = |path, kind, sent: &[u8], wanted: &[u8], wires: [(Wire, Framing); 2]| {
        let asked = asked("POST", path, &[GRANTED, kind], Some(sent));
        for (wire, framing) in wires {
            let answer = wired.ask(wire, framing, &asked);
            assert!(answer.status == 200 && answer.body == wanted, "{path} over {wire:?}: {}", answer.status);
        }
    };
    let (sent, wanted) = ("m/mock?fault=echo_body", "mock?fault=echo_body");
    let (open, length) = (Framing::Open, Framing::Length);
    let wires = [(Wire::Http1, length), (Wire::Http2OverTls, open)];
    ask("/v1/chat/completions", JSON, &json(sent), &json(wanted), wires);
    let wires = [(Wire::Http1OverTls, open), (Wire::Http2, length)];
    ask("/v1/audio/transcriptions", FORM, &form(sent), &form(wanted), wires);
}

/// What a refusal is but for its request's id.
fn told(answer: &Answer) -> (u16, Option<String>, Option<String>, Value) {
    let mut body = answer.json();
    body["error"]["ringgate"]["request_id"].take();
    let field = |name: &str| answer.header(name).map(str::to_owned);
    (answer.status, field("allow"), field("www-authenticate"), body)
}

/// Every refusal has the same status, the same words and the same fields, and stands in the log, whoever carried it.
#[test]
fn refusals_are_alike() {
    const CHAT: &str = "/v1/chat/completions";
    on_both_drivers(|io| {
        let mock = mock();
        let keys = format!(
            "[{{id: a, group: few, secret: {KEY}}}, {{id: old, group: few, secret: oldkey, expires: 2020-01-31}}]"
        );
        let setup = Setup::of(io, &mock.base_url())
            .model("other", "{provider: up, model: x}", "")
            .with("groups", "{few: {models: [\"m/*\"]}}")
            .with("keys", &keys)
            .with("limits", "{body_bytes: 20000}");
        let wired = Wired::start(setup);
        let good = br#"{"model":"m/mock","messages":[]}"#;
        let large = vec![b' '; 20_001];
        let long = "y".repeat(9000);
        let query = format!("{CHAT}?{long}");
        let cookie = "c".repeat(40_000);
        let many: Vec<_> = (0..120).map(|_| ("x-many", "y")).collect();
        let crowded = [&[GRANTED, JSON], many.as_slice()].concat();
        let form = b"--b\r\ncontent-disposition: form-data; name=\"file\"\r\n\r\nx\r\n--b--\r\n";
        let with_form = [GRANTED, ("content-type", "multipart/form-data; boundary=b")];
        let audio = "/v1/audio/transcriptions";
        for (request, status, code) in [
            (asked("POST", CHAT, &[JSON], Some(good)), 401, "missing_api_key"),
            (asked("POST", CHAT, &[("x-api-key", "no"), JSON], Some(good)), 401, "invalid_api_key"),
            (asked("POST", CHAT, &[("x-api-key", "oldkey"), JSON], Some(good)), 401, "expired_api_key"),
            (asked("POST", CHAT, &[GRANTED, JSON], Some(br#"{"model":"other"}"#)), 403, "model_not_granted"),
            (asked("POST", CHAT, &[GRANTED, JSON], Some(br#"{"model":"absent"}"#)), 404, "model_not_found"),
            (asked("POST", "/v1/nothing", &[GRANTED, JSON], Some(good)), 404, "unknown_url"),
            (asked("GET", "/", &[GRANTED], None), 404, "unknown_url"),
            (asked("GET", "/v1/models/absent", &[GRANTED], None), 404, "model_not_found"),
            (asked("GET", CHAT, &[GRANTED], None), 405, "method_not_allowed"),
            (asked("DELETE", "/v1/models/m%2Fx", &[GRANTED], None), 405, "method_not_allowed"),
            (asked("OPTIONS", CHAT, &[GRANTED], None), 405, "method_not_allowed"),
            (asked("TRACE", "/v1/models", &[GRANTED], None), 405, "method_not_allowed"),
            (asked("PUT", CHAT, &[GRANTED, JSON], Some(good)), 405, "method_not_allowed"),
            (asked("POST", CHAT, &[GRANTED, JSON], Some(&large)), 413, "body_too_large"),
            (asked("POST", &query, &[GRANTED, JSON], Some(good)), 414, "uri_too_long"),
            (asked("POST", CHAT, &[GRANTED], Some(good)), 415, "unsupported_media_type"),
            (
                asked("POST", CHAT, &[GRANTED, ("content-type", "text/plain")], Some(good)),
                415,
                "unsupported_media_type",
            ),
            (asked("POST", CHAT, &with_form, Some(form)), 415, "unsupported_media_type"),
            (
                asked("POST", CHAT, &[GRANTED, JSON, ("expect", "magic")], Some(good)),
                417,
                "expectation_failed",
            ),
            (asked("POST", CHAT, &[GRANTED, JSON, ("cookie", &cookie)], Some(good)), 431, "head_too_large"),
            (asked("POST", CHAT, &crowded, Some(good)), 431, "head_too_large"),
            (asked("POST", CHAT, &[GRANTED, JSON], Some(b"{\"model\":\"m/mock\",}")), 400, "invalid_json"),
            (asked("POST", CHAT, &[GRANTED, JSON], Some(b"")), 400, "invalid_json"),
            (asked("POST", CHAT, &[GRANTED, JSON], Some(b"{}")), 400, "missing_model"),
            (
                asked("POST", CHAT, &[GRANTED, JSON], Some(br#"{"model":"m/a","mod\u0065l":"m/b"}"#)),
                400,
                "duplicate_field",
            ),
            (asked("POST", audio, &with_form, Some(form)), 400, "missing_model"),
            (asked("POST", audio, &with_form, Some(b"--b\r\nx")), 400, "invalid_multipart"),
        ] {
            let mut first = None;
            everywhere(&wired, &request, |name, wire, answer| {
                assert_eq!(answer.status, status, "{name}: {}", answer.text());
                answer.refused(status, code);
                let told = told(answer);
                assert_eq!(told.1.is_some(), status == 405, "{name}");
                assert_eq!(told.2.is_some(), status == 401, "{name}");
                assert_eq!(first.get_or_insert_with(|| told.clone()), &told, "{name}");
                assert!(answer.header("connection").is_none() || !wire.is_http2(), "{name}");
                let record = wired.gateway.record(answer.id());
                assert_eq!((&record["status"], &record["fault"]), (&status.into(), &code.into()), "{name}");
            });
        }
        assert_eq!(mock.stats().requests, 0, "nothing of it went to a provider");
    });
}

/// A mistake in JSON is told with the place where it stands, however the body came.
#[test]
fn the_place_of_a_mistake_is_told() {
    let wired = Wired::start(Setup::of(Io::Auto, "http://127.0.0.1:9/v1"));
    for (body, place) in [
        ("{\"model\":\"m/mock\",}", "byte 18"),
        ("{\"model\":\"m/mock\",\n \"x\": tru}", "byte 28"),
        ("\u{feff}{\"model\":01}", "byte 13"),
    ] {
        let asked = asked("POST", "/v1/chat/completions", &[GRANTED, JSON], Some(body.as_bytes()));
        everywhere(&wired, &asked, |name, _, answer| {
            let message = answer.refused(400, "invalid_json");
            assert!(message.contains(place), "{name}: {message}");
        });
    }
}

/// HEAD is GET without a body where there is GET, and a refusal without a body everywhere else.
#[test]
fn heads_have_no_bodies() {
    on_both_drivers(|io| {
        let wired = Wired::start(Setup::of(io, "http://127.0.0.1:9/v1"));
        let all = JSON_PATHS.iter().chain(&FORM_PATHS).map(|path| (*path, 405));
        let gets = [
            ("/v1/models", 200),
            ("/v1/models/m%2Fx", 200),
            ("/v1/models/absent", 404),
            ("/v1/messages", 405),
            ("/v1beta/models", 200),
            ("/v1beta/models/m%2Fx:generateContent", 405),
            ("/nowhere", 404),
        ];
        for (path, status) in all.chain(gets) {
            let get = asked("GET", path, &[GRANTED], None);
            let head = asked("HEAD", path, &[GRANTED], None);
            for wire in Wire::ALL {
                let (get, head) =
                    (wired.ask(wire, Framing::Length, &get), wired.ask(wire, Framing::Length, &head));
                assert_eq!((get.status, head.status), (status, status), "{path} over {wire:?}");
                assert!(head.body.is_empty() && !get.body.is_empty(), "{path} over {wire:?}");
                for field in ["content-length", "content-type", "allow"] {
                    assert_eq!(head.header(field), get.header(field), "{path} over {wire:?}");
                }
            }
        }
    });
}

/// Fields behind a body stay behind where nobody said that they read them, over every wire.
#[test]
fn trailers_stay_behind() {
    on_both_drivers(|io| {
        let upstream = Scripted::always(
            "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ntrailer: x-secret\r\ntransfer-encoding: chunked\r\n\r\n\
             2;a=b\r\n{}\r\n0;c\r\nx-secret: canary\r\n\r\n",
        );
        let wired = Wired::start(Setup::at(io, upstream.address));
        let body = br#"{"model":"m/mock","messages":[]}"#;
        let asked = asked("POST", "/v1/chat/completions", &[GRANTED, JSON], Some(body));
        everywhere(&wired, &asked, |name, _, answer| {
            assert_eq!((answer.status, answer.text().as_str(), answer.whole), (200, "{}", true), "{name}");
            assert!(answer.headers.iter().all(|(name, _)| name != "trailer" && name != "x-secret"), "{name}");
            assert_eq!(answer.trailer, [], "{name}");
        });
        assert!(upstream.seen().iter().all(|seen| !seen.contains("\r\nte:")), "nobody asked for them");
        assert_eq!(upstream.accepted(), 1, "the provider's connection is in step behind them");
    });
}

/// The catalog is as the key's group may see it: exact names and patterns, whole or one by one.
#[test]
fn catalogs_are_alike() {
    on_both_drivers(|io| {
        let setup = Setup::of(io, "http://127.0.0.1:9/v1")
            .model("one", "{provider: up, model: x}", "")
            .model("openai/*", "{provider: up, model: \"*\"}", "")
            .model("openai/gpt-5", "{provider: up, model: x}", "")
            .model("ft:*:prod", "{provider: up, model: \"*\"}", "")
            .with("groups", "{all: {models: [\"*\"]}, few: {models: [\"openai/*\", one]}, part: {models: [\"openai/gpt-*\", openai/o3, \"*-mini\"]}, none: {models: []}}")
            .with(
                "keys",
                &format!(
                    "[{{id: a, group: all, secret: {KEY}}}, {{id: b, group: few, secret: few-key}}, {{id: c, group: none, secret: none-key}}, {{id: d, group: part, secret: part-key}}]"
                ),
            );
        let wired = Wired::start(setup);
        let all = ["ft:*:prod", "m/*", "one", "openai/*", "openai/gpt-5"];
        for (key, expected) in
            [(KEY, all.as_slice()), ("few-key", &["one", "openai/*", "openai/gpt-5"]), ("none-key", &[])]
        {
            let bearer = format!("Bearer {key}");
            let fields = [("authorization", bearer.as_str())];
            everywhere(&wired, &asked("GET", "/v1/models", &fields, None), |name, _, answer| {
                let list = answer.json();
                let names: Vec<_> = list["data"].as_array().expect("a list").iter().map(id).collect();
                let mut sorted = names.clone();
                sorted.sort_unstable();
                assert_eq!(sorted, expected, "{name}");
            });
            for (path, asked_for, granted) in [
                ("/v1/models/one", "one", [KEY, "few-key", ""]),
                ("/v1/models/openai%2Fgpt-5", "openai/gpt-5", [KEY, "few-key", "part-key"]),
                ("/v1/models/openai/gpt-4.1", "openai/gpt-4.1", [KEY, "few-key", "part-key"]),
                ("/v1/models/openai/o3", "openai/o3", [KEY, "few-key", "part-key"]),
                ("/v1/models/openai%2F%22%C3%A9", "openai/\"é", [KEY, "few-key", ""]),
                ("/v1/models/openai/other", "openai/other", [KEY, "few-key", ""]),
                ("/v1/models/ft%3Aa%3Aprod", "ft:a:prod", [KEY, "", ""]),
                ("/v1/models/absent", "", [""; 3]),
            ] {
                everywhere(&wired, &asked("GET", path, &fields, None), |name, _, answer| {
                    if granted.contains(&key) {
                        assert_eq!(
                            (answer.status, id(&answer.json())),
                            (200, asked_for.to_owned()),
                            "{name}"
                        );
                    } else {
                        answer.refused(404, "model_not_found");
                    }
                });
            }
        }
    });
}

fn id(model: &Value) -> String {
    model["id"].as_str().expect("a name").to_owned()
}
