//! What a server's counts of tokens are in this gateway's terms, where thoughts belong to the output.

use crate::contract::record::Usage;

/// Google's counts as this gateway's. Output without thoughts is what its servers usually report; where the sum says
/// otherwise they are in it.
pub fn google(counts: Usage, tool_prompt: u64, total: u64) -> Usage {
    let input = counts.input.saturating_add(tool_prompt);
    let inclusive = counts.reasoning > 0 && input.saturating_add(counts.output) == total;
    let output = if inclusive { counts.output } else { counts.output.saturating_add(counts.reasoning) };
    Usage { input, output, ..counts }
}

/// Output with the thoughts that belong to it. Most servers count them in; where only the sum has them, they are added.
pub fn with_thoughts(input: u64, output: u64, thoughts: u64, total: u64) -> u64 {
    let all = output.saturating_add(thoughts);
    if thoughts > 0 && input.saturating_add(all) == total { all } else { output }
}
