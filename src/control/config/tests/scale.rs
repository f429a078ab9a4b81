//! Configurations of the largest size that is promised.

use super::compiled;
use crate::base::secret::KeyHash;
use crate::control::config::Origins;
use std::fmt::Write;
use std::time::{Duration, Instant};

const KEYS: usize = 100_000;
const MODELS: usize = 10_000;

fn large() -> String {
    let mut text =
        String::from("providers: {p: {format: openai, base_url: https://api.openai.com/v1}}\nmodels:\n");
    for i in 0..MODELS {
        writeln!(text, "  model-{i}: {{targets: [{{provider: p, model: m{i}}}]}}")
            .expect("a string takes all");
    }
    text += "groups: {team: {models: [\"*\"]}}\nkeys:\n";
    for i in 0..KEYS {
        writeln!(text, "  - {{id: key-{i}, group: team, secret: secret-0123456789-{i}}}")
            .expect("a string takes all");
    }
    text
}

/// 100,000 keys and 10,000 models compile in seconds even unoptimised, and each is found.
#[test]
fn large_configurations() {
    let text = large();
    let started = Instant::now();
    let snapshot = compiled(text, &mut Origins::new(None)).snapshot;
    let took = started.elapsed();
    eprintln!("{KEYS} keys and {MODELS} models took {took:?}");
    assert!(took < Duration::from_secs(15), "{took:?}");
    assert_eq!((snapshot.keys.len(), snapshot.key_by_hash.len()), (KEYS, KEYS));
    let key = snapshot.key_by_hash[&KeyHash::of(b"secret-0123456789-99999")];
    assert_eq!(key as usize, KEYS - 1);
    assert!(snapshot.catalog.find("model-9999").is_some());
}
