//! A prompt as a request of this format.

use crate::base::fault::Fault;
use crate::traffic::dialect::json::{Item, Quoted, Writer};
use crate::traffic::translate::apart::Messages;
use crate::traffic::translate::asking;
use crate::traffic::translate::knobs::{is_usual_tier, lose};
use crate::traffic::translate::loss::{Losses, untranslatable};
use crate::traffic::translate::names::{Renamed, alias};
use crate::traffic::translate::prompt::{
    Arguments, Content, Knob, Output, Part, Prompt, Source, Thinking, Tool, ToolChoice,
};

/// Longest name of a tool, and longest id of a call.
const NAME_BYTES: usize = 64;
/// Most stop sequences.
const STOPS: usize = 5;
/// The most that `p` may be.
const TOP_P: f64 = 0.99;
const LEAST_P: f64 = 0.01;
/// Most tokens to choose from.
const TOP_K: f64 = 5e2;

/// Members of a request that only this format has, and that clients of any dialect may say by its own names: what the
/// answer is to rest on, and how careful the model is to be.
pub const OWN: [&str; 3] = ["documents", "citation_options", "safety_mode"];

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
    losses.thoughts(prompt, |part| part.content.unsigned_thought().is_some());
    let mut body = Body { reasons: model.contains("reasoning"), out: Writer(out), losses };
    body.out.open("{").key("model").text(model).key("messages").open("[");
    let held = prompt.tools.is_empty();
    body.asked(prompt, held)?;
    for run in prompt.turns.chunk_by(|one, next| one.role == next.role) {
        body.turns(run)?;
    }
    body.out.close("]");
    let renamed = body.tools(prompt);
    if held {
        body.output(&prompt.output);
    }
    body.limits(prompt);
    body.mind(prompt);
    body.rest(prompt);
    prompt.own.iter().for_each(|(name, value)| _ = body.out.key(name).item(value));
    body.out.close("}");
    Ok(renamed)
}

/// A body that is being written.
struct Body<'w> {
    /// The model thinks unless it is told not to; others refuse to be told.
    reasons: bool,
    out: Writer<'w>,
    losses: &'w mut Losses,
}

