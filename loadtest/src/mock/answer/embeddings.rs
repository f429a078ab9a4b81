//! `POST /v1/embeddings`, as numbers or as base64 of little-endian 32-bit floats.

use std::fmt::Write;

use super::Reply;

/// Numbers of an embedding where the request does not say.
const DIMENSIONS: u32 = 8;
const DIMENSIONS_MAX: u32 = 16_384;

pub fn whole(reply: &Reply<'_>) -> String {
    let dimensions = reply.asked.dimensions().unwrap_or(DIMENSIONS).clamp(1, DIMENSIONS_MAX);
    let mut body = String::from(r#"{"object":"list","data":["#);
    for index in 0..reply.asked.inputs() {
        let comma = if index == 0 { "" } else { "," };
        let vector = vector(index, dimensions);
        let written =
            if reply.asked.wants_base64() { format!("\"{}\"", base64_of(&vector)) } else { list(&vector) };
        write(
            &mut body,
            format_args!(r#"{comma}{{"object":"embedding","index":{index},"embedding":{written}}}"#),
        );
    }
    let tokens = reply.prompt_tokens;
    let usage = format_args!(
        r#"],"model":{},"usage":{{"prompt_tokens":{tokens},"total_tokens":{tokens}}}}}"#,
        reply.model
    );
    write(&mut body, usage);
    body
}

/// A unit vector along the axis of the input's index: no two of the first inputs are alike.
fn vector(index: u32, dimensions: u32) -> Vec<f32> {
    (0..dimensions).map(|axis| if axis == index % dimensions { 1.0 } else { 0.0 }).collect()
}

fn list(vector: &[f32]) -> String {
    let numbers: Vec<String> = vector.iter().map(|number| format!("{number:.1}")).collect();
    format!("[{}]", numbers.join(","))
}

fn base64_of(vector: &[f32]) -> String {
    base64(&vector.iter().flat_map(|number| number.to_le_bytes()).collect::<Vec<u8>>())
}

/// Standard base64 with padding.
fn base64(bytes: &[u8]) -> String {
    const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut text = String::with_capacity(bytes.len().div_ceil(3) * 4);
    for three in bytes.chunks(3) {
        let value = (0..3).fold(0, |value, at| value << 8 | u32::from(three.get(at).copied().unwrap_or(0)));
        for digit in 0..4 {
            let index = (value >> (18 - 6 * digit)) & 63;
            text.push(if digit <= three.len() { ALPHABET[index as usize] as char } else { '=' });
        }
    }
    text
}

/// Writing to a string cannot fail.
pub fn write(text: &mut String, what: std::fmt::Arguments<'_>) {
    let written = text.write_fmt(what);
    debug_assert!(written.is_ok(), "a string takes everything");
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Base64 is the standard one, padded (the examples of RFC 4648 section 10).
    #[test]
    fn encodes_base64() {
        for (plain, encoded) in
            [("", ""), ("f", "Zg=="), ("fo", "Zm8="), ("foo", "Zm9v"), ("foobar", "Zm9vYmFy")]
        {
            assert_eq!(base64(plain.as_bytes()), encoded);
        }
        assert_eq!(base64_of(&[1.0]), "AACAPw==");
    }
}
