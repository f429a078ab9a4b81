//! A request of this API as it is understood.
//!
//! What a provider would have to remember is refused: `previous_response_id`, `conversation`, a stored `prompt`,
//! answers in the `background`, and references to stored items. So are items of tools that a provider runs itself:
//! they are content, but for searches of the web, which tell what was looked for and not what was found. Such tools
//! themselves are parameters, and are dropped or refused as the operator wants it: the model answers without them, and
//! clients (Codex is one) offer them to every model. The same holds for tools whose input is bound by a grammar.
//! `store` has no effect, because nothing is stored.

use super::searches::Searches;
use super::{items, spaces};
use crate::base::fault::Fault;
use crate::traffic::dialect::json::{Item, Quoted};
use crate::traffic::translate::loss::{Losses, untranslatable};
use crate::traffic::translate::prompt::{Content, Knob, Output, Part, Prompt, Role, Tool, ToolChoice, Turn};
use crate::traffic::translate::search::WebSearch;
use crate::traffic::translate::shape::At;

const KNOBS: [(&str, Knob); 3] =
    [("temperature", Knob::Temperature), ("top_p", Knob::TopP), ("top_logprobs", Knob::TopLogprobs)];

/// Members that only tell a provider how to keep, cache or count: the answer is the same without them.
const HINTS: [&str; 5] =
    ["metadata", "client_metadata", "prompt_cache_key", "prompt_cache_options", "prompt_cache_retention"];

/// Members that refer to what a provider would have stored.
const STORED: [&str; 3] = ["previous_response_id", "conversation", "prompt"];

/// Members of the reasoning settings that ask for what is told anyway: a summary of the model's thoughts.
const TOLD: [&str; 3] = ["effort", "summary", "generate_summary"];

/// Members of a function that mean something in every format.
const FUNCTION: [&str; 5] = ["type", "name", "description", "parameters", "strict"];

/// Understands a whole body.
///
/// # Errors
/// It has not the form of this API, or holds content that no other format has.
pub fn read<'b>(body: Item<'b>, losses: &mut Losses) -> Result<Prompt<'b>, Fault> {
    let mut prompt = Prompt::default();
    let mut input = None;
    for (name, value) in At::root_members(body)? {
        match &*name {
            b"model" => {}
            b"input" => input = Some(value),
            // Wherever it stands in the body, it comes first.
            b"instructions" => {
                let text = At::root("instructions").text(Some(value))?;
                if !text.is_empty() {
                    let parts = Part::of(Content::Text(text)).into();
                    prompt.turns.push(Turn { role: Role::System, parts });
                }
            }
            name => member(&mut prompt, name, value, losses)?,
        }
    }
    let input = input.ok_or_else(|| At::root("input").invalid("is missing."))?;
    let mut searches = Searches::default();
    items::add(input, &mut prompt.turns, &mut searches, losses)?;
    searches.end(&mut prompt);
    Ok(prompt)
}

fn member<'b>(
    prompt: &mut Prompt<'b>,
    name: &[u8],
    value: Item<'b>,
    losses: &mut Losses,
) -> Result<(), Fault> {
    let is = |known: &&str| known.as_bytes() == name;
    match name {
        b"stream" => prompt.stream = At::root("stream").flag(Some(value))?.unwrap_or_default(),
        b"max_output_tokens" => prompt.max_tokens = At::root("max_output_tokens").count(Some(value))?,
        b"tools" => tools(prompt, value, losses)?,
        b"tool_choice" => tool_choice(prompt, value, losses)?,
        b"parallel_tool_calls" => {
            prompt.parallel_tools = At::root("parallel_tool_calls").flag(Some(value))?;
        }
        b"reasoning" => prompt.effort = reasoning(value, losses)?,
        b"text" => text(prompt, value)?,
        b"user" => prompt.user = Some(At::root("user").text(Some(value))?),
        b"safety_identifier" => {
            prompt.safety_identifier = Some(At::root("safety_identifier").text(Some(value))?);
        }
        b"service_tier" => prompt.service_tier = Some(At::root("service_tier").text(Some(value))?),
        b"include" => include(prompt, value, losses),
        // What streams are padded with, and what is so anyway.
        b"stream_options" => {}
        b"truncation" if value.text().is_some_and(|word| word.is("disabled")) => {}
        b"store" | b"background" if value.flag() == Some(false) => {}
        b"store" => losses.foreign_hint(name),
        b"background" => {
            let message = "An answer in the background is kept by no provider of this model.";
            return Err(untranslatable(message).about("background"));
        }
        _ if STORED.iter().any(is) => {
            return Err(At::root(&String::from_utf8_lossy(name)).untranslatable(
                "refers to what no provider of this model has stored: send all items in `input`.",
            ));
        }
        _ => match KNOBS.iter().find(|(known, _)| is(known)) {
            Some((_, knob)) => prompt.knobs.push((*knob, value)),
            None if HINTS.iter().any(is) => losses.foreign_hint(name),
            None => losses.foreign_parameter(name),
        },
    }
    Ok(())
}

/// Thoughts that a later request can give back come without being asked for.
fn include<'b>(prompt: &mut Prompt<'b>, value: Item<'b>, losses: &mut Losses) {
    for wanted in value.elements() {
        match wanted.text().as_ref().map(Quoted::unescaped).as_deref() {
            Some(b"reasoning.encrypted_content") => {}
            Some(b"message.output_text.logprobs") => prompt.knobs.push((Knob::Logprobs, wanted)),
            _ => losses.hint("include"),
        }
    }
}

