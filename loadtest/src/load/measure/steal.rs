//! Time that a hypervisor took away from the cores: what it takes from a slice is nobody's latency.

use std::fs;
use std::time::Duration;

/// One of the kernel's ticks, in which it counts such time.
const TICK: Duration = Duration::from_millis(10);

/// The place of stolen time among the figures of a core.
const STOLEN: usize = 8;

/// Ticks that were taken from each core since the machine began.
#[derive(Clone, Debug, Default)]
pub struct Steal(Vec<u64>);

impl Steal {
    /// Nothing where the kernel does not count it.
    pub fn now() -> Self {
        Self::read(&fs::read_to_string("/proc/stat").unwrap_or_default())
    }

    fn read(text: &str) -> Self {
        let is_core = |line: &&str| line.starts_with("cpu") && !line.starts_with("cpu ");
        let stolen = |line: &str| line.split_whitespace().nth(STOLEN).and_then(|ticks| ticks.parse().ok());
        Self(text.lines().filter(is_core).map(|line| stolen(line).unwrap_or(0)).collect())
    }

    /// What was taken since then from the core that lost most.
    pub fn since(&self, before: &Self) -> Duration {
        let cores = self.0.iter().zip(&before.0).map(|(now, before)| now.saturating_sub(*before));
        TICK * u32::try_from(cores.max().unwrap_or(0)).unwrap_or(u32::MAX)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The core that lost most counts, and the line of all cores together does not.
    #[test]
    fn reads_what_was_taken() {
        let text = |one: u64, other: u64| {
            format!(
                "cpu  9 9 9 9 9 9 9 {}\ncpu0 1 2 3 4 5 6 7 {one} 0 0\ncpu1 1 2 3 4 5 6 7 {other} 0 0\nintr 5",
                one + other
            )
        };
        let (before, after) = (Steal::read(&text(5, 7)), Steal::read(&text(6, 10)));
        assert_eq!(after.since(&before), Duration::from_millis(30));
        assert_eq!(Steal::read("").since(&before), Duration::ZERO);
    }
}
