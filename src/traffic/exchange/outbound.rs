//! A request as it goes upstream: a new head, and the client's own body bytes around the edits.
//!
//! Invariant: the exchange copies no body byte (`net` may put a short message together); the pieces of the gather cover head, body and edits exactly once,
//! in order.

use crate::base::buf::Buf;
use crate::net::gather::Gather;
use crate::net::stock;
use std::borrow::Cow;
use std::ops::Range;

/// Index of the buffer that holds the replacement texts and the head behind them; body segments stand behind it.
pub const HEAD: usize = 0;

/// Lays out a request: `write_head` appends the complete upstream head, the gather holds the body's segments behind
/// a buffer at [`HEAD`] that is filled anew. `edits` are spans of the body and what takes their place, in order. What was
/// laid out before is taken apart first.
pub fn lay_out<'e>(
    gather: &mut Gather,
    mut head: Buf,
    edits: impl Iterator<Item = (Range<u64>, &'e [u8])> + Clone,
    write_head: impl FnOnce(&mut Vec<u8>),
) {
    gather.unlay();
    head.clear();
    for (_, text) in edits.clone() {
        head.extend(text);
    }
    let head_at = head.len();
    write_head(head.tail());
    let head_end = head.len();
    gather.put(HEAD, head);
    gather.piece(HEAD, head_at..head_end);
    let (mut body_at, mut text_at) = (0, 0);
    for (span, text) in edits {
        body(gather, body_at..span.start);
        gather.piece(HEAD, text_at..text_at + text.len());
        text_at += text.len();
        body_at = span.end;
    }
    body(gather, body_at..u64::MAX);
}

/// Lays out a request whose whole body stands at the front of `written`, and its head behind it.
pub fn lay_out_written(gather: &mut Gather, written: Buf, body_bytes: usize) {
    gather.unlay();
    let end = written.len();
    gather.put(HEAD, written);
    gather.piece(HEAD, body_bytes..end);
    gather.piece(HEAD, 0..body_bytes);
}

/// Adds lines to the head of a request that is laid out.
pub fn add_fields(gather: &mut Gather, lines: &[&[u8]]) {
    const END: &[u8] = b"\r\n";
    gather.lengthen_first(END.len(), lines.iter().copied().chain([END]));
}

/// The client's body in one piece: where it came in several, a copy.
pub fn in_one_piece(gather: &Gather) -> Cow<'_, [u8]> {
    let mut segments = segments(gather);
    let mut rest = segments.clone().skip(1);
    if rest.next().is_none() {
        return Cow::Borrowed(segments.next().unwrap_or_default());
    }
    let mut all = Vec::with_capacity(segments.clone().map(<[u8]>::len).sum());
    segments.for_each(|segment| all.extend_from_slice(segment));
    Cow::Owned(all)
}

/// A copy of a part of the client's body.
pub fn part(gather: &Gather, range: &Range<u64>) -> Vec<u8> {
    let (mut part, mut start) = (vec![], 0u64);
    for segment in segments(gather) {
        let end = start + segment.len() as u64;
        let (from, until) = (range.start.max(start), range.end.min(end));
        if from < until {
            part.extend_from_slice(&segment[(from - start) as usize..(until - start) as usize]);
        }
        start = end;
    }
    part
}

/// Works on segments that were taken as on one piece.
pub fn on_one_piece<T>(segments: &[Buf], work: impl FnOnce(&[u8]) -> T) -> T {
    if let [one] = segments {
        return work(one);
    }
    let mut all = stock::take(segments.iter().map(|segment| segment.len()).sum());
    for segment in segments {
        all.extend(segment);
    }
    let result = work(&all);
    stock::give(all);
    result
}

/// Lends the segments of the client's body; [`give_segments`] brings them back.
pub fn take_segments(gather: &mut Gather) -> Vec<Buf> {
    gather.unlay();
    (HEAD + 1..gather.count()).map(|index| gather.take(index)).collect()
}

pub fn give_segments(gather: &mut Gather, segments: Vec<Buf>) {
    for (index, segment) in segments.into_iter().enumerate() {
        gather.put(HEAD + 1 + index, segment);
    }
}

/// The segments of the client's body.
pub fn segments(gather: &Gather) -> impl Iterator<Item = &[u8]> + Clone {
    (HEAD + 1..gather.count()).map(|index| &**gather.buf(index))
}

/// Adds the pieces of the body that lie in `range`, which counts from the body's first byte.
fn body(gather: &mut Gather, range: Range<u64>) {
    let mut start = 0u64;
    for index in HEAD + 1..gather.count() {
        let end = start + gather.buf(index).len() as u64;
        let (from, until) = (range.start.max(start), range.end.min(end));
        if from < until {
            gather.piece(index, (from - start) as usize..(until - start) as usize);
        }
        start = end;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::traffic::dialect::{Edits, InjectUsage, RequestScan};

    fn buf(bytes: &[u8]) -> Buf {
        let mut buf = Buf::default();
        buf.extend(bytes);
        buf
    }

    /// However a body is cut into segments, what goes upstream is the same bytes.
    #[test]
    fn the_layout_does_not_depend_on_segments() {
        let json = br#"{"stream":true,"model":"alias","messages":[]}"#;
        let mut scan = RequestScan::new();
        scan.feed(json).expect("valid");
        let ask = scan.finish().expect("valid");
        let edits = Edits::plan(&ask, "real-name", InjectUsage::Yes).expect("a plain name");
        let expected = br#"HEAD{"stream_options":{"include_usage":true},"stream":true,"model":"real-name","messages":[]}"#;
        for cut in 0..json.len() {
            let mut gather = Gather::default();
            for bytes in [&b""[..], &json[..cut], &json[cut..]] {
                gather.hold(buf(bytes));
            }
            for _ in 0..2 {
                drop(gather.take(HEAD));
                lay_out(&mut gather, Buf::default(), edits.iter(), |out| out.extend_from_slice(b"HEAD"));
                assert_eq!(gather.slices().flatten().copied().collect::<Vec<_>>(), expected);
            }
        }
    }
}
