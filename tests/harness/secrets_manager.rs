//! Secrets Manager on loopback: the three read calls, over secrets that the test puts there.

mod vault;

use std::sync::{Mutex, MutexGuard, PoisonError};

use bytes::Bytes;
use hyper::{Request, Response, StatusCode};
use postern::clock::Clock;
use serde_json::{Value, json};
use tokio::net::TcpListener;
pub(crate) use vault::random_text;
use vault::{Refusal, Vault};

use crate::front::{Backend, Service, json_answer};

/// Secrets Manager, with its secrets in memory.
pub type SecretsManager = Service<Secrets>;

/// The secrets that stand behind the front.
#[derive(Debug)]
pub struct Secrets {
    vault: Mutex<Vault>,
    clock: Clock,
}

impl Service<Secrets> {
    /// Serves an empty Secrets Manager on `listener`, whose versions bear the time of `clock`.
    #[expect(clippy::unused_async, reason = "a back end is started inside a runtime, like its fellows")]
    pub async fn start(listener: TcpListener, clock: Clock) -> Self {
        Self::serve(listener, Secrets { vault: Mutex::default(), clock })
    }

    /// Gives the secret a new current value and returns its ARN. The value that was current becomes the previous
    /// one; the secret is created when it is not there and restored when it was marked for deletion.
    pub fn put(&self, name: &str, value: &str) -> String {
        let now = self.backend.clock.now();
        self.backend.vault().put(name, value, now)
    }

    /// Marks the secret for deletion: it can be described, but not read.
    pub fn mark_for_deletion(&self, name: &str) {
        let now = self.backend.clock.now();
        self.backend.vault().mark_for_deletion(name, now);
    }

    /// Removes the secret at once, with every version.
    pub fn remove(&self, name: &str) {
        self.backend.vault().remove(name);
    }
}

impl Secrets {
    fn vault(&self) -> MutexGuard<'_, Vault> {
        self.vault.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Backend for Secrets {
    const EXCEPTION_PREFIX: &'static str = "";
    const CONTENT_TYPE: &'static str = "application/x-amz-json-1.1";

    async fn answer(&self, operation: &str, request: Request<Bytes>) -> Response<Bytes> {
        let outcome = match serde_json::from_slice::<Value>(request.body()) {
            Ok(body) if body.is_object() => carry_out(&self.vault(), operation, &body),
            _ => Err(Refusal::new("SerializationException", "The body is not a JSON object.")),
        };
        match outcome {
            Ok(body) => json_answer::<Self>(StatusCode::OK, &body),
            Err(refusal) => json_answer::<Self>(
                StatusCode::BAD_REQUEST,
                &json!({ "__type": refusal.exception, "Message": refusal.message }),
            ),
        }
    }
}

fn carry_out(vault: &Vault, operation: &str, body: &Value) -> Result<Value, Refusal> {
    match operation {
        "GetSecretValue" => {
            let (version, stage) = (text(body, "VersionId")?, text(body, "VersionStage")?);
            vault.value(id_of(body)?, version, stage)
        }
        "BatchGetSecretValue" => batch(vault, body),
        "DescribeSecret" => vault.description(id_of(body)?),
        _ => Err(Refusal::new("UnknownOperationException", "The harness has only the calls that read.")),
    }
}

fn batch(vault: &Vault, body: &Value) -> Result<Value, Refusal> {
    let ids = match (&body["SecretIdList"], &body["Filters"]) {
        (Value::Array(ids), Value::Null) if (1..=20).contains(&ids.len()) => ids,
        (Value::Array(ids), Value::Null) if ids.len() > 20 => {
            return Err(Refusal::new(
                "ValidationException",
                "1 validation error detected: Value at 'secretIdList' failed to satisfy constraint: \
                 Member must have length less than or equal to 20",
            ));
        }
        (Value::Null, Value::Array(_)) => {
            return Err(Refusal::parameter("The harness has no filters: name the secrets in SecretIdList."));
        }
        _ => {
            return Err(Refusal::parameter("You must specify either SecretIdList or Filters, but not both."));
        }
    };
    let (mut values, mut errors) = (Vec::new(), Vec::new());
    for id in ids.iter().filter_map(Value::as_str) {
        match vault.value(id, None, None) {
            Ok(value) => values.push(value),
            Err(refusal) => errors
                .push(json!({ "SecretId": id, "ErrorCode": refusal.exception, "Message": refusal.message })),
        }
    }
    Ok(json!({ "SecretValues": values, "Errors": errors }))
}

fn id_of(body: &Value) -> Result<&str, Refusal> {
    let constraint = match text(body, "SecretId")? {
        None => "Value null at 'secretId' failed to satisfy constraint: Member must not be null",
        Some("") => {
            "Value '' at 'secretId' failed to satisfy constraint: \
             Member must have length greater than or equal to 1"
        }
        Some(id) => return Ok(id),
    };
    Err(Refusal::new("ValidationException", format!("1 validation error detected: {constraint}")))
}

fn text<'a>(body: &'a Value, member: &str) -> Result<Option<&'a str>, Refusal> {
    match &body[member] {
        Value::Null => Ok(None),
        Value::String(text) => Ok(Some(text)),
        _ => Err(Refusal::new("SerializationException", "A parameter has the wrong type.")),
    }
}

#[cfg(test)]
mod tests;
