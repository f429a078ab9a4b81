//! Models that stand in paths: whatever a path's spelling, what a key may use decides, and what a provider is asked for is that.

use crate::harness::{Fate, Frames, Gateway, KEY, Scripted, Setup, on_both_drivers, post_with};

const HELLO: &str = r#"{"contents":[{"role":"user","parts":[{"text":"hi"}]}]}"#;

/// How a path is spelt, and the path that the provider is asked with, if it is.
const SPELLINGS: [(&str, u16, Option<&str>); 19] = [
    ("/v1beta/models/team/ok:generateContent", 200, Some("/v1beta/models/ok:generateContent")),
    ("/v1beta/models/team%2fok:generateContent", 200, Some("/v1beta/models/ok:generateContent")),
    (
        "/v1beta/models/%74eam/ok:generateContent?x=1&key=k",
        200,
        Some("/v1beta/models/ok:generateContent?x=1"),
    ),
    (
        "/v1beta/models/all/..%2f..%2fv1%3fx%23y:generateContent",
        200,
        Some("/v1beta/models/..%2F..%2Fv1%3Fx%23y:generateContent"),
    ),
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
    ("/v1beta/models/team/ok:generateContent;x", 405, None),
    ("/v1beta/models/team/ok:generateContent/", 405, None),
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
