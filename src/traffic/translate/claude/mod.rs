//! What Claude takes, whoever serves it: Anthropic itself, or a cloud in a format of its own.

pub mod family;
pub mod history;
pub mod input;
pub mod mind;
pub mod sampling;
pub mod schema;

/// What an empty message of a user is replaced by: there must be something in it.
pub const NOTHING: &str = "(empty)";

/// What a writer of schemas makes of one.
#[cfg(test)]
fn written(
    text: &str,
    write: impl Fn(crate::traffic::dialect::json::Item<'_>, &mut crate::traffic::dialect::json::Writer<'_>),
) -> String {
    use crate::traffic::dialect::json::{Tree, Writer};
    let (mut tree, mut out) = (Tree::default(), vec![]);
    write(tree.parse(text.as_bytes()).expect("valid").root(), &mut Writer(&mut out));
    String::from_utf8(out).expect("text")
}
