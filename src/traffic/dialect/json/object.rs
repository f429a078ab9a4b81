//! Whether a text is an object, where nobody looks into it.

use super::tree::Kind;
use super::walk::{Walk, blanks, start};
use std::ops::Range;

/// Where the object is that a text consists of, with nothing but blanks around it.
pub fn object(text: &[u8]) -> Option<Range<usize>> {
    let start = start(text);
    if text.get(start) != Some(&b'{') {
        return None;
    }
    let walk = Walk::into(Kind::Object, start).run(text, 0, &mut ());
    (walk.depth == 0 && blanks(text, walk.at) == text.len()).then_some(start..walk.at)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::traffic::dialect::json::{Item, Page, Tree};
    use proptest::prelude::*;

    proptest! {
        /// A text is an object if it is one for who looks at all of its values, and stands where that one does.
        #[test]
        fn objects_are_those_of_trees(
            text in "(\u{FEFF})?[ \n]{0,2}(\\{(\"[a-z\\\\]{0,3}\":)?(\"é\",?|[0-9.]{0,3}|\\[|\\]|\\{|true){0,3}\\}|null|\\[\\])[ \n]{0,2}x?",
        ) {
            let mut tree = Tree::default();
            let page = tree.parse(text.as_bytes()).ok();
            let item = page.as_ref().map(Page::root).filter(Item::is_object);
            let found = object(text.as_bytes());
            prop_assert_eq!(found.clone().map(|at| &text.as_bytes()[at]), item.map(|item| item.raw()));
            prop_assert_eq!(found.map(|at| at.start as u64), item.map(|item| item.offset()));
        }
    }

    /// What is found is the object alone, and depth has its bound here too.
    #[test]
    fn blanks_and_depth() {
        for (text, found) in [
            ("{}", Some(0..2)),
            (" {\"a\":[1,{}]}\n", Some(1..13)),
            ("\u{FEFF}{}", Some(3..5)),
            ("{}{}", None),
            ("[{}]", None),
            ("{\"a\":}", None),
            ("{", None),
            ("", None),
        ] {
            assert_eq!(object(text.as_bytes()), found, "{text}");
        }
        let nested = |depth: usize| format!("{}1{}", "{\"a\":".repeat(depth), "}".repeat(depth));
        assert!(object(nested(128).as_bytes()).is_some());
        assert!(object(nested(129).as_bytes()).is_none());
    }
}
