//! Configuration: from text to what shards serve by.
//!
//! Takes YAML, environment variables and the files that it names. Gives a `Snapshot`, the `Settings` of the
//! process, and warnings; or every complaint there is, each with its place and often a suggestion.
//!
//! Reading order: `table` (every key there is), `yaml` (text to nodes), `check` (nodes to typed values), then one
//! file for each section.
//!
//! Invariant: a snapshot comes out whole or not at all, and nothing past this room parses a text of the operator's.

mod base_path;
pub(in crate::control) mod check;
mod checked;
pub(in crate::control) mod complaint;
mod groups;
mod inputs;
mod keys;
mod limits;
mod listeners;
mod listing;
mod media;
pub(in crate::control) mod models;
mod origins;
mod passes;
mod pem;
mod profile;
pub(in crate::control) mod providers;
mod server_tls;
mod settings;
mod shape;
mod table;
#[cfg(test)]
mod tests;
mod unenforced;
mod upstream_tls;
pub(in crate::control) mod url;
pub(in crate::control) mod vendors;
pub(in crate::control) mod yaml;

pub use complaint::{Complaint, Warning};
pub use listeners::exposure;
pub use origins::{Origins, Reachable};
pub use settings::{AccessLog, Driver, Overflow, Settings, Shards};
pub use shape::{Field, Kind, Presence};
pub use table::ROOT;

use crate::contract::names::Names;
use crate::contract::snapshot::{Access, Limits, Snapshot, Timeouts};
use crate::control::credentials::Kept;
use check::Checker;
use checked::{Checked, Cursor};
use complaint::{At, Findings, Path};
use inputs::{Inputs, Variables};
use std::collections::HashMap;
use std::path::PathBuf;

/// Largest configuration file; 100,000 keys take about 12 MB.
const CONFIGURATION_BYTES: u64 = 256 * 1024 * 1024;

/// A configuration as it was found.
#[derive(Clone, Debug)]
pub struct Source {
    /// For complaints, and the directory that the paths in it are relative to.
    pub path: Option<PathBuf>,
    pub text: String,
}

/// A configuration that can be served by.
pub struct Compiled {
    pub settings: Settings,
    pub snapshot: Snapshot,
    pub warnings: Vec<Warning>,
    /// The snapshot's origins, for the resolver.
    pub origins: Vec<Reachable>,
    /// The slots of credentials that have to be fetched.
    pub passes: Vec<Kept>,
    /// The files that it refers to: a change in one of them is a change of the configuration.
    pub files: Vec<PathBuf>,
}

impl Source {
    /// Reads a configuration file.
    ///
    /// # Errors
    /// The one complaint that it cannot be read.
    pub fn read(path: impl Into<PathBuf>) -> Result<Self, Complaint> {
        let path = path.into();
        let text = inputs::read(&path, CONFIGURATION_BYTES).and_then(|content| {
            let text = String::from_utf8(content.expose().to_vec());
            text.map_err(|_| format!("{} is not UTF-8", path.display()))
        });
        let complaint = |message| Complaint {
            file: path.display().to_string().into(),
            path: String::new(),
            line: 1,
            column: 1,
            message,
            suggestion: None,
        };
        text.map_err(complaint).map(|text| Self { path: Some(path.clone()), text })
    }

    /// The file's name, or what it is.
    pub fn name(&self) -> String {
        self.path.as_ref().map_or_else(|| "configuration".into(), |path| path.display().to_string())
    }
}

/// Compiles a configuration, with the process's environment variables.
///
/// # Errors
/// Everything that is wrong with it, in the order of the text.
pub fn compile(
    source: &Source,
    names: &Names,
    origins: &mut Origins,
    version: u64,
) -> Result<Compiled, Vec<Complaint>> {
    compile_with(source, names, origins, version, &|name| std::env::var_os(name))
}

