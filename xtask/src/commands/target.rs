//! The account and the stack that a command works on.

use clap::Args;

use super::Ports;

/// The AWS account to work in; what is not given is found in the environment and in `~/.aws`.
#[derive(Clone, Debug, Default, Args)]
pub(crate) struct AccountOptions {
    /// The profile of ~/.aws/config.
    #[arg(long)]
    pub(crate) profile: Option<String>,
    /// The region, such as eu-central-1.
    #[arg(long)]
    pub(crate) region: Option<String>,
}

/// Where a command with `--local` finds the data of `cargo xtask dev`.
#[derive(Clone, Copy, Debug, Args)]
pub(crate) struct DataPorts {
    /// The port of the local DynamoDB.
    #[arg(long, requires = "local", default_value_t = Ports::DEFAULT.dynamodb)]
    pub(crate) dynamodb_port: u16,
    /// The port of the local Secrets Manager.
    #[arg(long, requires = "local", default_value_t = Ports::DEFAULT.secrets)]
    pub(crate) secrets_port: u16,
}

/// The stack that a command works on.
#[derive(Clone, Debug, Args)]
pub(crate) struct TargetOptions {
    #[command(flatten)]
    pub(crate) account: AccountOptions,
    /// The name of the stack.
    #[arg(long, default_value = "postern")]
    pub(crate) stack_name: String,
    /// Works on the stack of `cargo xtask dev` on this machine.
    #[arg(long, conflicts_with_all = ["stack_name", "profile", "region"])]
    pub(crate) local: bool,
    #[command(flatten)]
    pub(crate) data: DataPorts,
}
