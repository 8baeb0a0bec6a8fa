//! What `cargo xtask doctor` says of the deployment: nothing is wrong; and then, of each of four defects, the right
//! sentence.

use std::net::SocketAddr;

use harness::google::{Endpoint, Failure, Times};
use postern::outside::http::aws::describe;
use serde_json::Value;
use xtask::visit::expect;

use super::cloud::{Cloud, GOOGLE_CLIENT_SECRET};
use super::deployment::{Deployment, STACK};
use super::{journey, say};
use crate::doctor::{Finding, Target, examine};

/// What MiniStack leaves out and AWS does not: its CloudFormation the time to live and the recovery, its policy simulator the
/// context, in which alone the template lets a role use a key. Doctor finds them missing, and rightly; the contract tests look at
/// the template for them. (CORS it cannot tell: MiniStack refuses every preflight, for it reads the setting in other letters.)
const LEFT_OUT: [&str; 3] = ["time to live", "restored to a point in time", "may not kms:Decrypt on"];

/// Plants each defect, asks, and mends it again.
pub(super) async fn are_found(cloud: &Cloud, deployment: &Deployment) -> Result<(), String> {
    let healthy = findings(cloud).await?;
    for finding in &healthy {
        println!("      {finding}");
    }
    expect(wrong(&healthy).is_empty(), "doctor finds nothing wrong in a good deployment")?;
    say("doctor finds nothing wrong but what MiniStack leaves out of the template");

    let file = cloud.google.client_secrets(&[]);
    let wrong = file.replace(&cloud.google.client_secret(), "GOCSPX-of-somebody-else");
    cloud.put_secret(GOOGLE_CLIENT_SECRET, &wrong).await?;
    finds("a wrong client secret", &["client secret", GOOGLE_CLIENT_SECRET], cloud).await?;
    cloud.put_secret(GOOGLE_CLIENT_SECRET, &file).await?;

    let callback = deployment.outputs.get("CallbackUrl")?;
    cloud.google.unregister(callback);
    finds("a missing redirect URI", &["register", callback, "Authorized redirect URIs"], cloud).await?;
    cloud.google.client_secrets(&[callback]);

    cloud.google.fail(Endpoint::MessagesList, Failure::ServiceDisabled, Times::UntilCleared);
    let mut visit = journey::visit(cloud, deployment)?;
    let authorization_url = visit.start().await?;
    visit.connect(&authorization_url).await?;
    expect(visit.fetch_messages(&[]).await?.status == 503, "a disabled Gmail API is 503 for the user")?;
    finds(
        "a disabled Gmail API",
        &["the Gmail API is not enabled", "enable it at", "gmail.googleapis.com"],
        cloud,
    )
    .await?;
    cloud.google.clear_failures();

    let role = Role::of("OauthCallbackFunction", cloud, deployment).await?;
    let whole = role.policy(cloud).await?;
    role.put(cloud, &without(&whole, "dynamodb:UpdateItem")).await?;
    finds("a missing permission", &["oauth-callback", "dynamodb:UpdateItem"], cloud).await?;
    role.put(cloud, &whole).await
}

async fn findings(cloud: &Cloud) -> Result<Vec<Finding>, String> {
    let address: SocketAddr = cloud
        .url
        .trim_start_matches("http://")
        .parse()
        .map_err(|_| "MiniStack's URL is no address".to_owned())?;
    Ok(examine(&Target::of_stack(&cloud.account, STACK, Some(address)).await?).await)
}

/// The lines of what is wrong with the deployment.
fn wrong(findings: &[Finding]) -> Vec<String> {
    let lines = findings.iter().filter(|finding| finding.is_wrong()).map(ToString::to_string);
    lines.filter(|line| !LEFT_OUT.iter().any(|words| line.contains(words))).collect()
}

/// Something is wrong by doctor's word, and its line has all of `words`.
async fn finds(defect: &str, words: &[&str], cloud: &Cloud) -> Result<(), String> {
    let findings = findings(cloud).await?;
    let wrong = wrong(&findings);
    let Some(line) = wrong.iter().find(|line| words.iter().all(|word| line.contains(word))) else {
        return Err(format!("doctor does not find {defect}; what it finds wrong: {wrong:?}"));
    };
    say(&format!("doctor finds {defect}: {line}"));
    Ok(())
}

/// A role with its one inline policy.
struct Role {
    name: String,
    policy_name: String,
}

impl Role {
    async fn of(output: &str, cloud: &Cloud, deployment: &Deployment) -> Result<Self, String> {
        let role = deployment.role_of(output, cloud).await?;
        let name = role.rsplit('/').next().unwrap_or_default().to_owned();
        let iam = aws_sdk_iam::Client::new(&cloud.account.config);
        let policies = iam.list_role_policies().role_name(&name).send().await;
        let policies = policies.map_err(|error| describe(&error))?;
        let policy_name = policies.policy_names().first().cloned().ok_or("the role has no policy")?;
        Ok(Self { name, policy_name })
    }

    async fn policy(&self, cloud: &Cloud) -> Result<String, String> {
        let iam = aws_sdk_iam::Client::new(&cloud.account.config);
        let policy = iam.get_role_policy().role_name(&self.name).policy_name(&self.policy_name).send().await;
        let policy = policy.map_err(|error| describe(&error))?;
        let document = policy.policy_document();
        if document.starts_with('{') {
            return Ok(document.to_owned());
        }
        // IAM gives the document percent-encoded (RFC 3986); what is one word of a form is decoded like one.
        let word = document.replace('+', "%2B");
        let decoded = url::form_urlencoded::parse(word.as_bytes()).next().map(|(text, _)| text.into_owned());
        decoded.ok_or_else(|| "the role's policy is empty".to_owned())
    }

    async fn put(&self, cloud: &Cloud, policy: &str) -> Result<(), String> {
        let iam = aws_sdk_iam::Client::new(&cloud.account.config);
        let put = iam
            .put_role_policy()
            .role_name(&self.name)
            .policy_name(&self.policy_name)
            .policy_document(policy);
        put.send().await.map(drop).map_err(|error| describe(&error))
    }
}

/// The policy with an action taken out of every statement.
fn without(policy: &str, action: &str) -> String {
    let mut policy: Value = serde_json::from_str(policy).unwrap_or_default();
    for statement in policy["Statement"].as_array_mut().into_iter().flatten() {
        if let Some(actions) = statement["Action"].as_array_mut() {
            actions.retain(|known| known != action);
        }
    }
    policy.to_string()
}
