//! What an answer's texts rest on, which this format tells behind them: sources, and which bytes rest on which.

use crate::traffic::dialect::json::{Item, Quoted};
use crate::traffic::translate::cited::Widths;
use crate::traffic::translate::event::{Citation, Event};

/// The texts of an answer, so far as places in them can be told.
#[derive(Default)]
pub struct Grounding {
    widths: Widths,
    /// Characters before the open text.
    before: u64,
    characters: u64,
    told: bool,
}

impl Grounding {
    /// Another text begins.
    pub fn open(&mut self) {
        self.before = self.characters;
    }

    /// More of the open text.
    pub fn piece(&mut self, piece: &Quoted<'_>) {
        self.widths.piece(piece);
        self.characters = self.widths.characters(u64::MAX);
    }

    /// Tells the sources, which may come more than once.
    pub fn tell(&mut self, candidate: Item<'_>, tell: &mut dyn FnMut(Event<'_>)) {
        let Some(metadata) = candidate.get("groundingMetadata").filter(|_| !self.told) else { return };
        let Some(chunks) = metadata.get("groundingChunks") else { return };
        let chunks: Vec<Item<'_>> = chunks.elements().collect();
        for support in metadata.get("groundingSupports").iter().flat_map(Item::elements) {
            let span = support.get("segment").and_then(|segment| self.span(segment));
            for index in support.get("groundingChunkIndices").iter().flat_map(Item::elements) {
                let chunk = index.count().and_then(|index| chunks.get(usize::try_from(index).ok()?));
                let Some(web) = chunk.and_then(|chunk| chunk.get("web")) else { continue };
                let Some(url) = web.text_at("uri").filter(|url| !url.is_empty()) else { continue };
                let (title, quote) = (web.text_at("title").unwrap_or_default(), Quoted::default());
                self.told = true;
                tell(Event::Cited(Citation { url, title, quote, span }));
            }
        }
    }

    /// Of the open text, from which to which character.
    fn span(&self, segment: Item<'_>) -> Option<(u64, u64)> {
        let place = |name| segment.get(name).and_then(|place| place.count());
        // What is zero is left out.
        let (start, end) = (place("startIndex").unwrap_or_default(), place("endIndex")?);
        let within = |bytes| self.widths.characters(bytes).checked_sub(self.before);
        Some((within(start)?, within(end)?)).filter(|(start, end)| start < end)
    }
}
