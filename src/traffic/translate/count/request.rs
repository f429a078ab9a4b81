//! A request to count, as each provider wants it.

use crate::base::fault::{Fault, FaultKind};
use crate::contract::errand::Want;
use crate::traffic::dialect::json::{Item, Quoted, Tree, Writer};
use crate::traffic::translate::anthropic::hosted::{Host, carry};
use crate::traffic::translate::gemini::member;
use crate::traffic::translate::loss::Losses;
use crate::traffic::translate::prompt::Prompt;
use crate::traffic::translate::{Destination, Speech, anthropic, bedrock, gemini, responses};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

/// By what a provider counts.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Counter {
    /// Anthropic's own `count_tokens`.
    Messages,
    /// Google's `countTokens`.
    Contents,
    /// `OpenAI`'s `input_tokens`, of responses.
    Responses,
    /// Amazon's `CountTokens`, of a conversation.
    Converse,
    /// The same, of a body that some model takes.
    InvokeModel,
    /// A model of Google's that counts for Anthropic's.
    RawPredict,
}

impl Counter {
    /// `None`: no provider of this speech counts.
    pub const fn of(provider: Speech) -> Option<Self> {
        match provider {
            Speech::Anthropic => Some(Counter::Messages),
            Speech::Gemini => Some(Counter::Contents),
            Speech::OpenAi | Speech::Responses => Some(Counter::Responses),
            Speech::Bedrock => Some(Counter::Converse),
            Speech::BedrockAnthropic => Some(Counter::InvokeModel),
            Speech::VertexAnthropic => Some(Counter::RawPredict),
            Speech::Ollama
            | Speech::Cohere
            | Speech::Completions
            | Speech::Embeddings
            | Speech::GoogleEmbeddings
            | Speech::Count(_) => None,
        }
    }

    /// Where below a provider's base it is.
    pub const fn path(self) -> &'static str {
        match self {
            Counter::Messages => "/v1/messages/count_tokens",
            Counter::Contents => "/models/{id}:countTokens",
            Counter::Responses => "/responses/input_tokens",
            Counter::Converse | Counter::InvokeModel => "/model/{id}/count-tokens",
            Counter::RawPredict => "/models/count-tokens:rawPredict",
        }
    }

    /// The members of a request that are counted.
    const fn counted(self) -> &'static [&'static str] {
        match self {
            Counter::Messages | Counter::RawPredict => &[
                "anthropic_version",
                "model",
                "messages",
                "system",
                "tools",
                "tool_choice",
                "thinking",
                "output_config",
                "cache_control",
            ],
            Counter::Contents => &["contents", "systemInstruction", "tools"],
            Counter::Responses => &[
                "model",
                "input",
                "instructions",
                "tools",
                "tool_choice",
                "parallel_tool_calls",
                "reasoning",
                "text",
            ],
            Counter::Converse => &["messages", "system", "toolConfig", "additionalModelRequestFields"],
            // All of it.
            Counter::InvokeModel => &[],
        }
    }
}

