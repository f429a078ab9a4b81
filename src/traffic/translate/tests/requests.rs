//! What clients of every dialect are known to send, one row each: where it belongs at a provider, and what is named as
//! lost.

use super::known::{Expected, assert_all};
use super::*;
use serde_json::json;

/// A row's name, whose request it is and where it goes, the request, what is expected of it, and what is lost.
pub type Row = (&'static str, Speech, (Speech, &'static str), Value, Expected, &'static str);

pub fn check(rows: Vec<Row>) {
    for (row, from, (to, model), body, expected, dropped) in rows {
        let mut out = vec![];
        let translated =
            request(from, destination(to, model, Unsupported::Drop), body.to_string().as_bytes(), &mut out);
        let translated = translated.unwrap_or_else(|fault| panic!("{row}: {}", fault.message()));
        let made = serde_json::from_slice(&out).expect("JSON");
        assert_all(row, &made, &expected);
        assert_eq!(translated.dropped, dropped, "{row}");
    }
}

pub const GPT: (Speech, &str) = (Speech::OpenAi, "gpt-5.2");
pub const CLAUDE: (Speech, &str) = (Speech::Anthropic, "claude-opus-5");
const SONNET: (Speech, &str) = (Speech::Anthropic, "claude-sonnet-4-5");
pub const GEMINI: (Speech, &str) = (Speech::Gemini, "gemini-2.5-pro");
pub const COHERE: (Speech, &str) = (Speech::Cohere, "command-a-03-2025");
const QWEN: (Speech, &str) = (Speech::Ollama, "qwen3");

pub fn function(name: &str) -> Value {
    json!({"type": "function", "function": {"name": name, "parameters": {"type": "object", "properties": {}}}})
}

/// A chat of these messages, with a function, and more.
pub fn chat(messages: &Value, more: &Value) -> Value {
    let mut body = json!({"model": "m", "messages": messages, "tools": [function("f")]});
    for (name, value) in more.as_object().expect("an object") {
        body[name] = value.clone();
    }
    body
}

pub fn asked(more: &Value) -> Value {
    chat(&json!([{"role": "user", "content": "a"}]), more)
}

/// Messages, of Anthropic's.
pub fn messages(messages: &Value, more: &Value) -> Value {
    let mut body = json!({"model": "m", "max_tokens": 9, "messages": messages});
    for (name, value) in more.as_object().expect("an object") {
        body[name] = value.clone();
    }
    body
}

/// Members that servers of the chat dialect have and `OpenAI` itself does not.
#[test]
fn chat_members() {
    let tools = json!([{"function": {"name": "g"}}, {"type": "somebody:web_search"}, {"type": "custom", "custom": {"name": "x"}}]);
    let allowed = json!({"type": "allowed_tools", "allowed_tools": {"mode": "required",
        "tools": [{"type": "function", "function": {"name": "g"}}]}});
    check(vec![
        (
            "a tool without a type is a function, and those of a server's own are named",
            Speech::OpenAi,
            CLAUDE,
            asked(&json!({"tools": tools})),
            vec![("/tools/0/name", json!("g")), ("/tools/1", Value::Null)],
            "somebody?web_search,custom",
        ),
        (
            "a choice among some tools is a choice among those that are shown",
            Speech::OpenAi,
            GEMINI,
            asked(&json!({"tools": [function("f"), function("g")], "tool_choice": allowed})),
            vec![
                ("/tools/0/functionDeclarations/0/name", json!("g")),
                ("/tools/0/functionDeclarations/1", Value::Null),
                ("/toolConfig/functionCallingConfig", json!({"mode": "ANY"})),
            ],
            "",
        ),
        (
            "an effort in an object",
            Speech::OpenAi,
            CLAUDE,
            asked(&json!({"reasoning": {"effort": "high", "exclude": true}})),
            vec![("/output_config/effort", json!("high"))],
            "reasoning.exclude",
        ),
        (
            "a budget in an object",
            Speech::OpenAi,
            SONNET,
            asked(&json!({"reasoning": {"max_tokens": 3000}})),
            vec![("/thinking", json!({"type": "enabled", "budget_tokens": 3000}))],
            "",
        ),
        (
            "an effort that is the usual one says nothing",
            Speech::OpenAi,
            CLAUDE,
            asked(&json!({"reasoning_effort": "default", "service_tier": "on_demand"})),
            vec![("/output_config", Value::Null), ("/service_tier", json!("standard_only"))],
            "",
        ),
        (
            "thinking without its type asks for none",
            Speech::OpenAi,
            CLAUDE,
            asked(&json!({"thinking": {"clear_thinking": true}})),
            vec![("/thinking", Value::Null)],
            "thinking.clear_thinking",
        ),
        (
            "the usual tier is the one that every provider has",
            Speech::OpenAi,
            COHERE,
            asked(&json!({"service_tier": "default"})),
            vec![],
            "",
        ),
        (
            "whom a server asks is its own matter",
            Speech::OpenAi,
            QWEN,
            asked(&json!({"provider": {"only": ["x"]}, "usage": {"include": true}})),
            vec![],
            "provider,usage",
        ),
    ]);
}

