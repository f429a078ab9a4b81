//! TRANSLATE: one API in terms of another.
//!
//! Takes a request's body in the dialect of its client and gives the one that its provider's format wants; takes the
//! provider's answer, whole or as a stream in any pieces, and gives the client's.
//!
//! Every format is understood and written through one form in the middle: a [`prompt::Prompt`] on the way in,
//! [`event::Event`]s on the way back. A format is a folder of four files (of two, where only clients or only providers
//! have it), and knows no other format; what Claude takes, whoever hosts it, is in `claude`. A whole answer is told by the
//! same events as a stream of it, so that the two cannot differ. Embeddings are no conversation, and have a folder of
//! their own with all formats in it.
//!
//! Invariant: what the client said reaches the provider as it was written, or is refused, or is named as lost. Equal
//! requests make equal bytes. Nothing is held of a stream but the event at hand, and what the client's dialect repeats.

pub mod anthropic;
mod apart;
mod arguments;
mod asking;
mod base64;
mod bedrock;
mod called;
mod cited;
mod claude;
mod closed;
pub mod cohere;
pub mod completions;
pub mod count;
pub mod embeddings;
pub mod event;
pub mod failure;
mod fetched;
pub mod foreign;
pub mod frames;
pub mod gemini;
mod knobs;
mod known;
mod logprobs;
pub mod loss;
mod makers;
mod media;
mod misread;
pub mod names;
pub mod ollama;
pub mod openai;
mod parts;
mod picture;
pub mod prompt;
mod proof;
pub mod responses;
mod search;
mod shape;
mod stream;
#[cfg(test)]
mod tests;

pub use openai::request_out::StreamUsage;
pub use stream::{Passed, Translation};

use crate::base::fault::{Fault, FaultKind};
use crate::contract::endpoint::{Dialect, Endpoint};
use crate::contract::errand::{Shelf, Want};
use crate::contract::parameters::Parameters;
use crate::contract::snapshot::{Format, Unsupported};
use crate::traffic::dialect::json::Tree;
use anthropic::hosted::Host;
use loss::Losses;
use names::Renamed;
use prompt::Knob;

/// A format that requests and answers have, at a client or at a provider.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Speech {
    /// Chat completions.
    OpenAi,
    /// Messages.
    Anthropic,
    /// `generateContent`.
    Gemini,
    /// Responses.
    Responses,
    /// Completions: of clients only.
    Completions,
    /// Embeddings: of clients only; the speech of a provider that has them is the one of its format.
    Embeddings,
    /// The same in Google's dialect.
    GoogleEmbeddings,
    /// What a prompt comes to in tokens: of clients only, in the dialect of each.
    Count(Dialect),
    /// Ollama's own: of providers only.
    Ollama,
    /// Cohere's chat: of providers only.
    Cohere,
    /// `Converse`: of providers only, and so are the next.
    Bedrock,
    /// Messages, hosted by Amazon.
    BedrockAnthropic,
    /// Messages, hosted by Google.
    VertexAnthropic,
}

impl Speech {
    /// The endpoint whose requests and answers have it, if it is one.
    pub const fn endpoint(self) -> Option<Endpoint> {
        match self {
            Speech::OpenAi => Some(Endpoint::ChatCompletions),
            Speech::Anthropic => Some(Endpoint::Messages),
            Speech::Gemini
            | Speech::GoogleEmbeddings
            | Speech::Ollama
            | Speech::Cohere
            | Speech::Bedrock
            | Speech::BedrockAnthropic
            | Speech::VertexAnthropic => None,
            Speech::Responses => Some(Endpoint::Responses),
            Speech::Completions => Some(Endpoint::Completions),
            Speech::Embeddings => Some(Endpoint::Embeddings),
            Speech::Count(Dialect::OpenAi) => Some(Endpoint::InputTokens),
            Speech::Count(Dialect::Anthropic) => Some(Endpoint::CountTokens),
            Speech::Count(Dialect::Gemini) => Some(Endpoint::GeminiCountTokens),
        }
    }

