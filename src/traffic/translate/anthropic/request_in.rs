//! A messages request as it is understood.

use crate::base::fault::Fault;
use crate::traffic::dialect::json::{Item, Quoted};
use crate::traffic::translate::loss::Losses;
use crate::traffic::translate::prompt::{
    Arguments, Cached, Content, Knob, Output, Part, Parts, Prompt, Role, Source, Thinking, Tool, ToolChoice,
    Turn,
};
use crate::traffic::translate::search::WebSearch;
use crate::traffic::translate::shape::{At, present};

const KNOBS: [(&str, Knob); 3] =
    [("temperature", Knob::Temperature), ("top_p", Knob::TopP), ("top_k", Knob::TopK)];

/// Members without which the answer is the same.
const HINTS: [&str; 4] = ["cache_control", "diagnostics", "inference_geo", "speed"];

/// Members of a tool that mean something in every format.
const TOOL: [&str; 6] = ["type", "name", "description", "input_schema", "strict", "cache_control"];

/// Understands a whole body.
///
/// # Errors
/// It has not the form of this API, or holds content that no other format has.
pub fn read<'b>(body: Item<'b>, losses: &mut Losses) -> Result<Prompt<'b>, Fault> {
    let mut prompt = Prompt::default();
    let (mut messages, mut system) = (None, None);
    for (name, value) in At::root_members(body)? {
        match &*name {
            // A host's clients have the version of the format in the body.
            b"model" | b"anthropic_version" => {}
            b"messages" => messages = Some(value),
            b"system" => system = Some(value),
            name => member(&mut prompt, name, value, losses)?,
        }
    }
    if let Some(system) = system {
        let parts = parts(At::root("system"), system, losses)?;
        prompt.turns.push(Turn { role: Role::System, parts });
    }
    let messages = messages.ok_or_else(|| At::root("messages").invalid("is missing."))?;
    let at = At::root("messages");
    for (index, message) in at.array(messages)?.enumerate() {
        prompt.turns.extend(turn(at.index(index), message, losses)?);
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
        b"tools" => tools(prompt, value, losses)?,
        b"tool_choice" => tool_choice(prompt, value)?,
        b"thinking" => prompt.thinking = thinking(value)?,
        b"output_config" => {
            let at = At::root("output_config");
            let [effort, format] = at.fields(Some(value), ["effort", "format"])?;
            prompt.effort = at.name("effort").effort(effort)?;
            if let Some(format) = format {
                prompt.output = output(at.name("format"), format)?;
            }
        }
        // What `output_config` came after.
        b"output_format" => prompt.output = output(At::root("output_format"), value)?,
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

fn tools<'b>(prompt: &mut Prompt<'b>, value: Item<'b>, losses: &mut Losses) -> Result<(), Fault> {
    let at = At::root("tools");
    for (index, tool) in at.array(value)?.enumerate() {
        let at = at.index(index);
        let [kind, name, description, schema, strict, mark] = at.fields(Some(tool), TOOL)?;
        let own = kind.and_then(|kind| kind.text()).filter(|kind| !kind.is("custom"));
        if let Some(kind) = own {
            if kind.as_written().starts_with(b"tool_search_tool") {
                losses.hint("tool_search");
            } else if kind.as_written().starts_with(b"web_search_") {
                prompt.search = Some(WebSearch::read(kind, tool, losses));
            } else {
                // A tool that the provider itself runs.
                losses.foreign_parameter(kind.as_written());
            }
            continue;
        }
        losses.unread("", tool, &TOOL);
        prompt.tools.push(Tool {
            name: at.name("name").text(name)?,
            description: at.name("description").optional_text(description)?,
            schema,
            strict,
            cached: mark.map(cached),
        });
    }
    Ok(())
}

