//! Embeddings for clients that speak Google's dialect, and at Google's cloud for all.

use crate::harness::{Answer, Gateway, Io, Scripted, Setup, natives, on_both_drivers, post};
use serde_json::{Value, json};
use std::net::SocketAddr;

/// Models that begin with `g/` are at Google's API for developers, with `v/` at its cloud; `alias` is one of the former.
fn setup(io: Io, up: SocketAddr) -> Setup {
    let base = format!("http://{up}");
    let vertex = format!("{base}/v1/projects/p/locations/l/publishers/google");
    Setup::at(io, up)
        .provider_of("gemini", "studio", &format!("{base}/v1beta"), "")
        .provider_of("gemini", "vertex", &vertex, "")
        .provider_of("ollama", "local", &base, "")
        .provider_of("cohere", "co", &base, "")
        .provider_of("bedrock", "amazon", &base, "")
        .model("g/*", "{provider: studio, model: \"*\"}", "")
        .model("alias", "{provider: studio, model: gemini-embedding-001}", "")
        .model("v/*", "{provider: vertex, model: \"*\"}", "")
        .model("l/*", "{provider: local, model: \"*\"}", "")
        .model("c/*", "{provider: co, model: \"*\"}", "")
        .model("b/*", "{provider: amazon, model: \"*\"}", "")
}

fn call(gateway: &Gateway, model: &str, method: &str, body: &str) -> Answer {
    let model = model.replace('/', "%2F");
    gateway.client().ask(&post(&format!("/v1beta/models/{model}:{method}"), body))
}

/// Path and body of the last request.
fn sent(upstream: &Scripted) -> (String, Value) {
    let seen = upstream.seen().pop().expect("a request");
    let (head, body) = seen.split_once("\r\n\r\n").expect("a head");
    (head.split(' ').nth(1).expect("a path").to_owned(), serde_json::from_str(body).expect("JSON"))
}

fn content(text: &str) -> Value {
    json!({"parts": [{"text": text}]})
}

/// At Google a request and its answer pass byte for byte, but for the model's name, wherever in the body it stands.
#[test]
fn own_words_pass_as_they_are() {
    on_both_drivers(|io| {
        let body = |name: &str| {
            format!(
                r#"{{ "requests": [{{"model":"models/{name}", "content":{{"parts":[{{"text":"é"}}]}}}}, {{"content" : {{"parts":[{{"text":"b"}}]}},"model":"models/{name}","outputDimensionality": 7.0}}] }}"#
            )
        };
        let told = "{\n  \"embeddings\": [ {\"values\": [0.250]} ],\n  \"usageMetadata\": {\"promptTokenCount\": 14}}\n";
        let upstream = Scripted::always(format!(
            "HTTP/1.1 200 OK\r\ncontent-type: application/json; charset=UTF-8\r\ncontent-length: {}\r\n\r\n{told}",
            told.len()
        ));
        let gateway = Gateway::start(&setup(io, upstream.address));
        for model in ["alias", "g/gemini-embedding-001"] {
            let answer = call(&gateway, model, "batchEmbedContents", &body(model));
            assert_eq!((answer.status, answer.text().as_str()), (200, told));
            assert_eq!(answer.header("content-type"), Some("application/json; charset=UTF-8"));
            let seen = upstream.seen().pop().expect("a request");
            assert!(
                seen.starts_with("POST /v1beta/models/gemini-embedding-001:batchEmbedContents HTTP/1.1\r\n"),
                "{seen}"
            );
            assert!(seen.ends_with(&format!("\r\n\r\n{}", body("gemini-embedding-001"))), "{seen}");
            assert_eq!(gateway.record(answer.id())["input_tokens"], 14);
        }
        let one = r#"{"content":{"parts":[{"text":"a"}]}, "model":"models/alias"}"#;
        assert_eq!(call(&gateway, "alias", "embedContent", one).status, 200);
        let seen = upstream.seen().pop().expect("a request");
        assert!(seen.ends_with(&one.replace("alias", "gemini-embedding-001")), "{seen}");

        let before = upstream.seen().len();
        let answer = call(&gateway, "alias", "batchEmbedContents", &body("g/gemini-embedding-001"));
        assert_eq!((answer.status, &answer.json()["error"]["status"]), (400, &"INVALID_ARGUMENT".into()));
        assert_eq!(upstream.seen().len(), before, "what another model is named by goes nowhere");
    });
}

