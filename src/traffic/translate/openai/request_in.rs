//! A chat completion request as it is understood.

use crate::base::fault::Fault;
use crate::traffic::dialect::json::{Item, Kind, Quoted};
use crate::traffic::translate::loss::{Losses, invalid, untranslatable};
use crate::traffic::translate::prompt::{
    Arguments, Cached, Content, Knob, Output, Part, Prompt, Role, Source, Thinking, Tool, ToolChoice, Turn,
};
use crate::traffic::translate::shape::{At, present};

/// Members that mean the same, or nothing, in every format.
pub const KNOBS: [(&str, Knob); 11] = [
    ("temperature", Knob::Temperature),
    ("top_p", Knob::TopP),
    ("top_k", Knob::TopK),
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
const HINTS: [&str; 7] = [
    "store",
    "metadata",
    "prompt_cache_key",
    "prompt_cache_options",
    "prompt_cache_retention",
    "prediction",
    "stream_options",
];

/// Understands a whole body.
///
/// # Errors
/// It has not the form of this API, or holds content that no other format has.
pub fn read<'b>(body: Item<'b>, losses: &mut Losses) -> Result<Prompt<'b>, Fault> {
    let mut prompt = Prompt::default();
    let mut messages = None;
    At::root("body").object(body)?;
    for (name, value) in body.members() {
        if value.is_null() {
            continue;
        }
        match &*name.unescaped() {
            b"model" => {}
            b"messages" => messages = Some(value),
            name => member(&mut prompt, name, value, losses)?,
        }
    }
    let messages = messages.ok_or_else(|| invalid("`messages` is missing."))?;
    prompt.turns = turns(messages, losses)?;
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
        b"tool_choice" => prompt.choice = Some(tool_choice(value)?),
        b"parallel_tool_calls" => {
            prompt.parallel_tools = At::root("parallel_tool_calls").flag(Some(value))?;
        }
        b"response_format" => prompt.output = output(value)?,
        b"reasoning_effort" => prompt.effort = Some(At::root("reasoning_effort").text(Some(value))?),
        b"thinking" => prompt.thinking = Some(thinking(value)?),
        b"user" => {
            let user = At::root("user").text(Some(value))?;
            prompt.user.get_or_insert(user);
        }
        b"safety_identifier" => prompt.user = Some(At::root("safety_identifier").text(Some(value))?),
        b"service_tier" => prompt.service_tier = Some(At::root("service_tier").text(Some(value))?),
        b"modalities" if value.elements().all(|mode| mode.text().is_some_and(|mode| mode.is("text"))) => {}
        b"functions" | b"function_call" => {
            return Err(untranslatable(
                "`functions` and `function_call` are not translated: send `tools` and `tool_choice`.",
            ));
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
        losses.hint(&String::from_utf8_lossy(name));
    }
}

fn stop(value: Item<'_>) -> Result<Vec<Quoted<'_>>, Fault> {
    let at = At::root("stop");
    if let Some(one) = value.text() {
        return Ok(vec![one]);
    }
    at.array(value)?.enumerate().map(|(index, one)| at.index(index).text(Some(one))).collect()
}

fn thinking(value: Item<'_>) -> Result<Thinking, Fault> {
    let at = At::root("thinking");
    let kind = at.name("type").text(value.get("type"))?;
    if kind.is("enabled") {
        let budget = at.name("budget_tokens").count(value.get("budget_tokens"))?;
        return Ok(budget.map_or(Thinking::Adaptive, Thinking::Budget));
    }
    Ok(if kind.is("disabled") { Thinking::Off } else { Thinking::Adaptive })
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
    let inner = at.object(value.get("json_schema").ok_or_else(|| at.wants("an object"))?)?;
    let schema = present(inner.get("schema")).filter(Item::is_object);
    Ok(Output::Schema {
        name: inner.text_at("name"),
        schema: schema.ok_or_else(|| at.name("schema").wants("an object"))?,
        strict: at.name("strict").flag(inner.get("strict"))?,
        description: inner.text_at("description"),
    })
}

fn tools<'b>(value: Item<'b>, losses: &mut Losses) -> Result<Vec<Tool<'b>>, Fault> {
    let at = At::root("tools");
    at.array(value)?.enumerate().map(|(index, tool)| one_tool(at.index(index), tool, losses)).collect()
}

