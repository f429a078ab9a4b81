//! Arguments of calls, where a format has them as an object and not as its source.

use super::loss::untranslatable;
use super::prompt::Arguments;
use crate::base::fault::Fault;
use crate::traffic::dialect::json::{Item, Quoted, Tree, Writer, escape_bytes};

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
        Arguments::Source(source) => source.unescaped(),
    };
    if source.iter().all(u8::is_ascii_whitespace) {
        out.raw(b"{}");
        return Ok(());
    }
    match Tree::default().parse(&source) {
        Ok(object) if object.is_object() => {
            out.item(&object);
            Ok(())
        }
        _ => {
            let name = String::from_utf8_lossy(name.as_written()).into_owned();
            Err(untranslatable(format!("The arguments of a call of `{name:.64}` are no JSON object.")))
        }
    }
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
    let source = &*inside.unescaped();
    match Tree::default().parse(source) {
        Ok(object) if object.is_object() => {
            out.item(&object);
        }
        _ if source.iter().all(u8::is_ascii_whitespace) => {
            out.raw(b"{}");
        }
        _ => {
            out.open("{\"_raw_arguments\":").source(source).close("}");
        }
    }
}
