//! `cargo xtask bench`: builds what is measured, for release, and starts the bench in tests/benches.

use std::ffi::OsString;
use std::fs;

use tokio::process::Command;

use crate::processes::{Processes, command, root, run_to_the_end};

/// The workspace of the programs that the functions are compared with. The guard needs none.
const YARDSTICKS: &str = "tests/benches/yardsticks/Cargo.toml";

/// Hands `arguments` to the bench.
pub(crate) async fn run(arguments: Vec<OsString>) -> Result<(), String> {
    run_to_the_end(async |processes| measure(processes, &arguments).await).await
}

async fn measure(processes: &mut Processes, arguments: &[OsString]) -> Result<(), String> {
    let is_for_help = arguments.iter().any(|argument| argument == "--help" || argument == "-h");
    let is_guard = arguments.iter().any(|argument| argument == "--guard");
    if !is_for_help {
        let mut functions = cargo(&["build", "--release", "--locked"]);
        // Each has a folder of its package's name.
        for folder in fs::read_dir(root().join("functions")).map_err(|error| error.to_string())?.flatten() {
            functions.arg("--package").arg(folder.file_name());
        }
        processes.succeed(&mut functions).await?;
    }
    if !is_for_help && !is_guard && root().join(YARDSTICKS).exists() {
        // Beside the functions: a target folder of its own would be in the way of tests that read tests/.
        let build =
            ["build", "--release", "--locked", "--target-dir", "target", "--manifest-path", YARDSTICKS];
        processes.succeed(&mut cargo(&build)).await?;
    }
    let bench = ["run", "--profile", "as-released", "--locked", "--package", "postern-bench"];
    let mut bench = cargo(&bench);
    bench.args(["--example", "bench", "--"]).args(arguments);
    processes.succeed(&mut bench).await
}

fn cargo(arguments: &[&str]) -> Command {
    let mut cargo = command("cargo");
    cargo.arg(arguments[0]).arg("--quiet").args(&arguments[1..]);
    cargo
}