fn one_tool<'b>(at: At<'_>, tool: Item<'b>, losses: &mut Losses) -> Result<Tool<'b>, Fault> {
    at.object(tool)?;
    let kind = at.name("type").text(tool.get("type"))?;
    if !kind.is("function") {
        return Err(untranslatable(format!("`{at}` is no function: other tools are not translated.")));
    }
    let at = at.name("function");
    let function = at.object(tool.get("function").ok_or_else(|| at.wants("an object"))?)?;
    Ok(Tool {
        name: at.name("name").text(function.get("name"))?,
        description: at.name("description").optional_text(function.get("description"))?,
        schema: present(function.get("parameters")),
        strict: present(function.get("strict")),
        cached: cached(tool, losses),
    })
}

fn tool_choice(value: Item<'_>) -> Result<ToolChoice<'_>, Fault> {
    let at = At::root("tool_choice");
    if let Some(word) = value.text() {
        return match &*word.unescaped() {
            b"auto" => Ok(ToolChoice::Auto),
            b"none" => Ok(ToolChoice::None),
            b"required" | b"any" => Ok(ToolChoice::Any),
            _ => Err(at.wants("`auto`, `none`, `required` or an object")),
        };
    }
    at.object(value)?;
    match value.get("function") {
        Some(function) => Ok(ToolChoice::One(at.name("function").name("name").text(function.get("name"))?)),
        None => Err(untranslatable("`tool_choice` names no function: other tools are not translated.")),
    }
}

fn turns<'b>(messages: Item<'b>, losses: &mut Losses) -> Result<Vec<Turn<'b>>, Fault> {
    let at = At::root("messages");
    at.array(messages)?.enumerate().map(|(index, message)| turn(at.index(index), message, losses)).collect()
}

fn turn<'b>(at: At<'_>, message: Item<'b>, losses: &mut Losses) -> Result<Turn<'b>, Fault> {
    at.object(message)?;
    let role = at.name("role").text(message.get("role"))?;
    if message.get("name").is_some() {
        losses.hint("messages[].name");
    }
    match &*role.unescaped() {
        b"system" | b"developer" => said(at, message, Role::System, losses),
        b"user" => said(at, message, Role::User, losses),
        b"assistant" => assistant(at, message, losses),
        b"tool" => result(at, message, losses),
        b"function" => Err(untranslatable(format!("`{at}` has the old role `function`: send `tool`."))),
        _ => Err(at.name("role").wants("`system`, `developer`, `user`, `assistant` or `tool`")),
    }
}

fn said<'b>(at: At<'_>, message: Item<'b>, role: Role, losses: &mut Losses) -> Result<Turn<'b>, Fault> {
    let content = present(message.get("content")).ok_or_else(|| at.name("content").wants("given"))?;
    let mut parts = parts(at.name("content"), content, losses)?;
    mark_last(&mut parts, cached(message, losses));
    Ok(Turn { role, parts })
}

fn assistant<'b>(at: At<'_>, message: Item<'b>, losses: &mut Losses) -> Result<Turn<'b>, Fault> {
    let mut all = thoughts(at, message)?;
    if let Some(content) = present(message.get("content")) {
        all.extend(parts(at.name("content"), content, losses)?);
    }
    if let Some(refusal) = at.name("refusal").optional_text(message.get("refusal"))? {
        all.push(Part::of(Content::Text(refusal)));
    }
    if present(message.get("audio")).is_some() {
        return Err(untranslatable(format!("`{at}.audio` is not translated.")));
    }
    if let Some(calls) = present(message.get("tool_calls")) {
        let at = at.name("tool_calls");
        for (index, call) in at.array(calls)?.enumerate() {
            all.push(one_call(at.index(index), call)?);
        }
    }
    mark_last(&mut all, cached(message, losses));
    Ok(Turn { role: Role::Assistant, parts: all })
}

/// What the gateway itself gave such a client beside the text: thoughts with the proof that they are its model's own.
fn thoughts<'b>(at: At<'_>, message: Item<'b>) -> Result<Vec<Part<'b>>, Fault> {
    let Some(blocks) = present(message.get("thinking_blocks")) else { return Ok(vec![]) };
    let at = at.name("thinking_blocks");
    at.array(blocks)?.enumerate().map(|(index, block)| thought(at.index(index), block)).collect()
}

fn thought<'b>(at: At<'_>, block: Item<'b>) -> Result<Part<'b>, Fault> {
    let kind = at.name("type").text(block.get("type"))?;
    Ok(Part::of(if kind.is("redacted_thinking") {
        Content::HiddenThought { data: at.name("data").text(block.get("data"))? }
    } else {
        Content::Thought {
            text: at.name("thinking").text(block.get("thinking"))?,
            signature: at.name("signature").optional_text(block.get("signature"))?,
        }
    }))
}