/// Parts and members of messages that servers of the chat dialect have.
#[test]
fn chat_messages() {
    let user = |part: Value| chat(&json!([{"role": "user", "content": [part]}]), &json!({}));
    let pdf = "https://example.test/a.pdf";
    let said = |message: Value| chat(&json!([{"role": "user", "content": "a"}, message]), &json!({}));
    check(vec![
        (
            "a document by its URL",
            Speech::OpenAi,
            CLAUDE,
            user(json!({"type": "document_url", "document_url": pdf, "document_name": "A"})),
            vec![
                ("/messages/0/content/0/source", json!({"type": "url", "url": pdf})),
                ("/messages/0/content/0/title", json!("A")),
            ],
            "",
        ),
        (
            "a URL in the place of a file's data",
            Speech::OpenAi,
            CLAUDE,
            user(json!({"type": "file", "file": {"file_data": pdf}})),
            vec![("/messages/0/content/0/source/url", json!(pdf))],
            "",
        ),
        (
            "an image's URL without an object around it",
            Speech::OpenAi,
            CLAUDE,
            user(json!({"type": "image_url", "image_url": "https://example.test/a.png"})),
            vec![("/messages/0/content/0/source/url", json!("https://example.test/a.png"))],
            "",
        ),
        (
            "a thought that nobody proved is told to a model that takes it",
            Speech::OpenAi,
            QWEN,
            said(json!({"role": "assistant", "content": "b", "reasoning_content": "hm"})),
            vec![("/messages/1/thinking", json!("hm")), ("/messages/1/content", json!("b"))],
            "",
        ),
        (
            "and is named where it is not",
            Speech::OpenAi,
            CLAUDE,
            said(json!({"role": "assistant", "content": "b", "reasoning": "hm", "prefix": true})),
            vec![("/messages/1/content", json!([{"type": "text", "text": "b"}]))],
            "messages[].prefix,messages[].thinking",
        ),
        (
            "a thought as a part",
            Speech::OpenAi,
            QWEN,
            said(json!({"role": "assistant", "content": [
                {"type": "thinking", "thinking": [{"type": "text", "text": "h"}, {"type": "text", "text": "m"}]},
                {"type": "text", "text": "b"},
            ]})),
            vec![("/messages/1/thinking", json!("hm")), ("/messages/1/content", json!("b"))],
            "",
        ),
        (
            "members that say nothing are not named",
            Speech::OpenAi,
            CLAUDE,
            said(
                json!({"role": "assistant", "content": "b", "prefix": false, "annotations": [], "audio": null}),
            ),
            vec![],
            "",
        ),
    ]);
}

