//! The stack under test: built and deployed with the SAM CLI, and changed with `cargo xtask
//! deploy`, as the documentation says.

use std::path::Path;
use std::time::Duration;

use aws_sdk_cloudformation::client::Waiters;
use postern::outside::http::aws::describe;
use tokio::process::Command;

use super::cloud::{Cloud, GOOGLE_CLIENT_SECRET};
use super::step::say;
use crate::browser::Browser;
use crate::cargo_lambda::Builder;
use crate::processes::{Processes, command};
use crate::sam::Sam;
use crate::stack::Outputs;

/// The stack's name.
pub(super) const STACK: &str = "postern";
/// The front end.
pub(super) const PAGE: &str = "https://app.example.com";

/// How long the deletion may take.
const DELETION: Duration = Duration::from_mins(2);

/// The processor of this machine, for which no other toolchain is needed.
pub(super) const ARCHITECTURE: &str = if cfg!(target_arch = "aarch64") { "arm64" } else { "x86_64" };

/// The stack, deployed.
pub(super) struct Deployment {
    /// The stack's outputs.
    pub(super) outputs: Outputs,
    /// The base URL of the API, as browsers see it.
    pub(super) api: String,
    /// The host by which MiniStack serves that URL.
    pub(super) host: String,
}

impl Deployment {
    /// Stores Google's client, then runs `sam build` and `sam deploy` on the working tree.
    pub(super) async fn begin(cloud: &Cloud, processes: &mut Processes) -> Result<Self, String> {
        let sam = Sam::find(processes).await?;
        let builder = Builder::find(processes).await?;
        cloud.put_secret(GOOGLE_CLIENT_SECRET, &cloud.google.client_secrets(&[])).await?;
        let parameters = [
            "--parameter-overrides".to_owned(),
            format!("Architecture={ARCHITECTURE}"),
            format!("AllowedOrigins={PAGE}"),
        ];
        for words in [&["build"][..], &["deploy", "--no-confirm-changeset", "--no-progressbar"]] {
            let mut command = sam.command();
            builder.put_on_path(&mut command)?;
            command.args(words).args(&parameters);
            succeeds(in_account(command, cloud), processes).await?;
        }

        Self::at_its_own_address(Outputs::read(&cloud.account, STACK).await?, cloud)
    }

    /// A stack at API Gateway's own address, whose callback Google now knows.
    pub(super) fn at_its_own_address(outputs: Outputs, cloud: &Cloud) -> Result<Self, String> {
        let api_id = outputs.get("ApiUrl")?;
        let api_id = api_id.trim_start_matches("http://").split('.').next().unwrap_or_default();
        // A function learns its address from the event's domain name, which has no port here.
        let api = format!("https://{api_id}.execute-api.localhost");
        let mut deployment = Self { host: cloud.host_of(api_id), api: String::new(), outputs };
        deployment.serve_at(cloud, &api);
        Ok(deployment)
    }

    /// Changes parameters of the stack with `cargo xtask deploy`; the others keep their values.
    pub(super) async fn change(
        &mut self,
        changes: &[(&str, &str)],
        cloud: &Cloud,
        processes: &mut Processes,
    ) -> Result<(), String> {
        deploy(STACK, None, changes, cloud, processes).await?;
        self.outputs = Outputs::read(&cloud.account, STACK).await?;
        Ok(())
    }

    /// Changes the API's base URL to `api`, and registers its callback with Google.
    pub(super) fn serve_at(&mut self, cloud: &Cloud, api: &str) {
        api.clone_into(&mut self.api);
        cloud.google.client_secrets(&[&format!("{api}/oauth/callback")]);
    }

    /// The ARN of the role of the function that the output names.
    pub(super) async fn role_of(&self, output: &str, cloud: &Cloud) -> Result<String, String> {
        let lambda = aws_sdk_lambda::Client::new(&cloud.account.config);
        let configuration = lambda.get_function_configuration().function_name(self.outputs.get(output)?);
        let configuration = configuration.send().await;
        let configuration =
            configuration.map_err(|error| format!("{output} is not described: {}", describe(&error)))?;
        configuration.role().map(str::to_owned).ok_or_else(|| format!("{output} has no role"))
    }

    /// A browser that can reach the API.
    pub(super) fn browser(&self, cloud: &Cloud) -> Result<Browser, String> {
        Ok(Browser::new()?.knowing(&self.api, &cloud.url, &self.host))
    }

    /// Deletes the stack; of its data the credentials table and the keyring must remain.
    ///
    /// Calls CloudFormation: `sam delete` accepts only AWS's own addresses for a nested template.
    pub(super) async fn end(&self, cloud: &Cloud) -> Result<(), String> {
        let cloudformation = aws_sdk_cloudformation::Client::new(&cloud.account.config);
        let deletion = cloudformation.delete_stack().stack_name(STACK).send().await;
        deletion.map_err(|error| format!("the stack is not deleted: {}", describe(&error)))?;
        cloudformation
            .wait_until_stack_delete_complete()
            .stack_name(STACK)
            .wait(DELETION)
            .await
            .map_err(|_| "the stack still exists after two minutes".to_owned())?;
        let tables = aws_sdk_dynamodb::Client::new(&cloud.account.config);
        let credentials = self.outputs.get("CredentialsTableName")?;
        let kept = tables.scan().table_name(credentials).send().await.map_err(|error| {
            format!("the credentials table is deleted with the stack: {}", describe(&error))
        })?;
        if kept.items().is_empty() {
            return Err("the credentials table remains, but it is empty".to_owned());
        }
        let sessions = self.outputs.get("SessionsTableName")?;
        if tables.describe_table().table_name(sessions).send().await.is_ok() {
            return Err("the sessions table remains".to_owned());
        }
        let secrets = aws_sdk_secretsmanager::Client::new(&cloud.account.config);
        let keyring = self.outputs.get("SealingKeysSecretArn")?;
        secrets
            .get_secret_value()
            .secret_id(keyring)
            .send()
            .await
            .map_err(|error| format!("the keyring is deleted with the stack: {}", describe(&error)))?;
        say("the stack is deleted with its functions and sessions; the credentials and the keyring remain");
        Ok(())
    }
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
    succeeds(in_account(deploy, cloud), processes).await
}

/// The command, working in this account only.
pub(super) fn in_account(mut command: Command, cloud: &Cloud) -> Command {
    command.envs(cloud.environment()).env_remove("AWS_PROFILE").env_remove("AWS_SESSION_TOKEN");
    command
}

/// Runs the command, which must succeed.
pub(super) async fn succeeds(mut command: Command, processes: &mut Processes) -> Result<(), String> {
    let subcommand =
        command.as_std().get_args().map(|word| word.to_string_lossy().into_owned()).collect::<Vec<_>>();
    if processes.run(&mut command).await? {
        Ok(())
    } else {
        Err(format!("{} failed; its output is above", subcommand.join(" ")))
    }
}
