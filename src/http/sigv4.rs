//! AWS Signature Version 4: the field lines that sign a request.
//!
//! Takes a head as it will be sent, the pieces of its body, and the time; gives lines to add to the head.
//!
//! Invariant: what is signed is read from the bytes that are sent, so the two cannot differ.
//! Source: <https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-create-signed-request.html>

use crate::base::clock;
use crate::contract::pass::AwsKeys;
use crate::http::{encode, is};
use ring::digest::{Context, Digest, SHA256};
use ring::hmac::{self, HMAC_SHA256};
use std::cell::RefCell;

const ALGORITHM: &str = "AWS4-HMAC-SHA256";
const DAY_SECONDS: u64 = 86_400;
/// Keys that one shard keeps for a day; there are as many as there are accounts and regions.
const KEPT: usize = 64;

/// What one shard signs with: the keys of a day take four rounds of hashing, and are kept.
#[derive(Default)]
pub struct SigningKeys(RefCell<Vec<Derived>>);

struct Derived {
    pass: u64,
    day: u64,
    key: hmac::Key,
}

impl SigningKeys {
    /// The key of this day for the pass of this number.
    fn of(&self, pass: u64, keys: &AwsKeys, time: &Time) -> hmac::Key {
        let mut kept = self.0.borrow_mut();
        if let Some(derived) = kept.iter().find(|kept| (kept.pass, kept.day) == (pass, time.day)) {
            return derived.key.clone();
        }
        let key = derive(keys, time);
        if kept.len() >= KEPT {
            kept.clear();
        }
        kept.push(Derived { pass, day: time.day, key: key.clone() });
        key
    }

    /// Adds the lines that sign a request to `out`. `head` is the whole head, with the empty line at its end, `body` the
    /// body's [`hashed`]; `pass`
    /// is the number of the pass that the keys are of.
    pub fn sign(
        &self,
        head: &[u8],
        body: &Digest,
        (pass, keys): (u64, &AwsKeys),
        unix_seconds: u64,
        out: &mut Vec<u8>,
    ) {
        let time = Time::of(unix_seconds);
        encode::field(out, "x-amz-date", time.text.as_bytes());
        if let Some(token) = &keys.session_token {
            encode::field(out, "x-amz-security-token", token.expose());
        }
        let mut fields = signed(head);
        fields.extend(signed(out));
        fields.sort_by_key(|(name, _)| name.to_ascii_lowercase());
        let request = canonical(head, &fields, body);
        let signature = hmac::sign(&self.of(pass, keys, &time), &string_to_sign(keys, &time, &request));
        let names = names(&fields);
        out.extend_from_slice(b"authorization: ");
        out.extend_from_slice(ALGORITHM.as_bytes());
        out.extend_from_slice(b" Credential=");
        out.extend_from_slice(keys.access_key_id.expose());
        out.push(b'/');
        scope(keys, &time, out);
        out.extend_from_slice(b", SignedHeaders=");
        out.extend_from_slice(&names);
        out.extend_from_slice(b", Signature=");
        hex(signature.as_ref(), out);
        out.extend_from_slice(b"\r\n");
    }
}

/// A moment as signatures write it: `20150830T123600Z`.
struct Time {
    text: String,
    day: u64,
}

impl Time {
    fn of(unix_seconds: u64) -> Self {
        let mut utc = Vec::with_capacity(32);
        clock::write_utc(&mut utc, unix_seconds * 1_000_000);
        let digits = utc.iter().take_while(|byte| **byte != b'.').filter(|byte| !b"-:".contains(byte));
        let mut text: String = digits.map(|byte| char::from(*byte)).collect();
        text.push('Z');
        Self { text, day: unix_seconds / DAY_SECONDS }
    }

    fn date(&self) -> &str {
        self.text.split('T').next().unwrap_or_default()
    }
}

fn derive(keys: &AwsKeys, time: &Time) -> hmac::Key {
    let secret = zeroize::Zeroizing::new([b"AWS4", keys.secret_access_key.expose()].concat());
    let parts = [time.date(), &keys.region, &keys.service, "aws4_request"];
    parts.iter().fold(hmac::Key::new(HMAC_SHA256, &secret), |key, part| {
        hmac::Key::new(HMAC_SHA256, hmac::sign(&key, part.as_bytes()).as_ref())
    })
}

/// `20150830/us-east-1/bedrock/aws4_request`
fn scope(keys: &AwsKeys, time: &Time, out: &mut Vec<u8>) {
    for part in [time.date(), &keys.region, &keys.service] {
        out.extend_from_slice(part.as_bytes());
        out.push(b'/');
    }
    out.extend_from_slice(b"aws4_request");
}

fn string_to_sign(keys: &AwsKeys, time: &Time, request: &Digest) -> Vec<u8> {
    let mut text = Vec::with_capacity(160);
    for line in [ALGORITHM, &time.text] {
        text.extend_from_slice(line.as_bytes());
        text.push(b'\n');
    }
    scope(keys, time, &mut text);
    text.push(b'\n');
    hex(request.as_ref(), &mut text);
    text
}

