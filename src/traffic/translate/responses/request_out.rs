//! A prompt as a request of this API.
//!
//! Everything is said again in each request, and nothing is to be stored: thoughts come back sealed, and go out again
//! in front of what they led to.

use crate::base::fault::Fault;
use crate::traffic::dialect::json::{Item, Quoted, Writer};
use crate::traffic::translate::asking;
use crate::traffic::translate::closed::{can_be_held, is_closed};
use crate::traffic::translate::knobs::{lose, says_nothing};
use crate::traffic::translate::loss::{Losses, untranslatable};
use crate::traffic::translate::makers::{Mind, reasons, served_by_openai};
use crate::traffic::translate::names::{Renamed, alias, shortened};
use crate::traffic::translate::prompt::{
    Arguments, Content, Knob, Output, Part, Prompt, Role, Source, Thinking, ToolChoice, Turn,
};
use crate::traffic::translate::proof;

/// Longest name of a tool, and longest id of a call.
const NAME_BYTES: usize = 64;
/// Fewest tokens that an answer may be limited to.
const TOKENS_MIN: u64 = 16;
/// The schema's name, where the client's dialect has none.
const SCHEMA_NAME: &str = "answer";
const UNNAMED: Quoted<'static> = Quoted::raw(b"document.pdf");

/// Writes the body of a request to this model.
///
/// # Errors
/// The prompt holds content that this format has no place for.
pub fn write(
    prompt: &Prompt<'_>,
    model: &str,
    out: &mut Vec<u8>,
    losses: &mut Losses,
) -> Result<Renamed, Fault> {
    losses.thoughts(prompt, |part| match &part.content {
        Content::Thought { signature: Some(signature), .. } => proof::openais(signature).is_some(),
        _ => false,
    });
    let mut body = Body { out: Writer(out), losses };
    body.out.open("{").key("model").text(model).key("input").open("[");
    if let Some(asked) = asking::for_unnamed_json(prompt) {
        body.message("system", std::iter::once(&Part::of(Content::Text(Quoted::of(&asked)))))?;
    }
    prompt.turns.iter().try_for_each(|turn| body.turn(turn))?;
    body.out.close("]");
    let renamed = body.tools(prompt);
    let mind = Mind::of(model, prompt);
    body.limits(prompt, &mind);
    body.thinking(prompt, model, &mind);
    body.text_settings(prompt);
    body.rest(prompt, model);
    body.out.close("}");
    Ok(renamed)
}

/// A body that is being written.
struct Body<'w> {
    out: Writer<'w>,
    losses: &'w mut Losses,
}

