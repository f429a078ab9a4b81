//! A gateway that has just begun, and may never come to serve.

use super::until;
use rustix::process::{Pid, Signal, kill_process};
use std::fs::File;
use std::path::PathBuf;
use std::process::{Child, Command};

pub struct Young {
    dir: PathBuf,
    process: Child,
}

impl Young {
    /// Begins with the `gateway.yaml` in `dir`, which goes when this does.
    pub fn begin(dir: PathBuf, more: &[&str]) -> Self {
        let told = File::create(dir.join("stderr")).expect("a file can be made");
        let mut command = Command::new(env!("CARGO_BIN_EXE_ringgate"));
        command.arg("serve").arg("--config").arg(dir.join("gateway.yaml")).args(more).current_dir(&dir);
        Self { process: command.stderr(told).spawn().expect("the binary runs"), dir }
    }

    pub fn signal(&self, signal: Signal) {
        let pid = Pid::from_raw(i32::try_from(self.process.id()).expect("a process id"));
        kill_process(pid.expect("a process id"), signal).expect("it runs");
    }

    pub fn told(&self) -> String {
        std::fs::read_to_string(self.dir.join("stderr")).expect("a file")
    }

    /// Whether it has ended by now.
    pub fn has_ended(&mut self) -> bool {
        self.process.try_wait().expect("a child can be waited for").is_some()
    }

    /// Waits for its end.
    pub fn code(&mut self) -> Option<i32> {
        until("its end", || self.process.try_wait().expect("a child can be waited for")).code()
    }
}

impl Drop for Young {
    fn drop(&mut self) {
        // It may have ended already.
        drop(self.process.kill());
        drop(self.process.wait());
        drop(std::fs::remove_dir_all(&self.dir));
    }
}
