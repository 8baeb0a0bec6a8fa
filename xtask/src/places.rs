//! Where a deployment, or the stack of `cargo xtask dev`, keeps its data.

use aws_credential_types::Credentials;
use aws_credential_types::provider::SharedCredentialsProvider;
use postern_template::{CREDENTIALS_TABLE, GOOGLE_CLIENT_SECRET, SEALING_KEYS_SECRET, SESSIONS_TABLE};
use tokio::net::TcpStream;

use crate::stack::Stack;

/// The names of tables and secrets.
pub(crate) struct Places {
    pub(crate) credentials_table: String,
    pub(crate) sessions_table: String,
    /// The secret with Google's client.
    pub(crate) google_client: String,
    /// The secret with the keyring.
    pub(crate) sealing_keys: String,
}

impl Places {
    /// Those of a deployed stack.
    pub(crate) fn of_stack(stack: &Stack) -> Result<Self, String> {
        let output = |name: &str| stack.outputs.get(name).map(str::to_owned);
        Ok(Self {
            credentials_table: output("CredentialsTableName")?,
            sessions_table: output("SessionsTableName")?,
            google_client: output("GoogleClientSecret")?,
            sealing_keys: output("SealingKeysSecretArn")?,
        })
    }

    /// Those of the local stack.
    pub(crate) fn local() -> Self {
        Self {
            credentials_table: CREDENTIALS_TABLE.to_owned(),
            sessions_table: SESSIONS_TABLE.to_owned(),
            google_client: GOOGLE_CLIENT_SECRET.to_owned(),
            sealing_keys: SEALING_KEYS_SECRET.to_owned(),
        }
    }
}

/// The local services check no credentials, but the SDK signs every request.
pub(crate) fn local_credentials() -> SharedCredentialsProvider {
    SharedCredentialsProvider::new(Credentials::new("test", "test", None, None, "xtask"))
}

/// Asserts that something listens on each port of this machine; the first of a pair is the option
/// that sets the port.
pub(crate) async fn require_services(services: &[(&str, u16)]) -> Result<(), String> {
    for (option, port) in services {
        TcpStream::connect(("localhost", *port)).await.map_err(|_| {
            format!("nothing listens on port {port}; start `cargo xtask dev`, or set its port with {option}")
        })?;
    }
    Ok(())
}
