//! A `generateContent` request as it is understood.

use super::member::{camel, get, object, unread};
use super::parts_in::{Calls, content};
use super::schema;
use crate::base::fault::Fault;
use crate::traffic::dialect::json::{Item, Quoted};
use crate::traffic::translate::loss::Losses;
use crate::traffic::translate::prompt::{
    Content, Knob, Output, Part, Prompt, Role, Thinking, Tool, ToolChoice, Turn,
};
use crate::traffic::translate::search::WebSearch;
use crate::traffic::translate::shape::At;
use std::collections::VecDeque;

/// Numbers of `generationConfig` that other formats know.
const KNOBS: [(&str, Knob); 9] = [
    ("temperature", Knob::Temperature),
    ("topP", Knob::TopP),
    ("topK", Knob::TopK),
    ("seed", Knob::Seed),
    ("frequencyPenalty", Knob::FrequencyPenalty),
    ("presencePenalty", Knob::PresencePenalty),
    ("responseLogprobs", Knob::Logprobs),
    ("logprobs", Knob::TopLogprobs),
    ("candidateCount", Knob::Choices),
];

/// Members that only this provider's own filters and accounts know: the answer is the same without them.
const HINTS: [&str; 4] = ["safetySettings", "labels", "modelArmorConfig", "store"];

/// Members of a function that mean something in every format.
const FUNCTION: [&str; 4] = ["name", "description", "parameters", "parametersJsonSchema"];

/// Understands a whole body. `schemas` are those of its schemas that had to be written anew, in their order.
///
/// # Errors
/// It has not the form of this API, or holds content that no other format has.
pub fn read<'b>(body: Item<'b>, schemas: Item<'b>, losses: &mut Losses) -> Result<Prompt<'b>, Fault> {
    let mut reading = Reading { prompt: Prompt::default(), schemas: schemas.elements().collect(), losses };
    object(&At::root("body"), body)?;
    reading.tools(body)?;
    let (mut contents, mut system) = (None, None);
    for (name, value) in body.members().filter(|(_, value)| !value.is_null()) {
        match &*camel(&name) {
            b"contents" => contents = Some(value),
            b"systemInstruction" => system = Some(value),
            name => reading.member(name, value)?,
        }
    }
    reading.turns(system, contents.ok_or_else(|| At::root("contents").invalid("is missing."))?)?;
    Ok(reading.prompt)
}

/// A body that is being read.
struct Reading<'b, 'l> {
    prompt: Prompt<'b>,
    /// Schemas that were written anew and are still to be placed.
    schemas: VecDeque<Item<'b>>,
    losses: &'l mut Losses,
}

