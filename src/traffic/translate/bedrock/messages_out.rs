//! The turns of a prompt as `system` and `messages`.
//!
//! Invariant: messages alternate and the first is the user's; the results of a turn's calls stand first in one message,
//! and calls last in theirs; no text is blank.

use super::family::Maker;
use super::request_out::{Body, NAME_BYTES};
use crate::base::fault::Fault;
use crate::traffic::dialect::json::Quoted;
use crate::traffic::translate::claude::NOTHING;
use crate::traffic::translate::claude::history::says_something;
use crate::traffic::translate::loss::untranslatable;
use crate::traffic::translate::media::{data_url, of_image, of_url};
use crate::traffic::translate::names::alias;
use crate::traffic::translate::prompt::{Cached, Content, Part, Prompt, Role, Source, Turn, late_system};
use crate::traffic::translate::{arguments, asking};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

/// What is said where the format has no word for it.
const NO_CALLS: &str = "Answer without calling a tool.";
/// Longest name of a document.
const DOCUMENT_NAME_CHARS: usize = 64;

/// Media types of documents, and what they are called here.
const DOCUMENTS: [(&str, &str); 12] = [
    ("application/pdf", "pdf"),
    ("text/csv", "csv"),
    ("application/msword", "doc"),
    ("application/vnd.openxmlformats-officedocument.wordprocessingml.document", "docx"),
    ("application/vnd.ms-excel", "xls"),
    ("application/vnd.openxmlformats-officedocument.spreadsheetml.sheet", "xlsx"),
    ("text/html", "html"),
    ("text/plain", "txt"),
    ("text/markdown", "md"),
    ("text/x-markdown", "md"),
    ("application/json", "txt"),
    ("text/xml", "txt"),
];

/// The same of videos.
const VIDEOS: [(&str, &str); 10] = [
    ("video/mp4", "mp4"),
    ("video/quicktime", "mov"),
    ("video/mov", "mov"),
    ("video/webm", "webm"),
    ("video/x-matroska", "mkv"),
    ("video/x-flv", "flv"),
    ("video/mpeg", "mpeg"),
    ("video/mpg", "mpg"),
    ("video/x-ms-wmv", "wmv"),
    ("video/3gpp", "three_gp"),
];