    /// One of the two in which `OpenAI`'s models are asked, whose requests have members alike that others have not.
    const fn is_openais(self) -> bool {
        matches!(self, Speech::OpenAi | Speech::Responses)
    }

    /// Who serves the model, of a provider that speaks messages.
    const fn host(self) -> Option<Host> {
        match self {
            Speech::Anthropic => Some(Host::Anthropic),
            Speech::BedrockAnthropic => Some(Host::Bedrock),
            Speech::VertexAnthropic => Some(Host::Vertex),
            _ => None,
        }
    }
}

/// The speeches that clients have at endpoints of their own.
const CLIENTS: [Speech; 10] = [
    Speech::OpenAi,
    Speech::Anthropic,
    Speech::Gemini,
    Speech::Responses,
    Speech::Completions,
    Speech::Embeddings,
    Speech::GoogleEmbeddings,
    Speech::Count(Dialect::OpenAi),
    Speech::Count(Dialect::Anthropic),
    Speech::Count(Dialect::Gemini),
];

/// From a client's speech to a provider's, and back.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Crossing {
    pub client: Speech,
    pub provider: Speech,
}

impl Crossing {
    /// `None`: requests of this endpoint are not translated.
    pub fn between(endpoint: Endpoint, format: Format) -> Option<Self> {
        let speaks = |speech: &Speech| match speech {
            Speech::Gemini => matches!(endpoint, Endpoint::GenerateContent | Endpoint::StreamGenerateContent),
            Speech::GoogleEmbeddings => {
                matches!(endpoint, Endpoint::EmbedContent | Endpoint::BatchEmbedContents | Endpoint::Predict)
            }
            speech => speech.endpoint() == Some(endpoint),
        };
        let client = CLIENTS.into_iter().find(speaks)?;
        let provider = match format {
            Format::OpenAi => Speech::OpenAi,
            Format::Anthropic => Speech::Anthropic,
            Format::Gemini => Speech::Gemini,
            Format::Responses => Speech::Responses,
            Format::Ollama => Speech::Ollama,
            Format::Cohere => Speech::Cohere,
            Format::Bedrock => Speech::Bedrock,
            Format::BedrockAnthropic => Speech::BedrockAnthropic,
            Format::VertexAnthropic => Speech::VertexAnthropic,
        };
        let crosses = match client {
            Speech::Embeddings | Speech::GoogleEmbeddings => {
                embeddings::answer::Source::of(provider).is_some()
            }
            Speech::Count(_) => count::Counter::of(provider).is_some(),
            _ => true,
        };
        crosses.then_some(Self { client, provider })
    }

    /// Both speak messages: requests and answers cross with all that they say.
    pub fn is_verbatim(self) -> bool {
        self.client == Speech::Anthropic && self.is_hosted()
    }

    /// The provider hosts models of Anthropic's for somebody who speaks as Anthropic does.
    pub fn is_hosted(self) -> bool {
        matches!(self.client, Speech::Anthropic | Speech::Count(Dialect::Anthropic))
            && self.provider.host().is_some_and(|host| host != Host::Anthropic)
    }

    /// The answer is no stream, whatever its request says.
    pub fn is_whole(self) -> bool {
        matches!(self.client, Speech::Embeddings | Speech::GoogleEmbeddings | Speech::Count(_))
    }

    /// The name of a model in the path of such a request.
    pub fn named(self, model: &str) -> &str {
        match self {
            Self { client: Speech::Count(_), provider: Speech::Bedrock | Speech::BedrockAnthropic } => {
                count::base_model(model)
            }
            _ => model,
        }
    }

    /// Tokens are counted by what few of those have who speak `OpenAI`'s formats.
    pub fn counts_responses(self) -> bool {
        matches!((self.client, self.provider), (Speech::Count(_), Speech::OpenAi | Speech::Responses))
    }
}

/// Whether an answer comes whole or as a stream.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Form {
    Whole,
    Stream,
}

