//! A chat completion request as it is understood.

use crate::base::fault::Fault;
use crate::traffic::dialect::json::{Item, Quoted};
use crate::traffic::translate::loss::{Losses, invalid, untranslatable};
use crate::traffic::translate::media;
use crate::traffic::translate::prompt::{
    Arguments, Cached, Content, Knob, Output, Part, Prompt, Role, Source, Thinking, Tool, ToolChoice, Turn,
};
use crate::traffic::translate::shape::At;

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
    for (name, value) in At::root_members(body)? {
        match &*name {
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
        b"reasoning_effort" => prompt.effort = At::root("reasoning_effort").effort(Some(value))?,
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
    let [name, schema, strict, description] =
        at.fields(value.get("json_schema"), ["name", "schema", "strict", "description"])?;
    Ok(Output::Schema {
        name: at.name("name").optional_text(name)?,
        schema: schema.filter(Item::is_object).ok_or_else(|| at.name("schema").wants("an object"))?,
        strict: at.name("strict").flag(strict)?,
        description: at.name("description").optional_text(description)?,
    })
}

fn tools<'b>(value: Item<'b>, losses: &mut Losses) -> Result<Vec<Tool<'b>>, Fault> {
    let at = At::root("tools");
    at.array(value)?.enumerate().map(|(index, tool)| one_tool(at.index(index), tool, losses)).collect()
}

fn one_tool<'b>(at: At<'_>, tool: Item<'b>, losses: &mut Losses) -> Result<Tool<'b>, Fault> {
    let [kind, function, cache_control, breakpoint] =
        at.fields(Some(tool), ["type", "function", MARKS[0], MARKS[1]])?;
    let kind = at.name("type").text(kind)?;
    if !kind.is("function") {
        return Err(untranslatable(format!("`{at}` is no function: other tools are not translated.")));
    }
    let at = at.name("function");
    let [name, description, schema, strict] =
        at.fields(function, ["name", "description", "parameters", "strict"])?;
    Ok(Tool {
        name: at.name("name").text(name)?,
        description: at.name("description").optional_text(description)?,
        schema,
        strict,
        cached: cached(cache_control.or(breakpoint), losses),
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
    match value.get("function") {
        Some(function) => Ok(ToolChoice::One(at.name("function").name("name").text(function.get("name"))?)),
        None => Err(untranslatable("`tool_choice` names no function: other tools are not translated.")),
    }
}

fn turns<'b>(messages: Item<'b>, losses: &mut Losses) -> Result<Vec<Turn<'b>>, Fault> {
    let at = At::root("messages");
    at.array(messages)?.enumerate().map(|(index, message)| turn(at.index(index), message, losses)).collect()
}

/// What a message may have, whoever's it is.
struct Message<'b> {
    content: Option<Item<'b>>,
    refusal: Option<Item<'b>>,
    audio: Option<Item<'b>>,
    calls: Option<Item<'b>>,
    thoughts: Option<Item<'b>>,
    reasoning: Option<Item<'b>>,
    call_id: Option<Item<'b>>,
    cached: Option<Cached>,
}

fn turn<'b>(at: At<'_>, message: Item<'b>, losses: &mut Losses) -> Result<Turn<'b>, Fault> {
    let [role, content, calls, call_id, cache_control, breakpoint, name, refusal, thoughts, reasoning, audio] =
        at.fields(
            Some(message),
            [
                "role",
                "content",
                "tool_calls",
                "tool_call_id",
                MARKS[0],
                MARKS[1],
                "name",
                "refusal",
                "thinking_blocks",
                "reasoning_content",
                "audio",
            ],
        )?;
    if name.is_some() {
        losses.hint("messages[].name");
    }
    let cached = cached(cache_control.or(breakpoint), losses);
    let message = Message { content, refusal, audio, calls, thoughts, reasoning, call_id, cached };
    match &*at.name("role").text(role)?.unescaped() {
        b"system" | b"developer" => said(at, &message, Role::System, losses),
        b"user" => said(at, &message, Role::User, losses),
        b"assistant" => assistant(at, &message, losses),
        b"tool" => result(at, &message, losses),
        b"function" => Err(untranslatable(format!("`{at}` has the old role `function`: send `tool`."))),
        _ => Err(at.name("role").wants("`system`, `developer`, `user`, `assistant` or `tool`")),
    }
}

fn said<'b>(at: At<'_>, message: &Message<'b>, role: Role, losses: &mut Losses) -> Result<Turn<'b>, Fault> {
    let content = message.content.ok_or_else(|| at.name("content").wants("given"))?;
    let mut parts = parts(at.name("content"), content, losses)?;
    mark_last(&mut parts, message.cached);
    Ok(Turn { role, parts })
}

fn assistant<'b>(at: At<'_>, message: &Message<'b>, losses: &mut Losses) -> Result<Turn<'b>, Fault> {
    let mut all = if let Some(blocks) = message.thoughts {
        thoughts(at.name("thinking_blocks"), blocks)?
    } else {
        // Where nothing proved a thought, its text is all there is of it.
        let text = at.name("reasoning_content").optional_text(message.reasoning)?;
        let text = text.filter(|text| !text.is_empty());
        text.map(|text| Part::of(Content::Thought { text, signature: None })).into_iter().collect()
    };
    if let Some(content) = message.content {
        all.append(&mut parts(at.name("content"), content, losses)?);
    }
    if let Some(refusal) = at.name("refusal").optional_text(message.refusal)? {
        all.push(Part::of(Content::Text(refusal)));
    }
    if message.audio.is_some() {
        return Err(untranslatable(format!("`{at}.audio` is not translated.")));
    }
    if let Some(calls) = message.calls {
        let at = at.name("tool_calls");
        for (index, call) in at.array(calls)?.enumerate() {
            all.push(one_call(at.index(index), call)?);
        }
    }
    mark_last(&mut all, message.cached);
    Ok(Turn { role: Role::Assistant, parts: all })
}

