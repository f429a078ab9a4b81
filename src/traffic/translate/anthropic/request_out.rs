//! A prompt as a messages request.

use super::hosted::Host;
use crate::base::fault::Fault;
use crate::traffic::dialect::json::{Quoted, Writer};
use crate::traffic::translate::claude::family::Family;
use crate::traffic::translate::claude::history::{
    Skipped, called_names, end_trimmed, holds_all, says_something,
};
use crate::traffic::translate::claude::mind::Mind;
use crate::traffic::translate::claude::sampling::{Sampling, temperature};
use crate::traffic::translate::claude::{NOTHING, input, schema};
use crate::traffic::translate::knobs::lose;
use crate::traffic::translate::loss::{Losses, untranslatable};
use crate::traffic::translate::media::{data_url, of_image};
use crate::traffic::translate::names::{Renamed, alias};
use crate::traffic::translate::prompt::{
    Cached, Content, Knob, Output, Part, Prompt, Role, Source, ToolChoice, Turn, late_system,
};
use crate::traffic::translate::{arguments, asking};

/// Longest name of a tool that this provider takes.
const NAME_BYTES: usize = 128;
/// Longest id of a call.
const ID_BYTES: usize = 64;

/// Writes the body of a request to this model at this host.
///
/// # Errors
/// The prompt holds content that this provider's format has no place for.
pub fn write(
    prompt: &Prompt<'_>,
    host: Host,
    model: &str,
    out: &mut Vec<u8>,
    losses: &mut Losses,
) -> Result<Renamed, Fault> {
    let family = Family::of(model);
    let max_tokens = prompt.max_tokens.unwrap_or(family.output_tokens).clamp(1, family.output_tokens);
    let mind = Mind::of(prompt, family, max_tokens, losses);
    losses.thoughts(prompt, says_something);
    let skipped = Skipped::of(prompt);
    let mut body = Body { host, out: Writer(out), marks: skipped.others, losses };
    body.out.open("{");
    match host.version() {
        None => body.out.key("model").text(model),
        Some(version) => body.out.key("anthropic_version").text(version),
    };
    body.out.key("max_tokens").count(max_tokens);
    let leading = prompt.turns.iter().take_while(|turn| turn.role == Role::System).count();
    let (system, turns) = prompt.turns.split_at(leading);
    body.system(system, &prompt.output, family.structured)?;
    body.messages(turns, family)?;
    let called = called_names(prompt);
    body.marks = skipped.tools;
    let renamed = body.tools(prompt, &called, family.structured && holds_all(prompt));
    body.choice(prompt, family, mind != Mind::Still, &called);
    mind.write(family, &mut body.out);
    body.output(prompt, family, mind);
    body.knobs(prompt, family, mind);
    body.rest(prompt);
    body.out.close("}");
    Ok(renamed)
}

/// A body that is being written.
struct Body<'w> {
    host: Host,
    out: Writer<'w>,
    /// Cache marks that are still to be left out.
    marks: usize,
    losses: &'w mut Losses,
}

