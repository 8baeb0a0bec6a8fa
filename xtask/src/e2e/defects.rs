//! What doctor says of the deployment: nothing is wrong, and then each planted defect.

use std::net::SocketAddr;

use harness::google::{Endpoint, Failure, Times};

use super::cloud::{Cloud, GOOGLE_CLIENT_SECRET};
use super::deployment::{Deployment, STACK};
use crate::account::Called;
use crate::doctor::{Finding, Target, examine};
use crate::visit::{ACCOUNT, expect, say};

/// What MiniStack leaves out of the template: CloudFormation's time to live and recovery of tables,
/// and the context of IAM's simulator, without which no role may use a key. Doctor rightly reports
/// them; contract tests look for them in the template. (MiniStack expects different property casing
/// for CORS and refuses every preflight, so doctor cannot check CORS there.)
const LEFT_OUT: [&str; 3] = ["time to live", "restored to a point in time", "does not allow kms:"];
/// The name of the policy that takes a permission away.
const PLANTED: &str = "planted";

/// Plants each defect, asks doctor, and removes it again.
pub(super) async fn are_found(deployment: &Deployment<'_>) -> Result<(), String> {
    let cloud = deployment.cloud;
    let healthy = findings(cloud).await?;
    for finding in &healthy {
        println!("      {finding}");
    }
    expect(wrong(&healthy).is_empty(), "doctor finds nothing wrong in a good deployment")?;
    let callback = deployment.outputs.get("CallbackUrl")?;
    let to_compare = ["redirect URI", callback, "Authorized redirect URIs"];
    let is_named = |finding: &Finding| to_compare.iter().all(|words| finding.to_string().contains(words));
    expect(healthy.iter().any(is_named), "doctor names the redirect URI to compare by hand")?;
    say("doctor finds nothing wrong except what MiniStack leaves out of the template");

    let file = cloud.google.client_secrets(&[]);
    let other = file.replace(&cloud.google.client_secret(), "GOCSPX-of-somebody-else");
    cloud.put_secret(GOOGLE_CLIENT_SECRET, &other).await?;
    finds("a wrong client secret", &["client secret", GOOGLE_CLIENT_SECRET], cloud).await?;
    cloud.put_secret(GOOGLE_CLIENT_SECRET, &file).await?;

    cloud.google.fail(Endpoint::MessagesList, Failure::ServiceDisabled, Times::UntilCleared);
    let mut visit = deployment.sign_in(ACCOUNT).await?;
    expect(visit.fetch_messages(&[]).await?.status == 503, "a disabled Gmail API is 503 for the user")?;
    let words = ["the Gmail API is not enabled", "enable it at", "gmail.googleapis.com"];
    finds("a disabled Gmail API", &words, cloud).await?;
    cloud.google.clear_failures();

    let role = deployment.role_of("OauthCallbackFunction").await?;
    let role = role.rsplit('/').next().unwrap_or_default();
    let iam = aws_sdk_iam::Client::new(&cloud.account.config);
    let denial = serde_json::json!({
        "Version": "2012-10-17",
        "Statement": [{"Effect": "Deny", "Action": "dynamodb:UpdateItem", "Resource": "*"}],
    });
    let put = iam.put_role_policy().role_name(role).policy_name(PLANTED).policy_document(denial.to_string());
    put.send().await.or_say("the role is not changed")?;
    finds("a missing permission", &["oauth-callback", "dynamodb:UpdateItem"], cloud).await?;
    let removal = iam.delete_role_policy().role_name(role).policy_name(PLANTED).send().await;
    removal.or_say("the role is not changed back").map(drop)
}

async fn findings(cloud: &Cloud) -> Result<Vec<Finding>, String> {
    let address = cloud.url.trim_start_matches("http://").parse::<SocketAddr>();
    let address = address.map_err(|_| "MiniStack's URL is not an address")?;
    Ok(examine(&Target::of_stack(&cloud.account, STACK, Some(address)).await?).await)
}

/// The lines of what is wrong with the deployment.
fn wrong(findings: &[Finding]) -> Vec<String> {
    let lines = findings.iter().filter(|finding| finding.is_wrong()).map(ToString::to_string);
    lines.filter(|line| !LEFT_OUT.iter().any(|words| line.contains(words))).collect()
}

/// Doctor calls something wrong, in a line with all of `words`.
async fn finds(defect: &str, words: &[&str], cloud: &Cloud) -> Result<(), String> {
    let wrong = wrong(&findings(cloud).await?);
    let Some(line) = wrong.iter().find(|line| words.iter().all(|word| line.contains(word))) else {
        return Err(format!("doctor does not find {defect}; it finds {wrong:?}"));
    };
    say(&format!("doctor finds {defect}: {line}"));
    Ok(())
}