impl Body<'_> {
    fn turn(&mut self, turn: &Turn<'_>) -> Result<(), Fault> {
        if turn.parts.iter().any(|part| part.cached.is_some()) {
            self.losses.hint("cache_control");
        }
        match turn.role {
            Role::System if turn.parts.is_empty() => Ok(()),
            Role::System => self.message("system", turn.parts.iter()),
            Role::User => self.user(&turn.parts),
            Role::Assistant => self.assistant(&turn.parts),
        }
    }

    /// Results are items of their own, before what the user says beside them.
    fn user(&mut self, parts: &[Part<'_>]) -> Result<(), Fault> {
        let is_result = |part: &&Part<'_>| matches!(part.content, Content::Result { .. });
        for part in parts {
            if let Content::Result { call, parts, failed } = &part.content {
                self.result(call, parts, *failed)?;
            }
        }
        let said = parts.iter().filter(|part| !is_result(part));
        if said.clone().next().is_some() || parts.is_empty() { self.message("user", said) } else { Ok(()) }
    }

    fn result(&mut self, call: &Quoted<'_>, parts: &[Part<'_>], failed: bool) -> Result<(), Fault> {
        self.out.open("{\"type\":\"function_call_output\"").key("call_id").quoted(&alias(call, NAME_BYTES));
        self.out.key("output");
        if parts.iter().all(|part| matches!(part.content, Content::Text(_))) {
            self.out.open(if failed { "\"Error: " } else { "\"" });
            for (index, part) in parts.iter().enumerate() {
                if index > 0 {
                    self.out.close("\\n");
                }
                if let Content::Text(text) = &part.content {
                    self.out.0.extend_from_slice(text.as_written());
                }
            }
            self.out.close("\"");
        } else {
            self.out.open("[");
            if failed {
                self.out.open("{\"type\":\"input_text\"").key("text").text("Error:").close("}");
            }
            parts.iter().try_for_each(|part| self.part(part))?;
            self.out.close("]");
        }
        self.out.close("}");
        Ok(())
    }

    /// A message of what a user or the system says; a single text is a string.
    fn message<'p, 'b: 'p>(
        &mut self,
        role: &str,
        parts: impl Iterator<Item = &'p Part<'b>> + Clone,
    ) -> Result<(), Fault> {
        self.out.open("{\"role\":").text(role).key("content");
        let mut rest = parts.clone();
        match (rest.next().map(|part| &part.content), rest.next()) {
            (None, _) => _ = self.out.word(""),
            (Some(Content::Text(text)), None) => _ = self.out.quoted(text),
            _ => {
                self.out.open("[");
                for part in parts {
                    self.part(part)?;
                }
                self.out.close("]");
            }
        }
        self.out.close("}");
        Ok(())
    }

    /// Thoughts, texts and calls, each an item in its place.
    fn assistant(&mut self, parts: &[Part<'_>]) -> Result<(), Fault> {
        for part in parts {
            match &part.content {
                Content::Text(text) if text.is_empty() => {}
                Content::Text(text) => {
                    self.out.open("{\"role\":\"assistant\"").key("content").quoted(text).close("}");
                }
                Content::Call { id, name, arguments } => self.call(id, name, arguments),
                Content::Thought { text, signature } => {
                    let sealed = signature.as_ref().and_then(proof::openais);
                    if let Some(sealed) = sealed {
                        self.thought(text, sealed);
                    }
                }
                // It belongs to the provider that had it.
                Content::HiddenThought { .. } => {}
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
        Ok(())
    }

    fn thought(&mut self, text: &Quoted<'_>, sealed: &[u8]) {
        self.out.open("{\"type\":\"reasoning\"").key("summary").open("[");
        if !text.is_empty() {
            self.out.open("{\"type\":\"summary_text\"").key("text").quoted(text).close("}");
        }
        self.out.close("]").key("encrypted_content").quoted(&Quoted::raw(sealed)).close("}");
    }

    fn call(&mut self, id: &Quoted<'_>, name: &Quoted<'_>, arguments: &Arguments<'_>) {
        self.out.open("{\"type\":\"function_call\"").key("call_id").quoted(&alias(id, NAME_BYTES));
        self.out.key("name").quoted(&alias(name, NAME_BYTES)).key("arguments");
        match arguments {
            Arguments::Source(source) if source.is_blank() => self.out.word("{}"),
            Arguments::Source(source) => self.out.quoted(source),
            Arguments::Object(object) => self.out.source(object.raw()),
        };
        self.out.close("}");
    }

    fn part(&mut self, part: &Part<'_>) -> Result<(), Fault> {
        match &part.content {
            Content::Text(text) | Content::Document { source: Source::Plain(text), .. } => {
                if matches!(part.content, Content::Document { name: Some(_), .. }) {
                    self.losses.hint("title");
                }
                self.out.open("{\"type\":\"input_text\"").key("text").quoted(text).close("}");
            }
            Content::Image { source, detail } => {
                self.out.open("{\"type\":\"input_image\"");
                match source {
                    Source::File(file) => _ = self.out.key("file_id").quoted(file),
                    source => self.url("image_url", source)?,
                }
                if let Some(detail) = detail {
                    self.out.key("detail").quoted(detail);
                }
                self.out.close("}");
            }
            Content::Document { source, name } => {
                self.out.open("{\"type\":\"input_file\"");
                match source {
                    Source::File(file) => _ = self.out.key("file_id").quoted(file),
                    Source::Url(url) => _ = self.out.key("file_url").quoted(url),
                    source => {
                        self.out.key("filename").quoted(name.as_ref().unwrap_or(&UNNAMED));
                        self.url("file_data", source)?;
                    }
                }
                self.out.close("}");
            }
            Content::Audio { .. } => return Err(untranslatable("The model's provider takes no audio.")),
            Content::Video { .. } => return Err(untranslatable("The model's provider takes no video.")),
            Content::Thought { .. } | Content::HiddenThought { .. } => {}
            Content::Call { .. } | Content::Result { .. } => {
                return Err(untranslatable("A call of a tool, or its result, stands where none may be."));
            }
        }
        Ok(())
    }

    fn url(&mut self, name: &str, source: &Source<'_>) -> Result<(), Fault> {
        self.out.key(name);
        match source {
            Source::DataUrl(url) | Source::Url(url) => _ = self.out.quoted(url),
            Source::Base64 { media, data } => {
                let url = [b"data:", media.as_written(), b";base64,", data.as_written()].concat();
                self.out.quoted(&Quoted::raw(&url));
            }
            Source::File(_) | Source::Plain(_) => return Err(untranslatable("An image is no text.")),
        }
        Ok(())
    }

    fn tools(&mut self, prompt: &Prompt<'_>) -> Renamed {
        let mut renamed = Renamed::default();
        if prompt.tools.is_empty() && prompt.search.is_none() {
            return renamed;
        }
        self.out.key("tools").open("[");
        if let Some(search) = &prompt.search {
            search.write_responses(&mut self.out, self.losses);
        }
        for tool in &prompt.tools {
            let name = alias(&tool.name, NAME_BYTES);
            renamed.note(&tool.name, &name);
            self.out.open("{\"type\":\"function\"").key("name").quoted(&name);
            if let Some(description) = &tool.description {
                self.out.key("description").quoted(description);
            }
            self.out.key("parameters");
            match &tool.schema {
                Some(schema) => self.out.item(schema),
                None => self.out.raw(b"{\"type\":\"object\",\"properties\":{}}"),
            };
            // Told nothing, this API would hold the model to a schema that was not written for that.
            self.out.key("strict");
            match &tool.strict {
                Some(strict) if can_be_held(strict, tool.schema) => _ = self.out.item(strict),
                Some(_) => {
                    self.losses.hint("tools[].strict");
                    self.out.flag(false);
                }
                None => _ = self.out.flag(false),
            }
            self.out.close("}");
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
                self.out.key("tool_choice").open("{\"type\":\"function\"").key("name");
                self.out.quoted(&alias(name, NAME_BYTES)).close("}");
            }
        }
        if let Some(parallel) = prompt.parallel_tools {
            self.out.key("parallel_tool_calls").flag(parallel);
        }
        renamed
    }

    fn limits(&mut self, prompt: &Prompt<'_>, mind: &Mind<'_>) {
        if let Some(tokens) = prompt.max_tokens {
            if tokens < TOKENS_MIN {
                self.losses.hint("max_tokens");
            }
            self.out.key("max_output_tokens").count(tokens.max(TOKENS_MIN));
        }
        if !prompt.stop.is_empty() {
            self.losses.parameter("stop");
        }
        for (knob, value) in &prompt.knobs {
            let name = match knob {
                Knob::Temperature if mind.takes(*knob) => "temperature",
                Knob::TopP if mind.takes(*knob) => "top_p",
                Knob::TopLogprobs if mind.takes(*knob) => "top_logprobs",
                Knob::Verbosity => continue,
                // It is asked for among other wishes.
                Knob::Logprobs if mind.takes(*knob) => continue,
                knob => {
                    lose(*knob, value, self.losses);
                    continue;
                }
            };
            self.out.key(name).item(value);
        }
    }

    /// Sealed thoughts are asked for wherever there may be some: the next request gives them back.
    fn thinking(&mut self, prompt: &Prompt<'_>, model: &str, mind: &Mind<'_>) {
        let told = matches!(prompt.thinking, Some(Thinking::Adaptive | Thinking::Budget(_)));
        if !reasons(model) {
            if told || mind.lost {
                self.losses.hint("thinking");
            }
            self.include(prompt, mind, false);
            return;
        }
        if told || mind.effort.is_some() {
            self.out.key("reasoning").open("{");
            if let Some(effort) = &mind.effort {
                self.out.key("effort").quoted(effort);
            }
            if told {
                self.out.key("summary").word("auto");
            }
            self.out.close("}");
        }
        self.include(prompt, mind, true);
    }

    /// What is to be told that is not told to everybody.
    fn include(&mut self, prompt: &Prompt<'_>, mind: &Mind<'_>, sealed: bool) {
        let wanted =
            |(knob, value): &(Knob, Item<'_>)| *knob == Knob::Logprobs && !says_nothing(*knob, value);
        let logprobs = mind.takes(Knob::Logprobs) && prompt.knobs.iter().any(wanted);
        if !sealed && !logprobs {
            return;
        }
        self.out.key("include").open("[");
        if sealed {
            self.out.text("reasoning.encrypted_content");
        }
        if logprobs {
            self.out.text("message.output_text.logprobs");
        }
        self.out.close("]");
    }

    fn text_settings(&mut self, prompt: &Prompt<'_>) {
        let verbosity = prompt.knobs.iter().find(|(knob, _)| *knob == Knob::Verbosity);
        if verbosity.is_none() && matches!(prompt.output, Output::Text) {
            return;
        }
        self.out.key("text").open("{");
        match &prompt.output {
            Output::Text => {}
            Output::Json => _ = self.out.key("format").raw(b"{\"type\":\"json_object\"}"),
            Output::Schema { name, schema, strict, description } => {
                self.out.key("format").open("{\"type\":\"json_schema\"").key("name");
                match name {
                    Some(name) => self.out.quoted(name),
                    None => self.out.text(SCHEMA_NAME),
                };
                if let Some(description) = description {
                    self.out.key("description").quoted(description);
                }
                // A dialect without names for schemas holds its models to them.
                let strict = strict.unwrap_or(name.is_none() && is_closed(*schema));
                self.out.key("schema").item(schema).key("strict").flag(strict).close("}");
            }
        }
        if let Some((_, verbosity)) = verbosity {
            self.out.key("verbosity").item(verbosity);
        }
        self.out.close("}");
    }

    /// Nothing is stored that the client did not ask to.
    fn rest(&mut self, prompt: &Prompt<'_>, model: &str) {
        let stores = prompt.own("store").and_then(|store| store.flag()) == Some(true);
        self.out.key("store").flag(stores);
        for (name, value) in prompt.own.iter().filter(|(name, _)| *name != "store") {
            self.out.key(name).item(value);
        }
        let told_apart = served_by_openai(model);
        if let Some(user) = if told_apart { prompt.user.as_ref() } else { prompt.who() } {
            self.out.key("user").quoted(&shortened(user));
        }
        if let Some(name) = prompt.safety_identifier.as_ref().filter(|_| told_apart) {
            self.out.key("safety_identifier").quoted(&shortened(name));
        }
        if let Some(tier) = &prompt.service_tier {
            self.out.key("service_tier").quoted(tier);
        }
        if prompt.stream {
            self.out.key("stream").flag(true);
        }
    }
}
