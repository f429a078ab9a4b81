//! What some models take of a request and others do not, and the order in which providers want turns.

use super::requests::{CLAUDE, COHERE, GEMINI, GPT, asked, chat, check, function, messages};
use super::*;
use serde_json::json;

fn call(id: &str) -> Value {
    json!({"id": id, "type": "function", "function": {"name": "f", "arguments": "{}"}})
}

/// The order that providers want turns in.
#[test]
fn turns_in_order() {
    let step = json!([
        {"role": "user", "content": "a"},
        {"role": "assistant", "content": null, "tool_calls": [call("1"), call("2")]},
        {"role": "tool", "tool_call_id": "1", "content": "x"},
        {"role": "developer", "content": "late"},
        {"role": "tool", "tool_call_id": "2", "content": "y"},
    ]);
    let silent = json!([
        {"role": "user", "content": "a"}, {"role": "assistant", "content": ""}, {"role": "user", "content": "b"},
    ]);
    let greeted = json!([{"role": "assistant", "content": "hello"}, {"role": "user", "content": "a"}]);
    let text = |text: &str| json!({"type": "text", "text": text});
    check(vec![
        (
            "a system message does not part the results of one step",
            Speech::OpenAi,
            CLAUDE,
            chat(&step, &json!({})),
            vec![
                ("/messages/2/content/0/tool_use_id", json!("1")),
                ("/messages/2/content/1/tool_use_id", json!("2")),
                ("/messages/3", json!({"role": "system", "content": [text("late")]})),
            ],
            "",
        ),
        (
            "an answer that says nothing does not part the user's messages",
            Speech::OpenAi,
            CLAUDE,
            chat(&silent, &json!({})),
            vec![("/messages", json!([{"role": "user", "content": [text("a"), text("b")]}]))],
            "",
        ),
        (
            "nor is it a message where there must be something in it",
            Speech::OpenAi,
            COHERE,
            chat(&silent, &json!({})),
            vec![("/messages/1", json!({"role": "user", "content": "b"}))],
            "",
        ),
        (
            "the user begins, whoever spoke first",
            Speech::OpenAi,
            GEMINI,
            chat(&greeted, &json!({})),
            vec![
                ("/contents/0", json!({"role": "user", "parts": [{"text": " "}]})),
                ("/contents/1", json!({"role": "model", "parts": [{"text": "hello"}]})),
            ],
            "",
        ),
        (
            "no blank ends an answer that the model is to go on with",
            Speech::OpenAi,
            (Speech::Anthropic, "claude-sonnet-4-5"),
            chat(
                &json!([{"role": "user", "content": "a "}, {"role": "assistant", "content": "b \n"}]),
                &json!({}),
            ),
            vec![("/messages/0/content/0/text", json!("a ")), ("/messages/1/content/0/text", json!("b"))],
            "",
        ),
        (
            "a text file in a result is the result's",
            Speech::Anthropic,
            GPT,
            messages(
                &json!([
                    {"role": "user", "content": "a"},
                    {"role": "assistant", "content": [{"type": "tool_use", "id": "c", "name": "f", "input": {}}]},
                    {"role": "user", "content": [{"type": "tool_result", "tool_use_id": "c", "content": [
                        {"type": "document", "source": {"type": "text", "media_type": "text/plain", "data": "words"}}]}]},
                ]),
                &json!({}),
            ),
            vec![
                ("/messages/2", json!({"role": "tool", "tool_call_id": "c", "content": "words"})),
                ("/messages/3", Value::Null),
            ],
            "",
        ),
    ]);
}

