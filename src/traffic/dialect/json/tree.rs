//! A whole JSON text as a tree, for where a body is written anew in another format.
//!
//! Takes a text in one piece; gives its values as places in that text. What is not looked into is copied as it was
//! written: numbers keep their digits, texts their escapes, objects the order and the repetition of their members.
//!
//! Invariant: linear time, and one node of 16 bytes for each value and name; their number and their nesting are bounded.

use super::number::{Place, Step};
use super::quoted::Quoted;
use super::run::string_end;
use super::{Expected, JsonFault};
use crate::base::limits::{JSON_DEPTH, JSON_NODES};
use std::borrow::Cow;

/// Bytes of text for each node, where texts are short.
const TYPICAL_BYTES: usize = 24;

const BOM: &[u8] = b"\xEF\xBB\xBF";

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
}

/// The memory of a tree; serves one text after the other.
#[derive(Default)]
pub struct Tree {
    nodes: Vec<Node>,
}

/// One value of a text.
#[derive(Clone, Copy)]
pub struct Item<'t> {
    text: &'t [u8],
    nodes: &'t [Node],
    index: u32,
}

impl Tree {
    /// Reads one JSON value with nothing but blanks around it.
    ///
    /// # Errors
    /// The text is not JSON, or longer than 4 GiB.
    pub fn parse<'t>(&'t mut self, text: &'t [u8]) -> Result<Item<'t>, JsonFault> {
        self.nodes.clear();
        self.nodes.reserve(text.len() / TYPICAL_BYTES);
        if u32::try_from(text.len()).is_err() {
            return Err(JsonFault { at: text.len() as u64, expected: Expected::Nothing });
        }
        let mut reader = Reader { text, at: 0, nodes: &mut self.nodes };
        if text.starts_with(BOM) {
            reader.at = BOM.len();
        }
        reader.document()?;
        Ok(Item { text, nodes: &self.nodes, index: 0 })
    }

    /// Bytes of memory held.
    pub fn held(&self) -> usize {
        self.nodes.capacity() * size_of::<Node>()
    }
}

struct Reader<'r> {
    text: &'r [u8],
    at: usize,
    nodes: &'r mut Vec<Node>,
}

