//! Everything that the functions need locally: the three back ends with their data, and the
//! environment variables that point at them.

use std::collections::BTreeMap;

use postern::clock::Clock;
use serde_json::json;
use tokio::net::TcpListener;

use crate::dynamodb::DynamoDb;
use crate::google::Google;
use crate::secrets_manager::SecretsManager;
use crate::{random_text, template};

pub use postern_template::{CREDENTIALS_TABLE, GOOGLE_CLIENT_SECRET, SEALING_KEYS_SECRET, SESSIONS_TABLE};

/// What a stack is started with.
#[derive(Debug)]
pub struct Options {
    /// `PUBLIC_URL`: the API's base URL as browsers see it.
    pub public_url: String,
    /// `ALLOWED_ORIGINS`, comma separated.
    pub allowed_origins: String,
    /// `ALLOWED_RETURN_URIS`, comma separated; may be empty.
    pub allowed_return_uris: String,
    /// `GMAIL_SCOPES`, space separated.
    pub gmail_scopes: String,
    /// The clock of the back ends.
    pub clock: Clock,
    /// Where the back ends listen. `None`: any free ports of loopback.
    pub listeners: Option<Listeners>,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            public_url: "https://api.example.com".to_owned(),
            allowed_origins: "https://app.example.com".to_owned(),
            allowed_return_uris: String::new(),
            gmail_scopes: "https://www.googleapis.com/auth/gmail.readonly".to_owned(),
            clock: Clock::System,
            listeners: None,
        }
    }
}

/// One listener for each back end.
#[derive(Debug)]
pub struct Listeners {
    /// The fake Google.
    pub google: TcpListener,
    /// DynamoDB.
    pub dynamodb: TcpListener,
    /// Secrets Manager.
    pub secrets: TcpListener,
}

impl Listeners {
    /// Three free ports of loopback.
    ///
    /// # Panics
    /// When loopback has no free port.
    pub async fn free() -> Self {
        let bind = async || TcpListener::bind(("127.0.0.1", 0)).await.expect("loopback has a free port");
        Self { google: bind().await, dynamodb: bind().await, secrets: bind().await }
    }
}

/// The running back ends with their data. They stop when the stack and all clones of its parts are
/// dropped.
#[derive(Clone, Debug)]
pub struct Stack {
    /// The fake Google.
    pub google: Google,
    /// DynamoDB with the template's tables.
    pub dynamodb: DynamoDb,
    /// Secrets Manager with Google's client secret and the keyring.
    pub secrets: SecretsManager,
    public_url: String,
    allowed_origins: String,
    allowed_return_uris: String,
    gmail_scopes: String,
}

impl Stack {
    /// Starts the back ends, creates the tables of template.yaml and stores the two secrets.
    ///
    /// # Panics
    /// When loopback has no free port or the template cannot be read.
    pub async fn start(options: Options) -> Self {
        let Options { public_url, allowed_origins, allowed_return_uris, gmail_scopes, clock, listeners } =
            options;
        let listeners = match listeners {
            Some(listeners) => listeners,
            None => Listeners::free().await,
        };
        let google = Google::start(listeners.google, clock.clone()).await;
        let dynamodb = DynamoDb::start(listeners.dynamodb).await;
        let secrets = SecretsManager::start(listeners.secrets, clock).await;

        dynamodb.create_tables(&template::tables());
        let redirect_uri = format!("{public_url}/oauth/callback");
        secrets.put(GOOGLE_CLIENT_SECRET, &google.client_secrets(&[&redirect_uri]));
        let keyring = json!({ "primary": "k1", "k1": random_text(64) });
        secrets.put(SEALING_KEYS_SECRET, &keyring.to_string());
        Self { google, dynamodb, secrets, public_url, allowed_origins, allowed_return_uris, gmail_scopes }
    }

    /// Every variable that a function needs to run against this stack.
    pub fn environment(&self) -> BTreeMap<String, String> {
        let google = self.google.url();
        BTreeMap::from(
            [
                ("CREDENTIALS_TABLE", CREDENTIALS_TABLE.to_owned()),
                ("SESSIONS_TABLE", SESSIONS_TABLE.to_owned()),
                ("GOOGLE_CLIENT_SECRET_ID", GOOGLE_CLIENT_SECRET.to_owned()),
                ("SEALING_KEYS_SECRET_ID", SEALING_KEYS_SECRET.to_owned()),
                ("PUBLIC_URL", self.public_url.clone()),
                ("ALLOWED_ORIGINS", self.allowed_origins.clone()),
                ("ALLOWED_RETURN_URIS", self.allowed_return_uris.clone()),
                ("GMAIL_SCOPES", self.gmail_scopes.clone()),
                ("GMAIL_URL", google.to_string()),
                ("GOOGLE_USERINFO_URL", format!("{google}/oauth2/v3/userinfo")),
                ("GOOGLE_REVOKE_URL", format!("{google}/revoke")),
                ("GOOGLE_CERTIFICATES_URL", format!("{google}/oauth2/v3/certs")),
                ("AWS_ENDPOINT_URL_DYNAMODB", self.dynamodb.url()),
                ("AWS_ENDPOINT_URL_SECRETS_MANAGER", self.secrets.url()),
                ("AWS_REGION", "us-east-1".to_owned()),
                ("AWS_ACCESS_KEY_ID", "test".to_owned()),
                ("AWS_SECRET_ACCESS_KEY", "test".to_owned()),
            ]
            .map(|(name, value)| (name.to_owned(), value)),
        )
    }
}