fn tool_choice<'b>(prompt: &mut Prompt<'b>, value: Item<'b>) -> Result<(), Fault> {
    let at = At::root("tool_choice");
    let [kind, name, serial] = at.fields(Some(value), ["type", "name", "disable_parallel_tool_use"])?;
    let kind = at.name("type").text(kind)?;
    prompt.choice = Some(match &*kind.unescaped() {
        b"auto" => ToolChoice::Auto,
        b"none" => ToolChoice::None,
        b"any" => ToolChoice::Any,
        b"tool" => ToolChoice::One(at.name("name").text(name)?),
        _ => return Err(at.name("type").wants("`auto`, `any`, `tool` or `none`")),
    });
    prompt.parallel_tools = serial.and_then(|serial| serial.flag()).map(|serial| !serial);
    Ok(())
}

/// A message, unless there was nothing in it but searches for tools.
fn turn<'b>(at: At<'_>, message: Item<'b>, losses: &mut Losses) -> Result<Option<Turn<'b>>, Fault> {
    let [role, content] = at.fields(Some(message), ["role", "content"])?;
    let role = at.name("role").text(role)?;
    let role = match &*role.unescaped() {
        b"user" => Role::User,
        b"assistant" => Role::Assistant,
        b"system" => Role::System,
        _ => return Err(at.name("role").wants("`user`, `assistant` or `system`")),
    };
    let content = content.ok_or_else(|| at.name("content").wants("given"))?;
    let parts = parts(at.name("content"), content, losses)?;
    let emptied = parts.is_empty() && content.elements().next().is_some();
    Ok((!emptied).then_some(Turn { role, parts }))
}

fn parts<'b>(at: At<'_>, content: Item<'b>, losses: &mut Losses) -> Result<Parts<'b>, Fault> {
    at.content(content, |at, part| {
        if let Some(tool) = search(part) {
            losses.hint(tool);
            return Ok(None);
        }
        one_block(at, part, losses).map(Some)
    })
}

