//! Servers of `OpenAI`'s format that know more than it, or name it otherwise.

use super::*;
use crate::contract::parameters::{Parameter, Parameters};

/// The body that a server gets which has these parameters, and what is named as lost.
fn sent(from: Speech, model: &str, parameters: &[Parameter], body: &Value) -> (Value, String) {
    let parameters: Parameters = parameters.iter().copied().collect();
    let to = Destination { parameters, ..destination(Speech::OpenAi, model, Unsupported::Drop) };
    let mut out = vec![];
    let translated = request(from, to, body.to_string().as_bytes(), &mut out).expect("a request");
    (serde_json::from_slice(&out).expect("JSON"), translated.dropped)
}

fn messages(more: &Value) -> Value {
    let mut body = json!({"model": "m", "max_tokens": 9, "messages": [{"role": "user", "content": "hi"}]});
    body.as_object_mut().expect("an object").extend(more.as_object().expect("an object").clone());
    body
}

/// Numbers go by the names that the server has for them, or are named as lost.
#[test]
fn numbers_have_other_names() {
    let gemini =
        json!({"contents": [{"parts": [{"text": "hi"}]}], "generationConfig": {"topK": 40, "seed": 7}});
    let (body, dropped) =
        sent(Speech::Gemini, "mistral-large", &[Parameter::RandomSeed, Parameter::TopK], &gemini);
    assert_eq!(
        (&body["random_seed"], &body["seed"], &body["top_k"]),
        (&7.into(), &Value::Null, &40.into()),
        "{body}"
    );
    assert_eq!(dropped, "");
    let (body, dropped) = sent(Speech::Gemini, "llama", &[], &gemini);
    assert_eq!((&body["seed"], body.get("top_k")), (&7.into(), None), "{body}");
    assert_eq!(dropped, "top_k");
    let (body, _) = sent(Speech::Anthropic, "llama", &[Parameter::TopK], &messages(&json!({"top_k": 5})));
    assert_eq!(body["top_k"], 5, "{body}");
    let text = json!({"model": "m", "prompt": "hi", "max_tokens": 9, "min_p": 0.1, "repetition_penalty": 1.2, "logit_bias": {"1": 2}});
    let all = [Parameter::MinP, Parameter::RepetitionPenalty];
    let (body, dropped) = sent(Speech::Completions, "llama", &all, &text);
    assert_eq!((&body["min_p"], &body["repetition_penalty"]), (&0.1.into(), &1.2.into()), "{body}");
    assert_eq!(dropped, "");
    let (body, dropped) =
        sent(Speech::Completions, "llama", &[Parameter::RepeatPenalty, Parameter::KnownOnly], &text);
    assert_eq!(
        (&body["repeat_penalty"], body.get("min_p"), body.get("logit_bias")),
        (&1.2.into(), None, None),
        "{body}"
    );
    assert_eq!(dropped, "logit_bias,min_p");
    let mut out = vec![];
    let to = destination(Speech::Ollama, "llama", Unsupported::Refuse);
    let chat = messages(&json!({"min_p": 0.1, "repetition_penalty": 1.2})).to_string();
    request(Speech::OpenAi, to, chat.as_bytes(), &mut out).expect("a request");
    let body: Value = serde_json::from_slice(&out).expect("JSON");
    assert_eq!(
        (&body["options"]["min_p"], &body["options"]["repeat_penalty"]),
        (&0.1.into(), &1.2.into()),
        "{body}"
    );
}

/// A limit keeps its older name where that is the only one, and a server that refuses what it does not know is told no user.
#[test]
fn strict_servers_are_told_what_they_know() {
    let body = messages(&json!({"metadata": {"user_id": "u"}}));
    let (loose, dropped) = sent(Speech::Anthropic, "gpt-x", &[], &body);
    assert_eq!(
        (&loose["max_completion_tokens"], &loose["user"], &*dropped),
        (&9.into(), &"u".into(), ""),
        "{loose}"
    );
    let (strict, dropped) =
        sent(Speech::Anthropic, "gpt-x", &[Parameter::MaxTokens, Parameter::KnownOnly], &body);
    assert_eq!(
        (&strict["max_tokens"], strict.get("max_completion_tokens"), strict.get("user")),
        (&9.into(), None, None)
    );
    assert_eq!(dropped, "user");
}