/// Google's dialect may have the request that is to be counted inside another one.
pub fn inner(body: Item<'_>) -> Item<'_> {
    member::get(body, "generateContentRequest").filter(Item::is_object).unwrap_or(body)
}

/// Amazon counts for models, and not for the profiles that they are inferred by: the name without the region before it.
pub fn base_model(model: &str) -> &str {
    const REGIONS: [&str; 9] = ["us.", "eu.", "apac.", "global.", "jp.", "au.", "ca.", "sa.", "us-gov."];
    let name = match model.split_once(":inference-profile/") {
        Some((_, name)) if model.starts_with("arn:") => name,
        _ => model,
    };
    REGIONS.iter().find_map(|region| name.strip_prefix(region)).unwrap_or(model)
}

/// Writes the request of a prompt.
///
/// # Errors
/// The prompt holds content that the provider's format has no place for.
pub fn write(
    prompt: &Prompt<'_>,
    to: Destination<'_>,
    out: &mut Vec<u8>,
    losses: &mut Losses,
) -> Result<(), Fault> {
    let counter = Counter::of(to.speech).ok_or(FaultKind::Internal)?;
    let (mut whole, model) = (vec![], to.model);
    match counter {
        Counter::Messages => {
            anthropic::request_out::write(prompt, Host::Anthropic, model, &mut whole, losses)
        }
        Counter::InvokeModel => {
            anthropic::request_out::write(prompt, Host::Bedrock, model, &mut whole, losses)
        }
        Counter::RawPredict => anthropic::request_out::write(prompt, Host::Vertex, model, &mut whole, losses),
        Counter::Contents => gemini::request_out::write(prompt, model, &mut whole, losses),
        Counter::Responses => responses::request_out::write(prompt, model, &mut whole, losses),
        Counter::Converse => bedrock::request_out::write(prompt, model, &mut whole, losses),
    }?;
    lay(counter, to, &whole, out)
}

/// Writes the request of a client whose provider hosts what the client speaks: with all that it says. Gives what has to be
/// fetched first.
///
/// # Errors
/// The body is no object, or has a member twice.
pub fn written_verbatim(
    body: Item<'_>,
    host: Host,
    to: Destination<'_>,
    out: &mut Vec<u8>,
) -> Result<Vec<Want>, Fault> {
    let counter = Counter::of(to.speech).ok_or(FaultKind::Internal)?;
    let mut whole = vec![];
    let lacking = carry(body, host, to.betas, to.shelf, &mut whole)?;
    if !lacking.is_empty() {
        return Ok(lacking);
    }
    if counter == Counter::InvokeModel && body.get("max_tokens").is_none() {
        // What is counted has to be a whole request of that model's, in which thoughts leave room for an answer.
        let thinking = body.get("thinking").and_then(|thinking| thinking.get("budget_tokens")?.count());
        whole.truncate(whole.len().saturating_sub(1));
        let mut rest = Writer(&mut whole);
        rest.key("max_tokens").count(thinking.unwrap_or_default().saturating_add(1)).close("}");
    }
    lay(counter, to, &whole, out).map(|()| lacking)
}

/// Writes what is counted of a whole request.
fn lay(counter: Counter, to: Destination<'_>, whole: &[u8], out: &mut Vec<u8>) -> Result<(), Fault> {
    let mut tree = Tree::default();
    let page = tree.parse(whole).map_err(|_| FaultKind::Internal)?;
    let body = page.root();
    let counted = |out: &mut Writer<'_>| {
        for (name, value) in
            body.members().filter(|(name, _)| counter.counted().iter().any(|one| name.is(one)))
        {
            out.quoted(&name).close(":");
            out.item(&value);
        }
    };
    let mut out = Writer(out);
    out.open("{");
    let more = |(name, _): (Quoted<'_>, Item<'_>)| name.is("systemInstruction") || name.is("tools");
    match counter {
        // The one of Google's APIs knows a prompt's other parts only here, the other only beside it.
        Counter::Contents if !to.on_vertex && body.members().any(more) => {
            out.key("generateContentRequest").open("{");
            out.key("model").text(&format!("models/{}", to.model));
            counted(&mut out);
            out.close("}");
        }
        Counter::Contents | Counter::Messages | Counter::Responses => counted(&mut out),
        Counter::RawPredict => {
            out.key("model").text(to.model);
            counted(&mut out);
        }
        Counter::Converse => {
            out.key("input").open("{").key("converse").open("{");
            counted(&mut out);
            out.close("}}");
        }
        Counter::InvokeModel => {
            out.key("input").open("{").key("invokeModel").open("{");
            out.key("body").text(&STANDARD.encode(whole)).close("}}");
        }
    }
    out.close("}");
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Names of profiles lead to the model's own; what is no profile stays, and so does one that an operator made.
    #[test]
    fn base_models() {
        for (name, base) in [
            ("us.anthropic.claude-haiku-4-5-20251001-v1:0", "anthropic.claude-haiku-4-5-20251001-v1:0"),
            ("global.anthropic.claude-opus-5", "anthropic.claude-opus-5"),
            ("anthropic.claude-opus-5", "anthropic.claude-opus-5"),
            (
                "arn:aws:bedrock:eu-west-1:123456789012:inference-profile/eu.anthropic.claude-opus-5",
                "anthropic.claude-opus-5",
            ),
            (
                "arn:aws:bedrock:eu-west-1:1:application-inference-profile/abc",
                "arn:aws:bedrock:eu-west-1:1:application-inference-profile/abc",
            ),
            ("user.model", "user.model"),
        ] {
            assert_eq!(base_model(name), base);
        }
    }
}
