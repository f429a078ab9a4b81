//! Google's requests for embeddings as they are understood: of one content, or of a list of such requests.

use super::Wanted;
use super::request_in::{Purpose, Request};
use crate::base::fault::Fault;
use crate::traffic::dialect::json::{Item, Quoted};
use crate::traffic::translate::gemini::member::{camel, get};
use crate::traffic::translate::loss::{Losses, invalid, untranslatable};
use crate::traffic::translate::shape::At;

/// Understands a whole body.
///
/// # Errors
/// It has not the form of this API, or holds what is no text, or requests that differ in more than that.
pub fn read<'b>(body: Item<'b>, losses: &mut Losses) -> Result<Request<'b>, Fault> {
    let mut request = Request {
        wanted: Wanted { of_google: true, listed: get(body, "requests").is_some(), ..Wanted::default() },
        ..Request::default()
    };
    if let Some(instances) = get(body, "instances") {
        predicted(&mut request, body, instances, losses)?;
        return Ok(request);
    }
    let root = At::root("requests");
    match get(body, "requests") {
        None => one(&mut request, body, losses)?,
        Some(requests) => {
            for (index, element) in root.array(requests)?.enumerate() {
                root.index(index).object(element)?;
                one(&mut request, element, losses)?;
            }
        }
    }
    if request.texts.is_empty() {
        return Err(root.wants("at least one request"));
    }
    request.wanted.count = request.texts.len();
    Ok(request)
}

/// The same as Google's cloud has it: texts with what they are for, and numbers for all of them.
fn predicted<'b>(
    request: &mut Request<'b>,
    body: Item<'b>,
    instances: Item<'b>,
    losses: &mut Losses,
) -> Result<(), Fault> {
    let root = At::root("instances");
    for (index, instance) in root.array(instances)?.enumerate() {
        let at = root.index(index);
        at.object(instance)?;
        request.texts.push(at.name("content").text(get(instance, "content"))?);
        request.titles.push(at.name("title").optional_text(get(instance, "title"))?);
        let purpose = get(instance, "taskType").map_or(Ok(None), task)?;
        if index > 0 && purpose != request.purpose {
            return Err(untranslatable(
                "The model's provider takes one `task_type` for all texts of a request.",
            ));
        }
        request.purpose = purpose;
    }
    if request.texts.is_empty() {
        return Err(root.wants("at least one instance"));
    }
    let parameters = get(body, "parameters").into_iter().flat_map(|parameters| parameters.members());
    for (name, value) in parameters.filter(|(_, value)| !value.is_null()) {
        match &*camel(&name) {
            b"outputDimensionality" => {
                request.dimensions = At::root("outputDimensionality").count(Some(value))?;
            }
            // What is too long is refused elsewhere, or cut without a word.
            b"autoTruncate" => losses.hint("autoTruncate"),
            name => losses.foreign_parameter(name),
        }
    }
    request.wanted = Wanted {
        of_google: true,
        predicted: true,
        listed: true,
        count: request.texts.len(),
        ..Wanted::default()
    };
    Ok(())
}

/// Adds one request. What it says beside its text must be what the others say.
fn one<'b>(request: &mut Request<'b>, body: Item<'b>, losses: &mut Losses) -> Result<(), Fault> {
    let first = request.texts.is_empty();
    let (mut purpose, mut dimensions, mut title, mut content) = (None, None, None, None);
    let members = body.members().filter(|(_, value)| !value.is_null());
    // What newer clients write into a part of its own.
    let config = get(body, "embedContentConfig").into_iter().flat_map(|config| config.members());
    for (name, value) in members.chain(config.filter(|(_, value)| !value.is_null())) {
        match &*camel(&name) {
            b"model" | b"embedContentConfig" => {}
            b"content" => content = Some(value),
            b"taskType" => purpose = task(value)?,
            b"title" => title = Some(At::root("title").text(Some(value))?),
            b"outputDimensionality" => dimensions = At::root("outputDimensionality").count(Some(value))?,
            name => losses.foreign_parameter(name),
        }
    }
    let content = content.ok_or_else(|| At::root("content").invalid("is missing."))?;
    request.texts.push(text(content)?);
    request.titles.push(title);
    if first {
        (request.purpose, request.dimensions) = (purpose, dimensions);
    } else if (request.purpose, request.dimensions) != (purpose, dimensions) {
        return Err(untranslatable(
            "The model's provider takes one `taskType` and one `outputDimensionality` for all texts of a request.",
        ));
    }
    Ok(())
}

fn task(value: Item<'_>) -> Result<Option<Purpose>, Fault> {
    let at = At::root("taskType");
    let name = at.text(Some(value))?;
    if name.is("TASK_TYPE_UNSPECIFIED") {
        return Ok(None);
    }
    Purpose::of_google(&name).map(Some).ok_or_else(|| at.wants("a task type such as `RETRIEVAL_QUERY`"))
}

/// The text of a content: of several parts there is one list of numbers.
fn text(content: Item<'_>) -> Result<Quoted<'_>, Fault> {
    let at = At::root("content");
    let at = at.name("parts");
    let parts = get(content, "parts").ok_or_else(|| invalid("`content` has no `parts`."))?;
    let mut texts = vec![];
    for (index, part) in at.array(parts)?.enumerate() {
        at.index(index).object(part)?;
        let text = get(part, "text").ok_or_else(|| {
            untranslatable("The model's provider embeds texts, and no other parts of a content.")
        })?;
        texts.push(at.index(index).name("text").text(Some(text))?);
    }
    match texts.as_slice() {
        [] => Err(at.wants("at least one part")),
        [one] => Ok(one.clone()),
        several => {
            let written: Vec<_> = several.iter().map(Quoted::as_written).collect();
            Ok(Quoted::raw(&written.join(&b"\\n"[..])).into_owned())
        }
    }
}
