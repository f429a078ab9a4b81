//! JSON schemas as this provider takes them.
//!
//! Structured output knows a part of JSON Schema only: objects are closed, `oneOf` is `anyOf`, and bounds of numbers and
//! texts are not enforced. What it does not know goes into the description, where the model reads it.
//!
//! Invariant: members keep their order, so equal schemas stay equal bytes.

use crate::traffic::dialect::json::{Item, Kind, Quoted, Writer};

/// Members that are bounds of values, which the provider refuses.
const BOUNDS: [&str; 14] = [
    "minimum",
    "maximum",
    "exclusiveMinimum",
    "exclusiveMaximum",
    "multipleOf",
    "minLength",
    "maxLength",
    "pattern",
    "minItems",
    "maxItems",
    "uniqueItems",
    "minProperties",
    "maxProperties",
    "contains",
];

/// The schema of a tool's input: any schema, but an object's.
pub fn input(schema: Option<Item<'_>>, out: &mut Writer<'_>) {
    let Some(schema) = schema.filter(Item::is_object) else {
        out.raw(b"{\"type\":\"object\",\"properties\":{}}");
        return;
    };
    let object = schema.text_at("type").is_some_and(|kind| kind.is("object"));
    let null_properties = schema.get("properties").is_some_and(|properties| properties.is_null());
    if object && !null_properties {
        out.item(&schema);
        return;
    }
    out.open("{").key("type").text("object");
    for (name, value) in schema.members().filter(|(name, _)| !name.is("type")) {
        out.quoted(&name).close(":");
        if name.is("properties") && value.is_null() {
            out.raw(b"{}")
        } else {
            out.item(&value)
        };
    }
    out.close("}");
}

/// The schema of a structured answer.
pub fn output(schema: Item<'_>, out: &mut Writer<'_>) {
    match schema.kind() {
        Kind::Object => object(schema, out),
        Kind::Array => {
            out.open("[");
            schema.elements().for_each(|element| output(element, out));
            out.close("]");
        }
        Kind::Null | Kind::True | Kind::False | Kind::Number | Kind::Text => {
            out.item(&schema);
        }
    }
}

fn object(schema: Item<'_>, out: &mut Writer<'_>) {
    out.open("{");
    let mut described = false;
    for (name, value) in schema.members() {
        match &*name.unescaped() {
            bound if is_bound(bound) => {}
            b"additionalProperties" => {}
            b"oneOf" => output(value, out.key("anyOf")),
            b"description" => {
                described = true;
                description(&schema, value.text(), out);
            }
            b"properties" | b"$defs" | b"definitions" => named(value, &name, out),
            // What stands in these are values, not schemas.
            b"enum" | b"const" | b"default" | b"examples" | b"required" => {
                out.quoted(&name).close(":");
                out.item(&value);
            }
            _ => {
                out.quoted(&name).close(":");
                output(value, out);
            }
        }
    }
    if !described {
        description(&schema, None, out);
    }
    let is_object = schema.text_at("type").is_some_and(|kind| kind.is("object"));
    if is_object || schema.get("properties").is_some() {
        out.key("additionalProperties").flag(false);
    }
    out.close("}");
}

/// Schemas by names of the schema's author, which may be any.
fn named(value: Item<'_>, name: &Quoted<'_>, out: &mut Writer<'_>) {
    out.quoted(name).close(":");
    if !value.is_object() {
        out.raw(b"{}");
        return;
    }
    out.open("{");
    for (name, schema) in value.members() {
        out.quoted(&name).close(":");
        output(schema, out);
    }
    out.close("}");
}

fn is_bound(name: &[u8]) -> bool {
    BOUNDS.iter().any(|bound| bound.as_bytes() == name)
}

/// The description, and the bounds that the provider does not take.
fn description(schema: &Item<'_>, given: Option<Quoted<'_>>, out: &mut Writer<'_>) {
    let mut bounds = schema.members().filter(|(name, _)| is_bound(&name.unescaped())).peekable();
    if bounds.peek().is_none() {
        if let Some(given) = given {
            out.key("description").quoted(&given);
        }
        return;
    }
    let mut text = given.map(|given| given.unescaped().into_owned()).unwrap_or_default();
    for (name, value) in bounds {
        if !text.is_empty() {
            text.push(b' ');
        }
        text.extend_from_slice(b"(");
        text.extend_from_slice(name.as_written());
        text.extend_from_slice(b": ");
        text.extend_from_slice(value.raw());
        text.extend_from_slice(b")");
    }
    out.key("description").source(&text);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::traffic::dialect::json::Tree;

    fn written(text: &str, write: impl Fn(Item<'_>, &mut Writer<'_>)) -> String {
        let (mut tree, mut out) = (Tree::default(), vec![]);
        write(tree.parse(text.as_bytes()).expect("valid"), &mut Writer(&mut out));
        String::from_utf8(out).expect("text")
    }

    /// Structured output closes objects, renames what it must, and tells bounds in words; names of properties that look
    /// like keywords stay.
    #[test]
    fn schemas_are_lowered() {
        let schema = r#"{"type":"object","properties":{"pattern":{"type":"string","maxLength":5,"description":"a \"p\""},"n":{"oneOf":[{"type":"integer","minimum":1},{"type":"null"}]},"e":{"enum":[{"minimum":1}]}},"required":["pattern"],"additionalProperties":true}"#;
        let lowered = r#"{"type":"object","properties":{"pattern":{"type":"string","description":"a \"p\" (maxLength: 5)"},"n":{"anyOf":[{"type":"integer","description":"(minimum: 1)"},{"type":"null"}]},"e":{"enum":[{"minimum":1}]}},"required":["pattern"],"additionalProperties":false}"#;
        assert_eq!(written(schema, output), lowered);
    }

    /// A tool's input is an object's schema, whatever the client sent.
    #[test]
    fn inputs_are_objects() {
        let input = |item: Item<'_>, out: &mut Writer<'_>| input(Some(item), out);
        let good = r#"{"type":"object","properties":{"a":{"minimum":1}}}"#;
        assert_eq!(written(good, input), good);
        assert_eq!(written("{}", input), r#"{"type":"object"}"#);
        let odd = r#"{"type":null,"properties":null,"x":1}"#;
        assert_eq!(written(odd, input), r#"{"type":"object","properties":{},"x":1}"#);
        assert_eq!(written("null", input), r#"{"type":"object","properties":{}}"#);
    }
}