impl Reader<'_> {
    fn document(&mut self) -> Result<(), JsonFault> {
        let (mut open, mut depth, mut in_object) = ([0u32; JSON_DEPTH], 0, false);
        self.blanks();
        loop {
            if in_object {
                self.name()?;
            }
            let begun = self.nodes.len() as u32;
            match self.peek() {
                Some(b'"') => self.string()?,
                Some(begin @ (b'{' | b'[')) => {
                    in_object = begin == b'{';
                    self.push(if in_object { Kind::Object } else { Kind::Array }, self.at);
                    self.at += 1;
                    *open.get_mut(depth).ok_or(self.fault(Expected::Shallower))? = begun;
                    depth += 1;
                    self.blanks();
                    if self.peek() != Some(if in_object { b'}' } else { b']' }) {
                        continue;
                    }
                }
                Some(b't') => self.word(b"true", Kind::True)?,
                Some(b'f') => self.word(b"false", Kind::False)?,
                Some(b'n') => self.word(b"null", Kind::Null)?,
                Some(byte) => self.number(byte)?,
                None => return Err(self.fault(Expected::More)),
            }
            // Behind a value there is another one, or its container ends, and perhaps the one around that.
            loop {
                self.blanks();
                let Some(top) = depth.checked_sub(1) else { return self.end() };
                match self.peek() {
                    Some(b',') => break,
                    Some(b'}') if in_object => {}
                    Some(b']') if !in_object => {}
                    None => return Err(self.fault(Expected::More)),
                    Some(_) if in_object => return Err(self.fault(Expected::CommaOrBrace)),
                    Some(_) => return Err(self.fault(Expected::CommaOrBracket)),
                }
                self.at += 1;
                let next = self.nodes.len() as u32;
                let node = &mut self.nodes[open[top] as usize];
                (node.end, node.next) = (self.at as u32, next);
                depth = top;
                in_object = depth > 0 && self.nodes[open[depth - 1] as usize].kind == Kind::Object;
            }
            if self.nodes.len() > JSON_NODES {
                return Err(self.fault(Expected::Fewer));
            }
            self.at += 1;
            self.blanks();
        }
    }

    /// Behind the outermost value.
    fn end(&self) -> Result<(), JsonFault> {
        if self.at == self.text.len() { Ok(()) } else { Err(self.fault(Expected::Nothing)) }
    }

    /// A member's name, up to where its value begins.
    #[inline]
    fn name(&mut self) -> Result<(), JsonFault> {
        if self.peek() != Some(b'"') {
            return Err(self.fault(Expected::Key));
        }
        let index = self.nodes.len();
        self.string()?;
        let name = &mut self.nodes[index];
        name.escaped = name.inside(self.text).contains(&b'\\');
        self.blanks();
        if self.peek() != Some(b':') {
            return Err(self.fault(Expected::Colon));
        }
        self.at += 1;
        self.blanks();
        Ok(())
    }

    #[inline]
    fn string(&mut self) -> Result<(), JsonFault> {
        let start = self.at;
        self.at = string_end(self.text, start + 1).map_err(|at| self.wrong_string(at))?;
        self.push(Kind::Text, start);
        Ok(())
    }

    fn wrong_string(&self, at: usize) -> JsonFault {
        let expected = match self.text.get(at) {
            None => Expected::More,
            Some(b'\\') if self.text.len() - at < 6 => Expected::More,
            Some(b'\\') => Expected::Escape,
            Some(_) => Expected::NoControl,
        };
        JsonFault { at: at as u64, expected }
    }

    fn word(&mut self, word: &[u8], kind: Kind) -> Result<(), JsonFault> {
        let start = self.at;
        if !self.text[start..].starts_with(word) {
            return Err(self.fault(Expected::Word));
        }
        self.at += word.len();
        self.push(kind, start);
        Ok(())
    }

    fn number(&mut self, first: u8) -> Result<(), JsonFault> {
        let start = self.at;
        let mut place = Place::begin(first).ok_or(self.fault(Expected::Value))?;
        if place == Place::Whole {
            while self.peek().is_some_and(|byte| byte.is_ascii_digit()) {
                self.at += 1;
            }
            // The last of them goes the way of all others.
            self.at -= 1;
        }
        loop {
            self.at += 1;
            // Behind the text no number goes on.
            match place.step(self.peek().unwrap_or(b' ')) {
                Step::On(next) => place = next,
                Step::Broken => return Err(self.fault(Expected::Digit)),
                Step::End => break,
            }
        }
        self.push(Kind::Number, start);
        Ok(())
    }

    fn push(&mut self, kind: Kind, start: usize) {
        let next = self.nodes.len() as u32 + 1;
        self.nodes.push(Node { start: start as u32, end: self.at as u32, next, kind, escaped: false });
    }

    #[inline]
    fn blanks(&mut self) {
        if self.peek().is_some_and(|byte| byte <= b' ') {
            self.skip_blanks();
        }
    }

    #[inline(never)]
    fn skip_blanks(&mut self) {
        while matches!(self.peek(), Some(b' ' | b'\n' | b'\r' | b'\t')) {
            self.at += 1;
        }
    }

    #[inline]
    fn peek(&self) -> Option<u8> {
        self.text.get(self.at).copied()
    }

    fn fault(&self, expected: Expected) -> JsonFault {
        JsonFault { at: self.at as u64, expected }
    }
}

