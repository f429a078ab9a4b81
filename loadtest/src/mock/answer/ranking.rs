//! `POST /v1/rerank`, `POST /v1/moderations` and `GET /v1/models`.

use super::embeddings::write;
use super::{CREATED, ID, Reply, quote};

/// Models that the mock lists; it answers for any other name as well.
const MODELS: &[&str] = &["mock", "mock-large", "mock-embedding", "mock-image", "mock-audio"];

/// Categories of a moderation.
const CATEGORIES: &[&str] = &[
    "harassment",
    "harassment/threatening",
    "hate",
    "hate/threatening",
    "illicit",
    "illicit/violent",
    "self-harm",
    "self-harm/intent",
    "self-harm/instructions",
    "sexual",
    "sexual/minors",
    "violence",
    "violence/graphic",
];

/// The documents in the order in which they came, the first one the most relevant.
pub fn rerank(reply: &Reply<'_>) -> String {
    let (documents, wanted) = reply.asked.ranked();
    let results: Vec<String> = (0..wanted)
        .map(|index| {
            let score = f64::from(documents - index) / f64::from(documents);
            format!(r#"{{"index":{index},"relevance_score":{score:.6}}}"#)
        })
        .collect();
    format!(
        r#"{{"id":"{ID}","model":{},"results":[{}],"usage":{{"total_tokens":{}}},"meta":{{"api_version":{{"version":"2"}},"billed_units":{{"search_units":1}}}}}}"#,
        reply.model,
        results.join(","),
        reply.prompt_tokens
    )
}

/// Nothing is ever flagged.
pub fn moderations(reply: &Reply<'_>) -> String {
    let each = |value: &str| {
        let members: Vec<String> =
            CATEGORIES.iter().map(|category| format!(r#""{category}":{value}"#)).collect();
        members.join(",")
    };
    let result = format!(
        r#"{{"flagged":false,"categories":{{{}}},"category_scores":{{{}}},"category_applied_input_types":{{{}}}}}"#,
        each("false"),
        each("0.0001"),
        each(r#"["text"]"#)
    );
    let results = vec![result; reply.asked.inputs() as usize].join(",");
    format!(r#"{{"id":"modr-{ID}","model":{},"results":[{results}]}}"#, reply.model)
}

pub fn models() -> String {
    let mut body = String::from(r#"{"object":"list","data":["#);
    for (index, name) in MODELS.iter().enumerate() {
        write(&mut body, format_args!("{}{}", if index == 0 { "" } else { "," }, model(name)));
    }
    body.push_str("]}");
    body
}

pub fn model(name: &str) -> String {
    format!(r#"{{"id":{},"object":"model","created":{CREATED},"owned_by":"mock"}}"#, quote(name))
}
