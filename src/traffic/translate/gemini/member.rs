//! Members by their names in camelCase, which clients may also write in `snake_case`.

use crate::base::fault::Fault;
use crate::traffic::dialect::json::{Item, Quoted};
use crate::traffic::translate::loss::Losses;
use crate::traffic::translate::shape::{At, LOOKED_THROUGH};
use std::borrow::Cow;

/// The value of a member, unless it is absent or null.
pub fn get<'b>(holder: Item<'b>, name: &str) -> Option<Item<'b>> {
    let is_it = |written: &Quoted<'_>| written.is(name) || *camel(written) == *name.as_bytes();
    let mut present = holder.members().filter(|(_, value)| !value.is_null());
    present.find(|(written, _)| is_it(written)).map(|(_, value)| value)
}

/// An object, no member of which stands there twice, in whatever spelling.
///
/// # Errors
/// It is something else, or one does.
pub fn object<'b>(at: &At<'_>, item: Item<'b>) -> Result<Item<'b>, Fault> {
    at.object(item)?;
    let mut names: Vec<Vec<u8>> = vec![];
    for (name, _) in item.members().take(LOOKED_THROUGH) {
        let name = camel(&name);
        if names.iter().any(|known| **known == *name) {
            let name = String::from_utf8_lossy(&name).into_owned();
            return Err(at.twice(&name));
        }
        names.push(name.into_owned());
    }
    Ok(item)
}

/// A member's text.
pub fn text<'b>(holder: Item<'b>, name: &str) -> Option<Quoted<'b>> {
    get(holder, name)?.text()
}

/// Names the members that nobody reads.
pub fn unread(holder: Item<'_>, read: &[&str], losses: &mut Losses) {
    for (name, _) in holder.members().filter(|(_, value)| !value.is_null()) {
        let name = camel(&name);
        if !read.iter().any(|known| known.as_bytes() == &*name) {
            losses.hint(&String::from_utf8_lossy(&name));
        }
    }
}

/// A name in camelCase.
pub fn camel<'n>(written: &'n Quoted<'_>) -> Cow<'n, [u8]> {
    if !written.as_written().iter().any(|byte| matches!(byte, b'_' | b'\\')) {
        return Cow::Borrowed(written.as_written());
    }
    let mut name = vec![];
    let mut upper = false;
    for byte in &*written.unescaped() {
        if *byte == b'_' {
            upper = !name.is_empty();
        } else {
            name.push(if std::mem::take(&mut upper) { byte.to_ascii_uppercase() } else { *byte });
        }
    }
    Cow::Owned(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Both spellings are one name.
    #[test]
    fn spellings_are_one() {
        for (written, name) in [
            ("maxOutputTokens", "maxOutputTokens"),
            ("max_output_tokens", "maxOutputTokens"),
            ("_responseJsonSchema", "responseJsonSchema"),
            ("top_p", "topP"),
            ("to\\u0070_p", "topP"),
            ("text", "text"),
        ] {
            assert_eq!(&*camel(&Quoted::raw(written.as_bytes())), name.as_bytes());
        }
    }
}