/// What the gateway itself gave such a client beside the text: thoughts with the proof that they are its model's own.
fn thoughts<'b>(at: At<'_>, blocks: Item<'b>) -> Result<Vec<Part<'b>>, Fault> {
    at.array(blocks)?.enumerate().map(|(index, block)| thought(at.index(index), block)).collect()
}

fn thought<'b>(at: At<'_>, block: Item<'b>) -> Result<Part<'b>, Fault> {
    let [kind, text, signature, data] = at.fields(Some(block), ["type", "thinking", "signature", "data"])?;
    Ok(Part::of(if at.name("type").text(kind)?.is("redacted_thinking") {
        Content::HiddenThought { data: at.name("data").text(data)? }
    } else {
        Content::Thought {
            text: at.name("thinking").text(text)?,
            signature: at.name("signature").optional_text(signature)?,
        }
    }))
}

fn one_call<'b>(at: At<'_>, call: Item<'b>) -> Result<Part<'b>, Fault> {
    let [id, function] = at.fields(Some(call), ["id", "function"])?;
    if function.is_none() {
        return Err(untranslatable(format!("`{at}` calls no function: other calls are not translated.")));
    }
    let inner = at.name("function");
    let [name, arguments] = inner.fields(function, ["name", "arguments"])?;
    let arguments = inner.name("arguments").optional_text(arguments)?.unwrap_or_default();
    Ok(Part::of(Content::Call {
        id: at.name("id").text(id)?,
        name: inner.name("name").text(name)?,
        arguments: Arguments::Source(arguments),
    }))
}

fn result<'b>(at: At<'_>, message: &Message<'b>, losses: &mut Losses) -> Result<Turn<'b>, Fault> {
    let call = at.name("tool_call_id").text(message.call_id)?;
    let inside = match message.content {
        Some(content) => parts(at.name("content"), content, losses)?,
        None => vec![],
    };
    let content = Content::Result { call, parts: inside, failed: false };
    Ok(Turn { role: Role::User, parts: vec![Part { content, cached: message.cached }] })
}

fn parts<'b>(at: At<'_>, content: Item<'b>, losses: &mut Losses) -> Result<Vec<Part<'b>>, Fault> {
    at.content(content, |at, part| one_part(at, part, losses))
}

fn one_part<'b>(at: At<'_>, part: Item<'b>, losses: &mut Losses) -> Result<Part<'b>, Fault> {
    let [kind, text, cache_control, breakpoint] =
        at.fields(Some(part), ["type", "text", MARKS[0], MARKS[1]])?;
    let content = match &*at.name("type").text(kind)?.unescaped() {
        b"text" => Content::Text(at.name("text").text(text)?),
        b"refusal" => Content::Text(at.name("refusal").text(part.get("refusal"))?),
        b"image_url" => image(at.name("image_url"), part.get("image_url"))?,
        b"file" => file(at.name("file"), part.get("file"))?,
        b"input_audio" => audio(at.name("input_audio"), part.get("input_audio"))?,
        _ => return Err(untranslatable(format!("`{at}` has a type that is not translated."))),
    };
    Ok(Part { content, cached: cached(cache_control.or(breakpoint), losses) })
}

fn image<'b>(at: At<'_>, image: Option<Item<'b>>) -> Result<Content<'b>, Fault> {
    let [url, detail] = at.fields(image, ["url", "detail"])?;
    let url = at.name("url").text(url)?.with_plain_slashes();
    let data = url.as_written().starts_with(b"data:");
    let source = if data { Source::DataUrl(url) } else { Source::Url(url) };
    Ok(Content::Image { source, detail: at.name("detail").optional_text(detail)? })
}

fn file<'b>(at: At<'_>, file: Option<Item<'b>>) -> Result<Content<'b>, Fault> {
    let [data, id, name] = at.fields(file, ["file_data", "file_id", "filename"])?;
    let source = match at.name("file_data").optional_text(data)? {
        Some(data) => media::document(data.with_plain_slashes()),
        None => Source::File(at.name("file_id").text(id)?),
    };
    Ok(Content::Document { source, name: at.name("filename").optional_text(name)? })
}

fn audio<'b>(at: At<'_>, audio: Option<Item<'b>>) -> Result<Content<'b>, Fault> {
    let [data, format] = at.fields(audio, ["data", "format"])?;
    Ok(Content::Audio { data: at.name("data").text(data)?, format: at.name("format").text(format)? })
}

/// Marks that a prompt cache is to end here: Anthropic's, which many clients send in either dialect, and `OpenAI`'s.
const MARKS: [&str; 2] = ["cache_control", "prompt_cache_breakpoint"];

fn cached(mark: Option<Item<'_>>, losses: &mut Losses) -> Option<Cached> {
    let mark = mark?;
    if !mark.is_object() {
        losses.hint(MARKS[0]);
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
