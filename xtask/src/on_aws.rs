//! The commands that talk to AWS are a crate of their own: the clients of AWS take minutes to compile.

use crate::arguments::CommandLine;
use std::process::Stdio;

use xtask::processes::command;

/// Hands the words over, compiling that crate first if need be.
pub(crate) async fn run(words: &CommandLine) -> Result<(), String> {
    let mut cargo = command("cargo");
    // By the binary, not the package: cargo then chooses the same features as for xtask, and compiles nothing twice.
    cargo.args(["run", "--quiet", "--bin", "xtask-aws", "--"]).args(words).stdin(Stdio::inherit());
    let status = cargo.status().await.map_err(|error| format!("cannot start cargo: {error}"))?;
    if status.success() { Ok(()) } else { Err("the command failed; its words are above".to_owned()) }
}