/// How far a model is to think is told in the server's own words: an object, a switch of its own, or one of the template's.
#[test]
fn thinking_has_other_words() {
    let effort = |effort: &str| json!({"output_config": {"effort": effort}});
    let (off, on) = (json!({"thinking": {"type": "disabled"}}), json!({"thinking": {"type": "adaptive"}}));
    let budget = json!({"thinking": {"type": "enabled", "budget_tokens": 2048}});
    let router = &[Parameter::Reasoning][..];
    let (switch, template) = (&[Parameter::Thinking][..], &[Parameter::ChatTemplateKwargs][..]);
    let none = json!({});
    for (model, parameters, more, expected, dropped) in [
        ("qwen/qwen3", router, effort("max"), json!({"reasoning": {"effort": "xhigh"}}), ""),
        ("openai/gpt-5", router, effort("max"), json!({"reasoning": {"effort": "high"}}), ""),
        ("qwen/qwen3", router, budget.clone(), json!({"reasoning": {"max_tokens": 2048}}), ""),
        ("qwen/qwen3", router, off.clone(), json!({"reasoning": {"effort": "none"}}), ""),
        ("qwen/qwen3", router, on.clone(), json!({"reasoning": {"enabled": true}}), ""),
        ("qwen/qwen3", router, none.clone(), json!({}), ""),
        ("deepseek-chat", switch, on.clone(), json!({"thinking": {"type": "enabled"}}), ""),
        ("deepseek-chat", switch, off.clone(), json!({"thinking": {"type": "disabled"}}), ""),
        (
            "deepseek-chat",
            switch,
            effort("high"),
            json!({"thinking": {"type": "enabled"}}),
            "reasoning_effort",
        ),
        (
            "Qwen/Qwen3-8B",
            template,
            off.clone(),
            json!({"chat_template_kwargs": {"enable_thinking": false}}),
            "",
        ),
        ("deepseek-ai/DeepSeek-V3.1", template, on, json!({"chat_template_kwargs": {"thinking": true}}), ""),
        ("mistral-small", template, budget.clone(), json!({}), "thinking"),
        ("mistral-small", template, off, json!({}), ""),
        ("openai/gpt-oss-20b", template, budget, json!({"reasoning_effort": "medium"}), ""),
    ] {
        let (body, lost) = sent(Speech::Anthropic, model, parameters, &messages(&more));
        let names = ["reasoning", "reasoning_effort", "thinking", "chat_template_kwargs"];
        let told = names.iter().filter_map(|name| Some(((*name).to_owned(), body.get(name)?.clone())));
        assert_eq!(Value::Object(told.collect()), expected, "{model} {more}");
        assert_eq!(lost, dropped, "{model} {more}");
    }
}

/// What clients tell such servers is understood where their request goes elsewhere.
#[test]
fn their_words_are_understood() {
    for more in [
        json!({"enable_thinking": false}),
        json!({"chat_template_kwargs": {"enable_thinking": false}}),
        json!({"chat_template_kwargs": {"thinking": false}}),
    ] {
        let mut out = vec![];
        let to = destination(Speech::Anthropic, "claude-opus-5", Unsupported::Refuse);
        let translated =
            request(Speech::OpenAi, to, messages(&more).to_string().as_bytes(), &mut out).expect("a request");
        let body: Value = serde_json::from_slice(&out).expect("JSON");
        assert_eq!(body["thinking"], json!({"type": "disabled"}), "{body}");
        assert_eq!(translated.dropped, "");
    }
}
