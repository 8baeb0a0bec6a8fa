//! The command line: every command with its options, parsed by clap. Compiled into every build of
//! xtask, so it names no type of a command that a build may leave out.

use std::ffi::OsString;
use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};

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
    #[command(after_help = AFTER_DOCTOR)]
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

/// The options of `dev`.
#[derive(Debug, Args)]
pub(crate) struct DevOptions {
    /// Starts everything on free ports, connects a mailbox over HTTP, and stops.
    #[arg(long, conflicts_with_all = ["Ports", "origins", "return_uris"])]
    pub(crate) check: bool,
    /// The origin of another front end that may use this stack; repeat the option for each.
    #[arg(long = "origin", value_name = "ORIGIN")]
    pub(crate) origins: Vec<String>,
    /// A redirect URI of an application that is no web page (ALLOWED_RETURN_URIS); repeatable.
    #[arg(long = "return-uri", value_name = "URI")]
    pub(crate) return_uris: Vec<String>,
    #[command(flatten)]
    pub(crate) ports: Ports,
    /// Starts everything on free ports, runs this command, and stops. The command finds the
    /// addresses in POSTERN_API, POSTERN_PAGE, POSTERN_GOOGLE, POSTERN_DYNAMODB and POSTERN_LAMBDA,
    /// and the allowed origins, with commas between them, in POSTERN_ORIGINS.
    #[arg(last = true, value_name = "COMMAND", conflicts_with_all = ["check", "Ports"])]
    pub(crate) beside: Vec<OsString>,
}

/// The options of `google`.
#[derive(Debug, Args)]
pub(crate) struct GoogleOptions {
    /// The port of 127.0.0.1 to listen on; 0 is any free port.
    #[arg(long, default_value_t = Ports::DEFAULT.google)]
    pub(crate) port: u16,
    /// A redirect URI of the application under test; repeat the option for each.
    #[arg(long = "redirect-uri", value_name = "URI")]
    pub(crate) redirect_uris: Vec<String>,
}

/// The ports of 127.0.0.1 that `dev` listens on; 0 is any free port.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Args)]
pub(crate) struct Ports {
    /// The API: the functions behind the template's CORS.
    #[arg(long = "api-port", value_name = "PORT", default_value_t = Self::DEFAULT.api)]
    pub(crate) api: u16,
    /// The demo page.
    #[arg(long = "page-port", value_name = "PORT", default_value_t = Self::DEFAULT.page)]
    pub(crate) page: u16,
    /// The fake Google and its control page.
    #[arg(long = "google-port", value_name = "PORT", default_value_t = Self::DEFAULT.google)]
    pub(crate) google: u16,
    /// DynamoDB.
    #[arg(long = "dynamodb-port", value_name = "PORT", default_value_t = Self::DEFAULT.dynamodb)]
    pub(crate) dynamodb: u16,
    /// Secrets Manager.
    #[arg(long = "secrets-port", value_name = "PORT", default_value_t = Self::DEFAULT.secrets)]
    pub(crate) secrets: u16,
    /// Lambda: the functions, invoked by their names.
    #[arg(long = "lambda-port", value_name = "PORT", default_value_t = Self::DEFAULT.lambda)]
    pub(crate) lambda: u16,
}

impl Ports {
    /// Where people expect things.
    pub(crate) const DEFAULT: Self =
        Self { api: 9000, page: 9100, google: 9200, dynamodb: 9300, secrets: 9400, lambda: 9500 };
}

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

/// How an answer is printed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Output {
    Human,
    Json,
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
    /// How many items are under way at a time at most.
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

const AFTER_DOCTOR: &str = "\
Set POSTERN_SESSION_TOKEN to a session (the value of the cookie __Host-session), and doctor lists one \
message as that user to see whether the Gmail API is enabled. That may refresh the access token, mark \
the grant revoked or update the session's last-used time; doctor writes nothing else.

Exits with status 0 if nothing is wrong, also if it could not check everything; with 1 if something is \
wrong; with 2 if the API gave no usable answer, or if doctor could not begin.";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dev_checks_on_free_ports_or_serves_on_the_chosen_ones() {
        let parse = |line: &str| CommandLine::try_parse_from(line.split(' '));
        let line = parse("xtask dev --api-port 1 --page-port=2").unwrap();
        let Command::Dev(options) = line.command else { panic!() };
        assert_eq!(options.ports, Ports { api: 1, page: 2, ..Ports::DEFAULT });
        assert!(parse("xtask dev --check").is_ok());
        assert!(parse("xtask dev --check --origin http://localhost:1").is_err());
        let line = parse("xtask dev --origin http://localhost:1 --origin http://localhost:2").unwrap();
        let Command::Dev(options) = line.command else { panic!() };
        assert_eq!(options.origins, ["http://localhost:1", "http://localhost:2"]);
        assert!(parse("xtask dev --check --api-port 1").unwrap_err().to_string().contains("--api-port"));
        let line = parse("xtask dev -- node --test tests/interop").unwrap();
        let Command::Dev(options) = line.command else { panic!() };
        assert_eq!(options.beside, ["node", "--test", "tests/interop"]);
        assert!(parse("xtask dev --api-port 1 -- true").is_err());
    }
}
