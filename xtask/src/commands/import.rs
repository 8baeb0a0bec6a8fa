//! The options of `import`.

use std::path::PathBuf;

use clap::Args;

use super::{Ports, TargetOptions};

/// The options of `import`.
#[derive(Debug, Args)]
pub(crate) struct ImportOptions {
    /// The tokens: lines such as {"refresh_token": "...", "email": "...", "sub": "..."}.
    pub(crate) file: PathBuf,
    /// Makes all checks, also at Google, and stores nothing.
    #[arg(long)]
    pub(crate) dry_run: bool,
    /// How many tokens a second Google is asked about at most.
    #[arg(long, value_name = "N", default_value_t = 20, value_parser = clap::value_parser!(u32).range(1..=10_000))]
    pub(crate) per_second: u32,
    /// How many tokens are under way at a time at most.
    #[arg(long, value_name = "N", default_value_t = 8, value_parser = clap::value_parser!(u16).range(1..=64))]
    pub(crate) concurrency: u16,
    /// Writes what became of every line into this file, as JSON lines.
    #[arg(long, value_name = "FILE")]
    pub(crate) report: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) target: TargetOptions,
    /// The port of the local fake Google.
    #[arg(long, requires = "local", default_value_t = Ports::DEFAULT.google)]
    pub(crate) google_port: u16,
}
