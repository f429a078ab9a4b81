//! A prompt as a request of this format.
//!
//! A message has one text and a list of images. Results of tools name the tool, which is looked up in the history, and
//! stand in the order of the calls, which have no ids. Nothing makes a model call a tool; one that may call none is
//! shown none.

use super::options;
use crate::base::fault::Fault;
use crate::traffic::dialect::json::{Quoted, Writer};
use crate::traffic::translate::arguments;
use crate::traffic::translate::called::Called;
use crate::traffic::translate::loss::{Losses, untranslatable};
use crate::traffic::translate::media::data_url;
use crate::traffic::translate::names::{Renamed, alias};
use crate::traffic::translate::prompt::{Content, Part, Prompt, Role, Source, ToolChoice, Turn};

/// Longest name of a tool. The format knows no bound; models copy plain names that are short.
const NAME_BYTES: usize = 128;

/// Writes the body of a chat with this model.
///
/// # Errors
/// The prompt holds content that this format has no place for.
pub fn chat(
    prompt: &Prompt<'_>,
    model: &str,
    out: &mut Vec<u8>,
    losses: &mut Losses,
) -> Result<Renamed, Fault> {
    losses.thoughts(prompt, |part| part.content.unsigned_thought().is_some());
    let mut body = Body { out: Writer(out), losses, calls: Called::default() };
    body.out.open("{").key("model").text(model).key("messages").open("[");
    for run in prompt.turns.chunk_by(|one, next| one.role == Role::User && next.role == Role::User) {
        body.turns(run)?;
    }
    body.out.close("]");
    let renamed = body.tools(prompt);
    options::write(prompt, model, &mut body.out, body.losses);
    body.out.close("}");
    Ok(renamed)
}

/// Writes the body of a request to complete a text, with what is to stand behind it.
pub fn completion(prompt: &Prompt<'_>, model: &str, out: &mut Vec<u8>, losses: &mut Losses) {
    let mut body = Writer(out);
    body.open("{").key("model").text(model).key("prompt").open("\"");
    for part in prompt.turns.iter().flat_map(|turn| &turn.parts) {
        if let Content::Text(text) = &part.content {
            body.0.extend_from_slice(text.as_written());
        }
    }
    body.close("\"");
    if let Some(suffix) = &prompt.suffix {
        body.key("suffix").quoted(suffix);
    }
    options::write(prompt, model, &mut body, losses);
    body.close("}");
}

/// A body that is being written.
struct Body<'w, 'p, 'b> {
    out: Writer<'w>,
    losses: &'w mut Losses,
    calls: Called<'p, 'b>,
}

