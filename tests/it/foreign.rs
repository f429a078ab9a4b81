//! A conversation that goes on with a model of another vendor: the thoughts of the one before stay behind.

use crate::harness::{Gateway, Io, KEY, Scripted, Setup, on_both_drivers, post, post_with};
use serde_json::{Value, json};

const GEMINI: &str = r#"{"candidates":[{"content":{"role":"model","parts":[{"text":"Hm.","thought":true},{"text":"Riga.","thoughtSignature":"c2ln"}]},"finishReason":"STOP"}],"usageMetadata":{"promptTokenCount":1,"candidatesTokenCount":2,"totalTokenCount":3},"modelVersion":"gemini-3-pro","responseId":"r"}"#;
const CLAUDE: &str = r#"{"id":"msg_1","type":"message","role":"assistant","model":"claude-x","content":[{"type":"thinking","thinking":"Hm.","signature":"EqQB"},{"type":"text","text":"Riga."}],"stop_reason":"end_turn","usage":{"input_tokens":1,"output_tokens":2}}"#;

/// Models `c` of Anthropic's format, `g` of Google's, and `m/…` of `OpenAI`'s; each answers with a thought where it can.
fn stage(io: Io) -> (Scripted, Gateway) {
    let upstream = Scripted::start(|_, mut peer| {
        while let Some(request) = peer.request() {
            let body = match request.split(' ').nth(1) {
                Some(path) if path == "/v1/messages" || path.ends_with(":rawPredict") => CLAUDE,
                Some(path) if path.ends_with(":generateContent") => GEMINI,
                _ => "{}",
            };
            let length = body.len();
            let head = format!(
                "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: {length}\r\n\r\n"
            );
            peer.send((head + body).as_bytes());
        }
    });
    let base = format!("http://{}", upstream.address);
    let setup = Setup::at(io, upstream.address)
        .provider_of("anthropic", "claude", &base, "")
        .provider_of("gemini", "google", &base, "")
        .provider_of("vertex-anthropic", "hosted", &base, "")
        .model("v", "{provider: hosted, model: claude-x}", "")
        .model("c", "{provider: claude, model: claude-x}", "")
        .model("g", "{provider: google, model: gemini-3-pro}", "");
    let gateway = Gateway::start(&setup);
    (upstream, gateway)
}

/// The body that the provider has got last.
fn sent(upstream: &Scripted) -> String {
    let request = upstream.seen().pop().expect("a request");
    request.split_once("\r\n\r\n").expect("a head").1.to_owned()
}

fn generate(gateway: &Gateway, model: &str, body: &str) -> Value {
    let fields = format!("x-goog-api-key: {KEY}\r\ncontent-type: application/json\r\n");
    let path = format!("/v1beta/models/{model}:generateContent");
    let answer = gateway.client().ask(&post_with(&path, &fields, body.as_bytes()));
    assert_eq!(answer.status, 200, "{}", answer.text());
    answer.json()
}

/// A call's id that carries Google's signature is too long for others: it has a short alias there, in the call and in its
/// result.
#[test]
fn ids_are_shortened() {
    on_both_drivers(|io| {
        let (upstream, gateway) = stage(io);
        let id = format!("call_0_-sig-_{}", "c2ln".repeat(20));
        let chat = |model: &str, id: &str| {
            format!(
                r#"{{"model":"{model}","messages":[{{"role":"assistant","tool_calls":[{{"id":"{id}","type":"function","function":{{"name":"f","arguments":"{{}}"}}}}]}}, {{"role":"tool","tool_call_id":"{id}","content":"x"}}]}}"#
            )
        };
        assert_eq!(gateway.client().ask(&post("/v1/chat/completions", &chat("m/x", &id))).status, 200);
        let body = sent(&upstream);
        let sent: Value = serde_json::from_str(&body).expect("JSON");
        let alias = sent["messages"][1]["tool_call_id"].as_str().expect("an id");
        assert!(alias.len() <= 40, "{alias}");
        assert_eq!(body, chat("x", alias));
    });
}

