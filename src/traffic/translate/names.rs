//! Names that a provider does not take, and what it is given in their place.
//!
//! Invariant: an alias is made of the name alone, so the same request is the same bytes each time, and a name in the
//! history has the alias that it has in the list of tools. Two names never share one: where a name is changed, a
//! hash of it stands in the alias.

use crate::traffic::dialect::json::Quoted;

/// Digits of the hash in an alias.
const HASH_DIGITS: usize = 16;

/// Whether a byte may stand in an alias.
static PLAIN: [bool; 256] = plain(b"_-");
static DOTTED: [bool; 256] = plain(b"_-.");

const fn plain(more: &[u8]) -> [bool; 256] {
    let (mut table, mut byte) = ([false; 256], 0);
    while byte < table.len() {
        table[byte] = (byte as u8).is_ascii_alphanumeric();
        byte += 1;
    }
    let mut rest = more;
    while let [first, behind @ ..] = rest {
        table[*first as usize] = true;
        rest = behind;
    }
    table
}

/// A name as the provider takes it: letters, digits, `_` and `-`, at most `longest` of them.
pub fn alias<'n>(name: &'n Quoted<'_>, longest: usize) -> Quoted<'n> {
    fitted(name, longest, &PLAIN, |_| true)
}

/// Longest name of a client's own user.
const USER_BYTES: usize = 64;

/// The name of a client's own user, which may have any characters, but not any number of them.
pub fn shortened<'n>(user: &'n Quoted<'_>) -> Quoted<'n> {
    if user.as_written().len() <= USER_BYTES {
        Quoted::raw(user.as_written())
    } else {
        alias(user, USER_BYTES)
    }
}

/// The same where dots may stand too, and the first byte is a letter or `_`.
pub fn dotted_alias<'n>(name: &'n Quoted<'_>, longest: usize) -> Quoted<'n> {
    fitted(name, longest, &DOTTED, |first| first.is_ascii_alphabetic() || first == b'_')
}

fn fitted<'n>(
    name: &'n Quoted<'_>,
    longest: usize,
    plain: &[bool; 256],
    begins: impl Fn(u8) -> bool,
) -> Quoted<'n> {
    let written = name.as_written();
    let fits = written.len() <= longest && written.iter().all(|byte| plain[usize::from(*byte)]);
    if fits && written.first().is_some_and(|first| begins(*first)) {
        return Quoted::raw(written);
    }
    let meant = name.unescaped();
    let kept = meant.iter().map(|byte| if plain[usize::from(*byte)] { *byte } else { b'_' });
    let start = kept.clone().next().filter(|first| !begins(*first)).map(|_| b'_');
    let kept = start.into_iter().chain(kept).take(longest - HASH_DIGITS - 1);
    let mut alias: String = kept.map(char::from).collect();
    alias.push_str(&format!("_{:016x}", fnv(&meant)));
    Quoted::of(&alias)
}

/// FNV-1a: the same in every process, and nobody gains by two names that share it but the client whose they are.
pub fn fnv(bytes: &[u8]) -> u64 {
    bytes
        .iter()
        .fold(0xcbf2_9ce4_8422_2325, |hash, byte| (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3))
}

/// What was renamed, to give the names back in the answer.
#[derive(Default)]
pub struct Renamed(Vec<(Quoted<'static>, Quoted<'static>)>);

impl Renamed {
    /// Notes that a tool goes by an alias, if it does.
    pub fn note(&mut self, name: &Quoted<'_>, alias: &Quoted<'_>) {
        if name != alias {
            self.0.push((alias.clone().into_owned(), name.clone().into_owned()));
        }
    }

    /// The client's name for what the provider calls by this one.
    pub fn original<'n>(&'n self, name: &'n Quoted<'n>) -> &'n Quoted<'n> {
        self.0.iter().find(|(alias, _)| alias == name).map_or(name, |(_, original)| original)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        /// An alias is a name that providers take, stays the same, and differs where names do.
        #[test]
        fn aliases_are_sound(one in "[a-z./_é -]{0,80}", other in "[a-z./_é -]{0,80}") {
            let [first, second] = [&one, &other].map(|name| alias(&Quoted::of(name), 64).into_owned());
            prop_assert!(first.as_written().iter().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'-')));
            prop_assert!((1..=64).contains(&first.as_written().len()));
            prop_assert_eq!(&alias(&first, 64), &first);
            prop_assert_eq!(one == other, first == second);
        }

        /// The same of names with dots, which begin with a letter or `_`.
        #[test]
        fn dotted_aliases_are_sound(one in "[a-z0-9./_é -]{0,80}", other in "[a-z0-9./_é -]{0,80}") {
            let [first, second] = [&one, &other].map(|name| dotted_alias(&Quoted::of(name), 64).into_owned());
            prop_assert!(first.as_written().iter().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'-' | b'.')));
            prop_assert!(first.as_written()[0].is_ascii_alphabetic() || first.as_written()[0] == b'_');
            prop_assert!((1..=64).contains(&first.as_written().len()));
            prop_assert_eq!(&dotted_alias(&first, 64), &first);
            prop_assert_eq!(one == other, first == second);
        }
    }
}
