//! The options of `risc`.

use std::path::PathBuf;

use clap::{Args, ValueEnum};

use super::{AccountOptions, Ports};

/// The options of `risc`.
#[derive(Debug, Args)]
pub(crate) struct RiscOptions {
    pub(crate) action: RiscAction,
    /// The JSON key of a service account with the role roles/riscconfigs.admin.
    #[arg(long, value_name = "FILE")]
    pub(crate) key: PathBuf,
    #[command(flatten)]
    pub(crate) account: AccountOptions,
    /// The name of the stack.
    #[arg(long, default_value = "postern")]
    pub(crate) stack_name: String,
    /// Works with `cargo xtask dev` and its fake Google on this machine.
    #[arg(long, conflicts_with_all = ["stack_name", "profile", "region"])]
    pub(crate) local: bool,
    /// The port of the local functions.
    #[arg(long, requires = "local", default_value_t = Ports::DEFAULT.api)]
    pub(crate) api_port: u16,
    /// The port of the local fake Google.
    #[arg(long, requires = "local", default_value_t = Ports::DEFAULT.google)]
    pub(crate) google_port: u16,
}

/// What to do with the stream of security events.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum RiscAction {
    /// Google delivers events to this stack from now on, and nowhere else.
    Register,
    /// Where Google delivers which events.
    Status,
    /// Google sends a test, which the function logs.
    Verify,
    /// Google delivers no more events.
    Stop,
}
