//! A list of features: what the gateway's configuration is without any of them, and what each adds.
//!
//! Configurations are written as TOML and given to the gateway as JSON, which is YAML: so that they can be laid over each
//! other member by member, without a parser of YAML.

use std::collections::BTreeMap;
use std::path::Path;

use anyhow::{Context, bail, ensure};
use serde::Deserialize;
use toml::{Table, Value};

use super::super::peer::Peer;
use crate::load::scenario::explain;

/// The list that comes with the program.
pub const BUILT_IN: &str = include_str!("../../../../peers/features.toml");

/// Name of the file that the gateway reads its configuration from, in its own folder.
const CONFIGURATION: &str = "gateway.yaml";

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Features {
    /// Starts the gateway; `{dir}/gateway.yaml` is its configuration.
    command: Vec<String>,
    /// Model that is asked for.
    model: String,
    /// The leanest configuration that the gateway accepts.
    lean: Table,
    #[serde(rename = "feature", default)]
    pub list: Vec<Feature>,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Feature {
    pub name: String,
    pub about: String,
    /// The feature that it cannot be without: its cost is what it adds to that one.
    pub on: Option<String>,
    /// What is laid over the configuration that it stands on.
    config: Option<Table>,
    /// Why it cannot be switched off.
    pub always_on: Option<String>,
    /// Key that clients send from then on.
    key: Option<String>,
    /// How clients speak to it, if not in plain HTTP/1.1.
    pub transport: Option<Transport>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Transport {
    Tls,
    Http2,
}

/// One gateway with some of the features.
#[derive(Clone, Debug)]
pub struct Variant {
    pub peer: Peer,
    pub transport: Option<Transport>,
}

impl Features {
    /// The list of a file, or the one that comes with the program.
    ///
    /// # Errors
    /// When it cannot be read, or says something that makes no sense.
    pub fn read(file: Option<&Path>) -> anyhow::Result<Self> {
        let Some(path) = file else { return Self::of("the built-in features", BUILT_IN) };
        let name = path.display().to_string();
        let text = std::fs::read_to_string(path).with_context(|| format!("cannot read {name}"))?;
        Self::of(&name, &text)
    }

    fn of(name: &str, text: &str) -> anyhow::Result<Self> {
        let features: Self =
            toml::from_str(text).map_err(|wrong| explain(&wrong)).with_context(|| name.to_owned())?;
        features.check().with_context(|| name.to_owned())?;
        Ok(features)
    }

    fn check(&self) -> anyhow::Result<()> {
        ensure!(!self.command.is_empty(), "`command` is empty");
        for (index, feature) in self.list.iter().enumerate() {
            feature.check(&self.list[..index]).with_context(|| format!("feature \"{}\"", feature.name))?;
        }
        Ok(())
    }

    /// Leaves only features of these names, and those that they stand on.
    ///
    /// # Errors
    /// When there is no feature of a name.
    pub fn keep(&mut self, names: &[String]) -> anyhow::Result<()> {
        if names.is_empty() {
            return Ok(());
        }
        let mut kept: Vec<String> = Vec::new();
        for name in names {
            let mut next = Some(self.find(name)?);
            while let Some(feature) = next {
                kept.push(feature.name.clone());
                next = feature.on.as_ref().map(|on| self.find(on)).transpose()?;
            }
        }
        self.list.retain(|feature| kept.contains(&feature.name));
        Ok(())
    }

    fn find(&self, name: &str) -> anyhow::Result<&Feature> {
        let found = self.list.iter().find(|feature| feature.name == name);
        found.with_context(|| {
            let names: Vec<&str> = self.list.iter().map(|feature| feature.name.as_str()).collect();
            format!("no feature is named \"{name}\"; there are {}", names.join(", "))
        })
    }

    /// The gateway without any feature.
    pub fn lean(&self, name: &str) -> anyhow::Result<Variant> {
        self.variant(name, std::iter::empty())
    }

    /// The gateway with one feature, and those that it stands on.
    ///
    /// # Errors
    /// When its configuration cannot be written.
    pub fn with(&self, feature: &Feature) -> anyhow::Result<Variant> {
        let mut stack = vec![feature];
        while let Some(on) = stack.last().and_then(|feature| feature.on.as_deref()) {
            stack.push(self.find(on)?);
        }
        self.variant(&feature.name, stack.into_iter().rev())
    }

    /// The gateway with everything that plain HTTP/1.1 can have.
    ///
    /// # Errors
    /// When its configuration cannot be written.
    pub fn with_all(&self, name: &str) -> anyhow::Result<Variant> {
        self.variant(name, self.list.iter().filter(|feature| feature.transport.is_none()))
    }

    fn variant<'f>(
        &self,
        name: &str,
        features: impl Iterator<Item = &'f Feature>,
    ) -> anyhow::Result<Variant> {
        let (mut config, mut key, mut transport) = (self.lean.clone(), None, None);
        for feature in features {
            lay_over(&mut config, feature.config.as_ref().unwrap_or(&Table::new()));
            key = feature.key.clone().or(key);
            transport = feature.transport.or(transport);
        }
        let files = BTreeMap::from([(CONFIGURATION.to_owned(), serde_json::to_string_pretty(&config)?)]);
        let tls = transport.is_some();
        let http2 = transport == Some(Transport::Http2);
        let (command, model) = (self.command.clone(), self.model.clone());
        let peer = Peer { name: name.to_owned(), command, files, key, model, tls, http2, ..Peer::plain() };
        Ok(Variant { peer, transport })
    }
}

impl Feature {
    pub fn is_switchable(&self) -> bool {
        self.always_on.is_none()
    }

    /// `before`: the features that stand before it in the list.
    fn check(&self, before: &[Self]) -> anyhow::Result<()> {
        let is_plain = |letter: char| letter.is_ascii_lowercase() || letter.is_ascii_digit() || letter == '-';
        // It names a folder, and is written behind --only.
        ensure!(
            !self.name.is_empty() && self.name.chars().all(is_plain),
            "`name` may have small letters, digits and - only"
        );
        ensure!(before.iter().all(|other| other.name != self.name), "two features have this name");
        match (&self.config, &self.always_on) {
            (Some(_), Some(_)) => bail!("`config` and `always_on` exclude each other"),
            (None, None) => bail!("it needs `config`, or `always_on` and why"),
            (None, Some(_)) if self.on.is_some() || self.key.is_some() || self.transport.is_some() => {
                bail!("`on`, `key` and `transport` have no effect on what is always on")
            }
            (None, Some(_)) | (Some(_), None) => {}
        }
        if let Some(on) = &self.on {
            let stands = before.iter().any(|other| other.name == *on && other.is_switchable());
            ensure!(stands, "`on` must name a feature before it that can be switched, not \"{on}\"");
        }
        Ok(())
    }
}

/// Tables are laid over each other member by member; everything else takes the place of what was there.
fn lay_over(under: &mut Table, over: &Table) {
    for (name, value) in over {
        match (under.get_mut(name), value) {
            (Some(Value::Table(under)), Value::Table(over)) => lay_over(under, over),
            _ => drop(under.insert(name.clone(), value.clone())),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LEAN: &str = "command = [\"gateway\"]\nmodel = \"chat\"\n[lean]\na = {b = 1, c = [1, 2]}\n";

    fn config(variant: &Variant) -> serde_json::Value {
        serde_json::from_str(&variant.peer.files[CONFIGURATION]).expect("JSON")
    }

    /// The list that comes with the program is valid, and every feature says what it is.
    #[test]
    fn built_in_is_valid() {
        let features = Features::read(None).expect("valid");
        assert!(features.list.iter().all(|feature| !feature.about.is_empty()));
        assert!(features.list.iter().filter(|feature| feature.is_switchable()).count() >= 5);
        assert!(features.list.iter().any(|feature| !feature.is_switchable()));
    }

    /// A feature is laid over what it stands on, member by member, and all of them over each other in their order.
    #[test]
    fn configurations_are_laid_over_each_other() {
        let text = "[[feature]]\nname = \"one\"\nabout = \"\"\nkey = \"k\"\nconfig.a.c = [3]\n\
            [[feature]]\nname = \"two\"\nabout = \"\"\non = \"one\"\nconfig.a.d.e = \"x\"\n\
            [[feature]]\nname = \"three\"\nabout = \"\"\ntransport = \"tls\"\nconfig.a = 5\n";
        let features = Features::of("test", &format!("{LEAN}{text}")).expect("valid");
        let two = features.with(&features.list[1]).expect("two");
        assert_eq!(config(&two), serde_json::json!({"a": {"b": 1, "c": [3], "d": {"e": "x"}}}));
        assert_eq!((two.peer.key.as_deref(), two.peer.tls), (Some("k"), false));
        let three = features.with(&features.list[2]).expect("three");
        assert_eq!(
            (config(&three), three.peer.key, three.peer.tls),
            (serde_json::json!({"a": 5}), None, true)
        );
        let all = features.with_all("all").expect("all");
        assert_eq!(config(&all), config(&two), "what takes another transport is not among them");
        assert_eq!(
            config(&features.lean("lean").expect("lean")),
            serde_json::json!({"a": {"b": 1, "c": [1, 2]}})
        );
    }

    /// Those that are kept keep what they stand on.
    #[test]
    fn keeps_what_is_stood_on() {
        let mut features = Features::read(None).expect("valid");
        features.keep(&["model-access".to_owned()]).expect("it is there");
        let names: Vec<&str> = features.list.iter().map(|feature| feature.name.as_str()).collect();
        assert_eq!(names, ["keys", "model-access"]);
        let refused = features.keep(&["nothing".to_owned()]).expect_err("not there").to_string();
        assert!(refused.contains("\"nothing\"") && refused.contains("model-access"), "{refused}");
    }

    /// What is wrong is refused with the file, the feature or line, and the key.
    #[test]
    fn refuses_what_is_wrong() {
        for (text, words) in [
            ("confg = {}", &["test", "line 8", "did you mean `config`?"][..]),
            ("", &["test", "\"a\"", "needs `config`"]),
            ("config = {}\nalways_on = \"so\"", &["\"a\"", "exclude"]),
            ("always_on = \"so\"\nkey = \"k\"", &["`key`"]),
            ("config = {}\non = \"b\"", &["\"a\"", "`on`", "\"b\""]),
            ("config = {}\ntransport = \"tsl\"", &["line 9", "expected `tls`"]),
            ("config = {}\n[[feature]]\nname = \"a\"\nabout = \"\"\nconfig = {}", &["two features"]),
            ("config = {}\n[[feature]]\nname = \"A b\"\nabout = \"\"\nconfig = {}", &["small letters"]),
        ] {
            let text = format!("{LEAN}[[feature]]\nname = \"a\"\nabout = \"\"\n{text}\n");
            let refused = format!("{:#}", Features::of("test", &text).expect_err(&text));
            for word in words {
                assert!(refused.contains(word), "{word}: {refused}");
            }
        }
        let refused = Features::read(Some(Path::new("/nowhere.toml"))).expect_err("nowhere").to_string();
        assert!(refused.contains("/nowhere.toml"));
    }
}