/// Where a request goes.
#[derive(Clone, Copy)]
pub struct Destination<'d> {
    pub speech: Speech,
    /// The provider's name for the model.
    pub model: &'d str,
    pub stream_usage: StreamUsage,
    pub unsupported: Unsupported,
    /// What the client's head names of Anthropic's features that are being tried out.
    pub betas: &'d [&'d str],
    /// What was fetched of what the request names by URL. `None`: nothing may be.
    pub shelf: Option<&'d Shelf>,
    /// Of Google's two APIs it is the one of its cloud.
    pub on_vertex: bool,
    /// What a server of `OpenAI`'s format knows beside it.
    pub parameters: Parameters,
}

/// What was made of a request.
pub struct Translated {
    pub renamed: Renamed,
    /// What was left out, by name, separated by commas.
    pub dropped: String,
    /// Members that the answer is to repeat, if the client's dialect wants that; see [`Translation::repeating`].
    pub repeated: Vec<u8>,
    /// Of a request for embeddings, what the answer is to be; see [`Translation::embedding`].
    pub wanted: embeddings::Wanted,
    /// What has to be fetched, and be on the shelf, before the request can be written. If there is any, nothing was.
    pub lacking: Vec<Want>,
}

impl Translated {
    /// What nothing is to be told of.
    fn silent(lacking: Vec<Want>) -> Self {
        Self {
            renamed: Renamed::default(),
            dropped: String::new(),
            repeated: vec![],
            wanted: embeddings::Wanted::default(),
            lacking,
        }
    }
}

/// Writes a request's body as its provider's format wants it, at the end of `out`.
///
/// # Errors
/// The body has not the form of its dialect, or asks for what the provider's format has no place for.
pub fn request(
    from: Speech,
    to: Destination<'_>,
    body: &[u8],
    out: &mut Vec<u8>,
) -> Result<Translated, Fault> {
    request_in_form(from, None, to, body, out)
}

