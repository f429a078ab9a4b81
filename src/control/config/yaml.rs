//! YAML text to a tree of nodes that know their places.
//!
//! Takes text; gives scalars as they are written (their type is decided by who expects one), lists and maps.
//!
//! Invariant: the tree is at most [`DEPTH`] deep and aliases add at most [`COPIES`] nodes, whatever the text is.

use crate::control::config::complaint::At;
use saphyr_parser::{Event, Marker, Parser, ScalarStyle, Span};
use std::borrow::Cow;
use std::collections::HashMap;

/// Deepest nesting; the configuration's own is 5.
const DEPTH: usize = 32;
/// Most nodes that aliases may copy.
const COPIES: usize = 100_000;

/// `{` and `}` of `${NAME}` while the text is parsed. In YAML, braces would end an unquoted text inside `{…}`;
/// characters of the private use area stand for them, one for one, so that places stay right.
const OPEN: char = '\u{e000}';
const CLOSE: char = '\u{e001}';

/// A piece of YAML and where it starts.
#[derive(Clone)]
pub struct Node<'t> {
    pub at: At,
    pub body: Body<'t>,
}

#[derive(Clone)]
pub enum Body<'t> {
    /// As written, without its quotes. `plain` means that there were none.
    Scalar {
        text: Cow<'t, str>,
        plain: bool,
    },
    List(Vec<Node<'t>>),
    /// In the order of the text; a key may occur twice.
    Map(Vec<(Key<'t>, Node<'t>)>),
}

#[derive(Clone)]
pub struct Key<'t> {
    pub at: At,
    pub text: Cow<'t, str>,
}

/// Why a text is not a tree.
#[derive(Debug)]
pub struct Malformed {
    pub at: At,
    pub message: String,
}

/// Makes room for `${NAME}` in unquoted texts: see [`OPEN`].
pub fn mask(text: &str) -> Result<Cow<'_, str>, Malformed> {
    if let Some(index) = text.find([OPEN, CLOSE]) {
        return Err(Malformed {
            at: place_of(text, index),
            message: "U+E000 and U+E001 may not be used".into(),
        });
    }
    let mut pieces = text.split("${");
    let Some(first) = pieces.next().filter(|first| first.len() < text.len()) else { return Ok(text.into()) };
    let mut masked = String::with_capacity(text.len() + 256);
    masked.push_str(first);
    for piece in pieces {
        match piece.split_once('}').filter(|(name, _)| is_variable(name)) {
            Some((name, rest)) => masked.extend(["$\u{e000}", name, "\u{e001}", rest]),
            None => masked.extend(["${", piece]),
        }
    }
    Ok(masked.into())
}

/// Whether a text can be the name of an environment variable.
pub fn is_variable(name: &str) -> bool {
    !name.is_empty() && name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_')
}

fn unmask(text: Cow<'_, str>) -> Cow<'_, str> {
    if text.contains(OPEN) { text.replace(OPEN, "{").replace(CLOSE, "}").into() } else { text }
}

fn place_of(text: &str, index: usize) -> At {
    let before = &text[..index];
    let line_start = before.rfind('\n').map_or(0, |n| n + 1);
    let line = before.bytes().filter(|b| *b == b'\n').count() + 1;
    At { line: line as u32, column: before[line_start..].chars().count() as u32 + 1 }
}

/// Parses a masked text, which must hold at most one document. An empty text is an empty map.
pub fn parse(masked: &str) -> Result<Node<'_>, Malformed> {
    let mut builder = Builder::default();
    for event in Parser::new_from_str(masked) {
        let (event, span) =
            event.map_err(|e| Malformed { at: at(e.marker()), message: e.info().to_owned() })?;
        builder.take(event, span)?;
    }
    Ok(builder.root.unwrap_or(Node { at: At::START, body: Body::Map(Vec::new()) }))
}

fn at(marker: &Marker) -> At {
    At { line: marker.line().max(1) as u32, column: marker.col() as u32 + 1 }
}

#[derive(Default)]
struct Builder<'t> {
    root: Option<Node<'t>>,
    open: Vec<Open<'t>>,
    anchors: HashMap<usize, Node<'t>>,
    copies: usize,
}

/// A list or map whose end was not read yet.
struct Open<'t> {
    node: Node<'t>,
    anchor: usize,
    key: Option<Key<'t>>,
}

