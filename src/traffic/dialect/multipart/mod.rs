//! Multipart forms: which model an upload asks for, found while the body arrives.
//!
//! Takes the pieces of a body and the boundary of its `Content-Type`; gives an `Ask`.
//!
//! Invariant: linear time and bounded memory; file contents are skipped and never taken for fields. Where two
//! parsers could read a body differently, it is refused, because the provider's parser decides in the end.
//! Source: RFC 7578, RFC 2046 section 5.1.

mod disposition;
mod media;
mod scan;
#[cfg(test)]
mod tests;

pub use media::{BodyType, Boundary, content_type_kind};
pub use scan::MultipartScan;
