//! A whole JSON text as a tree, for where a body is written anew in another format.
//!
//! Takes a text in one piece; gives its values as places in that text. What is not looked into is copied as it was
//! written: numbers keep their digits, texts their escapes, objects the order and the repetition of their members.
//!
//! Invariant: linear time, and one node of 16 bytes for each value and name; their number and their nesting are bounded.

use super::quoted::Quoted;
use super::run::string_end;
use super::walk::{self, Due, Visit, Walk, blanks};
use super::word::Word;
use super::{Expected, JsonFault};
use crate::base::limits::JSON_NODES;
use std::borrow::Cow;

/// Bytes of text for each node, where texts are short, and nodes that every text may have.
const TYPICAL_BYTES: usize = 24;
const FEW: usize = 16;

/// What a value is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Kind {
    Null,
    True,
    False,
    Number,
    Text,
    Array,
    Object,
}

/// A value, or a member's name before its value.
#[derive(Clone, Copy)]
struct Node {
    start: u32,
    end: u32,
    /// The node behind this value and all that is in it.
    next: u32,
    kind: Kind,
    /// Of a member's name: it has escapes.
    escaped: bool,
}

impl Node {
    /// What stands between the quotes of a text.
    #[inline]
    fn inside<'t>(&self, text: &'t [u8]) -> &'t [u8] {
        &text[self.start as usize + 1..self.end as usize - 1]
    }

    /// Whether a member's name is this one.
    #[inline]
    fn is(&self, name: &str, text: &[u8]) -> bool {
        if self.escaped {
            return Quoted::raw(self.inside(text)).is(name);
        }
        (self.end - self.start) as usize == name.len() + 2 && self.inside(text) == name.as_bytes()
    }
}

/// The memory of a tree; serves one text after the other.
#[derive(Default)]
pub struct Tree {
    nodes: Vec<Node>,
}

/// A text and its nodes.
pub struct Page<'t> {
    text: &'t [u8],
    nodes: &'t [Node],
}

/// One value of a text.
#[derive(Clone, Copy)]
pub struct Item<'t> {
    page: &'t Page<'t>,
    index: u32,
}

impl Tree {
    /// Reads one JSON value with nothing but blanks around it.
    ///
    /// # Errors
    /// The text is not JSON, or longer than 4 GiB.
    pub fn parse<'t>(&'t mut self, text: &'t [u8]) -> Result<Page<'t>, JsonFault> {
        self.nodes.clear();
        self.nodes.reserve(text.len() / TYPICAL_BYTES + FEW);
        if u32::try_from(text.len()).is_err() {
            return Err(JsonFault { at: text.len() as u64, expected: Expected::Nothing });
        }
        let start = walk::start(text);
        let kind = match text.get(start) {
            Some(b'{') => Some(Kind::Object),
            Some(b'[') => Some(Kind::Array),
            _ => None,
        };
        let mut growth = Growth { nodes: &mut self.nodes, open: 0 };
        let behind = if let Some(kind) = kind {
            growth.open(kind, start);
            let walk = Walk::into(kind, start).run(text, 0, &mut growth);
            if walk.depth > 0 {
                let full = growth.is_full().then(|| fault(walk.at, Expected::Fewer));
                return Err(full.unwrap_or_else(|| stopped(text, &walk)));
            }
            walk.at
        } else {
            let (kind, end) = leaf(text, start)?;
            growth.push(kind, start, end, false);
            end
        };
        end(text, behind)?;
        Ok(Page { text, nodes: &self.nodes })
    }

    /// Bytes of memory held.
    pub fn held(&self) -> usize {
        self.nodes.capacity() * size_of::<Node>()
    }
}

/// Behind the outermost value.
fn end(text: &[u8], at: usize) -> Result<(), JsonFault> {
    let at = blanks(text, at);
    if at == text.len() { Ok(()) } else { Err(fault(at, Expected::Nothing)) }
}

fn fault(at: usize, expected: Expected) -> JsonFault {
    JsonFault { at: at as u64, expected }
}

/// Reads a text, a number or a word that begins at `at`.
fn leaf(text: &[u8], at: usize) -> Result<(Kind, usize), JsonFault> {
    let word = |kind, word| {
        let end = walk::word(text, at, word).ok_or(fault(at, Expected::Word))?;
        Ok((kind, end))
    };
    match text.get(at) {
        None => Err(fault(at, Expected::More)),
        Some(b'"') => match string_end(text, at + 1) {
            Ok(end) => Ok((Kind::Text, end)),
            Err(at) => Err(wrong_string(text, at)),
        },
        Some(b't') => word(Kind::True, Word::True),
        Some(b'f') => word(Kind::False, Word::False),
        Some(b'n') => word(Kind::Null, Word::Null),
        Some(_) => match walk::number(text, at) {
            Ok(end) => Ok((Kind::Number, end)),
            Err(wrong) if wrong == at => Err(fault(at, Expected::Value)),
            Err(wrong) => Err(fault(wrong, Expected::Digit)),
        },
    }
}

