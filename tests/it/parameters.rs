//! What a request asks for and an answer tells in details, over the whole way: by other names, in other forms, counted
//! alike.

use crate::harness::{Gateway, Io, KEY, Scripted, Setup, UPSTREAM_KEY, on_both_drivers, post, post_with};
use serde_json::{Value, json};

const CHAT: &str = r#"{"id":"c1","model":"x","choices":[{"index":0,"message":{"role":"assistant","content":"Hi."},"logprobs":{"content":[{"token":"Hi","logprob":-0.5,"bytes":null,"top_logprobs":[]},{"token":".","logprob":-1.5,"bytes":null,"top_logprobs":[]}]},"finish_reason":"stop"}],"usage":{"prompt_tokens":9,"completion_tokens":2,"total_tokens":11}}"#;
const GEMINI: &str = r#"{"candidates":[{"content":{"role":"model","parts":[{"text":"Hi."}]},"finishReason":"STOP"}],"usageMetadata":{"promptTokenCount":60,"candidatesTokenCount":30,"totalTokenCount":90,"promptTokensDetails":[{"modality":"TEXT","tokenCount":10},{"modality":"AUDIO","tokenCount":50}],"candidatesTokensDetails":[{"modality":"AUDIO","tokenCount":25}]},"modelVersion":"g","responseId":"r"}"#;
const RESPONSE: &str = r#"{"id":"resp_1","model":"gpt-5.2","status":"completed","output":[{"type":"web_search_call","id":"w1","status":"completed"},{"type":"message","content":[{"type":"output_text","text":"Hi.","annotations":[{"type":"url_citation","url":"https://a.example/x","title":"A","start_index":0,"end_index":3}]}]}],"usage":{"input_tokens":1,"output_tokens":1}}"#;

/// Models `m` of a vendor with names of its own, `g` of Google's format, `r` by responses.
fn stage(io: Io) -> (Scripted, Gateway) {
    let upstream = Scripted::start(|_, mut peer| {
        while let Some(request) = peer.request() {
            let body = match request.split(' ').nth(1) {
                Some(path) if path.contains("enerateContent") => GEMINI,
                Some(path) if path.ends_with("/responses") => RESPONSE,
                _ => CHAT,
            };
            let length = body.len();
            let head = format!(
                "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: {length}\r\n\r\n"
            );
            peer.send((head + body).as_bytes());
        }
    });
    let base = format!("http://{}", upstream.address);
    let row = format!("{{vendor: mistral, base_url: \"{base}/v1\", api_key: {UPSTREAM_KEY}}}");
    let setup = Setup::at(io, upstream.address)
        .provider_row("renaming", &row)
        .provider_of("gemini", "google", &base, "")
        .provider_of("openai-responses", "responses", &format!("{base}/v1"), "")
        .model("m", "{provider: renaming, model: mistral-x}", "")
        .model("g", "{provider: google, model: gemini-x}", "")
        .model("r", "{provider: responses, model: gpt-5.2}", "");
    let gateway = Gateway::start(&setup);
    (upstream, gateway)
}

fn sent(upstream: &Scripted) -> String {
    let request = upstream.seen().pop().expect("a request");
    request.split_once("\r\n\r\n").expect("a head").1.to_owned()
}

fn generate(gateway: &Gateway, model: &str, body: &str) -> (Value, Value) {
    let fields = format!("x-goog-api-key: {KEY}\r\ncontent-type: application/json\r\n");
    let path = format!("/v1beta/models/{model}:generateContent");
    let answer = gateway.client().ask(&post_with(&path, &fields, body.as_bytes()));
    assert_eq!(answer.status, 200, "{}", answer.text());
    (answer.json(), gateway.record(answer.id()))
}

