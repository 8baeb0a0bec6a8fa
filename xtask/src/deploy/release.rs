//! `sam build` and `sam deploy`: builds the functions and brings the stack to what template.yaml says.

use std::process::Stdio;
use std::time::Duration;

use tokio::process::Command;
use tokio::time::timeout;

use super::parameters::Parameters;
use crate::cargo_lambda::Builder;
use crate::processes::{Processes, command};
use crate::sam::Sam;

/// Fetching the tools, one of which may have to be compiled.
const FETCHING: Duration = Duration::from_mins(30);
/// The first build of every function and its dependencies, on a slow machine.
const BUILDING: Duration = Duration::from_hours(1);
/// Longer than `sam deploy` waits for CloudFormation by itself, which is an hour.
const DEPLOYING: Duration = Duration::from_mins(65);

/// A section that samconfig.toml does not have. What `sam deploy --guided` has saved there is for sam alone: an account or
/// a value of it would not be the one that the caller was shown.
const NO_CONFIGURATION: &str = "cargo-xtask-deploy";

/// The tools of a release.
pub(crate) struct Tools {
    builder: Builder,
    sam: MachinesOrOurs,
}

/// A `sam` that answers.
enum MachinesOrOurs {
    Machines,
    Ours(Sam),
}

impl Tools {
    /// Finds cargo-lambda, Zig and the SAM CLI, or fetches them; names what is missing.
    pub(crate) async fn find(processes: &mut Processes) -> Result<Self, String> {
        let find = async {
            let sam = if sam_answers().await {
                MachinesOrOurs::Machines
            } else {
                MachinesOrOurs::Ours(Sam::find(processes).await?)
            };
            Ok(Self { builder: Builder::find(processes).await?, sam })
        };
        timeout(FETCHING, find)
            .await
            .map_err(|_| "the tools could not be fetched in half an hour".to_owned())?
    }

    fn sam(&self) -> Result<Command, String> {
        let mut sam = match &self.sam {
            MachinesOrOurs::Machines => command("sam"),
            MachinesOrOurs::Ours(sam) => sam.command(),
        };
        self.builder.put_on_path(&mut sam)?;
        sam.env("SAM_CLI_TELEMETRY", "0");
        Ok(sam)
    }
}

async fn sam_answers() -> bool {
    let mut sam = command("sam");
    sam.arg("--version").env("SAM_CLI_TELEMETRY", "0").stdout(Stdio::null()).stderr(Stdio::null());
    sam.status().await.is_ok_and(|status| status.success())
}

/// Where and what to deploy.
pub(crate) struct Release<'a> {
    /// The stack.
    pub(crate) stack_name: &'a str,
    /// The region.
    pub(crate) region: &'a str,
    /// The profile, if the caller named one.
    pub(crate) profile: Option<&'a str>,
    /// The parameters of the stack.
    pub(crate) parameters: &'a Parameters,
}

impl Release<'_> {
    /// Builds the functions into .aws-sam/. Changes nothing in the account.
    pub(crate) async fn build(&self, tools: &Tools, processes: &mut Processes) -> Result<(), String> {
        let mut sam = tools.sam()?;
        sam.args(self.build_words());
        carry_out("sam build", &mut sam, BUILDING, processes).await
    }

    /// Makes or updates the stack.
    pub(crate) async fn deploy(&self, tools: &Tools, processes: &mut Processes) -> Result<(), String> {
        let mut sam = tools.sam()?;
        sam.args(self.deploy_words());
        carry_out("sam deploy", &mut sam, DEPLOYING, processes).await
    }

    fn build_words(&self) -> Vec<String> {
        // rust-cargolambda counts as beta.
        let words = ["build", "--beta-features"].map(str::to_owned);
        words.into_iter().chain(self.words_of_both()).collect()
    }

    fn deploy_words(&self) -> Vec<String> {
        let words = [
            "deploy",
            "--stack-name",
            self.stack_name,
            "--no-confirm-changeset",
            "--no-fail-on-empty-changeset",
            "--resolve-s3",
            "--capabilities",
            "CAPABILITY_IAM",
            // The template has a macro (the one of SAM) and a stack inside.
            "CAPABILITY_AUTO_EXPAND",
        ];
        words.map(str::to_owned).into_iter().chain(self.words_of_both()).collect()
    }

    fn words_of_both(&self) -> impl Iterator<Item = String> {
        let words = ["--config-env", NO_CONFIGURATION, "--region", self.region].into_iter();
        let words = words.chain(self.profile.into_iter().flat_map(|profile| ["--profile", profile]));
        // Last: it takes every word after it.
        words.chain(["--parameter-overrides"]).map(str::to_owned).chain(self.parameters.overrides())
    }
}

async fn carry_out(
    name: &str,
    sam: &mut Command,
    patience: Duration,
    processes: &mut Processes,
) -> Result<(), String> {
    match timeout(patience, processes.run(sam)).await {
        Ok(Ok(true)) => Ok(()),
        Ok(Ok(false)) => Err(format!("{name} failed; its words are above")),
        Ok(Err(problem)) => Err(problem),
        Err(_) => Err(format!("{name} did not end in {} minutes", patience.as_secs() / 60)),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn sam_is_told_everything_on_its_command_line_and_nothing_by_samconfig() {
        let template =
            json!({ "Parameters": { "AllowedOrigins": {}, "Architecture": { "Default": "arm64" } } });
        let parameters =
            Parameters::parse(&["AllowedOrigins=https://a.example".to_owned()], &template).unwrap();
        let release = Release {
            stack_name: "mail",
            region: "eu-central-1",
            profile: Some("team"),
            parameters: &parameters,
        };
        let configuration = std::fs::read_to_string(crate::processes::root().join("samconfig.toml")).unwrap();
        // The one thing that both have to say alike.
        let line = configuration.lines().find_map(|line| line.strip_prefix("capabilities = "));
        let capabilities = line.unwrap().trim_matches('"');
        let both = "--config-env cargo-xtask-deploy --region eu-central-1 --profile team --parameter-overrides \
                    AllowedOrigins=\"https://a.example\" Architecture=\"arm64\"";
        assert_eq!(release.build_words().join(" "), format!("build --beta-features {both}"));
        assert_eq!(
            release.deploy_words().join(" "),
            format!(
                "deploy --stack-name mail --no-confirm-changeset --no-fail-on-empty-changeset --resolve-s3 \
                 --capabilities {capabilities} {both}"
            )
        );
        assert!(!configuration.contains(NO_CONFIGURATION));
    }
}
