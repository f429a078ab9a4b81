//! Embeddings in each format; in `OpenAI`'s as numbers or as base64 of little-endian 32-bit floats.

use std::fmt::Write;

use super::{ID, Reply};

/// Numbers of an embedding where the request does not say.
const DIMENSIONS: u32 = 8;
const DIMENSIONS_MAX: u32 = 16_384;

pub fn whole(reply: &Reply<'_>) -> String {
    let mut body = String::from(r#"{"object":"list","data":["#);
    for index in 0..reply.asked.inputs() {
        let comma = if index == 0 { "" } else { "," };
        let vector = vector(reply, index);
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

/// `:embedContent`
pub fn gemini(reply: &Reply<'_>) -> String {
    format!(r#"{{"embedding":{{"values":{}}}{}}}"#, list(&vector(reply, 0)), gemini_usage(reply))
}

/// `:batchEmbedContents`
pub fn gemini_batch(reply: &Reply<'_>) -> String {
    let one = |vector: String| format!(r#"{{"values":{vector}}}"#);
    format!(r#"{{"embeddings":[{}]{}}}"#, lists(reply, one), gemini_usage(reply))
}

fn gemini_usage(reply: &Reply<'_>) -> String {
    format!(r#","usageMetadata":{{"promptTokenCount":{}}}"#, reply.prompt_tokens)
}

/// `POST /v2/embed`
pub fn cohere(reply: &Reply<'_>) -> String {
    format!(
        r#"{{"id":"{ID}","texts":[],"embeddings":{{"float":[{}]}},"meta":{{"api_version":{{"version":"2"}},"billed_units":{{"input_tokens":{}}}}},"response_type":"embeddings_by_type"}}"#,
        lists(reply, |vector| vector),
        reply.prompt_tokens
    )
}

/// `POST /api/embed`
pub fn ollama(reply: &Reply<'_>) -> String {
    format!(
        r#"{{"model":{},"embeddings":[{}],"total_duration":2000000,"load_duration":1000000,"prompt_eval_count":{}}}"#,
        reply.model,
        lists(reply, |vector| vector),
        reply.prompt_tokens
    )
}

/// A vector of each input as `one` writes it, with commas between them.
fn lists(reply: &Reply<'_>, one: impl Fn(String) -> String) -> String {
    let all: Vec<String> = (0..reply.asked.inputs()).map(|index| one(list(&vector(reply, index)))).collect();
    all.join(",")
}

/// A unit vector along the axis of the input's index: no two of the first inputs are alike.
fn vector(reply: &Reply<'_>, index: u32) -> Vec<f32> {
    let dimensions = reply.asked.dimensions().unwrap_or(DIMENSIONS).clamp(1, DIMENSIONS_MAX);
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
pub fn base64(bytes: &[u8]) -> String {
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
