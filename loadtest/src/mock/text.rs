//! The canned answer: one sentence, repeated or cut to the size that is wanted, in chunks of one token each.

use super::fault::Fault;
use super::settings::Settings;

/// What every answer says.
pub const SENTENCE: &str = "This is a canned answer of the mock provider.";

/// What an answer says that is to be an object.
pub const OBJECT: &str = "{\"city\": \"Oslo\", \"degrees\": -3}";

/// Bytes of a chunk where no size is wanted and the sentence is too short for all chunks.
const CHUNK_BYTES: usize = 5;

/// The text of one answer, in the chunks of its stream.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Canned {
    pub chunks: Vec<String>,
    /// The client's token limit left no room for the rest.
    pub is_cut: bool,
}

impl Canned {
    /// The answer that settings ask for, with at most `tokens_max` chunks.
    pub fn of(settings: &Settings, tokens_max: Option<u32>) -> Self {
        let wanted = settings.chunks as usize;
        let bytes =
            settings.answer_bytes.map_or(SENTENCE.len().max(wanted * CHUNK_BYTES), |bytes| bytes as usize);
        let text = match settings.json {
            _ if wanted == 0 => String::new(),
            true => OBJECT.to_owned(),
            false => repeated(bytes),
        };
        let mut chunks: Vec<String> = (0..wanted)
            .map(|index| text[edge(&text, index, wanted)..edge(&text, index + 1, wanted)].to_owned())
            .collect();
        if let Some(Fault::HugeEvent(bytes)) = settings.fault {
            let middle = wanted / 2;
            chunks.resize(wanted.max(1), String::new());
            chunks[middle] = repeated(bytes as usize);
        }
        let limit = tokens_max.map_or(usize::MAX, |tokens| tokens as usize);
        let is_cut = chunks.len() > limit;
        chunks.truncate(limit);
        Self { chunks, is_cut }
    }

    /// All of it.
    pub fn text(&self) -> String {
        self.chunks.concat()
    }
}

/// Where the `index`th of `count` pieces of a text begins.
fn edge(text: &str, index: usize, count: usize) -> usize {
    (text.len() as u128 * index as u128 / count as u128) as usize
}

/// The sentence, again and again, for so many bytes.
pub fn repeated(bytes: usize) -> String {
    let mut text = String::with_capacity(bytes + SENTENCE.len());
    while text.len() < bytes {
        text.push_str(SENTENCE);
        text.push(' ');
    }
    text.truncate(bytes);
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Chunks are as many as wanted, join to the text, and the default text is the sentence.
    #[test]
    fn chunks_join_to_the_text() {
        let canned = Canned::of(&Settings::default(), None);
        assert_eq!((canned.text().as_str(), canned.chunks.len()), (SENTENCE, 8));
        let many = Settings { chunks: 1000, answer_bytes: Some(100), ..Settings::default() };
        let canned = Canned::of(&many, None);
        assert_eq!((canned.text().len(), canned.chunks.len()), (100, 1000));
        assert!(Canned::of(&Settings { chunks: 0, ..many }, None).text().is_empty());
    }

    /// A token limit cuts the answer, and only where it is too long.
    #[test]
    fn keeps_to_the_token_limit() {
        let canned = Canned::of(&Settings::default(), Some(3));
        assert!(canned.is_cut && SENTENCE.starts_with(&canned.text()));
        assert_eq!(canned.chunks.len(), 3);
        assert!(!Canned::of(&Settings::default(), Some(8)).is_cut);
    }

    /// A huge event is one chunk of the size that is wanted.
    #[test]
    fn makes_one_chunk_huge() {
        let settings = Settings { fault: Some(Fault::HugeEvent(100_000)), ..Settings::default() };
        let sizes: Vec<_> = Canned::of(&settings, None).chunks.iter().map(String::len).collect();
        assert_eq!((sizes.len(), sizes[4]), (8, 100_000));
    }
}