fn wrong_string(text: &[u8], at: usize) -> JsonFault {
    let expected = match text.get(at) {
        None => Expected::More,
        Some(b'\\') if text.len() - at < 6 => Expected::More,
        Some(b'\\') => Expected::Escape,
        Some(_) => Expected::NoControl,
    };
    fault(at, expected)
}

/// Why a walk stopped inside a container.
#[cold]
fn stopped(text: &[u8], walk: &Walk) -> JsonFault {
    let at = walk.at;
    let Some(byte) = text.get(at) else { return fault(at, Expected::More) };
    let expected = match (walk.due, byte) {
        (Due::Value | Due::Element, b'{' | b'[') => Expected::Shallower,
        (Due::Value | Due::Element, _) | (Due::Key | Due::Member, b'"') => {
            // A token that is whole is followed by nothing.
            return leaf(text, at).err().unwrap_or(fault(text.len(), Expected::More));
        }
        (Due::Colon, _) => Expected::Colon,
        (Due::After, _) if walk.in_object() => Expected::CommaOrBrace,
        (Due::After, _) => Expected::CommaOrBracket,
        (Due::Member, _) => Expected::KeyOrEnd,
        (Due::Key, _) => Expected::Key,
    };
    fault(at, expected)
}

/// The nodes of what a walk passes.
struct Growth<'r> {
    nodes: &'r mut Vec<Node>,
    /// The container opened last that is not closed. While one is open, the one around it is its next node.
    open: u32,
}

#[expect(clippy::inline_always, reason = "a few stores for each value, in the walk's loop")]
impl Growth<'_> {
    #[inline(always)]
    fn push(&mut self, kind: Kind, start: usize, end: usize, escaped: bool) {
        let next = self.nodes.len() as u32 + 1;
        self.nodes.push(Node { start: start as u32, end: end as u32, next, kind, escaped });
    }
}

#[expect(clippy::inline_always, reason = "the same")]
impl Visit for Growth<'_> {
    #[inline(always)]
    fn name(&mut self, start: usize, end: usize, escaped: bool) {
        self.push(Kind::Text, start, end, escaped);
    }

    #[inline(always)]
    fn leaf(&mut self, kind: Kind, start: usize, end: usize) {
        self.push(kind, start, end, false);
    }

    #[inline(always)]
    fn open(&mut self, kind: Kind, start: usize) {
        let around = std::mem::replace(&mut self.open, self.nodes.len() as u32);
        let (start, end) = (start as u32, start as u32);
        self.nodes.push(Node { start, end, next: around, kind, escaped: false });
    }

    #[inline(always)]
    fn close(&mut self, end: usize) {
        let next = self.nodes.len() as u32;
        if let Some(node) = self.nodes.get_mut(self.open as usize) {
            self.open = std::mem::replace(&mut node.next, next);
            node.end = end as u32;
        }
    }

    #[inline]
    fn is_full(&self) -> bool {
        self.nodes.len() > JSON_NODES
    }
}

impl Page<'_> {
    /// The value that the text is.
    pub const fn root(&self) -> Item<'_> {
        Item { page: self, index: 0 }
    }
}

