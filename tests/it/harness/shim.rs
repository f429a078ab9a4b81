//! Libraries that stand between the gateway and the system, to have that do what no test can ask of it.

use super::fresh_dir;
use std::path::PathBuf;
use std::process::Command;

/// A library that a gateway is started with.
pub struct Shim {
    library: PathBuf,
}

impl Shim {
    /// Compiles it. None without a C compiler: then the test is skipped.
    pub fn of(source: &str) -> Option<Self> {
        let dir = fresh_dir();
        let (file, library) = (dir.join("shim.c"), dir.join("shim.so"));
        std::fs::write(&file, source).expect("a file can be written");
        let shim = Self { library };
        let mut compiler = Command::new("cc");
        let made =
            compiler.args(["-shared", "-fPIC", "-o"]).arg(&shim.library).arg(&file).arg("-ldl").status();
        let works = made.is_ok_and(|made| made.success());
        if !works {
            eprintln!("skipped: there is no C compiler");
        }
        works.then_some(shim)
    }

    /// Has a process that is to be started use it.
    pub fn preload(&self, command: &mut Command) {
        command.env("LD_PRELOAD", &self.library);
    }
}

impl Drop for Shim {
    fn drop(&mut self) {
        drop(std::fs::remove_dir_all(self.library.parent().expect("a directory")));
    }
}
