//! Searches that the provider runs itself, as each dialect asks for them.

use super::*;

fn sent(from: Speech, to: Speech, model: &str, body: &Value) -> (Value, String) {
    let mut out = vec![];
    let to = destination(to, model, Unsupported::Drop);
    let translated = request(from, to, body.to_string().as_bytes(), &mut out).expect("a request");
    (serde_json::from_slice(&out).expect("JSON"), translated.dropped)
}

fn place() -> Value {
    json!({"type": "approximate", "city": "Rīga", "country": "LV"})
}

fn chat() -> Value {
    json!({"model": "m", "messages": [{"role": "user", "content": "hi"}], "web_search_options": {
        "search_context_size": "low", "user_location": {"type": "approximate", "approximate": {"city": "Rīga", "country": "LV"}}}})
}

fn responses(more: &Value) -> Value {
    json!({"model": "m", "input": "hi", "tools": [{"type": "web_search", "search_context_size": "low", "user_location": place(), "filters": more}]})
}

fn messages(tools: &Value) -> Value {
    json!({"model": "m", "max_tokens": 99, "messages": [{"role": "user", "content": "hi"}], "tools": tools})
}

fn anthropics() -> Value {
    json!([{"type": "web_search_20250305", "name": "web_search", "max_uses": 3, "allowed_domains": ["a.example"], "user_location": place()}])
}

fn google() -> Value {
    json!({"contents": [{"parts": [{"text": "hi"}]}], "tools": [{"google_search": {}}]})
}

/// What both sides can say of a search crosses, and the rest is named.
#[test]
fn wishes_cross() {
    let claude = (Speech::Anthropic, "claude-opus-5", "/tools");
    let gpt = (Speech::Responses, "gpt-5.2", "/tools");
    let gemini = (Speech::Gemini, "gemini-2.5-pro", "/tools");
    let only_chat = (Speech::OpenAi, "gpt-4o-search-preview", "/web_search_options");
    let tool = json!({"type": "web_search_20250305", "name": "web_search", "user_location": place()});
    let limited = json!({"type": "web_search_20250305", "name": "web_search", "allowed_domains": ["a.example"], "user_location": place()});
    let domains = json!({"allowed_domains": ["a.example"]});
    let approximate = json!({"type": "approximate", "approximate": {"city": "Rīga", "country": "LV"}});
    for (from, body, (to, model, pointer), expected, dropped) in [
        (
            Speech::OpenAi,
            chat(),
            gpt,
            json!([{"type": "web_search", "search_context_size": "low", "user_location": place()}]),
            "",
        ),
        (Speech::OpenAi, chat(), claude, json!([tool]), "search_context_size"),
        (Speech::OpenAi, chat(), gemini, json!([{"googleSearch": {}}]), "search_context_size,user_location"),
        (Speech::Responses, responses(&domains), claude, json!([limited]), "search_context_size"),
        (
            Speech::Responses,
            responses(&json!({})),
            only_chat,
            json!({"search_context_size": "low", "user_location": approximate}),
            "",
        ),
        (
            Speech::Anthropic,
            messages(&anthropics()),
            gpt,
            json!([{"type": "web_search", "filters": domains, "user_location": place()}]),
            "max_uses",
        ),
        (
            Speech::Anthropic,
            messages(&anthropics()),
            only_chat,
            json!({"user_location": approximate}),
            "allowed_domains,max_uses",
        ),
        (
            Speech::Gemini,
            google(),
            claude,
            json!([{"type": "web_search_20250305", "name": "web_search"}]),
            "",
        ),
        (Speech::Gemini, google(), gpt, json!([{"type": "web_search"}]), ""),
    ] {
        let (body, lost) = sent(from, to, model, &body);
        assert_eq!(body.pointer(pointer), Some(&expected), "{from:?} {to:?} {body}");
        assert_eq!(lost, dropped, "{from:?} {to:?}");
    }
}

/// Where nobody can search, or not beside functions, the search is named as lost, and refused where that may not be.
#[test]
fn searches_without_a_place_are_named() {
    for (from, body, to, model, name) in [
        (Speech::OpenAi, chat(), Speech::Cohere, "command-a-03-2025", "web_search_options"),
        (Speech::OpenAi, chat(), Speech::BedrockAnthropic, "anthropic.claude-opus-5", "web_search_options"),
        (Speech::Responses, responses(&json!({})), Speech::OpenAi, "gpt-4.1", "web_search"),
        (Speech::Anthropic, messages(&anthropics()), Speech::Ollama, "qwen3", "web_search_20250305"),
        (Speech::Gemini, google(), Speech::OpenAi, "gpt-4.1", "googleSearch"),
    ] {
        let (sent, lost) = sent(from, to, model, &body);
        assert_eq!(lost, name, "{to:?}");
        assert!(sent.get("tools").is_none() && sent.get("web_search_options").is_none(), "{sent}");
        let to = destination(to, model, Unsupported::Refuse);
        assert!(request(from, to, body.to_string().as_bytes(), &mut vec![]).is_err(), "{name}");
    }
    let function = json!({"name": "f", "input_schema": {"type": "object"}});
    let both = messages(&json!([anthropics()[0], function]));
    let (body, lost) = sent(Speech::Anthropic, Speech::Gemini, "gemini-2.5-pro", &both);
    assert_eq!((body["tools"].as_array().map(Vec::len), &*lost), (Some(1), "web_search_20250305"), "{body}");
    let (body, lost) = sent(Speech::Anthropic, Speech::Responses, "gpt-5.2", &both);
    assert_eq!((body["tools"].as_array().map(Vec::len), &*lost), (Some(2), "max_uses"), "{body}");
    let mut forced = messages(&anthropics());
    forced["tool_choice"] = json!({"type": "tool", "name": "web_search"});
    let (body, lost) = sent(Speech::Anthropic, Speech::Responses, "gpt-5.2", &forced);
    assert!(body.get("tool_choice").is_none(), "{body}");
    assert_eq!(lost, "tool_choice,max_uses");
}
