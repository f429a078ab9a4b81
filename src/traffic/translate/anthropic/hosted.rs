//! Messages where a cloud hosts them: what a request's body has more and less than at Anthropic itself.
//!
//! The model and the form of the answer stand in the path, the version of the format in the body. A client of this same
//! dialect crosses with everything that it said, known here or not.
//!
//! Source: the `bedrock` and `vertex` modules of the official clients.

use crate::base::fault::Fault;
use crate::contract::errand::{Shelf, Want};
use crate::traffic::dialect::json::{Item, Quoted, Writer};
use crate::traffic::translate::fetched::Blocks;
use crate::traffic::translate::shape::{At, present};

/// Who serves the model.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Host {
    Anthropic,
    /// Amazon's `InvokeModel`.
    Bedrock,
    /// Google's `rawPredict`.
    Vertex,
}

impl Host {
    /// The version of the format, where it stands in the body.
    pub const fn version(self) -> Option<&'static str> {
        match self {
            Host::Anthropic => None,
            Host::Bedrock => Some("bedrock-2023-05-31"),
            Host::Vertex => Some("vertex-2023-10-16"),
        }
    }
}

/// Writes a client's own body as a host takes it. `betas`: what the client's head names, which Bedrock has in the body.
/// Hosts take no URLs of images and documents: their bytes come from the shelf, if there is one. Gives what lacks there.
///
/// # Errors
/// The body is no object, or has a member twice.
pub fn carry(
    body: Item<'_>,
    host: Host,
    betas: &[&str],
    shelf: Option<&Shelf>,
    out: &mut Vec<u8>,
) -> Result<Vec<Want>, Fault> {
    let mut lacking = vec![];
    _ = At::root_members(body)?;
    let mut out = Writer(out);
    out.open("{");
    let (mut version, mut named) = (None, None);
    for (name, value) in body.members() {
        match () {
            () if name.is("model") || name.is("stream") => {}
            () if name.is("anthropic_version") => version = present(Some(value)),
            () if name.is("anthropic_beta") => named = present(Some(value)),
            // Hosts have one tier, and no word for it.
            () if name.is("service_tier") && value.text().is_some_and(|tier| is_usual(&tier)) => {}
            () if name.is("messages") && shelf.is_some() => {
                out.quoted(&name).close(":");
                let mut blocks = Blocks { shelf, lacking: &mut lacking, out: Writer(out.0) };
                blocks.copy(&value);
            }
            () => {
                out.quoted(&name).close(":");
                out.item(&value);
            }
        }
    }
    // Another host's clients say its own.
    let is_anothers = |version: &Item<'_>| {
        let said = version.text();
        let names = |other: Host| {
            other != host && other.version().is_some_and(|own| said.as_ref().is_some_and(|said| said.is(own)))
        };
        [Host::Bedrock, Host::Vertex].into_iter().any(names)
    };
    match (version.filter(|version| !is_anothers(version)), host.version()) {
        (Some(version), _) => _ = out.key("anthropic_version").item(&version),
        (None, Some(version)) => _ = out.key("anthropic_version").text(version),
        (None, None) => {}
    }
    let betas = if host == Host::Bedrock { betas } else { &[] };
    if named.is_some() || !betas.is_empty() {
        out.key("anthropic_beta").open("[");
        for beta in named.iter().flat_map(Item::elements) {
            out.item(&beta);
        }
        for beta in betas {
            out.text(beta);
        }
        out.close("]");
    }
    out.close("}");
    Ok(lacking)
}

fn is_usual(tier: &Quoted<'_>) -> bool {
    tier.is("auto") || tier.is("standard_only")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::traffic::dialect::json::Tree;

    fn carried(body: &str, host: Host, betas: &[&str]) -> String {
        let (mut tree, mut out) = (Tree::default(), vec![]);
        carry(tree.parse(body.as_bytes()).expect("valid").root(), host, betas, None, &mut out)
            .expect("an object");
        String::from_utf8(out).expect("text")
    }

    /// All that a client said stays as it was written, but for what stands elsewhere at a host.
    #[test]
    fn everything_is_kept() {
        let body =
            r#"{"frob": {"a" : 1.10},"mod\u0065l":"m","messages":[{"role":"user"}],"stream":true,"x":null}"#;
        assert_eq!(
            carried(body, Host::Bedrock, &["one", "two"]),
            r#"{"frob":{"a" : 1.10},"messages":[{"role":"user"}],"x":null,"anthropic_version":"bedrock-2023-05-31","anthropic_beta":["one","two"]}"#
        );
        assert_eq!(
            carried(r#"{"anthropic_version":"later","anthropic_beta":["zero"]}"#, Host::Bedrock, &["one"]),
            r#"{"anthropic_version":"later","anthropic_beta":["zero","one"]}"#
        );
        assert_eq!(
            carried(r#"{"service_tier":"auto","anthropic_version":"v"}"#, Host::Vertex, &[]),
            r#"{"anthropic_version":"v"}"#
        );
        // What a client of Google's says is no version of Amazon's.
        assert_eq!(
            carried(r#"{"anthropic_version":"vertex-2023-10-16"}"#, Host::Bedrock, &[]),
            r#"{"anthropic_version":"bedrock-2023-05-31"}"#
        );
        // There they stay in the head.
        assert_eq!(carried("{}", Host::Vertex, &["one"]), r#"{"anthropic_version":"vertex-2023-10-16"}"#);
    }

    /// What stands in a body twice is refused: one of the two would decide.
    #[test]
    fn doubles_are_refused() {
        let mut tree = Tree::default();
        for body in [r#"{"system":"a","system":"b"}"#, "[]"] {
            let page = tree.parse(body.as_bytes()).expect("valid");
            assert!(carry(page.root(), Host::Bedrock, &[], None, &mut vec![]).is_err());
        }
    }
}
