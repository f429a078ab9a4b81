//! What a model reads by its URL.

use super::family::Family;
use crate::traffic::dialect::json::Quoted;

/// How URLs begin that only this provider can read, or that it reads without being told what is there.
const OWN: [&[u8]; 7] = [
    b"gs://",
    b"https://generativelanguage.googleapis.com/",
    b"https://www.youtube.com/",
    b"https://youtube.com/",
    b"https://m.youtube.com/",
    b"https://youtu.be/",
    b"https://music.youtube.com/",
];

/// Whether the URL is one of the provider's own files, or of a video that it knows.
pub fn is_its_own(url: &Quoted<'_>) -> bool {
    let url = url.unescaped();
    OWN.iter().any(|begin| url.starts_with(begin))
}

/// Whether a model reads what stands behind any URL.
pub fn reads_urls(model: &str) -> bool {
    Family::of(model).reads_urls()
}
