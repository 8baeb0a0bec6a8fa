//! AWS's JSON protocol without the SDK. Tests use it to prepare and inspect data, never for the
//! calls under test.

use std::time::Duration;

use postern::outside::http::{HttpStack, send};
use serde_json::Value;

const TIMEOUT: Duration = Duration::from_secs(10);
const LARGEST_ANSWER: usize = 1024 * 1024;

/// A service: the parts in which its requests differ from those of others.
#[derive(Debug)]
pub struct Service {
    target: &'static str,
    content_type: &'static str,
    scope: &'static str,
}

/// DynamoDB.
pub const DYNAMODB: Service = Service {
    target: "DynamoDB_20120810",
    content_type: "application/x-amz-json-1.0",
    scope: "us-east-1/dynamodb",
};

/// Secrets Manager.
pub const SECRETS_MANAGER: Service = Service {
    target: "secretsmanager",
    content_type: "application/x-amz-json-1.1",
    scope: "us-east-1/secretsmanager",
};

/// Sends one call to `endpoint`. Returns its status and answer. The signature is a dummy: no
/// emulator checks it.
///
/// # Panics
/// When nothing answers within ten seconds.
pub async fn ask(endpoint: &str, service: &Service, operation: &str, body: &Value) -> (u16, Value) {
    let client = HttpStack::new(None).expect("the platform has what TLS needs").client(TIMEOUT, false);
    let credential = format!("test/20260101/{}/aws4_request", service.scope);
    let request = client
        .post(endpoint)
        .header("x-amz-target", format!("{}.{operation}", service.target))
        .header("content-type", service.content_type)
        .header("x-amz-date", "20260101T000000Z")
        .header(
            "authorization",
            format!("AWS4-HMAC-SHA256 Credential={credential}, SignedHeaders=host, Signature=0"),
        )
        .body(body.to_string());
    let request = request.build().expect("the request is complete");
    let answer = send(&client, request, TIMEOUT, LARGEST_ANSWER).await.expect("the service answers");
    (answer.status, serde_json::from_slice(&answer.body).unwrap_or(Value::Null))
}
