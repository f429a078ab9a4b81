//! Text as the inside of a JSON string.

/// Gives `text`, escaped, piece by piece to `put`.
pub fn escape(text: &str, put: impl FnMut(&[u8])) {
    escape_bytes(text.as_bytes(), put);
}

/// The same for text that is known to be UTF-8 only as far as its writer was careful.
pub fn escape_bytes(text: &[u8], mut put: impl FnMut(&[u8])) {
    const HEX: &[u8; 16] = b"0123456789abcdef";
    let mut rest = text;
    loop {
        let run = super::run::plain_run(rest);
        put(&rest[..run]);
        let Some(byte) = rest.get(run) else { return };
        match byte {
            b'"' => put(b"\\\""),
            b'\\' => put(b"\\\\"),
            b'\n' => put(b"\\n"),
            b'\r' => put(b"\\r"),
            b'\t' => put(b"\\t"),
            other => {
                let (high, low) = (HEX[usize::from(other >> 4)], HEX[usize::from(other & 15)]);
                put(&[b'\\', b'u', b'0', b'0', high, low]);
            }
        }
        rest = &rest[run + 1..];
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What is escaped here, a JSON parser reads back as it was: every control character too.
    #[test]
    fn a_parser_reads_it_back() {
        let text: String = (0..0x180u32).filter_map(char::from_u32).chain("€🦀\"\\".chars()).collect();
        let mut out = b"\"".to_vec();
        escape(&text, |piece| out.extend_from_slice(piece));
        out.push(b'"');
        assert_eq!(serde_json::from_slice::<String>(&out).unwrap(), text);
    }
}
