//! Arguments of calls, where a format has them as an object and not as its source.

use super::loss::untranslatable;
use super::prompt::Arguments;
use crate::base::fault::Fault;
use crate::traffic::dialect::json::{self, Item, Quoted, Writer, escape_bytes};

/// Writes the arguments of a call in a request; none are an empty object.
///
/// # Errors
/// They are no JSON object.
pub fn as_object(arguments: &Arguments<'_>, name: &Quoted<'_>, out: &mut Writer<'_>) -> Result<(), Fault> {
    let source = match arguments {
        Arguments::Object(object) => {
            out.item(object);
            return Ok(());
        }
        Arguments::Source(source) => source,
    };
    if written(source, out) {
        return Ok(());
    }
    let name = String::from_utf8_lossy(name.as_written()).into_owned();
    Err(untranslatable(format!("The arguments of a call of `{name:.64}` are no JSON object.")))
}

/// Writes the object whose source this is, or an empty one if that is blank. Of anything else nothing is written.
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
    let blank = bytes[begun..].iter().all(u8::is_ascii_whitespace);
    bytes.truncate(before);
    if blank {
        out.raw(b"{}");
    }
    blank
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

/// Writes the arguments of a call in an answer, whose source is given as the inside of a JSON string. What is no object is
/// kept under a name of its own.
pub fn kept(inside: &[u8], out: &mut Writer<'_>) {
    let inside = Quoted::raw(inside);
    if !written(&inside, out) {
        out.open("{\"_raw_arguments\":").source(&inside.unescaped()).close("}");
    }
}
