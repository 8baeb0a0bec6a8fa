//! The options of `doctor`.

use clap::Args;

use super::{AccountOptions, DataPorts, Output, Ports};

/// The options of `doctor`.
#[derive(Debug, Args)]
pub(crate) struct DoctorOptions {
    #[command(flatten)]
    pub(crate) account: AccountOptions,
    /// The name of the stack.
    #[arg(long, default_value = "postern")]
    pub(crate) stack_name: String,
    /// Checks the stack of `cargo xtask dev` on this machine.
    #[arg(long, conflicts_with_all = ["stack_name", "profile", "region"])]
    pub(crate) local: bool,
    /// The port of the local functions.
    #[arg(long, requires = "local", default_value_t = Ports::DEFAULT.api)]
    pub(crate) api_port: u16,
    /// The port of the local demo page.
    #[arg(long, requires = "local", default_value_t = Ports::DEFAULT.page)]
    pub(crate) page_port: u16,
    #[command(flatten)]
    pub(crate) data: DataPorts,
    /// Text to read, or one JSON document (docs/deploy.md).
    #[arg(long, value_enum, default_value_t = Output::Human)]
    pub(crate) output: Output,
}

pub(super) const AFTER_DOCTOR: &str = "\
Set POSTERN_SESSION_TOKEN to a session (the value of the cookie __Host-session), and doctor lists one \
message as that user to see whether the Gmail API is enabled. That may refresh the access token, mark \
the grant revoked or update the session's last-used time; doctor writes nothing else.

Exits with status 0 if nothing is wrong, also if it could not check everything; with 1 if something is \
wrong; with 2 if the API gave no usable answer, or if doctor could not begin.";
