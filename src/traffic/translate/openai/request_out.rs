//! A prompt as a chat completion request.

use super::request_in::KNOBS;
use super::{details, thinking};
use crate::base::fault::Fault;
use crate::contract::parameters::{Parameter, Parameters};
use crate::traffic::dialect::json::{Quoted, Writer};
use crate::traffic::translate::Destination;
use crate::traffic::translate::apart::Messages;
use crate::traffic::translate::asking;
use crate::traffic::translate::closed::{can_be_held, is_closed};
use crate::traffic::translate::knobs::lose;
use crate::traffic::translate::loss::{Losses, untranslatable};
use crate::traffic::translate::makers::{Mind, is_openais, keeps_thoughts, served_by_openai};
use crate::traffic::translate::names::{Renamed, alias, shortened};
use crate::traffic::translate::prompt::{Arguments, Content, Knob, Output, Part, Prompt, Source, ToolChoice};

/// Longest name of a tool that this format has.
const NAME_BYTES: usize = 64;
/// Longest id of a call.
const ID_BYTES: usize = 40;
/// Most stop sequences.
const STOPS: usize = 4;
/// The schema's name, where the client's dialect has none.
const SCHEMA_NAME: &str = "answer";

/// Whether the provider reports usage in streams when it is asked to.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum StreamUsage {
    Asked,
    Unasked,
}

/// Writes the body of a request to this model.
///
/// # Errors
/// The prompt holds content that this format has no place for.
pub fn write(
    prompt: &Prompt<'_>,
    to: Destination<'_>,
    out: &mut Vec<u8>,
    losses: &mut Losses,
) -> Result<Renamed, Fault> {
    let model = to.model;
    let keeps_thoughts = keeps_thoughts(model);
    losses.thoughts(prompt, |part| match &part.content {
        Content::Thought { signature: Some(signature), .. } if !signature.is_empty() => {
            details::are_of(signature, model)
        }
        content => keeps_thoughts && content.unsigned_thought().is_some(),
    });
    let mut body = Body { model, openais: is_openais(model), keeps_thoughts, out: Writer(out), losses };
    body.out.open("{").key("model").text(model).key("messages").open("[");
    if let Some(asked) = asking::for_unnamed_json(prompt) {
        body.said("system", &[&Part::of(Content::Text(Quoted::of(&asked)))])?;
    }
    for run in prompt.turns.chunk_by(|one, next| one.role == next.role) {
        body.turns(run)?;
    }
    body.out.close("]");
    let renamed = body.tools(prompt);
    body.limits(prompt, to);
    body.output(prompt);
    body.rest(prompt, to);
    body.out.close("}");
    Ok(renamed)
}

/// What a server calls a number or a switch, if it knows it.
fn name_of(knob: Knob, parameters: Parameters) -> Option<&'static str> {
    let known = |one, name| parameters.has(one).then_some(name);
    match knob {
        Knob::TopK => known(Parameter::TopK, "top_k"),
        Knob::MinP => known(Parameter::MinP, "min_p"),
        Knob::RepetitionPenalty => known(Parameter::RepetitionPenalty, "repetition_penalty")
            .or_else(|| known(Parameter::RepeatPenalty, "repeat_penalty")),
        Knob::LogitBias | Knob::Verbosity if parameters.has(Parameter::KnownOnly) => None,
        Knob::Seed if parameters.has(Parameter::RandomSeed) => Some("random_seed"),
        knob => KNOBS.iter().find(|(_, known)| *known == knob).map(|(name, _)| *name),
    }
}

/// A body that is being written.
struct Body<'w> {
    model: &'w str,
    /// The model is `OpenAI`'s own.
    openais: bool,
    /// The model gets its thoughts back.
    keeps_thoughts: bool,
    out: Writer<'w>,
    losses: &'w mut Losses,
}