/// What another vendor's model thought is in no request to a provider of the client's own dialect, and the rest of the
/// history is there byte for byte; the provider's own thoughts go back as they came.
#[test]
fn thoughts_stay_with_their_makers() {
    on_both_drivers(|io| {
        let (upstream, gateway) = stage(io);
        let ask = |path: &str, body: &str| {
            let answer = gateway.client().ask(&post(path, body));
            assert_eq!(answer.status, 200, "{}", answer.text());
            answer.json()
        };
        let messages = |model: &str, content: &Value| {
            format!(
                r#"{{"model":"{model}", "max_tokens":9,"messages":[{{"role":"user","content":"hi"}},{{"role":"assistant","content":{content}}}, {{"role":"user","content":"more"}}]}}"#
            )
        };
        let theirs =
            ask("/v1/messages", &messages("g", &json!([{"type": "text", "text": "a"}])))["content"].clone();
        assert!(theirs.to_string().contains("\"gemini:"), "a thought with a mark: {theirs}");
        let ours = ask("/v1/messages", &messages("c", &theirs))["content"].clone();
        assert_eq!(sent(&upstream), messages("claude-x", &json!([{"type": "text", "text": "Riga."}])));
        ask("/v1/messages", &messages("v", &theirs));
        let hosted = sent(&upstream);
        assert!(hosted.contains("\"Riga.\"") && !hosted.contains("gemini:"), "{hosted}");
        ask("/v1/messages", &messages("c", &ours));
        assert_eq!(sent(&upstream), messages("claude-x", &ours), "Claude's own thoughts go back");

        let contents = |parts: &Value| format!(r#"{{"contents":[ {{"role":"model","parts":{parts}}}]}}"#);
        let theirs = generate(&gateway, "c", &contents(&json!([{"text": "a"}])))["candidates"][0]["content"]
            ["parts"]
            .clone();
        assert!(theirs.to_string().contains("thoughtSignature"), "a thought with a mark: {theirs}");
        let ours = generate(&gateway, "g", &contents(&theirs))["candidates"][0]["content"]["parts"].clone();
        assert_eq!(sent(&upstream), contents(&json!([{"text": "Riga."}])));
        generate(&gateway, "g", &contents(&ours));
        assert_eq!(sent(&upstream), contents(&ours), "Google's own thoughts go back");

        let input = |model: &str, items: &Value| format!(r#"{{"model":"{model}","input":{items} }}"#);
        let theirs = ask("/v1/responses", &input("c", &"hi".into()))["output"].clone();
        assert_eq!(theirs[0]["type"], "reasoning", "{theirs}");
        ask("/v1/responses", &input("m/x", &theirs));
        assert_eq!(sent(&upstream), input("x", &json!([theirs[1]])));
    });
}

/// A source that another vendor named has nothing by which Anthropic finds it again: it goes, by name, and its text stays.
#[test]
fn citations_stay_with_their_makers() {
    on_both_drivers(|io| {
        let (upstream, gateway) = stage(io);
        let messages = |model: &str, cited: &str| {
            format!(
                r#"{{"model":"{model}","max_tokens":9,"messages":[{{"role":"assistant","content":[{{"type":"text","text":"Riga.","citations":{cited}}}]}},{{"role":"user","content":"more"}}]}}"#
            )
        };
        let own = r#"{"type":"web_search_result_location","cited_text":"R","encrypted_index":"Eo8B","title":"T","url":"https://b.example"}"#;
        let told = |body: &str| gateway.client().ask(&post("/v1/messages", body));
        let cited = r#"{"type":"web_search_result_location","cited_text":"","encrypted_index":"","title":"T","url":"https://a.example"}"#;
        let answer = told(&messages("c", &format!("[{own},{cited}]")));
        assert_eq!(answer.header("x-ringgate-dropped"), Some("messages[].citations"));
        assert_eq!(sent(&upstream), messages("claude-x", &format!("[{own}]")));
        let answer = told(&messages("c", &format!("[{own}]")));
        assert_eq!(answer.header("x-ringgate-dropped"), None);
        assert_eq!(sent(&upstream), messages("claude-x", &format!("[{own}]")), "Anthropic's own go back");
        // Where the same is written anew for a cloud.
        let answer = told(&messages("v", &format!("[{cited}]")));
        assert_eq!(answer.header("x-ringgate-dropped"), Some("messages[].citations"));
        let hosted = sent(&upstream);
        assert!(hosted.contains(r#""citations":null"#) && !hosted.contains("a.example"), "{hosted}");
    });
}