impl Body<'_> {
    fn system(&mut self, turns: &[Turn<'_>], output: &Output<'_>, structured: bool) -> Result<(), Fault> {
        let held = !matches!(output, Output::Schema { .. }) || structured;
        let json = if held { asking::for_any_json(output) } else { asking::for_form(output) };
        if !held {
            // What is left is to ask for it.
            self.losses.parameter("response_format");
        }
        if json.is_none() && !turns.iter().flat_map(|turn| &turn.parts).any(says_something) {
            return Ok(());
        }
        self.out.key("system").open("[");
        for part in turns.iter().flat_map(|turn| &turn.parts) {
            let Content::Text(text) = &part.content else {
                return Err(untranslatable("A system message may hold text only."));
            };
            self.text(text, part.cached);
        }
        if let Some(json) = json {
            self.out.open("{\"type\":\"text\"").key("text").text(&json).close("}");
        }
        self.out.close("]");
        Ok(())
    }

    fn messages(&mut self, turns: &[Turn<'_>], family: &Family) -> Result<(), Fault> {
        self.out.key("messages").open("[");
        let late = |turn: &Turn<'_>| turn.role == Role::System && family.late_system;
        let side = |turn: &Turn<'_>| (turn.role == Role::Assistant, late(turn));
        let turns = in_order(turns, late);
        if turns.first().is_none_or(|turn| turn.role != Role::User) {
            self.nothing();
        }
        for run in turns.chunk_by(|one, next| side(one) == side(next)) {
            if late(run[0]) {
                self.out.open("{\"role\":\"system\",\"content\":[");
                run.iter().flat_map(|turn| &turn.parts).try_for_each(|part| self.part(part))?;
                self.out.close("]}");
            } else {
                let last = run.last().zip(turns.last()).is_some_and(|(one, last)| std::ptr::eq(*one, *last));
                self.message(run, last)?;
            }
        }
        self.out.close("]");
        Ok(())
    }

    /// One message of all that one side says in a row. Results of tools come first in it.
    fn message(&mut self, run: &[&Turn<'_>], last: bool) -> Result<(), Fault> {
        let assistant = run[0].role == Role::Assistant;
        let parts = || run.iter().flat_map(|turn| turn.parts.iter().map(move |part| (turn.role, part)));
        if !parts().any(|(_, part)| says_something(part)) {
            self.nothing();
            return Ok(());
        }
        self.out.open(if assistant {
            "{\"role\":\"assistant\",\"content\":["
        } else {
            "{\"role\":\"user\",\"content\":["
        });
        let is_result = |part: &Part<'_>| matches!(part.content, Content::Result { .. });
        for (_, part) in parts().filter(|(_, part)| is_result(part)) {
            self.part(part)?;
        }
        let end = if last && assistant { parts().last().map(|(_, part)| part) } else { None };
        for (role, part) in parts().filter(|(_, part)| !is_result(part)) {
            match &part.content {
                Content::Text(text) if role == Role::System => self.text(&late_system(text), part.cached),
                Content::Text(text) if end.is_some_and(|end| std::ptr::eq(end, part)) => {
                    self.text(&end_trimmed(text), part.cached);
                }
                _ => self.part(part)?,
            }
        }
        self.out.close("]}");
        Ok(())
    }

    /// A message in the user's place: one comes first, whoever spoke first.
    fn nothing(&mut self) {
        self.out.open("{\"role\":\"user\"").key("content").text(NOTHING).close("}");
    }

    fn part(&mut self, part: &Part<'_>) -> Result<(), Fault> {
        match &part.content {
            Content::Text(text) => {
                self.text(text, part.cached);
                return Ok(());
            }
            _ if !says_something(part) => return Ok(()),
            Content::Image { source, detail } => {
                if detail.is_some() {
                    self.losses.hint("image_url.detail");
                }
                self.out.open("{\"type\":\"image\"").key("source");
                self.image(source)?;
            }
            Content::Document { source, name } => {
                self.out.open("{\"type\":\"document\"").key("source");
                self.document(source)?;
                if let Some(name) = name {
                    self.out.key("title").quoted(name);
                }
            }
            Content::Audio { .. } => return Err(untranslatable("The model's provider takes no audio.")),
            Content::Video { .. } => return Err(untranslatable("The model's provider takes no video.")),
            Content::Call { id, name, arguments } => {
                self.out.open("{\"type\":\"tool_use\",\"id\":").quoted(&alias(id, ID_BYTES));
                self.out.key("name").quoted(&alias(name, NAME_BYTES)).key("input");
                arguments::as_object(arguments, &mut self.out);
            }
            Content::Result { call, parts, failed } => {
                self.out.open("{\"type\":\"tool_result\",\"tool_use_id\":").quoted(&alias(call, ID_BYTES));
                if parts.iter().any(says_something) {
                    self.out.key("content").open("[");
                    parts.iter().try_for_each(|part| self.part(part))?;
                    self.out.close("]");
                }
                if *failed {
                    self.out.key("is_error").flag(true);
                }
            }
            Content::Thought { text, signature } => {
                let Some(signature) = signature else { return Ok(()) };
                self.out.open("{\"type\":\"thinking\"").key("thinking").quoted(text);
                self.out.key("signature").quoted(signature);
            }
            Content::HiddenThought { data } => {
                self.out.open("{\"type\":\"redacted_thinking\"").key("data").quoted(data);
            }
        }
        self.mark(part.cached);
        self.out.close("}");
        Ok(())
    }

    fn text(&mut self, text: &Quoted<'_>, cached: Option<Cached>) {
        if text.is_blank() {
            return;
        }
        self.out.open("{\"type\":\"text\",\"text\":").quoted(text);
        self.mark(cached);
        self.out.close("}");
    }

    fn mark(&mut self, cached: Option<Cached>) {
        let Some(cached) = cached else { return };
        if self.marks > 0 {
            self.marks -= 1;
            self.losses.hint("cache_control");
            return;
        }
        self.out.key("cache_control").raw(match cached {
            Cached::Short => b"{\"type\":\"ephemeral\"}",
            Cached::Long => b"{\"type\":\"ephemeral\",\"ttl\":\"1h\"}",
        });
    }

    fn image(&mut self, source: &Source<'_>) -> Result<(), Fault> {
        match source {
            Source::DataUrl(url) => {
                let (media, data) = data_url(url)?;
                self.base64(&of_image(&data).unwrap_or(media), &data);
            }
            Source::Base64 { media, data } => self.base64(media, data),
            Source::Url(_) | Source::File(_) if self.host != Host::Anthropic => return Err(no_bytes()),
            Source::Url(url) => self.member("url", "url", url),
            Source::File(file) => self.member("file", "file_id", file),
            Source::Plain(_) => return Err(untranslatable("An image is no text.")),
        }
        Ok(())
    }

    fn document(&mut self, source: &Source<'_>) -> Result<(), Fault> {
        match source {
            Source::DataUrl(url) => {
                let (media, data) = data_url(url)?;
                self.pdf(&media, &data)?;
            }
            Source::Base64 { media, data } => self.pdf(media, data)?,
            Source::Url(_) | Source::File(_) if self.host != Host::Anthropic => return Err(no_bytes()),
            Source::Url(url) => self.member("url", "url", url),
            Source::File(file) => self.member("file", "file_id", file),
            Source::Plain(text) => {
                self.out
                    .open("{\"type\":\"text\",\"media_type\":\"text/plain\"")
                    .key("data")
                    .quoted(text)
                    .close("}");
            }
        }
        Ok(())
    }

    fn pdf(&mut self, media: &Quoted<'_>, data: &Quoted<'_>) -> Result<(), Fault> {
        if !media.is("application/pdf") {
            return Err(untranslatable("The model's provider takes PDF documents only."));
        }
        self.base64(media, data);
        Ok(())
    }

    fn base64(&mut self, media: &Quoted<'_>, data: &Quoted<'_>) {
        self.out
            .open("{\"type\":\"base64\"")
            .key("media_type")
            .quoted(media)
            .key("data")
            .quoted(data)
            .close("}");
    }

    fn member(&mut self, kind: &str, name: &str, value: &Quoted<'_>) {
        self.out.open("{\"type\":").text(kind).key(name).quoted(value).close("}");
    }

    fn tools(&mut self, prompt: &Prompt<'_>, called: &[&Quoted<'_>], held: bool) -> Renamed {
        let mut renamed = Renamed::default();
        if prompt.tools.is_empty() && called.is_empty() && prompt.search.is_none() {
            return renamed;
        }
        self.out.key("tools").open("[");
        if let Some(search) = &prompt.search {
            search.write_anthropic(&mut self.out, self.losses);
        }
        for tool in &prompt.tools {
            let name = alias(&tool.name, NAME_BYTES);
            renamed.note(&tool.name, &name);
            self.out.open("{\"name\":").quoted(&name);
            if let Some(description) = &tool.description {
                self.out.key("description").quoted(description);
            }
            self.out.key("input_schema");
            let strict = tool.strict.filter(|_| held);
            input::input_of(tool.schema, strict, &mut self.out);
            match (strict, &tool.strict) {
                (Some(strict), _) => _ = self.out.key("strict").item(&strict),
                (None, Some(_)) => self.losses.hint("tools[].strict"),
                (None, None) => {}
            }
            self.mark(tool.cached);
            self.out.close("}");
        }
        for name in called {
            self.out.open("{\"name\":").quoted(&alias(name, NAME_BYTES)).key("input_schema");
            input::input(None, &mut self.out);
            self.out.close("}");
        }
        self.out.close("]");
        renamed
    }

    fn choice(&mut self, prompt: &Prompt<'_>, family: &Family, thinks: bool, called: &[&Quoted<'_>]) {
        let serial = prompt.parallel_tools == Some(false);
        if prompt.tools.is_empty() {
            // Those of the history stand there to be understood, not to be called.
            if !called.is_empty() && prompt.search.is_none() {
                self.out.key("tool_choice").raw(b"{\"type\":\"none\"}");
            }
            return;
        }
        let told = thinks && (prompt.thinking.is_some() || prompt.effort.is_some());
        let forced = matches!(prompt.choice, Some(ToolChoice::Any | ToolChoice::One(_)));
        let refused = forced
            && (!family.forced_calls || (told && prompt.effort.as_ref().is_none_or(|e| !e.is("none"))));
        if refused {
            self.losses.parameter("tool_choice");
        }
        let choice = if refused { Some(&ToolChoice::Auto) } else { prompt.choice.as_ref() };
        let kind = match choice {
            None if !serial => return,
            None | Some(ToolChoice::Auto) => "auto",
            Some(ToolChoice::None) => "none",
            Some(ToolChoice::Any) => "any",
            Some(ToolChoice::One(_)) => "tool",
        };
        self.out.key("tool_choice").open("{\"type\":").word(kind);
        if let Some(ToolChoice::One(name)) = choice {
            self.out.key("name").quoted(&alias(name, NAME_BYTES));
        }
        if serial && kind != "none" {
            self.out.key("disable_parallel_tool_use").flag(true);
        }
        self.out.close("}");
    }

    fn output(&mut self, prompt: &Prompt<'_>, family: &Family, mind: Mind) {
        let effort = prompt.effort.as_ref().and_then(|effort| family.effort(effort, mind == Mind::Still));
        let schema = match &prompt.output {
            Output::Schema { schema, .. } if family.structured => Some(*schema),
            Output::Schema { .. } | Output::Text | Output::Json => None,
        };
        if effort.is_none() && schema.is_none() {
            return;
        }
        self.out.key("output_config").open("{");
        if let Some(effort) = effort {
            self.out.key("effort").text(effort);
        }
        if let Some(schema) = schema {
            self.out.key("format").open("{\"type\":\"json_schema\"").key("schema");
            schema::output(schema, &mut self.out);
            self.out.close("}");
        }
        self.out.close("}");
    }

    fn knobs(&mut self, prompt: &Prompt<'_>, family: &Family, mind: Mind) {
        let sampling = Sampling::of(prompt, family, mind);
        for (knob, value) in &prompt.knobs {
            if !sampling.takes(*knob) {
                lose(*knob, value, self.losses);
                continue;
            }
            match knob {
                Knob::Temperature => _ = self.out.key("temperature").raw(temperature(value)),
                Knob::TopP => _ = self.out.key("top_p").item(value),
                _ => _ = self.out.key("top_k").item(value),
            }
        }
    }

    fn rest(&mut self, prompt: &Prompt<'_>) {
        let stops = prompt.stop.iter().filter(|stop| !stop.is_blank());
        if stops.clone().count() < prompt.stop.len() {
            // The provider refuses blanks.
            self.losses.parameter("stop");
        }
        if stops.clone().next().is_some() {
            self.out.key("stop_sequences").open("[");
            for stop in stops {
                self.out.quoted(stop);
            }
            self.out.close("]");
        }
        match prompt.who() {
            // The provider refuses addresses.
            Some(user) if user.as_written().contains(&b'@') => self.losses.hint("user"),
            Some(user) => {
                self.out.key("metadata").open("{\"user_id\":").quoted(user).close("}");
            }
            None => {}
        }
        let own = self.host == Host::Anthropic;
        match &prompt.service_tier {
            // Clouds have no other.
            Some(tier) if !own && (tier.is("auto") || tier.is("default")) => {}
            Some(tier) if own && tier.is("auto") => {
                self.out.key("service_tier").word("auto");
            }
            Some(tier) if own && (tier.is("default") || tier.is("standard_only")) => {
                self.out.key("service_tier").word("standard_only");
            }
            Some(_) => self.losses.parameter("service_tier"),
            None => {}
        }
        if prompt.stream && own {
            self.out.key("stream").flag(true);
        }
    }
}

/// The turns that say something, since the others would part their neighbours. A system message that would part the results
/// of one step stands behind them.
fn in_order<'t, 'b>(turns: &'t [Turn<'b>], late: impl Fn(&Turn<'b>) -> bool) -> Vec<&'t Turn<'b>> {
    let answers =
        |turn: &Turn<'_>| turn.parts.iter().any(|part| matches!(part.content, Content::Result { .. }));
    let (mut ordered, mut held) = (Vec::with_capacity(turns.len()), vec![]);
    for turn in turns {
        if turn.role != Role::User && !turn.parts.iter().any(says_something) {
            continue;
        }
        if late(turn) {
            held.push(turn);
            continue;
        }
        if !answers(turn) {
            ordered.append(&mut held);
        }
        ordered.push(turn);
    }
    ordered.append(&mut held);
    ordered
}

/// Clouds take what is shown to a model as its bytes only.
fn no_bytes() -> Fault {
    untranslatable(
        "The model's provider takes images and documents as their bytes only, not by URL or file id.",
    )
}
