//! The three literals that are words.

use super::Value;

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Word {
    True,
    False,
    Null,
}

impl Word {
    pub(super) const fn text(self) -> &'static [u8] {
        match self {
            Word::True => b"true",
            Word::False => b"false",
            Word::Null => b"null",
        }
    }

    pub(super) const fn value(self) -> Value<'static> {
        match self {
            Word::True => Value::Bool(true),
            Word::False => Value::Bool(false),
            Word::Null => Value::Null,
        }
    }
}
