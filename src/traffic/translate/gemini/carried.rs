//! What only this format's calls have, inside their ids.
//!
//! A model's call comes with a signature, and the newer models refuse a history whose calls come back without theirs.
//! Chat completions and messages have no place for it that clients keep: typed clients drop members that they do not
//! know. Only a call's id is given back by all of them as it is, so the signature is written behind it, and taken off
//! where the call goes back to such a model. Providers of other formats get a short alias of an id this long.
//!
//! An id that the provider itself gave is marked too: it goes back, and one that was made up here does not, because not
//! every server of this format takes ids.
//!
//! Invariant: an id is letters, digits, `_` and `-`; what was put in comes out.

use crate::traffic::dialect::json::Quoted;
use crate::traffic::translate::base64;
use memchr::memmem;

/// Behind an id of the provider's own, and before the signature, if there is one.
pub const GIVEN: &[u8] = b"_-gid-_";
/// Behind one that was made up, and before the signature.
pub const MADE: &[u8] = b"_-sig-_";
/// Longest id of the provider's own.
const ID_BYTES: usize = 64;
/// Longest signature that is carried. Without one a call goes back like that of another model.
const SIGNATURE_BYTES: usize = 32 * 1024;

/// What an id says.
pub struct Carried<'i> {
    /// The provider's own id.
    pub given: Option<&'i [u8]>,
    pub signature: Option<Vec<u8>>,
}

/// An id for a client: of what the provider gave, or else of `made`.
pub fn id(
    given: Option<&Quoted<'_>>,
    signature: Option<&[u8]>,
    made: impl FnOnce() -> String,
) -> Quoted<'static> {
    let given = given.map(Quoted::as_written).filter(|id| is_usable(id));
    let signature =
        signature.filter(|digits| digits.len() <= SIGNATURE_BYTES && digits.iter().copied().all(is_digit));
    let mut id = match (given, signature) {
        (Some(given), _) => [given, GIVEN].concat(),
        (None, Some(_)) => [made().as_bytes(), MADE].concat(),
        (None, None) => made().into_bytes(),
    };
    let plain = |digit: &u8| match digit {
        b'+' => b'-',
        b'/' => b'_',
        other => *other,
    };
    id.extend(signature.unwrap_or_default().iter().filter(|digit| **digit != b'=').map(plain));
    Quoted::raw(&id).into_owned()
}

/// What an id of a client carries; of one from elsewhere nothing.
pub fn read<'i>(id: &'i Quoted<'_>) -> Carried<'i> {
    // Most ids come from elsewhere, and have not even this.
    if memchr::memchr(b'-', id.as_written()).is_none() {
        return Carried { given: None, signature: None };
    }
    let cut = |mark| {
        let at = memmem::find(id.as_written(), mark)?;
        let digits = &id.as_written()[at + mark.len()..];
        let signature = (!digits.is_empty()).then(|| base64::padded(digits));
        digits.iter().copied().all(is_digit).then_some((&id.as_written()[..at], signature))
    };
    if let Some((given, signature)) = cut(GIVEN) {
        return Carried { given: Some(given), signature };
    }
    Carried { given: None, signature: cut(MADE).and_then(|(_, signature)| signature) }
}

fn is_usable(id: &[u8]) -> bool {
    let plain = |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-');
    // No mark before its own, not even one that the two make together.
    let marked = |mark: &[u8]| memmem::find(&[id, mark].concat(), mark) != Some(id.len());
    (1..=ID_BYTES).contains(&id.len()) && id.iter().all(plain) && !marked(GIVEN) && !marked(MADE)
}

fn is_digit(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'/' | b'-' | b'_' | b'=')
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        /// What was put in comes out, and ids are what every provider takes.
        #[test]
        fn what_is_carried_comes_back(given in prop::option::of("[a-z0-9_/-]{0,70}"), bytes in prop::collection::vec(any::<u8>(), 0..60)) {
            let signature = base64::encoded(&bytes);
            let signature = (!bytes.is_empty()).then_some(&*signature);
            let quoted = given.as_ref().map(|given| Quoted::of(given));
            let id = id(quoted.as_ref(), signature, || "call_0".to_owned());
            prop_assert!(id.as_written().iter().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'-')));
            let carried = read(&id);
            prop_assert_eq!(carried.signature.as_deref(), signature);
            let expected = given.filter(|given| is_usable(given.as_bytes()));
            prop_assert_eq!(carried.given, expected.as_ref().map(String::as_bytes));
        }
    }

    /// An id of the provider's that looks like one with a mark is not read as one.
    #[test]
    fn marks_are_not_mistaken() {
        for given in ["x_-gid-_y", "x_-gid-", "_-sig-_", "x_-", "_"] {
            let id = id(Some(&Quoted::of(given)), Some(b"c2ln"), || "call_0".to_owned());
            let carried = read(&id);
            assert_eq!(carried.signature.as_deref(), Some(&b"c2ln"[..]), "{given}");
            assert!(carried.given.is_none_or(|id| id == given.as_bytes()), "{given}");
        }
    }

    /// Ids from elsewhere carry nothing, and a signature beyond the bound is not carried.
    #[test]
    fn others_carry_nothing() {
        for id in ["call_a1", "toolu_01", "x_-sig-_no base64", "_-gid-_\\u0041", ""] {
            let id = Quoted::raw(id.as_bytes());
            let carried = read(&id);
            assert!(carried.given.is_none() && carried.signature.is_none(), "{id:?}");
        }
        let long = vec![b'A'; SIGNATURE_BYTES + 1];
        assert_eq!(id(None, Some(&long), || "call_0".to_owned()), Quoted::raw(b"call_0"));
    }
}
