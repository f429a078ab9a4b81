//! Inputs of the benches in `benches/`: what clients and providers send, and configurations of a size.
//!
//! Invariant: everything here is the same in every run, so that two runs can be compared.

pub mod answers;
pub mod streams;

use ringgate::base::clock::Moment;
use ringgate::base::ids::{NameId, RequestId};
use ringgate::base::text::Text;
use ringgate::contract::endpoint::Endpoint;
use ringgate::contract::names::Names;
use ringgate::contract::record::{Record, Usage};
use ringgate::contract::snapshot::Snapshot;
use ringgate::control::config::{self, Origins, Source};
use std::fmt::Write as _;

/// The head of a chat request with the 17 fields that `OpenAI`'s client for Python sends.
pub const REQUEST_HEAD: &[u8] = b"POST /v1/chat/completions HTTP/1.1\r\n\
    Host: gateway.example:8080\r\n\
    Accept-Encoding: gzip, deflate, zstd\r\n\
    Connection: keep-alive\r\n\
    Accept: application/json\r\n\
    Content-Type: application/json\r\n\
    User-Agent: OpenAI/Python 2.8.1\r\n\
    X-Stainless-Lang: python\r\n\
    X-Stainless-Package-Version: 2.8.1\r\n\
    X-Stainless-OS: Linux\r\n\
    X-Stainless-Arch: x64\r\n\
    X-Stainless-Runtime: CPython\r\n\
    X-Stainless-Runtime-Version: 3.13.9\r\n\
    Authorization: Bearer secret-0123456789-7\r\n\
    X-Stainless-Async: false\r\n\
    x-stainless-retry-count: 0\r\n\
    x-stainless-read-timeout: 600\r\n\
    Content-Length: 1024\r\n\
    \r\n";

/// The fields of [`REQUEST_HEAD`] that go upstream, as lines.
pub const FORWARDED: &[u8] = b"Accept: application/json\r\n\
    Content-Type: application/json\r\n\
    User-Agent: OpenAI/Python 2.8.1\r\n";

/// The head of a chat answer, with the fields of a large provider.
pub const RESPONSE_HEAD: &[u8] = b"HTTP/1.1 200 OK\r\n\
    Date: Sat, 21 Nov 2026 14:34:56 GMT\r\n\
    Content-Type: application/json\r\n\
    Content-Length: 700\r\n\
    Connection: keep-alive\r\n\
    access-control-expose-headers: X-Request-ID\r\n\
    openai-organization: example-org\r\n\
    openai-processing-ms: 412\r\n\
    openai-project: proj_0123456789\r\n\
    openai-version: 2020-10-01\r\n\
    x-ratelimit-limit-requests: 10000\r\n\
    x-ratelimit-remaining-requests: 9999\r\n\
    x-ratelimit-reset-requests: 6ms\r\n\
    x-request-id: req_0123456789abcdef0123456789abcdef\r\n\
    strict-transport-security: max-age=31536000; includeSubDomains; preload\r\n\
    X-Content-Type-Options: nosniff\r\n\
    Server: cloudflare\r\n\
    alt-svc: h3=\":443\"; ma=86400\r\n\
    \r\n";

/// A turn of a conversation, with a line break and quotes in it, as prompts have them.
const TURN: &str = r#"{"role":"user","content":"Summarise this in two sentences.\nThe \"gateway\" forwards bodies as they are."},"#;

/// A streamed chat request of `bytes` bytes: a conversation, then an answer's bounds, with the model at its end as
/// many clients send it.
pub fn chat_request(bytes: usize) -> Vec<u8> {
    const BEFORE: &str = r#"{"messages":["#;
    const LAST: &str = r#"{"role":"user","content":""#;
    const AFTER: &str = r#""}],"max_tokens":256,"temperature":0.7,"stream":true,"model":"model-7"}"#;
    let fixed = BEFORE.len() + LAST.len() + AFTER.len();
    let turns = bytes.saturating_sub(fixed) / TURN.len();
    let filler = bytes.saturating_sub(fixed + turns * TURN.len());
    [BEFORE, &TURN.repeat(turns), LAST, &"x".repeat(filler), AFTER].concat().into_bytes()
}

