//! `cargo xtask doctor`: tests a deployment, or the stack of `cargo xtask dev`, without a browser, and says of each part
//! whether it is good, wrong or could not be told. Writes nothing itself, and never prints a secret; a session that it is
//! given is used as by its user, for whom list-messages may store a renewed access token, or that the grant is over, and
//! when the session was used.

mod configuration;
mod cors;
mod door;
mod finding;
mod functions;
mod gmail;
mod google;
mod log;
mod permissions;
mod problem;
mod refusal;
mod secrets;
mod tables;
mod target;
#[cfg(test)]
mod tests;

use postern_rules::secret::SessionToken;
use xtask::ports::Ports;

pub(crate) use self::finding::Finding;
pub(crate) use self::target::Target;
use crate::account::{Account, Chosen};

/// The variable with a session of the API, with which Gmail can be asked.
const SESSION_VARIABLE: &str = "POSTERN_SESSION_TOKEN";

/// What the caller chose.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
With a session in the environment variable POSTERN_SESSION_TOKEN (the value of the cookie __Host-session, or the \
session_token of POST /oauth/callback) a message is listed, which tells whether the Gmail API is enabled. As with every \
request of that user, list-messages may then store a renewed access token, or that the grant is over, and when the \
session was used. Nothing else is written.

Ends with status 1 when something is wrong, and with 0 when nothing is, even if something could not be told.")]
pub(crate) struct Options {
    #[command(flatten)]
    account: Chosen,
    /// The name of the stack.
    #[arg(long, default_value = "postern")]
    stack_name: String,
    /// Tests the stack of `cargo xtask dev` that runs on this machine.
    #[arg(long, conflicts_with_all = ["stack_name", "profile", "region"])]
    local: bool,
    /// The port of the local functions.
    #[arg(long, requires = "local", default_value_t = Ports::DEFAULT.api)]
    api_port: u16,
    /// The port of the local demo page.
    #[arg(long, requires = "local", default_value_t = Ports::DEFAULT.page)]
    page_port: u16,
    /// The port of the local DynamoDB.
    #[arg(long, requires = "local", default_value_t = Ports::DEFAULT.dynamodb)]
    dynamodb_port: u16,
    /// The port of the local Secrets Manager.
    #[arg(long, requires = "local", default_value_t = Ports::DEFAULT.secrets)]
    secrets_port: u16,
}

/// Examines what the options name and prints what was found.
pub(crate) async fn run(options: Options) -> Result<(), String> {
    let target = if options.local {
        Target::local(Ports {
            api: options.api_port,
            page: options.page_port,
            dynamodb: options.dynamodb_port,
            secrets: options.secrets_port,
            ..Ports::DEFAULT
        })?
    } else {
        let account = Account::open(&options.account).await?;
        Target::of_stack(&account, &options.stack_name, None).await?
    };
    let target = match session() {
        Some(session) => target.with_session(session),
        None => target,
    };
    let findings = examine(&target).await;
    for finding in &findings {
        println!("{finding}");
    }
    println!("{}", finding::summary(&findings));
    match findings.iter().filter(|finding| finding.is_wrong()).count() {
        0 => Ok(()),
        1 => Err("one thing is wrong; its line above says how to mend it".to_owned()),
        wrong => Err(format!("{wrong} things are wrong; their lines above say how to mend them")),
    }
}

/// Asks every part of `target`. No check needs another to be good; one that lacks something to ask with says so.
pub(crate) async fn examine(target: &Target) -> Vec<Finding> {
    // On the heap: every check under way at once is much for a stack.
    Box::pin(examine_all(target)).await
}

async fn examine_all(target: &Target) -> Vec<Finding> {
    let (functions, (client, secrets)) = tokio::join!(functions::read(target), secrets::examine(target));
    let origins = functions::origins(target, &functions);
    let (tables, door, cors, google, gmail, permissions, logs) = tokio::join!(
        tables::examine(target),
        door::examine(target),
        cors::examine(target, &origins),
        google::examine(target, client.as_ref(), &functions),
        gmail::examine(target, client.as_ref(), &functions),
        permissions::examine(target, &functions),
        log::examine(target, &functions),
    );
    let configuration = configuration::examine(target, &functions);
    let groups = [configuration, secrets, tables, permissions, door, cors, google, gmail, logs];
    let mut findings: Vec<Finding> = Vec::new();
    for finding in groups.into_iter().flatten() {
        // Two ways of asking may find the same.
        if !findings.contains(&finding) {
            findings.push(finding);
        }
    }
    findings
}

#[expect(clippy::disallowed_methods, reason = "the one place where doctor reads the environment")]
fn session() -> Option<SessionToken> {
    let text = std::env::var(SESSION_VARIABLE).ok()?;
    Some(SessionToken::new(text.trim())).filter(|token| !token.expose().is_empty())
}
