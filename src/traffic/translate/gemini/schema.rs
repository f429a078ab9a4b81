//! Schemas as clients of this dialect write them, as JSON schemas.
//!
//! This API has two ways to write a schema. `parameters` and `responseSchema` are its own: types in capitals, `nullable`,
//! counts as texts. `parametersJsonSchema` and `responseJsonSchema` are JSON schemas. The first are made into the second
//! before a request is read; a provider is given the second, as the client wrote them.
//!
//! Invariant: members keep their order, so equal schemas stay equal bytes.

use super::member::{camel, get};
use crate::base::fault::Fault;
use crate::traffic::dialect::json::{Item, Kind, Quoted, Writer};
use crate::traffic::translate::shape::At;

/// Members that other formats do not know, or that are told otherwise.
const DROPPED: [&[u8]; 3] = [b"nullable", b"propertyOrdering", b"example"];
/// Members whose values are counts, which this API also takes as texts.
const COUNTS: [&[u8]; 6] =
    [b"minItems", b"maxItems", b"minLength", b"maxLength", b"minProperties", b"maxProperties"];

/// A body's schemas of this API's own kind as an array of JSON schemas: those of its functions in their order, then
/// that of the answer.
pub fn raised(body: Item<'_>) -> Vec<u8> {
    let mut all = vec![];
    let mut out = Writer(&mut all);
    out.open("[");
    for function in functions(body) {
        if let Some(schema) = own(function) {
            raise(schema, &mut out);
        }
    }
    if let Some(schema) = get(body, "generationConfig").and_then(own_of_answer) {
        raise(schema, &mut out);
    }
    out.close("]");
    all
}

/// The functions of all tools.
fn functions(body: Item<'_>) -> impl Iterator<Item = Item<'_>> {
    let tools = get(body, "tools").and_then(|tools| one_or_all(tools, At::root("tools")).ok());
    let tools = tools.into_iter().flatten();
    let lists = tools.filter_map(|tool| get(tool, "functionDeclarations"));
    lists.flat_map(|list| list.elements())
}

/// The elements of a list, for which this API also takes its one element.
///
/// # Errors
/// It is neither.
pub fn one_or_all<'b>(list: Item<'b>, at: At<'_>) -> Result<impl Iterator<Item = Item<'b>> + use<'b>, Fault> {
    let one = list.is_object().then_some(list);
    let all = if one.is_some() { None } else { Some(at.array(list)?) };
    Ok(one.into_iter().chain(all.into_iter().flatten()))
}