/// A chat request with so many tools, each described in 600 bytes.
pub fn request_with_tools(tools: usize) -> Vec<u8> {
    const TOOL: &str = r#"{"type":"function","function":{"name":"search_files","description":"Searches the files of the project for a regular expression, and gives each line that has it.\nUse it instead of `grep`.","parameters":{"type":"object","properties":{"pattern":{"type":"string","description":"The expression to search for"},"path":{"type":"string","description":"Where to search: the whole project if it is absent"},"mode":{"type":"string","enum":["lines","files","counts"],"description":"What is told of each file"},"most":{"type":"integer","description":"So many lines at most"}},"required":["pattern"],"additionalProperties":false}}}"#;
    let tools = vec![TOOL; tools].join(",");
    format!(r#"{{"model":"model-7","messages":[{{"role":"user","content":"Mend it."}}],"tools":[{tools}],"stream":true}}"#)
        .into_bytes()
}

/// One turn of an agent: it calls a tool, which answers with some lines of a program.
const AGENT_TURN: &str = concat!(
    r#"{"role":"assistant","content":"Let me look at the file.","tool_calls":[{"id":"call_0123456789abcdef","type":"function","function":{"name":"read_file","arguments":"{\"path\":\"src/main.rs\",\"lines\":[1,80]}"}}]},"#,
    r#"{"role":"tool","tool_call_id":"call_0123456789abcdef","content":""#,
    r#"fn main() {\n    let words = vec![\"one\", \"two\", \"three\"];\n    for (index, word) in words.iter().enumerate() {\n        println!(\"{index}: {word}\");\n    }\n}\n\n"#,
    r#"/// Counts the letters of a text, without its blanks, and tells the most frequent one.\nfn letters(text: &str) -> Option<(char, usize)> {\n    let mut counts = HashMap::new();\n    text.chars().filter(|c| !c.is_whitespace()).for_each(|c| *counts.entry(c).or_default() += 1);\n    counts.into_iter().max_by_key(|(_, count)| *count)\n}\n"#,
    r#""},"#,
);

/// A chat request of about `bytes` bytes, as an agent sends it after some turns.
pub fn agent_request(bytes: usize) -> Vec<u8> {
    const BEFORE: &str = r#"{"model":"model-7","messages":[{"role":"system","content":"You write programs."},{"role":"user","content":"Mend it."},"#;
    const AFTER: &str = r#"{"role":"user","content":"Go on."}],"tools":[{"type":"function","function":{"name":"read_file","description":"Reads a file","parameters":{"type":"object","properties":{"path":{"type":"string"},"lines":{"type":"array","items":{"type":"integer"}}},"required":["path"]}}}],"stream":true}"#;
    let turns = bytes.saturating_sub(BEFORE.len() + AFTER.len()) / AGENT_TURN.len();
    [BEFORE, &AGENT_TURN.repeat(turns), AFTER].concat().into_bytes()
}

/// A message of about 700 bytes, as a provider of Anthropic's format answers.
pub fn message_answer() -> Vec<u8> {
    let text = "x".repeat(330);
    format!(r#"{{"id":"msg_0123456789abcdef","type":"message","role":"assistant","model":"claude-opus-5","content":[{{"type":"text","text":"{text}"}}],"stop_reason":"end_turn","stop_sequence":null,"usage":{{"input_tokens":120,"cache_creation_input_tokens":0,"cache_read_input_tokens":0,"cache_creation":{{"ephemeral_5m_input_tokens":0,"ephemeral_1h_input_tokens":0}},"output_tokens":34,"service_tier":"standard"}}}}"#).into_bytes()
}

/// A chat answer of 700 bytes with a usual report of usage.
pub fn chat_answer() -> Vec<u8> {
    const BEFORE: &str = r#"{"id":"chatcmpl-0123456789abcdef","object":"chat.completion","created":1795271696,"model":"model-7","choices":[{"index":0,"message":{"role":"assistant","content":""#;
    const AFTER: &str = r#"","refusal":null},"logprobs":null,"finish_reason":"stop"}],"usage":{"prompt_tokens":120,"completion_tokens":34,"total_tokens":154,"prompt_tokens_details":{"cached_tokens":0,"audio_tokens":0},"completion_tokens_details":{"reasoning_tokens":0,"audio_tokens":0}},"service_tier":"default"}"#;
    [BEFORE, &"x".repeat(700 - BEFORE.len() - AFTER.len()), AFTER].concat().into_bytes()
}

/// What a chunk of a stream says of usage.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Said {
    /// Nothing.
    Nothing,
    /// `"usage":null`, as every chunk does before the last one if usage was asked for.
    Null,
    /// The report, in a chunk without choices.
    Report,
}

/// An event of a chat stream, of about 250 bytes (the report is longer).
pub fn event(said: Said) -> Vec<u8> {
    const CHOICES: &str =
        r#"[{"index":0,"delta":{"content":" sentences"},"logprobs":null,"finish_reason":null}]"#;
    let (choices, usage) = match said {
        Said::Nothing => (CHOICES, ""),
        Said::Null => (CHOICES, r#","usage":null"#),
        Said::Report => (
            "[]",
            r#","usage":{"prompt_tokens":120,"completion_tokens":34,"total_tokens":154,"prompt_tokens_details":{"cached_tokens":0,"audio_tokens":0},"completion_tokens_details":{"reasoning_tokens":0,"audio_tokens":0}}"#,
        ),
    };
    format!(
        "data: {{\"id\":\"chatcmpl-0123456789abcdef\",\"object\":\"chat.completion.chunk\",\"created\":1795271696,\
        \"model\":\"model-7\",\"system_fingerprint\":\"fp_01\",\"choices\":{choices}{usage}}}\n\n"
    )
    .into_bytes()
}

/// A body of so many chunks, each an event of [`event`].
pub fn chunked_body(chunks: usize) -> Vec<u8> {
    let event = event(Said::Nothing);
    let mut body = vec![];
    for _ in 0..chunks {
        body.extend_from_slice(format!("{:x}\r\n", event.len()).as_bytes());
        body.extend_from_slice(&event);
        body.extend_from_slice(b"\r\n");
    }
    body.extend_from_slice(b"0\r\n\r\n");
    body
}

/// A configuration with so many keys (`secret-0123456789-N`) and models: `model-N`, of which `model-7` has three
/// targets, and eight wildcards `vendor-N/*`.
///
/// # Panics
/// It is not valid.
pub fn snapshot(keys: usize, models: usize) -> Snapshot {
    let mut text = String::from(
        "providers: {p: {format: openai, base_url: \"https://api.openai.com/v1\", api_key: the-key-of-the-gateway}}\n\
        models:\n",
    );
    for n in 0..models {
        let more = match n {
            7 => ", {provider: p, model: b, weight: 3}, {provider: p, model: c, priority: 2}",
            _ => "",
        };
        line(
            &mut text,
            format_args!("  model-{n}: {{targets: [{{provider: p, model: upstream-{n}}}{more}]}}"),
        );
    }
    for n in 0..8 {
        line(&mut text, format_args!("  \"vendor-{n}/*\": {{targets: [{{provider: p, model: \"*\"}}]}}"));
    }
    text += "groups: {team: {models: [\"*\"]}}\nkeys:\n";
    for n in 0..keys {
        line(&mut text, format_args!("  - {{id: key-{n}, group: team, secret: secret-0123456789-{n}}}"));
    }
    let source = Source { path: None, text };
    match config::compile(&source, &Names::default(), &mut Origins::new(None), 1) {
        Ok(compiled) => compiled.snapshot,
        Err(complaints) => unreachable!("{complaints:?}"),
    }
}

fn line(text: &mut String, line: std::fmt::Arguments<'_>) {
    writeln!(text, "{line}").expect("a string takes all");
}

/// The record of a streamed exchange that went well, as the `n`-th of its shard.
pub fn record(n: u64) -> Record {
    Record {
        id: RequestId { process: 0x8f0c_1234_5678_9abc, sequence: n },
        shard: 1,
        started: Moment(n),
        endpoint: Endpoint::ChatCompletions,
        status: 200,
        upstream_status: 200,
        fault: None,
        streamed: true,
        usage_known: true,
        attempts: 1,
        key: NameId(1),
        group: NameId(2),
        model: NameId(3),
        provider: NameId(4),
        asked: Text::cut("model-7"),
        user_agent: Text::cut("OpenAI/Python 2.8.1"),
        remarks: None,
        client: Some(([10, 1, 2, 3], 40_000).into()),
        usage: Usage { input: 120, output: 34, ..Usage::NONE },
        request_bytes: 1024,
        response_bytes: 9000,
        overhead_in_us: 38,
        overhead_out_us: 21,
        first_byte_us: 412_000,
        total_us: 1_904_000,
        events: 36,
    }
}

/// The names of [`record`].
pub fn names() -> Names {
    let names = Names::default();
    for name in ["ci", "engineering", "model-7", "openai"] {
        names.intern(name);
    }
    names
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Inputs have the sizes that the benches are named after.
    #[test]
    fn sizes() {
        for bytes in [1024, 32 * 1024, 1024 * 1024] {
            assert_eq!(chat_request(bytes).len(), bytes);
        }
        assert_eq!(chat_answer().len(), 700);
        assert!((230..=270).contains(&event(Said::Null).len()), "{}", event(Said::Null).len());
        for head in [REQUEST_HEAD, RESPONSE_HEAD] {
            assert_eq!(head.split(|byte| *byte == b'\n').count(), 17 + 3);
        }
    }
}
