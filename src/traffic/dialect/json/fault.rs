//! Why a text is not the JSON that was expected.

use crate::base::limits::JSON_DEPTH;

/// The first byte at which a text stops being valid.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct JsonFault {
    /// Offset in the body; its length if it ends too early.
    pub at: u64,
    pub expected: Expected,
}

/// What should have stood there.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Expected {
    Object,
    Value,
    Key,
    KeyOrEnd,
    Colon,
    CommaOrBrace,
    CommaOrBracket,
    Digit,
    Word,
    Escape,
    HexDigit,
    NoControl,
    Shallower,
    Fewer,
    Nothing,
    More,
    Body,
}

impl JsonFault {
    /// A message for the client. It holds nothing of the body.
    pub fn message(self) -> String {
        format!("invalid JSON at byte {}: {}", self.at, self.expected.text())
    }
}

impl Expected {
    const fn text(self) -> &'static str {
        const _: () = assert!(JSON_DEPTH == 128);
        match self {
            Expected::Object => "expected an object",
            Expected::Value => "expected a value",
            Expected::Key => "expected a key in quotes",
            Expected::KeyOrEnd => "expected a key in quotes or `}`",
            Expected::Colon => "expected `:`",
            Expected::CommaOrBrace => "expected `,` or `}`",
            Expected::CommaOrBracket => "expected `,` or `]`",
            Expected::Digit => "expected a digit",
            Expected::Word => "expected `true`, `false` or `null`",
            Expected::Escape => "expected a valid escape",
            Expected::HexDigit => "expected a hexadecimal digit",
            Expected::NoControl => "a control character in a string must be escaped",
            Expected::Shallower => "nested deeper than 128 levels",
            Expected::Fewer => "more than 4 million values and names",
            Expected::Nothing => "expected nothing after the object",
            Expected::More => "it ends too early",
            Expected::Body => "there is nothing",
        }
    }
}