/// Anthropic's searches for tools, where all tools are shown at once, and the older name of structured output.
#[test]
fn searches_for_tools() {
    let search = json!([
        {"type": "server_tool_use", "id": "s", "name": "tool_search_tool_bm25", "input": {"query": "q"}},
        {"type": "tool_search_tool_result", "tool_use_id": "s", "content": {"type": "tool_search_tool_search_result", "tool_references": []}},
    ]);
    let added = json!([{"type": "tool_addition", "tool": {"type": "tool_reference", "name": "f"}}]);
    let found = json!([{"type": "tool_result", "tool_use_id": "c", "content": [{"type": "tool_reference", "tool_name": "f"}]}]);
    let tools = json!([
        {"name": "f", "input_schema": {"type": "object"}, "defer_loading": true},
        {"type": "tool_search_tool_bm25_20251119", "name": "tool_search_tool_bm25"},
    ]);
    let schema = json!({"type": "object", "properties": {}, "additionalProperties": false});
    check(vec![
        (
            "a search of the provider's own",
            Speech::Anthropic,
            GPT,
            messages(
                &json!([
                    {"role": "user", "content": "a"}, {"role": "assistant", "content": search},
                    {"role": "system", "content": added}, {"role": "user", "content": "b"},
                ]),
                &json!({"tools": tools}),
            ),
            vec![
                ("/messages", json!([{"role": "user", "content": "a"}, {"role": "user", "content": "b"}])),
                ("/tools/0/function/name", json!("f")),
                ("/tools/1", Value::Null),
            ],
            "defer_loading,tool_search",
        ),
        (
            "a client's own finds a name",
            Speech::Anthropic,
            GPT,
            messages(
                &json!([
                    {"role": "user", "content": "a"},
                    {"role": "assistant", "content": [{"type": "tool_use", "id": "c", "name": "find", "input": {}}]},
                    {"role": "user", "content": found},
                ]),
                &json!({}),
            ),
            vec![("/messages/2", json!({"role": "tool", "tool_call_id": "c", "content": "f"}))],
            "",
        ),
        (
            "what a client itself found, and a document of texts, are documents",
            Speech::Anthropic,
            GPT,
            messages(
                &json!([{"role": "user", "content": [
                    {"type": "search_result", "source": "https://example.test", "title": "t", "content": [{"type": "text", "text": "b"}, {"type": "text", "text": "c"}]},
                    {"type": "document", "source": {"type": "content", "content": "d"}},
                ]}]),
                &json!({}),
            ),
            vec![(
                "/messages/0/content",
                json!([{"type": "text", "text": "b\nc"}, {"type": "text", "text": "d"}]),
            )],
            "source,title",
        ),
        (
            "the older name of structured output",
            Speech::Anthropic,
            GPT,
            messages(
                &json!([{"role": "user", "content": "a"}]),
                &json!({"output_format": {"type": "json_schema", "schema": schema}}),
            ),
            vec![("/response_format/json_schema/schema", schema)],
            "",
        ),
    ]);
}

/// Items of responses that are about tools and thoughts.
#[test]
fn items_beside_messages() {
    let tool = |name: &str| json!({"type": "function", "name": name, "parameters": {"type": "object"}});
    let user = json!({"role": "user", "content": "a"});
    check(vec![
        (
            "tools that were found are shown like the others, each once",
            Speech::Responses,
            GPT,
            json!({"model": "m", "tools": [{"type": "tool_search"}, tool("f")], "input": [
                user,
                {"type": "tool_search_call", "call_id": "s", "execution": "client", "arguments": {}},
                {"type": "tool_search_output", "call_id": "s", "tools": [tool("f"), tool("g")]},
                {"type": "additional_tools", "role": "developer", "tools": [tool("g"), tool("h")]},
            ]}),
            vec![
                ("/messages/1", Value::Null),
                ("/tools/0/function/name", json!("f")),
                ("/tools/1/function/name", json!("g")),
                ("/tools/2/function/name", json!("h")),
                ("/tools/3", Value::Null),
            ],
            "tool_search",
        ),
        (
            "a search that was answered like any call, and a call of what it found",
            Speech::Responses,
            GPT,
            json!({"model": "m", "tools": [tool("f")], "input": [
                user,
                {"type": "tool_search_call", "call_id": "s", "execution": "client", "arguments": {}},
                {"type": "function_call_output", "call_id": "s", "output": "found f"},
                {"type": "function_call", "call_id": "c", "namespace": "f", "name": "f", "arguments": "{}"},
            ]}),
            vec![("/messages/1/tool_calls/0/function/name", json!("f")), ("/messages/2", Value::Null)],
            "tool_search",
        ),
        (
            "a search of the provider's own, of which there is only what was looked for",
            Speech::Responses,
            GPT,
            json!({"model": "m", "input": [user,
                {"type": "web_search_call", "id": "w", "action": {"type": "search", "query": "q"}},
                {"role": "assistant", "content": "b"}]}),
            vec![("/messages/1", json!({"role": "assistant", "content": "b"}))],
            "web_search_call",
        ),
        (
            "some of the tools",
            Speech::Responses,
            CLAUDE,
            json!({"model": "m", "input": "a", "tools": [tool("f"), tool("g")],
                "tool_choice": {"type": "allowed_tools", "mode": "auto", "tools": [{"type": "function", "name": "g"}]}}),
            vec![
                ("/tools/0/name", json!("g")),
                ("/tools/1", Value::Null),
                ("/tool_choice/type", json!("auto")),
            ],
            "",
        ),
        (
            "none of the tools",
            Speech::Responses,
            GPT,
            json!({"model": "m", "input": "a", "tools": [tool("f")],
                "tool_choice": {"type": "allowed_tools", "mode": "required", "tools": [{"type": "web_search"}]}}),
            vec![("/tools", Value::Null), ("/tool_choice", Value::Null)],
            "",
        ),
        (
            "a thought that is told in full",
            Speech::Responses,
            QWEN,
            json!({"model": "m", "input": [user, {"type": "reasoning", "id": "r", "summary": [],
                "content": [{"type": "reasoning_text", "text": "hm"}]}, {"role": "assistant", "content": "b"}]}),
            vec![("/messages/1", json!({"role": "assistant", "content": "b", "thinking": "hm"}))],
            "",
        ),
        (
            "and one of which nothing but the summary was ever given",
            Speech::Responses,
            QWEN,
            json!({"model": "m", "input": [user, {"type": "reasoning", "id": "r",
                "summary": [{"type": "summary_text", "text": "hm"}]}], "reasoning": {"context": "all_turns"}}),
            vec![("/messages/1/thinking", json!("hm"))],
            "reasoning.context",
        ),
    ]);
}