impl<'b> Reading<'b, '_> {
    fn member(&mut self, name: &[u8], value: Item<'b>) -> Result<(), Fault> {
        match name {
            b"tools" | b"model" => {}
            b"toolConfig" => self.tool_config(value)?,
            b"generationConfig" => self.config(value)?,
            b"cachedContent" => {
                return Err(At::root("cachedContent")
                    .untranslatable("is kept by its provider, and the model is another provider's."));
            }
            b"serviceTier" => {
                let tier = At::root("serviceTier").text(Some(value))?;
                self.prompt.service_tier = Some(match &*tier.unescaped().to_ascii_lowercase() {
                    b"standard" => Quoted::raw(b"default"),
                    b"flex" => Quoted::raw(b"flex"),
                    b"priority" => Quoted::raw(b"priority"),
                    _ => tier,
                });
            }
            name if HINTS.iter().any(|hint| hint.as_bytes() == name) => {
                self.losses.hint(&String::from_utf8_lossy(name));
            }
            name => self.losses.foreign_parameter(name),
        }
        Ok(())
    }

    fn turns(&mut self, system: Option<Item<'b>>, contents: Item<'b>) -> Result<(), Fault> {
        let mut calls = Calls::default();
        if let Some(system) = system {
            let parts = match system.text() {
                Some(text) => Part::of(Content::Text(text)).into(),
                None => content(At::root("systemInstruction"), system, &mut calls, self.losses)?.into(),
            };
            self.prompt.turns.push(Turn { role: Role::System, parts });
        }
        let at = At::root("contents");
        for (index, one) in schema::one_or_all(contents, at)?.enumerate() {
            let at = at.index(index);
            at.object(one)?;
            let role = match at.name("role").optional_text(get(one, "role"))? {
                None => Role::User,
                Some(role) if role.is("user") || role.is("function") || role.is_empty() => Role::User,
                Some(role) if role.is("model") => Role::Assistant,
                Some(_) => return Err(at.name("role").wants("`user` or `model`")),
            };
            let last = self.prompt.turns.last().map(|turn| turn.role);
            if role == Role::Assistant && last != Some(Role::Assistant) {
                calls.forget();
            }
            self.prompt.turns.push(Turn { role, parts: content(at, one, &mut calls, self.losses)?.into() });
        }
        Ok(())
    }

    fn tools(&mut self, body: Item<'b>) -> Result<(), Fault> {
        let Some(tools) = get(body, "tools") else { return Ok(()) };
        let at = At::root("tools");
        for (index, tool) in schema::one_or_all(tools, at)?.enumerate() {
            let at = at.index(index);
            for (name, value) in at.object(tool)?.members().filter(|(_, value)| !value.is_null()) {
                let name = camel(&name);
                if *name == *b"googleSearch" {
                    self.prompt.search =
                        Some(WebSearch::read(Quoted::raw(b"googleSearch"), value, self.losses));
                } else if *name != *b"functionDeclarations" {
                    // A tool that the provider itself runs.
                    self.losses.foreign_parameter(&name);
                }
            }
            let Some(functions) = get(tool, "functionDeclarations") else { continue };
            let at = at.name("functionDeclarations");
            for (index, function) in at.array(functions)?.enumerate() {
                self.function(at.index(index), function)?;
            }
        }
        Ok(())
    }

    fn function(&mut self, at: At<'_>, function: Item<'b>) -> Result<(), Fault> {
        at.object(function)?;
        unread(function, &FUNCTION, self.losses);
        let schema = match schema::own(function) {
            Some(_) => self.schemas.pop_front(),
            None => get(function, "parametersJsonSchema"),
        };
        self.prompt.tools.push(Tool {
            name: at.name("name").text(get(function, "name"))?,
            description: at.name("description").optional_text(get(function, "description"))?,
            schema,
            strict: None,
            cached: None,
        });
        Ok(())
    }

    fn tool_config(&mut self, value: Item<'b>) -> Result<(), Fault> {
        let at = At::root("toolConfig");
        unread(value, &["functionCallingConfig"], self.losses);
        let at = at.name("functionCallingConfig");
        let Some(config) = get(value, "functionCallingConfig") else { return Ok(()) };
        let mode = at.name("mode").optional_text(get(config, "mode"))?;
        let mode = mode.map(|mode| mode.unescaped().to_ascii_uppercase());
        let allowed = get(config, "allowedFunctionNames");
        let allowed = allowed.into_iter().flat_map(|names| names.elements());
        let allowed: Vec<_> = allowed.filter_map(|name| name.text()).collect();
        self.prompt.choice = match mode.as_deref() {
            None | Some(b"MODE_UNSPECIFIED") => None,
            Some(b"AUTO" | b"VALIDATED") => Some(ToolChoice::Auto),
            Some(b"NONE") => Some(ToolChoice::None),
            Some(b"ANY") => Some(match &*allowed {
                [one] => ToolChoice::One(one.clone()),
                _ => ToolChoice::Any,
            }),
            Some(_) => return Err(at.name("mode").wants("`AUTO`, `ANY`, `NONE` or `VALIDATED`")),
        };
        self.prompt.allowed = Some(allowed).filter(|allowed| allowed.len() > 1);
        Ok(())
    }

    fn config(&mut self, config: Item<'b>) -> Result<(), Fault> {
        let at = At::root("generationConfig");
        object(&at, config)?;
        for (name, value) in config.members().filter(|(_, value)| !value.is_null()) {
            let name = camel(&name);
            match &*name {
                b"maxOutputTokens" => {
                    self.prompt.max_tokens = at.name("maxOutputTokens").count(Some(value))?;
                }
                b"stopSequences" => {
                    let at = at.name("stopSequences");
                    let stops = at.array(value)?.enumerate();
                    let stops = stops.map(|(index, stop)| at.index(index).text(Some(stop)));
                    self.prompt.stop = stops.collect::<Result<_, _>>()?;
                }
                b"thinkingConfig" => self.thinking(at.name("thinkingConfig"), value)?,
                // Together with the schema, below.
                b"responseMimeType" | b"responseSchema" | b"responseJsonSchema" => {}
                b"candidateCount" if value.count() == Some(1) => {}
                b"responseLogprobs" if value.flag() == Some(false) => {}
                b"responseModalities"
                    if value.elements().all(|one| one.text().is_some_and(|one| one.is("TEXT"))) => {}
                name => match KNOBS.iter().find(|(known, _)| known.as_bytes() == name) {
                    Some((_, knob)) => self.prompt.knobs.push((*knob, value)),
                    None => self.losses.foreign_parameter(name),
                },
            }
        }
        self.output(at, config)
    }

    fn output(&mut self, at: At<'_>, config: Item<'b>) -> Result<(), Fault> {
        let media = at.name("responseMimeType").optional_text(get(config, "responseMimeType"))?;
        let schema = match schema::own_of_answer(config) {
            Some(_) => self.schemas.pop_front(),
            None => get(config, "responseJsonSchema"),
        };
        self.prompt.output = match (media, schema) {
            (Some(media), Some(schema)) if media.is("application/json") => {
                let schema = schema::written(Some(schema))
                    .ok_or_else(|| at.name("responseJsonSchema").wants("an object"))?;
                Output::Schema { name: None, schema, strict: Some(false), description: None }
            }
            (Some(media), None) if media.is("application/json") => Output::Json,
            (Some(media), _) if !media.is("text/plain") => {
                self.losses.parameter("responseMimeType");
                Output::Text
            }
            _ => Output::Text,
        };
        Ok(())
    }

    fn thinking(&mut self, at: At<'_>, value: Item<'b>) -> Result<(), Fault> {
        at.object(value)?;
        if let Some(level) = at.name("thinkingLevel").optional_text(get(value, "thinkingLevel"))? {
            let level = level.unescaped().to_ascii_lowercase();
            self.prompt.effort = ["minimal", "low", "medium", "high", "xhigh"]
                .iter()
                .find(|known| known.as_bytes() == level)
                .map(|known| Quoted::raw(known.as_bytes()));
        }
        let budget = get(value, "thinkingBudget").and_then(|budget| budget.number());
        let shown = get(value, "includeThoughts").and_then(|shown| shown.flag()) == Some(true);
        self.prompt.thinking = match budget {
            Some(b"0") => Some(Thinking::Off),
            Some([b'-', ..]) => Some(Thinking::Adaptive),
            Some(_) => at.name("thinkingBudget").count(get(value, "thinkingBudget"))?.map(Thinking::Budget),
            None => shown.then_some(Thinking::Adaptive),
        };
        Ok(())
    }
}
