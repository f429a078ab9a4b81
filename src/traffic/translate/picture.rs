//! An image that a model made, for dialects that have no place for one: it stands in the text, as pages that show such
//! text show images.

use crate::traffic::dialect::json::Quoted;

/// The text that shows an image.
pub fn shown(media: &Quoted<'_>, data: &Quoted<'_>) -> Quoted<'static> {
    let image = [b"![image](data:", media.as_written(), b";base64,", data.as_written(), b")"].concat();
    Quoted::raw(&image).into_owned()
}
