//! What a command works on with the code of the functions: a deployed stack with the operator's own
//! credentials, or the stack of `cargo xtask dev`.

use std::collections::BTreeMap;

use aws_credential_types::provider::SharedCredentialsProvider;
use postern::app::App;
use postern::clock::Clock;
use postern_rules::config::names;
use postern_rules::error::Error;

use crate::account::Account;
use crate::commands::{DataPorts, TargetOptions};
use crate::places::{Places, local_credentials, require_services};
use crate::stack::Stack;

/// A variable and its value.
pub(crate) type Change = (&'static str, String);

/// What the functions of the chosen stack would use, with these variables changed.
pub(crate) async fn app(target: &TargetOptions, changes: &[Change]) -> Result<App, String> {
    if !target.local {
        let account = Account::open(&target.account).await?;
        let stack = Stack::require(&account, &target.stack_name).await?;
        return of_stack(&account, &stack, changes);
    }
    let DataPorts { dynamodb_port, secrets_port } = target.data;
    require_services(&[("--dynamodb-port", dynamodb_port), ("--secrets-port", secrets_port)]).await?;
    let at = |port| format!("http://127.0.0.1:{port}");
    let more = [
        (names::AWS_REGION.name, "us-east-1".to_owned()),
        (names::AWS_ENDPOINT_URL_DYNAMODB.name, at(dynamodb_port)),
        (names::AWS_ENDPOINT_URL_SECRETS_MANAGER.name, at(secrets_port)),
        // Required, and not used here.
        (names::ALLOWED_ORIGINS.name, "http://localhost:9100".to_owned()),
    ];
    of(local_credentials(), Places::local(), more.iter().chain(changes))
}

/// The same for a stack that is described already.
pub(crate) fn of_stack(account: &Account, stack: &Stack, changes: &[Change]) -> Result<App, String> {
    let credentials = account.config.credentials_provider().ok_or("there are no AWS credentials")?;
    let parameter = |name: &str| stack.parameters.get(name).cloned().unwrap_or_default();
    let mut more = vec![
        (names::AWS_REGION.name, account.region().to_owned()),
        (names::ALLOWED_ORIGINS.name, parameter("AllowedOrigins")),
        (names::ALLOWED_DOMAINS.name, parameter("AllowedDomains")),
        (names::GMAIL_SCOPES.name, parameter("GmailScopes")),
    ];
    // An emulator's.
    for variable in [names::AWS_ENDPOINT_URL_DYNAMODB, names::AWS_ENDPOINT_URL_SECRETS_MANAGER] {
        more.extend(account.config.endpoint_url().map(|url| (variable.name, url.to_owned())));
    }
    of(credentials, Places::of_stack(stack)?, more.iter().chain(changes))
}

fn of<'a>(
    credentials: SharedCredentialsProvider,
    places: Places,
    more: impl Iterator<Item = &'a Change>,
) -> Result<App, String> {
    let Places { credentials_table, sessions_table, google_client, sealing_keys } = places;
    let mut variables = BTreeMap::from([
        (names::CREDENTIALS_TABLE.name, credentials_table),
        (names::SESSIONS_TABLE.name, sessions_table),
        (names::GOOGLE_CLIENT_SECRET_ID.name, google_client),
        (names::SEALING_KEYS_SECRET_ID.name, sealing_keys),
    ]);
    variables.extend(more.cloned());
    App::with_credentials(credentials, |name| variables.get(name).cloned(), Clock::System)
        .map_err(|problem| problem.error.to_string())
}

/// Why a command cannot go on.
pub(crate) fn explain(error: &Error) -> String {
    let cause = std::error::Error::source(error).map(|cause| format!(" ({cause})")).unwrap_or_default();
    let variable = error.variable().map(|variable| format!("{variable}: ")).unwrap_or_default();
    let detail = error.facts().detail;
    format!("stopped: {variable}{detail}{cause} Correct that, and run the same command again.")
}
