//! Embeddings of a provider as a client of this dialect has them.

use super::Wanted;
use crate::base::fault::{Fault, FaultKind};
use crate::contract::record::Usage;
use crate::traffic::dialect::json::{Item, Kind, Writer};
use crate::traffic::translate::Speech;
use crate::traffic::translate::shape::present;
use base64::engine::{Engine as _, general_purpose::STANDARD};

/// Whose answer it is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Source {
    Gemini,
    Cohere,
    Ollama,
}

impl Source {
    /// `None`: no embeddings come in this speech.
    pub fn of(provider: Speech) -> Option<Self> {
        match provider {
            Speech::Gemini => Some(Source::Gemini),
            Speech::Cohere => Some(Source::Cohere),
            Speech::Ollama => Some(Source::Ollama),
            _ => None,
        }
    }
}

/// Reads one answer, and writes it.
pub struct Reader {
    pub source: Source,
    pub wanted: Wanted,
    /// The model's name at its provider; most answers do not have it.
    pub model: String,
}

impl Reader {
    /// Of an answer in this speech.
    pub fn of(provider: Speech) -> Self {
        let Some(source) = Source::of(provider) else { unreachable!("nobody is asked for them in it") };
        Self { source, wanted: Wanted::default(), model: String::new() }
    }

    /// Writes the client's answer. Gives the tokens that the provider counted, if it did.
    ///
    /// # Errors
    /// The answer has not the form of its API, or not one list of numbers for each text.
    pub fn whole(&self, answer: Item<'_>, out: &mut Vec<u8>) -> Result<Option<Usage>, Fault> {
        let mut list = Writer(out);
        list.open("{\"object\":\"list\"").key("data").open("[");
        let mut told = 0;
        for numbers in self.vectors(answer).ok_or_else(unreadable)? {
            list.open("{\"object\":\"embedding\"").key("index").count(told).key("embedding");
            let numbers = numbers.filter(|numbers| numbers.kind() == Kind::Array).ok_or_else(unreadable)?;
            if self.wanted.base64 {
                packed(numbers, &mut list)?;
            } else {
                spelled(numbers, &mut list)?;
            }
            list.close("}");
            told += 1;
        }
        if told != self.wanted.count as u64 {
            return Err(unreadable());
        }
        let usage = self.usage(answer);
        let tokens = usage.map_or(0, |usage| usage.input);
        list.close("]").key("model").text(&self.model).key("usage").open("{");
        list.key("prompt_tokens").count(tokens).key("total_tokens").count(tokens).close("}}");
        Ok(usage)
    }

    /// The lists of numbers.
    fn vectors<'a>(&self, answer: Item<'a>) -> Option<Vec<Option<Item<'a>>>> {
        Some(match self.source {
            Source::Gemini if !self.wanted.listed => vec![answer.get("embedding")?.get("values")],
            Source::Gemini => {
                answer.get("embeddings")?.elements().map(|embedding| embedding.get("values")).collect()
            }
            Source::Cohere => answer.get("embeddings")?.get("float")?.elements().map(Some).collect(),
            Source::Ollama => answer.get("embeddings")?.elements().map(Some).collect(),
        })
    }

    fn usage(&self, answer: Item<'_>) -> Option<Usage> {
        let count = match self.source {
            Source::Gemini => present(answer.get("usageMetadata"))?.get("promptTokenCount"),
            Source::Cohere => {
                let meta = answer.get("meta")?;
                let tokens = |name| meta.get(name).and_then(|counts| counts.get("input_tokens"));
                tokens("tokens").or_else(|| tokens("billed_units"))
            }
            Source::Ollama => answer.get("prompt_eval_count"),
        };
        Some(Usage { input: count?.count()?, ..Usage::default() })
    }
}

/// The numbers as their provider wrote them.
fn spelled(numbers: Item<'_>, out: &mut Writer<'_>) -> Result<(), Fault> {
    out.open("[");
    for number in numbers.elements() {
        out.raw(number.number().ok_or_else(unreadable)?);
    }
    out.close("]");
    Ok(())
}

/// The numbers in four bytes each, the least first.
fn packed(numbers: Item<'_>, out: &mut Writer<'_>) -> Result<(), Fault> {
    let mut bytes = vec![];
    for number in numbers.elements() {
        let digits = number.number().and_then(|digits| std::str::from_utf8(digits).ok());
        let number: f32 = digits.and_then(|digits| digits.parse().ok()).ok_or_else(unreadable)?;
        bytes.extend_from_slice(&number.to_le_bytes());
    }
    out.text(&STANDARD.encode(bytes));
    Ok(())
}

fn unreadable() -> Fault {
    FaultKind::UpstreamUnreadable.into()
}
