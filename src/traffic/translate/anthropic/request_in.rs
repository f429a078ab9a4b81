//! A messages request as it is understood.

use crate::base::fault::Fault;
use crate::traffic::dialect::json::{Item, Kind, Quoted};
use crate::traffic::translate::loss::{Losses, invalid, untranslatable};
use crate::traffic::translate::prompt::{
    Arguments, Cached, Content, Knob, Output, Part, Prompt, Role, Source, Thinking, Tool, ToolChoice, Turn,
};
use crate::traffic::translate::shape::{At, present};

const KNOBS: [(&str, Knob); 3] =
    [("temperature", Knob::Temperature), ("top_p", Knob::TopP), ("top_k", Knob::TopK)];

/// Members without which the answer is the same.
const HINTS: [&str; 4] = ["cache_control", "diagnostics", "inference_geo", "speed"];

/// Understands a whole body.
///
/// # Errors
/// It has not the form of this API, or holds content that no other format has.
pub fn read<'b>(body: Item<'b>, losses: &mut Losses) -> Result<Prompt<'b>, Fault> {
    let mut prompt = Prompt::default();
    let (mut messages, mut system) = (None, None);
    At::root("body").object(body)?;
    for (name, value) in body.members() {
        if value.is_null() {
            continue;
        }
        match &*name.unescaped() {
            b"model" => {}
            b"messages" => messages = Some(value),
            b"system" => system = Some(value),
            name => member(&mut prompt, name, value, losses)?,
        }
    }
    if let Some(system) = system {
        let parts = parts(At::root("system"), system, losses)?;
        prompt.turns.push(Turn { role: Role::System, parts });
    }
    let messages = messages.ok_or_else(|| invalid("`messages` is missing."))?;
    let at = At::root("messages");
    for (index, message) in at.array(messages)?.enumerate() {
        prompt.turns.push(turn(at.index(index), message, losses)?);
    }
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
        b"max_tokens" => prompt.max_tokens = At::root("max_tokens").count(Some(value))?,
        b"stop_sequences" => {
            let at = At::root("stop_sequences");
            let stops = at.array(value)?.enumerate();
            prompt.stop = stops.map(|(i, one)| at.index(i).text(Some(one))).collect::<Result<_, _>>()?;
        }
        b"tools" => prompt.tools = tools(value, losses)?,
        b"tool_choice" => tool_choice(prompt, value)?,
        b"thinking" => prompt.thinking = thinking(value)?,
        b"output_config" => {
            let at = At::root("output_config");
            at.object(value)?;
            prompt.effort = at.name("effort").optional_text(value.get("effort"))?;
            if let Some(format) = present(value.get("format")) {
                prompt.output = output(at.name("format"), format)?;
            }
        }
        b"metadata" => prompt.user = value.text_at("user_id"),
        b"service_tier" => {
            let tier = At::root("service_tier").text(Some(value))?;
            let standard = tier.is("standard_only");
            prompt.service_tier = Some(if standard { Quoted::raw(b"default") } else { tier });
        }
        _ => match KNOBS.iter().find(|(known, _)| known.as_bytes() == name) {
            Some((_, knob)) => prompt.knobs.push((*knob, value)),
            None if HINTS.iter().any(|hint| hint.as_bytes() == name) => {
                losses.hint(&String::from_utf8_lossy(name));
            }
            None => losses.foreign_parameter(name),
        },
    }
    Ok(())
}

fn thinking(value: Item<'_>) -> Result<Option<Thinking>, Fault> {
    let at = At::root("thinking");
    let kind = at.name("type").text(value.get("type"))?;
    match &*kind.unescaped() {
        b"disabled" => Ok(Some(Thinking::Off)),
        b"adaptive" | b"between_tools" => Ok(Some(Thinking::Adaptive)),
        b"enabled" => {
            let budget = at.name("budget_tokens").count(value.get("budget_tokens"))?;
            Ok(budget.map(Thinking::Budget))
        }
        _ => Err(at.name("type").wants("`adaptive`, `enabled` or `disabled`")),
    }
}

fn output<'b>(at: At<'_>, format: Item<'b>) -> Result<Output<'b>, Fault> {
    let schema = present(format.get("schema")).filter(Item::is_object);
    let schema = schema.ok_or_else(|| at.name("schema").wants("an object"))?;
    Ok(Output::Schema { name: None, schema, strict: None, description: None })
}

fn tools<'b>(value: Item<'b>, losses: &mut Losses) -> Result<Vec<Tool<'b>>, Fault> {
    let at = At::root("tools");
    let mut tools = vec![];
    for (index, tool) in at.array(value)?.enumerate() {
        let at = at.index(index);
        at.object(tool)?;
        let own = tool.text_at("type").filter(|kind| !kind.is("custom"));
        if let Some(kind) = own {
            // A tool that the provider itself runs.
            losses.foreign_parameter(kind.as_written());
            continue;
        }
        tools.push(Tool {
            name: at.name("name").text(tool.get("name"))?,
            description: at.name("description").optional_text(tool.get("description"))?,
            schema: present(tool.get("input_schema")),
            strict: present(tool.get("strict")),
            cached: cached(tool),
        });
    }
    Ok(tools)
}

