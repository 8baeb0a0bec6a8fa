//! The options of `deploy` and `package`.

use std::path::PathBuf;

use clap::{Args, ValueEnum};

use super::AccountOptions;

/// The options of `deploy`.
#[derive(Debug, Args)]
pub(crate) struct DeployOptions {
    #[command(flatten)]
    pub(crate) account: AccountOptions,
    /// The stack to create or update.
    #[arg(long, value_name = "NAME", default_value = "postern")]
    pub(crate) stack_name: String,
    /// The JSON file of a web client, as downloaded from Google's console. It is stored in Secrets
    /// Manager.
    #[arg(long, value_name = "FILE")]
    pub(crate) client_secret: Option<PathBuf>,
    /// A parameter of template.yaml; repeat the option for each. Other parameters keep their
    /// values.
    #[arg(long = "parameter", value_name = "NAME=VALUE")]
    pub(crate) parameters: Vec<String>,
    /// Deploys without asking.
    #[arg(long)]
    pub(crate) yes: bool,
    /// With --yes: also if an OAuth client goes, and its users must consent again.
    #[arg(long)]
    pub(crate) change_client: bool,
    /// What becomes of the OAuth client that another replaces.
    #[arg(long, value_enum)]
    pub(crate) old_client: Option<OldClient>,
    /// Creates a new, empty table and keyring even if an earlier stack of this name left its own.
    #[arg(long)]
    pub(crate) start_empty: bool,
    /// More arguments for `sam deploy`, for instance `-- --tags team=mail --role-arn ARN`.
    #[arg(last = true, value_name = "SAM DEPLOY ARGUMENT")]
    pub(crate) sam: Vec<String>,
}

/// A processor, in the words of the template's parameter `Architecture`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Architecture {
    /// Graviton.
    #[value(name = "arm64")]
    Arm64,
    /// Intel and AMD.
    #[value(name = "x86_64")]
    X86_64,
}

impl Architecture {
    /// The processor of this machine, for which no other toolchain is needed.
    pub(crate) const HERE: Self = if cfg!(target_arch = "aarch64") { Self::Arm64 } else { Self::X86_64 };

    /// As Lambda calls it.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Arm64 => "arm64",
            Self::X86_64 => "x86_64",
        }
    }

    /// As cargo-lambda calls it.
    pub(crate) const fn option(self) -> &'static str {
        match self {
            Self::Arm64 => "--arm64",
            Self::X86_64 => "--x86-64",
        }
    }

    /// The one of that name.
    pub(crate) fn named(name: &str) -> Option<Self> {
        [Self::Arm64, Self::X86_64].into_iter().find(|one| one.name() == name)
    }
}

/// What becomes of the OAuth client that another replaces.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum OldClient {
    /// The stored one stays for its users while the one in the file replaces it, so that nobody
    /// must consent again at once.
    Keep,
    /// The one that was kept goes, and its users must consent again.
    Drop,
}
