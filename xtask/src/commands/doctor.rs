//! The options of `doctor`.

use clap::Args;

use super::{Output, Ports, TargetOptions};

/// The options of `doctor`.
#[derive(Debug, Args)]
pub(crate) struct DoctorOptions {
    #[command(flatten)]
    pub(crate) target: TargetOptions,
    /// The port of the local functions.
    #[arg(long, requires = "local", default_value_t = Ports::DEFAULT.api)]
    pub(crate) api_port: u16,
    /// The port of the local demo page.
    #[arg(long, requires = "local", default_value_t = Ports::DEFAULT.page)]
    pub(crate) page_port: u16,
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
