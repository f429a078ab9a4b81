//! Whether a model of `OpenAI`'s can be held to a schema: its servers refuse to try with one that leaves anything open.

use crate::traffic::dialect::json::{Item, Kind};
use std::collections::HashSet;

/// Members that such a schema must not have.
const OPEN: [&str; 9] = [
    "oneOf",
    "allOf",
    "not",
    "if",
    "patternProperties",
    "propertyNames",
    "dependentRequired",
    "dependentSchemas",
    "unevaluatedProperties",
];

/// Whether what a tool says of being held to its input's schema can be said to such a provider.
pub fn can_be_held(strict: &Item<'_>, schema: Option<Item<'_>>) -> bool {
    strict.flag() != Some(true) || schema.is_some_and(is_closed)
}

/// Whether all objects in a schema have the properties that they are told to have, and no others.
pub fn is_closed(schema: Item<'_>) -> bool {
    match schema.kind() {
        Kind::Object => object(schema),
        Kind::Array => schema.elements().all(is_closed),
        Kind::Null | Kind::True | Kind::False | Kind::Number | Kind::Text => true,
    }
}

fn object(schema: Item<'_>) -> bool {
    let is_object = schema.text_at("type").is_some_and(|kind| kind.is("object"));
    if (is_object || schema.get("properties").is_some()) && !requires_all(schema) {
        return false;
    }
    schema.members().all(|(name, value)| match &*name.unescaped() {
        b"properties" | b"$defs" | b"definitions" => value.members().all(|(_, schema)| is_closed(schema)),
        // What stands in these are values, not schemas.
        b"enum" | b"const" | b"default" | b"examples" | b"required" => true,
        name => !OPEN.iter().any(|open| open.as_bytes() == name) && is_closed(value),
    })
}

/// Whether an object has all of its properties, and no others.
fn requires_all(schema: Item<'_>) -> bool {
    let closed = schema.get("additionalProperties").is_some_and(|more| more.flag() == Some(false));
    let required = schema.get("required").into_iter().flat_map(|names| names.elements());
    let required: HashSet<_> =
        required.filter_map(|name| Some(name.text()?.unescaped().into_owned())).collect();
    let properties = schema.get("properties").into_iter().flat_map(|all| all.members());
    closed && properties.into_iter().all(|(name, _)| required.contains(&*name.unescaped()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::traffic::dialect::json::Tree;

    /// One optional property, one open object, or one alternative, wherever it stands, leaves a schema open.
    #[test]
    fn what_is_open_is_found() {
        let inner = |inner: &str| {
            format!(
                r#"{{"type":"object","properties":{{"required":{inner}}},"required":["required"],"additionalProperties":false}}"#
            )
        };
        for (schema, closed) in [
            (inner(r#"{"type":"string","enum":["a"],"default":{"type":"object"}}"#), true),
            (inner(r#"{"anyOf":[{"type":"null"},{"$ref":"x"}]}"#), true),
            (inner(&inner("{}")), true),
            (inner(r#"{"type":"object"}"#), false),
            (inner(r#"{"oneOf":[{"type":"null"}]}"#), false),
            (
                inner(r#"{"type":"array","items":{"properties":{"a":{}},"additionalProperties":false}}"#),
                false,
            ),
            (r#"{"type":"object","additionalProperties":false}"#.to_owned(), true),
            (r#"{"type":"string"}"#.to_owned(), true),
        ] {
            let mut tree = Tree::default();
            assert_eq!(is_closed(tree.parse(schema.as_bytes()).expect("valid").root()), closed, "{schema}");
        }
    }
}
