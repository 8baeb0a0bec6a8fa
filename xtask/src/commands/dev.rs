//! The options of `dev` and `google`, and the ports of a local stack.

use std::ffi::OsString;

use clap::Args;

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

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;
    use crate::commands::{Command, CommandLine};

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
