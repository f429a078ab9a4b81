//! What bulk costs others: what is asked for has to make sense before anything is started.

use std::process::{Command, Output};

fn bystanders(words: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_ringgate-load"));
    command.arg("bystanders").args(words).output().expect("the program runs")
}

/// An unknown shape, one core for everybody, and a gateway that is not there are errors that say what to do.
#[test]
fn what_cannot_be_measured_is_refused() {
    for (words, said) in [
        (&["--shape", "nothing"][..], "there are body, messages, nesting, event, answer, translated-body"),
        (&["--cpu", "0", "--peer-cpu", "0"], "a core of its own"),
        (&["--gateway", "/nowhere/gateway"], "it is not installed"),
        (&["--rounds", "0"], "0 is not in 1.."),
    ] {
        let output = bystanders(words);
        let err = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.code() == Some(2) && output.stdout.is_empty() && err.contains(said), "{err}");
    }
}
