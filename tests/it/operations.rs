//! Chats, completions, embeddings and rankings of models whose providers have formats of their own.

use crate::harness::{Gateway, Io, Scripted, Setup, UPSTREAM_KEY, mock, natives, on_both_drivers, post};
use serde_json::{Value, json};
use std::net::SocketAddr;

const CHAT: &str = "/v1/chat/completions";
const COMPLETIONS: &str = "/v1/completions";
const EMBEDDINGS: &str = "/v1/embeddings";
const MESSAGES: &str = "/v1/messages";

/// Models that begin with `o/`, `c/` and `g/` are behind the formats of Ollama, Cohere and Google.
fn setup(io: Io, upstream: SocketAddr) -> Setup {
    let base = format!("http://{upstream}");
    Setup::at(io, upstream)
        .provider_of("ollama", "ollama", &format!("{base}/api"), "")
        .provider_of("cohere", "cohere", &format!("{base}/v2"), "")
        .provider_of("gemini", "google", &base, "")
        .model("o/*", "{provider: ollama, model: \"*\"}", "")
        .model("c/*", "{provider: cohere, model: \"*\"}", "")
        .model("g/*", "{provider: google, model: \"*\"}", "")
        .model("strict/*", "{provider: cohere, model: \"*\"}", "unsupported: refuse")
}

fn staged(io: Io) -> (Scripted, Gateway) {
    let upstream = natives();
    let gateway = Gateway::start(&setup(io, upstream.address));
    (upstream, gateway)
}

fn data(events: &str) -> Vec<Value> {
    let lines =
        events.lines().filter_map(|line| line.strip_prefix("data: ")).filter(|line| *line != "[DONE]");
    lines.map(|line| serde_json::from_str(line).expect("JSON")).collect()
}

/// The path and the body of the last request that a provider saw.
fn last_seen(upstream: &Scripted) -> (String, Value) {
    let seen = upstream.seen().pop().expect("a request");
    let (head, body) = seen.split_once("\r\n\r\n").expect("a head");
    let path = head.split(' ').nth(1).expect("a path").to_owned();
    assert!(seen.contains(UPSTREAM_KEY), "{seen}");
    (path, serde_json::from_str(body).expect("JSON"))
}

fn assert_counted(gateway: &Gateway, id: &str, input: u64, output: u64) {
    let record = gateway.record(id);
    assert_eq!(
        (&record["input_tokens"], &record["output_tokens"]),
        (&input.into(), &output.into()),
        "{record}"
    );
    assert_eq!(record["fault"], Value::Null, "{record}");
}

