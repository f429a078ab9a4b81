//! Arguments of calls, where a format has them as an object and not as its source.

use super::prompt::Arguments;
use crate::traffic::dialect::json::{self, Item, Quoted, Writer, escape_bytes};

/// Writes the arguments of a call in a request. A model may have written something else than an object, or half of one:
/// its client, who only repeats it, cannot mend that, and goes on.
pub fn as_object(arguments: &Arguments<'_>, out: &mut Writer<'_>) {
    match arguments {
        Arguments::Object(object) => {
            out.item(object);
        }
        Arguments::Source(source) => kept(source.as_written(), out),
    }
}

/// Writes the object whose source this is, or an empty one if that says that there are none. Of anything else nothing is
/// written.
fn written(source: &Quoted<'_>, out: &mut Writer<'_>) -> bool {
    let before = out.0.len();
    let bytes = out.value();
    let begun = bytes.len();
    source.unescape_to(bytes);
    if let Some(object) = json::object(&bytes[begun..]) {
        bytes.truncate(begun + object.end);
        bytes.drain(begun..begun + object.start);
        return true;
    }
    let none = is_nothing(&bytes[begun..]);
    bytes.truncate(before);
    if none {
        out.raw(b"{}");
    }
    none
}

/// Whether a source stands for no arguments. In some languages a list without elements and an object without members are
/// one thing.
fn is_nothing(source: &[u8]) -> bool {
    let mut said = source.iter().filter(|byte| !byte.is_ascii_whitespace()).copied();
    let said: [Option<u8>; 5] = std::array::from_fn(|_| said.next());
    [&b""[..], b"null", b"[]"]
        .iter()
        .any(|known| said.iter().copied().eq((0..5).map(|at| known.get(at).copied())))
}

/// The arguments of a call in an answer, as the inside of a JSON string: some servers have them as the object that they
/// are.
pub fn source(arguments: Item<'_>) -> Quoted<'_> {
    if let Some(source) = arguments.text() {
        return source;
    }
    let mut source = Vec::with_capacity(arguments.raw().len() + 16);
    escape_bytes(arguments.raw(), |piece| source.extend_from_slice(piece));
    Quoted::raw(&source).into_owned()
}

/// Whether the source of arguments says nothing, or that there are none.
pub fn are_none(source: &Quoted<'_>) -> bool {
    source.is_blank() || source.is("null")
}

/// Writes the arguments of a call whose source is given as the inside of a JSON string. What is no object is kept under a
/// name of its own.
pub fn kept(inside: &[u8], out: &mut Writer<'_>) {
    let inside = Quoted::raw(inside);
    if !written(&inside, out) {
        out.open("{\"_raw_arguments\":").source(&inside.unescaped()).close("}");
    }
}
