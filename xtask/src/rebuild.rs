//! A command that this build of xtask was compiled without. The AWS clients and the local back ends
//! take minutes to compile, and few commands need both.

use std::os::unix::process::CommandExt;

use crate::commands::Command;
use crate::processes::{forget_cargo, root};

/// Becomes xtask with the same arguments, built with what the command needs. Returns only if it
/// cannot.
pub(crate) fn with_all_that_needs(command: &Command) -> String {
    let features = match command {
        Command::Validate | Command::Package { .. } | Command::Bench { .. } => "",
        Command::Dev(_) | Command::Google(_) | Command::Contract => "xtask/local",
        Command::Connections(_)
        | Command::Count(_)
        | Command::Deploy(_)
        | Command::Doctor(_)
        | Command::Import(_)
        | Command::Reseal(_)
        | Command::Restore(_)
        | Command::Risc(_) => "xtask/aws",
        Command::E2e => "xtask/aws,xtask/local",
    };
    let mut cargo = std::process::Command::new("cargo");
    // Not by the package: for the whole workspace cargo chooses the same features of dependencies
    // as for the functions and the tests, and compiles nothing twice.
    cargo.args(["run", "--example", "xtask", "--features", features]);
    cargo.arg("--manifest-path").arg(root().join("Cargo.toml"));
    cargo.arg("--").args(std::env::args_os().skip(1));
    forget_cargo(&mut cargo);
    // It takes over this process, so signals, the terminal and the exit status are its own.
    format!("cannot start cargo: {}", cargo.exec())
}
