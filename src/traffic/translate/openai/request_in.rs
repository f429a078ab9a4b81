//! A chat completion request as it is understood.

use super::messages_in;
use crate::base::fault::Fault;
use crate::traffic::dialect::json::{Item, Quoted};
use crate::traffic::translate::loss::{Losses, untranslatable};
use crate::traffic::translate::prompt::{Cached, Knob, Output, Prompt, Thinking, Tool, ToolChoice};
use crate::traffic::translate::search::WebSearch;
use crate::traffic::translate::shape::At;

/// Members that mean the same, or nothing, in every format.
pub const KNOBS: [(&str, Knob); 13] = [
    ("temperature", Knob::Temperature),
    ("top_p", Knob::TopP),
    ("top_k", Knob::TopK),
    ("min_p", Knob::MinP),
    ("repetition_penalty", Knob::RepetitionPenalty),
    ("seed", Knob::Seed),
    ("frequency_penalty", Knob::FrequencyPenalty),
    ("presence_penalty", Knob::PresencePenalty),
    ("logprobs", Knob::Logprobs),
    ("top_logprobs", Knob::TopLogprobs),
    ("logit_bias", Knob::LogitBias),
    ("n", Knob::Choices),
    ("verbosity", Knob::Verbosity),
];

/// Members that only tell a provider how to keep, cache or pad: the answer is the same without them.
const HINTS: [&str; 14] = [
    "store",
    "metadata",
    "prompt_cache_key",
    "prompt_cache_options",
    "prompt_cache_retention",
    "prediction",
    "stream_options",
    // What other servers of this dialect are told: whom to ask, and in which form thoughts are to come.
    "provider",
    "models",
    "route",
    "transforms",
    "usage",
    "reasoning_format",
    "include_reasoning",
];

/// Understands a whole body.
///
/// # Errors
/// It has not the form of this API, or holds content that no other format has.
pub fn read<'b>(body: Item<'b>, losses: &mut Losses) -> Result<Prompt<'b>, Fault> {
    let mut prompt = Prompt::default();
    let mut messages = None;
    for (name, value) in At::root_members(body)? {
        match &*name {
            b"model" => {}
            b"messages" => messages = Some(value),
            name => member(&mut prompt, name, value, losses)?,
        }
    }
    let messages = messages.ok_or_else(|| At::root("messages").invalid("is missing."))?;
    prompt.turns = messages_in::turns(messages, losses)?;
    Ok(prompt)
}

fn member<'b>(
    prompt: &mut Prompt<'b>,
    name: &[u8],
    value: Item<'b>,
    losses: &mut Losses,
) -> Result<(), Fault> {
    match name {
        b"stream" => prompt.stream = At::root("stream").flag(Some(value))?.unwrap_or_default(),
        b"max_completion_tokens" => {
            prompt.max_tokens = At::root("max_completion_tokens").count(Some(value))?;
        }
        // The newer name wins.
        b"max_tokens" => {
            let count = At::root("max_tokens").count(Some(value))?;
            prompt.max_tokens = prompt.max_tokens.or(count);
        }
        b"stop" => prompt.stop = stop(value)?,
        b"tools" => prompt.tools = tools(value, losses)?,
        b"web_search_options" => {
            let object = At::root("web_search_options").object(value)?;
            prompt.search = Some(WebSearch::read(Quoted::raw(b"web_search_options"), object, losses));
        }
        b"tool_choice" => tool_choice(prompt, value, losses)?,
        b"parallel_tool_calls" => {
            prompt.parallel_tools = At::root("parallel_tool_calls").flag(Some(value))?;
        }
        b"response_format" => prompt.output = output(value)?,
        // As it does if it is told nothing.
        b"reasoning_effort" if value.text().is_some_and(|word| word.is("default")) => {}
        b"reasoning_effort" => prompt.effort = At::root("reasoning_effort").effort(Some(value))?,
        b"reasoning" => reasoning(prompt, value, losses)?,
        b"thinking" => prompt.thinking = thinking(value, losses)?,
        // What servers of one's own are told.
        b"enable_thinking" => prompt.thinking = switched(At::root("enable_thinking").flag(Some(value))?),
        b"chat_template_kwargs" => {
            let switches = ["enable_thinking", "thinking"];
            let at = At::root("chat_template_kwargs");
            losses.unread("chat_template_kwargs.", at.object(value)?, &switches);
            let [one, other] = at.fields(Some(value), switches)?;
            prompt.thinking = switched(one.or(other).and_then(|on| on.flag())).or(prompt.thinking);
        }
        b"user" => prompt.user = Some(At::root("user").text(Some(value))?),
        b"safety_identifier" => {
            prompt.safety_identifier = Some(At::root("safety_identifier").text(Some(value))?);
        }
        b"service_tier" => {
            let tier = At::root("service_tier").text(Some(value))?;
            // What other servers of this dialect call it.
            let usual = tier.is("on_demand") || tier.is("standard");
            prompt.service_tier = Some(if usual { Quoted::raw(b"default") } else { tier });
        }
        b"modalities" if value.elements().all(|mode| mode.text().is_some_and(|mode| mode.is("text"))) => {}
        b"functions" | b"function_call" => {
            return Err(untranslatable(
                "`functions` and `function_call` are not translated: send `tools` and `tool_choice`.",
            )
            .about(String::from_utf8_lossy(name)));
        }
        _ => match KNOBS.iter().find(|(known, _)| known.as_bytes() == name) {
            Some((_, knob)) => prompt.knobs.push((*knob, value)),
            None if HINTS.iter().any(|hint| hint.as_bytes() == name) => hint(name, losses),
            None => losses.foreign_parameter(name),
        },
    }
    Ok(())
}

