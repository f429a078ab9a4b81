//! Google's requests for embeddings name the model in the body, too, once for each text: it is the one of the URL, or the
//! provider refuses.
//!
//! Invariant: nothing of a body changes but these names.

use crate::traffic::dialect::ScanError;
use crate::traffic::dialect::json::{self, Item, Tree};
use std::ops::Range;

/// Writes the body with the provider's name for the model in place of the client's.
///
/// # Errors
/// It names another model than the URL does, or a name that is none.
pub fn renamed(body: &[u8], asked: &str, name: &str, out: &mut Vec<u8>) -> Result<(), ScanError> {
    let mut tree = Tree::default();
    let page = tree.parse(body).map_err(ScanError::Json)?;
    let root = page.root();
    if name.is_empty() || name.chars().any(char::is_control) {
        return Err(ScanError::InvalidModel);
    }
    let mut done = 0;
    let mut put = |(span, folder): (Range<usize>, String)| {
        out.extend_from_slice(&body[done..span.start]);
        out.push(b'"');
        json::escape(&folder, |piece| out.extend_from_slice(piece));
        json::escape(name, |piece| out.extend_from_slice(piece));
        out.push(b'"');
        done = span.end;
    };
    for (key, value) in root.members() {
        if key.is("model") {
            put(place(&value, asked)?);
        } else if key.is("requests") {
            let models = value.elements().flat_map(|one| one.members()).filter(|(key, _)| key.is("model"));
            for (_, model) in models {
                put(place(&model, asked)?);
            }
        }
    }
    out.extend_from_slice(&body[done..]);
    Ok(())
}

/// Where a name stands, and what stands before it in that text, as in `models/NAME`.
fn place(model: &Item<'_>, asked: &str) -> Result<(Range<usize>, String), ScanError> {
    let text = model.text().ok_or(ScanError::InvalidModel)?.unescaped().into_owned();
    let text = String::from_utf8(text).map_err(|_| ScanError::InvalidModel)?;
    let folder = text.strip_suffix(asked).ok_or(ScanError::OtherModel)?;
    if !folder.is_empty() && !folder.ends_with("models/") {
        return Err(ScanError::OtherModel);
    }
    let start = model.offset() as usize;
    Ok((start..start + model.raw().len(), folder.to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(body: &str, asked: &str, name: &str) -> Result<String, ScanError> {
        let mut out = vec![];
        renamed(body.as_bytes(), asked, name, &mut out)?;
        Ok(String::from_utf8(out).expect("text"))
    }

    /// Every name is the provider's, and every other byte is the client's.
    #[test]
    fn names_are_replaced() {
        let body = |first: &str, second: &str| {
            format!(
                r#"{{ "requests" : [ {{"model": "{first}", "content":{{"parts":[{{"text":"model","model":"x"}}]}}, "n":1.10}},{{"content":{{}}, "model" :"{second}"}} ] }}{}"#,
                "\n"
            )
        };
        let made = written(&body("models/g/e", r"models\/g\u002fe"), "g/e", "embed\"x");
        assert_eq!(made, Ok(body(r#"models/embed\"x"#, r#"models/embed\"x"#)));
        let one = r#"{"model":"publishers/google/models/e","content":{"parts":[]}}"#;
        assert_eq!(written(one, "e", "f"), Ok(one.replace("models/e", "models/f")));
        assert_eq!(
            written(r#"{"content":{"model":"x"}}"#, "e", "f"),
            Ok(r#"{"content":{"model":"x"}}"#.into())
        );
    }

    /// One that is not the URL's would be a way around what the caller may ask.
    #[test]
    fn other_names_are_refused() {
        for body in [
            r#"{"model":"other"}"#,
            r#"{"requests":[{"model":"models/e"},{"model":"models/other"}]}"#,
            r#"{"requests":[{"model":"models/xe"}]}"#,
            r#"{"requests":[{"model":"models/e","model":"models/other"}]}"#,
        ] {
            assert_eq!(written(body, "e", "f"), Err(ScanError::OtherModel), "{body}");
        }
        assert_eq!(written(r#"{"requests":[{"model":7}]}"#, "e", "f"), Err(ScanError::InvalidModel));
        assert_eq!(written(r#"{"model":"e"}"#, "e", "\n"), Err(ScanError::InvalidModel));
    }
}
