//! What a request asks for, and why a body does not say.

use super::beside::Place;
use super::json::JsonFault;
use crate::base::fault::{Fault, FaultKind};
use crate::base::limits::MODEL_NAME_BYTES;
use crate::base::text::Text;
use std::ops::Range;

/// The members of a request that decide about it, and where they stand in the body.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ask {
    /// The model's name, unescaped.
    pub model: Text<MODEL_NAME_BYTES>,
    /// The bytes that name it: a JSON string with its quotes, or the bare value of a form field; none where the URL does.
    pub model_span: Range<u64>,
    pub form: BodyForm,
    pub stream: bool,
    pub stream_usage: StreamUsage,
    /// The largest of `max_tokens`, `max_completion_tokens` and `max_output_tokens`.
    pub max_tokens: Option<u64>,
    /// Where `seed` and `max_completion_tokens` stand, each from its name up to its value: some servers have other names.
    pub renamable: [Option<Range<u64>>; 2],
    /// Where other models are named than `model`, or may be: what the body says twice, stands here twice.
    pub beside: Vec<Place>,
}

/// How names are written in a body.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum BodyForm {
    Json,
    Multipart,
    /// Not there: the URL names the model.
    Unnamed,
    /// In JSON, where the URL names another than the body does: that counts, and the body is to say the same.
    Other,
    /// The same where the body names none. The name goes to the model's span, with its key.
    Missing,
}

/// What has to be put into the body so that the provider reports usage in a stream.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum StreamUsage {
    /// Nothing: the client asks for it.
    Asked,
    /// There is no `stream_options`: one goes to `at`, just after the root's `{`.
    Insert { at: u64 },
    /// `stream_options` is null, or its `include_usage` is false or null: `text` takes the place of that value.
    Replace { span: Range<u64>, text: &'static str },
    /// `include_usage` goes to `at`, just after the `{` of `stream_options`.
    InsertInto { at: u64, empty: bool },
    /// A wrong type, or a form: it is left alone, and the provider says what it thinks of it.
    Untouchable,
}

/// Why a body does not tell what it asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ScanError {
    Json(JsonFault),
    /// Offset and what was wrong there.
    Multipart(u64, &'static str),
    MissingModel,
    /// Not a string, empty, too long, or not text.
    InvalidModel,
    /// The URL names one, and the body another.
    OtherModel,
    /// This field occurs twice.
    Duplicate(&'static str),
    /// This field has the wrong type.
    InvalidField(&'static str),
}

impl ScanError {
    pub const fn kind(&self) -> FaultKind {
        match self {
            ScanError::Json(_) => FaultKind::InvalidJson,
            ScanError::Multipart(..) => FaultKind::InvalidMultipart,
            ScanError::MissingModel => FaultKind::MissingModel,
            ScanError::InvalidModel | ScanError::OtherModel => FaultKind::InvalidModel,
            ScanError::Duplicate(_) => FaultKind::DuplicateField,
            ScanError::InvalidField(_) => FaultKind::InvalidField,
        }
    }

    /// As the client is told. Nothing of the body is in it.
    pub fn fault(&self) -> Fault {
        let kind = self.kind();
        match self {
            ScanError::Json(fault) => Fault::told(kind, fault.message()),
            ScanError::Multipart(at, what) => {
                Fault::told(kind, format!("invalid multipart form at byte {at}: {what}"))
            }
            ScanError::MissingModel | ScanError::InvalidModel => Fault::new(kind),
            ScanError::OtherModel => {
                Fault::told(kind, "The field `model` names another model than the URL does.")
            }
            ScanError::Duplicate(field) => {
                Fault::told(kind, format!("The field `{field}` occurs twice.")).about(*field)
            }
            ScanError::InvalidField(field) => {
                Fault::told(kind, format!("The field `{field}` must be true or false.")).about(*field)
            }
        }
    }
}

impl From<ScanError> for Fault {
    fn from(error: ScanError) -> Self {
        error.fault()
    }
}

/// The model's name, if `text` can be one.
pub(super) fn model_name(text: &[u8]) -> Option<Text<MODEL_NAME_BYTES>> {
    let name = std::str::from_utf8(text).ok()?;
    let fits = !name.is_empty() && name.len() <= MODEL_NAME_BYTES && !name.chars().any(char::is_control);
    fits.then(|| Text::cut(name))
}
