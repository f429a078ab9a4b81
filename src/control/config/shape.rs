//! The kinds of values that a configuration has.
//!
//! Invariant: what the compiler accepts and what the JSON schema says both come from these, so they agree.

use std::fmt;

/// A key that a mapping may have.
pub struct Field {
    pub name: &'static str,
    pub kind: Kind,
    pub presence: Presence,
    /// For people: what it is, its unit, what else is to know.
    pub about: &'static str,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Presence {
    Required,
    /// What holds when the key is absent; empty if that is simply nothing. Written as in a configuration.
    Default(&'static str),
}

/// What a value must be.
pub enum Kind {
    Flag,
    Whole {
        least: u64,
        most: u64,
    },
    Number {
        least: f64,
        most: f64,
    },
    Text,
    Choice(&'static [&'static str]),
    /// IP address and port.
    Address,
    /// Never shown; may be `file:/path`.
    Secret,
    /// A file that is read now and watched from now on.
    File,
    Section(&'static [Field]),
    /// A mapping from names that the operator chooses.
    Named(&'static Kind),
    List(&'static Kind),
    Either(&'static Kind, &'static Kind),
}

/// As in "expected …".
impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Kind::Flag => f.write_str("true or false"),
            Kind::Whole { least, most: u64::MAX } => write!(f, "a whole number of at least {least}"),
            Kind::Whole { least, most } => write!(f, "a whole number from {least} to {most}"),
            Kind::Number { least, most } => write!(f, "a number from {least} to {most}"),
            Kind::Text => f.write_str("a text"),
            Kind::Choice([one]) => write!(f, "{one:?}"),
            Kind::Choice(names) => {
                let quoted: Vec<_> = names.iter().map(|name| format!("{name:?}")).collect();
                write!(f, "one of {}", quoted.join(", "))
            }
            Kind::Address => f.write_str("an IP address and port such as 127.0.0.1:8080"),
            Kind::Secret => f.write_str("a text, ${VARIABLE} or file:/path"),
            Kind::File => f.write_str("the path of a file"),
            Kind::Section(_) => f.write_str("a mapping"),
            Kind::Named(_) => f.write_str("a mapping from names"),
            Kind::List(_) => f.write_str("a list"),
            Kind::Either(one, other) => write!(f, "{one} or {other}"),
        }
    }
}