fn tool_choice<'b>(prompt: &mut Prompt<'b>, value: Item<'b>) -> Result<(), Fault> {
    let at = At::root("tool_choice");
    at.object(value)?;
    let kind = at.name("type").text(value.get("type"))?;
    prompt.choice = Some(match &*kind.unescaped() {
        b"auto" => ToolChoice::Auto,
        b"none" => ToolChoice::None,
        b"any" => ToolChoice::Any,
        b"tool" => ToolChoice::One(at.name("name").text(value.get("name"))?),
        _ => return Err(at.name("type").wants("`auto`, `any`, `tool` or `none`")),
    });
    let serial = value.get("disable_parallel_tool_use").and_then(|serial| serial.flag());
    prompt.parallel_tools = serial.map(|serial| !serial);
    Ok(())
}

fn turn<'b>(at: At<'_>, message: Item<'b>, losses: &mut Losses) -> Result<Turn<'b>, Fault> {
    at.object(message)?;
    let role = at.name("role").text(message.get("role"))?;
    let role = match &*role.unescaped() {
        b"user" => Role::User,
        b"assistant" => Role::Assistant,
        b"system" => Role::System,
        _ => return Err(at.name("role").wants("`user`, `assistant` or `system`")),
    };
    let content = message.get("content").ok_or_else(|| at.name("content").wants("given"))?;
    Ok(Turn { role, parts: parts(at.name("content"), content, losses)? })
}

fn parts<'b>(at: At<'_>, content: Item<'b>, losses: &mut Losses) -> Result<Vec<Part<'b>>, Fault> {
    if let Some(text) = content.text() {
        return Ok(vec![Part::of(Content::Text(text))]);
    }
    if content.kind() != Kind::Array {
        return Err(at.wants("a string or an array of blocks"));
    }
    content.elements().enumerate().map(|(index, block)| one_block(at.index(index), block, losses)).collect()
}

fn one_block<'b>(at: At<'_>, block: Item<'b>, losses: &mut Losses) -> Result<Part<'b>, Fault> {
    at.object(block)?;
    let kind = at.name("type").text(block.get("type"))?;
    let text = |name| at.name(name).text(block.get(name));
    let content = match &*kind.unescaped() {
        b"text" => {
            if present(block.get("citations")).is_some_and(|all| all.elements().next().is_some()) {
                losses.hint("citations");
            }
            Content::Text(text("text")?)
        }
        b"image" => Content::Image { source: source(at, block)?, detail: None },
        b"document" => Content::Document { source: source(at, block)?, name: block.text_at("title") },
        b"tool_use" => Content::Call {
            id: text("id")?,
            name: text("name")?,
            arguments: Arguments::Object(
                block
                    .get("input")
                    .filter(Item::is_object)
                    .ok_or_else(|| at.name("input").wants("an object"))?,
            ),
        },
        b"tool_result" => Content::Result {
            call: text("tool_use_id")?,
            parts: match present(block.get("content")) {
                Some(content) => parts(at.name("content"), content, losses)?,
                None => vec![],
            },
            failed: at.name("is_error").flag(block.get("is_error"))?.unwrap_or_default(),
        },
        b"thinking" => Content::Thought { text: text("thinking")?, signature: block.text_at("signature") },
        b"redacted_thinking" => Content::HiddenThought { data: text("data")? },
        _ => {
            let kind = String::from_utf8_lossy(kind.as_written()).into_owned();
            return Err(untranslatable(format!("`{at}` is a `{kind:.40}`, which is not translated.")));
        }
    };
    Ok(Part { content, cached: cached(block) })
}

fn source<'b>(at: At<'_>, block: Item<'b>) -> Result<Source<'b>, Fault> {
    let at = at.name("source");
    let source = at.object(block.get("source").ok_or_else(|| at.wants("an object"))?)?;
    let text = |name| at.name(name).text(source.get(name));
    Ok(match &*text("type")?.unescaped() {
        b"base64" => Source::Base64 {
            media: text("media_type")?.with_plain_slashes(),
            data: text("data")?.with_plain_slashes(),
        },
        b"url" => Source::Url(text("url")?),
        b"file" => Source::File(text("file_id")?),
        b"text" => Source::Plain(text("data")?),
        _ => return Err(untranslatable(format!("`{at}` has a type that is not translated."))),
    })
}

fn cached(item: Item<'_>) -> Option<Cached> {
    let mark = present(item.get("cache_control"))?;
    let long = mark.text_at("ttl").is_some_and(|ttl| ttl.is("1h"));
    Some(if long { Cached::Long } else { Cached::Short })
}
