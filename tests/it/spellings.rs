//! Models that stand in paths: whatever a path's spelling, what a key may use decides, and what a provider is asked for is that.

use crate::harness::{Fate, Frames, Gateway, KEY, Scripted, Setup, on_both_drivers, post_with};

const HELLO: &str = r#"{"contents":[{"role":"user","parts":[{"text":"hi"}]}]}"#;

/// How a path is spelt, and the path that the provider is asked with, if it is.
const SPELLINGS: [(&str, u16, Option<&str>); 20] = [
    ("/v1beta/models/team/ok:generateContent", 200, Some("/v1beta/models/ok:generateContent")),
    ("/v1beta/models/team%2fok:generateContent", 200, Some("/v1beta/models/ok:generateContent")),
    (
        "/v1beta/models/%74eam/ok:generateContent?x=1&key=k",
        200,
        Some("/v1beta/models/ok:generateContent?x=1"),
    ),
    (
        "/v1beta/models/all/..a%2f.b%2fv1%3fx%23y:generateContent",
        200,
        Some("/v1beta/models/..a%2F.b%2Fv1%3Fx%23y:generateContent"),
    ),
    ("/v1beta/models/all/..%2f..%2fv1%3fx%23y:generateContent", 400, None),
    ("/v1beta/models/team%2Fother:generateContent", 403, None),
    ("/v1beta/models/team/ok%2f..%2fother:generateContent", 403, None),
    ("/v1beta/models/team/ok/../other:generateContent", 403, None),
    ("/v1beta/models/team/ok;x:generateContent", 403, None),
    ("/v1beta/models/team/ok%3f:generateContent", 403, None),
    ("/v1beta/models/team/other:generateContent?model=team/ok", 403, None),
    ("/v1beta/models/team%252fok:generateContent", 404, None),
    ("/v1beta/models/team/ok%00:generateContent", 404, None),
    ("//v1beta/models/team/ok:generateContent", 404, None),
    ("/v1beta//models/team/ok:generateContent", 404, None),
    ("/v1beta/./models/team/ok:generateContent", 404, None),
    ("/v1beta/x/../models/team/ok:generateContent", 404, None),
    ("/v1beta/models/team/ok:generateContent;x", 404, None),
    ("/v1beta/models/team/ok:generateContent/", 404, None),
    ("/v1beta/models/team/ok%3AgenerateContent", 405, None),
];

/// No spelling of another model's name, or of another path, is taken for one that the key may use, by either protocol.
#[test]
fn a_model_has_one_name() {
    on_both_drivers(|io| {
        let upstream = Scripted::always(
            "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 2\r\n\r\n{}",
        );
        let setup = Setup::at(io, upstream.address)
            .provider_of("gemini", "google", &format!("http://{}", upstream.address), "")
            .model("team/*", "{provider: google, model: \"*\"}", "")
            .model("all/*", "{provider: google, model: \"*\"}", "")
            .with("groups", "{few: {models: [\"team/ok\", \"all/*\"]}}")
            .with("keys", &format!("[{{id: tester, group: few, secret: {KEY}}}]"));
        let gateway = Gateway::start(&setup);
        let fields = format!("x-goog-api-key: {KEY}\r\ncontent-type: application/json\r\n");
        for (path, status, asked) in SPELLINGS {
            let before = upstream.seen().len();
            let answer = gateway.client().ask(&post_with(path, &fields, HELLO.as_bytes()));
            assert_eq!(answer.status, status, "{path}: {}", answer.text());
            let mut frames = Frames::connect(gateway.address);
            let head = [
                (":method", "POST"),
                (":scheme", "http"),
                (":authority", "g"),
                (":path", path),
                ("x-goog-api-key", KEY),
                ("content-type", "application/json"),
            ];
            frames.head(1, &head, true);
            frames.body(1, HELLO.as_bytes());
            let fate = frames.fate(1);
            assert!(
                matches!(&fate, Fate::Answered { status: told, .. } if *told == status),
                "{path}: {fate:?}"
            );
            let seen: Vec<String> = upstream.seen().split_off(before);
            let wanted = asked.map(|asked| format!("POST {asked} HTTP/1.1"));
            assert!(seen.iter().all(|seen| seen.lines().next() == wanted.as_deref()), "{path}: {seen:?}");
            assert_eq!(seen.len(), 2 * usize::from(asked.is_some()), "{path}");
        }
    });
}

/// A name that a pattern lets through is a model's and never a way out of where a provider has its models: the path would
/// be another one for whoever tidies it.
#[test]
fn a_model_is_no_way_out() {
    const OUT: [&str; 7] = ["..", ".", "../admin", "a/../b", "a/..", "./a", "a\\\\..\\\\b"];
    on_both_drivers(|io| {
        let upstream = Scripted::always(
            "HTTP/1.1 400 Bad Request\r\ncontent-type: application/json\r\ncontent-length: 2\r\n\r\n{}",
        );
        let base = format!("http://{}", upstream.address);
        let mut setup = Setup::at(io, upstream.address);
        for (format, more) in [
            ("gemini", ""),
            ("bedrock", ""),
            ("bedrock-anthropic", ""),
            ("vertex-anthropic", ""),
            ("openai", "api_version: v"),
        ] {
            setup = setup.provider_of(format, &format!("p-{format}"), &base, more).model(
                &format!("{format}*"),
                &format!("{{provider: p-{format}, model: \"*\"}}"),
                "",
            );
        }
        let gateway = Gateway::start(&setup);
        let mut client = gateway.client();
        let mut ask = |model: &str| {
            let body = format!(r#"{{"model":"{model}","messages":[{{"role":"user","content":"hi"}}]}}"#);
            let fields = format!("x-api-key: {KEY}\r\ncontent-type: application/json\r\n");
            client.ask(&post_with("/v1/chat/completions", &fields, body.as_bytes()))
        };
        for format in ["gemini", "bedrock", "bedrock-anthropic", "vertex-anthropic", "openai"] {
            for name in OUT {
                let said = ask(&format!("{format}{name}")).refused(400, "invalid_model");
                assert!(said.contains("`..`"), "{format} {name}: {said}");
            }
            assert_eq!(upstream.seen().len(), 0, "{format}");
        }
        for name in ["bedrock...", "bedrock.a/..b"] {
            assert_eq!(ask(name).status, 400);
        }
        assert_eq!(upstream.seen().len(), 2, "these are names");
    });
}