/// Chats and messages of models behind either format are answered whole and as streams, call tools, and are counted; the
/// connection serves the next request.
#[test]
fn chats_cross() {
    on_both_drivers(|io| {
        let (upstream, gateway) = staged(io);
        let mut client = gateway.client();
        for (model, path) in [("o/qwen3", "/api/chat"), ("c/command-a-03-2025", "/v2/chat")] {
            let tools = r#","tools":[{"type":"function","function":{"name":"get_weather"}}]"#;
            let ask = |more: &str| {
                post(
                    CHAT,
                    &format!(r#"{{"model":"{model}","messages":[{{"role":"user","content":"hi"}}]{more}}}"#),
                )
            };
            let answer = client.ask(&ask(""));
            assert_eq!(answer.status, 200, "{}", answer.text());
            assert_eq!(answer.json()["choices"][0]["message"]["content"], "Riga.");
            assert!(
                answer.json()["model"].as_str().is_some_and(|name| model.ends_with(name)),
                "{}",
                answer.text()
            );
            assert_counted(&gateway, answer.id(), 26, 12);
            assert_eq!(last_seen(&upstream).0, path);

            let answer = client.ask(&ask(tools));
            let choice = &answer.json()["choices"][0];
            assert_eq!(
                (&choice["finish_reason"], &choice["message"]["reasoning_content"]),
                (&"tool_calls".into(), &"hm".into())
            );
            assert_eq!(choice["message"]["tool_calls"][0]["function"]["arguments"], r#"{"city":"Oslo"}"#);

            let answer = client.ask(&ask(&format!(r#"{tools},"stream":true"#)));
            assert_eq!(answer.header("content-type"), Some("text/event-stream; charset=utf-8"));
            let text = answer.text();
            assert!(text.ends_with("data: [DONE]\n\n"), "{text}");
            let arguments: String = data(&text)
                .iter()
                .filter_map(|chunk| {
                    chunk["choices"][0]["delta"]["tool_calls"][0]["function"]["arguments"]
                        .as_str()
                        .map(str::to_owned)
                })
                .collect();
            assert_eq!(arguments, r#"{"city":"Oslo"}"#);
            assert_counted(&gateway, answer.id(), 26, 12);

            let body = format!(
                r#"{{"model":"{model}","max_tokens":9,"stream":true,"messages":[{{"role":"user","content":"hi"}}]}}"#
            );
            let answer = client.ask(&post(MESSAGES, &body));
            let text = answer.text();
            assert!(text.ends_with("{\"type\":\"message_stop\"}\n\n"), "{text}");
            let told: String = data(&text)
                .iter()
                .filter_map(|event| event["delta"]["text"].as_str().map(str::to_owned))
                .collect();
            assert_eq!(told, "Riga.");
            assert_counted(&gateway, answer.id(), 26, 12);
        }
        assert_eq!(upstream.accepted(), 1, "one connection serves them all");
    });
}

/// What Ollama is sent is its own format, and says that it wants no stream where none is wanted.
#[test]
fn ollama_sees_its_own_format() {
    let (upstream, gateway) = staged(Io::Auto);
    let body = r#"{"model":"o/qwen3","messages":[{"role":"user","content":[{"type":"text","text":"what?"},{"type":"image_url","image_url":{"url":"data:image/png;base64,iVBORw0KGgo="}}]}],"max_tokens":5,"temperature":0.50,"reasoning_effort":"none","response_format":{"type":"json_object"}}"#;
    assert_eq!(gateway.client().ask(&post(CHAT, body)).status, 200);
    let expected = json!({
        "model": "qwen3", "messages": [{"role": "user", "content": "what?", "images": ["iVBORw0KGgo="]}],
        "format": "json", "think": false, "options": {"num_predict": 5, "temperature": 0.5}, "stream": false,
    });
    assert_eq!(last_seen(&upstream), ("/api/chat".into(), expected));
    assert!(upstream.seen()[0].contains(r#""temperature":0.50"#), "numbers keep their digits");
}

/// Clients of completions are answered by providers of every format, whole and in chunks, with usage where it is asked
/// for.
#[test]
fn completions_cross() {
    on_both_drivers(|io| {
        let (upstream, gateway) = staged(io);
        let mut client = gateway.client();
        for (model, path) in [
            ("o/qwen3", "/api/generate"),
            ("c/command-a", "/v2/chat"),
            ("g/gemini-3.1-pro", "/v1beta/models/gemini-3.1-pro:generateContent"),
        ] {
            let ask = |more: &str| {
                post(
                    COMPLETIONS,
                    &format!(r#"{{"model":"{model}","prompt":"Capital?","max_tokens":9{more}}}"#),
                )
            };
            let answer = client.ask(&ask(""));
            assert_eq!(answer.status, 200, "{}", answer.text());
            let whole = answer.json();
            assert_eq!(
                (&whole["object"], &whole["choices"][0]["text"]),
                (&"text_completion".into(), &"Riga.".into())
            );
            assert_eq!(
                (&whole["choices"][0]["finish_reason"], &whole["usage"]["total_tokens"]),
                (&"stop".into(), &38.into())
            );
            assert_counted(&gateway, answer.id(), 26, 12);
            assert_eq!(last_seen(&upstream).0, path);

            let answer = client.ask(&ask(r#","stream":true"#));
            let text = answer.text();
            assert!(text.ends_with("data: [DONE]\n\n") && !text.contains("\"usage\""), "{text}");
            let told: String = data(&text)
                .iter()
                .filter_map(|chunk| chunk["choices"][0]["text"].as_str().map(str::to_owned))
                .collect();
            assert_eq!(told, "Riga.");
            assert_counted(&gateway, answer.id(), 26, 12);
            let text = client.ask(&ask(r#","stream":true,"stream_options":{"include_usage":true}"#)).text();
            assert_eq!(data(&text).last().expect("chunks")["usage"]["completion_tokens"], 12, "{text}");
        }
    });
}

/// A provider of Anthropic's format completes texts, too.
#[test]
fn a_claude_completes() {
    let mock = mock();
    let setup = Setup::at(Io::Auto, mock.address)
        .provider_of("anthropic", "claude", &format!("http://{}", mock.address), "")
        .model("a/*", "{provider: claude, model: \"*\"}", "");
    let gateway = Gateway::start(&setup);
    let answer = gateway.client().ask(&post(COMPLETIONS, r#"{"model":"a/mock","prompt":["Capital?"]}"#));
    assert_eq!(answer.status, 200, "{}", answer.text());
    let whole = answer.json();
    assert!(whole["choices"][0]["text"].as_str().is_some_and(|text| !text.is_empty()), "{whole}");
    assert_eq!(gateway.record(answer.id())["endpoint"], COMPLETIONS);
}

/// A suffix reaches the provider that fills in the middle; elsewhere it is named as lost, or refused, as is what a chat
/// does not do.
#[test]
fn the_middle_is_filled_where_it_can_be() {
    let (upstream, gateway) = staged(Io::Auto);
    let mut client = gateway.client();
    let ask = |model: &str, more: &str| {
        post(
            COMPLETIONS,
            &format!(r#"{{"model":"{model}","prompt":"def add(a, b):\n    return ","suffix":"\n"{more}}}"#),
        )
    };
    let answer = client.ask(&ask("o/codellama", ""));
    assert_eq!((answer.status, answer.header("x-ringgate-dropped")), (200, None), "{}", answer.text());
    assert_eq!(answer.json()["choices"][0]["text"], "a + b");
    let expected = json!({"model": "codellama", "prompt": "def add(a, b):\n    return ", "suffix": "\n", "stream": false});
    assert_eq!(last_seen(&upstream).1, expected);

    let answer = client.ask(&ask("c/command-a", r#","logprobs":1,"echo":true,"best_of":2"#));
    assert_eq!(
        (answer.status, answer.header("x-ringgate-dropped")),
        (200, Some("echo,best_of,suffix,top_logprobs"))
    );
    let said = client.ask(&ask("strict/command-a", "")).refused(400, "untranslatable");
    assert_eq!(said, "The model's provider does not take: suffix.");
    for (prompt, words) in [("[1,2]", "tokens"), ("[[1,2]]", "tokens"), (r#"["a","b"]"#, "several texts")] {
        let body = format!(r#"{{"model":"o/codellama","prompt":{prompt}}}"#);
        let said = client.ask(&post(COMPLETIONS, &body)).refused(400, "untranslatable");
        assert!(said.contains(words), "{said}");
    }
    client.ask(&post(COMPLETIONS, r#"{"model":"o/codellama"}"#)).refused(400, "invalid_request");
}

/// Embeddings of every provider's format come as the client wants them: as the provider's own digits, or in base64.
#[test]
fn embeddings_cross() {
    on_both_drivers(|io| {
        let (upstream, gateway) = staged(io);
        let mut client = gateway.client();
        for (model, one, many, counted) in [
            ("o/nomic-embed-text", "/api/embed", "/api/embed", 5),
            ("c/embed-v4.0", "/v2/embed", "/v2/embed", 5),
            (
                "g/gemini-embedding-001",
                "/v1beta/models/gemini-embedding-001:embedContent",
                "/v1beta/models/gemini-embedding-001:batchEmbedContents",
                0,
            ),
        ] {
            let ask = |more: &str| post(EMBEDDINGS, &format!(r#"{{"model":"{model}",{more}}}"#));
            let answer = client.ask(&ask(r#""input":"Riga""#));
            assert_eq!(answer.status, 200, "{}", answer.text());
            assert_eq!(answer.header("content-type"), Some("application/json"));
            assert_eq!(
                answer.json()["data"],
                json!([{"object": "embedding", "index": 0, "embedding": [0.25, -1.5, 4]}])
            );
            assert_eq!(answer.json()["usage"], json!({"prompt_tokens": counted, "total_tokens": counted}));
            assert!(model.ends_with(answer.json()["model"].as_str().expect("a name")));
            assert_eq!(last_seen(&upstream).0, one);
            assert_eq!(gateway.record(answer.id())["endpoint"], EMBEDDINGS);

            let answer = client
                .ask(&ask(r#""input":["a","bc"],"dimensions":3,"encoding_format":"base64","stream":true"#));
            let list = answer.json();
            assert_eq!(list["data"][1]["index"], 1, "{list}");
            let packed = |length: f32| {
                let bytes: Vec<u8> = [0.25, -1.5, length].into_iter().flat_map(f32::to_le_bytes).collect();
                base64::Engine::encode(&base64::engine::general_purpose::STANDARD, bytes)
            };
            assert_eq!(
                (&list["data"][0]["embedding"], &list["data"][1]["embedding"]),
                (&packed(1.0).into(), &packed(2.0).into())
            );
            assert_counted(&gateway, answer.id(), 5, 0);
            let (path, sent) = last_seen(&upstream);
            assert_eq!(path, many);
            assert!(sent.to_string().contains(":3"), "the dimensions: {sent}");
        }
        client.ask(&post(EMBEDDINGS, r#"{"model":"o/x","input":[1,2]}"#)).refused(400, "untranslatable");
    });
}

/// Rankings go to Cohere's own format as they came, but for the model's name, by either path; there is no translation of
/// them.
#[test]
fn rankings_pass() {
    on_both_drivers(|io| {
        let (upstream, gateway) = staged(io);
        let mut client = gateway.client();
        for path in ["/v1/rerank", "/v2/rerank"] {
            let body = r#"{ "model":"c/rerank-v5.0-pro", "query":"capital of Latvia","documents":["Oslo","Riga"], "top_n":1}"#;
            let answer = client.ask(&post(path, body));
            assert_eq!(answer.status, 200, "{}", answer.text());
            assert_eq!(answer.json()["results"], json!([{"index": 1, "relevance_score": 0.97}]));
            assert_eq!(last_seen(&upstream).0, "/v2/rerank");
            let seen = upstream.seen().pop().expect("a request");
            assert!(seen.ends_with(&body.replace("c/rerank", "rerank")), "{seen}");
        }
        let body = r#"{"model":"o/x","query":"q","documents":["a"]}"#;
        client.ask(&post("/v1/rerank", body)).refused(400, "format_not_spoken");
    });
}

/// A provider's errors, before an answer and inside one, are those of the client's dialect; a refused token is the
/// gateway's own matter.
#[test]
fn errors_cross() {
    let answer = |status: &str, content_type: &str, body: &str| {
        let length = body.len();
        format!("HTTP/1.1 {status}\r\ncontent-type: {content_type}\r\ncontent-length: {length}\r\n\r\n{body}")
            .into_bytes()
    };
    let chat = |model: &str, more: &str| {
        post(CHAT, &format!(r#"{{"model":"{model}","messages":[{{"role":"user","content":"hi"}}]{more}}}"#))
    };
    let not_found = r#"{"error":"model 'x' not found"}"#;
    let too_long = r#"{"message":"too many tokens: size limit exceeded by 2 tokens","id":"1"}"#;
    for (model, status, body, told, code) in [
        ("o/x", "404 Not Found", not_found, 404, "model_not_found"),
        ("c/x", "400 Bad Request", too_long, 400, "context_length_exceeded"),
        ("c/x", "429 Too Many Requests", r#"{"message":"slow down"}"#, 429, "rate_limit_exceeded"),
    ] {
        let upstream = Scripted::always(answer(status, "application/json", body));
        let gateway = Gateway::start(&setup(Io::Auto, upstream.address));
        let got = gateway.client().ask(&chat(model, ""));
        assert_eq!((got.status, &got.json()["error"]["code"]), (told, &code.into()), "{}", got.text());
    }
    let upstream = Scripted::always(answer(
        "498 Invalid Token",
        "application/json",
        r#"{"message":"invalid api token"}"#,
    ));
    let gateway = Gateway::start(&setup(Io::Auto, upstream.address));
    gateway.client().ask(&chat("c/x", "")).refused(502, "upstream_account");

    let line = r#"{"model":"x","message":{"role":"assistant","content":"It"},"done":false}"#;
    for (lines, fault) in [
        (format!("{line}\n{{\"error\":\"out of memory\"}}\n"), "upstream_stream_error"),
        (format!("{line}\n"), "upstream_truncated"),
        (format!("{line}\nnonsense\n"), "upstream_unreadable"),
    ] {
        let upstream = Scripted::always(answer("200 OK", "application/x-ndjson", &lines));
        let gateway = Gateway::start(&setup(Io::Auto, upstream.address));
        gateway.client().ask(&chat("o/x", r#","stream":true"#)).refused(502, fault);
        gateway.client().ask(&chat("o/x", "")).refused(502, fault);
    }
}
