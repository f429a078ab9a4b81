//! Identifiers: small integers where code compares, text only where people read.

/// A name (of a key, group, model or provider) interned once for the life of the process.
///
/// Stable over configuration reloads, so a `Record` stays readable after the snapshot it came from is gone.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, PartialOrd, Ord, Default)]
pub struct NameId(pub u32);

impl NameId {
    /// The empty name: "nobody", "no model".
    pub const NONE: NameId = NameId(0);
}

/// A request's identity: 8 random bytes of the process, then a counter of the shard. Unique, not secret.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Default, Debug)]
pub struct RequestId {
    pub process: u64,
    pub sequence: u64,
}

/// Length of a request id as text: `req_` and 32 hexadecimal digits.
pub const REQUEST_ID_CHARS: usize = 36;

const DIGITS: &[u8; 16] = b"0123456789abcdef";

impl RequestId {
    /// The id as people see it, e.g. `req_8f0c…`.
    pub fn text(self) -> [u8; REQUEST_ID_CHARS] {
        let mut out = *b"req_00000000000000000000000000000000";
        let bytes = [self.process.to_be_bytes(), self.sequence.to_be_bytes()];
        for (pair, byte) in out[4..].as_chunks_mut().0.iter_mut().zip(bytes.as_flattened()) {
            *pair = [DIGITS[usize::from(byte >> 4)], DIGITS[usize::from(byte & 0xf)]];
        }
        out
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A request id prints both halves, high digit first.
    #[test]
    fn request_id_text() {
        let id = RequestId { process: 0x8000_0000_0000_0001, sequence: 0xab };
        assert_eq!(&id.text(), b"req_800000000000000100000000000000ab");
    }
}
