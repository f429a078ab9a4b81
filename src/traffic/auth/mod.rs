//! Who is calling.
//!
//! Takes the credential of a request head and the snapshot's keys; gives a `Caller`, or why there is none.
//!
//! Invariant: the presented key is hashed at once and goes no further (the head that it stands in is kept while its
//! connection is open); a lookup costs the same for a known and an unknown key.

pub mod query;

use crate::base::fault::FaultKind;
use crate::base::ids::NameId;
use crate::base::limits::KEY_BYTES;
use crate::base::secret::KeyHash;
use crate::contract::snapshot::{Access, Snapshot};
use crate::http::is;

/// Somebody who may ask.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Caller {
    pub key: NameId,
    /// Index into the snapshot's groups; none where no key is required.
    pub group: Option<u32>,
    /// When the key runs out.
    pub expires_unix: Option<u64>,
}

/// The key in a header field, if it is one that carries keys. `rank` decides between several: the lowest wins.
pub fn credential<'v>(name: &str, value: &'v [u8]) -> Option<(Rank, &'v [u8])> {
    let name = name.as_bytes();
    let rank = match name.len() {
        13 if is(name, b"authorization") => return Some((Rank(0), bearer(value))),
        9 if is(name, b"x-api-key") => 1,
        7 if is(name, b"api-key") => 2,
        14 if is(name, b"x-goog-api-key") => 3,
        _ => return None,
    };
    Some((Rank(rank), value.trim_ascii()))
}

/// Order of the headers that carry keys.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct Rank(u8);

/// The token of `Bearer TOKEN`, which is empty where a variable with it was; a value of another scheme is itself taken
/// for the key, and will not be known.
fn bearer(value: &[u8]) -> &[u8] {
    let value = value.trim_ascii();
    match value.split_at_checked(6) {
        Some((scheme, token)) if is(scheme, b"bearer") && matches!(token.first(), None | Some(b' ')) => {
            token.trim_ascii()
        }
        _ => value,
    }
}

/// Finds the caller behind a presented key.
///
/// # Errors
/// `MissingKey`, `InvalidKey`, `ExpiredKey`.
pub fn authenticate(
    snapshot: &Snapshot,
    presented: Option<&[u8]>,
    now_unix: impl Fn() -> u64,
) -> Result<Caller, FaultKind> {
    if snapshot.access == Access::Open {
        return Ok(Caller { key: NameId::NONE, group: None, expires_unix: None });
    }
    let presented = presented.filter(|key| !key.is_empty()).ok_or(FaultKind::MissingKey)?;
    if presented.len() > KEY_BYTES {
        return Err(FaultKind::InvalidKey);
    }
    let index = snapshot.key_by_hash.get(&KeyHash::of(presented)).ok_or(FaultKind::InvalidKey)?;
    let key = &snapshot.keys[*index as usize];
    if key.expires_unix.is_some_and(|end| now_unix() >= end) {
        return Err(FaultKind::ExpiredKey);
    }
    Ok(Caller { key: key.name, group: Some(key.group), expires_unix: key.expires_unix })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Each of the four headers gives its key, and other headers give none.
    #[test]
    fn headers_that_carry_keys() {
        let key = |n: &str, v: &str| {
            credential(n, v.as_bytes()).map(|(_, k)| String::from_utf8_lossy(k).into_owned())
        };
        assert_eq!(key("Authorization", "Bearer  k1 ").as_deref(), Some("k1"));
        assert_eq!(key("authorization", "bearer k1").as_deref(), Some("k1"));
        assert_eq!(key("authorization", "Basic abc").as_deref(), Some("Basic abc"));
        assert_eq!(key("authorization", "Bearer").as_deref(), Some(""));
        assert_eq!(key("authorization", "BEARER  ").as_deref(), Some(""));
        assert_eq!(key("authorization", "Bearerk1").as_deref(), Some("Bearerk1"));
        assert_eq!(key("X-Api-Key", "k2").as_deref(), Some("k2"));
        assert_eq!(key("api-key", "k3").as_deref(), Some("k3"));
        assert_eq!(key("x-goog-api-key", "k4").as_deref(), Some("k4"));
        assert_eq!(key("x-other", "k5"), None);
    }
}
