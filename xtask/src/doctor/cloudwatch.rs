//! CloudWatch's `DescribeAlarms`, in its JSON protocol. The SDK of CloudWatch brings a second
//! version of the crate http, which deny.toml refuses.

use std::time::{Duration, UNIX_EPOCH};

use aws_config::Region;
use aws_credential_types::provider::ProvideCredentials;
use aws_sigv4::http_request::{SignableBody, SignableRequest, SigningSettings, sign};
use aws_sigv4::sign::v4::SigningParams;
use postern::clock::Clock;
use postern::outside::http::send;
use serde_json::{Value, json};

use super::finding::Refusal;
use super::target::{Deployment, http_client};

const ACTION: &str = "cloudwatch:DescribeAlarms";
const TARGET: &str = "GraniteServiceVersion20100801.DescribeAlarms";
const TIMEOUT: Duration = Duration::from_secs(10);
const LARGEST_ANSWER: usize = 4 * 1024 * 1024;
/// The most names that CloudWatch takes in a call, and the most alarms that it then returns.
const MOST_NAMES: usize = 100;

/// The alarms of these names that exist, with CloudWatch's own members.
pub(super) async fn alarms(deployment: &Deployment, names: &[String]) -> Result<Vec<Value>, Refusal> {
    let mut alarms = Vec::new();
    for names in names.chunks(MOST_NAMES) {
        let kinds = ["MetricAlarm", "CompositeAlarm"];
        let question = json!({ "AlarmNames": names, "AlarmTypes": kinds, "MaxRecords": MOST_NAMES });
        let mut answer = ask(deployment, &question.to_string()).await?;
        for member in ["MetricAlarms", "CompositeAlarms"] {
            if let Value::Array(found) = answer[member].take() {
                alarms.extend(found);
            }
        }
    }
    Ok(alarms)
}

async fn ask(deployment: &Deployment, question: &str) -> Result<Value, Refusal> {
    let failed = |why: &str| Refusal::new(ACTION, "", why);
    let config = &deployment.config;
    let region = config.region().map_or("", Region::as_ref);
    let suffix = if region.starts_with("cn-") { ".cn" } else { "" };
    let at_aws = || format!("https://monitoring.{region}.amazonaws.com{suffix}/");
    let url = config.endpoint_url().map_or_else(at_aws, str::to_owned);
    let provider = config.credentials_provider().ok_or_else(|| failed("there are no credentials"))?;
    let credentials = provider.provide_credentials().await;
    let identity = credentials.map_err(|_| failed("there are no credentials"))?.into();
    let now = u64::try_from(Clock::System.now().millis()).unwrap_or_default();
    let parameters = SigningParams::builder()
        .identity(&identity)
        .region(region)
        .name("monitoring")
        .time(UNIX_EPOCH + Duration::from_millis(now))
        .settings(SigningSettings::default());
    let parameters = parameters.build().map_err(|_| failed("the call cannot be signed"))?.into();
    let headers = [("content-type", "application/x-amz-json-1.0"), ("x-amz-target", TARGET)];
    let body = SignableBody::Bytes(question.as_bytes());
    let signed = SignableRequest::new("POST", url.as_str(), headers.into_iter(), body)
        .and_then(|request| sign(request, &parameters));
    let (signature, _) = signed.map_err(|_| failed("the call cannot be signed"))?.into_parts();
    let client = http_client().map_err(|problem| failed(&problem))?;
    let mut request = client.post(url).body(question.to_owned());
    for (name, value) in headers.into_iter().chain(signature.headers()) {
        request = request.header(name, value);
    }
    let request = request.build().map_err(|_| failed("the call cannot be made"))?;
    let answer = send(&client, request, TIMEOUT, LARGEST_ANSWER).await;
    let answer = answer.map_err(|failure| failed(&failure.to_string()))?;
    let document: Value = serde_json::from_slice(&answer.body).unwrap_or_default();
    if answer.status == 200 {
        return Ok(document);
    }
    let code = document["__type"].as_str().unwrap_or_default().rsplit('#').next().unwrap_or_default();
    Err(Refusal::new(ACTION, code, &format!("CloudWatch answers {}", answer.status)))
}
