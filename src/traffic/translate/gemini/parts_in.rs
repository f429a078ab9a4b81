//! The parts of a client's contents.

use super::member::{get, text, unread};
use super::{schema, signature};
use crate::base::fault::Fault;
use crate::traffic::dialect::json::{Item, Quoted, escape_bytes};
use crate::traffic::translate::base64;
use crate::traffic::translate::loss::Losses;
use crate::traffic::translate::media;
use crate::traffic::translate::prompt::{Arguments, Content, Part, Source};
use crate::traffic::translate::shape::At;
use std::collections::VecDeque;

/// Members of a part that are read. What proves a text or a call means something to its own provider only.
const PART: [&str; 7] =
    ["text", "thought", "thoughtSignature", "inlineData", "fileData", "functionCall", "functionResponse"];

/// Calls that have no result yet. Clients of this dialect name the function of a result and need not name its call.
#[derive(Default)]
pub struct Calls<'b> {
    waiting: VecDeque<(Quoted<'b>, Quoted<'b>)>,
    made: usize,
}

impl<'b> Calls<'b> {
    /// A new step begins: what was not answered will not be.
    pub fn forget(&mut self) {
        self.waiting.clear();
    }

    /// The id of a call, which is made up where the client has none.
    fn begin(&mut self, id: Option<Quoted<'b>>, name: &Quoted<'b>) -> Quoted<'b> {
        let id = id.unwrap_or_else(|| {
            self.made += 1;
            Quoted::of(&format!("call_{}", self.made))
        });
        self.waiting.push_back((id.clone(), name.clone()));
        id
    }

    /// The id of the call that a result answers: the one it names, or else the first of its function, or else the first
    /// of all: the provider goes by their order, and some clients have another name for the function here.
    fn answer(&mut self, id: Option<&Quoted<'b>>, name: &Quoted<'b>) -> Option<Quoted<'b>> {
        let by_id = id.and_then(|id| self.waiting.iter().position(|(call, _)| call == id));
        let by_name = || self.waiting.iter().position(|(_, called)| called == name);
        let place = by_id.or_else(by_name).unwrap_or_default();
        self.waiting.remove(place).map(|(call, _)| call)
    }
}

/// The parts of one content.
///
/// # Errors
/// One has not the form of this API, or no other format has it.
pub fn content<'b>(
    at: At<'_>,
    content: Item<'b>,
    calls: &mut Calls<'b>,
    losses: &mut Losses,
) -> Result<Vec<Part<'b>>, Fault> {
    let Some(parts) = get(content, "parts") else { return Ok(vec![]) };
    let at = at.name("parts");
    let mut all: Vec<Part<'b>> = vec![];
    for (index, one) in schema::one_or_all(parts, at)?.enumerate() {
        let said = part(at.index(index), one, calls)?;
        unread(one, &PART, losses);
        match (all.last_mut().map(|last| &mut last.content), said) {
            // A client keeps a stream's pieces as they came: those of a thought, and what proves it behind them.
            (
                Some(Content::Thought { text, signature: proof @ None }),
                Content::Thought { text: more, signature },
            ) => {
                *text = Quoted::raw(&[text.as_written(), more.as_written()].concat()).into_owned();
                *proof = signature;
            }
            (_, said) => all.push(Part::of(said)),
        }
    }
    Ok(all)
}

fn part<'b>(at: At<'_>, part: Item<'b>, calls: &mut Calls<'b>) -> Result<Content<'b>, Fault> {
    at.object(part)?;
    if let Some(said) = text(part, "text") {
        return Ok(said_or_thought(part, said));
    }
    if let Some(data) = get(part, "inlineData") {
        return inline(at.name("inlineData"), data);
    }
    if let Some(file) = get(part, "fileData") {
        return by_reference(at.name("fileData"), file);
    }
    if let Some(call) = get(part, "functionCall") {
        let name = at.name("functionCall").name("name").text(get(call, "name"))?;
        let arguments = match get(call, "args") {
            Some(args) if args.is_object() => Arguments::Object(args),
            Some(_) => return Err(at.name("functionCall").name("args").wants("an object")),
            None => Arguments::Source(Quoted::default()),
        };
        let id = text(call, "id").filter(|id| !id.is_empty());
        return Ok(Content::Call { id: calls.begin(id, &name), name, arguments });
    }
    if let Some(result) = get(part, "functionResponse") {
        return function_response(at.name("functionResponse"), result, calls);
    }
    Err(at.untranslatable("has no text, data or function: other parts are not translated."))
}

/// What another provider proved its thought with, if the gateway itself gave it to the client. Google's own proofs mean
/// nothing to another provider.
fn said_or_thought<'b>(part: Item<'b>, said: Quoted<'b>) -> Content<'b> {
    if get(part, "thought").and_then(|thought| thought.flag()) != Some(true) {
        return Content::Text(said);
    }
    match text(part, "thoughtSignature").as_ref().and_then(signature::foreign) {
        Some(signature::Foreign::Hidden(data)) => Content::HiddenThought { data },
        Some(signature::Foreign::Proof(proof)) => Content::Thought { text: said, signature: Some(proof) },
        None => Content::Thought { text: said, signature: None },
    }
}

