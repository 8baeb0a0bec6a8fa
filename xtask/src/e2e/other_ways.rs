//! The other documented ways to deploy: a first deployment with `cargo xtask deploy`, new code for one
//! function, and `sam build`.

use std::collections::BTreeMap;

use aws_sdk_lambda::primitives::Blob;

use super::cloud::Cloud;
use super::deployment::{ARCHITECTURE, Deployment, PAGE, deploy};
use crate::account::Called;
use crate::package::BUILDERS;
use crate::processes::{Processes, root};
use crate::tools::{SAM, Tools};
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
    let package = root().join("target").join(format!("package-{ARCHITECTURE}/functions/list-messages.zip"));
    let package = std::fs::read(&package).map_err(|error| format!("{}: {error}", package.display()))?;
    let lambda = aws_sdk_lambda::Client::new(&cloud.account.config);
    let update = lambda.update_function_code().function_name(function).zip_file(Blob::new(package));
    update.send().await.or_say("the function's code is not updated")?;
    expect(configuration(&deployment).await? == before, "the function keeps its configuration")?;
    connect(&deployment).await?;
    say("a package replaces the code of one function, which keeps its configuration");
    build_with_sam(cloud, processes).await
}

/// SAM, too, knows how to build a function from its source. Without optimisation, to be quick.
async fn build_with_sam(cloud: &Cloud, processes: &mut Processes) -> Result<(), String> {
    let built = root().join("target/sam");
    let tools = Tools::of_the_machine().fetch(&SAM, processes).await?.find(&BUILDERS, processes).await?;
    let mut sam = tools.command("sam");
    sam.args(["build", "ServerMetadata", "--parameter-overrides"])
        .arg(format!("Architecture={ARCHITECTURE}"));
    sam.arg("--build-dir").arg(&built);
    sam.envs([("CARGO_PROFILE_RELEASE_LTO", "off"), ("CARGO_PROFILE_RELEASE_OPT_LEVEL", "0")]);
    cloud.run(&mut sam, processes).await?;
    expect(built.join("ServerMetadata/bootstrap").is_file(), "sam build builds a function")?;
    say("sam build builds a function from its source");
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