impl<'t> Item<'t> {
    #[inline]
    fn node(&self) -> &'t Node {
        &self.page.nodes[self.index as usize]
    }

    pub fn kind(&self) -> Kind {
        self.node().kind
    }

    pub fn is_null(&self) -> bool {
        self.kind() == Kind::Null
    }

    pub fn is_object(&self) -> bool {
        self.kind() == Kind::Object
    }

    /// The value as it was written.
    pub fn raw(&self) -> &'t [u8] {
        let node = self.node();
        &self.page.text[node.start as usize..node.end as usize]
    }

    /// Where the value begins.
    pub fn offset(&self) -> u64 {
        u64::from(self.node().start)
    }

    /// The inside of a text.
    pub fn text(&self) -> Option<Quoted<'t>> {
        (self.kind() == Kind::Text).then(|| self.quoted())
    }

    pub fn flag(&self) -> Option<bool> {
        match self.kind() {
            Kind::True => Some(true),
            Kind::False => Some(false),
            Kind::Null | Kind::Number | Kind::Text | Kind::Array | Kind::Object => None,
        }
    }

    /// A number as it was written.
    pub fn number(&self) -> Option<&'t [u8]> {
        (self.kind() == Kind::Number).then(|| self.raw())
    }

    /// A count; fractions are cut, and what is too large saturates.
    pub fn count(&self) -> Option<u64> {
        super::whole_number(self.number()?)
    }

    fn quoted(&self) -> Quoted<'t> {
        Quoted::raw(self.node().inside(self.page.text))
    }

    /// How many elements it has, if it is an array; of an object twice as many as it has members.
    pub fn size(&self) -> usize {
        let mut rest = self.inside(self.kind());
        std::iter::from_fn(|| rest.take_node()).count()
    }

    /// The elements of an array; of anything else none.
    pub fn elements(&self) -> impl Iterator<Item = Item<'t>> + use<'t> {
        let mut rest = self.inside(Kind::Array);
        std::iter::from_fn(move || rest.take_one())
    }

    /// Names and values of an object; of anything else none.
    pub fn members(&self) -> impl Iterator<Item = (Quoted<'t>, Item<'t>)> + use<'t> {
        let mut rest = self.inside(Kind::Object);
        std::iter::from_fn(move || {
            let (key, value) = rest.take_member()?;
            Some((Quoted::raw(key.inside(rest.page.text)), value))
        })
    }

    /// The same with names as they are meant.
    pub fn entries(&self) -> impl Iterator<Item = (Cow<'t, [u8]>, Item<'t>)> + use<'t> {
        let mut rest = self.inside(Kind::Object);
        std::iter::from_fn(move || {
            let (key, value) = rest.take_member()?;
            let inside = key.inside(rest.page.text);
            Some((if key.escaped { meant(inside) } else { Cow::Borrowed(inside) }, value))
        })
    }

    /// The value of the first member of this name.
    pub fn get(&self, name: &str) -> Option<Item<'t>> {
        let mut rest = self.inside(Kind::Object);
        while let Some((key, value)) = rest.take_member() {
            if key.is(name, self.page.text) {
                return Some(value);
            }
        }
        None
    }

    /// The values of the first members of these names, in one pass.
    pub fn pick<const N: usize>(&self, names: [&str; N]) -> [Option<Item<'t>>; N] {
        let mut found = [None; N];
        let mut rest = self.inside(Kind::Object);
        while let Some((key, value)) = rest.take_member() {
            if let Some(index) = names.iter().position(|name| key.is(name, self.page.text)) {
                found[index].get_or_insert(value);
            }
        }
        found
    }

    /// The members of these names, in one pass; `null` is as good as absent.
    ///
    /// # Errors
    /// The index of a name that two members have.
    pub fn fields<const N: usize>(&self, names: [&str; N]) -> Result<[Option<Item<'t>>; N], usize> {
        let mut found = [None; N];
        let mut seen = [false; N];
        let mut rest = self.inside(Kind::Object);
        while let Some((key, value)) = rest.take_member() {
            let Some(index) = names.iter().position(|name| key.is(name, self.page.text)) else { continue };
            if std::mem::replace(&mut seen[index], true) {
                return Err(index);
            }
            found[index] = Some(value).filter(|value| !value.is_null());
        }
        Ok(found)
    }

    /// The inside of a text member.
    pub fn text_at(&self, name: &str) -> Option<Quoted<'t>> {
        self.get(name)?.text()
    }

    fn inside(&self, kind: Kind) -> Inside<'t> {
        let node = self.node();
        let end = if node.kind == kind { node.next } else { self.index + 1 };
        Inside { page: self.page, at: self.index + 1, end }
    }
}

/// What a name means that has escapes.
#[cold]
fn meant(inside: &[u8]) -> Cow<'_, [u8]> {
    Cow::Owned(Quoted::raw(inside).unescaped().into_owned())
}

/// What is left of a container.
struct Inside<'t> {
    page: &'t Page<'t>,
    at: u32,
    end: u32,
}

