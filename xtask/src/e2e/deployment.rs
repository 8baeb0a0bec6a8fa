//! The stack under test: a release, deployed with the SAM CLI alone, and changed with `cargo xtask
//! deploy`, as the documentation says.

use std::collections::BTreeSet;
use std::path::Path;
use std::time::Duration;

use aws_sdk_cloudformation::client::Waiters;
use aws_sdk_lambda::operation::get_function_configuration::GetFunctionConfigurationOutput;

use super::cloud::{Cloud, GOOGLE_CLIENT_SECRET};
use super::release::Release;
use crate::account::Called;
use crate::browser::Browser;
use crate::commands::Architecture;
use crate::processes::{Processes, command, root};
use crate::stack::{Outputs, Stack};
use crate::visit::{Visit, expect, say};

/// The stack's name.
pub(super) const STACK: &str = "postern";
/// The front end.
pub(super) const PAGE: &str = "https://app.example.com";
/// The user whom steps erase, who is connected again for the step `versions`.
pub(super) const ERASED: &str = "ben@example.com";

/// How long the deletion may take.
const DELETION: Duration = Duration::from_mins(2);

/// The processor of this machine.
pub(super) const ARCHITECTURE: &str = Architecture::HERE.name();

/// The stack, deployed.
pub(super) struct Deployment<'a> {
    /// Where.
    pub(super) cloud: &'a Cloud,
    /// The stack's outputs.
    pub(super) outputs: Outputs,
    /// The base URL of the API, as browsers see it.
    pub(super) api: String,
    /// The host by which MiniStack serves that URL.
    host: String,
    /// The names of the resources that the stack had when it was made.
    pub(super) resources_at_first: BTreeSet<String>,
}

impl<'a> Deployment<'a> {
    /// Stores Google's client, then unpacks a release and deploys it from there.
    pub(super) async fn begin(cloud: &'a Cloud, processes: &mut Processes) -> Result<Self, String> {
        cloud.put_secret(GOOGLE_CLIENT_SECRET, &cloud.google.client_secrets(&[])).await?;
        let release = Release::unpack(processes).await?;
        let mut sam = cloud.sam.command("sam");
        sam.args(["deploy", "--no-confirm-changeset", "--no-progressbar", "--parameter-overrides"]);
        sam.arg(format!("AllowedOrigins={PAGE}")).current_dir(release.folder());
        cloud.run(&mut sam, processes).await?;
        Self::at_its_own_address(STACK, cloud).await
    }

    /// A stack at API Gateway's own address, whose callback Google now knows.
    pub(super) async fn at_its_own_address(stack: &str, cloud: &'a Cloud) -> Result<Self, String> {
        let outputs = Stack::require(&cloud.account, stack).await?.outputs;
        let api_id = outputs.get("ApiUrl")?;
        let api_id = api_id.trim_start_matches("http://").split('.').next().unwrap_or_default();
        // A function learns its address from the event's domain name, which has no port here.
        let api = format!("https://{api_id}.execute-api.localhost");
        let port = cloud.url.rsplit(':').next().unwrap_or_default();
        let host = format!("{api_id}.execute-api.localhost:{port}");
        let (at_first, nowhere) = (BTreeSet::new(), String::new());
        let mut deployment =
            Self { cloud, outputs, api: nowhere.clone(), host: nowhere, resources_at_first: at_first };
        deployment.serve_at(&api, &host);
        deployment.resources_at_first = deployment.resources_of(stack).await?;
        Ok(deployment)
    }

    /// The names of the stack's resources, with those of the stack inside.
    pub(super) async fn resources(&self) -> Result<BTreeSet<String>, String> {
        self.resources_of(STACK).await
    }

    async fn resources_of(&self, stack: &str) -> Result<BTreeSet<String>, String> {
        let client = aws_sdk_cloudformation::Client::new(&self.cloud.account.config);
        let (mut names, mut stacks) = (BTreeSet::new(), vec![stack.to_owned()]);
        while let Some(stack) = stacks.pop() {
            let mut pages = client.list_stack_resources().stack_name(&stack).into_paginator().send();
            while let Some(page) = pages.next().await {
                for resource in
                    page.or_say("the stack's resources are not listed")?.stack_resource_summaries()
                {
                    names.extend(resource.logical_resource_id().map(str::to_owned));
                    let is_stack = resource.resource_type() == Some("AWS::CloudFormation::Stack");
                    stacks.extend(resource.physical_resource_id().filter(|_| is_stack).map(str::to_owned));
                }
            }
        }
        Ok(names)
    }

    /// Changes parameters of the stack with `cargo xtask deploy`; the others keep their values.
    pub(super) async fn change(
        &mut self,
        changes: &[(&str, &str)],
        processes: &mut Processes,
    ) -> Result<(), String> {
        deploy(STACK, None, changes, self.cloud, processes).await?;
        self.outputs = Stack::require(&self.cloud.account, STACK).await?.outputs;
        Ok(())
    }

