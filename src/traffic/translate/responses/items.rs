//! The items of a request's `input`, as turns.

use super::searches::Searches;
use super::{spaces, thought};
use crate::base::fault::Fault;
use crate::traffic::dialect::json::{Item, Kind, Quoted, Writer};
use crate::traffic::translate::loss::Losses;
use crate::traffic::translate::media;
use crate::traffic::translate::prompt::{Arguments, Content, Part, Parts, Role, Source, Turn};
use crate::traffic::translate::shape::At;

/// Adds what the items say to the turns before them, and to `searches` what of them is about tools.
///
/// # Errors
/// One has not the form of this API, or is content that no other format has.
pub fn add<'b>(
    input: Item<'b>,
    turns: &mut Vec<Turn<'b>>,
    searches: &mut Searches<'b>,
    losses: &mut Losses,
) -> Result<(), Fault> {
    let at = At::root("input");
    if let Some(text) = input.text() {
        turns.push(Turn { role: Role::User, parts: Part::of(Content::Text(text)).into() });
        return Ok(());
    }
    if input.kind() != Kind::Array {
        return Err(at.wants("a string or an array of items"));
    }
    for (index, item) in input.elements().enumerate() {
        let at = at.index(index);
        if searches.take(at, item, losses)? {
            continue;
        }
        if let Some(turn) = turn(at, item, losses)? {
            append(turns, turn);
        }
    }
    Ok(())
}

/// What the assistant thinks, says and calls in a row is one turn to other dialects, and so are the results of its
/// calls. Two messages stay two.
fn append<'b>(turns: &mut Vec<Turn<'b>>, turn: Turn<'b>) {
    let Some(last) = turns.last_mut().filter(|last| last.role == turn.role) else {
        return turns.push(turn);
    };
    let text = |part: Option<&Part<'_>>| part.is_some_and(|part| matches!(part.content, Content::Text(_)));
    let result =
        |part: Option<&Part<'_>>| part.is_some_and(|part| matches!(part.content, Content::Result { .. }));
    let (end, begin) = (last.parts.last(), turn.parts.first());
    let one = match turn.role {
        Role::System => false,
        Role::User => result(end) && result(begin),
        Role::Assistant => !(text(end) && text(begin)),
    };
    if one {
        last.parts.append(turn.parts);
    } else {
        turns.push(turn);
    }
}

fn turn<'b>(at: At<'_>, item: Item<'b>, losses: &mut Losses) -> Result<Option<Turn<'b>>, Fault> {
    let [kind] = at.fields(Some(item), ["type"])?;
    let kind = kind.map(|kind| at.name("type").text(Some(kind))).transpose()?;
    let kind = kind.unwrap_or(Quoted::raw(b"message"));
    let (role, content) = match &*kind.unescaped() {
        b"message" => return message(at, item, losses).map(Some),
        b"function_call" => (Role::Assistant, call(at, item)?),
        b"custom_tool_call" => (Role::Assistant, custom_call(at, item)?),
        b"function_call_output" | b"custom_tool_call_output" => (Role::User, result(at, item, losses)?),
        // What was looked for; what was found stands in no item.
        b"web_search_call" => {
            losses.hint("web_search_call");
            return Ok(None);
        }
        b"reasoning" => match reasoning(at, item, losses)? {
            Some(thought) => (Role::Assistant, thought),
            None => return Ok(None),
        },
        _ => {
            let kind = String::from_utf8_lossy(kind.as_written()).into_owned();
            return Err(at.untranslatable(format_args!("is a `{kind:.40}`, which is not translated.")));
        }
    };
    Ok(Some(Turn { role, parts: Part::of(content).into() }))
}

fn message<'b>(at: At<'_>, item: Item<'b>, losses: &mut Losses) -> Result<Turn<'b>, Fault> {
    let [role, content] = at.fields(Some(item), ["role", "content"])?;
    let role = match &*at.name("role").text(role)?.unescaped() {
        b"system" | b"developer" => Role::System,
        b"user" => Role::User,
        b"assistant" => Role::Assistant,
        _ => return Err(at.name("role").wants("`system`, `developer`, `user` or `assistant`")),
    };
    let content = content.ok_or_else(|| at.name("content").wants("given"))?;
    Ok(Turn { role, parts: parts(at.name("content"), content, losses)? })
}

/// The item's own `id` is not what its result refers to.
fn call<'b>(at: At<'_>, item: Item<'b>) -> Result<Content<'b>, Fault> {
    let [id, space, name, arguments] =
        at.fields(Some(item), ["call_id", "namespace", "name", "arguments"])?;
    let space = at.name("namespace").optional_text(space)?;
    Ok(Content::Call {
        id: at.name("call_id").text(id)?,
        name: spaces::joined(space.as_ref(), at.name("name").text(name)?),
        arguments: Arguments::Source(at.name("arguments").optional_text(arguments)?.unwrap_or_default()),
    })
}