impl<'t> Item<'t> {
    fn node(&self) -> &'t Node {
        &self.nodes[self.index as usize]
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
        &self.text[node.start as usize..node.end as usize]
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
        Quoted::raw(self.node().inside(self.text))
    }

    /// The elements of an array; of anything else none.
    pub fn elements(&self) -> impl Iterator<Item = Item<'t>> + use<'t> {
        let mut rest = self.inside(Kind::Array);
        std::iter::from_fn(move || rest.take_one())
    }

    /// Names and values of an object; of anything else none.
    pub fn members(&self) -> impl Iterator<Item = (Quoted<'t>, Item<'t>)> + use<'t> {
        let mut rest = self.inside(Kind::Object);
        std::iter::from_fn(move || Some((rest.take_one()?.quoted(), rest.take_one()?)))
    }

    /// The same with names as they are meant.
    pub fn entries(&self) -> impl Iterator<Item = (Cow<'t, [u8]>, Item<'t>)> + use<'t> {
        let mut rest = self.inside(Kind::Object);
        let text = self.text;
        std::iter::from_fn(move || {
            let key = rest.take_node()?;
            let inside = key.inside(text);
            let name = if key.escaped {
                Cow::Owned(Quoted::raw(inside).unescaped().into_owned())
            } else {
                Cow::Borrowed(inside)
            };
            Some((name, rest.take_one()?))
        })
    }

    /// The value of the first member of this name.
    pub fn get(&self, name: &str) -> Option<Item<'t>> {
        let mut rest = self.inside(Kind::Object);
        while let Some(key) = rest.take_node() {
            let value = rest.take_one()?;
            let inside = key.inside(self.text);
            if inside == name.as_bytes() || (key.escaped && Quoted::raw(inside).is(name)) {
                return Some(value);
            }
        }
        None
    }

    /// The members of these names, in one pass; `null` is as good as absent.
    ///
    /// # Errors
    /// The index of a name that two members have.
    pub fn fields<const N: usize>(&self, names: [&str; N]) -> Result<[Option<Item<'t>>; N], usize> {
        let mut found = [None; N];
        let mut seen = [false; N];
        let mut rest = self.inside(Kind::Object);
        while let (Some(key), Some(value)) = (rest.take_node(), rest.take_one()) {
            let inside = key.inside(self.text);
            let is = |name: &&str| {
                inside.len() == name.len() && *inside == *name.as_bytes()
                    || key.escaped && Quoted::raw(inside).is(name)
            };
            let Some(index) = names.iter().position(is) else { continue };
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
        Inside { text: self.text, nodes: self.nodes, at: self.index + 1, end }
    }
}

/// What is left of a container.
struct Inside<'t> {
    text: &'t [u8],
    nodes: &'t [Node],
    at: u32,
    end: u32,
}

impl<'t> Inside<'t> {
    #[inline]
    fn take_node(&mut self) -> Option<&'t Node> {
        if self.at >= self.end {
            return None;
        }
        let node = self.nodes.get(self.at as usize)?;
        self.at = node.next;
        Some(node)
    }

    #[inline]
    fn take_one(&mut self) -> Option<Item<'t>> {
        let index = self.at;
        self.take_node()?;
        Some(Item { text: self.text, nodes: self.nodes, index })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
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
            rebuilt(tree.parse(text.as_bytes()).expect("valid"), &mut out);
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
        assert_eq!(fault(&nested(JSON_DEPTH + 1)), Some((129, Expected::Shallower)));
        let many = |count: usize| format!("[{}1]", "1,".repeat(count - 1));
        assert_eq!(fault(&many(JSON_NODES - 1)), None);
        assert_eq!(fault(&many(JSON_NODES + 1)), Some((2 * JSON_NODES as u64, Expected::Fewer)));
        for (text, at, expected) in [
            ("", 0, Expected::More),
            ("{\"a\" 1}", 5, Expected::Colon),
            ("{\"a\":1 2}", 7, Expected::CommaOrBrace),
            ("[1 2]", 3, Expected::CommaOrBracket),
            ("[1,]", 3, Expected::Value),
            ("{1:2}", 1, Expected::Key),
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
