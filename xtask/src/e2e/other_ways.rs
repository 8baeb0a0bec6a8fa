//! The other documented ways to deploy: a first deployment with `cargo xtask deploy`, and new code
//! for one function with `cargo lambda deploy`.

use std::collections::BTreeMap;
use std::os::unix::fs::OpenOptionsExt;
use std::path::PathBuf;

use postern::outside::http::aws::describe;

use super::cloud::Cloud;
use super::deployment::{ARCHITECTURE, Deployment, PAGE, deploy, in_account, succeeds};
use super::step::say;
use crate::cargo_lambda::Builder;
use crate::processes::{Processes, command, root};
use crate::stack::Outputs;
use crate::visit::{ACCOUNT, Visit, expect};

const STACK: &str = "another";
const SECRET: &str = "another/google-client";

/// Deploys a second stack from a downloaded file, connects, and updates one function.
pub(super) async fn work_too(cloud: &Cloud, processes: &mut Processes) -> Result<(), String> {
    let file = download(cloud)?;
    let parameters =
        [("AllowedOrigins", PAGE), ("Architecture", ARCHITECTURE), ("GoogleClientSecretId", SECRET)];
    deploy(STACK, Some(&file), &parameters, cloud, processes).await?;
    let outputs = Outputs::read(&cloud.account, STACK).await?;
    let deployment = Deployment::at_its_own_address(outputs, cloud)?;
    connect(&deployment, cloud).await?;
    say(
        "cargo xtask deploy creates a stack from a downloaded client_secret.json, and a mailbox is connected through it",
    );

    let before = configuration(&deployment, cloud).await?;
    let function = deployment.outputs.get("ListMessagesFunction")?;
    let architecture = if ARCHITECTURE == "arm64" { "--arm64" } else { "--x86-64" };
    let builder = Builder::find(processes).await?;
    for words in [
        &["build", "--release", architecture, "--package", "list-messages"][..],
        &["deploy", "--binary-name", "list-messages", function],
    ] {
        let mut cargo = command("cargo");
        builder.put_on_path(&mut cargo)?;
        cargo.arg("lambda").args(words);
        succeeds(in_account(cargo, cloud), processes).await?;
    }
    expect(configuration(&deployment, cloud).await? == before, "the function keeps its configuration")?;
    connect(&deployment, cloud).await?;
    say("cargo lambda deploy updates the code of one function and keeps its configuration");
    Ok(())
}

/// Saves Google's client as a browser saves the console's download, readable only by its owner.
fn download(cloud: &Cloud) -> Result<PathBuf, String> {
    let path = root().join("target").join("e2e_client_secret.json");
    // An existing file would keep its mode.
    let _ = std::fs::remove_file(&path);
    let file = std::fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(&path);
    file.and_then(|mut file| {
        std::io::Write::write_all(&mut file, cloud.google.client_secrets(&[]).as_bytes())
    })
    .map_err(|error| format!("cannot write {}: {error}", path.display()))?;
    Ok(path)
}

async fn connect(deployment: &Deployment, cloud: &Cloud) -> Result<(), String> {
    // Google gives a refresh token only to a new grant.
    cloud.google.revoke_grant(ACCOUNT);
    let browser = deployment.browser(cloud)?;
    let mut visit = Visit::new(&cloud.google, &deployment.api, PAGE, browser);
    let authorization_url = visit.start().await?;
    visit.connect(&authorization_url).await?;
    visit.list(&[]).await.map(drop)
}

/// What an update of a function's code must not change.
async fn configuration(deployment: &Deployment, cloud: &Cloud) -> Result<String, String> {
    let lambda = aws_sdk_lambda::Client::new(&cloud.account.config);
    let function = deployment.outputs.get("ListMessagesFunction")?;
    let answer = lambda.get_function_configuration().function_name(function).send().await;
    let answer = answer.map_err(|error| format!("{function} is not described: {}", describe(&error)))?;
    let variables = answer.environment().and_then(|environment| environment.variables());
    let variables: BTreeMap<_, _> = variables.into_iter().flatten().collect();
    let limits = (answer.memory_size(), answer.timeout());
    Ok(format!("{:?} {variables:?} {limits:?} {:?}", answer.role(), answer.logging_config()))
}