impl<'p, 'b> Body<'_, 'p, 'b> {
    /// One turn, or all that the user says in a row.
    fn turns(&mut self, run: &'p [Turn<'b>]) -> Result<(), Fault> {
        if run.iter().flat_map(|turn| &turn.parts).any(|part| part.cached.is_some()) {
            self.losses.hint("cache_control");
        }
        let Some(first) = run.first() else { return Ok(()) };
        match first.role {
            Role::System if first.parts.is_empty() => Ok(()),
            Role::System => self.said("system", &first.parts.iter().collect::<Vec<_>>()),
            Role::User => {
                self.results(run);
                run.iter().try_for_each(|turn| self.user(&turn.parts))
            }
            Role::Assistant => self.assistant(&first.parts),
        }
    }

    /// Results of tools are messages of their own, before what the user says beside them.
    fn results(&mut self, run: &'p [Turn<'b>]) {
        let mut results = vec![];
        for part in run.iter().flat_map(|turn| &turn.parts) {
            let Content::Result { call, parts, failed } = &part.content else { continue };
            let place = self.calls.place(call);
            results.push((place, parts, *failed));
        }
        results.sort_by_key(|(place, ..)| place.unwrap_or(usize::MAX));
        for (place, parts, failed) in results {
            self.result(place, parts, failed);
        }
    }

    /// What the user says. Images of results follow them as the user's.
    fn user(&mut self, parts: &'p [Part<'b>]) -> Result<(), Fault> {
        let mut said: Vec<&Part<'_>> = vec![];
        for part in parts {
            match &part.content {
                Content::Result { parts, .. } => said.extend(parts.iter().filter(|part| !is_text(part))),
                _ => said.push(part),
            }
        }
        if said.is_empty() && !parts.is_empty() { Ok(()) } else { self.said("user", &said) }
    }

    fn result(&mut self, place: Option<usize>, parts: &[Part<'_>], failed: bool) {
        self.out.open("{\"role\":\"tool\"").key("content").open("\"");
        if failed {
            self.out.close("Error: ");
        }
        self.texts(parts.iter(), "\\n");
        self.out.close("\"");
        if let Some((_, name)) = place.and_then(|place| self.calls.at(place)) {
            self.out.key("tool_name").quoted(&alias(name, NAME_BYTES));
        }
        self.out.close("}");
    }

    fn said(&mut self, role: &str, parts: &[&Part<'_>]) -> Result<(), Fault> {
        self.out.open("{\"role\":").text(role).key("content").open("\"");
        self.texts(parts.iter().copied(), "\\n");
        self.out.close("\"");
        let mut begun = false;
        for part in parts.iter().filter(|part| !is_text(part)) {
            if !std::mem::replace(&mut begun, true) {
                self.out.key("images").open("[");
            }
            self.image(part)?;
        }
        self.out.close(if begun { "]}" } else { "}" });
        Ok(())
    }

    /// The inside of a string of these texts.
    fn texts<'t>(&mut self, parts: impl Iterator<Item = &'t Part<'t>>, between: &str) {
        let mut first = true;
        for part in parts {
            let Some(text) = text(part, self.losses) else { continue };
            if !std::mem::take(&mut first) {
                self.out.close(between);
            }
            self.out.0.extend_from_slice(text.as_written());
        }
    }

    fn image(&mut self, part: &Part<'_>) -> Result<(), Fault> {
        let source = match &part.content {
            Content::Image { source, detail } => {
                if detail.is_some() {
                    self.losses.hint("image_url.detail");
                }
                source
            }
            Content::Document { .. } | Content::Audio { .. } | Content::Video { .. } => {
                return Err(untranslatable("The model's provider takes texts and images only."));
            }
            Content::Text(_) | Content::Thought { .. } | Content::HiddenThought { .. } => return Ok(()),
            Content::Call { .. } | Content::Result { .. } => {
                return Err(untranslatable("A call of a tool, or its result, stands where none may be."));
            }
        };
        match source {
            Source::DataUrl(url) => _ = self.out.quoted(&data_url(url)?.1),
            Source::Base64 { data, .. } => _ = self.out.quoted(data),
            Source::Url(_) | Source::File(_) | Source::Plain(_) => {
                return Err(untranslatable(
                    "The model's provider takes images as bytes only, not by their URL.",
                ));
            }
        }
        Ok(())
    }

    fn assistant(&mut self, parts: &'p [Part<'b>]) -> Result<(), Fault> {
        let foreign =
            |part: &Part<'_>| part.content.is_thought() && part.content.unsigned_thought().is_none();
        // Thoughts of another provider that nothing followed make no message.
        if !parts.is_empty() && parts.iter().all(foreign) {
            return Ok(());
        }
        self.out.open("{\"role\":\"assistant\"").key("content").open("\"");
        self.texts(parts.iter(), "");
        self.out.close("\"");
        let mut thoughts = parts.iter().filter_map(|part| part.content.unsigned_thought()).peekable();
        if thoughts.peek().is_some() {
            self.out.key("thinking").open("\"");
            thoughts.for_each(|thought| self.out.0.extend_from_slice(thought.as_written()));
            self.out.close("\"");
        }
        let mut called = false;
        for part in parts {
            match &part.content {
                Content::Call { id, name, arguments } => {
                    if !std::mem::replace(&mut called, true) {
                        self.out.key("tool_calls").open("[");
                    }
                    self.out
                        .open("{\"function\":{")
                        .key("name")
                        .quoted(&alias(name, NAME_BYTES))
                        .key("arguments");
                    arguments::as_object(arguments, &mut self.out);
                    self.out.close("}}");
                    self.calls.add(id, name);
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
        self.out.close(if called { "]}" } else { "}" });
        Ok(())
    }

    fn tools(&mut self, prompt: &Prompt<'_>) -> Renamed {
        let mut renamed = Renamed::default();
        if prompt.tools.is_empty() || matches!(prompt.choice, Some(ToolChoice::None)) {
            return renamed;
        }
        if matches!(prompt.choice, Some(ToolChoice::Any | ToolChoice::One(_))) {
            self.losses.parameter("tool_choice");
        }
        if prompt.parallel_tools == Some(false) {
            self.losses.parameter("parallel_tool_calls");
        }
        self.out.key("tools").open("[");
        for tool in &prompt.tools {
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
            if tool.strict.is_some_and(|strict| strict.flag() == Some(true)) {
                self.losses.hint("tools[].strict");
            }
            if tool.cached.is_some() {
                self.losses.hint("cache_control");
            }
        }
        self.out.close("]");
        renamed
    }
}

fn is_text(part: &Part<'_>) -> bool {
    matches!(part.content, Content::Text(_) | Content::Document { source: Source::Plain(_), .. })
}

fn text<'t>(part: &'t Part<'_>, losses: &mut Losses) -> Option<&'t Quoted<'t>> {
    match &part.content {
        Content::Text(text) => Some(text),
        Content::Document { source: Source::Plain(text), name } => {
            if name.is_some() {
                losses.hint("title");
            }
            Some(text)
        }
        _ => None,
    }
}