/// Hash of the request in its canonical form.
fn canonical(head: &[u8], fields: &[Field<'_>], body: &Digest) -> Digest {
    let line = head.split(|byte| *byte == b'\r').next().unwrap_or_default();
    let method_end = memchr::memchr(b' ', line).unwrap_or(line.len());
    let target_end = memchr::memrchr(b' ', line).unwrap_or(line.len());
    let target = line.get(method_end + 1..target_end).unwrap_or_default();
    let (path, query) = match memchr::memchr(b'?', target) {
        Some(at) => (&target[..at], &target[at + 1..]),
        None => (target, &b""[..]),
    };
    let mut text = Vec::with_capacity(512);
    text.extend_from_slice(&line[..method_end]);
    text.push(b'\n');
    canonical_path(path, &mut text);
    text.push(b'\n');
    canonical_query(query, &mut text);
    text.push(b'\n');
    canonical_fields(fields, &mut text);
    text.push(b'\n');
    text.extend_from_slice(&names(fields));
    text.push(b'\n');
    hex(body.as_ref(), &mut text);
    ring::digest::digest(&SHA256, &text)
}

type Field<'h> = (&'h [u8], &'h [u8]);

/// The fields among these lines that are signed: the host, the content's type, and AWS's own.
fn signed(lines: &[u8]) -> Vec<Field<'_>> {
    let lines = lines.split(|byte| *byte == b'\n');
    let fields = lines.filter_map(|line| {
        let colon = memchr::memchr(b':', line)?;
        Some((&line[..colon], line[colon + 1..].trim_ascii()))
    });
    let is_signed = |name: &[u8]| {
        is(name, b"host")
            || is(name, b"content-type")
            || name.get(..6).is_some_and(|start| start.eq_ignore_ascii_case(b"x-amz-"))
    };
    fields.filter(|(name, _)| is_signed(name)).collect()
}

/// Each name once, with its values; runs of spaces inside a value count as one.
fn canonical_fields(fields: &[Field<'_>], out: &mut Vec<u8>) {
    for same in fields.chunk_by(|one, other| one.0.eq_ignore_ascii_case(other.0)) {
        out.extend(same[0].0.to_ascii_lowercase());
        for (index, (_, value)) in same.iter().enumerate() {
            out.push(if index == 0 { b':' } else { b',' });
            let mut words = value.split(|byte| *byte == b' ').filter(|word| !word.is_empty());
            out.extend_from_slice(words.next().unwrap_or_default());
            for word in words {
                out.push(b' ');
                out.extend_from_slice(word);
            }
        }
        out.push(b'\n');
    }
}

/// `content-type;host;x-amz-date`
fn names(fields: &[Field<'_>]) -> Vec<u8> {
    let mut out = Vec::with_capacity(64);
    for same in fields.chunk_by(|one, other| one.0.eq_ignore_ascii_case(other.0)) {
        if !out.is_empty() {
            out.push(b';');
        }
        out.extend(same[0].0.to_ascii_lowercase());
    }
    out
}

/// Every segment of the path as it is sent, encoded once more: `%3A` becomes `%253A`.
fn canonical_path(path: &[u8], out: &mut Vec<u8>) {
    let mut segments: Vec<&[u8]> = Vec::new();
    for segment in path.split(|byte| *byte == b'/') {
        match segment {
            b"" | b"." => {}
            b".." => {
                segments.pop();
            }
            segment => segments.push(segment),
        }
    }
    for segment in &segments {
        out.push(b'/');
        encoded(segment.iter().copied(), out);
    }
    let last = path.rsplit(|byte| *byte == b'/').next().unwrap_or_default();
    if segments.is_empty() || matches!(last, b"" | b"." | b"..") {
        out.push(b'/');
    }
}

/// Every parameter in its one spelling, in order.
fn canonical_query(query: &[u8], out: &mut Vec<u8>) {
    let mut parameters: Vec<Vec<u8>> = Vec::new();
    for parameter in query.split(|byte| *byte == b'&').filter(|parameter| !parameter.is_empty()) {
        let mut halves = parameter.splitn(2, |byte| *byte == b'=');
        let mut written = Vec::with_capacity(parameter.len() + 1);
        encoded(decoded(halves.next().unwrap_or_default()), &mut written);
        // Sorts before every byte that a name is written with, so that equal names stand in the order of their values.
        written.push(0);
        encoded(decoded(halves.next().unwrap_or_default()), &mut written);
        parameters.push(written);
    }
    parameters.sort_unstable();
    for (index, parameter) in parameters.iter().enumerate() {
        if index > 0 {
            out.push(b'&');
        }
        out.extend(parameter.iter().map(|byte| if *byte == 0 { b'=' } else { *byte }));
    }
}

/// The bytes that `%XX` stand for.
fn decoded(text: &[u8]) -> impl Iterator<Item = u8> {
    let mut rest = text;
    std::iter::from_fn(move || {
        let (first, after) = rest.split_first()?;
        let digits = (*first == b'%').then(|| after.get(..2)).flatten();
        let byte = digits.and_then(|digits| {
            let digit = |at: usize| char::from(digits[at]).to_digit(16);
            u8::try_from(digit(0)? << 4 | digit(1)?).ok()
        });
        rest = if byte.is_some() { &after[2..] } else { after };
        Some(byte.unwrap_or(*first))
    })
}

/// Adds the bytes, all but the unreserved ones as `%XX`.
fn encoded(bytes: impl Iterator<Item = u8>, out: &mut Vec<u8>) {
    for byte in bytes {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            out.push(byte);
        } else {
            const DIGITS: &[u8; 16] = b"0123456789ABCDEF";
            out.extend([b'%', DIGITS[usize::from(byte >> 4)], DIGITS[usize::from(byte & 15)]]);
        }
    }
}

/// The SHA-256 of a body that comes in pieces.
pub fn hashed<'b>(pieces: impl Iterator<Item = &'b [u8]>) -> Digest {
    let mut context = Context::new(&SHA256);
    pieces.for_each(|piece| context.update(piece));
    context.finish()
}

fn hex(bytes: &[u8], out: &mut Vec<u8>) {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    out.extend(
        bytes.iter().flat_map(|byte| [DIGITS[usize::from(byte >> 4)], DIGITS[usize::from(byte & 15)]]),
    );
}

#[cfg(test)]
mod tests;
