//! What the process tells its operator: one line on standard error for each message.
//!
//! Invariant: a message is one line of printable characters, whatever was put into it; it holds no secret,
//! because nothing that could reach here shows one (`Secret` has no `Display`).

use crate::base::civil;
use crate::base::clock;
use std::fmt::{Display, Write as _};
use std::io::Write as _;

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Level {
    Info,
    Warn,
    Error,
}

impl Level {
    const fn name(self) -> &'static str {
        match self {
            Level::Info => "INFO ",
            Level::Warn => "WARN ",
            Level::Error => "ERROR",
        }
    }
}

/// What belongs to a message, by name.
pub type Fields<'a> = &'a [(&'a str, &'a dyn Display)];

pub fn info(text: &str, fields: Fields<'_>) {
    write(Level::Info, text, fields);
}

pub fn warn(text: &str, fields: Fields<'_>) {
    write(Level::Warn, text, fields);
}

pub fn error(text: &str, fields: Fields<'_>) {
    write(Level::Error, text, fields);
}

/// Writes one line at once, so that lines of several threads do not mix.
pub fn write(level: Level, text: &str, fields: Fields<'_>) {
    let line = line(level, clock::unix_micros(), text, fields);
    if std::io::stderr().lock().write_all(line.as_bytes()).is_err() {
        // Standard error is gone: there is nobody left to tell.
    }
}

/// `2026-11-21T14:00:00.123Z INFO  text key=value`
fn line(level: Level, unix_micros: u64, text: &str, fields: Fields<'_>) -> String {
    let mut line = format!("{} {} ", civil::timestamp(unix_micros), level.name());
    escape(text, &mut line);
    for (name, value) in fields {
        line.push(' ');
        escape(name, &mut line);
        line.push('=');
        let value = value.to_string();
        let bare = !value.is_empty() && !value.contains(|c: char| c.is_whitespace() || c == '"' || c == '=');
        if bare {
            escape(&value, &mut line);
        } else if write!(line, "{value:?}").is_err() {
            line.push('?');
        }
    }
    line.push('\n');
    line
}

/// Adds the text with everything escaped that is not printable: line ends, ANSI sequences, writing direction.
fn escape(text: &str, line: &mut String) {
    for c in text.chars() {
        match c {
            '"' | '\'' | '\\' => line.push(c),
            _ => line.extend(c.escape_debug()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A message is its time, level, text and fields in one line.
    #[test]
    fn lines() {
        let fields: Fields<'_> = &[("version", &7), ("why", &"two words"), ("none", &"")];
        let got = line(Level::Info, 1_795_269_600_123_000, "configuration \"x\" published", fields);
        let want = "2026-11-21T14:00:00.123Z INFO  configuration \"x\" published version=7 why=\"two words\" none=\"\"\n";
        assert_eq!(got, want);
    }

    /// No text breaks the line or moves the cursor of a terminal.
    #[test]
    fn nothing_breaks_the_line() {
        let fields: Fields<'_> = &[("a", &"x\ny"), ("b", &"\u{1b}[2J"), ("c\n", &"\u{202e}")];
        let got = line(Level::Error, 0, "a\r\nb\u{1b}[31m\u{7f}\u{9b}", fields);
        assert!(got.trim_end_matches('\n').chars().all(|c| !c.is_control()), "{got:?}");
        assert!(!got.contains('\u{202e}') && got.ends_with('\n'), "{got:?}");
    }
}