/// Like [`compile`], with other environment variables.
///
/// # Errors
/// Everything that is wrong with it, in the order of the text.
pub fn compile_with(
    source: &Source,
    names: &Names,
    origins: &mut Origins,
    version: u64,
    variables: Variables<'_>,
) -> Result<Compiled, Vec<Complaint>> {
    let mut findings = Findings::new(&source.name());
    let mut inputs = Inputs::new(variables, source.path.as_deref());
    let Some(checked) = typed(&source.text, &mut inputs, &mut findings) else {
        return Err(findings.verdict().err().unwrap_or_default());
    };
    let root = Cursor { checked: &checked, path: Path::ROOT };
    let mut compiled = sections(&root, names, origins, version, &mut inputs, &mut findings);
    compiled.warnings = findings.verdict()?;
    compiled.files = inputs.into_files();
    Ok(compiled)
}

/// The first pass. `None` after the one complaint that the text is no YAML.
fn typed(text: &str, inputs: &mut Inputs<'_>, findings: &mut Findings) -> Option<Checked> {
    let complain = |malformed: yaml::Malformed, findings: &mut Findings| {
        findings.complain(Path::ROOT, malformed.at, format!("not valid YAML: {}", malformed.message));
    };
    let masked = yaml::mask(text).map_err(|m| complain(m, findings)).ok()?;
    let node = yaml::parse(&masked).map_err(|m| complain(m, findings)).ok()?;
    Some(Checker { inputs, findings }.check(&node, &ROOT, Path::ROOT))
}

/// The second pass: what the values mean.
fn sections(
    root: &Cursor<'_>,
    names: &Names,
    origins: &mut Origins,
    version: u64,
    inputs: &mut Inputs<'_>,
    findings: &mut Findings,
) -> Compiled {
    let absent = Checked { at: At::START, value: checked::Value::Section(&[], Vec::new()) };
    let section = |name| root.field(name).unwrap_or(Cursor { checked: &absent, path: Path::ROOT });
    let whole = |name| !root.has(name) || root.field(name).is_some();
    let (provider_section, group_section) = (section("providers"), section("groups"));

    let access = access(root);
    let mut settings = settings::compile(root, findings);
    let listeners = listeners::compile(root, access, origins, findings);
    settings.listen = listeners.iter().map(|listener| listener.address).collect();
    settings.check_admin(root, findings);
    let limits =
        root.field("limits").map_or_else(Limits::default, |section| limits::compile(&section, findings));
    let default = Timeouts::default();
    let timeouts = root.field("timeouts").map_or(default, |section| limits::timeouts(&section, default));
    let providers = providers::compile(&provider_section, names, origins, inputs, findings);
    let around = models::Around {
        names,
        providers: root.field("providers").is_some().then(|| indexes(&provider_section)),
        timeouts,
        created_unix: origins.created_unix,
    };
    let catalog = models::compile(&section("models"), &around, findings);
    let known_models = root.field("models").map(|_| &catalog);
    let groups = groups::compile(&group_section, names, known_models, findings);
    let group_indexes = indexes(&group_section);
    let known_groups = Some(&group_indexes).filter(|_| whole("groups"));
    let keys = keys::compile(&section("keys"), names, known_groups, findings);
    unenforced::check(root, &group_indexes, findings);
    let snapshot = Snapshot {
        version,
        listeners,
        limits,
        access,
        groups,
        keys: keys.list,
        key_by_hash: keys.by_hash,
        catalog,
        mixes_formats: providers.list.windows(2).any(|pair| pair[0].format != pair[1].format),
        providers: providers.list,
        media: root.field("media").and_then(|section| media::compile(&section, origins, findings)),
    };
    Compiled {
        settings,
        snapshot,
        warnings: Vec::new(),
        origins: providers.origins,
        passes: providers.passes,
        files: Vec::new(),
    }
}

/// Keys that were written but are wrong do not open the door.
fn access(root: &Cursor<'_>) -> Access {
    let written = |section: &Cursor<'_>, name| {
        section.has(name) && section.field(name).is_none_or(|list| list.items().len() > 0)
    };
    let issuers = root.field("auth").is_some_and(|auth| written(&auth, "jwt"));
    if written(root, "keys") || issuers { Access::KeyRequired } else { Access::Open }
}

/// The names of a section and their positions.
fn indexes<'a>(section: &'a Cursor<'a>) -> HashMap<&'a str, u32> {
    section.named().zip(0..).map(|((name, _), index)| (name, index)).collect()
}
