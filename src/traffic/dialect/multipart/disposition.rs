//! Parameters (`; name=value`) and the headers of a part.

/// Longest parameter value that can matter, in bytes.
const VALUE_BYTES: usize = 72;

/// The next parameter of a list.
pub enum Param<'a> {
    One { name: &'a [u8], value: Value, rest: &'a [u8] },
    End,
    Broken,
}

/// A parameter's value without quotes and backslashes; too long ones do not matter and are cut.
pub struct Value {
    bytes: [u8; VALUE_BYTES],
    len: usize,
}

impl Value {
    pub fn text(&self) -> &[u8] {
        &self.bytes[..self.len]
    }

    fn new() -> Self {
        Self { bytes: [0; VALUE_BYTES], len: 0 }
    }

    fn push(&mut self, byte: u8) {
        if let Some(place) = self.bytes.get_mut(self.len) {
            *place = byte;
            self.len += 1;
        }
    }
}

/// Takes one parameter off the front of a list that begins with `;`.
pub fn next_param(list: &[u8]) -> Param<'_> {
    let list = list.trim_ascii_start();
    let Some((first, mut rest)) = list.split_first() else { return Param::End };
    if *first != b';' {
        return Param::Broken;
    }
    rest = rest.trim_ascii_start();
    if rest.is_empty() {
        return Param::End;
    }
    let end = rest.iter().position(|b| !is_token_byte(*b)).unwrap_or(rest.len());
    let (name, rest) = rest.split_at(end);
    let Some(rest) = rest.strip_prefix(b"=").filter(|_| !name.is_empty()) else { return Param::Broken };
    let value = match rest.first() {
        Some(b'"') => quoted(&rest[1..]),
        _ => token(rest),
    };
    match value {
        Some((value, rest)) => Param::One { name, value, rest },
        None => Param::Broken,
    }
}

fn token(text: &[u8]) -> Option<(Value, &[u8])> {
    let end = text.iter().position(|b| !is_token_byte(*b) && *b != b'=').unwrap_or(text.len());
    let mut value = Value::new();
    text[..end].iter().for_each(|b| value.push(*b));
    (end > 0).then(|| (value, &text[end..]))
}

fn quoted(text: &[u8]) -> Option<(Value, &[u8])> {
    let mut value = Value::new();
    let mut at = 0;
    loop {
        match text.get(at)? {
            b'"' => return Some((value, &text[at + 1..])),
            b'\\' => {
                value.push(*text.get(at + 1)?);
                at += 2;
            }
            byte => {
                value.push(*byte);
                at += 1;
            }
        }
    }
}

/// Token bytes of RFC 9110, and those that unquoted boundaries hold in practice (`/`, `:`, `?` …).
const fn is_token_byte(byte: u8) -> bool {
    byte.is_ascii_graphic() && !matches!(byte, b'"' | b';' | b'\\' | b',' | b'=')
}

/// What a part's headers say it is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Part {
    Model,
    Stream,
    /// A file, or a field that does not matter.
    Other,
}

/// Reads the headers of a part: whole lines, each ended by CRLF, without the blank one.
pub fn part(headers: &[u8]) -> Result<Part, &'static str> {
    let (mut part, mut encoded) = (None, false);
    for line in headers.split(|b| *b == b'\n') {
        let Some(line) = line.strip_suffix(b"\r") else { continue };
        if matches!(line.first(), Some(b' ' | b'\t')) {
            return Err("a part's header is folded");
        }
        let colon = line.iter().position(|b| *b == b':').ok_or("a part's header has no colon")?;
        let (name, value) = (&line[..colon], line[colon + 1..].trim_ascii());
        if name.eq_ignore_ascii_case(b"content-disposition") {
            if part.replace(disposition(value)?).is_some() {
                return Err("a part has two Content-Disposition headers");
            }
        } else if name.eq_ignore_ascii_case(b"content-transfer-encoding") {
            encoded |= ![&b"7bit"[..], b"8bit", b"binary"].iter().any(|e| value.eq_ignore_ascii_case(e));
        } else if name.is_empty() || name.iter().any(|b| !b.is_ascii_graphic()) {
            return Err("a part's header has no valid name");
        }
    }
    match part.ok_or("a part has no Content-Disposition header")? {
        Part::Model | Part::Stream if encoded => Err("a field's value is encoded"),
        part => Ok(part),
    }
}

fn disposition(value: &[u8]) -> Result<Part, &'static str> {
    const BROKEN: &str = "a Content-Disposition header is malformed";
    let end = value.iter().position(|b| *b == b';').unwrap_or(value.len());
    if !value[..end].trim_ascii().eq_ignore_ascii_case(b"form-data") {
        return Err("a part is not form-data");
    }
    let (mut params, mut named, mut file) = (&value[end..], None, false);
    loop {
        match next_param(params) {
            Param::Broken => return Err(BROKEN),
            Param::End => break,
            Param::One { name, value, rest } => {
                params = rest;
                file |= name.eq_ignore_ascii_case(b"filename") || name.eq_ignore_ascii_case(b"filename*");
                let names = name.eq_ignore_ascii_case(b"name");
                if name.eq_ignore_ascii_case(b"name*") || (names && named.is_some()) {
                    return Err("a part's name is given in two ways");
                }
                if names {
                    named = Some(field(value.text()));
                }
            }
        }
    }
    let part = named.ok_or("a part has no name")?;
    Ok(if file { Part::Other } else { part })
}

/// Clients write `"` and line ends in names as `%22`, `%0D`, `%0A`; parsers differ in undoing it, so a name that
/// only means a field after decoding counts as that field: it cannot hide a second one.
fn field(name: &[u8]) -> Part {
    let mut decoded = Value::new();
    let mut at = 0;
    while let Some(byte) = name.get(at) {
        let escaped = name.get(at + 1..at + 3).filter(|_| *byte == b'%').and_then(hex);
        decoded.push(escaped.unwrap_or(*byte));
        at += if escaped.is_some() { 3 } else { 1 };
    }
    match decoded.text() {
        b"model" => Part::Model,
        b"stream" => Part::Stream,
        _ => Part::Other,
    }
}

fn hex(digits: &[u8]) -> Option<u8> {
    digits.iter().try_fold(0u32, |n, d| Some(n << 4 | char::from(*d).to_digit(16)?)).map(|n| n as u8)
}
