//! A prompt as a `Converse` request. Model and form stand in the URL.

use super::family::{Family, Forced, Maker};
use crate::base::fault::Fault;
use crate::traffic::dialect::json::{Item, Quoted, Writer};
use crate::traffic::translate::claude::history::{Skipped, called_names, holds_all, says_something};
use crate::traffic::translate::claude::mind::Mind;
use crate::traffic::translate::claude::sampling::{Sampling, temperature};
use crate::traffic::translate::claude::{input, schema};
use crate::traffic::translate::knobs::lose;
use crate::traffic::translate::loss::Losses;
use crate::traffic::translate::names::{Renamed, alias};
use crate::traffic::translate::prompt::{Cached, Content, Knob, Output, Part, Prompt, Thinking, ToolChoice};

/// Longest name of a tool, of a schema, and longest id of a call.
pub const NAME_BYTES: usize = 64;
/// Longest text of the metadata of a request.
const METADATA_BYTES: usize = 256;

/// Members of a request that only this format has, and that clients of any dialect may say by its own names: rules that an
/// operator made for what is asked and answered, and how fast it is to be.
pub const OWN: [&str; 2] = ["guardrailConfig", "performanceConfig"];

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
    let calls = Calls::of(prompt);
    let mind = Thoughts::of(prompt, &family, losses);
    let skipped = if family.caches { Skipped::of(prompt) } else { Skipped::ALL };
    let mut body = Body { family, out: Writer(out), marks: skipped.others, documents: vec![], losses };
    let says: fn(&Part<'_>) -> bool = if family.wants_thoughts() { says_something } else { |_| false };
    body.losses.thoughts(prompt, says);
    body.out.open("{");
    body.turns(prompt, calls == Calls::Forbidden)?;
    body.marks = skipped.tools;
    let renamed = body.tools(prompt, calls, &mind);
    body.inference(prompt, &mind);
    body.output(&prompt.output);
    body.own(prompt, &mind);
    body.rest(prompt);
    body.out.close("}");
    Ok(renamed)
}

/// A body that is being written.
pub struct Body<'w> {
    pub family: Family,
    pub out: Writer<'w>,
    /// Cache marks that are still to be left out.
    pub marks: usize,
    /// Names of the documents so far: none may occur twice.
    pub documents: Vec<String>,
    pub losses: &'w mut Losses,
}

/// Whether tools may be called.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Calls {
    /// There are none.
    None,
    Allowed,
    /// They stand there for the history's sake, since this format has no word for it but the model's own.
    Forbidden,
}

impl Calls {
    fn of(prompt: &Prompt<'_>) -> Self {
        let forbidden = prompt.tools.is_empty() || matches!(prompt.choice, Some(ToolChoice::None));
        let mut parts = prompt.turns.iter().flat_map(|turn| &turn.parts);
        match forbidden {
            false => Calls::Allowed,
            true if parts.any(|part| matches!(part.content, Content::Call { .. })) => Calls::Forbidden,
            true => Calls::None,
        }
    }
}

