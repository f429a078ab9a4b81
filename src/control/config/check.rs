//! The first pass: every key is known, every value has its type, every reference leads somewhere.
//!
//! Takes the tree of nodes and the table of keys; gives a `Checked` tree. Knows nothing of what keys mean.

use crate::base::secret::Secret;
use crate::control::config::checked::{Checked, FileContent, Value};
use crate::control::config::complaint::{Findings, Path};
use crate::control::config::inputs::Inputs;
use crate::control::config::shape::{Field, Kind, Presence};
use crate::control::config::yaml::{Body, Node, is_variable};
use std::borrow::Cow;
use std::collections::HashMap;

/// Longest name of a provider, group or key, in bytes: names become labels of metrics.
const NAME_BYTES: usize = 256;
/// So much of a wrong text is shown.
const SHOWN_CHARS: usize = 40;

/// Walks the tree.
pub struct Checker<'c, 'v> {
    pub inputs: &'c mut Inputs<'v>,
    pub findings: &'c mut Findings,
}

/// A scalar whose references are replaced.
struct Scalar<'n> {
    source: &'n str,
    text: Cow<'n, str>,
    plain: bool,
}

impl Checker<'_, '_> {
    pub fn check(&mut self, node: &Node<'_>, kind: &'static Kind, path: Path<'_>) -> Checked {
        let value = match (kind, &node.body) {
            (Kind::Either(one, other), Body::Map(_) | Body::List(_)) => {
                let fits = if takes(one, node) { one } else { other };
                if takes(fits, node) {
                    self.check(node, fits, path).value
                } else {
                    self.wrong(node, kind, path)
                }
            }
            (Kind::Section(fields), Body::Map(_)) => self.section(node, fields, path),
            (Kind::Named(kind), Body::Map(_)) => self.named(node, kind, path),
            (Kind::List(kind), Body::List(items)) => {
                let checked = items.iter().enumerate().map(|(i, item)| self.check(item, kind, path.index(i)));
                Value::List(checked.collect())
            }
            (_, Body::Scalar { .. }) if !is_null(node) => self.scalar(node, kind, path),
            _ => self.wrong(node, kind, path),
        };
        Checked { at: node.at, value }
    }

    fn wrong(&mut self, node: &Node<'_>, kind: &Kind, path: Path<'_>) -> Value {
        self.findings.complain(path, node.at, format!("expected {kind}, found {}", found(node)));
        Value::Wrong
    }

