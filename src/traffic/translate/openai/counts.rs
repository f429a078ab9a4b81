//! The tokens that a chat completion counts, by whatever names its server has for them.

use crate::contract::record::Usage;
use crate::traffic::dialect::json::Item;
use crate::traffic::dialect::usage::with_thoughts;
use crate::traffic::translate::shape::present;

/// The counts of an answer or a chunk. One maker puts them into an object of its own, in the last chunk.
pub fn read(holder: Item<'_>) -> Option<Usage> {
    let own = || present(holder.get("x_groq")?.get("usage"));
    let usage = present(holder.get("usage")).or_else(own)?;
    let count = |holder: Option<Item<'_>>, name| holder?.get(name)?.count();
    let counted =
        ["prompt_tokens", "completion_tokens"].iter().any(|name| count(Some(usage), name).is_some());
    if !counted {
        return None;
    }
    let prompt = usage.get("prompt_tokens_details");
    let completion = usage.get("completion_tokens_details");
    let usage = Some(usage);
    let cached = count(prompt, "cached_tokens")
        .or_else(|| count(usage, "prompt_cache_hit_tokens"))
        .or_else(|| count(usage, "cached_tokens"));
    let reasoning = count(completion, "reasoning_tokens").or_else(|| count(usage, "reasoning_tokens"));
    let reasoning = reasoning.unwrap_or_default();
    let input = count(usage, "prompt_tokens").unwrap_or_default();
    let output = count(usage, "completion_tokens").unwrap_or_default();
    let total = count(usage, "total_tokens").unwrap_or_default();
    Some(Usage {
        input,
        cached_input: cached.unwrap_or_default(),
        cache_write: count(prompt, "cache_write_tokens").unwrap_or_default(),
        output: with_thoughts(input, output, reasoning, total),
        reasoning,
        audio_input: count(prompt, "audio_tokens").unwrap_or_default(),
        audio_output: count(completion, "audio_tokens").unwrap_or_default(),
        ..Usage::default()
    })
}