/// A function's schema of this API's own kind, where it has no JSON schema.
pub fn own(function: Item<'_>) -> Option<Item<'_>> {
    get(function, "parameters").filter(|_| get(function, "parametersJsonSchema").is_none())
}

/// The same of the answer.
pub fn own_of_answer(config: Item<'_>) -> Option<Item<'_>> {
    get(config, "responseSchema").filter(|_| get(config, "responseJsonSchema").is_none())
}

/// A schema for a provider. One that is no object says nothing.
pub fn written(schema: Option<Item<'_>>) -> Option<Item<'_>> {
    schema.filter(Item::is_object)
}

fn raise(schema: Item<'_>, out: &mut Writer<'_>) {
    match schema.kind() {
        Kind::Object => object(schema, out),
        Kind::Array => {
            out.open("[");
            schema.elements().for_each(|element| raise(element, out));
            out.close("]");
        }
        Kind::Null | Kind::True | Kind::False | Kind::Number | Kind::Text => {
            out.item(&schema);
        }
    }
}

fn object(schema: Item<'_>, out: &mut Writer<'_>) {
    let nullable = get(schema, "nullable").and_then(|nullable| nullable.flag()) == Some(true);
    out.open("{");
    for (name, value) in schema.members().filter(|(_, value)| !value.is_null()) {
        let name = camel(&name);
        match &*name {
            b"type" => kind(value, nullable, out),
            // A hint to the provider's own reader of schemas.
            b"format" if value.text().is_some_and(|format| format.is("enum")) => {}
            b"properties" | b"defs" => named(&name, value, out),
            // What stands in these are values, not schemas.
            b"enum" | b"default" | b"required" => {
                key(&name, out).item(&value);
            }
            b"ref" => {
                out.key("$ref").item(&value);
            }
            name if COUNTS.contains(&name) => count(value, key(name, out)),
            dropped if DROPPED.contains(&dropped) => {}
            other => raise(value, key(other, out)),
        }
    }
    out.close("}");
}

/// A count, which may be written as a text.
fn count(value: Item<'_>, out: &mut Writer<'_>) {
    let digits = value.text().and_then(|text| std::str::from_utf8(text.as_written()).ok()?.parse().ok());
    match digits {
        Some(count) => out.count(count),
        None => out.item(&value),
    };
}

/// The types by number, as they are written by clients that know them from the API's other encoding.
const NUMBERED: [&str; 8] =
    ["type_unspecified", "string", "number", "integer", "boolean", "array", "object", "null"];

/// A type in small letters, and whether there may be nothing in its place.
fn kind(value: Item<'_>, nullable: bool, out: &mut Writer<'_>) {
    let numbered = value.count().and_then(|number| NUMBERED.get(usize::try_from(number).ok()?));
    let named = value.text().map(|kind| kind.as_written().to_ascii_lowercase());
    let Some(kind) = named.or_else(|| numbered.map(|kind| kind.as_bytes().to_vec())) else {
        out.key("type").item(&value);
        return;
    };
    if kind == b"type_unspecified" {
        return;
    }
    out.key("type");
    if nullable {
        out.open("[").quoted(&Quoted::raw(&kind)).word("null").close("]");
    } else {
        out.quoted(&Quoted::raw(&kind));
    }
}

/// Schemas by names of the schema's author, which may be any.
fn named(name: &[u8], value: Item<'_>, out: &mut Writer<'_>) {
    let name = if name == b"defs" { b"$defs" } else { name };
    key(name, out).open("{");
    for (name, schema) in value.members() {
        out.quoted(&name).close(":");
        raise(schema, out);
    }
    out.close("}");
}

fn key<'w, 'o>(name: &[u8], out: &'w mut Writer<'o>) -> &'w mut Writer<'o> {
    out.source(name).close(":")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::traffic::dialect::json::Tree;

    fn raised_text(body: &str) -> String {
        let mut tree = Tree::default();
        String::from_utf8(raised(tree.parse(body.as_bytes()).expect("valid").root())).expect("text")
    }

    /// Types, spellings, `nullable` and counts are JSON Schema's; names of properties that look like keywords stay.
    #[test]
    fn schemas_are_raised() {
        let body = r##"{"tools":[{"function_declarations":[
            {"name":"f","parameters":{"type":"OBJECT","properties":{"nullable":{"type":"STRING","nullable":true,"format":"enum","enum":["OBJECT",null]},"max_items":{"type":"ARRAY","max_items":"3","items":{"type":"INTEGER","format":"int32"}},"e":{"any_of":[{"type":"NUMBER"},{"ref":"#/defs/x"}]}},"required":["nullable"],"propertyOrdering":["e"]}},
            {"name":"g","parametersJsonSchema":{"type":"object"}},{"name":"h"}]}],
            "generationConfig":{"responseSchema":{"type":"BOOLEAN"}}}"##;
        let raised = r##"[{"type":"object","properties":{"nullable":{"type":["string","null"],"enum":["OBJECT",null]},"max_items":{"type":"array","maxItems":3,"items":{"type":"integer","format":"int32"}},"e":{"anyOf":[{"type":"number"},{"$ref":"#/defs/x"}]}},"required":["nullable"]},{"type":"boolean"}]"##;
        assert_eq!(raised_text(body), raised);
        let body = r#"{"tools":{"functionDeclarations":[{"name":"f","parameters":{"type":6,"properties":{"a":{"type":1}}}}]}}"#;
        assert_eq!(raised_text(body), r#"[{"type":"object","properties":{"a":{"type":"string"}}}]"#);
        assert_eq!(raised_text(r#"{"tools":7,"generationConfig":{"responseSchema":null}}"#), "[]");
    }
}