fn reasoning<'b>(value: Item<'b>, losses: &mut Losses) -> Result<Option<Quoted<'b>>, Fault> {
    let at = At::root("reasoning");
    let [effort] = at.fields(Some(value), ["effort"])?;
    for (name, value) in value.members().filter(|(_, value)| !value.is_null()) {
        match &*name.unescaped() {
            told if TOLD.iter().any(|known| known.as_bytes() == told) => {}
            b"mode" if value.text().is_some_and(|mode| mode.is("standard")) => {}
            // Which of its earlier thoughts it sees.
            b"context" => losses.hint("reasoning.context"),
            _ => losses.parameter("reasoning"),
        }
    }
    at.name("effort").optional_text(effort)
}

fn text<'b>(prompt: &mut Prompt<'b>, value: Item<'b>) -> Result<(), Fault> {
    let at = At::root("text");
    let [format, verbosity] = at.fields(Some(value), ["format", "verbosity"])?;
    if let Some(format) = format {
        prompt.output = output(at.name("format"), format)?;
    }
    if let Some(verbosity) = verbosity {
        prompt.knobs.push((Knob::Verbosity, verbosity));
    }
    Ok(())
}

fn output<'b>(at: At<'_>, format: Item<'b>) -> Result<Output<'b>, Fault> {
    let [kind, name, schema, strict, description] =
        at.fields(Some(format), ["type", "name", "schema", "strict", "description"])?;
    match &*at.name("type").text(kind)?.unescaped() {
        b"text" => Ok(Output::Text),
        b"json_object" => Ok(Output::Json),
        b"json_schema" => Ok(Output::Schema {
            name: at.name("name").optional_text(name)?,
            schema: schema.filter(Item::is_object).ok_or_else(|| at.name("schema").wants("an object"))?,
            strict: at.name("strict").flag(strict)?,
            description: at.name("description").optional_text(description)?,
        }),
        _ => Err(at.name("type").wants("`text`, `json_object` or `json_schema`")),
    }
}

fn tools<'b>(prompt: &mut Prompt<'b>, value: Item<'b>, losses: &mut Losses) -> Result<(), Fault> {
    let at = At::root("tools");
    for (index, tool) in at.array(value)?.enumerate() {
        match tool.text_at("type").filter(|kind| kind.as_written().starts_with(b"web_search")) {
            Some(kind) => prompt.search = Some(WebSearch::read(kind, tool, losses)),
            None => add_tool(at.index(index), tool, None, &mut prompt.tools, losses)?,
        }
    }
    Ok(())
}

/// A function, or all functions of a namespace.
pub fn add_tool<'b>(
    at: At<'_>,
    tool: Item<'b>,
    space: Option<&Quoted<'b>>,
    tools: &mut Vec<Tool<'b>>,
    losses: &mut Losses,
) -> Result<(), Fault> {
    let [kind, name, description, schema, strict, inside] =
        at.fields(Some(tool), ["type", "name", "description", "parameters", "strict", "tools"])?;
    let kind = at.name("type").text(kind)?;
    match &*kind.unescaped() {
        b"function" => {
            losses.unread("", tool, &FUNCTION);
            tools.push(Tool {
                name: spaces::joined(space, at.name("name").text(name)?),
                description: at.name("description").optional_text(description)?,
                schema,
                strict,
                cached: None,
            });
        }
        b"namespace" if space.is_none() => {
            let (space, at) = (at.name("name").text(name)?, at.name("tools"));
            let inside = inside.ok_or_else(|| at.wants("an array"))?;
            for (index, tool) in at.array(inside)?.enumerate() {
                add_tool(at.index(index), tool, Some(&space), tools, losses)?;
            }
        }
        b"tool_search" => losses.hint("tool_search"),
        _ => losses.foreign_parameter(kind.as_written()),
    }
    Ok(())
}

fn tool_choice<'b>(prompt: &mut Prompt<'b>, value: Item<'b>, losses: &mut Losses) -> Result<(), Fault> {
    let at = At::root("tool_choice");
    if let Some(word) = value.text() {
        prompt.choice = Some(mode(at, &word)?);
        return Ok(());
    }
    let [kind, name, word, tools] = at.fields(Some(value), ["type", "name", "mode", "tools"])?;
    match &*at.name("type").text(kind)?.unescaped() {
        b"function" => prompt.choice = Some(ToolChoice::One(at.name("name").text(name)?)),
        b"allowed_tools" => {
            let at = at.name("mode");
            prompt.choice = Some(mode(at, &at.text(word)?)?);
            let names = tools.into_iter().flat_map(|tools| tools.elements());
            prompt.allowed = Some(names.filter_map(|tool| tool.text_at("name")).collect());
        }
        // A tool that was left out.
        _ => losses.parameter("tool_choice"),
    }
    Ok(())
}

fn mode<'b>(at: At<'_>, word: &Quoted<'_>) -> Result<ToolChoice<'b>, Fault> {
    match &*word.unescaped() {
        b"auto" => Ok(ToolChoice::Auto),
        b"none" => Ok(ToolChoice::None),
        b"required" => Ok(ToolChoice::Any),
        _ => Err(at.wants("`auto`, `none`, `required` or an object")),
    }
}
