//! A prompt as a `generateContent` request. Model and form stand in the URL.

use super::contents_out::{Contents, says_something};
use super::family::{Family, Mind};
use super::schema;
use crate::base::fault::Fault;
use crate::traffic::dialect::json::{Item, Writer};
use crate::traffic::translate::asking;
use crate::traffic::translate::knobs::lose;
use crate::traffic::translate::loss::Losses;
use crate::traffic::translate::names::{Renamed, dotted_alias};
use crate::traffic::translate::prompt::{Knob, Output, Prompt, Thinking, ToolChoice};

/// Longest name of a function that every server of this format takes.
pub const NAME_BYTES: usize = 64;
/// Most stop sequences.
const STOPS: usize = 5;

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
    let family = Family::of(model);
    losses.thoughts(prompt, says_something);
    Writer(out).open("{");
    let held = prompt.tools.is_empty() || family.holds_beside_tools();
    // What is left is to ask for it.
    let asked = asking::for_form(&prompt.output).filter(|_| !held);
    if asked.is_some() {
        losses.parameter("response_format");
    }
    Contents::new(family, Writer(out), losses).write(&prompt.turns, asked.as_deref())?;
    let mut body = Body { out: Writer(out), losses };
    let renamed = body.tools(prompt);
    body.choice(prompt);
    body.config(prompt, family, held);
    body.rest(prompt);
    body.out.close("}");
    Ok(renamed)
}

/// A body that is being written, behind its contents.
struct Body<'w> {
    out: Writer<'w>,
    losses: &'w mut Losses,
}

impl Body<'_> {
    fn tools(&mut self, prompt: &Prompt<'_>) -> Renamed {
        let mut renamed = Renamed::default();
        if let Some(search) = &prompt.search {
            search.write_google(self.out.key("tools").open("["), self.losses);
            self.out.close("]");
            return renamed;
        }
        if prompt.tools.is_empty() {
            return renamed;
        }
        self.out.key("tools").open("[{").key("functionDeclarations").open("[");
        for tool in &prompt.tools {
            let name = dotted_alias(&tool.name, NAME_BYTES);
            renamed.note(&tool.name, &name);
            self.out.open("{").key("name").quoted(&name);
            if let Some(description) = &tool.description {
                self.out.key("description").quoted(description);
            }
            if let Some(schema) = schema::written(tool.schema) {
                self.out.key("parametersJsonSchema").item(&schema);
            }
            self.out.close("}");
            if tool.strict.is_some_and(|strict| strict.flag() == Some(true)) {
                self.losses.hint("tools[].strict");
            }
            if tool.cached.is_some() {
                self.losses.hint("cache_control");
            }
        }
        self.out.close("]}]");
        renamed
    }

    fn choice(&mut self, prompt: &Prompt<'_>) {
        if prompt.tools.is_empty() {
            return;
        }
        if prompt.parallel_tools == Some(false) {
            self.losses.parameter("parallel_tool_calls");
        }
        let mode = match &prompt.choice {
            None => return,
            Some(ToolChoice::Auto) => "AUTO",
            Some(ToolChoice::None) => "NONE",
            Some(ToolChoice::Any | ToolChoice::One(_)) => "ANY",
        };
        self.out.key("toolConfig").open("{").key("functionCallingConfig").open("{").key("mode").text(mode);
        if let Some(ToolChoice::One(name)) = &prompt.choice {
            self.out.key("allowedFunctionNames").open("[").quoted(&dotted_alias(name, NAME_BYTES)).close("]");
        }
        self.out.close("}}");
    }

    fn config(&mut self, prompt: &Prompt<'_>, family: &Family, held: bool) {
        let start = self.out.0.len();
        self.out.key("generationConfig").open("{");
        let empty = self.out.0.len();
        if let Some(tokens) = prompt.max_tokens {
            self.out.key("maxOutputTokens").count(tokens);
        }
        for (knob, value) in &prompt.knobs {
            self.knob(*knob, *value, family);
        }
        self.stop(prompt);
        if held {
            self.output(&prompt.output);
        }
        self.mind(prompt, family);
        if self.out.0.len() == empty {
            self.out.0.truncate(start);
        } else {
            self.out.close("}");
        }
    }

    fn knob(&mut self, knob: Knob, value: Item<'_>, family: &Family) {
        let whole = value.number().and_then(|text| std::str::from_utf8(text).ok()?.parse::<i32>().ok());
        let name = match knob {
            Knob::Temperature if family.samples => "temperature",
            Knob::TopP if family.samples => "topP",
            Knob::TopK if family.samples => "topK",
            Knob::FrequencyPenalty => "frequencyPenalty",
            Knob::PresencePenalty => "presencePenalty",
            // What is larger is an error here.
            Knob::Seed if whole.is_some() => "seed",
            Knob::Choices if value.count() == Some(1) => return,
            Knob::Choices => "candidateCount",
            Knob::Logprobs if value.flag() == Some(false) => return,
            Knob::Logprobs => {
                self.out.key("responseLogprobs").flag(true);
                return;
            }
            // None is not a number of others here.
            Knob::TopLogprobs if value.count() == Some(0) => return,
            Knob::TopLogprobs => "logprobs",
            knob => return lose(knob, &value, self.losses),
        };
        self.out.key(name).item(&value);
    }

    fn stop(&mut self, prompt: &Prompt<'_>) {
        let stops = prompt.stop.iter().filter(|stop| !stop.is_empty());
        let count = stops.clone().count();
        if count > STOPS {
            self.losses.parameter("stop");
        }
        if count > 0 {
            self.out.key("stopSequences").open("[");
            stops.take(STOPS).for_each(|stop| _ = self.out.quoted(stop));
            self.out.close("]");
        }
    }

    fn output(&mut self, output: &Output<'_>) {
        if !matches!(output, Output::Text) {
            self.out.key("responseMimeType").word("application/json");
        }
        if let Output::Schema { schema, .. } = output {
            self.out.key("responseJsonSchema").item(schema);
        }
    }

    /// A model that is told how far to think is to show its thoughts, where the client's dialect has a place for them.
    fn mind(&mut self, prompt: &Prompt<'_>, family: &Family) {
        let mind = family.mind(prompt);
        let still = prompt.thinking == Some(Thinking::Off)
            || prompt.effort.as_ref().is_some_and(|effort| effort.is("none"));
        if mind == Mind::Untold {
            if !family.thinks() && (prompt.thinking.is_some() || prompt.effort.is_some()) && !still {
                self.losses.hint("thinking");
            }
            return;
        }
        self.out.key("thinkingConfig").open("{");
        match mind {
            Mind::Untold | Mind::Free => {}
            Mind::Budget(-1) => _ = self.out.key("thinkingBudget").raw(b"-1"),
            Mind::Budget(tokens) => _ = self.out.key("thinkingBudget").count(tokens.unsigned_abs()),
            Mind::Level(level) => _ = self.out.key("thinkingLevel").text(level),
        }
        if !still {
            self.out.key("includeThoughts").flag(true);
        }
        self.out.close("}");
    }

    fn rest(&mut self, prompt: &Prompt<'_>) {
        if prompt.who().is_some() {
            self.losses.hint("user");
        }
        match &prompt.service_tier {
            Some(tier) if tier.is("auto") => {}
            Some(tier) if tier.is("default") => _ = self.out.key("serviceTier").word("standard"),
            Some(tier) if tier.is("flex") || tier.is("priority") => {
                _ = self.out.key("serviceTier").quoted(tier);
            }
            Some(_) => self.losses.parameter("service_tier"),
            None => {}
        }
    }
}
