//! How bodies are compressed, and what of that the other side reads.
//!
//! Source: RFC 9110, 8.4.1 and 12.5.3.

use super::is;

/// A way to compress.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Coding {
    Gzip,
    Deflate,
    Brotli,
    Zstd,
    /// One that has no name here, or several one upon the other.
    Other,
}

impl Coding {
    /// What a `Content-Encoding` says. `None`: nothing was done to the body.
    pub fn of(value: &[u8]) -> Option<Self> {
        let value = value.trim_ascii();
        if value.is_empty() || is(value, b"identity") { None } else { Some(Self::named(value)) }
    }

    fn named(name: &[u8]) -> Self {
        if is(name, b"gzip") || is(name, b"x-gzip") {
            Coding::Gzip
        } else if is(name, b"deflate") {
            Coding::Deflate
        } else if is(name, b"br") {
            Coding::Brotli
        } else if is(name, b"zstd") {
            Coding::Zstd
        } else {
            Coding::Other
        }
    }

    pub const fn name(self) -> &'static str {
        match self {
            Coding::Gzip => "gzip",
            Coding::Deflate => "deflate",
            Coding::Brotli => "br",
            Coding::Zstd => "zstd",
            Coding::Other => "a coding that is not known here",
        }
    }

    const fn bit(self) -> u8 {
        match self {
            Coding::Gzip => 1,
            Coding::Deflate => 2,
            Coding::Brotli => 4,
            Coding::Zstd => 8,
            // What has no name cannot be asked for.
            Coding::Other => 0,
        }
    }
}

/// What somebody reads, by what they said of it. Who says nothing reads nothing but plain bodies.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Accepted {
    wanted: u8,
    refused: u8,
    /// All that was not named.
    rest: bool,
}

impl Accepted {
    /// Takes what an `Accept-Encoding` says.
    pub fn add(&mut self, value: &[u8]) {
        for item in value.split(|byte| *byte == b',') {
            let mut parts = item.split(|byte| *byte == b';').map(<[u8]>::trim_ascii);
            let name = parts.next().unwrap_or_default();
            let is_zero = |weight: &[u8]| {
                weight.iter().all(|byte| matches!(byte, b'q' | b'Q' | b'=' | b'0' | b'.' | b' '))
            };
            let refused = parts.any(is_zero);
            let bit = Coding::named(name).bit();
            if refused {
                self.refused |= bit;
            } else {
                self.wanted |= bit;
                self.rest |= name == b"*";
            }
        }
    }

    pub const fn takes(self, coding: Coding) -> bool {
        let bit = coding.bit();
        self.wanted & bit != 0 || (self.rest && bit != 0 && self.refused & bit == 0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn taken(values: &[&str]) -> String {
        let mut accepted = Accepted::default();
        for value in values {
            accepted.add(value.as_bytes());
        }
        let all = [Coding::Gzip, Coding::Deflate, Coding::Brotli, Coding::Zstd, Coding::Other];
        all.iter()
            .filter(|coding| accepted.takes(**coding))
            .map(|coding| coding.name())
            .collect::<Vec<_>>()
            .join(" ")
    }

    /// What is named is taken, unless its weight is nothing; a star stands for all the others.
    #[test]
    fn what_is_accepted() {
        for (values, expected) in [
            (&[][..], ""),
            (&[""], ""),
            (&["identity"], ""),
            (&["gzip, deflate"], "gzip deflate"),
            (&["GZIP;q=0.5 , br ; q=1.0"], "gzip br"),
            (&["x-gzip", "zstd"], "gzip zstd"),
            (&["*"], "gzip deflate br zstd"),
            (&["br;q=0, *;q=0.1"], "gzip deflate zstd"),
            (&["gzip;q=0.000, zstd;q=0"], ""),
            (&["*;q=0"], ""),
            (&["compress"], ""),
        ] {
            assert_eq!(taken(values), expected, "{values:?}");
        }
    }

    /// Only one known name is that coding.
    #[test]
    fn what_bodies_are() {
        for (value, coding) in [
            ("gzip", Some(Coding::Gzip)),
            (" X-Gzip ", Some(Coding::Gzip)),
            ("deflate", Some(Coding::Deflate)),
            ("br", Some(Coding::Brotli)),
            ("Zstd", Some(Coding::Zstd)),
            ("identity", None),
            ("", None),
            ("gzip, br", Some(Coding::Other)),
            ("compress", Some(Coding::Other)),
        ] {
            assert_eq!(Coding::of(value.as_bytes()), coding, "{value}");
        }
    }
}
