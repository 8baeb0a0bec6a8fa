//! The options of `connections`.

use clap::{Args, ValueEnum};

use super::{AccountOptions, Output};

/// The options of `connections`.
#[derive(Debug, Args)]
pub(crate) struct ConnectionsOptions {
    pub(crate) action: Action,
    /// Google's ID of the user (`sub`); not with list and count.
    pub(crate) user_id: Option<String>,
    #[command(flatten)]
    pub(crate) account: AccountOptions,
    /// The name of the stack.
    #[arg(long, default_value = "postern")]
    pub(crate) stack_name: String,
    /// The function's name or ARN, for a role that may not ask CloudFormation for the stack's
    /// outputs.
    #[arg(long, value_name = "NAME", conflicts_with = "stack_name")]
    pub(crate) function: Option<String>,
    /// With list: active (the default), revoked or disconnecting.
    #[arg(long)]
    pub(crate) status: Option<String>,
    /// With list: the most connections of a page, from 1 to 100; 50 if it is not given.
    #[arg(long)]
    pub(crate) limit: Option<u16>,
    /// With list: the last user of the page before.
    #[arg(long, value_name = "USER_ID")]
    pub(crate) after: Option<String>,
    /// Text to read, or the function's answer.
    #[arg(long, value_enum, default_value_t = Output::Human)]
    pub(crate) output: Output,
    /// Ends connections or sessions without asking.
    #[arg(long)]
    pub(crate) yes: bool,
}

/// What to do with connections.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Action {
    /// How one connection stands.
    Get,
    /// A page of the connections of one status.
    List,
    /// How many connections there are of each status, client and set of scopes.
    Count,
    /// Revokes the grant and deletes what is stored.
    Disconnect,
    /// Deletes what is stored, whether Google revokes the grant or not.
    Erase,
    /// All that is stored of a user, without tokens.
    Export,
    /// Ends every session of a user; the grant stays.
    SignOut,
}

impl Action {
    /// As the function calls it.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Get => "get",
            Self::List => "list",
            Self::Count => "count",
            Self::Disconnect => "disconnect",
            Self::Erase => "erase",
            Self::Export => "export",
            Self::SignOut => "sign_out",
        }
    }

    /// Whether it ends connections or sessions.
    pub(crate) const fn is_destructive(self) -> bool {
        matches!(self, Self::Disconnect | Self::Erase | Self::SignOut)
    }

    /// How a question about it begins.
    pub(crate) const fn words(self) -> &'static str {
        match self {
            Self::Disconnect => "Disconnect",
            Self::Erase => "Delete the connection of",
            Self::SignOut => "End every session of",
            Self::Get | Self::List | Self::Count | Self::Export => "Show",
        }
    }
}
