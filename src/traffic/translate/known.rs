//! What the gateway itself knows of an answer, for providers that do not tell: Bedrock never does, and some servers leave one
//! or the other out, or empty.

use super::event::Event;
use crate::traffic::dialect::json::Quoted;

/// An id, and the provider's name for the model.
#[derive(Default)]
pub struct Known {
    /// One after the other, in one allocation.
    id_and_model: Box<str>,
    id_bytes: usize,
}

impl Known {
    pub fn new(id: &str, model: &str) -> Self {
        Self { id_and_model: [id, model].concat().into(), id_bytes: id.len() }
    }

    /// The event, with what it should have told.
    #[inline]
    pub fn fill<'a>(&'a self, mut event: Event<'a>) -> Event<'a> {
        if let Event::Start { id, model } = &mut event {
            let (own_id, own_model) = self.id_and_model.split_at(self.id_bytes);
            for (told, own) in [(id, own_id), (model, own_model)] {
                if told.is_empty() {
                    *told = Quoted::of(own);
                }
            }
        }
        event
    }
}
