//! Thoughts as clients of this dialect keep them: in `encrypted_content`, which they give back as they got it.
//!
//! Nothing is hidden by it: a thought's text is a part of what its provider proved, and has to come back with the proof.
//!
//! Invariant: what was sealed comes back byte for byte, however the client writes its strings in JSON; what somebody
//! else sealed is not taken for it.

use crate::traffic::dialect::json::{Quoted, Tree, Writer};
use crate::traffic::translate::prompt::Content;

/// What the gateway's own begin with: whose it is, and the form of what follows.
const MARK: &[u8] = b"ringgate:1:";

/// What a provider wants back of a thought: insides of JSON strings.
#[derive(Clone, Copy)]
pub enum Sealed<'t> {
    Told { text: &'t [u8], signature: &'t [u8] },
    Hidden { data: &'t [u8] },
}

/// Writes the text that a client is to give back.
pub fn seal(thought: Sealed<'_>, out: &mut Writer<'_>) {
    let mut source = MARK.to_vec();
    let mut inside = Writer(&mut source);
    match thought {
        Sealed::Told { text, signature } => {
            inside.close("{\"thinking\":").quoted(&Quoted::raw(text));
            inside.key("signature").quoted(&Quoted::raw(signature)).close("}");
        }
        Sealed::Hidden { data } => {
            inside.close("{\"redacted_thinking\":").quoted(&Quoted::raw(data)).close("}");
        }
    }
    out.source(&source);
}

/// The thought in such a text. `None`: the text is somebody else's.
pub fn unseal(sealed: &Quoted<'_>) -> Option<Content<'static>> {
    let source = sealed.unescaped();
    let mut tree = Tree::default();
    let page = tree.parse(source.strip_prefix(MARK)?).ok()?;
    let inside = page.root();
    if let Some(data) = inside.text_at("redacted_thinking") {
        return Some(Content::HiddenThought { data: data.into_owned() });
    }
    let (text, signature) = (inside.text_at("thinking")?, inside.text_at("signature")?);
    Some(Content::Thought { text: text.into_owned(), signature: Some(signature.into_owned()) })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// What a client gives back that reads JSON and writes it in its own way.
    fn through_a_client(thought: Sealed<'_>) -> Vec<u8> {
        let mut given = vec![];
        seal(thought, &mut Writer(&mut given));
        let read: String = serde_json::from_slice(&given).expect("a string");
        let other_way: String = read.encode_utf16().map(|unit| format!("\\u{unit:04x}")).collect();
        other_way.into_bytes()
    }

    proptest! {
        /// A thought and its proof come back with every byte, escapes too, through a client that writes all characters
        /// by number.
        #[test]
        fn thoughts_come_back(text in "([a-zé☀🦀 ]|\\\\[\"\\\\/bfnrt]|\\\\u00[0-9a-f]{2}|\\\\ud83e){0,30}", signature in "[A-Za-z0-9+/=]{0,30}") {
            let (text, signature) = (text.as_bytes(), signature.as_bytes());
            let back = through_a_client(Sealed::Told { text, signature });
            let Some(Content::Thought { text: got, signature: Some(proof) }) = unseal(&Quoted::raw(&back)) else {
                return Err(TestCaseError::fail("no thought"));
            };
            prop_assert_eq!((got.as_written(), proof.as_written()), (text, signature));
            let back = through_a_client(Sealed::Hidden { data: signature });
            let Some(Content::HiddenThought { data }) = unseal(&Quoted::raw(&back)) else {
                return Err(TestCaseError::fail("no hidden thought"));
            };
            prop_assert_eq!(data.as_written(), signature);
        }
    }

    /// What another sealed, and what was cut or changed, is no thought.
    #[test]
    fn foreign_thoughts_are_known() {
        for text in [
            "",
            "gAAAAABo",
            "ringgate:1:",
            "ringgate:1:{}",
            "ringgate:1:{\\\"thinking\\\":\\\"a\\\"}",
            "ringgate:2:{}",
        ] {
            assert!(unseal(&Quoted::raw(text.as_bytes())).is_none(), "{text}");
        }
    }
}
