//! The values of a stream that has one JSON value in each line (`application/x-ndjson`).

use memchr::memchr;
use std::borrow::Cow;

/// Finds lines in the bytes of a stream. The bytes that were not taken come again with more behind them.
#[derive(Default)]
pub struct Lines {
    /// Where the line at hand begins, and how far it was looked through.
    start: usize,
    looked: usize,
}

impl Lines {
    /// The next line whose end is in `bytes`. Blank lines are passed over.
    pub fn next<'b>(&mut self, bytes: &'b [u8]) -> Option<Cow<'b, [u8]>> {
        loop {
            let Some(run) = memchr(b'\n', &bytes[self.looked..]) else {
                self.looked = bytes.len();
                return None;
            };
            let end = self.looked + run;
            let line = bytes[self.start..end].trim_ascii();
            (self.start, self.looked) = (end + 1, end + 1);
            if !line.is_empty() {
                return Some(Cow::Borrowed(line));
            }
        }
    }

    /// What stands behind the last line end, for servers that do not end their last line.
    pub fn rest<'b>(&mut self, bytes: &'b [u8]) -> Option<Cow<'b, [u8]>> {
        Some(bytes[self.start..].trim_ascii()).filter(|line| !line.is_empty()).map(Cow::Borrowed)
    }

    /// Lets go of what was found; gives its length.
    pub fn shift(&mut self) -> usize {
        let start = std::mem::take(&mut self.start);
        self.looked -= start;
        start
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn all(text: &[u8], cuts: &[usize]) -> Vec<String> {
        let (mut lines, mut found, mut held) = (Lines::default(), vec![], vec![]);
        let mut from = 0;
        for end in cuts.iter().copied().chain([text.len()]) {
            held.extend_from_slice(&text[from..end]);
            from = end;
            while let Some(line) = lines.next(&held) {
                found.push(String::from_utf8(line.into_owned()).expect("text"));
            }
            held.drain(..lines.shift());
        }
        found.extend(lines.rest(&held).map(|line| String::from_utf8(line.into_owned()).expect("text")));
        found
    }

    /// Lines are the same however their bytes are cut; blank ones are none, and the last one needs no end.
    #[test]
    fn cuts_do_not_matter() {
        for (text, expected) in [
            (
                "\n{\"a\":1}\r\n\n \n{\"b\":\"\\n\"}\n[]\n{}",
                &["{\"a\":1}", "{\"b\":\"\\n\"}", "[]", "{}"][..],
            ),
            ("{}\n", &["{}"]),
            ("\n\r\n", &[]),
            ("", &[]),
        ] {
            assert_eq!(all(text.as_bytes(), &[]), expected);
            for first in 0..text.len() {
                for second in first..text.len() {
                    assert_eq!(all(text.as_bytes(), &[first, second]), expected, "{first} {second}");
                }
            }
        }
    }
}
