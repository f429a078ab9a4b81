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

    /// CPU time of all its threads and descendants, to the nanosecond; that of descendants that are gone is lost.
    pub fn cpu(self) -> anyhow::Result<Duration> {
        let own = sys::process_cpu(self.pid).context("there is no such process")?;
        let descendants =
            self.tree().into_iter().skip(1).filter_map(|process| sys::process_cpu(process).ok());
        Ok(own + descendants.sum::<Duration>())
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
        assert!(own.cpu().expect("time") > Duration::ZERO);
        assert!(own.resident_bytes() > 100_000);
        assert!(Process::new(u32::MAX - 1).is_err());
    }
}
