//! Whether there are enough descriptors for a run, before it begins.

use anyhow::ensure;

use crate::sys;

/// Descriptors beside those of connections: event loops, listeners, files, and connections that are kept for later.
const SPARE: u64 = 200;

/// How connections become descriptors.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ends {
    /// This process has one end of each.
    One,
    /// A process has both ends of each, or one end of two for each: a mock that shares this process, a gateway.
    Two,
}

/// Lets this process open so many connections at a time.
///
/// # Errors
/// When the system does not; the error says what is needed.
pub fn need_descriptors(connections: usize, ends: Ends) -> anyhow::Result<()> {
    check(sys::raise_descriptor_limit()?, connections, ends)
}

/// How many connections this process, and each gateway, may have open at a time, and the limit that says so.
///
/// # Errors
/// When the system does not tell.
pub fn descriptors_allow(ends: Ends) -> anyhow::Result<(usize, u64)> {
    let limit = sys::raise_descriptor_limit()?;
    Ok((most(limit, ends), limit))
}

fn most(limit: u64, ends: Ends) -> usize {
    (limit.saturating_sub(SPARE) / ends.each()) as usize
}

impl Ends {
    fn each(self) -> u64 {
        match self {
            Self::One => 1,
            Self::Two => 2,
        }
    }
}

fn check(limit: u64, connections: usize, ends: Ends) -> anyhow::Result<()> {
    let place = match ends {
        Ends::One => "here",
        Ends::Two => "here, and in each gateway that is measured",
    };
    let needed = (connections as u64).saturating_mul(ends.each()).saturating_add(SPARE);
    let most = most(limit, ends);
    ensure!(
        needed <= limit,
        "{connections} connections at a time need {needed} descriptors {place}, and this process may have {limit}: \
         raise the hard limit (ulimit -Hn {needed} as root; LimitNOFILE={needed} of a systemd service; \
         --ulimit nofile={needed} of a container), or ask for {most} at most"
    );
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What does not fit is refused with the limit, with what is needed, and with what would fit; and that does.
    #[test]
    fn says_what_is_needed() {
        let refused = format!("{:#}", check(20_000, 10_000, Ends::Two).expect_err("too many"));
        for words in
            ["10000 connections", "20200 descriptors", "may have 20000", "ulimit -Hn 20200", "9900 at most"]
        {
            assert!(refused.contains(words), "{words}: {refused}");
        }
        assert!(check(20_000, 9_900, Ends::Two).is_ok() && check(20_000, 10_000, Ends::One).is_ok());
        assert!(check(20_000, 19_801, Ends::One).is_err() && check(100, usize::MAX, Ends::Two).is_err());
    }
}
