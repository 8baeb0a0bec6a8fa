//! The commands that talk to AWS are a crate of their own: the clients of AWS take minutes to compile.

use std::process::{ExitCode, Stdio};

use xtask::processes::{asked_to_stop, command};

use crate::arguments::CommandLine;

/// Hands the words over, compiling that crate first if need be. What fails there says so itself.
pub(crate) async fn run(words: &CommandLine) -> Result<ExitCode, String> {
    let mut cargo = command("cargo");
    // By the binary, not the package: cargo then chooses the same features as for xtask, and compiles nothing twice.
    cargo.args(["run", "--quiet", "--bin", "xtask-aws", "--"]).args(words).stdin(Stdio::inherit());
    // A path among the words counts from where the caller is.
    cargo.current_dir(".");
    let mut child = cargo.spawn().map_err(|error| format!("cannot start cargo: {error}"))?;
    let status = tokio::select! {
        status = child.wait() => status,
        () = asked_to_stop() => {
            // Ctrl-C has reached it already, another signal has not. It stops what it started and says what stays.
            ask_to_stop(child.id()).await;
            child.wait().await
        }
    };
    let status = status.map_err(|error| error.to_string())?;
    Ok(if status.success() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

async fn ask_to_stop(process: Option<u32>) {
    if let Some(id) = process {
        let _ = command("sh").args(["-c", "kill -s TERM \"$0\"", &id.to_string()]).status().await;
    }
}
