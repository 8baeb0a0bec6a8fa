//! Secrets Manager on loopback: its three read calls, for secrets that the test stores.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use bytes::Bytes;
use hyper::{Request, Response, StatusCode};
use postern::clock::Clock;
use postern_rules::time::Timestamp;
use serde_json::{Value, json};
use tokio::net::TcpListener;

use crate::aws::{Backend, Service, json_answer};
use crate::random_text;

const STAGES: [&str; 2] = ["AWSCURRENT", "AWSPREVIOUS"];
/// What AWS adds to a secret's name in its ARN: a dash and six random characters.
const ARN_SUFFIX: usize = 7;

/// Secrets Manager, with its secrets in memory.
pub type SecretsManager = Service<Secrets>;

/// The secrets, by name.
#[derive(Debug)]
pub struct Secrets {
    secrets: Mutex<BTreeMap<String, Secret>>,
    clock: Clock,
}

#[derive(Debug)]
struct Secret {
    arn: String,
    is_deleted: bool,
    /// Newest first: the first is current, the next one is the previous one.
    versions: Vec<Version>,
}

#[derive(Debug)]
struct Version {
    id: String,
    value: String,
    created: Timestamp,
}

/// The exception and the message of a refused call, as AWS words them.
type Refusal = (&'static str, String);

impl Service<Secrets> {
    /// Serves an empty Secrets Manager on `listener`. `clock` dates the versions.
    #[expect(clippy::unused_async, reason = "a back end is started inside a runtime, like its fellows")]
    pub async fn start(listener: TcpListener, clock: Clock) -> Self {
        Self::serve(listener, Secrets { secrets: Mutex::default(), clock })
    }

    /// Gives the secret a new current value and returns its ARN. The value so far becomes the
    /// previous one. Creates the secret if necessary, and restores it if it was marked for
    /// deletion.
    pub fn put(&self, name: &str, value: &str) -> String {
        let created = self.backend.clock.now();
        let mut secrets = self.backend.secrets();
        let secret = secrets.entry(name.to_owned()).or_insert_with(|| Secret {
            arn: format!("arn:aws:secretsmanager:us-east-1:123456789012:secret:{name}-{}", random_text(6)),
            is_deleted: false,
            versions: Vec::new(),
        });
        secret.is_deleted = false;
        secret.versions.insert(0, Version { id: random_text(36), value: value.to_owned(), created });
        secret.arn.clone()
    }

    /// Marks the secret for deletion: it can be described, but not read.
    pub fn mark_for_deletion(&self, name: &str) {
        if let Some(secret) = self.backend.secrets().get_mut(name) {
            secret.is_deleted = true;
        }
    }

    /// Removes the secret at once, with every version.
    pub fn remove(&self, name: &str) {
        self.backend.secrets().remove(name);
    }
}

impl Backend for Secrets {
    const EXCEPTION_PREFIX: &'static str = "";
    const CONTENT_TYPE: &'static str = "application/x-amz-json-1.1";

    async fn answer(&self, operation: &str, request: Request<Bytes>) -> Response<Bytes> {
        let body: Value = serde_json::from_slice(request.body()).unwrap_or_default();
        let outcome = match operation {
            "GetSecretValue" => self.value(&body),
            "BatchGetSecretValue" => Ok(self.batch(&body)),
            "DescribeSecret" => self.description(&body),
            _ => refuse("UnknownOperationException", "The harness has only the calls that read."),
        };
        match outcome {
            Ok(body) => json_answer::<Self>(StatusCode::OK, &body),
            Err((exception, message)) => {
                let body = json!({ "__type": exception, "Message": message });
                json_answer::<Self>(StatusCode::BAD_REQUEST, &body)
            }
        }
    }
}

impl Secrets {
    fn secrets(&self) -> MutexGuard<'_, BTreeMap<String, Secret>> {
        self.secrets.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// `GetSecretValue`. `BatchGetSecretValue` returns the same for each secret.
    fn value(&self, body: &Value) -> Result<Value, Refusal> {
        let secrets = self.secrets();
        let (name, secret) = find(&secrets, body)?;
        if secret.is_deleted {
            let message =
                "You can't perform this operation on the secret because it was marked for deletion.";
            return refuse("InvalidRequestException", message);
        }
        let version = body["VersionId"].as_str();
        let stage = body["VersionStage"].as_str().or(version.is_none().then_some(STAGES[0]));
        let is_wanted = |(index, candidate): &(usize, &Version)| {
            version.is_none_or(|id| id == candidate.id) && stage.is_none_or(|stage| stages(*index) == [stage])
        };
        let Some((index, found)) = secret.versions.iter().enumerate().find(is_wanted) else {
            let wanted = version.map_or_else(
                || format!("staging label: {}", stage.unwrap_or_default()),
                |id| format!("VersionId: {id}"),
            );
            let message = format!("Secrets Manager can't find the specified secret value for {wanted}");
            return refuse("ResourceNotFoundException", message);
        };
        Ok(json!({
            "ARN": secret.arn,
            "Name": name,
            "VersionId": found.id,
            "SecretString": found.value,
            "VersionStages": stages(index),
            "CreatedDate": found.created.seconds(),
        }))
    }

    fn batch(&self, body: &Value) -> Value {
        let (mut values, mut errors) = (Vec::new(), Vec::new());
        for id in body["SecretIdList"].as_array().into_iter().flatten() {
            match self.value(&json!({ "SecretId": id })) {
                Ok(value) => values.push(value),
                Err((exception, message)) => {
                    errors.push(json!({ "SecretId": id, "ErrorCode": exception, "Message": message }));
                }
            }
        }
        json!({ "SecretValues": values, "Errors": errors })
    }

    fn description(&self, body: &Value) -> Result<Value, Refusal> {
        let secrets = self.secrets();
        let (name, secret) = find(&secrets, body)?;
        let staged = secret.versions.iter().enumerate().take(STAGES.len());
        let versions: serde_json::Map<String, Value> =
            staged.map(|(index, version)| (version.id.clone(), json!(stages(index)))).collect();
        let mut description = json!({ "ARN": secret.arn, "Name": name, "VersionIdsToStages": versions });
        if secret.is_deleted {
            description["DeletedDate"] = self.clock.now().seconds().into();
        }
        Ok(description)
    }
}

/// Finds a secret by name, by ARN, or by ARN without the random characters, as AWS does.
fn find<'a>(
    secrets: &'a BTreeMap<String, Secret>,
    body: &Value,
) -> Result<(&'a String, &'a Secret), Refusal> {
    let id = body["SecretId"].as_str().unwrap_or_default();
    let is_meant = |(name, secret): &(&String, &Secret)| {
        let arn = secret.arn.as_str();
        name.as_str() == id || arn == id || arn.get(..arn.len() - ARN_SUFFIX) == Some(id)
    };
    let missing = "Secrets Manager can't find the specified secret.";
    secrets.iter().find(is_meant).ok_or_else(|| ("ResourceNotFoundException", missing.to_owned()))
}

fn refuse<T>(exception: &'static str, message: impl Into<String>) -> Result<T, Refusal> {
    Err((exception, message.into()))
}

/// The stages of a version, by its age (0 is the newest).
fn stages(index: usize) -> Vec<&'static str> {
    STAGES.get(index).copied().into_iter().collect()
}