/// A client of Google's dialect has embeddings of every provider that has any, in the order of its texts.
#[test]
fn googles_clients_are_served() {
    on_both_drivers(|io| {
        let upstream = natives();
        let gateway = Gateway::start(&setup(io, upstream.address));
        let requests = ["one", "three"].map(|text| {
            json!({"model": "models/x", "content": content(text), "taskType": "RETRIEVAL_QUERY", "outputDimensionality": 3})
        });
        let several = json!({"requests": requests});
        let one = json!({"content": {"parts": [{"text": "a"}, {"text": "b"}]}});
        let lists = json!([{"values": [0.25, -1.5, 3]}, {"values": [0.25, -1.5, 5]}]);
        for (model, path, tokens) in [
            ("m/text-embedding-3", "/v1/embeddings", 5),
            ("l/nomic", "/api/embed", 5),
            ("c/embed-v4.0", "/v2/embed", 5),
            (
                "v/gemini-embedding-001",
                "/v1/projects/p/locations/l/publishers/google/models/gemini-embedding-001:predict",
                4,
            ),
        ] {
            let answer = call(&gateway, model, "batchEmbedContents", &several.to_string());
            assert_eq!(
                (answer.status, &answer.json()["embeddings"]),
                (200, &lists),
                "{model}: {}",
                answer.text()
            );
            assert_eq!(answer.json()["usageMetadata"]["promptTokenCount"], tokens, "{model}");
            assert_eq!(sent(&upstream).0, path);
            assert_eq!(gateway.record(answer.id())["input_tokens"], tokens);
            let answer = call(&gateway, model, "embedContent", &one.to_string());
            assert_eq!(
                answer.json()["embedding"]["values"],
                json!([0.25, -1.5, 3]),
                "{model}: {}",
                answer.text()
            );
        }
        call(&gateway, "c/embed-v4.0", "batchEmbedContents", &several.to_string());
        let body = sent(&upstream).1;
        assert_eq!((&body["input_type"], &body["output_dimension"]), (&"search_query".into(), &3.into()));
        let answer = call(&gateway, "m/x", "batchEmbedContents", &several.to_string());
        assert_eq!(answer.header("x-ringgate-dropped"), Some("taskType"));
        let expected =
            json!({"model": "x", "input": ["one", "three"], "encoding_format": "float", "dimensions": 3});
        assert_eq!(sent(&upstream).1, expected);
        call(&gateway, "v/gemini-embedding-001", "batchEmbedContents", &several.to_string());
        let expected = json!({
            "instances": [{"content": "one", "task_type": "RETRIEVAL_QUERY"}, {"content": "three", "task_type": "RETRIEVAL_QUERY"}],
            "parameters": {"outputDimensionality": 3},
        });
        assert_eq!(sent(&upstream).1, expected);
    });
}

/// Google's cloud is asked by the method that it has for the model, whoever asks.
#[test]
fn the_cloud_has_methods_of_its_own() {
    on_both_drivers(|io| {
        let upstream = natives();
        let gateway = Gateway::start(&setup(io, upstream.address));
        let mut client = gateway.client();
        let mut ask = |model: &str, input: Value| {
            client.ask(&post("/v1/embeddings", &json!({"model": model, "input": input}).to_string()))
        };
        for (model, input, method) in [
            ("v/text-embedding-005", json!(["one", "three"]), "text-embedding-005:predict"),
            ("v/gemini-embedding-001", json!("one"), "gemini-embedding-001:predict"),
            ("v/gemini-embedding-2", json!(["one"]), "gemini-embedding-2:embedContent"),
        ] {
            let answer = ask(model, input);
            assert_eq!(
                (answer.status, &answer.json()["data"][0]["embedding"]),
                (200, &json!([0.25, -1.5, 3])),
                "{model}"
            );
            let (path, body) = sent(&upstream);
            assert!(path.ends_with(method), "{path}");
            assert!(body.get("model").is_none(), "the URL names it: {body}");
        }
        let said = ask("v/gemini-embedding-2", json!(["one", "two"])).refused(400, "untranslatable");
        assert!(said.contains("one text at a time"), "{said}");
    });
}

