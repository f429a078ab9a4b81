//! A short text of fixed size, for values that cross a thread or wait without an allocation.
//!
//! Invariant: at most `N` bytes, valid UTF-8; what was longer is cut at a character boundary.

/// Up to `N` bytes of UTF-8, held inline.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Text<const N: usize> {
    len: u16,
    bytes: [u8; N],
}

impl<const N: usize> Text<N> {
    /// No text.
    pub const EMPTY: Self = Self { len: 0, bytes: [0; N] };

    /// The text itself if it fits, else as many whole characters as do.
    pub fn cut(text: &str) -> Self {
        const { assert!(N <= u16::MAX as usize) };
        let len = text.floor_char_boundary(N);
        let mut bytes = [0; N];
        bytes[..len].copy_from_slice(&text.as_bytes()[..len]);
        Self { len: len as u16, bytes }
    }

    /// Like [`Text::cut`], for bytes of unknown encoding: what is not UTF-8 ends the text.
    pub fn cut_bytes(bytes: &[u8]) -> Self {
        let head = &bytes[..bytes.len().min(N)];
        match std::str::from_utf8(head) {
            Ok(text) => Self::cut(text),
            Err(e) => Self::cut(std::str::from_utf8(&head[..e.valid_up_to()]).unwrap_or_default()),
        }
    }

    pub fn as_str(&self) -> &str {
        std::str::from_utf8(&self.bytes[..self.len as usize]).unwrap_or_default()
    }
}

impl<const N: usize> Default for Text<N> {
    fn default() -> Self {
        Self::EMPTY
    }
}

impl<const N: usize> std::fmt::Debug for Text<N> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        std::fmt::Debug::fmt(self.as_str(), f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A text longer than its place is cut between characters, never inside one.
    #[test]
    fn cuts_between_characters() {
        assert_eq!(Text::<4>::cut("abé€").as_str(), "abé");
        assert_eq!(Text::<8>::cut_bytes(b"ok\xff\xfe").as_str(), "ok");
    }
}
