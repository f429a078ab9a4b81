//! JSON schemas of tools' inputs as this provider takes them: of any kind, but an object's, and without alternatives at
//! the top.
//!
//! Invariant: members keep their order, so equal schemas stay equal bytes.

use super::schema::{is_one_of, output, tell};
use crate::traffic::dialect::json::{Item, Writer};
use std::collections::HashSet;

/// Members of which there may be none at the top of a tool's input.
const CHOICES: [&str; 3] = ["anyOf", "oneOf", "allOf"];

/// The schema of a tool's input: any schema, but an object's. `strict`: the model is held to it, and so it is one of the
/// closed kind.
pub fn input_of(schema: Option<Item<'_>>, strict: Option<Item<'_>>, out: &mut Writer<'_>) {
    match schema.filter(|schema| is_object(*schema)) {
        Some(schema) if strict.is_some_and(|strict| strict.flag() == Some(true)) => output(schema, out),
        _ => input(schema, out),
    }
}

/// The same of one that the model is not held to.
pub fn input(schema: Option<Item<'_>>, out: &mut Writer<'_>) {
    let Some(schema) = schema.filter(Item::is_object) else {
        out.raw(b"{\"type\":\"object\",\"properties\":{}}");
        return;
    };
    let null_properties = schema.get("properties").is_some_and(|properties| properties.is_null());
    let chooses = CHOICES.iter().any(|name| schema.get(name).is_some());
    if is_object(schema) && !null_properties && !chooses {
        out.item(&schema);
        return;
    }
    out.open("{").key("type").word("object");
    if chooses {
        properties_of_all(schema, out);
    }
    for (name, value) in schema.members().filter(|(name, _)| !name.is("type")) {
        match &*name.unescaped() {
            b"properties" | b"description" if chooses => {}
            b"properties" if value.is_null() => _ = out.key("properties").raw(b"{}"),
            member if is_one_of(&CHOICES, member) => {}
            _ => _ = out.quoted(&name).close(":").item(&value),
        }
    }
    if chooses {
        choices_in_words(schema, out);
    }
    out.close("}");
}

fn is_object(schema: Item<'_>) -> bool {
    schema.text_at("type").is_some_and(|kind| kind.is("object"))
}

/// The properties of an object and of all of its alternatives, since one level up there may be none.
fn properties_of_all(schema: Item<'_>, out: &mut Writer<'_>) {
    let alternatives = CHOICES.iter().filter_map(|name| schema.get(name)).flat_map(|all| all.elements());
    let mut written = HashSet::new();
    out.key("properties").open("{");
    for one in std::iter::once(schema).chain(alternatives) {
        for (name, value) in one.get("properties").into_iter().flat_map(|all| all.members()) {
            if written.insert(name.unescaped().into_owned()) {
                out.quoted(&name).close(":").item(&value);
            }
        }
    }
    out.close("}");
}

/// The alternatives themselves, in the description.
fn choices_in_words(schema: Item<'_>, out: &mut Writer<'_>) {
    let given = schema.text_at("description");
    let mut text = given.map(|given| given.unescaped().into_owned()).unwrap_or_default();
    for name in CHOICES {
        if let Some(value) = schema.get(name) {
            tell(name.as_bytes(), value, &mut text);
        }
    }
    out.key("description").source(&text);
}

#[cfg(test)]
mod tests {
    use super::super::written;
    use super::*;
    use crate::traffic::dialect::json::Tree;

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

    /// Alternatives at the top become one object with the properties of all, and are told in words.
    #[test]
    fn alternatives_are_one_object() {
        let input = |item: Item<'_>, out: &mut Writer<'_>| input(Some(item), out);
        let either = r#"{"description":"d","oneOf":[{"properties":{"a":{"type":"string"}},"required":["a"]},{"properties":{"a":{},"b":{"minimum":1}}}],"$defs":{"x":{}}}"#;
        let one = r#"{"type":"object","properties":{"a":{"type":"string"},"b":{"minimum":1}},"$defs":{"x":{}},"description":"d (oneOf: [{\"properties\":{\"a\":{\"type\":\"string\"}},\"required\":[\"a\"]},{\"properties\":{\"a\":{},\"b\":{\"minimum\":1}}}])"}"#;
        assert_eq!(written(either, input), one);
    }

    /// What a model is to be held to is of the closed kind; what it is not held to stays as it is.
    #[test]
    fn strict_inputs_are_closed() {
        let schema = r#"{"type":"object","properties":{"a":{"type":"string","maxLength":3}}}"#;
        let strict = |held: &'static str| {
            move |item: Item<'_>, out: &mut Writer<'_>| {
                let mut tree = Tree::default();
                input_of(Some(item), Some(tree.parse(held.as_bytes()).expect("valid").root()), out);
            }
        };
        let closed = r#"{"type":"object","properties":{"a":{"type":"string","description":"(maxLength: 3)"}},"additionalProperties":false}"#;
        assert_eq!(written(schema, strict("true")), closed);
        assert_eq!(written(schema, strict("false")), schema);
    }
}
