//! The functions' logs: requests and metrics, and no secret. When a step fails, its reason.

use harness::google::Endpoint;
use postern_template::roles::functions;
use url::form_urlencoded;

use super::cloud::Cloud;
use super::deployment::STACK;
use crate::account::Called;
use crate::visit::{expect, say};

/// The secret fields of a request to Google's token endpoint.
const SECRET_FIELDS: [&str; 4] = ["client_secret", "code", "code_verifier", "refresh_token"];

/// Reads each function's log.
pub(super) async fn hold_no_secret(cloud: &Cloud) -> Result<(), String> {
    let mut secrets = Vec::new();
    for call in cloud.google.calls_to(Endpoint::Token) {
        let fields = form_urlencoded::parse(call.body.as_bytes());
        let values = fields.filter(|(name, _)| SECRET_FIELDS.contains(&name.as_ref()));
        secrets.extend(values.map(|(_, value)| value.into_owned()));
    }
    expect(!secrets.is_empty(), "Google has received secrets to look for")?;
    for (_, function) in functions(&postern_template::read()) {
        let function = function.as_str();
        let lines = of(function, cloud).await?;
        let has = |part: &str| lines.iter().any(|line| line.contains(part));
        expect(has("\"answered\""), &format!("{function} logs its requests"))?;
        // One asks nobody but Secrets Manager, and that during init, outside a request; one asks nobody.
        let is_alone = ["auth-start", "server-metadata"].contains(&function);
        expect(has("\"_aws\"") || is_alone, &format!("{function} emits metrics"))?;
        let is_leaked = secrets.iter().any(|secret| has(secret));
        expect(!is_leaked, &format!("no secret is in the log of {function}"))?;
    }
    say("the log of each function has its requests and metrics, and no secret");
    Ok(())
}

/// Prints what the functions logged about requests that failed.
pub(super) async fn show_failures(cloud: &Cloud) {
    for (_, function) in functions(&postern_template::read()) {
        let lines = of(&function, cloud).await.unwrap_or_default();
        for line in lines.iter().filter(|line| line.contains("\"failed\"") || line.contains("\"WARN\"")) {
            eprintln!("  {function}: {}", line.trim_end());
        }
    }
}

async fn of(function: &str, cloud: &Cloud) -> Result<Vec<String>, String> {
    let logs = aws_sdk_cloudwatchlogs::Client::new(&cloud.account.config);
    let group = format!("/postern/{STACK}/{function}");
    let mut pages = logs.filter_log_events().log_group_name(group).into_paginator().send();
    let mut lines = Vec::new();
    while let Some(page) = pages.next().await {
        let page = page.or_say(&format!("the log of {function} cannot be read"))?;
        lines.extend(page.events().iter().filter_map(|event| event.message()).map(str::to_owned));
    }
    Ok(lines)
}