/// The same for dialects whose clients ask for the answer's form elsewhere than in the body.
///
/// # Errors
/// As above.
pub fn request_in_form(
    from: Speech,
    form: Option<Form>,
    to: Destination<'_>,
    body: &[u8],
    out: &mut Vec<u8>,
) -> Result<Translated, Fault> {
    let (mut tree, mut schemas) = (Tree::default(), Tree::default());
    let page = tree.parse(body).map_err(|fault| Fault::told(FaultKind::InvalidJson, fault.message()))?;
    let body = page.root();
    let crossing = Crossing { client: from, provider: to.speech };
    if let Some(host) = to.speech.host().filter(|_| crossing.is_hosted()) {
        let lacking = if crossing.is_verbatim() {
            anthropic::hosted::carry(body, host, to.betas, to.shelf, out)
        } else {
            count::written_verbatim(body, host, to, out)
        };
        return lacking.map(Translated::silent);
    }
    let own = match to.speech {
        Speech::OpenAi | Speech::Responses if from.is_openais() && makers::served_by_openai(to.model) => {
            &openai::SHARED[..]
        }
        Speech::Bedrock => &bedrock::request_out::OWN[..],
        Speech::Cohere => &cohere::request_out::OWN,
        _ => &[],
    };
    let mut losses = Losses::new(to.unsupported).knowing(own);
    if let Speech::Embeddings | Speech::GoogleEmbeddings = from {
        let wanted = embeddings::request(from, to, body, out, &mut losses)?;
        return Ok(Translated { dropped: losses.told()?, wanted, ..Translated::silent(vec![]) });
    }
    let (raised, raised_page);
    let mut prompt = match from {
        Speech::OpenAi => openai::request_in::read(body, &mut losses)?,
        Speech::Anthropic | Speech::Count(Dialect::Anthropic) => {
            anthropic::request_in::read(body, &mut losses)?
        }
        Speech::Gemini | Speech::Count(Dialect::Gemini) => {
            let body = if from == Speech::Gemini { body } else { count::inner(body) };
            raised = gemini::schema::raised(body);
            raised_page = schemas.parse(&raised).map_err(|_| Fault::new(FaultKind::InvalidJson))?;
            gemini::request_in::read(body, raised_page.root(), &mut losses)?
        }
        Speech::Responses | Speech::Count(Dialect::OpenAi) => responses::request_in::read(body, &mut losses)?,
        Speech::Completions => completions::request_in::read(body, &mut losses)?,
        _ => return Err(unwritten()),
    };
    prompt.own = own.iter().filter_map(|name| Some((*name, shape::present(body.get(name))?))).collect();
    if let Some(form) = form {
        prompt.stream = form == Form::Stream;
    }
    prompt.narrow();
    search::settle(&mut prompt, to.speech, to.model, &mut losses);
    if from != to.speech && (!can_be_several(from, to.speech) || prompt.stream) {
        for (knob, value) in prompt.knobs.extract_if(.., |(knob, _)| *knob == Knob::Choices) {
            knobs::lose(knob, &value, &mut losses);
        }
    }
    if let Some(shelf) = to.shelf {
        let lacking = fetched::supply(&mut prompt, to.speech, to.model, shelf);
        if !lacking.is_empty() {
            return Ok(Translated::silent(lacking));
        }
    }
    if let Speech::Count(_) = from {
        count::write(&prompt, to, out, &mut losses)?;
        return Ok(Translated { dropped: losses.told()?, ..Translated::silent(vec![]) });
    }
    let completes = from == Speech::Completions && to.speech == Speech::Ollama;
    if prompt.suffix.is_some() && !completes {
        // A chat goes on behind its question, and nowhere else.
        losses.parameter("suffix");
    }
    let cites = to.speech == Speech::Cohere && prompt.own("documents").is_some();
    if cites && prompt.stream && matches!(from, Speech::OpenAi | Speech::Completions) {
        // Documents without a URL have no place in such an answer, and of a stream that cannot be said later.
        losses.hint("citations");
    }
    // It is about as long in any format.
    out.reserve(page.root().raw().len());
    let renamed = match to.speech {
        Speech::OpenAi => openai::request_out::write(&prompt, to, out, &mut losses)?,
        Speech::Anthropic => {
            anthropic::request_out::write(&prompt, Host::Anthropic, to.model, out, &mut losses)?
        }
        Speech::BedrockAnthropic => {
            anthropic::request_out::write(&prompt, Host::Bedrock, to.model, out, &mut losses)?
        }
        Speech::VertexAnthropic => {
            anthropic::request_out::write(&prompt, Host::Vertex, to.model, out, &mut losses)?
        }
        Speech::Bedrock => bedrock::request_out::write(&prompt, to.model, out, &mut losses)?,
        Speech::Gemini => gemini::request_out::write(&prompt, to.model, out, &mut losses)?,
        Speech::Responses => responses::request_out::write(&prompt, to.model, out, &mut losses)?,
        Speech::Ollama if completes => {
            ollama::request_out::completion(&prompt, to.model, out, &mut losses);
            Renamed::default()
        }
        Speech::Ollama => ollama::request_out::chat(&prompt, to.model, out, &mut losses)?,
        Speech::Cohere => cohere::request_out::write(&prompt, to.model, out, &mut losses)?,
        Speech::Completions | Speech::Embeddings | Speech::GoogleEmbeddings | Speech::Count(_) => {
            return Err(unwritten());
        }
    };
    let repeated = if from == Speech::Responses { responses::answer_out::repeated(body) } else { vec![] };
    let wanted = embeddings::Wanted::default();
    Ok(Translated { renamed, dropped: losses.told()?, repeated, wanted, lacking: vec![] })
}

/// Whether a whole answer may be several, of which a client hears and a provider knows.
const fn can_be_several(from: Speech, to: Speech) -> bool {
    matches!(from, Speech::OpenAi | Speech::Gemini | Speech::Completions)
        && matches!(to, Speech::OpenAi | Speech::Gemini)
}

/// No crossing leads there.
fn unwritten() -> Fault {
    loss::untranslatable("Requests of this kind are not translated into this format.")
}
