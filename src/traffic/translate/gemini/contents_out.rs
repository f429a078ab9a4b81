//! The turns of a prompt as a system instruction and contents.
//!
//! Results of functions name the function and stand in the order of the calls, both of which are looked up in the
//! history. A step's first call has its signature, or the word that stands for one that is not known: without any, the
//! newer models refuse the request.

use super::carried;
use super::family::Family;
use super::request_out::NAME_BYTES;
use crate::base::fault::Fault;
use crate::traffic::dialect::json::{Quoted, Tree, Writer};
use crate::traffic::translate::called::Called;
use crate::traffic::translate::loss::{Losses, untranslatable};
use crate::traffic::translate::media::{data_url, of_url};
use crate::traffic::translate::names::dotted_alias;
use crate::traffic::translate::prompt::{Arguments, Content, Part, Role, Source, Turn, late_system};
use crate::traffic::translate::{arguments, proof};
use memchr::memmem;

/// In place of a signature, for calls of a history that another model began.
const UNSIGNED: &[u8] = b"skip_thought_signature_validator";
/// What a user says who says nothing: a content must not be empty, and one of images alone is refused by some models.
const NOTHING: &[u8] = b" ";

/// Contents that are being written.
pub struct Contents<'w, 'p, 'b> {
    family: &'static Family,
    out: Writer<'w>,
    losses: &'w mut Losses,
    calls: Called<'p, 'b>,
}

impl<'w, 'p, 'b> Contents<'w, 'p, 'b> {
    pub fn new(family: &'static Family, out: Writer<'w>, losses: &'w mut Losses) -> Self {
        Self { family, out, losses, calls: Called::default() }
    }

