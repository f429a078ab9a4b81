//! What every good answer to one kind of request has in common: the first one says it, unless it was given.

use std::cell::Cell;

use clap::ValueEnum;
use serde::Deserialize;

use super::body::Content;
use super::digest::Digest;
use super::failure::Failure;

/// How closely answers are looked at.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Check {
    /// Every answer has the length and the checksum of the first, its identifiers aside.
    #[default]
    Exact,
    /// Every answer is complete and of the right shape; what it says may differ, as a real model's does.
    Shape,
}

/// What is known of the good answers to one kind of request.
#[derive(Debug)]
pub struct Expected {
    check: Check,
    events: Cell<Option<u64>>,
    digest: Cell<Option<Digest>>,
}

impl Expected {
    pub fn new(check: Check, events: Option<u64>) -> Self {
        Self { check, events: Cell::new(events), digest: Cell::new(None) }
    }

    /// Compares an answer that is complete and of the right shape.
    ///
    /// # Errors
    /// What differs.
    pub fn judge(&self, content: &Content) -> Result<(), Failure> {
        if let Some(expected) = self.events.get()
            && content.events != expected
        {
            return Err(Failure::Events { got: content.events, expected });
        }
        if self.check == Check::Shape {
            return Ok(());
        }
        self.events.set(Some(content.events));
        let Some(expected) = self.digest.get() else {
            self.digest.set(Some(content.digest));
            return Ok(());
        };
        match content.digest {
            same if same == expected => Ok(()),
            other if other.bytes != expected.bytes => Err(Failure::Length),
            other if other.unordered == expected.unordered && content.events > 0 => Err(Failure::Order),
            _ => Err(Failure::Checksum),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn content(events: u64, bytes: u64, checksum: u32, unordered: u64) -> Content {
        Content { events, digest: Digest { bytes, checksum, unordered } }
    }

    /// What differs from the first answer is named by the first thing that differs.
    #[test]
    fn names_what_differs() {
        let expected = Expected::new(Check::Exact, None);
        assert_eq!(expected.judge(&content(3, 10, 1, 5)), Ok(()));
        assert_eq!(expected.judge(&content(3, 10, 1, 5)), Ok(()));
        assert_eq!(expected.judge(&content(2, 9, 2, 4)), Err(Failure::Events { got: 2, expected: 3 }));
        assert_eq!(expected.judge(&content(3, 9, 2, 4)), Err(Failure::Length));
        assert_eq!(expected.judge(&content(3, 10, 2, 5)), Err(Failure::Order));
        assert_eq!(expected.judge(&content(3, 10, 2, 6)), Err(Failure::Checksum));
    }

    /// Where only the shape counts, content may differ, but not from a number of events that was given.
    #[test]
    fn lets_content_differ_where_only_shape_counts() {
        let expected = Expected::new(Check::Shape, None);
        assert_eq!(expected.judge(&content(3, 10, 1, 5)), Ok(()));
        assert_eq!(expected.judge(&content(2, 9, 2, 4)), Ok(()));
        assert!(Expected::new(Check::Shape, Some(3)).judge(&content(2, 9, 2, 4)).is_err());
    }
}
