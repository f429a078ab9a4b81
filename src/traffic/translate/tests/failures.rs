//! Errors, in the shapes that servers have for them, as clients of another dialect are told.

use super::*;

/// Status and code of an error for a client of chat completions, and what is said.
fn told(from: Speech, status: u16, body: &str) -> (u16, String, String) {
    let mut out = vec![];
    let status = failure::answer(from, Speech::OpenAi, status, None, None, body.as_bytes(), &mut out);
    let error: Value = serde_json::from_slice(&out).expect("JSON");
    let text = |name: &str| error["error"][name].as_str().unwrap_or_default().to_owned();
    (status, text("code"), text("message"))
}

/// What an error means is found in its code, its status, inside or outside of the body, or its words.
#[test]
fn errors_mean_what_they_say() {
    use Speech::{Anthropic, Bedrock, OpenAi, VertexAnthropic};
    for (from, status, body, expected) in [
        // A name that says little, and a status that says more.
        (
            OpenAi,
            404,
            r#"{"error":{"type":"invalid_request_error","code":"DeploymentNotFound","message":"m"}}"#,
            (404, "model_not_found", "m"),
        ),
        (
            OpenAi,
            429,
            r#"{"error":{"type":"invalid_request_error","code":null,"message":"m"}}"#,
            (429, "rate_limit_exceeded", "m"),
        ),
        (
            OpenAi,
            200,
            r#"{"error":{"code":"content_filter","status":400,"message":"m"}}"#,
            (400, "content_filter", "m"),
        ),
        (
            OpenAi,
            200,
            r#"{"error":{"code":"odd","status_code":429,"message":"m"}}"#,
            (429, "rate_limit_exceeded", "m"),
        ),
        (OpenAi, 200, r#"{"error":{"code":503,"message":"m"}}"#, (503, "server_is_overloaded", "m")),
        // A limit that is named in words alone.
        (
            OpenAi,
            400,
            r#"{"object":"error","message":"This model's maximum context length is 8 tokens.","type":"BadRequestError","code":400}"#,
            (400, "context_length_exceeded", "This model's maximum context length is 8 tokens."),
        ),
        (
            OpenAi,
            400,
            r#"{"error":{"code":400,"type":"exceed_context_size_error","message":"request (9 tokens) exceeds the available context size (8 tokens), try increasing it"}}"#,
            (
                400,
                "context_length_exceeded",
                "request (9 tokens) exceeds the available context size (8 tokens), try increasing it",
            ),
        ),
        (
            OpenAi,
            400,
            r#"{"error":{"code":400,"type":"too_many_prompt_tokens","message":"m"}}"#,
            (400, "context_length_exceeded", "m"),
        ),
        (
            OpenAi,
            400,
            r#"{"error":{"message":"prompt too long; exceeded max context length by 9 tokens","type":"invalid_request_error","param":null,"code":null}}"#,
            (400, "context_length_exceeded", "prompt too long; exceeded max context length by 9 tokens"),
        ),
        // What a server says that checks requests before it looks at them.
        (
            OpenAi,
            422,
            r#"{"detail":[{"loc":["body","n"],"msg":"too many","type":"x"}]}"#,
            (400, "", "too many"),
        ),
        (OpenAi, 404, r#"{"detail":"Not Found"}"#, (404, "model_not_found", "Not Found")),
        (
            Anthropic,
            429,
            r#"{"type":"error","error":{"type":"rate_limit_error","message":"m","details":{"error_code":"enforced_spend_limit_reached"}}}"#,
            (429, "insufficient_quota", "m"),
        ),
        (
            Anthropic,
            429,
            r#"{"type":"error","error":{"type":"rate_limit_error","message":"m","details":{"error_code":"other"}}}"#,
            (429, "rate_limit_exceeded", "m"),
        ),
        // An error without its name.
        (
            Bedrock,
            400,
            r#"{"message":"The provided model identifier is invalid."}"#,
            (404, "model_not_found", "The provided model identifier is invalid."),
        ),
        (
            Bedrock,
            400,
            r#"{"message":"Input is too long."}"#,
            (400, "context_length_exceeded", "Input is too long."),
        ),
        (
            Bedrock,
            400,
            r#"{"message":"Input Tokens Exceeded: Number of input tokens exceeds maximum length."}"#,
            (
                400,
                "context_length_exceeded",
                "Input Tokens Exceeded: Number of input tokens exceeds maximum length.",
            ),
        ),
        (
            VertexAnthropic,
            429,
            r#"{"error":{"code":429,"status":"RESOURCE_EXHAUSTED","message":"m"}}"#,
            (429, "rate_limit_exceeded", "m"),
        ),
    ] {
        let (status, code, message) = told(from, status, body);
        assert_eq!((status, code.as_str(), message.as_str()), expected, "{body}");
    }
}

/// Google's servers before a model of another maker say when to come again, too.
#[test]
fn hints_are_found_before_other_models() {
    let body = br#"[{"error":{"code":429,"status":"RESOURCE_EXHAUSTED","details":[{"@type":"type.googleapis.com/google.rpc.RetryInfo","retryDelay":"4s"}]}}]"#;
    assert_eq!(failure::retry_after_ms(Speech::VertexAnthropic, body), Some(4000));
}
