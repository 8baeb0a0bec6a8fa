//! The other ways of README.md: a first deployment by `cargo xtask deploy`, and new code for one function by
//! `cargo lambda deploy`.

use std::os::unix::fs::OpenOptionsExt;
use std::path::PathBuf;

use postern::outside::http::aws::describe;
use xtask::cargo_lambda::Builder;
use xtask::processes::{Processes, command, root};
use xtask::visit::{ACCOUNT, Visit, expect};

use super::cloud::Cloud;
use super::deployment::{ARCHITECTURE, Deployment, PAGE, deploy, in_account, succeeds};
use super::say;
use crate::stack::Outputs;

const STACK: &str = "another";
const SECRET: &str = "another/google-client";

/// Deploys a second stack from nothing but a downloaded file, connects, and renews one function.
pub(super) async fn work_as_well(cloud: &Cloud, processes: &mut Processes) -> Result<(), String> {
    let file = download(cloud)?;
    let parameters =
        [("AllowedOrigins", PAGE), ("Architecture", ARCHITECTURE), ("GoogleClientSecretId", SECRET)];
    deploy(STACK, Some(&file), &parameters, cloud, processes).await?;
    let outputs = Outputs::read(&cloud.account, STACK).await?;
    let deployment = Deployment::at_its_own_address(outputs, cloud)?;
    connect(&deployment, cloud).await?;
    say(
        "cargo xtask deploy makes a stack out of a downloaded client_secret.json, and a mailbox is connected through it",
    );

    let before = Configuration::of(&deployment, cloud).await?;
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
    expect(Configuration::of(&deployment, cloud).await? == before, "the function keeps its configuration")?;
    connect(&deployment, cloud).await?;
    say("cargo lambda deploy renews the code of one function and keeps its configuration");
    Ok(())
}

/// Saves Google's client as a browser saves the console's download, for its owner alone to read.
fn download(cloud: &Cloud) -> Result<PathBuf, String> {
    let path = root().join("target").join("e2e_client_secret.json");
    // A file that is there would keep its mode.
    let _ = std::fs::remove_file(&path);
    let file = std::fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(&path);
    file.and_then(|mut file| {
        std::io::Write::write_all(&mut file, cloud.google.client_secrets(&[]).as_bytes())
    })
    .map_err(|error| format!("cannot write {}: {error}", path.display()))?;
    Ok(path)
}

async fn connect(deployment: &Deployment, cloud: &Cloud) -> Result<(), String> {
    // As if for the first time: Google gives a refresh token again.
    cloud.google.revoke_grant(ACCOUNT);
    let browser = deployment.browser(cloud)?;
    let mut visit = Visit::new(&cloud.google, &deployment.api, PAGE, browser);
    let authorization_url = visit.start().await?;
    visit.connect(&authorization_url).await?;
    visit.list(&[]).await.map(drop)
}

/// What a deployment of code must leave as it is.
#[derive(Debug, PartialEq)]
struct Configuration {
    role: String,
    variables: std::collections::HashMap<String, String>,
    memory: Option<i32>,
    timeout: Option<i32>,
    log_group: String,
}

impl Configuration {
    async fn of(deployment: &Deployment, cloud: &Cloud) -> Result<Self, String> {
        let lambda = aws_sdk_lambda::Client::new(&cloud.account.config);
        let function = deployment.outputs.get("ListMessagesFunction")?;
        let answer = lambda.get_function_configuration().function_name(function).send().await;
        let answer = answer.map_err(|error| format!("{function} is not described: {}", describe(&error)))?;
        let variables = answer.environment().and_then(|environment| environment.variables());
        let log_group = answer.logging_config().and_then(|logging| logging.log_group());
        Ok(Self {
            role: answer.role().unwrap_or_default().to_owned(),
            variables: variables.cloned().unwrap_or_default(),
            memory: answer.memory_size(),
            timeout: answer.timeout(),
            log_group: log_group.unwrap_or_default().to_owned(),
        })
    }
}