/// What some models take and others do not.
#[test]
fn models_apart() {
    let thought = json!([
        {"role": "user", "content": "a"},
        {"role": "assistant", "content": [{"type": "thinking", "thinking": "hm", "signature": ""}, {"type": "text", "text": "b"}]},
        {"role": "user", "content": "c"},
    ]);
    let format = json!({"type": "json_schema", "json_schema": {"name": "n", "schema": {"type": "object"}}});
    let asked_for = "Answer with one JSON object of this JSON schema and nothing else: {\"type\":\"object\"}";
    let failed = json!([
        {"role": "user", "content": "a"},
        {"role": "assistant", "content": [{"type": "tool_use", "id": "c", "name": "f", "input": {}}]},
        {"role": "user", "content": [{"type": "tool_result", "tool_use_id": "c", "content": "no", "is_error": true}]},
    ]);
    let tools = |count: usize| -> Value {
        let tool = json!({"type": "function", "function": {"name": "f", "strict": true, "parameters": {"type": "object"}}});
        vec![tool; count].into()
    };
    let marked = |text: &str| json!([{"type": "text", "text": text, "cache_control": {"type": "ephemeral"}}]);
    let mut marked_tool = function("f");
    marked_tool["cache_control"] = json!({"type": "ephemeral"});
    let marks: Vec<_> =
        ["1", "2", "3", "4"].map(|text| json!({"role": "user", "content": marked(text)})).into();
    check(vec![
        (
            "a model is held to so many schemas",
            Speech::OpenAi,
            CLAUDE,
            asked(&json!({"tools": tools(20)})),
            vec![("/tools/19/strict", json!(true))],
            "",
        ),
        (
            "and to none of one more",
            Speech::OpenAi,
            (Speech::Bedrock, "anthropic.claude-sonnet-5"),
            asked(&json!({"tools": tools(21)})),
            vec![("/toolConfig/tools/0/toolSpec/strict", Value::Null)],
            "tools[].strict",
        ),
        (
            "of too many cache marks those of the tools go first, behind which all others stand",
            Speech::OpenAi,
            CLAUDE,
            chat(&marks.into(), &json!({"tools": [marked_tool]})),
            vec![
                ("/tools/0/cache_control", Value::Null),
                ("/messages/0/content/0/cache_control", json!({"type": "ephemeral"})),
                ("/messages/0/content/3/cache_control", json!({"type": "ephemeral"})),
            ],
            "cache_control",
        ),
        (
            "a form of the answer that has a name only is any JSON",
            Speech::OpenAi,
            (Speech::Ollama, "qwen3"),
            asked(&json!({"response_format": {"type": "json_schema", "json_schema": {"name": "n"}}})),
            vec![("/format", json!("json"))],
            "",
        ),
        (
            "models that want their thoughts back get them",
            Speech::Anthropic,
            (Speech::OpenAi, "deepseek-v3.2"),
            messages(&thought, &json!({})),
            vec![("/messages/1", json!({"role": "assistant", "content": "b", "reasoning_content": "hm"}))],
            "",
        ),
        (
            "others do not",
            Speech::Anthropic,
            GPT,
            messages(&thought, &json!({})),
            vec![("/messages/1", json!({"role": "assistant", "content": "b"}))],
            "messages[].thinking",
        ),
        (
            "a model that is held to no schema is asked for one",
            Speech::OpenAi,
            (Speech::Anthropic, "claude-3-5-haiku-latest"),
            asked(&json!({"response_format": format})),
            vec![
                ("/output_config", Value::Null),
                ("/system/0/text", json!(asked_for)),
                ("/max_tokens", json!(8192)),
            ],
            "response_format",
        ),
        (
            "so is one that has tools, where it is held to none beside them",
            Speech::OpenAi,
            COHERE,
            asked(&json!({"response_format": format})),
            vec![
                ("/response_format", Value::Null),
                ("/messages/0", json!({"role": "system", "content": asked_for})),
                ("/tools/0/function/name", json!("f")),
            ],
            "response_format",
        ),
        (
            "and one that is held to none beside its functions",
            Speech::OpenAi,
            GEMINI,
            asked(&json!({"response_format": format})),
            vec![
                ("/generationConfig", Value::Null),
                ("/systemInstruction/parts/0/text", json!(asked_for)),
                ("/tools/0/functionDeclarations/0/name", json!("f")),
            ],
            "response_format",
        ),
        (
            "the newer ones are held to both",
            Speech::OpenAi,
            (Speech::Gemini, "gemini-3.5-flash"),
            asked(&json!({"response_format": format})),
            vec![
                ("/generationConfig/responseMimeType", json!("application/json")),
                ("/systemInstruction", Value::Null),
            ],
            "",
        ),
        (
            "a provider that wants JSON spoken of gets it spoken of",
            Speech::Gemini,
            GPT,
            json!({"contents": [{"parts": [{"text": "a"}]}], "generationConfig": {"responseMimeType": "application/json"}}),
            vec![
                (
                    "/messages/0",
                    json!({"role": "system", "content": "Answer with one JSON object and nothing else."}),
                ),
                ("/response_format", json!({"type": "json_object"})),
            ],
            "",
        ),
        (
            "once is enough",
            Speech::Gemini,
            (Speech::Responses, "gpt-4.1"),
            json!({"contents": [{"parts": [{"text": "As Json."}]}], "generationConfig": {"responseMimeType": "application/json"}}),
            vec![("/input/0", json!({"role": "user", "content": "As Json."})), ("/input/1", Value::Null)],
            "",
        ),
        (
            "that a tool failed is told in words to a model that knows no other way",
            Speech::Anthropic,
            (Speech::Bedrock, "us.meta.llama3-3-70b-instruct-v1:0"),
            messages(&failed, &json!({})),
            vec![(
                "/messages/2/content/0/toolResult",
                json!({"toolUseId": "c", "content": [{"text": "Error:"}, {"text": "no"}]}),
            )],
            "",
        ),
    ]);
}
