//! The data of a stream's events, one after the other, for whoever reads them whole.

use super::line::{self, Field};
use super::unit::{Kind, Splitter};
use memchr::memchr2;
use std::borrow::Cow;

/// Finds events in the bytes of a stream. The bytes that were not taken come again with more behind them.
#[derive(Default)]
pub struct Events {
    splitter: Splitter,
}

impl Events {
    /// The data of the next event whose end is in `bytes`. Comments and events without data are passed over.
    pub fn next<'b>(&mut self, bytes: &'b [u8]) -> Option<Cow<'b, [u8]>> {
        loop {
            let start = self.splitter.start();
            let unit = self.splitter.next(bytes)?;
            if let Kind::Event { data } = unit.kind {
                return Some(joined(&bytes[start + data..unit.end]));
            }
        }
    }

    /// The data of what stands behind the last event, for servers that do not end their last one.
    pub fn rest<'b>(&mut self, bytes: &'b [u8]) -> Option<Cow<'b, [u8]>> {
        let start = self.splitter.start();
        match self.splitter.rest(bytes).kind {
            Kind::Event { data } => Some(joined(&bytes[start + data..])),
            Kind::Filler => None,
        }
    }

    /// Lets go of what was found; gives its length.
    pub fn shift(&mut self) -> usize {
        let start = self.splitter.start();
        self.splitter.shift(start);
        start
    }
}

/// The value that begins `lines`, and those of further data lines.
fn joined(lines: &[u8]) -> Cow<'_, [u8]> {
    let (first, mut rest) = cut_line(lines);
    let mut all = Cow::Borrowed(first);
    while !rest.is_empty() {
        let (line, behind) = cut_line(rest);
        rest = behind;
        if let (Field::Data, value) = line::split(line) {
            let all = all.to_mut();
            all.push(b'\n');
            all.extend_from_slice(&line[value.min(line.len())..]);
        }
    }
    all
}

fn cut_line(bytes: &[u8]) -> (&[u8], &[u8]) {
    let end = memchr2(b'\n', b'\r', bytes).unwrap_or(bytes.len());
    let behind = end + 1 + usize::from(bytes[end..].starts_with(b"\r\n"));
    (&bytes[..end], bytes.get(behind..).unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn all(text: &[u8], cuts: &[usize]) -> Vec<String> {
        let (mut events, mut found, mut held) = (Events::default(), vec![], vec![]);
        let ends = cuts.iter().copied().chain([text.len()]);
        let mut from = 0;
        for end in ends {
            held.extend_from_slice(&text[from..end]);
            from = end;
            while let Some(data) = events.next(&held) {
                found.push(String::from_utf8(data.into_owned()).expect("text"));
            }
            held.drain(..events.shift());
        }
        found.extend(events.rest(&held).map(|data| String::from_utf8(data.into_owned()).expect("text")));
        found
    }

    /// Events are the same however their bytes are cut, with every line end, in several lines, behind comments.
    #[test]
    fn cuts_do_not_matter() {
        let text = "\u{FEFF}: hello\n\ndata: one\n\nevent: x\r\ndata:{\"two\"\r\ndata: :2}\r\nid: 7\r\n\r\n:c\rdata: three\r\rid: 1\n\ndata\n\ndata: last";
        let expected = ["one", "{\"two\"\n:2}", "three", "", "last"];
        assert_eq!(all(text.as_bytes(), &[]), expected);
        for first in 0..text.len() {
            for second in first..text.len() {
                assert_eq!(all(text.as_bytes(), &[first, second]), expected, "{first} {second}");
            }
        }
    }
}
