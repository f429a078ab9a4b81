//! Vendors as data: what a provider that names one need not say itself.
//!
//! Takes `config/providers.yaml`, which is part of the binary. Gives its rows.
//!
//! Invariant: a row says nothing that a provider could not say for itself; a new vendor is a row, not code.

use crate::contract::parameters::{Parameter, Parameters};
use crate::control::config::check::Checker;
use crate::control::config::checked::Cursor;
use crate::control::config::complaint::{At, Complaint, Findings, Path};
use crate::control::config::inputs::Inputs;
use crate::control::config::table::VENDORS;
use crate::control::config::yaml;
use std::sync::LazyLock;

const FILE: &str = "config/providers.yaml";
const TEXT: &str = include_str!("../../../config/providers.yaml");

static TABLE: LazyLock<Vec<Vendor>> = LazyLock::new(|| read(TEXT).unwrap_or_default());

/// One row. What is absent has the default of a provider's own key.
#[derive(Debug, PartialEq, Eq)]
pub struct Vendor {
    pub name: Box<str>,
    pub format: Box<str>,
    /// `None` where every operator has an address of their own.
    pub base_url: Option<Box<str>>,
    /// How that address looks, for messages.
    pub base_url_form: Option<Box<str>>,
    pub header: Option<Box<str>>,
    /// The environment variable that usually holds the key; `None` where there usually is no key.
    pub key_variable: Option<Box<str>>,
    pub stream_usage: Option<bool>,
    pub responses: Option<bool>,
    pub input_tokens: Option<bool>,
    pub parameters: Parameters,
}

/// The vendor of this name.
pub fn find(name: &str) -> Option<&'static Vendor> {
    TABLE.iter().find(|vendor| &*vendor.name == name)
}

/// Every name, in the table's order.
pub fn names() -> impl Iterator<Item = &'static str> {
    TABLE.iter().map(|vendor| &*vendor.name)
}

fn read(text: &str) -> Result<Vec<Vendor>, Vec<Complaint>> {
    let (mut findings, mut inputs) = (Findings::new(FILE), Inputs::new(&|_| None, None));
    let checked = match yaml::parse(text) {
        Ok(node) => {
            Checker { inputs: &mut inputs, findings: &mut findings }.check(&node, &VENDORS, Path::ROOT)
        }
        Err(malformed) => {
            findings.complain(Path::ROOT, At::START, malformed.message);
            return Err(findings.verdict().err().unwrap_or_default());
        }
    };
    findings.verdict()?;
    let root = Cursor { checked: &checked, path: Path::ROOT };
    Ok(root.named().map(|(name, row)| vendor(name, &row)).collect())
}

fn vendor(name: &str, row: &Cursor<'_>) -> Vendor {
    let text = |key| row.text(key).map(Box::from);
    Vendor {
        name: name.into(),
        format: text("format").unwrap_or_default(),
        base_url: text("base_url"),
        base_url_form: text("base_url_form"),
        header: text("header"),
        key_variable: text("key_variable"),
        stream_usage: row.flag("stream_usage"),
        responses: row.flag("responses"),
        input_tokens: row.flag("input_tokens"),
        parameters: row
            .field("parameters")
            .map_or(Parameters::NONE, |list| list.texts().filter_map(Parameter::named).collect()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::control::config::{Kind, ROOT};

    /// The table that is built in is sound, and every row has an address or the form of one.
    #[test]
    fn the_table_is_sound() {
        let vendors = read(TEXT).expect("no complaints");
        assert!(vendors.len() >= 24, "{}", vendors.len());
        for vendor in &vendors {
            assert!(vendor.base_url.is_some() != vendor.base_url_form.is_some(), "{}", vendor.name);
        }
        assert_eq!(find("groq").and_then(|groq| groq.key_variable.as_deref()), Some("GROQ_API_KEY"));
        assert_eq!(find("Groq"), None);
    }

    /// A row with a key that no code reads is refused: a quirk has to be honoured before it can be written down.
    #[test]
    fn unknown_quirks_are_refused() {
        let complaints = read("x: {format: openai, strip_tools: true}").expect_err("an unknown key");
        assert!(complaints[0].to_string().contains("x.strip_tools: is not a known key"), "{}", complaints[0]);
        assert!(read("x: [}").is_err());
    }

    /// What the reference of keys says of `vendor` names every row.
    #[test]
    fn the_reference_names_every_vendor() {
        let Kind::Section(root) = &ROOT else { unreachable!("the root is a section") };
        let row = |fields: &'static [crate::control::config::Field], name| {
            fields.iter().find(|field| field.name == name).expect("a row")
        };
        let Kind::Named(Kind::Section(provider)) = &row(root, "providers").kind else {
            unreachable!("providers are sections by name")
        };
        let all: Vec<_> = names().collect();
        let about = row(provider, "vendor").about;
        assert!(about.ends_with(&format!(": {}.", all.join(", "))), "{about}");
    }
}