/// The provider's own search that a block is about. Where all tools are shown at once, it says nothing which of them the
/// model has seen; and what was found in the web nobody else can read, but what the model said of it.
fn search(block: Item<'_>) -> Option<&'static str> {
    let kind = block.text_at("type").unwrap_or_default();
    match &*kind.unescaped() {
        b"tool_search_tool_result" => Some("tool_search"),
        b"web_search_tool_result" => Some("web_search"),
        b"server_tool_use" => {
            let name = block.text_at("name")?;
            let tools = name.as_written().starts_with(b"tool_search_tool").then_some("tool_search");
            tools.or_else(|| name.is("web_search").then_some("web_search"))
        }
        b"tool_addition" => {
            let added = block.get("tool").and_then(|tool| tool.text_at("type"));
            added.filter(|kind| kind.is("tool_reference")).map(|_| "tool_search")
        }
        _ => None,
    }
}

fn one_block<'b>(at: At<'_>, block: Item<'b>, losses: &mut Losses) -> Result<Part<'b>, Fault> {
    let [kind, mark, text, citations] =
        at.fields(Some(block), ["type", "cache_control", "text", "citations"])?;
    let kind = at.name("type").text(kind)?;
    let content = match &*kind.unescaped() {
        b"text" => {
            if citations.is_some_and(|all| all.elements().next().is_some()) {
                losses.hint("citations");
            }
            Content::Text(at.name("text").text(text)?)
        }
        // A tool that was found, which stands among the others.
        b"tool_reference" => Content::Text(at.name("tool_name").text(block.get("tool_name"))?),
        b"image" => {
            losses.unread("", block, &["type", "source", "cache_control"]);
            Content::Image { source: source(at, block.get("source"))?, detail: None }
        }
        b"document" => {
            losses.unread("", block, &["type", "source", "title", "cache_control"]);
            let [from, title] = at.fields(Some(block), ["source", "title"])?;
            Content::Document { source: source(at, from)?, name: title.and_then(|title| title.text()) }
        }
        b"search_result" => found(at, block, losses)?,
        b"tool_use" => call(at, block)?,
        b"tool_result" => result(at, block, losses)?,
        b"thinking" => {
            let [text, signature] = at.fields(Some(block), ["thinking", "signature"])?;
            let signature = signature.and_then(|signature| signature.text());
            Content::Thought { text: at.name("thinking").text(text)?, signature }
        }
        b"redacted_thinking" => Content::HiddenThought { data: at.name("data").text(block.get("data"))? },
        _ => {
            let kind = String::from_utf8_lossy(kind.as_written()).into_owned();
            return Err(at.untranslatable(format_args!("is a `{kind:.40}`, which is not translated.")));
        }
    };
    Ok(Part { content, cached: mark.map(cached) })
}

fn call<'b>(at: At<'_>, block: Item<'b>) -> Result<Content<'b>, Fault> {
    let [id, name, input] = at.fields(Some(block), ["id", "name", "input"])?;
    let input = input.filter(Item::is_object).ok_or_else(|| at.name("input").wants("an object"))?;
    Ok(Content::Call {
        id: at.name("id").text(id)?,
        name: at.name("name").text(name)?,
        arguments: Arguments::Object(input),
    })
}

fn result<'b>(at: At<'_>, block: Item<'b>, losses: &mut Losses) -> Result<Content<'b>, Fault> {
    let [call, content, failed] = at.fields(Some(block), ["tool_use_id", "content", "is_error"])?;
    let parts = match content {
        Some(content) => parts(at.name("content"), content, losses)?.into_vec(),
        None => vec![],
    };
    Ok(Content::Result {
        call: at.name("tool_use_id").text(call)?,
        parts,
        failed: at.name("is_error").flag(failed)?.unwrap_or_default(),
    })
}

fn source<'b>(at: At<'_>, source: Option<Item<'b>>) -> Result<Source<'b>, Fault> {
    let at = at.name("source");
    let [kind, media, data, url, file, content] =
        at.fields(source, ["type", "media_type", "data", "url", "file_id", "content"])?;
    let data = || at.name("data").text(data);
    Ok(match &*at.name("type").text(kind)?.unescaped() {
        b"base64" => Source::Base64 {
            media: at.name("media_type").text(media)?.with_plain_slashes(),
            data: data()?.with_plain_slashes(),
        },
        b"url" => Source::Url(at.name("url").text(url)?),
        b"file" => Source::File(at.name("file_id").text(file)?),
        b"text" => Source::Plain(data()?),
        b"content" => Source::Plain(words(at, content)?),
        _ => return Err(at.untranslatable("has a type that is not translated.")),
    })
}

/// What a search of the client's own found, as a document.
fn found<'b>(at: At<'_>, block: Item<'b>, losses: &mut Losses) -> Result<Content<'b>, Fault> {
    let [title, content] = at.fields(Some(block), ["title", "content"])?;
    losses.unread("", block, &["type", "title", "content", "cache_control"]);
    let name = at.name("title").optional_text(title)?;
    Ok(Content::Document { source: Source::Plain(words(at, content)?), name })
}

/// The texts of a content that holds nothing else, one under the other.
fn words<'b>(at: At<'_>, content: Option<Item<'b>>) -> Result<Quoted<'b>, Fault> {
    let at = at.name("content");
    let content = content.ok_or_else(|| at.wants("given"))?;
    let parts = at.content(content, |at, part| {
        let text = part.text_at("text");
        let text = text.ok_or_else(|| at.untranslatable("is no text, and is not translated."))?;
        Ok(Some(Part::of(Content::Text(text))))
    })?;
    let texts = parts.iter().filter_map(|part| part.content.words()).map(Quoted::as_written);
    Ok(Quoted::raw(&texts.collect::<Vec<_>>().join(&b"\\n"[..])).into_owned())
}

fn cached(mark: Item<'_>) -> Cached {
    let long = mark.text_at("ttl").is_some_and(|ttl| ttl.is("1h"));
    if long { Cached::Long } else { Cached::Short }
}
