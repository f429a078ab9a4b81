//! Models that a body names beside its `model`, where a provider lets a request choose more than one: to fall back on
//! (`models`, `fallbacks`), to ask for advice, to judge. Access by model holds for those too.
//!
//! Takes the values in which such names can stand, in the spans that a scan of the body noted; gives the names.
//!
//! Invariant: a text that a provider could take for the name of a model is among what is given, or all is refused.
//! What is said to a model, and what describes a client's own functions, names none.
//! Source: the references of `OpenRouter` (`models`, `plugins`, `openrouter:advisor`), Anthropic (`fallbacks`, the advisor
//! tool), Perplexity (`models`), Groq (`compound_custom`), Together (`safety_model`), Vercel (`providerOptions`).

use super::json::{Item, Kind, Tree};
use std::ops::Range;

/// Names that are looked at in one request at most, and places of such.
pub const NAMES: usize = 16;

/// Members of the root that hold names somewhere within.
const HOLDERS: [&[u8]; 3] = [b"plugins", b"providerOptions", b"compound_custom"];

/// A value of a body in which models are named, or may be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    pub span: Range<u64>,
    pub named: Named,
}

/// Where in a value names stand.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Named {
    /// It is one, or a list of them.
    Here,
    /// In members of it.
    Within,
}

/// Why it is not told which models are named.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unclear {
    /// More than [`NAMES`].
    TooMany,
    /// An entry of a list that says it in a way that is not known here.
    Shape,
}

/// Whether a member of this name says which model is meant, or which ones.
#[inline]
pub fn is_name(member: &[u8]) -> bool {
    // Most names end in another letter.
    match member.last() {
        Some(b'l' | b'L') => ends(member, b"model"),
        // What narrows a choice names nothing that could not be had without it.
        Some(b's' | b'S') => ends(member, b"models") && !member.eq_ignore_ascii_case(b"allowed_models"),
        _ => false,
    }
}

fn ends(member: &[u8], end: &[u8]) -> bool {
    member.len().checked_sub(end.len()).is_some_and(|at| member[at..].eq_ignore_ascii_case(end))
}

/// Where names stand in the value of a member of the root; `model` and `tools` are not among these.
#[inline]
pub fn of_root(member: &[u8]) -> Option<Named> {
    // Some servers' JSON libraries do not mind the case.
    let is = |name: &[u8]| member.eq_ignore_ascii_case(name);
    if is_name(member) || is(b"fallbacks") {
        Some(Named::Here)
    } else if HOLDERS.into_iter().any(is) {
        Some(Named::Within)
    } else {
        None
    }
}

/// Adds the names that stand in one value to `names`.
///
/// # Errors
/// They cannot be told.
pub fn names(text: &[u8], named: Named, names: &mut Vec<String>) -> Result<(), Unclear> {
    let mut tree = Tree::default();
    let page = tree.parse(text).map_err(|_| Unclear::Shape)?;
    gather(page.root(), named == Named::Here, names)
}

fn gather(item: Item<'_>, counts: bool, names: &mut Vec<String>) -> Result<(), Unclear> {
    match item.kind() {
        Kind::Text if counts => {
            let name = item.text().map(|text| text.unescaped().into_owned()).unwrap_or_default();
            let name = String::from_utf8_lossy(&name).into_owned();
            if !names.contains(&name) {
                names.push(name);
            }
            if names.len() > NAMES { Err(Unclear::TooMany) } else { Ok(()) }
        }
        Kind::Array => item.elements().try_for_each(|one| gather(one, counts, names)),
        Kind::Object => {
            let mut told = false;
            for (member, value) in item.entries() {
                let counts = is_name(&member);
                told |= counts;
                if !is_said(&member, item) {
                    gather(value, counts, names)?;
                }
            }
            if counts && !told { Err(Unclear::Shape) } else { Ok(()) }
        }
        Kind::Null | Kind::True | Kind::False | Kind::Number | Kind::Text => Ok(()),
    }
}

/// Whether a member holds what is said to a model, or describes a function of the client's own.
fn is_said(member: &[u8], of: Item<'_>) -> bool {
    match member {
        b"messages" | b"input_schema" | b"input_examples" | b"function" => true,
        // A server's own tools have their settings by the name that a function's description has.
        b"parameters" => !of.members().any(|(name, kind)| name.is("type") && !is_function(kind)),
        _ => false,
    }
}

