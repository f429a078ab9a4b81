//! What bytes are, told by how they begin: what a server says of them is not believed.

use crate::contract::errand::{Sort, Why};
use memchr::memmem;

/// How files begin, and what they are then.
const MAGIC: [(&[u8], &str); 6] = [
    (b"\x89PNG\r\n\x1a\n", "image/png"),
    (b"\xff\xd8\xff", "image/jpeg"),
    (b"GIF87a", "image/gif"),
    (b"GIF89a", "image/gif"),
    (b"%PDF-", "application/pdf"),
    (b"II*\0", "image/tiff"),
];
/// A folder in an archive of Microsoft's, and what it is then.
const OFFICE: [(&[u8], &str); 2] = [
    (b"word/", "application/vnd.openxmlformats-officedocument.wordprocessingml.document"),
    (b"xl/", "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"),
];
/// Among texts only the end of the path tells which.
const TEXTS: [(&str, &str); 7] = [
    (".html", "text/html"),
    (".htm", "text/html"),
    (".csv", "text/csv"),
    (".md", "text/markdown"),
    (".json", "application/json"),
    (".xml", "text/xml"),
    ("", "text/plain"),
];

/// The media type of what was fetched from this path.
///
/// # Errors
/// It is not of the sort that was wanted, or of none that is known.
pub fn judged(bytes: &[u8], sort: Sort, path: &str) -> Result<&'static str, Why> {
    let media = binary(bytes).or_else(|| text(bytes, path));
    match (media, sort) {
        (Some(media), Sort::Image) if media.starts_with("image/") => Ok(media),
        (Some(media), Sort::Document) => Ok(media),
        _ => Err(Why::told(format!("what it leads to is no {} of a known kind", sort.name()))),
    }
}

fn binary(bytes: &[u8]) -> Option<&'static str> {
    let known = MAGIC.iter().find(|(begin, _)| bytes.starts_with(begin)).map(|(_, media)| *media);
    known.or_else(|| match bytes {
        [b'R', b'I', b'F', b'F', _, _, _, _, b'W', b'E', b'B', b'P', ..] => Some("image/webp"),
        [_, _, _, _, b'f', b't', b'y', b'p', brand @ ..] => match brand.get(..4)? {
            b"heic" | b"heix" | b"heim" | b"heis" => Some("image/heic"),
            b"mif1" | b"msf1" => Some("image/heif"),
            b"avif" | b"avis" => Some("image/avif"),
            _ => None,
        },
        [b'P', b'K', 3, 4, ..] => {
            OFFICE.iter().find(|(folder, _)| memmem::find(bytes, folder).is_some()).map(|(_, media)| *media)
        }
        _ => None,
    })
}

fn text(bytes: &[u8], path: &str) -> Option<&'static str> {
    let strange = |byte: &u8| byte.is_ascii_control() && !byte.is_ascii_whitespace();
    let is_text = !bytes.is_empty() && !bytes.iter().any(strange) && std::str::from_utf8(bytes).is_ok();
    let path = path.to_ascii_lowercase();
    is_text.then(|| TEXTS.iter().find(|(end, _)| path.ends_with(end)).map(|(_, media)| *media)).flatten()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Bytes are what they begin with; a page or a program is no image, whatever its name.
    #[test]
    fn kinds() {
        let office = b"PK\x03\x04....[Content_Types].xml....word/document.xml";
        for (bytes, path, image, document) in [
            (&b"\x89PNG\r\n\x1a\n..."[..], "/x.pdf", Some("image/png"), Some("image/png")),
            (b"\xff\xd8\xff\xe0", "/x", Some("image/jpeg"), Some("image/jpeg")),
            (b"GIF89a..", "/x", Some("image/gif"), Some("image/gif")),
            (b"RIFF\0\0\0\0WEBPVP8 ", "/x", Some("image/webp"), Some("image/webp")),
            (b"\0\0\0\x18ftypheic", "/x", Some("image/heic"), Some("image/heic")),
            (b"\0\0\0\x18ftypisom", "/x.png", None, None),
            (b"%PDF-1.7", "/x.png", None, Some("application/pdf")),
            (
                office,
                "/x",
                None,
                Some("application/vnd.openxmlformats-officedocument.wordprocessingml.document"),
            ),
            (b"PK\x03\x04....", "/x.docx", None, None),
            (b"a,b\n1,2\n", "/x.CSV", None, Some("text/csv")),
            (b"<html>secret", "/x.png", None, Some("text/plain")),
            (b"\x7fELF\0", "/x.png", None, None),
            (b"\xff\xfea", "/x.txt", None, None),
            (b"", "/x.png", None, None),
        ] {
            assert_eq!(judged(bytes, Sort::Image, path).ok(), image, "{bytes:?}");
            assert_eq!(judged(bytes, Sort::Document, path).ok(), document, "{bytes:?}");
        }
    }
}
