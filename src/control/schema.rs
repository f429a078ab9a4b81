//! The configuration as a JSON schema, for editors.
//!
//! Takes the table of keys that the compiler checks by; gives JSON. `config/schema.json` is this, written down.
//!
//! Invariant: what the schema allows and what the compiler knows are the same keys.
//! Source: <https://json-schema.org/draft/2020-12/schema>

use crate::control::config::{Field, Kind, Presence, ROOT};
use serde_json::{Map, Value, json};

/// The schema of a configuration file.
pub fn json_schema() -> Value {
    let mut schema = of(&ROOT);
    schema["$schema"] = json!("https://json-schema.org/draft/2020-12/schema");
    schema["title"] = json!("Ringgate configuration");
    schema["$defs"] = json!({"variable": {
        "description": "The value of an environment variable.",
        "type": "string",
        "pattern": r"^\$\{[A-Za-z0-9_]+\}$",
    }});
    schema
}

fn of(kind: &Kind) -> Value {
    match kind {
        Kind::Flag => or_variable(&json!({"type": "boolean"})),
        Kind::Whole { least, most: u64::MAX } => or_variable(&json!({"type": "integer", "minimum": least})),
        Kind::Whole { least, most } => {
            or_variable(&json!({"type": "integer", "minimum": least, "maximum": most}))
        }
        Kind::Number { least, most } => {
            or_variable(&json!({"type": "number", "minimum": least, "maximum": most}))
        }
        Kind::Text | Kind::Address | Kind::Secret | Kind::File => json!({"type": "string", "minLength": 1}),
        Kind::Choice(names) => or_variable(&json!({"enum": names})),
        Kind::Section(fields) => section(fields),
        Kind::Named(inner) => json!({"type": "object", "additionalProperties": of(inner)}),
        Kind::List(inner) => json!({"type": "array", "items": of(inner)}),
        Kind::Either(one, other) => json!({"anyOf": [of(one), of(other)]}),
    }
}

fn or_variable(schema: &Value) -> Value {
    json!({"anyOf": [schema, {"$ref": "#/$defs/variable"}]})
}

fn section(fields: &[Field]) -> Value {
    let properties: Map<String, Value> =
        fields.iter().map(|field| (field.name.into(), property(field))).collect();
    let required: Vec<_> =
        fields.iter().filter(|field| field.presence == Presence::Required).map(|field| field.name).collect();
    json!({"type": "object", "additionalProperties": false, "properties": properties, "required": required})
}

fn property(field: &Field) -> Value {
    let mut property = of(&field.kind);
    property["description"] = json!(field.about);
    if let Presence::Default(default) = field.presence
        && !default.is_empty()
    {
        property["default"] = serde_json::from_str(default).unwrap_or_else(|_| json!(default));
    }
    property
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The schema in `config` is the one that the compiler's table gives; `UPDATE_GOLDEN=1` writes it anew.
    #[test]
    fn the_written_schema_is_current() {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/config/schema.json");
        let text = serde_json::to_string_pretty(&json_schema()).expect("JSON") + "\n";
        if std::env::var_os("UPDATE_GOLDEN").is_some() {
            std::fs::write(path, &text).expect("the file is writable");
        }
        assert_eq!(std::fs::read_to_string(path).expect("the schema"), text);
    }

    /// Defaults have the type of their key.
    #[test]
    fn defaults_are_typed() {
        let schema = json_schema();
        assert_eq!(schema["properties"]["drain_timeout_ms"]["default"], json!(30_000));
        assert_eq!(schema["properties"]["io"]["default"], json!("auto"));
        assert_eq!(schema["properties"]["listen"]["default"], json!(["127.0.0.1:8080"]));
        assert_eq!(schema["required"], json!(["providers", "models"]));
    }
}
