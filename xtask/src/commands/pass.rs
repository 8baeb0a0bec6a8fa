//! The options of the commands that go through the whole table: `count`, `reseal`, `restore`.

use std::path::PathBuf;

use clap::Args;

use super::{Output, TargetOptions};

/// The table that a command goes through, and what it leaves there.
#[derive(Debug, Args)]
pub(crate) struct JournalOptions {
    #[command(flatten)]
    pub(crate) target: TargetOptions,
    /// Remembers how far the command is, so that the same command goes on from there; removed at
    /// the end. It names users by Google's ID. By default postern-<command>.journal.
    #[arg(long, value_name = "FILE")]
    pub(crate) journal: Option<PathBuf>,
    /// Text to read, or JSON.
    #[arg(long, value_enum, default_value_t = Output::Human)]
    pub(crate) output: Output,
}

/// The options of `count`.
#[derive(Debug, Args)]
pub(crate) struct CountOptions {
    #[command(flatten)]
    pub(crate) kept: JournalOptions,
    /// How many items a second are read at most.
    #[arg(long, value_name = "N", default_value_t = 10_000, value_parser = clap::value_parser!(u32).range(10..=1_000_000))]
    pub(crate) per_second: u32,
}

/// How a command goes through a table and writes.
#[derive(Debug, Args)]
pub(crate) struct PassOptions {
    #[command(flatten)]
    pub(crate) kept: JournalOptions,
    /// How many items a second are written at most; ten times as many are read.
    #[arg(long, value_name = "N", default_value_t = 500, value_parser = clap::value_parser!(u32).range(1..=100_000))]
    pub(crate) per_second: u32,
    /// How many calls are under way at a time at most.
    #[arg(long, value_name = "N", default_value_t = 32, value_parser = clap::value_parser!(u16).range(8..=512))]
    pub(crate) concurrency: u16,
    /// Goes on although the tokens of the first 20 items do not open. They are left as they are, or
    /// left out.
    #[arg(long)]
    pub(crate) leave_broken: bool,
}

/// The options of `reseal`.
#[derive(Debug, Args)]
pub(crate) struct ResealOptions {
    #[command(flatten)]
    pub(crate) pass: PassOptions,
    /// Copies the items of this table, which is still in use, into the stack's, and seals them with
    /// the stack's keyring. Sessions go on. Without it, the stack's own items are sealed again.
    #[arg(long, value_name = "TABLE")]
    pub(crate) from: Option<String>,
    /// The secret with the keyring of that table, if it is not the stack's.
    #[arg(long, value_name = "SECRET", requires = "from")]
    pub(crate) from_keyring: Option<String>,
    /// Copies only what was written since, and takes back copies of connections that have ended. In
    /// seconds since the epoch, as an earlier run printed it.
    #[arg(long, value_name = "TIME", requires = "from")]
    pub(crate) since: Option<i64>,
}

/// The options of `restore`.
#[derive(Debug, Args)]
pub(crate) struct RestoreOptions {
    #[command(flatten)]
    pub(crate) pass: PassOptions,
    /// The restored table.
    #[arg(long, value_name = "TABLE")]
    pub(crate) from: String,
    /// The secret with the keyring of that table, if it is not the stack's.
    #[arg(long, value_name = "SECRET")]
    pub(crate) from_keyring: Option<String>,
    /// Restores without asking.
    #[arg(long)]
    pub(crate) yes: bool,
}
