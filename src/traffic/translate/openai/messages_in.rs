//! The messages of a chat completion request as turns.

use super::details;
use super::request_in::{MARKS, cached};
use crate::base::fault::Fault;
use crate::traffic::dialect::json::{Item, Quoted};
use crate::traffic::translate::loss::Losses;
use crate::traffic::translate::media;
use crate::traffic::translate::prompt::{Arguments, Cached, Content, Part, Parts, Role, Source, Turn};
use crate::traffic::translate::shape::{At, present};

/// Understands all messages.
///
/// # Errors
/// One has not the form of this API, or holds content that no other format has.
pub fn turns<'b>(messages: Item<'b>, losses: &mut Losses) -> Result<Vec<Turn<'b>>, Fault> {
    let at = At::root("messages");
    let mut turns = Vec::with_capacity(messages.size());
    for (index, message) in at.array(messages)?.enumerate() {
        turns.push(turn(at.index(index), message, losses)?);
    }
    Ok(turns)
}

/// What a message may have, whoever's it is.
#[derive(Default)]
struct Message<'b> {
    role: Option<Item<'b>>,
    content: Option<Item<'b>>,
    refusal: Option<Item<'b>>,
    audio: Option<Item<'b>>,
    calls: Option<Item<'b>>,
    thoughts: Option<Item<'b>>,
    /// The same of a router.
    details: Option<Item<'b>>,
    /// A thought without a proof, under one name or another.
    told: [Option<Item<'b>>; 2],
    call_id: Option<Item<'b>>,
    function: Option<Item<'b>>,
    marks: [Option<Item<'b>>; 2],
    /// What the marks say.
    cached: Option<Cached>,
}

impl<'b> Message<'b> {
    fn read(&mut self, at: At<'_>, message: Item<'b>, losses: &mut Losses) -> Result<(), Fault> {
        for (name, value) in at.entries(message)? {
            match self.place(&name) {
                Some(place) => at.put(place, &name, value)?,
                None => losses.unread_member("messages[].", &name, value),
            }
        }
        self.cached = cached(present(self.marks[0]).or(present(self.marks[1])), losses);
        Ok(())
    }

    /// Where a member of this name goes.
    fn place(&mut self, name: &[u8]) -> Option<&mut Option<Item<'b>>> {
        Some(match name {
            b"role" => &mut self.role,
            b"content" => &mut self.content,
            b"tool_calls" => &mut self.calls,
            b"tool_call_id" => &mut self.call_id,
            b"cache_control" => &mut self.marks[0],
            b"prompt_cache_breakpoint" => &mut self.marks[1],
            b"refusal" => &mut self.refusal,
            b"thinking_blocks" => &mut self.thoughts,
            b"audio" => &mut self.audio,
            b"reasoning_content" => &mut self.told[0],
            b"reasoning" => &mut self.told[1],
            b"reasoning_details" => &mut self.details,
            b"function_call" => &mut self.function,
            _ => return None,
        })
    }
}

fn turn<'b>(at: At<'_>, item: Item<'b>, losses: &mut Losses) -> Result<Turn<'b>, Fault> {
    let mut message = Message::default();
    message.read(at, item, losses)?;
    if present(message.function).is_some() {
        return Err(at.untranslatable("has the old member `function_call`: send `tool_calls`."));
    }
    match &*at.name("role").text(message.role)?.unescaped() {
        b"system" | b"developer" => said(at, &message, Role::System, losses),
        b"user" => said(at, &message, Role::User, losses),
        b"assistant" => assistant(at, &message, losses),
        b"tool" => result(at, &message, losses),
        b"function" => Err(at.untranslatable("has the old role `function`: send `tool`.")),
        _ => Err(at.name("role").wants("`system`, `developer`, `user`, `assistant` or `tool`")),
    }
}

fn said<'b>(at: At<'_>, message: &Message<'b>, role: Role, losses: &mut Losses) -> Result<Turn<'b>, Fault> {
    let content = present(message.content).ok_or_else(|| at.name("content").wants("given"))?;
    let mut parts = parts(at.name("content"), content, losses)?;
    mark_last(&mut parts, message.cached);
    Ok(Turn { role, parts })
}

