//! `cargo xtask bench`: measures the released functions from outside, under a Lambda Runtime API
//! server and with TLS stubs as back ends. Threads block here: tokio's timers are 1 ms coarse.

#![expect(clippy::print_stdout, clippy::print_stderr, reason = "a command's words go to its terminal")]
#![expect(clippy::cast_precision_loss, reason = "no figure is that large")]
#![expect(clippy::disallowed_methods, reason = "this is no function: it has threads and the system's time")]

mod answers;
mod cases;
mod chart;
mod guard;
mod http;
mod measure;
mod process;
mod report;
mod runtime_api;
mod stubs;

use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use clap::{Parser, value_parser};

use self::measure::{Bench, Build};

type Result<T> = std::result::Result<T, Box<dyn std::error::Error>>;

/// Measures the released functions beside yardsticks, on this machine.
#[derive(Debug, Parser)]
#[command(name = "cargo xtask bench", bin_name = "cargo xtask bench")]
struct Options {
    /// Cold starts of each case and size of memory.
    #[arg(long, default_value_t = 25, value_parser = value_parser!(u32).range(1..))]
    cold: u32,
    /// Warm requests of each case.
    #[arg(long, default_value_t = 2000, value_parser = value_parser!(u32).range(1..))]
    warm: u32,
    /// Sizes of memory in MB whose share of a CPU to measure besides a whole CPU.
    #[arg(long, value_delimiter = ',', default_value = "512,256,128")]
    memory: Vec<u64>,
    /// The size of memory in MB whose share of a CPU warm requests have; a whole CPU without it.
    #[arg(long, value_name = "MB")]
    warm_memory: Option<u64>,
    /// Another build of the functions, a folder such as target/functions/x86_64, to measure in the
    /// same run; repeat the option for each.
    #[arg(long, value_name = "NAME=FOLDER", value_parser = build)]
    binaries: Vec<Build>,
    /// Only the cases whose name has this text, such as `list-messages, good`.
    #[arg(long, default_value = "")]
    only: String,
    /// Writes the figures, tables and charts into docs/.
    #[arg(long)]
    write: bool,
    /// Measures nothing but what is stable, and compares it with tests/benches/guard.json.
    #[arg(long)]
    guard: bool,
    /// With --guard: commits to what was measured.
    #[arg(long, requires = "guard")]
    accept: bool,
}

/// Whether the user's access token is good or expired.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Mode {
    Good,
    Expired,
}

fn main() -> ExitCode {
    match run(&Options::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("bench: {error}");
            ExitCode::FAILURE
        }
    }
}

fn run(options: &Options) -> Result<()> {
    let bench = Bench::start()?;
    if options.guard {
        return guard::run(&bench, options.accept);
    }
    let figures = measure::all(&bench, options)?;
    println!("{}", report::tables(&figures));
    if options.write { report::write(&figures) } else { Ok(()) }
}

fn build(text: &str) -> std::result::Result<Build, String> {
    let (name, folder) = text.split_once('=').ok_or("expected NAME=FOLDER")?;
    Ok(Build { name: name.to_owned(), folder: PathBuf::from(folder) })
}

/// The root of the repository.
fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).ancestors().nth(2).unwrap_or(Path::new(".")).to_owned()
}

/// The functions as they are released, as `cargo xtask package` builds them.
fn functions() -> PathBuf {
    let architecture = if cfg!(target_arch = "aarch64") { "arm64" } else { "x86_64" };
    root().join("target/functions").join(architecture)
}

/// A program of a build: cargo-lambda gives each a folder.
fn program(folder: &Path, name: &str) -> PathBuf {
    folder.join(name).join("bootstrap")
}

/// What a program prints.
fn output(program: &str, arguments: &[&str]) -> Result<String> {
    let output = Command::new(program).args(arguments).current_dir(root()).output();
    let output = output.map_err(|error| format!("cannot start {program}: {error}"))?;
    if !output.status.success() {
        return Err(format!("{program} failed: {}", String::from_utf8_lossy(&output.stderr)).into());
    }
    Ok(String::from_utf8_lossy(&output.stdout).trim_end().to_owned())
}

/// The time since 1970.
fn now() -> Duration {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default()
}

/// Runs `work` in a thread, as long as the bench runs.
fn spawn(work: impl FnOnce() + Send + 'static) {
    std::thread::spawn(work);
}