/// What `generateContent` takes beside what is written of it.
#[test]
fn contents() {
    let body = |more: &Value| {
        let mut body = json!({"contents": [{"role": "user", "parts": [{"text": "a"}]}]});
        for (name, value) in more.as_object().expect("an object") {
            body[name] = value.clone();
        }
        body
    };
    let calling =
        |names: Value| json!({"functionCallingConfig": {"mode": "ANY", "allowedFunctionNames": names}});
    let functions = json!({"functionDeclarations": [{"name": "f"}, {"name": "g"}, {"name": "h", "behavior": "BLOCKING"}]});
    check(vec![
        (
            "one tool in the place of a list, and a choice among its functions",
            Speech::Gemini,
            GPT,
            body(&json!({"tools": functions, "toolConfig": calling(json!(["g", "f"]))})),
            vec![
                ("/tools/0/function/name", json!("f")),
                ("/tools/1/function/name", json!("g")),
                ("/tools/2", Value::Null),
                ("/tool_choice", json!("required")),
            ],
            "behavior",
        ),
        (
            "what is told of a part, and how functions may be called",
            Speech::Gemini,
            GPT,
            json!({"contents": [{"parts": [{"text": "a", "partMetadata": {"x": 1}}]}],
                "toolConfig": {"includeServerSideToolInvocations": true}}),
            vec![],
            "includeServerSideToolInvocations,partMetadata",
        ),
        (
            "contents of the model one after the other are one turn between calls and results",
            Speech::Gemini,
            GPT,
            json!({"contents": [
                {"role": "user", "parts": [{"text": "a"}]},
                {"role": "model", "parts": [{"functionCall": {"id": "1", "name": "f"}}]},
                {"role": "model", "parts": [{"functionCall": {"id": "2", "name": "g"}}]},
                {"role": "user", "parts": [{"functionResponse": {"id": "1", "name": "f", "response": {"output": "x"}}}, {"text": "b"}]},
                {"role": "user", "parts": [{"functionResponse": {"id": "2", "name": "g", "response": {"output": "y"}}}]},
            ]}),
            vec![
                ("/messages/1/tool_calls/1/id", json!("2")),
                ("/messages/2", json!({"role": "tool", "tool_call_id": "1", "content": "x"})),
                ("/messages/3", json!({"role": "tool", "tool_call_id": "2", "content": "y"})),
                ("/messages/4", json!({"role": "user", "content": "b"})),
            ],
            "",
        ),
    ]);
}
