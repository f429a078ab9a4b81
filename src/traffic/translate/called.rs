//! The calls of a history, for formats whose results name their function or stand in the order of the calls.

use crate::traffic::dialect::json::Quoted;
use std::collections::HashMap;

/// Ids and names of the calls so far.
#[derive(Default)]
pub struct Called<'p, 'b> {
    calls: Vec<(&'p Quoted<'b>, &'p Quoted<'b>)>,
    /// Where an id stands in them, last.
    places: HashMap<&'p [u8], usize>,
}

impl<'p, 'b> Called<'p, 'b> {
    pub fn add(&mut self, id: &'p Quoted<'b>, name: &'p Quoted<'b>) {
        self.places.insert(id.as_written(), self.calls.len());
        self.calls.push((id, name));
    }

    /// The place of a call among the others.
    pub fn place(&self, id: &Quoted<'_>) -> Option<usize> {
        self.places.get(id.as_written()).copied()
    }

    /// Id and name of the call in a place.
    pub fn at(&self, place: usize) -> Option<(&'p Quoted<'b>, &'p Quoted<'b>)> {
        self.calls.get(place).copied()
    }
}
