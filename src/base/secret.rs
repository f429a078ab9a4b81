//! Values that must never be printed.
//!
//! Invariant: no `Display`, a `Debug` that shows nothing, memory wiped when dropped.

use zeroize::Zeroizing;

/// A credential. Its bytes are reachable only through [`Secret::expose`], which is easy to find in a review.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(Zeroizing<Vec<u8>>);

impl Secret {
    pub fn new(bytes: impl Into<Vec<u8>>) -> Self {
        Self(Zeroizing::new(bytes.into()))
    }

    /// The bytes themselves: for hashing, for the head of an upstream request, for scrubbing. Never for a log.
    pub fn expose(&self) -> &[u8] {
        &self.0
    }
}

impl std::fmt::Debug for Secret {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Secret(…)")
    }
}

/// SHA-256 of a client key: what the configuration keeps, and what a presented key is looked up by.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct KeyHash(pub [u8; 32]);

impl KeyHash {
    pub fn of(key: &[u8]) -> Self {
        let mut hash = [0; 32];
        hash.copy_from_slice(ring::digest::digest(&ring::digest::SHA256, key).as_ref());
        Self(hash)
    }
}

impl std::fmt::Debug for KeyHash {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("KeyHash(…)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Debug output shows neither a secret nor its hash.
    #[test]
    fn debug_shows_nothing() {
        let shown = format!("{:?} {:?}", Secret::new("sk-canary"), KeyHash::of(b"sk-canary"));
        assert_eq!(shown, "Secret(…) KeyHash(…)");
    }
}
