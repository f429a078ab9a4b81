//! The provider: this program again, as the mock.

use loadtest::mock::{MockOptions, start};
use std::io::{BufRead, BufReader, Read, Write, stdin, stdout};
use std::net::SocketAddr;
use std::process::{Child, Command, ExitCode, Stdio};

/// Set for the process that is the provider.
const WANTED: &str = "RINGGATE_TEST_UPSTREAM";

/// The provider's process. It ends with its standard input, and so with this process.
pub struct Upstream {
    pub address: SocketAddr,
    process: Child,
}

impl Upstream {
    pub fn start() -> Self {
        let program = std::env::current_exe().expect("this program has a path");
        let mut process = Command::new(program)
            .env(WANTED, "1")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("this program starts again");
        let mut line = String::new();
        let output = process.stdout.take().expect("a pipe was asked for");
        BufReader::new(output).read_line(&mut line).expect("the provider tells where it listens");
        Self { address: line.trim().parse().expect("an address"), process }
    }
}

impl Drop for Upstream {
    fn drop(&mut self) {
        drop(self.process.stdin.take());
        drop(self.process.wait());
    }
}

/// Whether this process is to be the provider.
pub fn is_wanted() -> bool {
    std::env::var_os(WANTED).is_some()
}

/// Is the provider until the standard input ends.
pub fn run() -> ExitCode {
    let mock = start(MockOptions::default()).expect("the mock starts");
    writeln!(stdout(), "{}", mock.address).expect("whoever started this reads");
    drop(stdin().read_to_end(&mut Vec::new()));
    mock.stop();
    ExitCode::SUCCESS
}