impl<'t> Inside<'t> {
    #[inline]
    fn take_node(&mut self) -> Option<&'t Node> {
        if self.at >= self.end {
            return None;
        }
        let node = self.page.nodes.get(self.at as usize)?;
        self.at = node.next;
        Some(node)
    }

    #[inline]
    fn take_one(&mut self) -> Option<Item<'t>> {
        let index = self.at;
        self.take_node()?;
        Some(Item { page: self.page, index })
    }

    /// A name, which is a node, and its value, which begins with the next one.
    #[inline]
    fn take_member(&mut self) -> Option<(&'t Node, Item<'t>)> {
        if self.at >= self.end {
            return None;
        }
        let [key, value, ..] = self.page.nodes.get(self.at as usize..)? else { return None };
        let item = Item { page: self.page, index: self.at + 1 };
        self.at = value.next;
        Some((key, item))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::limits::JSON_DEPTH;
    use proptest::prelude::*;

    /// The text that a tree stands for, blanks apart.
    fn rebuilt(item: Item<'_>, out: &mut Vec<u8>) {
        match item.kind() {
            Kind::Object => {
                out.push(b'{');
                for (index, (name, value)) in item.members().enumerate() {
                    out.extend_from_slice(if index > 0 { b",\"" } else { b"\"" });
                    out.extend_from_slice(name.as_written());
                    out.extend_from_slice(b"\":");
                    rebuilt(value, out);
                }
                out.push(b'}');
            }
            Kind::Array => {
                out.push(b'[');
                for (index, value) in item.elements().enumerate() {
                    if index > 0 {
                        out.push(b',');
                    }
                    rebuilt(value, out);
                }
                out.push(b']');
            }
            Kind::Null | Kind::True | Kind::False | Kind::Number | Kind::Text => {
                out.extend_from_slice(item.raw());
            }
        }
    }

    fn json() -> impl Strategy<Value = String> {
        let leaf = prop_oneof![
            Just("null".to_owned()),
            Just("true".to_owned()),
            Just("false".to_owned()),
            "-?(0|[1-9][0-9]{0,25})(\\.[0-9]{1,3})?([eE][+-]?[0-9]{1,3})?",
            "\"([a-zé☀ ]|\\\\[\"\\\\/bfnrt]|\\\\u[0-9a-fA-F]{4}){0,20}\"",
        ];
        leaf.prop_recursive(5, 40, 6, |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..6).prop_map(|all| format!("[{}]", all.join(","))),
                prop::collection::vec(("[a-z\\\\n]{0,0}[a-z]{0,4}", inner), 0..6).prop_map(|all| {
                    let all: Vec<_> = all.iter().map(|(name, value)| format!("\"{name}\":{value}")).collect();
                    format!("{{{}}}", all.join(","))
                }),
            ]
        })
    }

    proptest! {
        /// What was read is written again byte for byte, names that occur twice and numbers beyond all types too.
        #[test]
        fn a_tree_is_its_text(text in json()) {
            let (mut tree, mut out) = (Tree::default(), vec![]);
            rebuilt(tree.parse(text.as_bytes()).expect("valid").root(), &mut out);
            prop_assert_eq!(String::from_utf8(out).expect("text"), text);
        }

        /// The verdict is a second parser's, on texts that are nearly JSON.
        #[test]
        fn the_verdict_is_anothers(text in json(), at in any::<prop::sample::Index>(), with in "[ {}\\[\\],:\"\\\\0-9.eEtfn\\-\n]{0,2}") {
            let mut text = text.into_bytes();
            let at = at.index(text.len());
            text.splice(at..=at, with.bytes());
            let theirs = serde_json::from_slice::<serde::de::IgnoredAny>(&text).is_ok();
            let ours = Tree::default().parse(&text).is_ok();
            prop_assert_eq!(ours, theirs, "{}", String::from_utf8_lossy(&text));
        }
    }

    /// Nesting and number are bounded, and what is wrong is told where it stands.
    #[test]
    fn faults_have_a_place() {
        let mut tree = Tree::default();
        let nested = |depth: usize| format!("{}1{}", "[".repeat(depth), "]".repeat(depth));
        assert!(tree.parse(nested(JSON_DEPTH).as_bytes()).is_ok());
        let mut fault =
            |text: &str| tree.parse(text.as_bytes()).err().map(|fault| (fault.at, fault.expected));
        assert_eq!(fault(&nested(JSON_DEPTH + 1)), Some((JSON_DEPTH as u64, Expected::Shallower)));
        let many = |count: usize| format!("[{}1]", "1,".repeat(count - 1));
        assert_eq!(fault(&many(JSON_NODES - 1)), None);
        assert_eq!(fault(&many(JSON_NODES + 1)), Some((2 * JSON_NODES as u64, Expected::Fewer)));
        for (text, at, expected) in [
            ("", 0, Expected::More),
            ("{\"a\" 1}", 5, Expected::Colon),
            ("{\"a\":1 2}", 7, Expected::CommaOrBrace),
            ("[1 2]", 3, Expected::CommaOrBracket),
            ("[1,]", 3, Expected::Value),
            ("{1:2}", 1, Expected::KeyOrEnd),
            ("{\"a\":1,2:3}", 7, Expected::Key),
            ("[12", 3, Expected::More),
            ("{\"a\":\"b", 7, Expected::More),
            ("nul", 0, Expected::Word),
            ("NaN", 0, Expected::Value),
            ("-", 1, Expected::Digit),
            ("1 1", 2, Expected::Nothing),
            ("\"\t\"", 1, Expected::NoControl),
            ("\"\\x000000\"", 1, Expected::Escape),
            ("[", 1, Expected::More),
        ] {
            assert_eq!(fault(text), Some((at, expected)), "{text}");
        }
    }
}