impl Body<'_> {
    /// Writes the members `system`, if there is one, and `messages`.
    pub fn turns(&mut self, prompt: &Prompt<'_>, forbid_calls: bool) -> Result<(), Fault> {
        let leading = prompt.turns.iter().take_while(|turn| turn.role == Role::System).count();
        let (system, turns) = prompt.turns.split_at(leading);
        let json = if self.family.structured {
            asking::for_any_json(&prompt.output)
        } else {
            asking::for_form(&prompt.output)
        };
        let asked = [json.as_deref(), forbid_calls.then_some(NO_CALLS)];
        self.system(system, asked.into_iter().flatten())?;
        self.out.key("messages").open("[");
        // What says nothing does not part its neighbours.
        let spoken: Vec<_> =
            turns.iter().filter(|turn| !is_model(turn) || self.says_any(&turn.parts)).collect();
        if spoken.first().is_none_or(|turn| is_model(turn)) {
            self.out.open("{\"role\":\"user\"").key("content").open("[");
            self.nothing();
            self.out.close("]}");
        }
        for run in spoken.chunk_by(|one, next| is_model(one) == is_model(next)) {
            if is_model(run[0]) { self.model(run) } else { self.user(run) }?;
        }
        self.out.close("]");
        Ok(())
    }

    fn system<'a>(
        &mut self,
        turns: &[Turn<'_>],
        asked: impl Iterator<Item = &'a str> + Clone,
    ) -> Result<(), Fault> {
        let parts = turns.iter().flat_map(|turn| &turn.parts);
        if !parts.clone().any(says_something) && asked.clone().next().is_none() {
            return Ok(());
        }
        self.out.key("system").open("[");
        for part in parts.filter(|part| says_something(part)) {
            let Content::Text(text) = &part.content else {
                return Err(untranslatable("A system message may hold text only."));
            };
            self.text(text);
            self.mark(part.cached);
        }
        asked.for_each(|asked| self.text(&Quoted::of(asked)));
        self.out.close("]");
        Ok(())
    }

    /// One message of all that the user says in a row. Results of tools come first in it.
    fn user(&mut self, run: &[&Turn<'_>]) -> Result<(), Fault> {
        self.out.open("{\"role\":\"user\"").key("content").open("[");
        let parts = || run.iter().flat_map(|turn| turn.parts.iter().map(|part| (turn.role, part)));
        let is_result = |part: &Part<'_>| matches!(part.content, Content::Result { .. });
        let (mut empty, mut worded, mut shown) = (true, false, false);
        for (_, part) in parts().filter(|(_, part)| is_result(part)) {
            self.part(part)?;
            empty = false;
        }
        for (role, part) in parts().filter(|(_, part)| !is_result(part)) {
            if !self.says(part) {
                continue;
            }
            match &part.content {
                Content::Text(text) if role == Role::System => {
                    self.text(&late_system(text));
                    self.mark(part.cached);
                }
                _ => self.part(part)?,
            }
            empty = false;
            worded |= matches!(part.content, Content::Text(_));
            shown |= matches!(part.content, Content::Document { .. });
        }
        // A document wants a text beside it.
        if empty || (shown && !worded) {
            self.nothing();
        }
        self.out.close("]}");
        Ok(())
    }

    /// One message of all that the model says in a row.
    fn model(&mut self, run: &[&Turn<'_>]) -> Result<(), Fault> {
        self.out.open("{\"role\":\"assistant\"").key("content").open("[");
        let parts = || run.iter().flat_map(|turn| &turn.parts).filter(|part| self.says(part));
        let (calls, others): (Vec<_>, Vec<_>) =
            parts().partition(|part| matches!(part.content, Content::Call { .. }));
        others.into_iter().chain(calls).try_for_each(|part| self.part(part))?;
        self.out.close("]}");
        Ok(())
    }

    fn says_any(&self, parts: &[Part<'_>]) -> bool {
        parts.iter().any(|part| self.says(part))
    }

    /// Texts must not be blank; thoughts mean something to the models that want them back.
    fn says(&self, part: &Part<'_>) -> bool {
        let thought = matches!(part.content, Content::Thought { .. } | Content::HiddenThought { .. });
        says_something(part) && (!thought || self.family.wants_thoughts())
    }

    fn part(&mut self, part: &Part<'_>) -> Result<(), Fault> {
        let mut cached = part.cached;
        match &part.content {
            Content::Text(text) => self.text(text),
            Content::Image { source, detail } => {
                if detail.is_some() {
                    self.losses.hint("image_url.detail");
                }
                self.image(source)?;
            }
            Content::Document { source, name } => self.document(source, name.as_ref())?,
            Content::Audio { .. } if matches!(self.family.maker, Maker::Anthropic(_)) => {
                return Err(untranslatable("The model takes no audio."));
            }
            Content::Video { .. } if matches!(self.family.maker, Maker::Anthropic(_)) => {
                return Err(untranslatable("The model takes no video."));
            }
            Content::Video { source } => self.video(source)?,
            Content::Audio { data, format } => {
                self.out.open("{\"audio\":{").key("format").quoted(format);
                self.bytes(data);
                self.out.close("}}");
            }
            Content::Call { id, name, arguments } => {
                self.out.open("{\"toolUse\":{\"toolUseId\":").quoted(&alias(id, NAME_BYTES));
                self.out.key("name").quoted(&alias(name, NAME_BYTES)).key("input");
                arguments::as_object(arguments, &mut self.out);
                self.out.close("}}");
            }
            Content::Result { call, parts, failed } => {
                self.result(call, parts, *failed)?;
                cached = cached.or_else(|| longest(parts));
            }
            Content::Thought { text, signature } => {
                self.out.open("{\"reasoningContent\":{\"reasoningText\":{").key("text").quoted(text);
                if let Some(signature) = signature {
                    self.out.key("signature").quoted(signature);
                }
                self.out.close("}}}");
            }
            Content::HiddenThought { data } => {
                self.out.open("{\"reasoningContent\":{").key("redactedContent").quoted(data).close("}}");
            }
        }
        self.mark(cached);
        Ok(())
    }

    fn result(&mut self, call: &Quoted<'_>, parts: &[Part<'_>], failed: bool) -> Result<(), Fault> {
        self.out.open("{\"toolResult\":{\"toolUseId\":").quoted(&alias(call, NAME_BYTES));
        self.out.key("content").open("[");
        let told = failed && !self.family.knows_failures();
        if told {
            self.out.open("{\"text\":").text("Error:").close("}");
        }
        let spoken = parts.iter().filter(|part| self.says(part)).collect::<Vec<_>>();
        for part in &spoken {
            match &part.content {
                Content::Text(text) => self.text(text),
                Content::Image { source, .. } => self.image(source)?,
                Content::Document { source, name } => self.document(source, name.as_ref())?,
                _ => {
                    return Err(untranslatable(
                        "A result of a tool holds what the model's provider takes only beside it.",
                    ));
                }
            }
        }
        if spoken.is_empty() && !told {
            self.nothing();
        }
        self.out.close("]");
        if failed && !told {
            self.out.key("status").word("error");
        }
        self.out.close("}}");
        Ok(())
    }

    fn text(&mut self, text: &Quoted<'_>) {
        self.out.open("{\"text\":").quoted(text).close("}");
    }

    fn nothing(&mut self) {
        self.out.open("{\"text\":").text(NOTHING).close("}");
    }

    fn image(&mut self, source: &Source<'_>) -> Result<(), Fault> {
        let (media, place) = place(source)?;
        let meant = place.bytes().and_then(of_image);
        let format = match &*meant.as_ref().unwrap_or(&media).unescaped() {
            b"image/png" => "png",
            b"image/jpeg" => "jpeg",
            b"image/gif" => "gif",
            b"image/webp" => "webp",
            _ => {
                return Err(untranslatable(
                    "The model's provider takes images in PNG, JPEG, GIF and WebP only.",
                ));
            }
        };
        self.out.open("{\"image\":{").key("format").text(format);
        self.source(&place);
        self.out.close("}}");
        Ok(())
    }

    fn video(&mut self, source: &Source<'_>) -> Result<(), Fault> {
        let (media, place) = place(source)?;
        let format = VIDEOS.iter().find(|(known, _)| media.is(known)).map(|(_, format)| *format);
        let format = format.ok_or_else(|| not_taken("videos", &media))?;
        self.out.open("{\"video\":{").key("format").text(format);
        self.source(&place);
        self.out.close("}}");
        Ok(())
    }

    fn source(&mut self, place: &Place<'_>) {
        match place {
            Place::Bytes(data) => self.bytes(data),
            Place::Bucket(uri) => {
                self.out.key("source").open("{\"s3Location\":{").key("uri").quoted(uri).close("}}");
            }
        }
    }

    fn bytes(&mut self, data: &Quoted<'_>) {
        self.out.key("source").open("{\"bytes\":").quoted(data).close("}");
    }

    fn document(&mut self, source: &Source<'_>, name: Option<&Quoted<'_>>) -> Result<(), Fault> {
        let (media, place) = place(source)?;
        let format = DOCUMENTS.iter().find(|(known, _)| media.is(known)).map(|(_, format)| *format);
        let format = format.ok_or_else(|| not_taken("documents", &media))?;
        let name = self.document_name(name);
        self.out.open("{\"document\":{").key("format").text(format).key("name").text(&name);
        self.source(&place);
        self.out.close("}}");
        Ok(())
    }

    /// A name of the characters that may stand in one, and of no other document of the request.
    fn document_name(&mut self, name: Option<&Quoted<'_>>) -> String {
        let given = name.map(Quoted::unescaped).unwrap_or_default();
        let plain = |c: char| if c.is_ascii_alphanumeric() || "-()[]".contains(c) { c } else { ' ' };
        let given: String =
            String::from_utf8_lossy(&given).chars().take(DOCUMENT_NAME_CHARS).map(plain).collect();
        let words: Vec<&str> = given.split_ascii_whitespace().collect();
        let base = if words.is_empty() { "document".to_owned() } else { words.join(" ") };
        let numbered = (2..).map(|number: usize| format!("{base} ({number})"));
        let fresh = |name: &String| !self.documents.contains(name);
        let name = std::iter::once(base.clone()).chain(numbered).find(fresh).unwrap_or_default();
        self.documents.push(name.clone());
        name
    }
}

fn is_model(turn: &Turn<'_>) -> bool {
    turn.role == Role::Assistant
}

/// How long what is marked among these parts is to be kept: the point goes behind the whole.
fn longest(parts: &[Part<'_>]) -> Option<Cached> {
    parts.iter().filter_map(|part| part.cached).max_by_key(|cached| *cached == Cached::Long)
}

/// Where the bytes are that a request shows.
enum Place<'s> {
    Bytes(Quoted<'s>),
    /// In a bucket of Amazon's, which the provider reads by itself.
    Bucket(&'s Quoted<'s>),
}

impl Place<'_> {
    fn bytes(&self) -> Option<&Quoted<'_>> {
        match self {
            Place::Bytes(data) => Some(data),
            Place::Bucket(_) => None,
        }
    }
}