impl<'w> Messages<'w> for Body<'w> {
    const ID_BYTES: usize = ID_BYTES;

    fn hands(&mut self) -> (&mut Writer<'w>, &mut Losses) {
        (&mut self.out, self.losses)
    }

    /// A message of text and images; a single text is a string, as every server takes it.
    fn said(&mut self, role: &str, parts: &[&Part<'_>]) -> Result<(), Fault> {
        self.out.open("{\"role\":").text(role).key("content");
        match parts {
            [] => _ = self.out.text(""),
            [Part { content: Content::Text(text), .. }] => {
                self.out.quoted(text);
            }
            parts => {
                self.out.open("[");
                parts.iter().try_for_each(|part| self.part(part))?;
                self.out.close("]");
            }
        }
        self.out.close("}");
        Ok(())
    }

    fn assistant(&mut self, parts: &[&Part<'_>]) -> Result<(), Fault> {
        // Thoughts that nothing followed make no message.
        if !parts.is_empty() && parts.iter().all(|part| part.content.is_thought()) {
            return Ok(());
        }
        let texts = parts.iter().filter_map(|part| match &part.content {
            Content::Text(text) => Some(text),
            _ => None,
        });
        // Calls may stand alone; without any there must be a text.
        let called = parts.iter().any(|part| matches!(part.content, Content::Call { .. }));
        self.out.open("{\"role\":\"assistant\"").key("content");
        if called && texts.clone().next().is_none() {
            self.out.raw(b"null");
        } else {
            self.out.open("\"");
            texts.for_each(|text| self.out.0.extend_from_slice(text.as_written()));
            self.out.close("\"");
        }
        self.thoughts(parts);
        let mut calls = false;
        for part in parts {
            match &part.content {
                Content::Call { id, name, arguments } => {
                    if !std::mem::replace(&mut calls, true) {
                        self.out.key("tool_calls").open("[");
                    }
                    self.call(id, name, arguments);
                }
                // Thoughts belong to the provider that had them.
                Content::Text(_) | Content::Thought { .. } | Content::HiddenThought { .. } => {}
                Content::Image { .. }
                | Content::Document { .. }
                | Content::Audio { .. }
                | Content::Video { .. }
                | Content::Result { .. } => {
                    return Err(untranslatable(
                        "A message of the assistant may hold text and calls of tools only.",
                    ));
                }
            }
        }
        if calls {
            self.out.close("]");
        }
        self.out.close("}");
        Ok(())
    }
}

impl Body<'_> {
    fn thoughts(&mut self, parts: &[&Part<'_>]) {
        let mut thoughts = parts.iter().filter_map(|part| part.content.unsigned_thought()).peekable();
        if self.keeps_thoughts && thoughts.peek().is_some() {
            self.out.key("reasoning_content").open("\"");
            thoughts.for_each(|thought| self.out.0.extend_from_slice(thought.as_written()));
            self.out.close("\"");
        }
        let mut proved = parts.iter().filter_map(|part| match &part.content {
            Content::Thought { text, signature: Some(proof) } if details::are_of(proof, self.model) => {
                Some((text, proof))
            }
            _ => None,
        });
        if let Some(first) = proved.next() {
            details::write([first].into_iter().chain(proved), self.out.key("reasoning_details"));
        }
    }

    fn call(&mut self, id: &Quoted<'_>, name: &Quoted<'_>, arguments: &Arguments<'_>) {
        self.out.open("{\"id\":").quoted(&alias(id, ID_BYTES)).key("type").word("function");
        self.out.key("function").open("{\"name\":").quoted(&alias(name, NAME_BYTES)).key("arguments");
        match arguments {
            Arguments::Source(source) if source.is_blank() => self.out.word("{}"),
            Arguments::Source(source) => self.out.quoted(source),
            Arguments::Object(object) => self.out.source(object.raw()),
        };
        self.out.close("}}");
    }

    fn part(&mut self, part: &Part<'_>) -> Result<(), Fault> {
        match &part.content {
            Content::Text(text) | Content::Document { source: Source::Plain(text), .. } => {
                if matches!(part.content, Content::Document { name: Some(_), .. }) {
                    self.losses.hint("title");
                }
                self.out.open("{\"type\":\"text\"").key("text").quoted(text).close("}");
            }
            Content::Image { source, detail } => {
                self.out.open("{\"type\":\"image_url\"").key("image_url").open("{").key("url");
                self.url(source)?;
                if let Some(detail) = detail {
                    self.out.key("detail").quoted(detail);
                }
                self.out.close("}}");
            }
            Content::Document { source, name } => {
                self.out.open("{\"type\":\"file\"").key("file").open("{");
                if let Source::File(file) = source {
                    self.out.key("file_id").quoted(file);
                } else if let Source::Url(_) = source {
                    return Err(untranslatable(
                        "The model's provider takes no document by its URL: send its bytes.",
                    ));
                } else {
                    let unnamed = Quoted::raw(b"document.pdf");
                    self.out.key("filename").quoted(name.as_ref().unwrap_or(&unnamed)).key("file_data");
                    self.url(source)?;
                }
                self.out.close("}}");
            }
            Content::Audio { data, format } => {
                self.out
                    .open("{\"type\":\"input_audio\"")
                    .key("input_audio")
                    .open("{")
                    .key("data")
                    .quoted(data);
                self.out.key("format").quoted(format).close("}}");
            }
            Content::Video { source } => {
                self.out.open("{\"type\":\"video_url\"").key("video_url").open("{").key("url");
                self.url(source)?;
                self.out.close("}}");
            }
            Content::Thought { .. } | Content::HiddenThought { .. } => {}
            Content::Call { .. } | Content::Result { .. } => {
                return Err(untranslatable("A call of a tool, or its result, stands where none may be."));
            }
        }
        Ok(())
    }

    fn url(&mut self, source: &Source<'_>) -> Result<(), Fault> {
        match source {
            Source::DataUrl(url) | Source::Url(url) => {
                self.out.quoted(url);
            }
            Source::Base64 { media, data } => {
                self.out.open("\"data:");
                self.out.0.extend_from_slice(media.as_written());
                self.out.close(";base64,");
                self.out.0.extend_from_slice(data.as_written());
                self.out.close("\"");
            }
            Source::File(_) | Source::Plain(_) => {
                return Err(untranslatable("The model's provider takes images as URLs only."));
            }
        }
        Ok(())
    }

    fn tools(&mut self, prompt: &Prompt<'_>) -> Renamed {
        let mut renamed = Renamed::default();
        if prompt.tools.is_empty() {
            return renamed;
        }
        self.out.key("tools").open("[");
        for tool in &prompt.tools {
            let name = alias(&tool.name, NAME_BYTES);
            renamed.note(&tool.name, &name);
            self.out.open("{\"type\":\"function\"").key("function").open("{").key("name").quoted(&name);
            if let Some(description) = &tool.description {
                self.out.key("description").quoted(description);
            }
            if let Some(schema) = &tool.schema {
                self.out.key("parameters").item(schema);
            }
            match &tool.strict {
                Some(strict) if !self.openais || can_be_held(strict, tool.schema) => {
                    _ = self.out.key("strict").item(strict);
                }
                Some(_) => self.losses.hint("tools[].strict"),
                None => {}
            }
            self.out.close("}}");
            if tool.cached.is_some() {
                self.losses.hint("cache_control");
            }
        }
        self.out.close("]");
        match &prompt.choice {
            None => {}
            Some(ToolChoice::Auto) => _ = self.out.key("tool_choice").word("auto"),
            Some(ToolChoice::None) => _ = self.out.key("tool_choice").word("none"),
            Some(ToolChoice::Any) => _ = self.out.key("tool_choice").word("required"),
            Some(ToolChoice::One(name)) => {
                self.out.key("tool_choice").open("{\"type\":\"function\"").key("function").open("{\"name\":");
                self.out.quoted(&alias(name, NAME_BYTES)).close("}}");
            }
        }
        if let Some(parallel) = prompt.parallel_tools {
            self.out.key("parallel_tool_calls").flag(parallel);
        }
        renamed
    }

    fn limits(&mut self, prompt: &Prompt<'_>, to: Destination<'_>) {
        if let Some(tokens) = prompt.max_tokens {
            // The newer models refuse the older name, which is the one that all other servers know.
            let name = if self.openais && !to.parameters.has(Parameter::MaxTokens) {
                "max_completion_tokens"
            } else {
                "max_tokens"
            };
            self.out.key(name).count(tokens);
        }
        let mind = Mind::of(to.model, prompt);
        thinking::write(prompt, to, &mind, &mut self.out, self.losses);
        self.stop(prompt, &mind);
        for (knob, value) in &prompt.knobs {
            match name_of(*knob, to.parameters) {
                Some(_) if !mind.takes(*knob) => lose(*knob, value, self.losses),
                Some(name) if *knob == Knob::Logprobs => {
                    _ = self.out.key(name).flag(value.flag() != Some(false));
                }
                Some(name) => _ = self.out.key(name).item(value),
                None => lose(*knob, value, self.losses),
            }
        }
    }

    fn stop(&mut self, prompt: &Prompt<'_>, mind: &Mind<'_>) {
        if prompt.stop.is_empty() {
            return;
        }
        if !mind.takes_stops() {
            self.losses.parameter("stop");
            return;
        }
        if prompt.stop.len() > STOPS {
            self.losses.parameter("stop_sequences");
        }
        self.out.key("stop").open("[");
        for stop in prompt.stop.iter().take(STOPS) {
            self.out.quoted(stop);
        }
        self.out.close("]");
    }

    fn output(&mut self, prompt: &Prompt<'_>) {
        match &prompt.output {
            Output::Text => {}
            Output::Json => _ = self.out.key("response_format").raw(b"{\"type\":\"json_object\"}"),
            Output::Schema { name, schema, strict, description } => {
                self.out
                    .key("response_format")
                    .open("{\"type\":\"json_schema\"")
                    .key("json_schema")
                    .open("{");
                match name {
                    Some(name) => self.out.key("name").quoted(name),
                    None => self.out.key("name").text(SCHEMA_NAME),
                };
                if let Some(description) = description {
                    self.out.key("description").quoted(description);
                }
                self.out.key("schema").item(schema);
                match strict {
                    Some(strict) => _ = self.out.key("strict").flag(*strict),
                    // A dialect without names for schemas holds its models to them.
                    None if name.is_none() => _ = self.out.key("strict").flag(is_closed(*schema)),
                    None => {}
                }
                self.out.close("}}");
            }
        }
    }

    fn rest(&mut self, prompt: &Prompt<'_>, to: Destination<'_>) {
        let told_apart = served_by_openai(to.model);
        let user = if told_apart { prompt.user.as_ref() } else { prompt.who() };
        let names_users = !to.parameters.has(Parameter::KnownOnly);
        if user.is_some() && !names_users {
            self.losses.hint("user");
        }
        if let Some(user) = user.filter(|_| names_users) {
            self.out.key("user").quoted(&shortened(user));
        }
        if let Some(name) = prompt.safety_identifier.as_ref().filter(|_| told_apart) {
            self.out.key("safety_identifier").quoted(&shortened(name));
        }
        self.shared(prompt);
        if let Some(search) = &prompt.search {
            search.write_chat(&mut self.out, self.losses);
        }
        if let Some(tier) = &prompt.service_tier {
            self.out.key("service_tier").quoted(tier);
        }
        if prompt.stream {
            self.out.key("stream").flag(true);
            if to.stream_usage == StreamUsage::Asked {
                self.out.key("stream_options").raw(b"{\"include_usage\":true}");
            }
        }
    }

    /// What the client's dialect names alike. Labels are refused where nothing is kept.
    fn shared(&mut self, prompt: &Prompt<'_>) {
        let stores = prompt.own("store").and_then(|store| store.flag()) == Some(true);
        for (name, value) in &prompt.own {
            match *name {
                "metadata" if !stores => self.losses.hint(name),
                "store" if !stores => {}
                name => _ = self.out.key(name).item(value),
            }
        }
    }
}
