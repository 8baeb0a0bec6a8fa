//! `cargo xtask bench`: builds what is measured, for release, and starts the bench in tests/benches.

use std::ffi::OsString;

use tokio::process::Command;

use crate::commands::Architecture;
use crate::package::{self, BUILDERS};
use crate::processes::{Processes, command, root, run_to_the_end};
use crate::tools::Tools;

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
        let tools = Tools::of_the_machine().find(&BUILDERS, processes).await?;
        let built = package::build(Architecture::HERE, &tools, processes).await?;
        if !is_guard && root().join(YARDSTICKS).exists() {
            let mut yardsticks = package::cargo_lambda(Architecture::HERE, &tools);
            yardsticks.args(["--manifest-path", YARDSTICKS]).arg("--lambda-dir").arg(built);
            // A target folder of its own would be in the way of tests that read tests/.
            processes.succeed(yardsticks.args(["--target-dir", "target"])).await?;
        }
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