fn one_call<'b>(at: At<'_>, call: Item<'b>) -> Result<Part<'b>, Fault> {
    at.object(call)?;
    let Some(function) = call.get("function") else {
        return Err(untranslatable(format!("`{at}` calls no function: other calls are not translated.")));
    };
    let inner = at.name("function");
    let arguments = inner.name("arguments").optional_text(function.get("arguments"))?.unwrap_or_default();
    Ok(Part::of(Content::Call {
        id: at.name("id").text(call.get("id"))?,
        name: inner.name("name").text(function.get("name"))?,
        arguments: Arguments::Source(arguments),
    }))
}

fn result<'b>(at: At<'_>, message: Item<'b>, losses: &mut Losses) -> Result<Turn<'b>, Fault> {
    let call = at.name("tool_call_id").text(message.get("tool_call_id"))?;
    let inside = match present(message.get("content")) {
        Some(content) => parts(at.name("content"), content, losses)?,
        None => vec![],
    };
    let content = Content::Result { call, parts: inside, failed: false };
    Ok(Turn { role: Role::User, parts: vec![Part { content, cached: cached(message, losses) }] })
}

fn parts<'b>(at: At<'_>, content: Item<'b>, losses: &mut Losses) -> Result<Vec<Part<'b>>, Fault> {
    if let Some(text) = content.text() {
        return Ok(vec![Part::of(Content::Text(text))]);
    }
    if content.kind() != Kind::Array {
        return Err(at.wants("a string or an array of parts"));
    }
    content.elements().enumerate().map(|(index, part)| one_part(at.index(index), part, losses)).collect()
}

fn one_part<'b>(at: At<'_>, part: Item<'b>, losses: &mut Losses) -> Result<Part<'b>, Fault> {
    at.object(part)?;
    let kind = at.name("type").text(part.get("type"))?;
    let content = match &*kind.unescaped() {
        b"text" => Content::Text(at.name("text").text(part.get("text"))?),
        b"refusal" => Content::Text(at.name("refusal").text(part.get("refusal"))?),
        b"image_url" => image(at.name("image_url"), part)?,
        b"file" => file(at.name("file"), part)?,
        b"input_audio" => {
            let at = at.name("input_audio");
            let audio = part.get("input_audio").ok_or_else(|| at.wants("an object"))?;
            Content::Audio {
                data: at.name("data").text(audio.get("data"))?,
                format: at.name("format").text(audio.get("format"))?,
            }
        }
        _ => return Err(untranslatable(format!("`{at}` has a type that is not translated."))),
    };
    Ok(Part { content, cached: cached(part, losses) })
}

fn image<'b>(at: At<'_>, part: Item<'b>) -> Result<Content<'b>, Fault> {
    let image = part.get("image_url").ok_or_else(|| at.wants("an object"))?;
    let url = at.name("url").text(image.get("url"))?.with_plain_slashes();
    let data = url.as_written().starts_with(b"data:");
    let source = if data { Source::DataUrl(url) } else { Source::Url(url) };
    Ok(Content::Image { source, detail: at.name("detail").optional_text(image.get("detail"))? })
}

fn file<'b>(at: At<'_>, part: Item<'b>) -> Result<Content<'b>, Fault> {
    let file = part.get("file").ok_or_else(|| at.wants("an object"))?;
    let source = match file.text_at("file_data") {
        Some(data) => Source::DataUrl(data.with_plain_slashes()),
        None => Source::File(at.name("file_id").text(file.get("file_id"))?),
    };
    Ok(Content::Document { source, name: file.text_at("filename") })
}

/// A mark that a prompt cache is to end here: `OpenAI`'s, or Anthropic's, which many clients send in either dialect.
fn cached(item: Item<'_>, losses: &mut Losses) -> Option<Cached> {
    let mark = present(item.get("cache_control")).or_else(|| present(item.get("prompt_cache_breakpoint")))?;
    if !mark.is_object() {
        losses.hint("cache_control");
        return None;
    }
    let long = mark.text_at("ttl").is_some_and(|ttl| ["1h", "30m", "12h"].iter().any(|long| ttl.is(long)));
    Some(if long { Cached::Long } else { Cached::Short })
}

/// A mark on a message stands behind its last part.
fn mark_last(parts: &mut [Part<'_>], mark: Option<Cached>) {
    if let (Some(last), Some(mark)) = (parts.last_mut(), mark) {
        last.cached.get_or_insert(mark);
    }
}