/// Media types of what can be heard, and what other formats call it.
const AUDIO: [(&str, &str); 16] = [
    ("audio/wav", "wav"),
    ("audio/x-wav", "wav"),
    ("audio/wave", "wav"),
    ("audio/mpeg", "mp3"),
    ("audio/mp3", "mp3"),
    ("audio/mpga", "mp3"),
    ("audio/flac", "flac"),
    ("audio/x-flac", "flac"),
    ("audio/ogg", "ogg"),
    ("audio/opus", "opus"),
    ("audio/aac", "aac"),
    ("audio/x-aac", "aac"),
    ("audio/aiff", "aiff"),
    ("audio/m4a", "m4a"),
    ("audio/mp4", "m4a"),
    ("audio/webm", "webm"),
];

fn inline<'b>(at: At<'_>, data: Item<'b>) -> Result<Content<'b>, Fault> {
    let media = at.name("mimeType").text(get(data, "mimeType"))?.with_plain_slashes();
    let name = text(data, "displayName");
    let bytes = at.name("data").text(get(data, "data"))?;
    let kind = media.unescaped().to_ascii_lowercase();
    if let Some(format) =
        AUDIO.iter().find(|(known, _)| known.as_bytes() == &*kind).map(|(_, format)| *format)
    {
        return Ok(Content::Audio { data: base64::standard(bytes), format: Quoted::raw(format.as_bytes()) });
    }
    match &*kind {
        kind if kind.starts_with(b"video/") => {
            Ok(Content::Video { source: Source::Base64 { media, data: base64::standard(bytes) } })
        }
        kind if kind.starts_with(b"image/") => Ok(Content::Image {
            source: Source::Base64 { media, data: base64::standard(bytes) },
            detail: None,
        }),
        kind if kind.starts_with(b"text/") => {
            let plain = base64::decoded(&bytes.unescaped()).and_then(|bytes| String::from_utf8(bytes).ok());
            let plain = plain.ok_or_else(|| at.name("data").wants("UTF-8 text in base64"))?;
            Ok(Content::Document { source: Source::Plain(Quoted::of(&plain)), name })
        }
        // Which of them are documents, each provider knows best.
        kind if kind.starts_with(b"application/") => {
            Ok(Content::Document { source: Source::Base64 { media, data: base64::standard(bytes) }, name })
        }
        _ => Err(not_taken(at, &media)),
    }
}

fn by_reference<'b>(at: At<'_>, file: Item<'b>) -> Result<Content<'b>, Fault> {
    let url = at.name("fileUri").text(get(file, "fileUri"))?.with_plain_slashes();
    let own = url.as_written().starts_with(b"https://generativelanguage.googleapis.com/");
    if own || !(url.as_written().starts_with(b"https://") || url.as_written().starts_with(b"http://")) {
        return Err(at.untranslatable("is a file of Google's, which no other provider can read."));
    }
    let told = at.name("mimeType").optional_text(get(file, "mimeType"))?;
    let guessed = || media::of_url(&url).map(|media| Quoted::raw(media.as_bytes()));
    let media = told.or_else(guessed).unwrap_or_default().with_plain_slashes();
    if media.as_written().starts_with(b"image/") {
        return Ok(Content::Image { source: Source::Url(url), detail: None });
    }
    if media.as_written().starts_with(b"video/") {
        return Ok(Content::Video { source: Source::Url(url) });
    }
    if media.is("application/pdf") || media.is("text/plain") {
        return Ok(Content::Document { source: Source::Url(url), name: text(file, "displayName") });
    }
    Err(not_taken(at, &media))
}

fn not_taken(at: At<'_>, media: &Quoted<'_>) -> Fault {
    let media = String::from_utf8_lossy(media.as_written()).into_owned();
    at.untranslatable(format_args!("is `{media:.40}`, which is not translated."))
}

fn function_response<'b>(at: At<'_>, result: Item<'b>, calls: &mut Calls<'b>) -> Result<Content<'b>, Fault> {
    let name = at.name("name").text(get(result, "name"))?;
    let id = text(result, "id").filter(|id| !id.is_empty());
    let call = calls
        .answer(id.as_ref(), &name)
        .ok_or_else(|| at.invalid("answers no call that stands before it."))?;
    let (said, failed) = match get(result, "response") {
        Some(response) => outcome(at.name("response").object(response)?),
        None => (Quoted::default(), false),
    };
    let mut parts = vec![Part::of(Content::Text(said))];
    for (index, shown) in get(result, "parts").into_iter().flat_map(|parts| parts.elements()).enumerate() {
        let at = at.name("parts");
        let at = at.index(index);
        parts.push(Part::of(match (get(shown, "inlineData"), get(shown, "fileData")) {
            (Some(data), _) => inline(at.name("inlineData"), data)?,
            (None, Some(file)) => by_reference(at.name("fileData"), file)?,
            (None, None) => return Err(at.wants("an object with `inlineData` or `fileData`")),
        }));
    }
    Ok(Content::Result { call, parts, failed })
}

/// What a function gave, and whether that is an error: by convention in a single member of this name.
fn outcome(response: Item<'_>) -> (Quoted<'_>, bool) {
    let mut members = response.members();
    if let (Some((name, value)), None) = (members.next(), members.next())
        && ["output", "result", "error"].iter().any(|known| name.is(known))
    {
        return (value.text().unwrap_or_else(|| source(value)), name.is("error"));
    }
    (source(response), false)
}

/// A value as the text that it is.
fn source(value: Item<'_>) -> Quoted<'static> {
    let mut source = Vec::with_capacity(value.raw().len() + 16);
    escape_bytes(value.raw(), |piece| source.extend_from_slice(piece));
    Quoted::raw(&source).into_owned()
}
