//! What `OpenAI`'s models take, in either of its formats, by their names.

use super::prompt::Thinking;
use crate::traffic::dialect::json::Quoted;

/// Whether the model is one of those for which `OpenAI` renamed the limit of tokens.
pub fn is_openais(model: &str) -> bool {
    ["gpt-", "chatgpt", "o1", "o3", "o4"].iter().any(|start| bare(model).starts_with(start))
}

/// Whether the model takes an effort.
pub fn reasons(model: &str) -> bool {
    ["gpt-5", "gpt-6", "gpt-oss", "o1", "o3", "o4"].iter().any(|start| bare(model).starts_with(start))
}

/// Whether the model wants its own thoughts back, as `reasoning_content`. Servers of others refuse the member.
pub fn keeps_thoughts(model: &str) -> bool {
    let own = bare(model).to_ascii_lowercase();
    ["deepseek", "kimi", "glm"].iter().any(|start| own.starts_with(start))
}

/// The model's name without its maker's.
fn bare(model: &str) -> &str {
    model.rsplit('/').next().unwrap_or(model)
}

/// The effort that a budget of thinking is worth.
pub fn effort_of(thinking: Option<Thinking>) -> Option<Quoted<'static>> {
    Some(Quoted::raw(match thinking? {
        // Not every model can do without; what none says, all understand.
        Thinking::Off | Thinking::Adaptive => return None,
        Thinking::Budget(..=1024) => b"low",
        Thinking::Budget(..=2048) => b"medium",
        Thinking::Budget(..=8192) => b"high",
        Thinking::Budget(_) => b"xhigh",
    }))
}
