//! Fuzz targets of the HTTP codec. Each takes any bytes and ends in an assertion.
//!
//! They judge the parsers by means that do not use them: a second reading of the accepted bytes, line by line,
//! that knows nothing but CR LF, and what the writers make of the parts.

use ringgate::base::limits::{CHUNK_EXTENSION_BYTES, TRAILER_BYTES};
use ringgate::http::chunked::{ChunkError, Decoder, LAST, size_line};
use ringgate::http::request::{self, Framing, HeadLimits, RequestHead};
use ringgate::http::response::{self, Asked, ResponseFraming, ResponseHead};
use ringgate::http::{HeadScan, Headers, Slots, encode, leading_blank};

const LIMITS: HeadLimits = HeadLimits { head_bytes: 16 * 1024, headers: 100, target_bytes: 8 * 1024 };
/// For what the writers made: they may put a space behind a colon where there was none.
const WIDER: HeadLimits = HeadLimits { head_bytes: 32 * 1024, ..LIMITS };

/// A request head that is accepted has one framing under any reading, and survives being written afresh.
pub fn head(data: &[u8]) {
    let data = &data[leading_blank(data)..];
    let end = scan(data);
    let mut slots = Slots::new();
    let accepted = request::parse(&data[..end], &mut slots, &LIMITS);
    for cut in 0..=end.min(64) {
        assert!(
            accepted.is_err() || request::plausible(&data[..cut], &LIMITS).is_ok(),
            "implausible at {cut}"
        );
    }
    match accepted {
        Ok(head) => {
            let want = match head.framing {
                Framing::None => (0, 0),
                Framing::Length(_) => (1, 0),
                Framing::Chunked => (0, 1),
            };
            assert_eq!(framing_lines(&data[..end]), want);
            assert!(head.path.starts_with('/') && head.target.bytes().all(|byte| byte.is_ascii_graphic()));
            assert!(head.minor_version == 1 || head.framing != Framing::Chunked);
            request_survives(&head);
        }
        Err(error) => assert!(error.kind().row().status >= 400 && !error.to_string().is_empty()),
    }
}

/// A response head that is accepted has one framing under any reading, and survives being written afresh.
pub fn response(data: &[u8]) {
    let data = bounded(data);
    let end = scan(data);
    for asked in [Asked::Body, Asked::Head] {
        let mut slots = Slots::new();
        let Ok(head) = response::parse(&data[..end], &mut slots, asked) else { continue };
        let (lengths, codings) = framing_lines(&data[..end]);
        assert!(codings <= 1 && (lengths == 0 || codings == 0));
        match head.framing {
            ResponseFraming::None => {
                assert!(asked == Asked::Head || matches!(head.status, 100..=199 | 204 | 304));
            }
            ResponseFraming::Length(_) => assert!(lengths >= 1),
            ResponseFraming::Chunked => assert_eq!((codings, head.minor_version), (1, 1)),
            ResponseFraming::UntilClose => assert!(lengths + codings == 0 && !head.keep_alive),
        }
        assert!((100..600).contains(&head.status) && head.status != 101);
        assert!((0..=end).all(|cut| response::looks_like_response(&data[..cut])));
        response_survives(&head, asked);
    }
}

/// A chunked body has one verdict and one payload over any split, those of a second reading too, and its payload
/// survives being coded afresh.
pub fn chunked(data: &[u8]) {
    let data = &data[..data.len().min(TRAILER_BYTES / 2)];
    let whole = decode(data, data.len().max(1));
    for step in [1, 2, 3, 17] {
        assert_eq!(decode(data, step), whole, "in steps of {step}");
    }
    let finished = whole.as_ref().ok().filter(|(_, _, finished)| *finished);
    assert_eq!(finished.map(|(payload, consumed, _)| (payload.clone(), *consumed)), read_whole_body(data));
    let Ok((payload, consumed, finished)) = whole else { return };
    assert!(finished || consumed == data.len());
    let step = usize::from(data.first().copied().unwrap_or(0)) + 1;
    let mut body = Vec::new();
    for piece in payload.chunks(step) {
        body.extend_from_slice(size_line(piece.len(), &mut [0; 18]));
        body.extend_from_slice(piece);
        body.extend_from_slice(b"\r\n");
    }
    body.extend_from_slice(LAST);
    assert_eq!(decode(&body, 5), Ok((payload, body.len(), true)));
}

/// Payload and length of the chunked body at the front of `data`, if it is whole and valid: line by line, with no
/// state between.
fn read_whole_body(data: &[u8]) -> Option<(Vec<u8>, usize)> {
    let (mut payload, mut rest) = (Vec::new(), data);
    loop {
        let line = line(&mut rest)?;
        let (size, extension) = line.split_at(line.find(';').unwrap_or(line.len()));
        let is_size = matches!(size.len(), 1..=16) && size.bytes().all(|byte| byte.is_ascii_hexdigit());
        if !is_size || extension.len() > 1 + CHUNK_EXTENSION_BYTES {
            return None;
        }
        let size = usize::from_str_radix(size, 16).ok()?;
        if size == 0 {
            break;
        }
        payload.extend_from_slice(rest.get(..size)?);
        rest = rest[size..].strip_prefix(b"\r\n")?;
    }
    let trailer_bytes = rest.len();
    loop {
        let line = line(&mut rest)?;
        if line.is_empty() {
            break;
        }
        let (name, _) = line.split_once(':')?;
        let token = |c: char| c.is_ascii_alphanumeric() || "!#$%&'*+-.^_`|~".contains(c);
        if name.is_empty() || !name.chars().all(token) {
            return None;
        }
    }
    assert!(trailer_bytes - rest.len() < TRAILER_BYTES, "inputs are shorter");
    Some((payload, data.len() - rest.len()))
}

