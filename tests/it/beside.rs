//! Access by model holds for every model that a body names, whichever member names it.

use crate::harness::{Answer, Gateway, Io, KEY, Scripted, Setup, on_both_drivers, post_with};

const OTHER_KEY: &str = "rg-key-of-someone-who-may-use-everything-0001";
const ANSWER: &str = r#"{"id":"c","model":"x","choices":[],"content":[],"usage":{}}"#;
const CHAT: &str = "/v1/chat/completions";
const MESSAGES: &str = "/v1/messages";

/// `few` may use `fast` and what `router/maker/` has, both of one provider, and `spare`, which has another one too.
fn stage(io: Io) -> (Scripted, Gateway) {
    let length = ANSWER.len();
    let upstream = Scripted::always(format!(
        "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: {length}\r\n\r\n{ANSWER}"
    ));
    let base = format!("http://{}/v1", upstream.address);
    let setup = Setup::at(io, upstream.address)
        .provider("router", &base, "")
        .provider_of("anthropic", "claudes", &base, "")
        .model("fast", "{provider: router, model: maker/small}", "")
        .model("best", "{provider: router, model: maker/best}", "")
        .model("router/*", "{provider: router, model: '*'}", "")
        .model("spare", "{provider: router, model: maker/small}, {provider: up, model: s, priority: 1}", "")
        .model("haiku", "{provider: claudes, model: haiku-1}", "")
        .model("opus", "{provider: claudes, model: opus-1}", "")
        .with("groups", "{few: {models: [fast, spare, haiku, 'router/maker/*']}, all: {models: ['*']}}")
        .with(
            "keys",
            &format!("[{{id: a, group: few, secret: {KEY}}}, {{id: b, group: all, secret: {OTHER_KEY}}}]"),
        );
    (upstream, Gateway::start(&setup))
}

fn ask(gateway: &Gateway, key: &str, path: &str, body: &str) -> Answer {
    let fields = format!("x-api-key: {key}\r\ncontent-type: application/json\r\n");
    gateway.client().ask(&post_with(path, &fields, body.as_bytes()))
}

/// What a provider may be asked to fall back on, to consult or to judge by has to be granted, too; the provider is not
/// asked otherwise. What passes, passes as it came.
#[test]
fn other_models_have_to_be_granted() {
    on_both_drivers(|io| {
        let (upstream, gateway) = stage(io);
        for (path, model, more, good) in [
            (CHAT, "fast", r#""models":["maker/small","maker/other"]"#, true),
            (CHAT, "fast", r#""models":["maker/small","strange/one"]"#, false),
            (CHAT, "fast", r#""mod\u0065ls":["strange\/one"]"#, false),
            (CHAT, "fast", r#""models":[],"models":["strange/one"]"#, false),
            (CHAT, "fast", r#""models":["fast"]"#, false),
            (CHAT, "router/maker/best", r#""models":["maker/best"]"#, true),
            (CHAT, "fast", r#""fallbacks":[{"model":"strange/one"}]"#, false),
            (CHAT, "fast", r#""fallbacks":["maker/small"]"#, true),
            (CHAT, "fast", r#""fallbacks":[{"maker/small":["strange/one"]}]"#, false),
            (CHAT, "fast", r#""safety_model":"strange/guard""#, false),
            (CHAT, "fast", r#""safety_model":null"#, true),
            (CHAT, "fast", r#""plugins":[{"id":"file-parser","pdf":{"engine":"x"}}]"#, true),
            (CHAT, "fast", r#""plugins":[{"id":"fusion","model":"strange/one"}]"#, false),
            (CHAT, "fast", r#""providerOptions":{"gateway":{"models":["strange/one"]}}"#, false),
            (
                CHAT,
                "fast",
                r#""tools":[{"type":"router:advisor","parameters":{"model":"strange/one"}}]"#,
                false,
            ),
            (CHAT, "fast", r#""tools":[{"type":"router:advisor","parameters":{"model":"maker/big"}}]"#, true),
            (
                CHAT,
                "fast",
                r#""tools":[{"type":"function","function":{"name":"f","parameters":{"properties":{"model":{"type":"string"}}}}}]"#,
                true,
            ),
            (
                CHAT,
                "fast",
                r#""metadata":{"model":"strange/one"},"messages":[{"content":"\"models\""}]"#,
                true,
            ),
            (MESSAGES, "haiku", r#""fallbacks":[{"model":"opus-1"}]"#, false),
            (MESSAGES, "haiku", r#""fallbacks":[{"model":"haiku-1","max_tokens":9}]"#, true),
            (
                MESSAGES,
                "haiku",
                r#""tools":[{"type":"advisor_20260301","name":"a","model":"opus-1"}]"#,
                false,
            ),
            (
                MESSAGES,
                "haiku",
                r#""tools":[{"name":"f","input_schema":{"properties":{"model":{"type":"string"}}}}]"#,
                true,
            ),
        ] {
            let before = upstream.seen().len();
            let body = format!(r#"{{"model":"{model}","max_tokens":9,{more}}}"#);
            let answer = ask(&gateway, KEY, path, &body);
            let asked = upstream.seen().split_off(before);
            if good {
                assert_eq!((answer.status, asked.len()), (200, 1), "{body}: {}", answer.text());
                assert!(asked[0].contains(more), "{body}: {}", asked[0]);
            } else {
                assert_eq!((answer.status, asked.len()), (403, 0), "{body}");
                assert_eq!(gateway.record(answer.id())["fault"], "model_not_granted", "{body}");
            }
            let free = ask(&gateway, OTHER_KEY, path, &body);
            assert_eq!(
                free.status,
                200,
                "who may use everything may name everything: {body}: {}",
                free.text()
            );
        }
    });
}

/// The message says which model was meant, and what may stand there. Another provider of the model is asked only if the
/// names are granted there.
#[test]
fn refusals_say_which() {
    on_both_drivers(|io| {
        let (upstream, gateway) = stage(io);
        let body = r#"{"model":"fast","models":["maker/small","strange/one"]}"#;
        let answer = ask(&gateway, KEY, CHAT, body);
        let message = answer.refused(403, "model_not_granted");
        assert!(answer.json()["error"]["param"].is_null(), "it is not `model` that is at fault");
        assert!(message.contains("`strange/one`") && message.contains("beside `model`"), "{message}");
        let many: Vec<String> = (0..17).map(|i| format!("\"maker/{i}\"")).collect();
        let body = format!(r#"{{"model":"fast","models":[{}]}}"#, many.join(","));
        let message = ask(&gateway, KEY, CHAT, &body).refused(403, "model_not_granted");
        assert!(message.contains("more than 16 models"), "{message}");
        let body = format!(r#"{{"model":"fast","models":[[],"{}"]}}"#, "x".repeat(600_000));
        let message = ask(&gateway, KEY, CHAT, &body).refused(403, "model_not_granted");
        assert!(message.contains("more than 524288 bytes"), "{message}");
        let body = format!(r#"{{"model":"fast"{}}}"#, r#","models":["maker/a"]"#.repeat(100_000));
        ask(&gateway, KEY, CHAT, &body).refused(403, "model_not_granted");
        let body = r#"{"model":"spare","models":["s"]}"#;
        assert_eq!(ask(&gateway, KEY, CHAT, body).status, 200, "the second provider's name");
        assert_eq!(upstream.seen().len(), 1);
    });
}