/// How far the model is to think, in the words of its maker.
enum Thoughts {
    Untold,
    Claude {
        mind: Mind,
        max_tokens: u64,
    },
    /// A word, or `None`: not at all.
    Effort(Option<&'static str>),
}

impl Thoughts {
    fn of(prompt: &Prompt<'_>, family: &Family, losses: &mut Losses) -> Self {
        let still = prompt.thinking == Some(Thinking::Off)
            || prompt.effort.as_ref().is_some_and(|effort| effort.is("none"));
        let asked = prompt.thinking.is_some() || prompt.effort.is_some();
        match family.maker {
            Maker::Anthropic(claude) => {
                let max_tokens = prompt.max_tokens.unwrap_or(claude.output_tokens);
                let max_tokens = max_tokens.clamp(1, claude.output_tokens);
                Thoughts::Claude { mind: Mind::of(prompt, claude, max_tokens, losses), max_tokens }
            }
            Maker::Amazon { reasons: true } if still => Thoughts::Effort(None),
            // These cannot do without.
            Maker::OpenAi if still => Thoughts::Effort(Some("low")),
            Maker::Amazon { reasons: true } | Maker::OpenAi if asked => {
                Thoughts::Effort(Some(effort(prompt)))
            }
            Maker::Amazon { .. } | Maker::OpenAi | Maker::Other | Maker::Unknown => {
                if asked && !still {
                    losses.hint("reasoning_effort");
                }
                Thoughts::Untold
            }
        }
    }
}

/// The word for an effort, where there are three.
fn effort(prompt: &Prompt<'_>) -> &'static str {
    match prompt.effort.as_ref().map(Quoted::unescaped).as_deref() {
        Some(b"minimal" | b"low") => "low",
        Some(b"high" | b"xhigh" | b"max") => "high",
        _ => "medium",
    }
}

impl Body<'_> {
    /// A cache point behind what was written, if one is wanted there and still fits.
    pub fn mark(&mut self, cached: Option<Cached>) {
        let Some(cached) = cached else { return };
        if self.marks > 0 {
            self.marks -= 1;
            self.losses.hint("cache_control");
            return;
        }
        let long = cached == Cached::Long && !matches!(self.family.maker, Maker::Amazon { .. });
        self.out.open("{\"cachePoint\":{\"type\":\"default\"");
        if long {
            self.out.key("ttl").word("1h");
        }
        self.out.close("}}");
    }

    fn tools(&mut self, prompt: &Prompt<'_>, calls: Calls, mind: &Thoughts) -> Renamed {
        let mut renamed = Renamed::default();
        if calls == Calls::None {
            return renamed;
        }
        self.out.key("toolConfig").open("{").key("tools").open("[");
        let held = self.family.structured && holds_all(prompt);
        for tool in &prompt.tools {
            let name = alias(&tool.name, NAME_BYTES);
            renamed.note(&tool.name, &name);
            self.out.open("{\"toolSpec\":{\"name\":").quoted(&name);
            if let Some(description) = tool.description.as_ref().filter(|text| !text.is_blank()) {
                self.out.key("description").quoted(description);
            }
            let strict = tool.strict.filter(|strict| strict.flag() == Some(true));
            let held = strict.filter(|_| held);
            self.schema(tool.schema, held);
            match (strict, held) {
                (_, Some(_)) => _ = self.out.key("strict").flag(true),
                (Some(_), None) => self.losses.hint("tools[].strict"),
                (None, None) => {}
            }
            self.out.close("}}");
            self.mark(tool.cached);
        }
        for name in called_names(prompt) {
            self.out.open("{\"toolSpec\":{\"name\":").quoted(&alias(name, NAME_BYTES));
            self.schema(None, None);
            self.out.close("}}");
        }
        self.out.close("]");
        if calls == Calls::Allowed {
            self.choice(prompt, mind);
        }
        self.out.close("}");
        renamed
    }

    fn schema(&mut self, schema: Option<Item<'_>>, strict: Option<Item<'_>>) {
        self.out.key("inputSchema").open("{\"json\":");
        input::input_of(schema, strict, &mut self.out);
        self.out.close("}");
    }

    fn choice(&mut self, prompt: &Prompt<'_>, mind: &Thoughts) {
        let serial = prompt.parallel_tools == Some(false);
        let claude = matches!(self.family.maker, Maker::Anthropic(_));
        if serial && !claude {
            self.losses.parameter("parallel_tool_calls");
        }
        let told = prompt.thinking.is_some() || prompt.effort.as_ref().is_some_and(|e| !e.is("none"));
        let thinks = told && matches!(mind, Thoughts::Claude { mind, .. } if *mind != Mind::Still);
        let forced = if thinks { Forced::None } else { self.family.forced };
        let only = prompt.tools.len() == 1;
        let choice = match (&prompt.choice, forced) {
            (None | Some(ToolChoice::None), _) => return,
            // The model's own word for it says this, too.
            (Some(ToolChoice::Auto), _) if serial && claude => return,
            (Some(ToolChoice::Auto), _) => Choice::Auto,
            (Some(ToolChoice::Any), Forced::Any | Forced::One) => Choice::Any,
            (Some(ToolChoice::One(_)), Forced::Any) if only => Choice::Any,
            (Some(ToolChoice::One(name)), Forced::One) => Choice::One(alias(name, NAME_BYTES)),
            (Some(ToolChoice::Any | ToolChoice::One(_)), _) => {
                self.losses.parameter("tool_choice");
                Choice::Auto
            }
        };
        self.out.key("toolChoice");
        match choice {
            Choice::Auto => _ = self.out.raw(b"{\"auto\":{}}"),
            Choice::Any => _ = self.out.raw(b"{\"any\":{}}"),
            Choice::One(name) => _ = self.out.open("{\"tool\":{\"name\":").quoted(&name).close("}}"),
        }
    }

    fn inference(&mut self, prompt: &Prompt<'_>, mind: &Thoughts) {
        let (start, empty) = self.begin("inferenceConfig");
        let max_tokens = match mind {
            // A budget must stay below it. Where nobody asked for it, it is left out: what may be written counts against
            // the account's quota as soon as a request begins.
            Thoughts::Claude { mind, max_tokens }
                if matches!(mind, Mind::Budget(_)) || prompt.max_tokens.is_some() =>
            {
                Some(*max_tokens)
            }
            Thoughts::Claude { .. } => None,
            Thoughts::Untold | Thoughts::Effort(_) => prompt.max_tokens.map(|tokens| tokens.max(1)),
        };
        if let Some(tokens) = max_tokens {
            self.out.key("maxTokens").count(tokens);
        }
        for (knob, value) in &prompt.knobs {
            match knob {
                knob if !self.takes(prompt, mind, *knob) => lose(*knob, value, self.losses),
                Knob::Temperature => _ = self.out.key("temperature").raw(temperature(value)),
                Knob::TopP => _ = self.out.key("topP").item(value),
                // It goes with what is the maker's own.
                _ => {}
            }
        }
        self.stop(prompt);
        self.end(start, empty);
    }

    /// Whether the model is told this number.
    fn takes(&self, prompt: &Prompt<'_>, mind: &Thoughts, knob: Knob) -> bool {
        match (self.family.maker, mind) {
            (Maker::Anthropic(claude), Thoughts::Claude { mind, .. }) => {
                Sampling::of(prompt, claude, *mind).takes(knob)
            }
            (Maker::Amazon { .. }, _) => matches!(knob, Knob::Temperature | Knob::TopP | Knob::TopK),
            _ => matches!(knob, Knob::Temperature | Knob::TopP),
        }
    }

    fn stop(&mut self, prompt: &Prompt<'_>) {
        let stops = prompt.stop.iter().filter(|stop| !stop.is_blank());
        if stops.clone().count() < prompt.stop.len() {
            // The provider refuses blanks.
            self.losses.parameter("stop");
        }
        if stops.clone().next().is_some() {
            self.out.key("stopSequences").open("[");
            stops.for_each(|stop| _ = self.out.quoted(stop));
            self.out.close("]");
        }
    }

    fn output(&mut self, output: &Output<'_>) {
        let Output::Schema { name, schema, description, .. } = output else { return };
        if !self.family.structured {
            // What is left is to ask for JSON.
            self.losses.parameter("response_format");
            return;
        }
        let mut source = vec![];
        schema::output(*schema, &mut Writer(&mut source));
        self.out.key("outputConfig").open("{\"textFormat\":{\"type\":\"json_schema\"");
        self.out.key("structure").open("{\"jsonSchema\":{").key("schema").source(&source);
        if let Some(name) = name.as_ref().filter(|name| !name.is_blank()) {
            self.out.key("name").quoted(&alias(name, NAME_BYTES));
        }
        if let Some(description) = description.as_ref().filter(|text| !text.is_blank()) {
            self.out.key("description").quoted(description);
        }
        self.out.close("}}}}");
    }

    /// What only the model's maker knows, and what is to be told of it in the answer.
    fn own(&mut self, prompt: &Prompt<'_>, mind: &Thoughts) {
        let top_k = prompt.knobs.iter().find(|(knob, _)| *knob == Knob::TopK).map(|(_, value)| *value);
        let top_k = top_k.filter(|_| self.takes(prompt, mind, Knob::TopK));
        let (start, empty) = self.begin("additionalModelRequestFields");
        match (self.family.maker, mind) {
            (Maker::Anthropic(_), Thoughts::Claude { mind, .. }) => self.claude(prompt, *mind, top_k),
            (Maker::Amazon { .. }, mind) => self.nova(mind, top_k),
            (Maker::OpenAi, Thoughts::Effort(Some(effort))) => {
                self.out.key("reasoning_effort").text(effort);
            }
            _ => {}
        }
        self.end(start, empty);
        let Thoughts::Claude { mind, .. } = mind else { return };
        let stops = prompt.stop.iter().any(|stop| !stop.is_blank());
        let thinks = matches!(mind, Mind::Adaptive | Mind::Budget(_));
        if stops || thinks {
            self.out.key("additionalModelResponseFieldPaths").open("[");
            if stops {
                self.out.word("/stop_sequence");
            }
            if thinks {
                self.out.word("/usage/output_tokens_details");
            }
            self.out.close("]");
        }
    }

    fn claude(&mut self, prompt: &Prompt<'_>, mind: Mind, top_k: Option<Item<'_>>) {
        let Maker::Anthropic(family) = self.family.maker else { return };
        mind.write(family, &mut self.out);
        if let Some(effort) =
            prompt.effort.as_ref().and_then(|effort| family.effort(effort, mind == Mind::Still))
        {
            self.out.key("output_config").open("{\"effort\":").text(effort).close("}");
        }
        if let Some(top_k) = top_k {
            self.out.key("top_k").item(&top_k);
        }
        let free = matches!(prompt.choice, None | Some(ToolChoice::Auto));
        if prompt.parallel_tools == Some(false) && !prompt.tools.is_empty() {
            if free {
                let serial = b"{\"type\":\"auto\",\"disable_parallel_tool_use\":true}";
                self.out.key("tool_choice").raw(serial);
            } else if !matches!(prompt.choice, Some(ToolChoice::None)) {
                self.losses.parameter("parallel_tool_calls");
            }
        }
    }

    fn nova(&mut self, mind: &Thoughts, top_k: Option<Item<'_>>) {
        if let Thoughts::Effort(effort) = mind {
            self.out.key("reasoningConfig").open("{");
            match effort {
                None => _ = self.out.key("type").word("disabled"),
                Some(effort) => {
                    self.out.key("type").word("enabled").key("maxReasoningEffort").text(effort);
                }
            }
            self.out.close("}");
        }
        if let Some(top_k) = top_k {
            self.out.key("inferenceConfig").open("{\"topK\":").item(&top_k).close("}");
        }
    }

    fn rest(&mut self, prompt: &Prompt<'_>) {
        match prompt.who() {
            Some(user) if is_metadata(user) => {
                self.out.key("requestMetadata").open("{\"user\":").quoted(user).close("}");
            }
            Some(_) => self.losses.hint("user"),
            None => {}
        }
        match &prompt.service_tier {
            Some(tier) if tier.is("auto") => {}
            Some(tier) if tier.is("default") || tier.is("flex") || tier.is("priority") => {
                self.out.key("serviceTier").open("{\"type\":").quoted(tier).close("}");
            }
            Some(_) => self.losses.parameter("service_tier"),
            None => {}
        }
        for (name, value) in &prompt.own {
            self.out.key(name).item(value);
        }
    }

    /// Begins an object that may stay empty: where it begins, and where what is in it does.
    fn begin(&mut self, name: &str) -> (usize, usize) {
        let start = self.out.0.len();
        self.out.key(name).open("{");
        (start, self.out.0.len())
    }

    /// Ends such an object, or takes it back.
    fn end(&mut self, start: usize, empty: usize) {
        if self.out.0.len() == empty {
            self.out.0.truncate(start);
        } else {
            self.out.close("}");
        }
    }
}

enum Choice<'n> {
    Auto,
    Any,
    One(Quoted<'n>),
}

/// Whether a text may stand in the metadata of a request.
fn is_metadata(text: &Quoted<'_>) -> bool {
    let plain = |byte: &u8| byte.is_ascii_alphanumeric() || b" :_@$#=/+,-.".contains(byte);
    (1..=METADATA_BYTES).contains(&text.as_written().len()) && text.as_written().iter().all(plain)
}