/// Takes a line that ends in CR LF and has no other control byte than tab, each byte as a character.
fn line(rest: &mut &[u8]) -> Option<String> {
    let end = rest.windows(2).position(|pair| pair == b"\r\n")?;
    let line: String = rest[..end].iter().copied().map(char::from).collect();
    *rest = &rest[end + 2..];
    (!line.contains(|c: char| c < ' ' && c != '\t' || c == '\x7f')).then_some(line)
}

/// The part of `data` that a head may have and still have when the writers were at it.
fn bounded(data: &[u8]) -> &[u8] {
    &data[..data.len().min(LIMITS.head_bytes)]
}

/// The end of the head in `data`, or of `data`: the same for a scan of the whole and one of every beginning.
fn scan(data: &[u8]) -> usize {
    let whole = HeadScan::default().end(data);
    let mut scan = HeadScan::default();
    let grown = (0..=data.len()).find_map(|n| scan.end(&data[..n]));
    assert_eq!(grown, whole);
    assert!(whole.is_none_or(|end| data[..end].ends_with(b"\r\n\r\n")));
    whole.unwrap_or(data.len())
}

/// How many Content-Length and Transfer-Encoding lines an accepted head has, and that its lines are clean.
fn framing_lines(head: &[u8]) -> (usize, usize) {
    let text = head.iter().map(|byte| char::from(byte.to_ascii_lowercase())).collect::<String>();
    let lines: Vec<_> = text.split("\r\n").collect();
    assert_eq!(lines[lines.len() - 2..], ["", ""]);
    let fields = &lines[1..lines.len() - 2];
    for line in fields {
        assert!(!line.starts_with([' ', '\t', ':']) && line.contains(':'), "{line:?}");
        assert!(!line.split(':').next().unwrap_or(line).contains([' ', '\t']), "{line:?}");
    }
    assert!(lines.iter().all(|line| !line.contains(|c: char| c < ' ' && c != '\t' || c == '\x7f')));
    let count = |name: &str| fields.iter().filter(|line| line.starts_with(name)).count();
    (count("content-length:"), count("transfer-encoding:"))
}

fn request_survives(head: &RequestHead<'_>) {
    // The writers speak 1.1, which asks for a Host and has other defaults than 1.0.
    if head.minor_version == 0 {
        return;
    }
    let mut out = Vec::new();
    encode::request_line(&mut out, head.method, &[head.path], head.query);
    fields(&mut out, head.headers);
    let mut slots = Slots::new();
    let again = request::parse(&out, &mut slots, &WIDER).expect("what was accepted is accepted again");
    assert_eq!((again.method, again.path, again.query), (head.method, head.path, head.query));
    assert_eq!((again.framing, again.keep_alive), (head.framing, head.keep_alive));
    assert_eq!(again.expects_continue, head.expects_continue);
    assert!(again.headers.iter().eq(head.headers.iter()));
}

fn response_survives(head: &ResponseHead<'_>, asked: Asked) {
    if head.minor_version == 0 {
        return;
    }
    let mut out = Vec::new();
    encode::status_line(&mut out, head.status);
    fields(&mut out, head.headers);
    let mut slots = Slots::new();
    let again = response::parse(&out, &mut slots, asked).expect("what was accepted is accepted again");
    assert_eq!((again.status, again.framing), (head.status, head.framing));
    assert_eq!(again.keep_alive, head.keep_alive);
    assert!(again.headers.iter().eq(head.headers.iter()));
}

fn fields(out: &mut Vec<u8>, headers: Headers<'_>) {
    for (name, value) in headers.iter() {
        encode::field(out, name, value);
    }
    encode::end(out);
}

/// Payload, bytes consumed, and whether the body ended, of a body that arrives in pieces of `step` bytes.
fn decode(data: &[u8], step: usize) -> Result<(Vec<u8>, usize, bool), ChunkError> {
    let (mut decoder, mut payload, mut consumed) = (Decoder::new(), Vec::new(), 0);
    for piece in data.chunks(step) {
        let mut piece = piece.to_vec();
        let decoded = decoder.decode(&mut piece)?;
        assert!(decoded.data <= decoded.consumed && decoded.consumed <= piece.len());
        assert!(decoded.finished || decoded.consumed == piece.len());
        payload.extend_from_slice(&piece[..decoded.data]);
        consumed += decoded.consumed;
        if decoded.finished {
            assert_eq!(piece[decoded.consumed..], data[consumed..consumed + piece.len() - decoded.consumed]);
            break;
        }
    }
    Ok((payload, consumed, decoder.is_finished()))
}
