//! Shapes of reports: what stands between their numbers.
//!
//! Takes reports that were read, and where their numbers stood; gives the counts of one whose text is the same.
//!
//! Invariant: a report is recalled only if reading it would give the same: all of it but its numbers is equal, byte by
//! byte, to one that was read, and its numbers are read as the reader reads them.

use super::{Cursor, Part};
use crate::contract::record::Usage;
use crate::traffic::dialect::sums::with_thoughts;
use std::ops::Range;

/// Numbers that a report may have to be remembered, and length of its text without them.
const NUMBERS: usize = 16;
const TEXT_BYTES: usize = 512;
/// Shapes that are remembered.
const SHAPES: usize = 4;

/// Where numbers stand in a text, and what they count.
pub(super) struct Places {
    list: [(Part, usize, usize); NUMBERS],
    count: usize,
}

impl Places {
    pub const NONE: Self = Self { list: [(Part::Other, 0, 0); NUMBERS], count: 0 };

    pub fn add(&mut self, part: Part, place: Range<usize>) {
        if let Some(slot) = self.list.get_mut(self.count) {
            *slot = (part, place.start, place.end);
        }
        self.count += 1;
    }
}

/// The last shapes.
pub(super) struct Shapes {
    kept: Vec<Shape>,
    /// Which one was found last, and which one gives way.
    found: usize,
    oldest: usize,
}

#[derive(Default)]
struct Shape {
    /// The report without its numbers.
    text: Vec<u8>,
    /// What each number counts, and where in `text` it is missing.
    numbers: Vec<(Part, usize)>,
}

impl Shapes {
    pub const NONE: Self = Self { kept: vec![], found: 0, oldest: 0 };

    /// The counts of a report at the front of `bytes`, and where it ends, if its shape is known.
    pub fn recall(&mut self, bytes: &[u8]) -> Option<(Usage, usize)> {
        let count = self.kept.len();
        (self.found..count).chain(0..self.found).find_map(|index| {
            let read = self.kept.get(index)?.read(bytes)?;
            self.found = index;
            Some(read)
        })
    }

    /// Remembers the shape of a report that was read.
    pub fn learn(&mut self, report: &[u8], places: &Places) {
        let Some(places) = places.list.get(..places.count) else { return };
        let digits: usize = places.iter().map(|(_, from, until)| until - from).sum();
        if report.len() - digits > TEXT_BYTES {
            return;
        }
        if self.kept.len() < SHAPES {
            self.kept.push(Shape::default());
        }
        let shape = &mut self.kept[self.oldest];
        self.oldest = (self.oldest + 1) % SHAPES;
        shape.text.clear();
        shape.numbers.clear();
        let mut passed = 0;
        for (part, from, until) in places {
            shape.text.extend_from_slice(&report[passed..*from]);
            shape.numbers.push((*part, shape.text.len()));
            passed = *until;
        }
        shape.text.extend_from_slice(&report[passed..]);
    }
}

impl Shape {
    fn read(&self, bytes: &[u8]) -> Option<(Usage, usize)> {
        let mut cursor = Cursor { bytes, at: 0, places: None };
        let (mut usage, mut total, mut passed) = (Usage::default(), 0, 0);
        for (part, until) in &self.numbers {
            cursor.text(&self.text[passed..*until])?;
            passed = *until;
            let count = cursor.count()?;
            match part.place(&mut usage) {
                Some(place) => *place = count,
                None if *part == Part::Total => total = count,
                None => {}
            }
        }
        cursor.text(&self.text[passed..])?;
        usage.output = with_thoughts(usage.input, usage.output, usage.reasoning, total);
        Some((usage, cursor.at))
    }
}

impl Cursor<'_> {
    fn text(&mut self, text: &[u8]) -> Option<()> {
        self.bytes.get(self.at..)?.starts_with(text).then(|| self.at += text.len())
    }
}
