//! A JSON scanner that is fed piece by piece, checks the whole grammar and reports only what is wanted.
//!
//! Takes the pieces of a body in order; gives keys and values of watched objects to a [`Sink`], with their places
//! in the body. The root must be an object: nothing that this crate reads has another one.
//!
//! Invariant: no allocation, linear time, and the same reports and the same verdict however the body is cut.
//! Source: RFC 8259. Strings are not checked for valid UTF-8: what is passed on is passed on as it came.

mod blocks;
mod capture;
mod escape;
mod fault;
mod number;
mod object;
mod quoted;
mod run;
mod scanner;
mod string;
mod strings;
#[cfg(test)]
mod tests;
mod token;
mod tree;
mod walk;
mod word;
mod write;

pub use escape::{escape, escape_bytes};
pub use fault::{Expected, JsonFault};
pub use number::whole_number;
pub use object::object;
pub use quoted::Quoted;
pub use scanner::Scanner;
pub use tree::{Item, Kind, Page, Tree};
pub use write::Writer;

use std::ops::Range;

/// The tag of the root object.
pub const ROOT: u8 = 0;

/// What a scan is for: says which members matter and takes their values.
pub trait Sink {
    /// A member of a watched object. Says what is wanted of its value.
    fn key(&mut self, key: &Key<'_>) -> Want;
    /// The value of a wanted member is complete; it stands at `span` in the body. The root comes last.
    fn value(&mut self, tag: u8, value: Value<'_>, span: Range<u64>);
}

/// A member's name and place.
pub struct Key<'a> {
    /// Tag of the watched object that holds the member.
    pub path: u8,
    /// Unescaped. Empty if it is too long to matter or not Unicode.
    pub name: &'a [u8],
    /// Where the name's opening quote stands.
    pub at: u64,
    /// Where the `{` or `,` before it stands.
    pub separator: u64,
    /// The separator is `{`.
    pub first: bool,
}

/// What a sink wants of a member's value.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Want {
    Skip,
    /// The value, under this tag.
    Value(u8),
    /// The value, and if it is an object, its members too.
    Members(u8),
    /// The value, and if it is an array, each object in it with its members, under the same tag.
    Each(u8),
}

/// A complete value. Texts are cut at [`Scanner::TEXT_BYTES`].
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Value<'a> {
    Null,
    Bool(bool),
    /// As written.
    Number(&'a [u8]),
    /// Unescaped.
    Text {
        text: &'a [u8],
        /// False if the text was cut or holds half of a surrogate pair.
        sound: bool,
    },
    Array {
        empty: bool,
    },
    Object {
        empty: bool,
    },
}
