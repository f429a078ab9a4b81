//! Lines of an event: fields, values, and the event names that matter.

use crate::contract::endpoint::StreamStyle;

/// What an event's name, from its `event:` line or its data's `type`, says about the stream.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Name {
    #[default]
    None,
    /// Nothing.
    Other,
    /// The stream is complete.
    Terminal,
    /// A message of Anthropic's is complete.
    Stopped,
    /// The stream is complete and has failed.
    Failed,
    /// The stream has failed.
    Error,
}

/// Longest name that matters, in bytes.
pub const NAME_BYTES: usize = 28;

impl Name {
    pub fn of(text: &[u8]) -> Self {
        match text {
            b"error" => Name::Error,
            b"message_stop" => Name::Stopped,
            b"response.failed" => Name::Failed,
            b"response.completed"
            | b"response.incomplete"
            | b"image_generation.completed"
            | b"image_edit.completed"
            | b"speech.audio.done"
            | b"transcript.text.done" => Name::Terminal,
            _ => Name::Other,
        }
    }

    pub const fn is_error(self) -> bool {
        matches!(self, Name::Error | Name::Failed)
    }

    /// Whether this is the last event of such a stream.
    pub const fn is_end(self, style: StreamStyle) -> bool {
        match style {
            StreamStyle::OpenAiChunks | StreamStyle::GeminiEvents | StreamStyle::GeminiArray => false,
            StreamStyle::OpenAiEvents => matches!(self, Name::Terminal | Name::Failed),
            StreamStyle::AnthropicEvents => matches!(self, Name::Stopped),
        }
    }
}

/// A field that matters.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Field {
    Data,
    Event,
    Other,
}

impl Field {
    pub fn of(name: &[u8]) -> Self {
        match name {
            // Some servers tell an error in a field of this name, in which it has the form that data would.
            b"data" | b"error" => Field::Data,
            b"event" => Field::Event,
            _ => Field::Other,
        }
    }
}

/// The line's field and where its value begins. A line without a colon is a field without a value.
#[inline]
pub fn split(line: &[u8]) -> (Field, usize) {
    if line.starts_with(b"data:") {
        return (Field::Data, 5 + usize::from(line.get(5) == Some(&b' ')));
    }
    let end = line.iter().position(|b| *b == b':').unwrap_or(line.len());
    let value = (end + 1).min(line.len());
    (Field::of(&line[..end]), value + usize::from(line.get(value) == Some(&b' ')))
}
