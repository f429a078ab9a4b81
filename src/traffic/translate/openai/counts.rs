//! The tokens that a chat completion counts, by whatever names its server has for them.

use crate::contract::record::Usage;
use crate::traffic::dialect::json::Item;
use crate::traffic::dialect::sums::with_thoughts;

/// The counts in a report. `None`: it has none.
pub fn read(usage: Item<'_>) -> Option<Usage> {
    let [input, output, total, prompt, completion, hits, cached, reasoning] = usage.pick([
        "prompt_tokens",
        "completion_tokens",
        "total_tokens",
        "prompt_tokens_details",
        "completion_tokens_details",
        "prompt_cache_hit_tokens",
        "cached_tokens",
        "reasoning_tokens",
    ]);
    let count = |item: Option<Item<'_>>| item?.count();
    let inside = |holder: Option<Item<'_>>, name| count(holder?.get(name));
    let (input, output) = (count(input), count(output));
    input.or(output)?;
    let (input, output) = (input.unwrap_or_default(), output.unwrap_or_default());
    let cached = inside(prompt, "cached_tokens").or_else(|| count(hits)).or_else(|| count(cached));
    let reasoning = inside(completion, "reasoning_tokens").or_else(|| count(reasoning)).unwrap_or_default();
    Some(Usage {
        input,
        cached_input: cached.unwrap_or_default(),
        cache_write: inside(prompt, "cache_write_tokens").unwrap_or_default(),
        output: with_thoughts(input, output, reasoning, count(total).unwrap_or_default()),
        reasoning,
        audio_input: inside(prompt, "audio_tokens").unwrap_or_default(),
        audio_output: inside(completion, "audio_tokens").unwrap_or_default(),
        ..Usage::default()
    })
}