fn is_function(kind: Item<'_>) -> bool {
    kind.text().is_some_and(|kind| kind.is("function"))
}

#[cfg(test)]
mod tests {
    use super::Named::{Here, Within};
    use super::*;

    fn named(text: &str, stand: Named) -> Result<Vec<String>, Unclear> {
        let mut found = vec![];
        names(text.as_bytes(), stand, &mut found).map(|()| found)
    }

    /// Names are found in every shape in which providers take them, however they are escaped, each once.
    #[test]
    fn shapes() {
        for (text, stand, expected) in [
            (r#"["a","b/c","a"]"#, Here, &["a", "b/c"][..]),
            (r#""a""#, Here, &["a"]),
            (r#"["\u0061\/b"]"#, Here, &["a/b"]),
            (r#"["\ud800"]"#, Here, &["\u{FFFD}"]),
            (
                r#"[{"model":"a","messages":[{"content":"b","model":"c"}],"max_tokens":1},"d"]"#,
                Here,
                &["a", "d"],
            ),
            (r#"[{"mod\u0065l":["a"]}]"#, Here, &["a"]),
            (
                r#"{"models":{"answering_model":"a","reasoning_model":"b"},"tools":["c"]}"#,
                Within,
                &["a", "b"],
            ),
            (r#"[{"id":"fusion","model":"a","analysis_models":["b","c"]}]"#, Within, &["a", "b", "c"]),
            (r#"[{"id":"auto-router","allowed_models":["a/*"]}]"#, Within, &[]),
            (r#"{"gateway":{"order":["x"],"models":["a"]}}"#, Within, &["a"]),
            (r#"[{"type":"advisor_20260301","name":"advisor","model":"a"}]"#, Within, &["a"]),
            (
                r#"[{"type":"openrouter:advisor","parameters":{"model":"a","tools":[{"type":"x:y","parameters":{"model":"b"}}]}}]"#,
                Within,
                &["a", "b"],
            ),
            (
                r#"[{"type":"function","name":"f","parameters":{"model":"no","properties":{"model":{"default":"no"}}}},
                    {"type":"function","function":{"parameters":{"model":"no"}}},
                    {"name":"g","input_schema":{"model":"no"},"input_examples":[{"model":"no"}]}]"#,
                Within,
                &[],
            ),
            (r#"[{"type":"function","type":"x","parameters":{"model":"a"}}]"#, Within, &["a"]),
            (r#"{"x_model":null}"#, Within, &[]),
            ("null", Here, &[]),
            ("[]", Here, &[]),
        ] {
            assert_eq!(named(text, stand), Ok(expected.iter().map(ToString::to_string).collect()), "{text}");
        }
    }

    /// What says it otherwise, or says too much, is not taken for nothing.
    #[test]
    fn unclear() {
        assert_eq!(named(r#"[{"a":["b"]}]"#, Here), Err(Unclear::Shape));
        assert_eq!(named("[{}]", Here), Err(Unclear::Shape));
        assert_eq!(named(r#"{"model":{"type":"string"}}"#, Within), Err(Unclear::Shape));
        let many = |count: usize| {
            format!("[{}]", (0..count).map(|i| format!("\"{i}\"")).collect::<Vec<_>>().join(","))
        };
        assert_eq!(named(&many(NAMES), Here).map(|names| names.len()), Ok(NAMES));
        assert_eq!(named(&many(NAMES + 1), Here), Err(Unclear::TooMany));
    }

    #[test]
    fn members() {
        for member in
            ["models", "Models", "safety_model", "fallback_models", "fallbacks", "FallBacks", "MODEL"]
        {
            assert_eq!(of_root(member.as_bytes()), Some(Here), "{member}");
        }
        for member in ["plugins", "Plugins", "provideroptions", "compound_custom"] {
            assert_eq!(of_root(member.as_bytes()), Some(Within), "{member}");
        }
        for member in ["messages", "mode", "modelx", "", "allowed_models", "odels"] {
            assert_eq!(of_root(member.as_bytes()), None, "{member}");
        }
    }
}
