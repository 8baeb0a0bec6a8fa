//! Where the import goes: a deployed stack with the operator's own credentials, or the stack of
//! `cargo xtask dev`.

use std::collections::BTreeMap;

use postern::app::App;
use postern::clock::Clock;
use postern_rules::config::names;

use super::journal::{Rules, Target};
use super::run::explain;
use crate::account::Account;
use crate::commands::{DataPorts, ImportOptions};
use crate::places::{Places, local_credentials, require_services};
use crate::stack::Stack;

/// What the stack's functions would use, with the credentials of whoever runs this.
pub(super) async fn app(options: &ImportOptions) -> Result<App, String> {
    let (credentials, places, more) = if options.local {
        let ImportOptions { google_port, data: DataPorts { dynamodb_port, secrets_port }, .. } = options;
        let services = [
            ("--google-port", *google_port),
            ("--dynamodb-port", *dynamodb_port),
            ("--secrets-port", *secrets_port),
        ];
        require_services(&services).await?;
        let at = |port: &u16| format!("http://127.0.0.1:{port}");
        let more = [
            (names::AWS_REGION.name, "us-east-1".to_owned()),
            (names::AWS_ENDPOINT_URL_DYNAMODB.name, at(dynamodb_port)),
            (names::AWS_ENDPOINT_URL_SECRETS_MANAGER.name, at(secrets_port)),
            (names::GOOGLE_USERINFO_URL.name, format!("{}/oauth2/v3/userinfo", at(google_port))),
            // Required, and not used here.
            (names::ALLOWED_ORIGINS.name, "http://localhost:9100".to_owned()),
        ];
        (local_credentials(), Places::local(), Vec::from(more))
    } else {
        let account = Account::open(&options.account).await?;
        let stack = Stack::require(&account, &options.stack_name).await?;
        let credentials = account.config.credentials_provider().ok_or("there are no AWS credentials")?;
        let parameter = |name: &str| stack.parameters.get(name).cloned().unwrap_or_default();
        let more = [
            (names::AWS_REGION.name, account.region().to_owned()),
            (names::ALLOWED_ORIGINS.name, parameter("AllowedOrigins")),
            (names::ALLOWED_DOMAINS.name, parameter("AllowedDomains")),
            (names::GMAIL_SCOPES.name, parameter("GmailScopes")),
        ];
        (credentials, Places::of_stack(&stack)?, Vec::from(more))
    };
    let Places { credentials_table, sessions_table, google_client, sealing_keys } = places;
    let mut variables = BTreeMap::from([
        (names::CREDENTIALS_TABLE.name, credentials_table),
        (names::SESSIONS_TABLE.name, sessions_table),
        (names::GOOGLE_CLIENT_SECRET_ID.name, google_client),
        (names::SEALING_KEYS_SECRET_ID.name, sealing_keys),
    ]);
    variables.extend(more);
    App::with_credentials(credentials, |name| variables.get(name).cloned(), Clock::System)
        .map_err(|problem| problem.error.to_string())
}

/// What the journal of an import into this deployment is bound to.
pub(super) async fn of(app: &App) -> Result<Target, String> {
    let clients = app.secrets.google_clients().await.map_err(|error| explain(&error.into()))?;
    let mut domains: Vec<&str> = app.config.allowed_domains.iter().collect();
    domains.sort_unstable();
    Ok(Target {
        region: app.aws_region.clone(),
        table: app.config.credentials_table.clone(),
        rules: Rules {
            client_id: clients.iter().map(|client| client.client_id.as_str()).collect::<Vec<_>>().join(" "),
            scopes: app.config.scopes.to_string(),
            allowed_domains: domains.join(" "),
        },
    })
}
