//! DIALECT: the formats that clients speak, as bytes.
//!
//! Takes paths, bodies and stream bytes as they arrive, in any pieces; gives what they ask for (`Ask`), the edits
//! that send a body on with another model's name, the usage that an answer reports, and refusals.
//!
//! Invariant: a body is never deserialised, copied or changed outside the spans that an [`splice::Edits`] or a
//! hidden usage report names, and how bytes are cut into pieces never changes what is made of them.

pub mod ask;
pub mod astray;
pub mod beside;
mod brief;
pub mod json;
pub mod multipart;
pub mod opening;
pub mod paths;
pub mod refusal;
pub mod request;
pub mod splice;
pub mod stream;
pub mod sums;
pub mod usage;

pub use ask::{Ask, BodyForm, ScanError, StreamUsage};
pub use multipart::{BodyType, MultipartScan, content_type_kind};
pub use opening::Opening;
pub use request::RequestScan;
pub use splice::{Edits, InjectUsage};
pub use stream::{ElementScan, EventFilter, HideUsage, Release, StreamFacts};
pub use usage::UsageScan;