/// The media type and the place of what is shown.
fn place<'s>(source: &'s Source<'_>) -> Result<(Quoted<'s>, Place<'s>), Fault> {
    Ok(match source {
        Source::DataUrl(url) => {
            let (media, data) = data_url(url)?;
            (media, Place::Bytes(data))
        }
        Source::Base64 { media, data } => (media.clone(), Place::Bytes(data.clone())),
        Source::Plain(text) => {
            let digits = STANDARD.encode(&*text.unescaped());
            (Quoted::raw(b"text/plain"), Place::Bytes(Quoted::of(&digits)))
        }
        Source::Url(url) if url.as_written().starts_with(b"s3://") => {
            (Quoted::raw(of_url(url).ok_or_else(untold)?.as_bytes()), Place::Bucket(url))
        }
        Source::Url(_) | Source::File(_) => return Err(no_bytes()),
    })
}

fn not_taken(what: &str, media: &Quoted<'_>) -> Fault {
    let media = String::from_utf8_lossy(media.as_written()).into_owned();
    untranslatable(format!("The model's provider takes no {what} of the type `{media:.64}`."))
}

fn untold() -> Fault {
    untranslatable("The name of what lies in a bucket must end as files of its kind do, as in `.png`.")
}

fn no_bytes() -> Fault {
    untranslatable(
        "The model's provider takes images and documents as their bytes only, not by URL or file id.",
    )
}