/// `stream_options` is heeded by whoever writes the answer.
fn hint(name: &[u8], losses: &mut Losses) {
    if name != b"stream_options" {
        losses.foreign_hint(name);
    }
}

fn stop(value: Item<'_>) -> Result<Vec<Quoted<'_>>, Fault> {
    let at = At::root("stop");
    if let Some(one) = value.text() {
        return Ok(vec![one]);
    }
    at.array(value)?.enumerate().map(|(index, one)| at.index(index).text(Some(one))).collect()
}

fn thinking(value: Item<'_>, losses: &mut Losses) -> Result<Option<Thinking>, Fault> {
    let at = At::root("thinking");
    let [kind, budget] = at.fields(Some(value), ["type", "budget_tokens"])?;
    losses.unread("thinking.", value, &["type", "budget_tokens"]);
    let Some(kind) = at.name("type").optional_text(kind)? else { return Ok(None) };
    if kind.is("enabled") {
        let budget = at.name("budget_tokens").count(budget)?;
        return Ok(Some(budget.map_or(Thinking::Adaptive, Thinking::Budget)));
    }
    Ok(Some(if kind.is("disabled") { Thinking::Off } else { Thinking::Adaptive }))
}

fn switched(on: Option<bool>) -> Option<Thinking> {
    on.map(|on| if on { Thinking::Adaptive } else { Thinking::Off })
}

/// Effort and budget in one member, as some servers of this dialect have it.
fn reasoning<'b>(prompt: &mut Prompt<'b>, value: Item<'b>, losses: &mut Losses) -> Result<(), Fault> {
    const READ: [&str; 3] = ["effort", "max_tokens", "enabled"];
    let at = At::root("reasoning");
    let [effort, tokens, enabled] = at.fields(Some(value), READ)?;
    losses.unread("reasoning.", value, &READ);
    prompt.effort = at.name("effort").effort(effort)?;
    let asked = switched(at.name("enabled").flag(enabled)?);
    prompt.thinking = at.name("max_tokens").count(tokens)?.map(Thinking::Budget).or(asked);
    Ok(())
}

