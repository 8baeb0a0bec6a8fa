//! The command line: every command with its options, parsed by clap. Compiled into every build of
//! xtask, so it names no type of a command that a build may leave out.

mod connections;
mod deploy;
mod dev;
mod doctor;
mod import;
mod pass;
mod risc;
mod target;

use std::ffi::OsString;

use clap::{Parser, Subcommand, ValueEnum};

#[cfg(feature = "aws")]
pub(crate) use self::connections::Action;
pub(crate) use self::connections::ConnectionsOptions;
#[cfg(feature = "aws")]
pub(crate) use self::deploy::OldClient;
pub(crate) use self::deploy::{Architecture, DeployOptions};
pub(crate) use self::dev::{DevOptions, GoogleOptions, Ports};
pub(crate) use self::doctor::DoctorOptions;
pub(crate) use self::import::ImportOptions;
pub(crate) use self::pass::{CountOptions, ResealOptions, RestoreOptions};
#[cfg(feature = "aws")]
pub(crate) use self::pass::{JournalOptions, PassOptions};
#[cfg(feature = "aws")]
pub(crate) use self::risc::RiscAction;
pub(crate) use self::risc::RiscOptions;
#[cfg(feature = "aws")]
pub(crate) use self::target::DataPorts;
pub(crate) use self::target::{AccountOptions, TargetOptions};

#[derive(Debug, Parser)]
#[command(name = "cargo xtask", bin_name = "cargo xtask", about = "The commands of this project")]
pub(crate) struct CommandLine {
    #[command(subcommand)]
    pub(crate) command: Command,
}

/// What to do.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Runs Postern on this machine with a fake Google, and a page to try it on.
    Dev(DevOptions),
    /// Runs the fake Google by itself, for tests of any application (docs/fake-google.md).
    Google(GoogleOptions),
    /// Runs the tests of the store and the secrets against MiniStack, an emulator of AWS.
    Contract,
    /// Checks the templates with sam validate --lint, cfn-lint and checkov.
    Validate,
    /// Builds the functions and writes a folder from which the SAM CLI alone deploys.
    Package {
        /// The processor to build for: the template's parameter Architecture.
        #[arg(long, value_enum, default_value_t = Architecture::Arm64)]
        architecture: Architecture,
    },
    /// Puts Postern into an AWS account: builds, stores Google's client in Secrets Manager, and runs
    /// sam deploy.
    Deploy(DeployOptions),
    /// Checks a deployment, or the stack of `cargo xtask dev`, without a browser.
    #[command(after_help = doctor::AFTER_DOCTOR)]
    Doctor(DoctorOptions),
    /// Imports refresh tokens of another system, one JSON object in a line (docs/import.md).
    Import(ImportOptions),
    /// Seals every stored token with the primary key of the keyring, or copies the items of a table
    /// that is in use into the stack's (docs/deploy.md#rotating-the-keyring).
    Reseal(ResealOptions),
    /// Puts the items of a restored table back, except where something newer is
    /// (docs/deploy.md#restore-items).
    Restore(RestoreOptions),
    /// Counts the stored connections by status, client, scopes, key and age.
    Count(CountOptions),
    /// Shows, counts and ends the connections of a stack's users, as one of its administrators.
    Connections(ConnectionsOptions),
    /// Tells Google's Cross-Account Protection where a stack receives security events.
    Risc(RiscOptions),
    /// Deploys to MiniStack, an emulator of AWS, and tests the whole life of a deployment there.
    E2e,
    /// Measures the released functions on this machine; --help lists the options.
    #[command(disable_help_flag = true)]
    Bench {
        /// They are for tests/benches/main.rs.
        #[arg(trailing_var_arg = true, allow_hyphen_values = true, value_name = "OPTION")]
        options: Vec<OsString>,
    },
}

/// How an answer is printed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Output {
    Human,
    Json,
}