impl<'t> Builder<'t> {
    fn take(&mut self, event: Event<'t>, span: Span) -> Result<(), Malformed> {
        let at = at(&span.start);
        let refuse = |message: &str| Err(Malformed { at, message: message.into() });
        match event {
            Event::DocumentStart(_) if self.root.is_some() => refuse("only one document is read"),
            Event::Nothing
            | Event::StreamStart
            | Event::StreamEnd
            | Event::DocumentStart(_)
            | Event::DocumentEnd => Ok(()),
            Event::Scalar(.., Some(_))
            | Event::SequenceStart(_, Some(_))
            | Event::MappingStart(_, Some(_)) => refuse("tags (`!…`) are not understood"),
            Event::Scalar(text, style, anchor, None) => {
                let body = Body::Scalar { text: unmask(text), plain: style == ScalarStyle::Plain };
                self.add(Node { at, body }, anchor)
            }
            Event::SequenceStart(anchor, None) => {
                self.open(Node { at, body: Body::List(Vec::new()) }, anchor)
            }
            Event::MappingStart(anchor, None) => self.open(Node { at, body: Body::Map(Vec::new()) }, anchor),
            Event::SequenceEnd | Event::MappingEnd => match self.open.pop() {
                Some(done) => self.add(done.node, done.anchor),
                None => Ok(()),
            },
            Event::Alias(anchor) => match self.anchors.get(&anchor).cloned() {
                Some(node) => {
                    let copy = self.counted(node)?;
                    self.add(Node { at, ..copy }, 0)
                }
                None => refuse("the alias refers to something that is not complete"),
            },
        }
    }

    fn open(&mut self, node: Node<'t>, anchor: usize) -> Result<(), Malformed> {
        if self.open.len() >= DEPTH {
            return Err(Malformed { at: node.at, message: format!("nested deeper than {DEPTH}") });
        }
        self.open.push(Open { node, anchor, key: None });
        Ok(())
    }

    /// Puts a complete node where it belongs.
    fn add(&mut self, node: Node<'t>, anchor: usize) -> Result<(), Malformed> {
        if anchor != 0 {
            let copy = self.counted(node.clone())?;
            self.anchors.insert(anchor, copy);
        }
        let Some(open) = self.open.last_mut() else {
            self.root = Some(node);
            return Ok(());
        };
        match (&mut open.node.body, open.key.take()) {
            (Body::Map(entries), Some(key)) => entries.push((key, node)),
            (Body::Map(_), None) => open.key = Some(key(node)?),
            (Body::List(items), _) => items.push(node),
            (Body::Scalar { .. }, _) => debug_assert!(false, "a scalar is never open"),
        }
        Ok(())
    }

    /// A copied node, counted against [`COPIES`].
    fn counted(&mut self, node: Node<'t>) -> Result<Node<'t>, Malformed> {
        self.copies += size(&node);
        if self.copies > COPIES {
            return Err(Malformed {
                at: node.at,
                message: format!("aliases copy more than {COPIES} values"),
            });
        }
        Ok(node)
    }
}

fn key(node: Node<'_>) -> Result<Key<'_>, Malformed> {
    match node.body {
        Body::Scalar { text, .. } => Ok(Key { at: node.at, text }),
        Body::List(_) | Body::Map(_) => {
            Err(Malformed { at: node.at, message: "a key must be a text".into() })
        }
    }
}

fn size(node: &Node<'_>) -> usize {
    match &node.body {
        Body::Scalar { .. } => 1,
        Body::List(items) => 1 + items.iter().map(size).sum::<usize>(),
        Body::Map(entries) => 1 + entries.iter().map(|(_, node)| size(node)).sum::<usize>(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refusal(text: &str) -> String {
        let malformed = mask(text).and_then(|masked| parse(&masked).map(|_| ())).expect_err("malformed");
        format!("{}:{}: {}", malformed.at.line, malformed.at.column, malformed.message)
    }

    /// An unquoted `${NAME}` is a text inside a flow map too, and keeps the places after it right.
    #[test]
    fn references_in_flow_maps() {
        let masked = mask("a: {key: ${NAME}, other: x${A}y}").expect("sound");
        let Ok(Node { body: Body::Map(root), .. }) = parse(&masked) else { unreachable!("a map") };
        let Body::Map(entries) = &root[0].1.body else { unreachable!("a map") };
        let texts: Vec<_> = entries.iter().map(|(k, v)| (&*k.text, v.at.column, shown(v))).collect();
        assert_eq!(texts, [("key", 10, "${NAME}"), ("other", 26, "x${A}y")]);
    }

    fn shown<'n>(node: &'n Node<'_>) -> &'n str {
        if let Body::Scalar { text, .. } = &node.body { text } else { "not a scalar" }
    }

    /// What is not one plain YAML document is refused with its place.
    #[test]
    fn malformed_texts() {
        assert_eq!(refusal("a: 1\n---\nb: 2\n"), "2:1: only one document is read");
        assert_eq!(refusal("a: !!str 1\n"), "1:4: tags (`!…`) are not understood");
        assert_eq!(refusal("{[a]: 1}"), "1:2: a key must be a text");
        assert_eq!(refusal("é: \u{e000}"), "1:4: U+E000 and U+E001 may not be used");
        assert!(refusal("a: [1, 2\nb: 3").contains(':'));
        assert_eq!(refusal(&"[".repeat(200)), "1:33: nested deeper than 32");
    }

    /// Aliases cannot make a small text a large tree.
    #[test]
    fn aliases_are_bounded() {
        let mut text = String::from("a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n");
        for i in 1..12 {
            let below = format!("*a{}", i - 1);
            let line = format!("a{i}: &a{i} [{}]\n", [&*below; 10].join(", "));
            text += &line;
        }
        assert!(refusal(&text).ends_with("aliases copy more than 100000 values"));
    }
}
