//! The back end under test. Each test has tables and secrets of its own, so the suite can run in
//! parallel and repeatedly.

use std::collections::BTreeMap;

use harness::dynamodb::DynamoDb;
use harness::secrets_manager::SecretsManager;
use harness::wire::{DYNAMODB, SECRETS_MANAGER, ask};
use harness::{template, world};
use postern::app::App;
use postern::clock::{Clock, ManualClock};
use postern_rules::random;
use postern_rules::time::Timestamp;
use serde_json::{Value, json};
use tokio::net::TcpListener;

/// Names the base URL of an emulator that serves both services.
const ENDPOINT_VARIABLE: &str = "POSTERN_CONTRACT_ENDPOINT";

/// DynamoDB and Secrets Manager, with the names that one test uses.
pub(crate) struct BackEnd {
    dynamodb: String,
    secrets_manager: String,
    /// The project's own fakes, if they are under test. They stop with the test.
    fakes: Option<(DynamoDb, SecretsManager)>,
    suffix: String,
    variables: BTreeMap<String, String>,
    /// The clock of every environment. It starts now, because an emulator may delete expired items
    /// by its own clock.
    pub(crate) clock: ManualClock,
}

impl BackEnd {
    /// The back end, without tables or secrets.
    pub(crate) async fn empty() -> Self {
        let (dynamodb, secrets_manager, fakes) = if let Some(url) = endpoint() {
            (url.clone(), url, None)
        } else {
            let dynamodb = DynamoDb::start(free_port().await).await;
            let secrets = SecretsManager::start(free_port().await, Clock::System).await;
            (dynamodb.url(), secrets.url(), Some((dynamodb, secrets)))
        };
        let suffix = format!("{:016x}", u64::from_be_bytes(random::bytes()));
        let variables = [
            ("CREDENTIALS_TABLE", format!("CredentialsTable-{suffix}")),
            ("SESSIONS_TABLE", format!("SessionsTable-{suffix}")),
            ("GOOGLE_CLIENT_SECRET_ID", format!("postern/google-client-{suffix}")),
            ("SEALING_KEYS_SECRET_ID", format!("postern/sealing-keys-{suffix}")),
            ("ALLOWED_ORIGINS", world::ORIGIN.to_owned()),
            ("AWS_ENDPOINT_URL_DYNAMODB", dynamodb.clone()),
            ("AWS_ENDPOINT_URL_SECRETS_MANAGER", secrets_manager.clone()),
            ("AWS_REGION", "us-east-1".to_owned()),
            ("AWS_ACCESS_KEY_ID", "test".to_owned()),
            ("AWS_SECRET_ACCESS_KEY", "test".to_owned()),
        ];
        let variables = variables.map(|(name, value)| (name.to_owned(), value)).into();
        // Whole seconds, as in the items.
        let now = Timestamp::from_seconds(Clock::System.now().seconds());
        let clock = ManualClock::starting_at(now);
        Self { dynamodb, secrets_manager, fakes, suffix, variables, clock }
    }

    /// The back end with the tables of template.yaml.
    pub(crate) async fn with_tables() -> Self {
        let back_end = Self::empty().await;
        for table in template::tables() {
            let name = format!("{}-{}", table.name, back_end.suffix);
            back_end.dynamodb("CreateTable", &table.create(&name)).await;
            let described = back_end.dynamodb("DescribeTable", &json!({ "TableName": name })).await;
            assert_eq!(described["Table"]["TableStatus"], "ACTIVE");
            if let Some(attribute) = table.time_to_live_attribute {
                let specification = json!({ "AttributeName": attribute, "Enabled": true });
                let request = json!({ "TableName": name, "TimeToLiveSpecification": specification });
                back_end.dynamodb("UpdateTimeToLive", &request).await;
            }
        }
        back_end
    }

    /// An execution environment with the tables and secrets of this test.
    pub(crate) fn environment(&self) -> App {
        world::environment(&self.variables, &self.clock).unwrap()
    }

    /// An execution environment with another value of one variable.
    pub(crate) fn environment_with(&self, variable: &str, value: &str) -> App {
        let mut variables = self.variables.clone();
        variables.insert(variable.to_owned(), value.to_owned());
        world::environment(&variables, &self.clock).unwrap()
    }

    /// The table or secret that a variable names.
    pub(crate) fn name(&self, variable: &str) -> &str {
        &self.variables[variable]
    }

    /// Makes a call of DynamoDB that must succeed.
    pub(crate) async fn dynamodb(&self, operation: &str, body: &Value) -> Value {
        let (status, answer) = ask(&self.dynamodb, &DYNAMODB, operation, body).await;
        assert_eq!(status, 200, "{operation}: {answer}");
        answer
    }

    /// The item with this key as it is stored; `Null` if there is none.
    pub(crate) async fn item(&self, table_variable: &str, key: &str) -> Value {
        let mut answer = self.dynamodb("GetItem", &self.place(table_variable, key)).await;
        answer["Item"].take()
    }

    /// Deletes the item with this key.
    pub(crate) async fn delete_item(&self, table_variable: &str, key: &str) {
        self.dynamodb("DeleteItem", &self.place(table_variable, key)).await;
    }

    fn place(&self, table_variable: &str, key: &str) -> Value {
        let attribute = if table_variable == "CREDENTIALS_TABLE" { "user_id" } else { "id" };
        json!({ "TableName": self.name(table_variable), "Key": { attribute: { "S": key } } })
    }

    /// Creates the secret that a variable names and returns its ARN.
    pub(crate) async fn create_secret(&self, variable: &str, value: &str) -> String {
        let name = self.name(variable);
        if let Some((_, secrets)) = &self.fakes {
            return secrets.put(name, value);
        }
        let token = random::token();
        let request = json!({ "Name": name, "SecretString": value, "ClientRequestToken": token });
        self.secrets_manager("CreateSecret", &request).await["ARN"].as_str().unwrap().to_owned()
    }

    /// Gives an existing secret a new current value.
    pub(crate) async fn rotate_secret(&self, variable: &str, value: &str) {
        let name = self.name(variable);
        if let Some((_, secrets)) = &self.fakes {
            secrets.put(name, value);
            return;
        }
        let token = random::token();
        let request = json!({ "SecretId": name, "SecretString": value, "ClientRequestToken": token });
        self.secrets_manager("PutSecretValue", &request).await;
    }

    /// Schedules the deletion of a secret.
    pub(crate) async fn delete_secret(&self, variable: &str) {
        let name = self.name(variable);
        match &self.fakes {
            Some((_, secrets)) => secrets.mark_for_deletion(name),
            None => {
                self.secrets_manager("DeleteSecret", &json!({ "SecretId": name })).await;
            }
        }
    }

    /// Makes a call of Secrets Manager. Returns its status and answer.
    pub(crate) async fn ask_secrets_manager(&self, operation: &str, body: &Value) -> (u16, Value) {
        ask(&self.secrets_manager, &SECRETS_MANAGER, operation, body).await
    }

    async fn secrets_manager(&self, operation: &str, body: &Value) -> Value {
        let (status, answer) = self.ask_secrets_manager(operation, body).await;
        assert_eq!(status, 200, "{operation}: {answer}");
        answer
    }
}

#[expect(clippy::disallowed_methods, reason = "a variable of this suite only, which no function reads")]
fn endpoint() -> Option<String> {
    std::env::var(ENDPOINT_VARIABLE).ok().filter(|url| !url.is_empty())
}

async fn free_port() -> TcpListener {
    TcpListener::bind(("127.0.0.1", 0)).await.unwrap()
}
