//! `sam build` and `sam deploy`, with what the caller adds for `sam deploy`.

use std::process::Stdio;

use super::plan::Plan;
use crate::cargo_lambda::Builder;
use crate::commands::DeployOptions;
use crate::processes::Processes;
use crate::sam::Sam;

/// A section that samconfig.toml does not have: what `sam deploy --guided` saved there is not what
/// the plan shows.
const NO_CONFIGURATION: [&str; 2] = ["--config-env", "cargo-xtask-deploy"];
/// What SAM must not get from the caller: it would deploy something else than the plan shows.
const NOT_FOR_SAM: &str = "--config-env --config-file --guided --parameter-overrides --profile --region \
                           --stack-name --template-file";

/// The first argument that SAM must not get.
pub(crate) fn refused(sam: &[String]) -> Option<&'static str> {
    NOT_FOR_SAM.split(' ').find(|option| is_given(option, sam))
}

fn is_given(option: &str, words: &[String]) -> bool {
    words.iter().any(|word| word.split('=').next() == Some(option))
}

/// The SAM CLI and what it builds with.
pub(crate) struct Tools {
    sam: Sam,
    builder: Builder,
}

impl Tools {
    /// Finds the SAM CLI, cargo-lambda and Zig, or fetches them.
    pub(crate) async fn find(processes: &mut Processes) -> Result<Self, String> {
        let sam = Sam::of_the_machine_or_fetched(processes).await?;
        Ok(Self { sam, builder: Builder::find(processes).await? })
    }

    /// Refuses arguments of the caller that SAM would refuse, but only after the secret was
    /// written.
    pub(crate) async fn check(&self, sam: &[String]) -> Result<(), String> {
        if let Some(option) = refused(sam) {
            return Err(format!(
                "{option} cannot stand after --; use the options of cargo xtask deploy (--help)"
            ));
        }
        // SAM reads the whole line before it shows its help.
        let mut help = self.sam.command();
        help.arg("deploy").args(sam).arg("--help").stdout(Stdio::null());
        let is_understood = help.status().await.is_ok_and(|status| status.success());
        if is_understood { Ok(()) } else { Err("sam deploy does not take these arguments".to_owned()) }
    }

    /// Runs `sam` to its end.
    pub(crate) async fn run(&self, words: Vec<String>, processes: &mut Processes) -> Result<(), String> {
        let mut sam = self.sam.command();
        self.builder.put_on_path(&mut sam)?;
        let is_done = processes.run(sam.args(&words)).await?;
        if is_done { Ok(()) } else { Err(format!("sam {} failed; its output is above", words[0])) }
    }
}

/// Builds the functions into .aws-sam/, which changes nothing in the account.
pub(crate) fn build(plan: &Plan) -> Vec<String> {
    // rust-cargolambda counts as beta.
    let mut words = owned(&["build", "--beta-features"]);
    words.extend(of_both(plan));
    words
}

/// Creates or updates the stack.
pub(crate) fn deploy(options: &DeployOptions, plan: &Plan) -> Vec<String> {
    // First the caller's: a stray word among them is an error, not a value of an option of ours.
    let mut words = owned(&["deploy"]);
    words.extend(options.sam.iter().cloned());
    words.extend(owned(&["--stack-name", &options.stack_name]));
    // Without tags SAM removes those that the stack has.
    let tags = plan.stack.iter().flat_map(|stack| &stack.tags);
    let tags: Vec<String> = tags.map(|(key, value)| format!("\"{key}\"=\"{value}\"")).collect();
    let defaults: [(&str, &[&str]); 4] = [
        ("--confirm-changeset", &["--no-confirm-changeset"]),
        ("--fail-on-empty-changeset", &["--no-fail-on-empty-changeset"]),
        ("--s3-bucket", &["--resolve-s3"]),
        // The template has a macro (the one of SAM) and a stack inside.
        ("--capabilities", &["--capabilities", "CAPABILITY_IAM", "CAPABILITY_AUTO_EXPAND"]),
    ];
    for (option, default) in defaults {
        if !is_given(option, &options.sam) {
            words.extend(owned(default));
        }
    }
    if !tags.is_empty() && !is_given("--tags", &options.sam) {
        words.push("--tags".to_owned());
        words.extend(tags);
    }
    words.extend(of_both(plan));
    words
}

fn of_both(plan: &Plan) -> Vec<String> {
    // What is not overridden keeps the value that the stack has.
    let parameters = plan.parameters.iter().map(|(name, value)| format!("{name}=\"{value}\""));
    let mut words = owned(&NO_CONFIGURATION);
    words.extend(plan.place.iter().cloned());
    words.push("--parameter-overrides".to_owned());
    words.extend(parameters);
    words
}

fn owned(words: &[&str]) -> Vec<String> {
    words.iter().map(|&word| word.to_owned()).collect()
}