    /// Writes the members `systemInstruction`, if there is one, and `contents`. `asked`: what is asked of the model besides.
    ///
    /// # Errors
    /// A part has no place in this format, or a result answers no call.
    pub fn write(mut self, turns: &'p [Turn<'b>], asked: Option<&str>) -> Result<(), Fault> {
        if turns.iter().flat_map(|turn| &turn.parts).any(|part| part.cached.is_some()) {
            self.losses.hint("cache_control");
        }
        let leading = turns.iter().take_while(|turn| turn.role == Role::System).count();
        let (system, turns) = turns.split_at(leading);
        self.system(system, asked)?;
        self.out.key("contents").open("[");
        // What says nothing does not part its neighbours.
        let silent = |turn: &&Turn<'_>| is_model(turn) && !turn.parts.iter().any(says_something);
        let turns: Vec<&'p Turn<'b>> = turns.iter().filter(|turn| !silent(turn)).collect();
        // The user begins.
        if turns.first().is_none_or(|turn| is_model(turn)) {
            self.user(&[])?;
        }
        for run in turns.chunk_by(|one, next| is_model(one) == is_model(next)) {
            if is_model(run[0]) {
                self.model(run)?;
            } else {
                self.user(run)?;
            }
        }
        self.out.close("]");
        Ok(())
    }

    fn system(&mut self, turns: &[Turn<'_>], asked: Option<&str>) -> Result<(), Fault> {
        let parts = turns.iter().flat_map(|turn| &turn.parts);
        if !parts.clone().any(says_something) && asked.is_none() {
            return Ok(());
        }
        self.out.key("systemInstruction").open("{").key("parts").open("[");
        for part in parts.filter(|part| says_something(part)) {
            let Content::Text(text) = &part.content else {
                return Err(untranslatable("A system message may hold text only."));
            };
            self.text(text);
        }
        if let Some(asked) = asked {
            self.text(&Quoted::of(asked));
        }
        self.out.close("]}");
        Ok(())
    }

    /// One content of all that the user says in a row. Results come first in it.
    fn user(&mut self, run: &[&'p Turn<'b>]) -> Result<(), Fault> {
        self.out.open("{\"role\":\"user\"").key("parts").open("[");
        let parts = || run.iter().flat_map(|turn| turn.parts.iter().map(move |part| (turn.role, part)));
        let mut worded = self.results(parts().map(|(_, part)| part))?;
        for (role, part) in parts().filter(|(_, part)| says_something(part)) {
            match &part.content {
                Content::Text(text) if role == Role::System => self.text(&late_system(text)),
                // Their texts were written; what else they show follows them.
                Content::Result { parts, .. } => {
                    parts.iter().filter(|part| !is_text(part)).try_for_each(|part| self.part(part))?;
                }
                _ => self.part(part)?,
            }
            worded |= is_text(part);
        }
        if !worded {
            self.text(&Quoted::raw(NOTHING));
        }
        self.out.close("]}");
        Ok(())
    }

    /// Writes the results among these parts in the order of their calls. Says whether there are any.
    fn results(&mut self, parts: impl Iterator<Item = &'p Part<'b>>) -> Result<bool, Fault> {
        let mut results = vec![];
        for part in parts {
            let Content::Result { call, parts, failed } = &part.content else { continue };
            let place = self.calls.place(call).ok_or_else(|| unknown_call(call))?;
            results.push((place, parts, *failed));
        }
        results.sort_by_key(|(place, ..)| *place);
        for (place, parts, failed) in &results {
            self.result(*place, parts, *failed);
        }
        Ok(!results.is_empty())
    }

    fn result(&mut self, place: usize, parts: &[Part<'_>], failed: bool) {
        let Some((id, name)) = self.calls.at(place) else { return };
        self.out.open("{\"functionResponse\":{");
        self.named(id, name);
        self.out.key("response");
        let text = joined(parts);
        if failed || !may_be_object(&text) || !self.object(&text) {
            self.out.open("{").key(if failed { "error" } else { "output" }).quoted(&text).close("}");
        }
        self.out.close("}}");
    }

    /// Writes a text that is the source of an object as that. `false`: it is none.
    fn object(&mut self, text: &Quoted<'_>) -> bool {
        let meant = text.unescaped();
        let mut tree = Tree::default();
        match tree.parse(&meant) {
            Ok(page) if page.root().is_object() && !has_reference(&meant) => {
                self.out.item(&page.root());
                true
            }
            _ => false,
        }
    }

    /// One content of all that the model says in a row.
    fn model(&mut self, run: &[&'p Turn<'b>]) -> Result<(), Fault> {
        let parts = run.iter().flat_map(|turn| &turn.parts);
        self.out.open("{\"role\":\"model\"").key("parts").open("[");
        let (mut proof_of_text, mut first) = (None, true);
        for part in parts.filter(|part| says_something(part)) {
            match &part.content {
                Content::Call { id, name, arguments } => {
                    self.proof_of_text(proof_of_text.take());
                    self.call(id, name, arguments, std::mem::take(&mut first));
                    self.calls.add(id, name);
                }
                Content::Thought { text, signature } => {
                    let Some(proof) = signature.as_ref().and_then(proof::googles) else { continue };
                    if text.is_empty() {
                        proof_of_text = Some(proof);
                        continue;
                    }
                    self.out.open("{").key("text").quoted(text).key("thought").flag(true);
                    self.out.key("thoughtSignature").quoted(&Quoted::raw(proof)).close("}");
                }
                _ => self.part(part)?,
            }
        }
        self.proof_of_text(proof_of_text);
        self.out.close("]}");
        Ok(())
    }

    /// What proves a text came in a part of its own behind it, and goes back so.
    fn proof_of_text(&mut self, proof: Option<&[u8]>) {
        if let Some(proof) = proof {
            self.out.open("{").key("text").word("");
            self.out.key("thoughtSignature").quoted(&Quoted::raw(proof)).close("}");
        }
    }

    fn call(&mut self, id: &Quoted<'_>, name: &Quoted<'_>, arguments: &Arguments<'_>, first: bool) {
        self.out.open("{\"functionCall\":{");
        self.named(id, name);
        arguments::as_object(arguments, self.out.key("args"));
        self.out.close("}");
        let unsigned = (first && self.family.wants_signatures()).then(|| UNSIGNED.to_vec());
        if let Some(signature) = carried::read(id).signature.or(unsigned) {
            self.out.key("thoughtSignature").quoted(&Quoted::raw(&signature));
        }
        self.out.close("}");
    }

    /// The provider's own id of a call, and the name of its function.
    fn named(&mut self, id: &Quoted<'_>, name: &Quoted<'_>) {
        if let Some(id) = carried::read(id).given {
            self.out.key("id").quoted(&Quoted::raw(id));
        }
        self.out.key("name").quoted(&dotted_alias(name, NAME_BYTES));
    }

    fn part(&mut self, part: &Part<'_>) -> Result<(), Fault> {
        match &part.content {
            Content::Text(text) => self.text(text),
            Content::Image { source, detail } => {
                if detail.is_some() {
                    self.losses.hint("image_url.detail");
                }
                self.media(source)?;
            }
            Content::Document { source, name } => {
                if name.is_some() {
                    self.losses.hint("filename");
                }
                self.media(source)?;
            }
            Content::Audio { data, format } => {
                let media = match &*format.unescaped() {
                    b"mp3" => Quoted::raw(b"audio/mpeg"),
                    _ => Quoted::raw(&[&b"audio/"[..], format.as_written()].concat()).into_owned(),
                };
                self.inline(&media, data);
            }
            Content::Video { source } => self.media(source)?,
            Content::Thought { .. } | Content::HiddenThought { .. } => {}
            Content::Call { .. } | Content::Result { .. } => {
                return Err(untranslatable("A call of a tool, or its result, stands where none may be."));
            }
        }
        Ok(())
    }

    fn text(&mut self, text: &Quoted<'_>) {
        self.out.open("{\"text\":").quoted(text).close("}");
    }

    fn media(&mut self, source: &Source<'_>) -> Result<(), Fault> {
        match source {
            Source::DataUrl(url) => {
                let (media, data) = data_url(url)?;
                self.inline(&media, &data);
            }
            Source::Base64 { media, data } => self.inline(media, data),
            Source::Plain(text) => self.text(text),
            Source::Url(url) => self.by_reference(url),
            Source::File(file) if is_uri(file) => self.by_reference(file),
            Source::File(_) => {
                return Err(untranslatable(
                    "A file that another provider keeps cannot be read by the model's: send its bytes or its URL.",
                ));
            }
        }
        Ok(())
    }

    fn inline(&mut self, media: &Quoted<'_>, data: &Quoted<'_>) {
        self.out.open("{\"inlineData\":{").key("mimeType").quoted(media).key("data").quoted(data).close("}}");
    }

    fn by_reference(&mut self, url: &Quoted<'_>) {
        self.out.open("{\"fileData\":{");
        if let Some(media) = of_url(url) {
            self.out.key("mimeType").text(media);
        }
        self.out.key("fileUri").quoted(url).close("}}");
    }
}

/// Whether a text can be the source of an object: most results are words, and need not be put together to see that.
fn may_be_object(text: &Quoted<'_>) -> bool {
    let mut rest = text.as_written().trim_ascii_start();
    while let [b'\\', b'n' | b'r' | b't', behind @ ..] = rest {
        rest = behind.trim_ascii_start();
    }
    // A brace or a blank may be written by its number.
    rest.starts_with(b"{") || rest.starts_with(b"\\u")
}

fn is_model(turn: &Turn<'_>) -> bool {
    turn.role == Role::Assistant
}

fn is_text(part: &Part<'_>) -> bool {
    matches!(part.content, Content::Text(_) | Content::Document { source: Source::Plain(_), .. })
}

/// Texts must not be empty; thoughts of other models mean nothing here.
pub fn says_something(part: &Part<'_>) -> bool {
    match &part.content {
        Content::Text(text) => !text.is_empty(),
        Content::Thought { signature, .. } => {
            signature.as_ref().is_some_and(|proof| proof::googles(proof).is_some())
        }
        Content::HiddenThought { .. } => false,
        _ => true,
    }
}

/// Whether a file's id is a URI that this provider reads.
fn is_uri(file: &Quoted<'_>) -> bool {
    [&b"https://"[..], b"gs://"].iter().any(|scheme| file.as_written().starts_with(scheme))
}

/// The texts of a result, one under the other.
fn joined(parts: &[Part<'_>]) -> Quoted<'static> {
    let texts = parts.iter().filter_map(|part| match &part.content {
        Content::Text(text) | Content::Document { source: Source::Plain(text), .. } => {
            Some(text.as_written())
        }
        _ => None,
    });
    Quoted::raw(&texts.collect::<Vec<_>>().join(&b"\\n"[..])).into_owned()
}

/// An object with such a member is taken for a reference to a part, and an error if there is none.
fn has_reference(object: &[u8]) -> bool {
    ["$ref", "\\u0024ref"].iter().any(|name| memmem::find(object, name.as_bytes()).is_some())
}

fn unknown_call(id: &Quoted<'_>) -> Fault {
    let id = String::from_utf8_lossy(id.as_written()).into_owned();
    untranslatable(format!(
        "A tool's result is for the call `{id:.64}`, which no message before it has: its function's name is not known."
    ))
}
