//! Embeddings of a provider as a client of this dialect has them.

use super::{Method, Wanted};
use crate::base::fault::Fault;
use crate::contract::record::Usage;
use crate::traffic::dialect::json::{Item, Kind, Writer};
use crate::traffic::translate::Speech;
use crate::traffic::translate::misread::{lacks, odd};
use crate::traffic::translate::shape::present;
use base64::engine::{Engine as _, general_purpose::STANDARD};

/// Whose answer it is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Source {
    OpenAi,
    Gemini,
    Cohere,
    Ollama,
}

impl Source {
    /// `None`: no embeddings come in this speech.
    pub fn of(provider: Speech) -> Option<Self> {
        match provider {
            Speech::OpenAi | Speech::Responses => Some(Source::OpenAi),
            Speech::Gemini => Some(Source::Gemini),
            Speech::Cohere => Some(Source::Cohere),
            Speech::Ollama => Some(Source::Ollama),
            _ => None,
        }
    }

    /// Where its lists of numbers stand.
    const fn member(self) -> &'static str {
        match self {
            Source::OpenAi => "data[].embedding",
            Source::Gemini => "embedding",
            Source::Cohere => "embeddings.float",
            Source::Ollama => "embeddings",
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
        let vectors = self.vectors(answer).ok_or_else(|| lacks(self.source.member()))?;
        let (count, wanted) = (vectors.len(), self.wanted.count);
        if count != wanted {
            return Err(odd(format_args!("it has {count} embeddings for {wanted} texts")));
        }
        let usage = self.usage(answer);
        if self.wanted.predicted {
            Self::predictions(&vectors, usage, &mut Writer(out))?;
        } else if self.wanted.of_google {
            self.google(&vectors, usage, &mut Writer(out))?;
        } else {
            self.openai(&vectors, usage, &mut Writer(out))?;
        }
        Ok(usage)
    }

    fn openai(
        &self,
        vectors: &Vectors<'_>,
        usage: Option<Usage>,
        list: &mut Writer<'_>,
    ) -> Result<(), Fault> {
        list.open("{\"object\":\"list\"").key("data").open("[");
        for (told, numbers) in (0..).zip(vectors) {
            list.open("{\"object\":\"embedding\"").key("index").count(told).key("embedding");
            let numbers = listed(*numbers)?;
            if self.wanted.base64 {
                packed(numbers, list)?;
            } else {
                spelled(numbers, list)?;
            }
            list.close("}");
        }
        let tokens = usage.map_or(0, |usage| usage.input);
        list.close("]").key("model").text(&self.model).key("usage").open("{");
        list.key("prompt_tokens").count(tokens).key("total_tokens").count(tokens).close("}}");
        Ok(())
    }

    fn google(&self, vectors: &Vectors<'_>, usage: Option<Usage>, out: &mut Writer<'_>) -> Result<(), Fault> {
        let (begin, end) = if self.wanted.listed { ("embeddings", "]") } else { ("embedding", "") };
        out.open("{").key(begin);
        if self.wanted.listed {
            out.open("[");
        }
        for numbers in vectors {
            out.open("{").key("values");
            spelled(listed(*numbers)?, out)?;
            out.close("}");
        }
        out.close(end);
        if let Some(usage) = usage {
            out.key("usageMetadata").open("{").key("promptTokenCount").count(usage.input).close("}");
        }
        out.close("}");
        Ok(())
    }

    /// How many tokens each text has is known of an only one.
    fn predictions(vectors: &Vectors<'_>, usage: Option<Usage>, out: &mut Writer<'_>) -> Result<(), Fault> {
        out.open("{").key("predictions").open("[");
        for numbers in vectors {
            out.open("{").key("embeddings").open("{").key("values");
            spelled(listed(*numbers)?, out)?;
            if let Some(usage) = usage.filter(|_| vectors.len() == 1) {
                out.key("statistics").open("{").key("token_count").count(usage.input).close("}");
            }
            out.close("}}");
        }
        out.close("]}");
        Ok(())
    }

    /// The lists of numbers.
    fn vectors<'a>(&self, answer: Item<'a>) -> Option<Vectors<'a>> {
        let values = |holder: Item<'a>| holder.get("values");
        Some(match (self.source, self.wanted.method) {
            (Source::OpenAi, _) => ordered(answer.get("data")?),
            (Source::Gemini, Method::One) => vec![answer.get("embedding")?.get("values")],
            (Source::Gemini, Method::List) => answer.get("embeddings")?.elements().map(values).collect(),
            (Source::Gemini, Method::Predict) => {
                let predictions = answer.get("predictions")?.elements();
                predictions.map(|one| one.get("embeddings").and_then(values)).collect()
            }
            (Source::Cohere, _) => answer.get("embeddings")?.get("float")?.elements().map(Some).collect(),
            (Source::Ollama, _) => answer.get("embeddings")?.elements().map(Some).collect(),
        })
    }

    fn usage(&self, answer: Item<'_>) -> Option<Usage> {
        if self.wanted.method == Method::Predict {
            return predicted(answer);
        }
        let count = match self.source {
            Source::OpenAi => present(answer.get("usage"))?.get("prompt_tokens"),
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

/// A list of numbers for each text, if that is what they are.
type Vectors<'a> = Vec<Option<Item<'a>>>;

/// Each list at the place that is written beside it, or where it stands if there is none.
fn ordered(data: Item<'_>) -> Vectors<'_> {
    let place =
        |(stands, one): (u64, Item<'_>)| one.get("index").and_then(|index| index.count()).unwrap_or(stands);
    let mut all: Vec<_> = (0..).zip(data.elements()).collect();
    all.sort_by_key(|one| place(*one));
    all.into_iter().map(|(_, one)| one.get("embedding")).collect()
}

/// Each prediction says what it counted.
fn predicted(answer: Item<'_>) -> Option<Usage> {
    let counts = answer.get("predictions")?.elements().map(|one| {
        // Numbers come as they are in other languages, some with a fraction.
        let count = one.get("embeddings")?.get("statistics")?.get("token_count")?;
        let digits = std::str::from_utf8(count.number()?).ok()?;
        digits.parse::<f64>().ok().map(|count| count as u64)
    });
    Some(Usage { input: counts.sum::<Option<u64>>()?, ..Usage::default() })
}

fn listed(numbers: Option<Item<'_>>) -> Result<Item<'_>, Fault> {
    numbers
        .filter(|numbers| numbers.kind() == Kind::Array)
        .ok_or_else(|| odd("an embedding is no list of numbers"))
}

/// The numbers as their provider wrote them.
fn spelled(numbers: Item<'_>, out: &mut Writer<'_>) -> Result<(), Fault> {
    out.open("[");
    for number in numbers.elements() {
        out.raw(number.number().ok_or_else(|| odd("an embedding is no list of numbers"))?);
    }
    out.close("]");
    Ok(())
}

/// The numbers in four bytes each, the least first.
fn packed(numbers: Item<'_>, out: &mut Writer<'_>) -> Result<(), Fault> {
    let mut bytes = vec![];
    for number in numbers.elements() {
        let digits = number.number().and_then(|digits| std::str::from_utf8(digits).ok());
        let number: f32 = digits
            .and_then(|digits| digits.parse().ok())
            .ok_or_else(|| odd("an embedding is no list of numbers"))?;
        bytes.extend_from_slice(&number.to_le_bytes());
    }
    out.text(&STANDARD.encode(bytes));
    Ok(())
}