/// A call with a bare text, which elsewhere is a member of an object.
fn custom_call<'b>(at: At<'_>, item: Item<'b>) -> Result<Content<'b>, Fault> {
    let [id, name, input] = at.fields(Some(item), ["call_id", "name", "input"])?;
    let (mut object, mut source) = (vec![], vec![]);
    Writer(&mut object).open("{").key("input").quoted(&at.name("input").text(input)?).close("}");
    crate::traffic::dialect::json::escape_bytes(&object, |piece| source.extend_from_slice(piece));
    Ok(Content::Call {
        id: at.name("call_id").text(id)?,
        name: at.name("name").text(name)?,
        arguments: Arguments::Source(Quoted::raw(&source).into_owned()),
    })
}

fn result<'b>(at: At<'_>, item: Item<'b>, losses: &mut Losses) -> Result<Content<'b>, Fault> {
    let [call, output] = at.fields(Some(item), ["call_id", "output"])?;
    let output = output.ok_or_else(|| at.name("output").wants("given"))?;
    Ok(Content::Result {
        call: at.name("call_id").text(call)?,
        parts: parts(at.name("output"), output, losses)?.into_vec(),
        failed: false,
    })
}

/// A thought that the gateway gave out, or one that is told. Of what another sealed there is nothing that any provider but
/// its own could use, and its summary is for people; where nothing is sealed, the summary is all there is of it.
fn reasoning<'b>(at: At<'_>, item: Item<'b>, losses: &mut Losses) -> Result<Option<Content<'b>>, Fault> {
    let [sealed, content, summary] = at.fields(Some(item), ["encrypted_content", "content", "summary"])?;
    let sealed = at.name("encrypted_content").optional_text(sealed)?;
    if let Some(thought) = sealed.as_ref().and_then(thought::unseal) {
        return Ok(Some(thought));
    }
    let mut told = joined(content, b"");
    if told.is_empty() && sealed.is_none() {
        told = joined(summary, b"\\n\\n");
    }
    if !told.is_empty() {
        return Ok(Some(Content::Thought { text: Quoted::raw(&told).into_owned(), signature: None }));
    }
    losses.hint(if sealed.is_some() { "reasoning.encrypted_content" } else { "reasoning" });
    Ok(None)
}

/// The texts of all parts, as the inside of a JSON string.
fn joined(parts: Option<Item<'_>>, between: &[u8]) -> Vec<u8> {
    let parts = parts.into_iter().flat_map(|parts| parts.elements());
    let texts: Vec<_> = parts.filter_map(|part| part.text_at("text")).collect();
    let texts: Vec<_> = texts.iter().map(Quoted::as_written).collect();
    texts.join(between)
}

fn parts<'b>(at: At<'_>, content: Item<'b>, losses: &mut Losses) -> Result<Parts<'b>, Fault> {
    at.content(content, |at, part| one_part(at, part, losses).map(Some))
}

fn one_part<'b>(at: At<'_>, part: Item<'b>, losses: &mut Losses) -> Result<Part<'b>, Fault> {
    let [kind, text, annotations] = at.fields(Some(part), ["type", "text", "annotations"])?;
    if annotations.is_some_and(|all| all.elements().next().is_some()) {
        losses.hint("annotations");
    }
    Ok(Part::of(match &*at.name("type").text(kind)?.unescaped() {
        b"input_text" | b"output_text" | b"text" => Content::Text(at.name("text").text(text)?),
        b"refusal" => Content::Text(at.name("refusal").text(part.get("refusal"))?),
        b"input_image" => image(at, part)?,
        b"input_file" => file(at, part)?,
        b"input_audio" => audio(at.name("input_audio"), part.get("input_audio"))?,
        _ => return Err(at.untranslatable("has a type that is not translated.")),
    }))
}

fn image<'b>(at: At<'_>, part: Item<'b>) -> Result<Content<'b>, Fault> {
    let [url, id, detail] = at.fields(Some(part), ["image_url", "file_id", "detail"])?;
    let source = match at.name("image_url").optional_text(url)?.map(Quoted::with_plain_slashes) {
        Some(url) if url.as_written().starts_with(b"data:") => Source::DataUrl(url),
        Some(url) => Source::Url(url),
        None => Source::File(at.name("file_id").text(id)?),
    };
    Ok(Content::Image { source, detail: at.name("detail").optional_text(detail)? })
}

fn file<'b>(at: At<'_>, part: Item<'b>) -> Result<Content<'b>, Fault> {
    let [data, url, id, name] = at.fields(Some(part), ["file_data", "file_url", "file_id", "filename"])?;
    let data = at.name("file_data").optional_text(data)?.map(Quoted::with_plain_slashes);
    let source = match (data, at.name("file_url").optional_text(url)?) {
        (Some(data), _) => media::document(data),
        (None, Some(url)) => Source::Url(url),
        (None, None) => Source::File(at.name("file_id").text(id)?),
    };
    Ok(Content::Document { source, name: at.name("filename").optional_text(name)? })
}

fn audio<'b>(at: At<'_>, audio: Option<Item<'b>>) -> Result<Content<'b>, Fault> {
    let [data, format] = at.fields(audio, ["data", "format"])?;
    Ok(Content::Audio { data: at.name("data").text(data)?, format: at.name("format").text(format)? })
}