impl<'w> Messages<'w> for Body<'w> {
    const ID_BYTES: usize = NAME_BYTES;

    fn hands(&mut self) -> (&mut Writer<'w>, &mut Losses) {
        (&mut self.out, self.losses)
    }

    /// A message of texts and images; a single text is a string.
    fn said(&mut self, role: &str, parts: &[&Part<'_>]) -> Result<(), Fault> {
        self.out.open("{\"role\":").text(role).key("content");
        match parts {
            [] => _ = self.out.word(""),
            [Part { content: Content::Text(text), .. }] => _ = self.out.quoted(text),
            parts => {
                self.out.open("[");
                parts.iter().try_for_each(|part| self.part(part))?;
                self.out.close("]");
            }
        }
        self.out.close("}");
        Ok(())
    }

    /// What nobody signed was this provider's own thought: the plan of a turn that calls tools, or what a model that
    /// reasons thought.
    fn assistant(&mut self, parts: &[&Part<'_>]) -> Result<(), Fault> {
        let thoughts: Vec<_> = parts.iter().filter_map(|part| part.content.unsigned_thought()).collect();
        let called = parts.iter().any(|part| matches!(part.content, Content::Call { .. }));
        let texts = parts.iter().filter_map(|part| match &part.content {
            Content::Text(text) => Some(text),
            _ => None,
        });
        let shown = self.reasons && !thoughts.is_empty();
        let silent = texts.clone().all(Quoted::is_empty) && !shown;
        if silent && !called {
            return Ok(());
        }
        self.out.open("{\"role\":\"assistant\"");
        if shown {
            self.out.key("content").open("[");
            for thought in &thoughts {
                self.out.open("{\"type\":\"thinking\"").key("thinking").quoted(thought).close("}");
            }
            texts.for_each(|text| self.text(text));
            self.out.close("]");
        } else if !silent {
            self.out.key("content").open("\"");
            texts.for_each(|text| self.out.0.extend_from_slice(text.as_written()));
            self.out.close("\"");
        }
        if called && !self.reasons && !thoughts.is_empty() {
            self.out.key("tool_plan").open("\"");
            for thought in &thoughts {
                self.out.0.extend_from_slice(thought.as_written());
            }
            self.out.close("\"");
        }
        self.calls(parts)?;
        self.out.close("}");
        Ok(())
    }
}

impl Body<'_> {
    /// Where there are tools the model is held to no form of its answer: what is left is to ask for it. Held to JSON that
    /// nobody speaks of, it would find no end.
    fn asked(&mut self, prompt: &Prompt<'_>, held: bool) -> Result<(), Fault> {
        let asked = if held { asking::for_unnamed_json(prompt) } else { asking::for_form(&prompt.output) };
        let Some(asked) = asked else { return Ok(()) };
        if !held {
            self.losses.parameter("response_format");
        }
        self.said("system", &[&Part::of(Content::Text(Quoted::of(&asked)))])
    }

    fn part(&mut self, part: &Part<'_>) -> Result<(), Fault> {
        match &part.content {
            Content::Text(text) => self.text(text),
            Content::Document { source: Source::Plain(text), name } => {
                if name.is_some() {
                    self.losses.hint("title");
                }
                self.text(text);
            }
            Content::Image { source, detail } => {
                self.out.open("{\"type\":\"image_url\"").key("image_url").open("{").key("url");
                self.url(source)?;
                if let Some(detail) = detail {
                    self.out.key("detail").quoted(detail);
                }
                self.out.close("}}");
            }
            Content::Document { .. } | Content::Audio { .. } | Content::Video { .. } => {
                return Err(untranslatable("The model's provider takes texts and images only."));
            }
            Content::Thought { .. } | Content::HiddenThought { .. } => {}
            Content::Call { .. } | Content::Result { .. } => {
                return Err(untranslatable("A call of a tool, or its result, stands where none may be."));
            }
        }
        Ok(())
    }

    fn text(&mut self, text: &Quoted<'_>) {
        self.out.open("{\"type\":\"text\"").key("text").quoted(text).close("}");
    }

    fn url(&mut self, source: &Source<'_>) -> Result<(), Fault> {
        match source {
            Source::DataUrl(url) | Source::Url(url) => _ = self.out.quoted(url),
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

    fn calls(&mut self, parts: &[&Part<'_>]) -> Result<(), Fault> {
        let mut begun = false;
        for part in parts {
            match &part.content {
                Content::Call { id, name, arguments } => {
                    if !std::mem::replace(&mut begun, true) {
                        self.out.key("tool_calls").open("[");
                    }
                    self.call(id, name, arguments);
                }
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
        if begun {
            self.out.close("]");
        }
        Ok(())
    }

    fn call(&mut self, id: &Quoted<'_>, name: &Quoted<'_>, arguments: &Arguments<'_>) {
        self.out.open("{\"id\":").quoted(&alias(id, NAME_BYTES)).key("type").word("function");
        self.out.key("function").open("{\"name\":").quoted(&alias(name, NAME_BYTES)).key("arguments");
        match arguments {
            Arguments::Source(source) if source.is_blank() => self.out.word("{}"),
            Arguments::Source(source) => self.out.quoted(source),
            Arguments::Object(object) => self.out.source(object.raw()),
        };
        self.out.close("}}");
    }

    /// A model that must call one tool is shown no other, and made to call: the format knows no names there.
    fn tools(&mut self, prompt: &Prompt<'_>) -> Renamed {
        let mut renamed = Renamed::default();
        let shown = |tool: &&Tool<'_>| match &prompt.choice {
            Some(ToolChoice::One(name)) => tool.name == *name,
            _ => true,
        };
        let tools: Vec<_> = prompt.tools.iter().filter(shown).collect();
        if tools.is_empty() {
            return renamed;
        }
        self.out.key("tools").open("[");
        for tool in &tools {
            self.tool(tool, &mut renamed);
        }
        self.out.close("]");
        let strict = |tool: &&&Tool<'_>| tool.strict.is_some_and(|strict| strict.flag() == Some(true));
        match tools.iter().filter(strict).count() {
            0 => {}
            all if all == tools.len() => _ = self.out.key("strict_tools").flag(true),
            _ => self.losses.hint("tools[].strict"),
        }
        match &prompt.choice {
            None | Some(ToolChoice::Auto) => {}
            Some(ToolChoice::None) => _ = self.out.key("tool_choice").word("NONE"),
            Some(ToolChoice::Any | ToolChoice::One(_)) => _ = self.out.key("tool_choice").word("REQUIRED"),
        }
        if prompt.parallel_tools == Some(false) {
            self.losses.parameter("parallel_tool_calls");
        }
        renamed
    }

    fn tool(&mut self, tool: &Tool<'_>, renamed: &mut Renamed) {
        let name = alias(&tool.name, NAME_BYTES);
        renamed.note(&tool.name, &name);
        self.out.open("{\"type\":\"function\"").key("function").open("{").key("name").quoted(&name);
        if let Some(description) = &tool.description {
            self.out.key("description").quoted(description);
        }
        match &tool.schema {
            Some(schema) => self.out.key("parameters").item(schema),
            None => self.out.key("parameters").raw(b"{\"type\":\"object\",\"properties\":{}}"),
        };
        self.out.close("}}");
        if tool.cached.is_some() {
            self.losses.hint("cache_control");
        }
    }

    fn output(&mut self, output: &Output<'_>) {
        match output {
            Output::Text => {}
            Output::Json => _ = self.out.key("response_format").raw(b"{\"type\":\"json_object\"}"),
            Output::Schema { schema, .. } => {
                self.out.key("response_format").open("{\"type\":\"json_object\"").key("json_schema");
                self.out.item(schema).close("}");
            }
        }
    }

    fn limits(&mut self, prompt: &Prompt<'_>) {
        if let Some(tokens) = prompt.max_tokens {
            self.out.key("max_tokens").count(tokens);
        }
        let stops = prompt.stop.iter().filter(|stop| !stop.is_empty());
        if stops.clone().count() > STOPS {
            self.losses.parameter("stop");
        }
        if stops.clone().next().is_some() {
            self.out.key("stop_sequences").open("[");
            stops.take(STOPS).for_each(|stop| _ = self.out.quoted(stop));
            self.out.close("]");
        }
        for (knob, value) in &prompt.knobs {
            self.knob(*knob, *value);
        }
    }

    fn knob(&mut self, knob: Knob, value: Item<'_>) {
        let number = || value.number().and_then(|text| std::str::from_utf8(text).ok()?.parse::<f64>().ok());
        let name = match knob {
            Knob::Temperature => "temperature",
            // This provider's scale ends before 1.
            Knob::TopP if number().is_some_and(|p| p > TOP_P) => {
                self.out.key("p").raw(b"0.99");
                return;
            }
            Knob::TopP if number().is_some_and(|p| p < LEAST_P) => {
                self.out.key("p").raw(b"0.01");
                return;
            }
            Knob::TopP => "p",
            // And that of penalties goes from 0 to 1.
            Knob::FrequencyPenalty | Knob::PresencePenalty if number().is_some_and(|p| p < 0.0) => {
                return lose(knob, &value, self.losses);
            }
            Knob::FrequencyPenalty if number().is_some_and(|p| p > 1.0) => {
                self.out.key("frequency_penalty").raw(b"1");
                return;
            }
            Knob::PresencePenalty if number().is_some_and(|p| p > 1.0) => {
                self.out.key("presence_penalty").raw(b"1");
                return;
            }
            Knob::TopK if number().is_some_and(|k| k > TOP_K) => {
                self.out.key("k").raw(b"500");
                return;
            }
            Knob::TopK => "k",
            Knob::Seed => "seed",
            Knob::FrequencyPenalty => "frequency_penalty",
            Knob::PresencePenalty => "presence_penalty",
            Knob::Logprobs if value.flag() == Some(false) => return,
            Knob::Logprobs => {
                self.out.key("logprobs").flag(true);
                return;
            }
            knob => return lose(knob, &value, self.losses),
        };
        self.out.key(name).item(&value);
    }

    fn mind(&mut self, prompt: &Prompt<'_>) {
        let off = prompt.thinking == Some(Thinking::Off)
            || prompt.effort.as_ref().is_some_and(|effort| effort.is("none"));
        match prompt.thinking {
            _ if off && self.reasons => _ = self.out.key("thinking").raw(b"{\"type\":\"disabled\"}"),
            _ if off => {}
            Some(Thinking::Budget(tokens)) if self.reasons => {
                self.out.key("thinking").open("{\"type\":\"enabled\"").key("token_budget").count(tokens);
                self.out.close("}");
            }
            // There are no words for how far.
            _ if prompt.effort.is_some() => self.losses.hint("reasoning_effort"),
            Some(Thinking::Adaptive) if self.reasons => {}
            Some(_) => self.losses.hint("thinking"),
            None => {}
        }
    }

    fn rest(&mut self, prompt: &Prompt<'_>) {
        if prompt.who().is_some() {
            self.losses.hint("user");
        }
        if prompt.service_tier.as_ref().is_some_and(|tier| !is_usual_tier(tier)) {
            self.losses.parameter("service_tier");
        }
        if prompt.stream {
            self.out.key("stream").flag(true);
        }
    }
}
