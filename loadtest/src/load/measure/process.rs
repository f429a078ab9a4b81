//! What a process and its descendants cost, as the kernel counts it.

use std::fs;
use std::time::Duration;

use anyhow::Context;

use crate::sys;

/// A process that runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Process {
    pid: u32,
}

impl Process {
    /// # Errors
    /// When there is no such process.
    pub fn new(pid: u32) -> anyhow::Result<Self> {
        let process = Self { pid };
        process.cpu().with_context(|| format!("process {pid}"))?;
        Ok(process)
    }

    pub fn pid(self) -> u32 {
        self.pid
    }

    /// CPU time of all its threads and descendants, to the nanosecond.
    pub fn cpu(self) -> anyhow::Result<CpuTimes> {
        let own = sys::process_cpu(self.pid).context("there is no such process")?;
        let descendants = self.tree().into_iter().skip(1);
        let known = descendants.filter_map(|process| Some((process, sys::process_cpu(process).ok()?)));
        Ok(CpuTimes(std::iter::once((self.pid, own)).chain(known).collect()))
    }

    /// Memory that it and its descendants hold, in bytes; what they share is counted for each.
    pub fn resident_bytes(self) -> u64 {
        self.tree().into_iter().filter_map(resident_bytes).sum()
    }

    fn tree(self) -> Vec<u32> {
        let mut tree = vec![self.pid];
        let mut next = 0;
        while let Some(process) = tree.get(next).copied() {
            let children = threads(process).into_iter().flat_map(|thread| {
                let list =
                    fs::read_to_string(format!("/proc/{process}/task/{thread}/children")).unwrap_or_default();
                numbers(list.split_whitespace())
            });
            tree.extend(children);
            next += 1;
        }
        tree
    }
}

/// CPU time of each process of a tree that was there when it was read.
pub struct CpuTimes(Vec<(u32, Duration)>);

impl CpuTimes {
    /// What was used since then, each process for itself: one that is gone takes with it what it used meanwhile, and nothing
    /// of what the others did.
    pub fn since(&self, earlier: &Self) -> Duration {
        let before = |process| earlier.0.iter().find(|(known, _)| *known == process).map(|(_, used)| *used);
        self.0.iter().map(|(process, used)| used.saturating_sub(before(*process).unwrap_or_default())).sum()
    }
}

fn threads(process: u32) -> Vec<u32> {
    let Ok(entries) = fs::read_dir(format!("/proc/{process}/task")) else { return Vec::new() };
    let names: Vec<String> =
        entries.flatten().map(|entry| entry.file_name().to_string_lossy().into_owned()).collect();
    numbers(names.iter().map(String::as_str))
}

fn numbers<'a>(texts: impl Iterator<Item = &'a str>) -> Vec<u32> {
    texts.filter_map(|text| text.parse().ok()).collect()
}

fn resident_bytes(process: u32) -> Option<u64> {
    let status = fs::read_to_string(format!("/proc/{process}/status")).ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
    let kilobytes: u64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    Some(kilobytes * 1024)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// This process has used time and memory, and a process that does not exist is an error.
    #[test]
    fn reads_what_the_kernel_counts() {
        let own = Process::new(std::process::id()).expect("this process runs");
        assert!(own.cpu().expect("time").since(&CpuTimes(vec![])) > Duration::ZERO);
        assert!(own.resident_bytes() > 100_000);
        assert!(Process::new(u32::MAX - 1).is_err());
    }

    /// What others used stays counted when one of them ends, and one that begins is counted from its beginning.
    #[test]
    fn processes_come_and_go() {
        let times = |used: &[(u32, u64)]| {
            CpuTimes(used.iter().map(|(process, ms)| (*process, Duration::from_millis(*ms))).collect())
        };
        let before = times(&[(1, 100), (2, 9_000)]);
        assert_eq!(times(&[(1, 130)]).since(&before), Duration::from_millis(30), "one is gone");
        assert_eq!(times(&[(1, 130), (3, 20)]).since(&before), Duration::from_millis(50), "one is new");
        let again = times(&[(1, 130), (2, 5)]).since(&before);
        assert_eq!(
            again,
            Duration::from_millis(30),
            "a number that another process has by now takes nothing away"
        );
    }
}
