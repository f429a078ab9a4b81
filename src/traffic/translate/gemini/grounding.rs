//! What an answer's texts rest on, which this format tells behind them: sources, and which bytes rest on which.

use crate::traffic::dialect::json::{Item, Quoted};
use crate::traffic::translate::cited::{Widths, is_web};
use crate::traffic::translate::event::{Citation, Event};

/// A page, a place on a map, or a text that was looked up in what the client keeps at the provider.
fn source(chunk: Item<'_>) -> Option<Citation<'_>> {
    let kept = chunk.get("retrievedContext");
    let source = ["web", "maps"].into_iter().find_map(|kind| chunk.get(kind)).or(kept)?;
    let given = |name| source.text_at(name).filter(|text| !text.is_empty());
    let named = given("uri").or_else(|| given("documentName")).or_else(|| given("fileSearchStore"));
    let named = named.or_else(|| given("title"))?;
    let (url, id) = if is_web(&named) { (named, Quoted::default()) } else { (Quoted::default(), named) };
    let (title, quote) = (given("title").unwrap_or_default(), given("text").unwrap_or_default());
    Some(Citation { url, id, title, quote, span: None })
}

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
                let Some(source) = chunk.and_then(|chunk| source(*chunk)) else { continue };
                self.told = true;
                tell(Event::Cited(Citation { span, ..source }));
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