    fn section(&mut self, node: &Node<'_>, fields: &'static [Field], path: Path<'_>) -> Value {
        let Body::Map(entries) = &node.body else { return Value::Wrong };
        let mut values: Vec<(&'static str, Checked)> = Vec::with_capacity(entries.len());
        let mut first_lines: Vec<(&'static str, u32)> = Vec::with_capacity(entries.len());
        for (key, value) in entries {
            let at_key = path.name(&key.text);
            let Some(field) = fields.iter().find(|field| field.name == key.text) else {
                let known = fields.iter().map(|field| field.name);
                self.findings.complain_near(at_key, key.at, "is not a known key", &key.text, known);
                continue;
            };
            if let Some((_, line)) = first_lines.iter().find(|(name, _)| *name == field.name) {
                self.findings.complain(at_key, key.at, format!("is declared twice (first in line {line})"));
                continue;
            }
            first_lines.push((field.name, key.at.line));
            if !is_null(value) {
                values.push((field.name, self.check(value, &field.kind, at_key)));
            }
        }
        for field in fields.iter().filter(|field| field.presence == Presence::Required) {
            if !values.iter().any(|(name, _)| *name == field.name) {
                self.findings.complain(path.name(field.name), node.at, "is missing");
            }
        }
        Value::Section(fields, values)
    }

    fn named(&mut self, node: &Node<'_>, kind: &'static Kind, path: Path<'_>) -> Value {
        let Body::Map(entries) = &node.body else { return Value::Wrong };
        let mut first_lines: HashMap<&str, u32> = HashMap::with_capacity(entries.len());
        let mut values = Vec::with_capacity(entries.len());
        for (key, value) in entries {
            let at_key = path.name(&key.text);
            if let Some(message) = name_fault(&key.text) {
                self.findings.complain(at_key, key.at, message);
            }
            if let Some(line) = first_lines.insert(&key.text, key.at.line) {
                self.findings.complain(at_key, key.at, format!("is declared twice (first in line {line})"));
                continue;
            }
            values.push((Box::from(&*key.text), self.check(value, kind, at_key)));
        }
        Value::Named(values)
    }

    fn scalar(&mut self, node: &Node<'_>, kind: &'static Kind, path: Path<'_>) -> Value {
        let Body::Scalar { text: source, plain } = &node.body else { return Value::Wrong };
        let read = match self.inputs.expand(source) {
            Ok(text) => self.read(kind, &Scalar { source, text, plain: *plain }),
            Err(message) => Err(message),
        };
        let message = match read {
            Ok(value) => return value,
            Err(message) => message,
        };
        match kind {
            Kind::Choice(names) => {
                self.findings.complain_near(path, node.at, message, source, names.iter().copied());
            }
            _ => self.findings.complain(path, node.at, message),
        }
        Value::Wrong
    }

    fn read(&mut self, kind: &'static Kind, scalar: &Scalar<'_>) -> Result<Value, String> {
        let text = &*scalar.text;
        let value = match kind {
            Kind::Either(one, other) => {
                let either = self.read(one, scalar).or_else(|_| self.read(other, scalar));
                return either.map_err(|_| scalar.unexpected(kind));
            }
            Kind::Flag => scalar.flag().map(Value::Flag),
            Kind::Whole { least, most } => {
                let number = scalar.number().and_then(|text| text.parse().ok());
                number.filter(|n| (least..=most).contains(&n)).map(Value::Whole)
            }
            Kind::Number { least, most } => {
                let number = scalar.number().and_then(|text| text.parse().ok());
                number.filter(|n| (least..=most).contains(&n)).map(Value::Number)
            }
            Kind::Text => return scalar.words(kind).map(|text| Value::Text(text.into())),
            Kind::Choice(names) => names.contains(&text).then(|| Value::Text(text.into())),
            Kind::Address => text.parse().ok().map(Value::Address),
            Kind::Secret => return self.secret(kind, scalar).map(Value::Secret),
            Kind::File => {
                let (path, content) = self.inputs.file(scalar.words(kind)?)?;
                Some(Value::File(Box::new(FileContent { path, content })))
            }
            Kind::Section(_) | Kind::Named(_) | Kind::List(_) => None,
        };
        value.ok_or_else(|| scalar.unexpected(kind))
    }

    /// A secret is read from a file only where the configuration itself says so, not the environment.
    fn secret(&mut self, kind: &Kind, scalar: &Scalar<'_>) -> Result<Secret, String> {
        let text = scalar.words(kind)?;
        if let Some(name) = meant_variable(scalar.source) {
            return Err(format!("looks like a variable: write ${{{name}}} for its value"));
        }
        match scalar.source.strip_prefix("file:").and(text.strip_prefix("file:")) {
            Some(path) => self.inputs.secret_file(path),
            None => Ok(Secret::new(text)),
        }
    }
}

impl Scalar<'_> {
    /// What came from the environment has no quotes that could tell its type.
    fn is_referred(&self) -> bool {
        matches!(self.text, Cow::Owned(_))
    }

    fn flag(&self) -> Option<bool> {
        let may_be = self.plain || self.is_referred();
        bool_of(&self.text).filter(|_| may_be)
    }

    /// The text if it was meant as a number.
    fn number(&self) -> Option<&str> {
        (self.plain || self.is_referred()).then_some(&*self.text)
    }

    /// The text if it was meant as one and is not empty.
    fn words(&self, kind: &Kind) -> Result<&str, String> {
        let typed = self.plain
            && !self.is_referred()
            && (looks_like_number(&self.text) || bool_of(&self.text).is_some());
        if typed && matches!(kind, Kind::Secret) {
            return Err(format!("expected {kind}, found a number or flag (put it in quotes)"));
        }
        if typed {
            return Err(self.unexpected(kind) + " (put it in quotes)");
        }
        match (self.text.trim().is_empty(), self.is_referred()) {
            (false, _) => Ok(&self.text),
            (true, true) => Err(format!("is empty: {} holds nothing", self.source)),
            (true, false) => Err("is empty".into()),
        }
    }

    fn unexpected(&self, kind: &Kind) -> String {
        if self.is_referred() {
            return format!("expected {kind}, found something else in {}", shown(self.source));
        }
        format!("expected {kind}, found {}", found_scalar(&self.text, self.plain))
    }
}

/// The variable that a secret was meant to be, where it is written as a shell or LiteLLM has it: nobody's key looks so.
fn meant_variable(source: &str) -> Option<&str> {
    let name = source.strip_prefix("os.environ/").or_else(|| {
        let name = source.strip_prefix('$')?;
        name.bytes().all(|b| b.is_ascii_uppercase() || b.is_ascii_digit() || b == b'_').then_some(name)
    })?;
    is_variable(name).then_some(name)
}

fn takes(kind: &Kind, node: &Node<'_>) -> bool {
    match (kind, &node.body) {
        (Kind::Either(one, other), _) => takes(one, node) || takes(other, node),
        (Kind::Section(_) | Kind::Named(_), Body::Map(_)) | (Kind::List(_), Body::List(_)) => true,
        (_, body) => matches!(body, Body::Scalar { .. }),
    }
}

fn is_null(node: &Node<'_>) -> bool {
    matches!(&node.body, Body::Scalar { text, plain: true } if matches!(&**text, "" | "~" | "null" | "Null" | "NULL"))
}

/// Source: <https://yaml.org/spec/1.2.2/#1032-tag-resolution>
fn bool_of(text: &str) -> Option<bool> {
    match text {
        "true" | "True" | "TRUE" => Some(true),
        "false" | "False" | "FALSE" => Some(false),
        _ => None,
    }
}

fn looks_like_number(text: &str) -> bool {
    text.bytes().any(|b| b.is_ascii_digit()) && text.parse::<f64>().is_ok()
}

/// As in "… found a list".
fn found(node: &Node<'_>) -> String {
    match &node.body {
        Body::List(_) => "a list".into(),
        Body::Map(_) => "a mapping".into(),
        Body::Scalar { .. } if is_null(node) => "nothing".into(),
        Body::Scalar { text, plain } => found_scalar(text, *plain),
    }
}

fn found_scalar(text: &str, plain: bool) -> String {
    match (plain && looks_like_number(text), plain && bool_of(text).is_some()) {
        (true, _) => format!("the number {text}"),
        (_, true) => text.to_owned(),
        _ => format!("the text {}", shown(text)),
    }
}

fn shown(text: &str) -> String {
    match text.char_indices().nth(SHOWN_CHARS) {
        Some((end, _)) => format!("{:?}…", &text[..end]),
        None => format!("{text:?}"),
    }
}

/// Why a text cannot name a provider, model or group.
pub fn name_fault(name: &str) -> Option<String> {
    if name.trim().is_empty() {
        return Some("a name must not be empty".into());
    }
    if name.len() > NAME_BYTES {
        return Some(format!("a name must not be longer than {NAME_BYTES} bytes"));
    }
    name.contains(char::is_control).then(|| "a name must not hold control characters".into())
}
