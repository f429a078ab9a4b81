//! The product's binary, run to its end.

use super::until;
use std::io::Read as _;
use std::process::{Command, Stdio};

/// How a process ended.
#[derive(Debug)]
pub struct Finished {
    pub code: Option<i32>,
    pub stdout: String,
    pub stderr: String,
}

/// Runs the gateway's binary with these arguments until it ends by itself.
pub fn run_to_end(arguments: &[&str]) -> Finished {
    run_with(arguments, &[])
}

/// The same, with these environment variables and no other.
pub fn run_with(arguments: &[&str], variables: &[(&str, &str)]) -> Finished {
    let mut child = Command::new(env!("CARGO_BIN_EXE_ringgate"))
        .args(arguments)
        .env_clear()
        .envs(variables.iter().copied())
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("the binary runs");
    let status = until("the process to end", || child.try_wait().expect("a child can be waited for"));
    let [mut stdout, mut stderr] = [String::new(), String::new()];
    child.stdout.take().expect("piped").read_to_string(&mut stdout).expect("text");
    child.stderr.take().expect("piped").read_to_string(&mut stderr).expect("text");
    Finished { code: status.code(), stdout, stderr }
}
