//! The other documented ways to deploy: a first deployment with `cargo xtask deploy`, and new code
//! for one function with `cargo lambda deploy`.

use std::collections::BTreeMap;

use super::cloud::Cloud;
use super::deployment::{ARCHITECTURE, Deployment, PAGE, deploy};
use crate::processes::{Processes, root};
use crate::visit::{ACCOUNT, expect, say};

const STACK: &str = "another";
const SECRET: &str = "another/google-client";

/// Deploys a second stack from a downloaded file, connects, and updates one function.
pub(super) async fn work_too(cloud: &Cloud, processes: &mut Processes) -> Result<(), String> {
    // As a browser saves the console's download.
    let file = root().join("target").join("e2e_client_secret.json");
    std::fs::write(&file, cloud.google.client_secrets(&[])).map_err(|error| error.to_string())?;
    let parameters =
        [("AllowedOrigins", PAGE), ("Architecture", ARCHITECTURE), ("GoogleClientSecretId", SECRET)];
    deploy(STACK, Some(&file), &parameters, cloud, processes).await?;
    let deployment = Deployment::at_its_own_address(STACK, cloud).await?;
    connect(&deployment).await?;
    say("cargo xtask deploy creates a stack from a downloaded file, and a mailbox is connected through it");

    let before = configuration(&deployment).await?;
    let function = deployment.outputs.get("ListMessagesFunction")?;
    let architecture = if ARCHITECTURE == "arm64" { "--arm64" } else { "--x86-64" };
    for words in [
        &["build", "--release", architecture, "--package", "list-messages"][..],
        &["deploy", "--binary-name", "list-messages", function],
    ] {
        cloud.run(cloud.tools.command("cargo").arg("lambda").args(words), processes).await?;
    }
    expect(configuration(&deployment).await? == before, "the function keeps its configuration")?;
    connect(&deployment).await?;
    say("cargo lambda deploy updates the code of one function and keeps its configuration");
    Ok(())
}

async fn connect(deployment: &Deployment<'_>) -> Result<(), String> {
    // Google gives a refresh token only to a new grant.
    deployment.cloud.google.revoke_grant(ACCOUNT);
    deployment.sign_in(ACCOUNT).await?.list(&[]).await.map(drop)
}

/// What an update of a function's code must not change.
async fn configuration(deployment: &Deployment<'_>) -> Result<String, String> {
    let function = deployment.function("ListMessagesFunction").await?;
    let variables = function.environment().and_then(|environment| environment.variables());
    let variables: BTreeMap<_, _> = variables.into_iter().flatten().collect();
    let limits = (function.memory_size(), function.timeout());
    Ok(format!("{:?} {variables:?} {limits:?} {:?}", function.role(), function.logging_config()))
}
