//! Media types: of the bytes in a data URL, and of what a URL leads to.

use super::base64;
use super::loss::untranslatable;
use super::prompt::Source;
use crate::base::fault::Fault;
use crate::traffic::dialect::json::Quoted;

/// By the end of a path.
const ENDINGS: [(&str, &str); 9] = [
    (".png", "image/png"),
    (".jpg", "image/jpeg"),
    (".jpeg", "image/jpeg"),
    (".webp", "image/webp"),
    (".gif", "image/gif"),
    (".heic", "image/heic"),
    (".pdf", "application/pdf"),
    (".txt", "text/plain"),
    (".mp4", "video/mp4"),
];

/// Media type and data of `data:TYPE;base64,DATA`.
///
/// # Errors
/// It is something else.
pub fn data_url<'u>(url: &'u Quoted<'_>) -> Result<(Quoted<'u>, Quoted<'u>), Fault> {
    let broken = || untranslatable("A data URL must be `data:TYPE;base64,DATA`.");
    let inside = url.as_written().strip_prefix(b"data:").ok_or_else(broken)?;
    let comma = memchr::memchr(b',', inside).ok_or_else(broken)?;
    let media = inside[..comma].strip_suffix(b";base64").ok_or_else(broken)?;
    let media = match media.split(|byte| *byte == b';').next().unwrap_or_default() {
        // A name that is often written and never right.
        b"image/jpg" => b"image/jpeg",
        media => media,
    };
    Ok((Quoted::raw(media), Quoted::raw(&inside[comma + 1..])))
}

/// The source of a document in a data URL. A text is a text: most formats have a place for its words, and for no other
/// file of its kind.
pub fn document(url: Quoted<'_>) -> Source<'_> {
    let plain = data_url(&url).ok().filter(|(media, _)| media.as_written().starts_with(b"text/"));
    let plain = plain.and_then(|(_, data)| base64::decoded(&data.unescaped()));
    match plain.and_then(|bytes| String::from_utf8(bytes).ok()) {
        Some(text) => Source::Plain(Quoted::of(&text)),
        None => Source::DataUrl(url),
    }
}

/// The media type that the end of a URL's path tells.
pub fn of_url(url: &Quoted<'_>) -> Option<&'static str> {
    let url = url.unescaped();
    let path = url.split(|byte| matches!(byte, b'?' | b'#')).next().unwrap_or_default().to_ascii_lowercase();
    ENDINGS.iter().find(|(ending, _)| path.ends_with(ending.as_bytes())).map(|(_, media)| *media)
}

/// What the bytes of an image are: clients often name another type, which the provider refuses.
pub fn of_image(data: &Quoted<'_>) -> Option<Quoted<'static>> {
    const TYPES: [(&[u8], &[u8]); 4] = [
        (b"iVBORw0KGgo", b"image/png"),
        (b"/9j/", b"image/jpeg"),
        (b"R0lGOD", b"image/gif"),
        (b"UklGR", b"image/webp"),
    ];
    let found = TYPES.iter().find(|(begin, _)| data.as_written().starts_with(begin));
    found.map(|(_, media)| Quoted::raw(media))
}
