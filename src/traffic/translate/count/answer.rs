//! A provider's count as a client of each dialect has it.

use super::Counter;
use crate::base::fault::Fault;
use crate::contract::endpoint::Dialect;
use crate::traffic::dialect::json::{Item, Writer};
use crate::traffic::translate::Speech;
use crate::traffic::translate::misread::lacks;
use crate::traffic::translate::shape::present;

/// Reads one answer, and writes it.
pub struct Reader {
    counter: Counter,
    client: Dialect,
}

impl Reader {
    pub fn of(provider: Speech, client: Dialect) -> Self {
        let Some(counter) = Counter::of(provider) else { unreachable!("nobody is asked to count in it") };
        Self { counter, client }
    }

    /// Writes the client's answer.
    ///
    /// # Errors
    /// The answer holds no count.
    pub fn whole(&self, answer: Item<'_>, out: &mut Vec<u8>) -> Result<(), Fault> {
        let name = match self.counter {
            Counter::Messages | Counter::RawPredict | Counter::Responses => "input_tokens",
            Counter::Contents => "totalTokens",
            Counter::Converse | Counter::InvokeModel => "inputTokens",
        };
        let tokens = match present(answer.get(name)) {
            Some(tokens) => tokens.count(),
            // Google does not write numbers that are zero.
            None => (self.counter == Counter::Contents && answer.is_object()).then_some(0),
        };
        let tokens = tokens.ok_or_else(|| lacks(name))?;
        let mut out = Writer(out);
        match self.client {
            Dialect::Anthropic => out.open("{").key("input_tokens").count(tokens),
            Dialect::Gemini => out.open("{").key("totalTokens").count(tokens),
            Dialect::OpenAi => {
                out.open("{\"object\":\"response.input_tokens\"").key("input_tokens").count(tokens)
            }
        };
        out.close("}");
        Ok(())
    }
}