/// A vendor's own names stand in what it gets, straight and translated; everything else is as the client wrote it.
#[test]
fn vendors_have_names_of_their_own() {
    on_both_drivers(|io| {
        let (upstream, gateway) = stage(io);
        let body = r#"{"model":"m", "seed" : 7,"max_completion_tokens":50,"messages":[{"role":"user","content":"seed: 1"}]}"#;
        let answer = gateway.client().ask(&post("/v1/chat/completions", body));
        assert_eq!(answer.text(), CHAT);
        let expected = r#"{"model":"mistral-x", "random_seed":7,"max_tokens":50,"messages":[{"role":"user","content":"seed: 1"}]}"#;
        assert_eq!(sent(&upstream), expected);
        let (_, _) = generate(
            &gateway,
            "m",
            r#"{"contents":[{"parts":[{"text":"hi"}]}],"generationConfig":{"seed":7,"topK":4,"maxOutputTokens":50}}"#,
        );
        let body: Value = serde_json::from_str(&sent(&upstream)).expect("JSON");
        let names = ["seed", "random_seed", "top_k", "max_tokens"].map(|name| body[name].clone());
        assert_eq!(names, [Value::Null, 7.into(), 4.into(), 50.into()], "{body}");
        let other = r#"{"model":"m/x","seed":7,"max_completion_tokens":50,"messages":[]}"#;
        gateway.client().ask(&post("/v1/chat/completions", other));
        assert_eq!(sent(&upstream), other.replace("m/x", "x"));
    });
}

/// Sound is counted in the record of an answer that went straight on, and in that of one that was told anew.
#[test]
fn sound_is_counted_both_ways() {
    on_both_drivers(|io| {
        let (_upstream, gateway) = stage(io);
        let (told, straight) = generate(&gateway, "g", r#"{"contents":[{"parts":[{"text":"hi"}]}]}"#);
        assert_eq!(told, serde_json::from_str::<Value>(GEMINI).expect("JSON"));
        let chat =
            post("/v1/chat/completions", r#"{"model":"g","messages":[{"role":"user","content":"hi"}]}"#);
        let answer = gateway.client().ask(&chat);
        assert_eq!(answer.json()["usage"]["prompt_tokens_details"]["audio_tokens"], 50, "{}", answer.text());
        for record in [straight, gateway.record(answer.id())] {
            let names = ["input_tokens", "output_tokens", "audio_input_tokens", "audio_output_tokens"];
            assert_eq!(names.map(|name| &record[name]), [60, 30, 50, 25], "{record}");
        }
    });
}

/// Clients of completions have logprobs in their form, and Google's the mean of them.
#[test]
fn logprobs_have_other_forms() {
    on_both_drivers(|io| {
        let (upstream, gateway) = stage(io);
        let (told, _) = generate(
            &gateway,
            "m",
            r#"{"contents":[{"parts":[{"text":"hi"}]}],"generationConfig":{"responseLogprobs":true}}"#,
        );
        assert_eq!(told["candidates"][0]["avgLogprobs"].as_f64(), Some(-1.0), "{told}");
        assert!(sent(&upstream).contains(r#""logprobs":true"#));
        let text = post("/v1/completions", r#"{"model":"g","prompt":"hi","logprobs":2}"#);
        assert_eq!(gateway.client().ask(&text).status, 200);
        assert!(sent(&upstream).contains(r#""responseLogprobs":true,"logprobs":2"#), "{}", sent(&upstream));
    });
}

/// A search that one dialect wishes for is a tool of another, and its sources come back as annotations.
#[test]
fn searches_cross() {
    on_both_drivers(|io| {
        let (upstream, gateway) = stage(io);
        let body = r#"{"model":"r","messages":[{"role":"user","content":"hi"}],"web_search_options":{"search_context_size":"low"}}"#;
        let answer = gateway.client().ask(&post("/v1/chat/completions", body));
        let request: Value = serde_json::from_str(&sent(&upstream)).expect("JSON");
        assert_eq!(
            request["tools"],
            json!([{"type": "web_search", "search_context_size": "low"}]),
            "{request}"
        );
        let citation = json!({"type": "url_citation", "url_citation": {"start_index": 0, "end_index": 3, "url": "https://a.example/x", "title": "A"}});
        let told = &answer.json()["choices"][0]["message"]["annotations"];
        assert_eq!(*told, json!([citation]), "{}", answer.text());
        let answer = gateway.client().ask(&post("/v1/chat/completions", &body.replace("\"r\"", "\"m\"")));
        assert_eq!(answer.header("x-ringgate-dropped"), None, "it goes straight on: {}", answer.text());
    });
}
