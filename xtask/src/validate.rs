//! `cargo xtask validate`: what can be said of the templates without an AWS account, by those who know CloudFormation best.
//! Needs PyPI for the tools, and nothing else of the network.

use std::path::PathBuf;

use tokio::process::Command;
use xtask::processes::{Processes, asked_to_stop};
use xtask::python;
use xtask::sam::Sam;

/// The version of checkov that is fetched.
const CHECKOV_VERSION: &str = "3.3.30";
const CHECKOV_MODULE: &str = "checkov.main";
/// Each template. SAM knows the first.
const TEMPLATES: [&str; 3] = ["template.yaml", "infra/monitoring.yaml", "infra/import.yaml"];
/// What would make a check depend on the account of whoever runs it.
const OF_THE_CALLER: [&str; 7] = [
    "AWS_ACCESS_KEY_ID",
    "AWS_DEFAULT_REGION",
    "AWS_PROFILE",
    "AWS_REGION",
    "AWS_SECRET_ACCESS_KEY",
    "AWS_SESSION_TOKEN",
    "BC_API_KEY",
];

/// Runs each check, also after one that found something.
pub(crate) async fn run() -> Result<(), String> {
    let mut processes = Processes::default();
    let outcome = tokio::select! {
        outcome = check(&mut processes) => outcome,
        () = asked_to_stop() => Err("interrupted".to_owned()),
    };
    processes.stop().await;
    outcome
}

async fn check(processes: &mut Processes) -> Result<(), String> {
    let sam = Sam::find(processes).await?;
    let checkov = Checkov::find(processes).await?;
    let mut validate = sam.command();
    validate.args(["validate", "--lint", "--template-file", "template.yaml"]);
    let mut lint = sam.linter();
    lint.args(TEMPLATES);
    let mut policies = checkov.command();
    policies
        .args(["--framework", "cloudformation", "--compact", "--quiet", "--skip-download", "--file"])
        .args(TEMPLATES);

    let mut failed = Vec::new();
    for (name, command) in
        [("sam validate --lint", &mut validate), ("cfn-lint", &mut lint), ("checkov", &mut policies)]
    {
        for variable in OF_THE_CALLER {
            command.env_remove(variable);
        }
        let passed = processes.run(command).await?;
        println!("{name}: {}", if passed { "passed" } else { "failed" });
        if !passed {
            failed.push(name);
        }
    }
    if failed.is_empty() {
        return Ok(());
    }
    Err(format!("the templates do not pass {}; the words are above", failed.join(", ")))
}

/// checkov, which looks for settings that are unsafe.
struct Checkov(PathBuf);

impl Checkov {
    /// Finds it in the project's own folder, or fetches it there. What it depends on differs from what the SAM CLI does.
    async fn find(processes: &mut Processes) -> Result<Self, String> {
        let (name, requirement) =
            (format!("checkov {CHECKOV_VERSION}"), format!("checkov=={CHECKOV_VERSION}"));
        let folder = format!("checkov-{CHECKOV_VERSION}");
        python::program(&name, &folder, &[&requirement], CHECKOV_MODULE, processes).await.map(Self)
    }

    fn command(&self) -> Command {
        python::module(CHECKOV_MODULE, &self.0)
    }
}