    /// Changes the API's base URL, and registers its callback with Google.
    pub(super) fn serve_at(&mut self, api: &str, host: &str) {
        (self.api, self.host) = (api.to_owned(), host.to_owned());
        self.cloud.google.client_secrets(&[&format!("{api}/oauth/callback")]);
    }

    /// A browser that finds the API.
    pub(super) fn browser(&self) -> Result<Browser, String> {
        Ok(Browser::new()?.knowing(&self.api, &self.cloud.url, &self.host))
    }

    /// A user of the front end, with an account of the fake Google.
    pub(super) fn visit(&self, account: &str) -> Result<Visit<'a>, String> {
        Ok(Visit::new(&self.cloud.google, &self.api, PAGE, self.browser()?, account))
    }

    /// A user whose mailbox is connected.
    pub(super) async fn sign_in(&self, account: &str) -> Result<Visit<'a>, String> {
        let mut visit = self.visit(account)?;
        let authorization_url = visit.start().await?;
        visit.connect(&authorization_url).await?;
        Ok(visit)
    }

    /// The function that the output names, as Lambda describes it.
    pub(super) async fn function(&self, output: &str) -> Result<GetFunctionConfigurationOutput, String> {
        let lambda = aws_sdk_lambda::Client::new(&self.cloud.account.config);
        let function = lambda.get_function_configuration().function_name(self.outputs.get(output)?);
        function.send().await.or_say(&format!("{output} is not described"))
    }

    /// The ARN of its role.
    pub(super) async fn role_of(&self, output: &str) -> Result<String, String> {
        let function = self.function(output).await?;
        function.role().map(str::to_owned).ok_or_else(|| format!("{output} has no role"))
    }

    /// Deletes the stack; of its data the credentials table and the keyring must remain.
    ///
    /// Calls CloudFormation: `sam delete` accepts only AWS's own addresses for a nested template.
    pub(super) async fn end(&self) -> Result<(), String> {
        let config = &self.cloud.account.config;
        let cloudformation = aws_sdk_cloudformation::Client::new(config);
        let deletion = cloudformation.delete_stack().stack_name(STACK).send().await;
        deletion.or_say("the stack is not deleted")?;
        let gone = cloudformation.wait_until_stack_delete_complete().stack_name(STACK).wait(DELETION).await;
        gone.map_err(|_| "the stack still exists after two minutes".to_owned())?;
        let tables = aws_sdk_dynamodb::Client::new(config);
        let kept = tables.scan().table_name(self.outputs.get("CredentialsTableName")?).send().await;
        let kept = kept.or_say("the credentials table is deleted with the stack")?;
        expect(!kept.items().is_empty(), "the credentials table keeps its items")?;
        let sessions = self.outputs.get("SessionsTableName")?;
        let sessions = tables.describe_table().table_name(sessions).send().await;
        expect(sessions.is_err(), "the sessions table is deleted")?;
        let keyring = self.outputs.get("SealingKeysSecretArn")?;
        let secrets = aws_sdk_secretsmanager::Client::new(config);
        let keyring = secrets.get_secret_value().secret_id(keyring).send().await;
        keyring.or_say("the keyring is deleted with the stack")?;
        say("the stack is deleted with its functions and sessions; the credentials and the keyring remain");
        Ok(())
    }
}

/// Another command of this program, in the emulator's account.
pub(super) async fn xtask(words: &[&str], cloud: &Cloud, processes: &mut Processes) -> Result<(), String> {
    let own = std::env::current_exe().map_err(|error| format!("this program is not found: {error}"))?;
    let journal = root().join("target").join("xtask-e2e.journal");
    // One of an earlier run that failed is of other tables.
    let _ = std::fs::remove_file(&journal);
    let mut command = command(own);
    command.args(words).args(["--stack-name", STACK]).arg("--journal").arg(journal);
    cloud.run(&mut command, processes).await
}

/// `cargo xtask deploy`, with Google's client out of `file` if there is one.
pub(super) async fn deploy(
    stack: &str,
    file: Option<&Path>,
    parameters: &[(&str, &str)],
    cloud: &Cloud,
    processes: &mut Processes,
) -> Result<(), String> {
    let own = std::env::current_exe().map_err(|error| format!("this program is not found: {error}"))?;
    let mut deploy = command(own);
    deploy.args(["deploy", "--stack-name", stack, "--yes"]);
    if let Some(file) = file {
        deploy.arg("--client-secret").arg(file);
    }
    for (name, value) in parameters {
        deploy.arg("--parameter").arg(format!("{name}={value}"));
    }
    cloud.run(&mut deploy, processes).await
}