/// What cannot be embedded elsewhere is told of in Google's own words.
#[test]
fn what_is_refused() {
    let upstream = natives();
    let gateway = Gateway::start(&setup(Io::Auto, upstream.address));
    let request = |more: &str| format!(r#"{{"content":{{"parts":[{{"text":"a"}}]}}{more}}}"#);
    for (model, body, words) in [
        (
            "c/x",
            r#"{"content":{"parts":[{"inlineData":{"mimeType":"image/png","data":"AA=="}}]}}"#.to_owned(),
            "no other parts",
        ),
        ("c/x", r#"{"content":{"parts":[]}}"#.into(), "`content.parts`"),
        ("c/x", "{}".into(), "`content` is missing"),
        ("c/x", r#"{"requests":[]}"#.into(), "`requests`"),
        ("c/x", request(r#","taskType":"SMELL""#), "`taskType`"),
        (
            "c/x",
            format!(r#"{{"requests":[{},{}]}}"#, request(r#","taskType":"CLUSTERING""#), request("")),
            "one `taskType`",
        ),
        ("b/x", request(""), "`gemini`"),
    ] {
        let answer = call(&gateway, model, "embedContent", &body);
        let error = &answer.json()["error"];
        assert_eq!((answer.status, &error["status"]), (400, &"INVALID_ARGUMENT".into()), "{body}");
        assert!(error["message"].as_str().is_some_and(|message| message.contains(words)), "{body}: {error}");
    }
    assert!(upstream.seen().is_empty());
}

/// A client of Google's cloud predicts: at that cloud its request passes as it is, wherever it says that the model is, and
/// every other provider's embeddings come as predictions.
#[test]
fn predictions_are_embeddings() {
    let said = r#"{"predictions":[{"embeddings":{"values":[0.5],"statistics":{"token_count":3}}}]}"#;
    let upstream = Scripted::always(format!(
        "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n{said}",
        said.len()
    ));
    let gateway = Gateway::start(&setup(Io::Auto, upstream.address));
    let body = r#"{ "instances": [{"prompt": "a cat"}] }"#;
    for path in [
        "/v1beta/models/v%2Fimagen:predict",
        "/v1beta1/publishers/google/models/v%2Fimagen:predict",
        "/v1/projects/mine/locations/here/publishers/google/models/v%2Fimagen:predict",
    ] {
        let answer = gateway.client().ask(&post(path, body));
        assert_eq!((answer.status, answer.text().as_str()), (200, said), "{path}");
        let seen = upstream.seen().pop().expect("a request");
        let line = "POST /v1/projects/p/locations/l/publishers/google/models/imagen:predict HTTP/1.1\r\n";
        assert!(seen.starts_with(line) && seen.ends_with(body), "{seen}");
    }

    let upstream = natives();
    let gateway = Gateway::start(&setup(Io::Auto, upstream.address));
    let body = json!({
        "instances": [{"content": "one", "task_type": "RETRIEVAL_QUERY", "title": null}, {"content": "three", "taskType": "RETRIEVAL_QUERY"}],
        "parameters": {"outputDimensionality": 3, "autoTruncate": true},
    });
    for (model, path) in [
        ("m/text-embedding-3", "/v1/embeddings"),
        ("c/embed-v4.0", "/v2/embed"),
        ("g/gemini-embedding-001", "/v1beta/models/gemini-embedding-001:batchEmbedContents"),
    ] {
        let answer = call(&gateway, model, "predict", &body.to_string());
        let lists: Vec<_> = answer.json()["predictions"]
            .as_array()
            .into_iter()
            .flatten()
            .map(|one| one["embeddings"]["values"].clone())
            .collect();
        assert_eq!(lists, [json!([0.25, -1.5, 3]), json!([0.25, -1.5, 5])], "{model}: {}", answer.text());
        assert_eq!(sent(&upstream).0, path);
    }
    let one = json!({"instances": [{"content": "one"}]});
    let answer = call(&gateway, "m/x", "predict", &one.to_string());
    assert!(
        answer.json()["predictions"][0]["embeddings"]["statistics"]["token_count"].is_u64(),
        "{}",
        answer.text()
    );
    for body in
        [json!({"instances": []}), json!({"instances": [{"prompt": "a cat"}]}), json!({"instances": 1})]
    {
        assert_eq!(call(&gateway, "m/x", "predict", &body.to_string()).status, 400, "{body}");
    }
}