fn assistant<'b>(at: At<'_>, message: &Message<'b>, losses: &mut Losses) -> Result<Turn<'b>, Fault> {
    let mut all = match present(message.thoughts) {
        Some(blocks) => thoughts(at.name("thinking_blocks"), blocks)?,
        None => match present(message.details).and_then(details::thoughts) {
            Some(proved) => proved,
            None => told(message.told).map(unproved).into_iter().collect(),
        },
    };
    let calls = present(message.calls);
    all.reserve_exact(1 + calls.map_or(0, |calls| calls.size()));
    if let Some(content) = present(message.content) {
        parts(at.name("content"), content, losses)?.move_to(&mut all);
    }
    if let Some(refusal) = at.name("refusal").optional_text(message.refusal)? {
        all.push(Part::of(Content::Text(refusal)));
    }
    if present(message.audio).is_some() {
        return Err(at.name("audio").untranslatable("is not translated."));
    }
    if let Some(calls) = calls {
        let at = at.name("tool_calls");
        for (index, call) in at.array(calls)?.enumerate() {
            all.push(one_call(at.index(index), call)?);
        }
    }
    mark_last(&mut all, message.cached);
    Ok(Turn { role: Role::Assistant, parts: all.into() })
}

/// Where nothing proves a thought, its text is all there is of it.
fn told([one, other]: [Option<Item<'_>>; 2]) -> Option<Quoted<'_>> {
    present(one).or(present(other))?.text().filter(|text| !text.is_empty())
}

fn unproved(text: Quoted<'_>) -> Part<'_> {
    Part::of(Content::Thought { text, signature: None })
}

/// What the gateway itself gave such a client beside the text: thoughts with the proof that they are its model's own.
fn thoughts<'b>(at: At<'_>, blocks: Item<'b>) -> Result<Vec<Part<'b>>, Fault> {
    at.array(blocks)?.enumerate().map(|(index, block)| thought(at.index(index), block)).collect()
}

fn thought<'b>(at: At<'_>, block: Item<'b>) -> Result<Part<'b>, Fault> {
    let [kind, text, signature, data] = at.fields(Some(block), ["type", "thinking", "signature", "data"])?;
    Ok(Part::of(if at.name("type").text(kind)?.is("redacted_thinking") {
        Content::HiddenThought { data: at.name("data").text(data)? }
    } else {
        Content::Thought {
            text: at.name("thinking").text(text)?,
            signature: at.name("signature").optional_text(signature)?,
        }
    }))
}

fn one_call<'b>(at: At<'_>, call: Item<'b>) -> Result<Part<'b>, Fault> {
    let [id, function] = at.fields(Some(call), ["id", "function"])?;
    if function.is_none() {
        return Err(at.untranslatable("calls no function: other calls are not translated."));
    }
    let inner = at.name("function");
    let [name, arguments] = inner.fields(function, ["name", "arguments"])?;
    let arguments = inner.name("arguments").optional_text(arguments)?.unwrap_or_default();
    Ok(Part::of(Content::Call {
        id: at.name("id").text(id)?,
        name: inner.name("name").text(name)?,
        arguments: Arguments::Source(arguments),
    }))
}

fn result<'b>(at: At<'_>, message: &Message<'b>, losses: &mut Losses) -> Result<Turn<'b>, Fault> {
    let call = at.name("tool_call_id").text(message.call_id)?;
    let inside = match present(message.content) {
        Some(content) => parts(at.name("content"), content, losses)?.into_vec(),
        None => vec![],
    };
    let content = Content::Result { call, parts: inside, failed: false };
    Ok(Turn { role: Role::User, parts: Part { content, cached: message.cached }.into() })
}

fn parts<'b>(at: At<'_>, content: Item<'b>, losses: &mut Losses) -> Result<Parts<'b>, Fault> {
    at.content(content, |at, part| one_part(at, part, losses).map(Some))
}

fn one_part<'b>(at: At<'_>, part: Item<'b>, losses: &mut Losses) -> Result<Part<'b>, Fault> {
    let [kind, text, cache_control, breakpoint] =
        at.fields(Some(part), ["type", "text", MARKS[0], MARKS[1]])?;
    let content = match &*at.name("type").text(kind)?.unescaped() {
        b"text" => Content::Text(at.name("text").text(text)?),
        b"refusal" => Content::Text(at.name("refusal").text(part.get("refusal"))?),
        b"image_url" => image(at.name("image_url"), part.get("image_url"))?,
        b"video_url" => video(at.name("video_url"), part.get("video_url"))?,
        b"file" => file(at.name("file"), part.get("file"))?,
        b"document_url" => {
            let url = at.name("document_url").text(part.get("document_url"))?.with_plain_slashes();
            Content::Document { source: document(url), name: part.text_at("document_name") }
        }
        b"thinking" => thinking(at.name("thinking"), part.get("thinking"))?,
        b"input_audio" => audio(at.name("input_audio"), part.get("input_audio"))?,
        _ => return Err(at.untranslatable("has a type that is not translated.")),
    };
    Ok(Part { content, cached: cached(cache_control.or(breakpoint), losses) })
}

/// A thought as a part, of a provider that has it so: a text, or texts.
fn thinking<'b>(at: At<'_>, value: Option<Item<'b>>) -> Result<Content<'b>, Fault> {
    let value = value.ok_or_else(|| at.wants("given"))?;
    let texts = at.content(value, |at, part| Ok(Some(unproved(at.name("text").text(part.get("text"))?))))?;
    let texts = texts.iter().filter_map(|part| match &part.content {
        Content::Text(text) | Content::Thought { text, .. } => Some(text.as_written()),
        _ => None,
    });
    let text = texts.collect::<Vec<_>>().concat();
    Ok(Content::Thought { text: Quoted::raw(&text).into_owned(), signature: None })
}

/// An image by its URL, which some clients write without an object around it.
fn image<'b>(at: At<'_>, image: Option<Item<'b>>) -> Result<Content<'b>, Fault> {
    let bare = image.and_then(|image| image.text());
    let (url, detail) = if let Some(url) = bare {
        (url, None)
    } else {
        let [url, detail] = at.fields(image, ["url", "detail"])?;
        (at.name("url").text(url)?, at.name("detail").optional_text(detail)?)
    };
    let url = url.with_plain_slashes();
    let data = url.as_written().starts_with(b"data:");
    Ok(Content::Image { source: if data { Source::DataUrl(url) } else { Source::Url(url) }, detail })
}

/// As servers of this format take it that have models for it.
fn video<'b>(at: At<'_>, video: Option<Item<'b>>) -> Result<Content<'b>, Fault> {
    let [url] = at.fields(video, ["url"])?;
    let url = at.name("url").text(url)?.with_plain_slashes();
    let data = url.as_written().starts_with(b"data:");
    Ok(Content::Video { source: if data { Source::DataUrl(url) } else { Source::Url(url) } })
}

fn file<'b>(at: At<'_>, file: Option<Item<'b>>) -> Result<Content<'b>, Fault> {
    let [data, id, name] = at.fields(file, ["file_data", "file_id", "filename"])?;
    let source = match at.name("file_data").optional_text(data)? {
        Some(data) => document(data.with_plain_slashes()),
        None => Source::File(at.name("file_id").text(id)?),
    };
    Ok(Content::Document { source, name: at.name("filename").optional_text(name)? })
}

/// A document in a data URL, or by any other.
fn document(url: Quoted<'_>) -> Source<'_> {
    let web = [&b"https://"[..], b"http://"].iter().any(|scheme| url.as_written().starts_with(scheme));
    if web { Source::Url(url) } else { media::document(url) }
}

fn audio<'b>(at: At<'_>, audio: Option<Item<'b>>) -> Result<Content<'b>, Fault> {
    let [data, format] = at.fields(audio, ["data", "format"])?;
    Ok(Content::Audio { data: at.name("data").text(data)?, format: at.name("format").text(format)? })
}

/// A mark on a message stands behind its last part.
fn mark_last(parts: &mut [Part<'_>], mark: Option<Cached>) {
    if let (Some(last), Some(mark)) = (parts.last_mut(), mark) {
        last.cached.get_or_insert(mark);
    }
}
