//! Names of functions in a namespace, which other formats do not have: there the two are one name.

use crate::traffic::dialect::json::Quoted;

/// Stands between the two, as it is escaped: a control character, which no name has.
const BETWEEN: &[u8] = b"\\u001f";

/// One name for a function and its namespace, if it is in one.
pub fn joined<'b>(space: Option<&Quoted<'_>>, name: Quoted<'b>) -> Quoted<'b> {
    match space {
        Some(space) => Quoted::raw(&[space.as_written(), BETWEEN, name.as_written()].concat()).into_owned(),
        None => name,
    }
}

/// The namespace and the function's own name.
pub fn apart<'n>(name: &'n Quoted<'_>) -> (Option<Quoted<'n>>, Quoted<'n>) {
    let written = name.as_written();
    match memchr::memmem::find(written, BETWEEN) {
        Some(at) => (Some(Quoted::raw(&written[..at])), Quoted::raw(&written[at + BETWEEN.len()..])),
        None => (None, Quoted::raw(written)),
    }
}
