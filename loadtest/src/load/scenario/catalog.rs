//! The scenarios that come with the program.

use std::fs;
use std::path::Path;

use anyhow::{Context, bail};

use super::shipped::Shipped;
use super::{Scenario, read};

/// Name and text of each, in the order in which they are listed.
pub const SHIPPED: Shipped = Shipped {
    sort: "scenario",
    all: &[
        ("completion-1k", include_str!("../../../scenarios/completion-1k.toml")),
        ("completion-32k", include_str!("../../../scenarios/completion-32k.toml")),
        ("chat", include_str!("../../../scenarios/chat.toml")),
        ("agent-100k", include_str!("../../../scenarios/agent-100k.toml")),
        ("embeddings", include_str!("../../../scenarios/embeddings.toml")),
        ("streaming", include_str!("../../../scenarios/streaming.toml")),
        ("tenants", include_str!("../../../scenarios/tenants.toml")),
        ("slow-readers", include_str!("../../../scenarios/slow-readers.toml")),
        ("disconnects", include_str!("../../../scenarios/disconnects.toml")),
        ("bursts", include_str!("../../../scenarios/bursts.toml")),
        ("head-of-line", include_str!("../../../scenarios/head-of-line.toml")),
        ("knee", include_str!("../../../scenarios/knee.toml")),
    ],
};

/// All of them.
///
/// # Errors
/// Never, as a test shows.
pub fn all() -> anyhow::Result<Vec<Scenario>> {
    SHIPPED.all.iter().map(|(name, text)| read(name, text).with_context(|| (*name).to_owned())).collect()
}

/// The scenario of this name, or in this file.
///
/// # Errors
/// When there is none, or it is wrong; the error says what and where.
pub fn find(name: &str) -> anyhow::Result<Scenario> {
    if let Some(text) = SHIPPED.find(name) {
        return read(name, text).with_context(|| format!("scenario {name}"));
    }
    let path = Path::new(name);
    if !path.exists() && !name.contains(['/', '.']) {
        bail!("no scenario and no file is named \"{name}\"; there are {}", SHIPPED.names());
    }
    let text = fs::read_to_string(path).with_context(|| format!("cannot read the scenario {name}"))?;
    let stem = path.file_stem().map_or(name.into(), |stem| stem.to_string_lossy());
    read(&stem, &text).with_context(|| format!("scenario {name}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Every scenario that comes with the program is valid, says what it is for, and is a file that is listed.
    #[test]
    fn all_are_valid() {
        let scenarios = all().expect("valid");
        assert!(scenarios.iter().all(|it| !it.about.is_empty() && it.about.len() < 120));
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("scenarios");
        let files = fs::read_dir(folder).expect("a folder").count();
        assert_eq!(files, scenarios.len());
    }

    /// A name that is none is answered with those that are.
    #[test]
    fn says_which_there_are() {
        assert!(find("chats").is_err_and(|error| error.to_string().contains("embeddings")));
        assert!(find("./nowhere.toml").is_err_and(|error| format!("{error:#}").contains("cannot read")));
    }
}
