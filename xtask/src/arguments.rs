//! The command line.

use xtask::ports::Ports;

/// What `--help` says.
pub(crate) const HELP: &str = "\
cargo xtask dev           Runs Postern on this machine with a fake Google, and a page to try it on.
cargo xtask dev --check   Starts the same on free ports, connects a mailbox over HTTP, and stops.
cargo xtask contract      Runs the tests of the store and the secrets against MiniStack, an emulator of AWS.
cargo xtask validate      Checks the templates with sam validate --lint, cfn-lint and checkov.

cargo xtask deploy        Puts Postern into an AWS account.
cargo xtask doctor        Tests a deployment, or the local one, without a browser, and says what is wrong.
cargo xtask e2e           Deploys to MiniStack and tries everything there.
(Each of these three has a --help of its own.)

Options of dev, each with a port of 127.0.0.1:
  --api-port 9000         the functions, served by cargo lambda watch
  --page-port 9100        the demo page
  --google-port 9200      the fake Google and its control page
  --dynamodb-port 9300    DynamoDB
  --secrets-port 9400     Secrets Manager
";

/// What is to be done.
#[derive(Debug, PartialEq)]
pub(crate) enum Command {
    Help,
    Dev(Ports),
    Check,
    Contract,
    Validate,
    /// One of the commands that talk to AWS, with all its words.
    OnAws(CommandLine),
}

/// The words of a command line.
pub(crate) type CommandLine = Vec<String>;

/// Reads the words after `cargo xtask`.
pub(crate) fn parse(words: impl IntoIterator<Item = String>) -> Result<Command, String> {
    let mut words = words.into_iter();
    match words.next().as_deref() {
        None | Some("help" | "--help" | "-h") => return Ok(Command::Help),
        Some("dev") => {}
        Some(name @ ("deploy" | "doctor" | "e2e")) => {
            return Ok(Command::OnAws(std::iter::once(name.to_owned()).chain(words).collect()));
        }
        Some("contract") => return alone("contract", Command::Contract, words.next().as_deref()),
        Some("validate") => return alone("validate", Command::Validate, words.next().as_deref()),
        Some(other) => return Err(format!("there is no command {other:?}; see cargo xtask --help")),
    }
    let mut ports = Ports::DEFAULT;
    let (mut is_check, mut has_ports) = (false, false);
    while let Some(word) = words.next() {
        let (flag, value) = match word.split_once('=') {
            Some((flag, value)) => (flag.to_owned(), Some(value.to_owned())),
            None => (word, None),
        };
        let place = match flag.as_str() {
            "--help" | "-h" => return Ok(Command::Help),
            "--check" => {
                is_check = true;
                continue;
            }
            "--api-port" => &mut ports.api,
            "--page-port" => &mut ports.page,
            "--google-port" => &mut ports.google,
            "--dynamodb-port" => &mut ports.dynamodb,
            "--secrets-port" => &mut ports.secrets,
            _ => return Err(format!("dev has no option {flag:?}; see cargo xtask --help")),
        };
        let value = value.or_else(|| words.next()).unwrap_or_default();
        *place = value
            .parse()
            .ok()
            .filter(|port| *port != 0)
            .ok_or_else(|| format!("{flag} needs a port from 1 to 65535, not {value:?}"))?;
        has_ports = true;
    }
    match (is_check, has_ports) {
        (true, true) => Err("dev --check takes free ports by itself; leave the port options away".to_owned()),
        (true, false) => Ok(Command::Check),
        (false, _) => Ok(Command::Dev(ports)),
    }
}

/// A command without options.
fn alone(name: &str, command: Command, word: Option<&str>) -> Result<Command, String> {
    match word {
        None => Ok(command),
        Some("--help" | "-h") => Ok(Command::Help),
        Some(other) => Err(format!("{name} has no option {other:?}; see cargo xtask --help")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(line: &str) -> Result<Command, String> {
        parse(line.split_whitespace().map(str::to_owned))
    }

    #[test]
    fn a_port_is_taken_with_a_space_or_an_equals_sign() {
        let expected = Ports { api: 1, page: 2, ..Ports::DEFAULT };
        assert_eq!(parsed("dev --api-port 1 --page-port=2"), Ok(Command::Dev(expected)));
    }

    #[test]
    fn a_command_that_talks_to_aws_gets_all_its_words() {
        let words = ["doctor", "--stack-name", "mail"].map(str::to_owned).to_vec();
        assert_eq!(parsed("doctor --stack-name mail"), Ok(Command::OnAws(words)));
    }

    #[test]
    fn what_is_not_understood_is_named() {
        for (line, named) in [
            ("serve", "serve"),
            ("dev --port 1", "--port"),
            ("contract --port 1", "--port"),
            ("validate --strict", "--strict"),
            ("dev --api-port", "--api-port"),
            ("dev --api-port 70000", "70000"),
            ("dev --api-port 0", "--api-port"),
            ("dev --check --api-port 1", "--check"),
        ] {
            let problem = parsed(line).unwrap_err();
            assert!(problem.contains(named), "{line}: {problem}");
        }
    }
}
