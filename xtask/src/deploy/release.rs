//! `sam deploy`, with what the caller adds.

use std::process::Stdio;

use super::plan::Plan;
use crate::commands::DeployOptions;
use crate::tools::Tools;

/// A section that samconfig.toml does not have: what `sam deploy --guided` saved there is not what
/// the plan shows.
const NO_CONFIGURATION: [&str; 2] = ["--config-env", "cargo-xtask-deploy"];
/// What SAM must not get from the caller: it would deploy something else than the plan shows.
const NOT_FOR_SAM: &str = "--config-env --config-file --guided -g --parameter-overrides --profile --region \
                           --stack-name --template --template-file -t";

/// The first argument that SAM must not get.
pub(crate) fn refused(sam: &[String]) -> Option<&'static str> {
    NOT_FOR_SAM.split(' ').find(|option| is_given(option, sam))
}

fn is_given(option: &str, words: &[String]) -> bool {
    // The value of a short option may follow without a space.
    let is_short = option.len() == 2;
    words.iter().any(|word| word.split('=').next() == Some(option) || (is_short && word.starts_with(option)))
}

/// Refuses arguments of the caller that SAM would refuse, but only after the secret was written.
pub(crate) async fn check(sam: &[String], tools: &Tools) -> Result<(), String> {
    if let Some(option) = refused(sam) {
        return Err(format!(
            "{option} cannot stand after --; use the options of cargo xtask deploy (--help)"
        ));
    }
    // SAM reads the whole line before it shows its help.
    let mut help = tools.command("sam");
    help.arg("deploy").args(sam).arg("--help").stdout(Stdio::null());
    let is_understood = help.status().await.is_ok_and(|status| status.success());
    if is_understood { Ok(()) } else { Err("sam deploy does not take these arguments".to_owned()) }
}

/// Creates or updates the stack.
pub(crate) fn deploy(options: &DeployOptions, plan: &Plan) -> Vec<String> {
    // Without tags SAM removes those that the stack has.
    let tags = plan.stack.iter().flat_map(|stack| &stack.tags);
    let mut tags: Vec<String> = tags.map(|(key, value)| format!("\"{key}\"=\"{value}\"")).collect();
    if !tags.is_empty() {
        tags.insert(0, "--tags".to_owned());
    }
    let defaults = [
        ("--confirm-changeset", owned(&["--no-confirm-changeset"])),
        ("--fail-on-empty-changeset", owned(&["--no-fail-on-empty-changeset"])),
        ("--s3-bucket", owned(&["--resolve-s3"])),
        // The template has a macro (the one of SAM) and a stack inside.
        ("--capabilities", owned(&["--capabilities", "CAPABILITY_IAM", "CAPABILITY_AUTO_EXPAND"])),
        ("--tags", tags),
    ];
    let defaults = defaults.into_iter().filter(|(option, _)| !is_given(option, &options.sam));
    let defaults = defaults.flat_map(|(_, words)| words).collect();
    // First the caller's: a stray word among them is an error, not a value of an option of ours.
    let stack = owned(&["--stack-name", &options.stack_name]);
    // What is not overridden keeps the value that the stack has.
    let parameters = plan.parameters.iter().map(|(name, value)| format!("{name}=\"{value}\""));
    let configuration = owned(&NO_CONFIGURATION);
    let overrides = ["--parameter-overrides".to_owned()].into_iter().chain(parameters).collect();
    let parts = [owned(&["deploy"]), options.sam.clone(), stack, defaults];
    [parts.concat(), configuration, plan.place.clone(), overrides].concat()
}

fn owned(words: &[&str]) -> Vec<String> {
    words.iter().map(|&word| word.to_owned()).collect()
}