fn output(value: Item<'_>) -> Result<Output<'_>, Fault> {
    let at = At::root("response_format");
    let kind = at.name("type").text(value.get("type"))?;
    if kind.is("text") {
        return Ok(Output::Text);
    }
    if kind.is("json_object") {
        return Ok(Output::Json);
    }
    if !kind.is("json_schema") {
        return Err(at.name("type").wants("`text`, `json_object` or `json_schema`"));
    }
    let at = at.name("json_schema");
    let [name, schema, strict, description] =
        at.fields(value.get("json_schema"), ["name", "schema", "strict", "description"])?;
    // It may have a name and no more.
    let Some(schema) = schema else { return Ok(Output::Json) };
    Ok(Output::Schema {
        name: at.name("name").optional_text(name)?,
        schema: Some(schema).filter(Item::is_object).ok_or_else(|| at.name("schema").wants("an object"))?,
        strict: at.name("strict").flag(strict)?,
        description: at.name("description").optional_text(description)?,
    })
}

/// Functions. Other tools are dropped or refused, as the operator wants it: the model answers without them.
fn tools<'b>(value: Item<'b>, losses: &mut Losses) -> Result<Vec<Tool<'b>>, Fault> {
    let at = At::root("tools");
    let tools = at.array(value)?.enumerate();
    tools.filter_map(|(index, tool)| one_tool(at.index(index), tool, losses).transpose()).collect()
}

fn one_tool<'b>(at: At<'_>, tool: Item<'b>, losses: &mut Losses) -> Result<Option<Tool<'b>>, Fault> {
    let [kind, function, cache_control, breakpoint] =
        at.fields(Some(tool), ["type", "function", MARKS[0], MARKS[1]])?;
    // Some clients leave it out.
    let kind = at.name("type").optional_text(kind)?.unwrap_or(Quoted::raw(b"function"));
    if !kind.is("function") {
        losses.foreign_parameter(kind.as_written());
        return Ok(None);
    }
    let at = at.name("function");
    let [name, description, schema, strict] =
        at.fields(function, ["name", "description", "parameters", "strict"])?;
    Ok(Some(Tool {
        name: at.name("name").text(name)?,
        description: at.name("description").optional_text(description)?,
        schema,
        strict,
        cached: cached(cache_control.or(breakpoint), losses),
    }))
}

fn tool_choice<'b>(prompt: &mut Prompt<'b>, value: Item<'b>, losses: &mut Losses) -> Result<(), Fault> {
    let at = At::root("tool_choice");
    if let Some(word) = value.text() {
        prompt.choice = Some(mode(at, &word)?);
        return Ok(());
    }
    let [function, allowed] = at.fields(Some(value), ["function", "allowed_tools"])?;
    if let Some(function) = function {
        prompt.choice = Some(ToolChoice::One(at.name("function").name("name").text(function.get("name"))?));
        return Ok(());
    }
    let Some(allowed) = allowed else {
        // A tool that was left out.
        losses.parameter("tool_choice");
        return Ok(());
    };
    let at = at.name("allowed_tools");
    let [word, tools] = at.fields(Some(allowed), ["mode", "tools"])?;
    let names = tools.into_iter().flat_map(|tools| tools.elements());
    let names = names.filter_map(|tool| tool.get("function").unwrap_or(tool).text_at("name"));
    prompt.choice = Some(mode(at.name("mode"), &at.name("mode").text(word)?)?);
    prompt.allowed = Some(names.collect());
    Ok(())
}

fn mode<'b>(at: At<'_>, word: &Quoted<'_>) -> Result<ToolChoice<'b>, Fault> {
    match &*word.unescaped() {
        b"auto" => Ok(ToolChoice::Auto),
        b"none" => Ok(ToolChoice::None),
        b"required" | b"any" => Ok(ToolChoice::Any),
        _ => Err(at.wants("`auto`, `none`, `required` or an object")),
    }
}

/// Marks that a prompt cache is to end here: Anthropic's, which many clients send in either dialect, and `OpenAI`'s.
pub const MARKS: [&str; 2] = ["cache_control", "prompt_cache_breakpoint"];

pub fn cached(mark: Option<Item<'_>>, losses: &mut Losses) -> Option<Cached> {
    let mark = mark?;
    if !mark.is_object() {
        losses.hint(MARKS[0]);
        return None;
    }
    let long = mark.text_at("ttl").is_some_and(|ttl| ["1h", "30m", "12h"].iter().any(|long| ttl.is(long)));
    Some(if long { Cached::Long } else { Cached::Short })
}
