//! The parts of a message, most of which have one: that one needs no memory of its own.

use super::prompt::Part;
use std::ops::{Deref, DerefMut};

/// Parts in their order.
pub enum Parts<'b> {
    One([Part<'b>; 1]),
    Any(Vec<Part<'b>>),
}

impl<'b> Parts<'b> {
    pub fn into_vec(self) -> Vec<Part<'b>> {
        match self {
            Parts::One(one) => Vec::from(one),
            Parts::Any(parts) => parts,
        }
    }

    /// Puts others behind them.
    pub fn append(&mut self, others: Parts<'b>) {
        let mut all = std::mem::take(self).into_vec();
        others.move_to(&mut all);
        *self = all.into();
    }

    /// Puts them behind others.
    pub fn move_to(self, others: &mut Vec<Part<'b>>) {
        match self {
            Parts::One([one]) => others.push(one),
            Parts::Any(mut parts) => others.append(&mut parts),
        }
    }
}

impl Default for Parts<'_> {
    fn default() -> Self {
        Parts::Any(vec![])
    }
}

impl<'b> From<Part<'b>> for Parts<'b> {
    fn from(one: Part<'b>) -> Self {
        Parts::One([one])
    }
}

impl<'b> From<Vec<Part<'b>>> for Parts<'b> {
    fn from(parts: Vec<Part<'b>>) -> Self {
        Parts::Any(parts)
    }
}

impl<'b> Deref for Parts<'b> {
    type Target = [Part<'b>];

    #[inline]
    fn deref(&self) -> &[Part<'b>] {
        match self {
            Parts::One(one) => one,
            Parts::Any(parts) => parts,
        }
    }
}

impl DerefMut for Parts<'_> {
    fn deref_mut(&mut self) -> &mut Self::Target {
        match self {
            Parts::One(one) => one,
            Parts::Any(parts) => parts,
        }
    }
}

impl<'p, 'b> IntoIterator for &'p Parts<'b> {
    type Item = &'p Part<'b>;
    type IntoIter = std::slice::Iter<'p, Part<'b>>;

    #[inline]
    fn into_iter(self) -> Self::IntoIter {
        self.iter()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::traffic::dialect::json::Quoted;
    use crate::traffic::translate::prompt::Content;

    fn text(letter: &'static [u8]) -> Part<'static> {
        Part::of(Content::Text(Quoted::raw(letter)))
    }

    fn letters(parts: &Parts<'_>) -> String {
        let words = parts.iter().filter_map(|part| part.content.words());
        words.map(|words| String::from_utf8_lossy(words.as_written()).into_owned()).collect()
    }

    /// One or many, they keep their order.
    #[test]
    fn order_is_kept() {
        let many = || Parts::from(vec![text(b"b"), text(b"c")]);
        for (mut parts, others, expected) in [
            (Parts::default(), text(b"a").into(), "a"),
            (text(b"a").into(), many(), "abc"),
            (many(), text(b"d").into(), "bcd"),
            (text(b"a").into(), Parts::default(), "a"),
        ] {
            parts.append(others);
            assert_eq!(letters(&parts), expected);
            assert_eq!(parts.into_vec().len(), expected.len());
        }
    }
}
