//! How many instructions each pure stage of a request takes, and whether one takes more than it did.
//!
//! Times need a quiet machine and many rounds; instructions are the same in every run, to a part in a hundred.
//!
//! ```text
//! cargo run --profile counted -p bench-harness --bin instructions            compares with baseline.toml
//! cargo run --profile counted -p bench-harness --bin instructions -- --write rewrites it
//! ```
//!
//! The program runs itself under valgrind, which counts what happens inside [`counted`], stage by stage. A stage that
//! grew by more than [`verdict::TOLERANCE_PERCENT`] fails the run: then it is made smaller, or the baseline is
//! rewritten in the same change, where a reader sees what it costs.
//!
//! Nothing in it is left to chance: hash tables have the same keys in every run ([`getrandom`]).
//!
//! Invariant: the profile is always `counted`. Another optimiser, and to a degree another compiler, gives other
//! counts.

mod callgrind;
mod stages;
mod verdict;

use std::ffi::{c_uint, c_void};
use std::io::{self, Write};
use std::path::Path;
use std::process::{Command, ExitCode};

/// Set for the process that is counted.
const COUNTED: &str = "RINGGATE_COUNTED";
/// Times that a stage is run before it is counted: what is made once is made then.
const WARM_UP: u32 = 8;

fn main() -> ExitCode {
    if std::env::var_os(COUNTED).is_some() {
        run_all();
        return ExitCode::SUCCESS;
    }
    if cfg!(debug_assertions) {
        eprintln!("instructions: build it with --profile counted");
        return ExitCode::from(2);
    }
    let write = match std::env::args().nth(1).as_deref() {
        None => false,
        Some("--write") => true,
        Some(other) => {
            eprintln!("instructions: \"{other}\" is not --write");
            return ExitCode::from(2);
        }
    };
    match compare(write) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("instructions: {error}");
            ExitCode::from(2)
        }
    }
}

/// Counts, prints the table, and says whether the baseline was kept.
fn compare(write: bool) -> io::Result<bool> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("baseline.toml");
    let names: Vec<_> = stages::all().iter().map(|stage| (stage.name, stage.times)).collect();
    let now = callgrind::count(&names)?;
    let text = match std::fs::read_to_string(&path) {
        Err(error) if write && error.kind() == io::ErrorKind::NotFound => String::new(),
        read => read?,
    };
    let rows = verdict::rows(&now, &verdict::parse(&text).map_err(io::Error::other)?);
    let mut out = io::stdout();
    write!(out, "{}", verdict::table(&rows))?;
    let (compiler, before) = (compiler()?, verdict::compiler(&text));
    if write {
        std::fs::write(&path, verdict::text(&now, &compiler))?;
        writeln!(out, "written to {}", path.display())?;
        return Ok(true);
    }
    if compiler != before {
        writeln!(out, "the baseline is of {before}, this is {compiler}")?;
    }
    let complaints = verdict::complaints(&rows);
    for complaint in &complaints {
        writeln!(out, "{complaint}")?;
    }
    Ok(complaints.is_empty())
}

/// The compiler that is installed, which as a rule made this program.
fn compiler() -> io::Result<String> {
    let output = Command::new("rustc").arg("--version").output()?;
    Ok(String::from_utf8_lossy(&output.stdout).trim().to_owned())
}

/// Runs every stage, once for each number that [`callgrind::count`] expects. The first is what running costs.
fn run_all() {
    counted(&mut || (), callgrind::EMPTY_TIMES);
    for mut stage in stages::all() {
        for _ in 0..WARM_UP {
            (stage.run)();
        }
        counted(&mut *stage.run, stage.times);
    }
}

/// What valgrind counts; it finds this by its name.
#[inline(never)]
fn counted(run: &mut dyn FnMut(), times: u32) {
    for _ in 0..times {
        run();
    }
}

/// In place of the C library's, which the standard library asks for the keys of hash tables. With other keys they lie elsewhere
/// on the heap, and so does what comes after them: some translations took up to 1.5 % more or less from run to run.
///
/// Source: `sys/random/linux.rs` of the standard library, whose symbol is a weak one to be replaced like this.
#[expect(unsafe_code, reason = "the symbol and the buffer are as the C library declares them")]
#[unsafe(no_mangle)]
unsafe extern "C" fn getrandom(buffer: *mut c_void, length: usize, _flags: c_uint) -> isize {
    // SAFETY: whoever asks has room for as many bytes.
    unsafe { buffer.write_bytes(7, length) };
    length as isize
}
