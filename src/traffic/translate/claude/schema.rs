//! JSON schemas of answers as this provider takes them.
//!
//! Structured output knows a part of JSON Schema only: objects are closed, `oneOf` is `anyOf`, and bounds of numbers and
//! texts are not enforced. What it does not know goes into the description, where the model reads it.
//!
//! Invariant: members keep their order, so equal schemas stay equal bytes.

use crate::traffic::dialect::json::{Item, Kind, Quoted, Writer};

/// Members that the provider refuses: bounds of values, and what is told of them beside their types.
const BOUNDS: [&str; 25] = [
    "minimum",
    "maximum",
    "exclusiveMinimum",
    "exclusiveMaximum",
    "multipleOf",
    "minLength",
    "maxLength",
    "pattern",
    "maxItems",
    "uniqueItems",
    "minProperties",
    "maxProperties",
    "contains",
    "minContains",
    "maxContains",
    "prefixItems",
    "not",
    "if",
    "then",
    "else",
    "patternProperties",
    "propertyNames",
    "dependentRequired",
    "dependentSchemas",
    "unevaluatedProperties",
];

/// Formats of texts that the provider knows.
const FORMATS: [&str; 10] =
    ["date-time", "time", "date", "duration", "email", "hostname", "uri", "ipv4", "ipv6", "uuid"];

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
            name if is_refused(name, value) => {}
            b"additionalProperties" => {}
            // Beside a reference nothing may stand.
            b"$ref" if described_otherwise(schema) => {
                out.key("anyOf").open("[{").key("$ref").item(&value).close("}]");
            }
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

/// Whether a schema says more than where it is to be found.
fn described_otherwise(schema: Item<'_>) -> bool {
    const PLACES: [&str; 3] = ["$ref", "$defs", "definitions"];
    schema.get("anyOf").is_none() && schema.members().any(|(name, _)| !is_one_of(&PLACES, &name.unescaped()))
}

/// Whether a member is refused by the provider.
fn is_refused(name: &[u8], value: Item<'_>) -> bool {
    match name {
        b"minItems" => value.count().is_none_or(|count| count > 1),
        b"format" => !value.text().is_some_and(|format| FORMATS.iter().any(|known| format.is(known))),
        name => is_one_of(&BOUNDS, name),
    }
}

pub fn is_one_of(names: &[&str], name: &[u8]) -> bool {
    names.iter().any(|known| known.as_bytes() == name)
}

/// Tells a member in words.
pub fn tell(name: &[u8], value: Item<'_>, text: &mut Vec<u8>) {
    if !text.is_empty() {
        text.push(b' ');
    }
    text.push(b'(');
    text.extend_from_slice(name);
    text.extend_from_slice(b": ");
    text.extend_from_slice(value.raw());
    text.push(b')');
}

/// The description, and the bounds that the provider does not take.
fn description(schema: &Item<'_>, given: Option<Quoted<'_>>, out: &mut Writer<'_>) {
    let mut bounds =
        schema.members().filter(|(name, value)| is_refused(&name.unescaped(), *value)).peekable();
    if bounds.peek().is_none() {
        if let Some(given) = given {
            out.key("description").quoted(&given);
        }
        return;
    }
    let mut text = given.map(|given| given.unescaped().into_owned()).unwrap_or_default();
    for (name, value) in bounds {
        tell(name.as_written(), value, &mut text);
    }
    out.key("description").source(&text);
}

#[cfg(test)]
mod tests {
    use super::super::written;
    use super::*;

    /// Structured output closes objects, renames what it must, and tells bounds in words; names of properties that look
    /// like keywords stay.
    #[test]
    fn schemas_are_lowered() {
        let schema = r#"{"type":"object","properties":{"pattern":{"type":"string","maxLength":5,"description":"a \"p\""},"n":{"oneOf":[{"type":"integer","minimum":1},{"type":"null"}]},"e":{"enum":[{"minimum":1}]}},"required":["pattern"],"additionalProperties":true}"#;
        let lowered = r#"{"type":"object","properties":{"pattern":{"type":"string","description":"a \"p\" (maxLength: 5)"},"n":{"anyOf":[{"type":"integer","description":"(minimum: 1)"},{"type":"null"}]},"e":{"enum":[{"minimum":1}]}},"required":["pattern"],"additionalProperties":false}"#;
        assert_eq!(written(schema, output), lowered);
    }

    /// What the provider does not know of values is told in words, and beside a reference nothing stands.
    #[test]
    fn unknown_members_are_told() {
        for (schema, lowered) in [
            (r#"{"type":"string","format":"uuid"}"#, r#"{"type":"string","format":"uuid"}"#),
            (
                r#"{"type":"string","format":"password"}"#,
                r#"{"type":"string","description":"(format: \"password\")"}"#,
            ),
            (r#"{"type":"array","minItems":1}"#, r#"{"type":"array","minItems":1}"#),
            (r#"{"type":"array","minItems":2}"#, r#"{"type":"array","description":"(minItems: 2)"}"#),
            (r#"{"not":{"type":"null"}}"#, r#"{"description":"(not: {\"type\":\"null\"})"}"#),
            (
                r##"{"$ref":"#/$defs/x","description":"d"}"##,
                r##"{"anyOf":[{"$ref":"#/$defs/x"}],"description":"d"}"##,
            ),
            (r##"{"$ref":"#/$defs/x","$defs":{"x":{}}}"##, r##"{"$ref":"#/$defs/x","$defs":{"x":{}}}"##),
        ] {
            assert_eq!(written(schema, output), lowered);
        }
    }
}
