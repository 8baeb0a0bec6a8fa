//! `cargo xtask validate`: what can be said of the templates without an AWS account. Needs PyPI for
//! the tools, and nothing else of the network.

use crate::processes::{Processes, run_to_the_end};
use crate::tools::{CHECKOV, SAM, Tools};

/// Each template. SAM knows the first.
const TEMPLATES: [&str; 8] = [
    "template.yaml",
    "infra/monitoring.yaml",
    "infra/objectives.yaml",
    "infra/import.yaml",
    "infra/edge.yaml",
    "infra/rollout.yaml",
    "infra/backup.yaml",
    "infra/policies.yaml",
];

/// Runs each check, also after one that found something.
pub(crate) async fn run() -> Result<(), String> {
    run_to_the_end(check).await
}

async fn check(processes: &mut Processes) -> Result<(), String> {
    let sam = Tools::of_the_machine().fetch(&SAM, processes).await?;
    let mut validate = sam.command("sam");
    validate.args(["validate", "--lint", "--template-file", TEMPLATES[0]]);
    let mut lint = sam.command("cfn-lint");
    lint.args(TEMPLATES);
    let checkov = Tools::of_the_machine().fetch(&CHECKOV, processes).await?;
    let mut policies = checkov.command("checkov");
    policies.args(["--framework", "cloudformation", "--compact", "--quiet", "--skip-download", "--file"]);
    policies.args(TEMPLATES);

    let mut failed = Vec::new();
    for (name, mut command) in [("sam validate --lint", validate), ("cfn-lint", lint), ("checkov", policies)]
    {
        // No check depends on the caller's account.
        for (name, _) in std::env::vars_os() {
            if name.to_string_lossy().starts_with("AWS_") || name == "BC_API_KEY" {
                command.env_remove(name);
            }
        }
        let passed = processes.run(&mut command).await?;
        println!("{name}: {}", if passed { "passed" } else { "failed" });
        failed.extend((!passed).then_some(name));
    }
    if failed.is_empty() {
        return Ok(());
    }
    Err(format!("the templates do not pass {}; the output is above", failed.join(", ")))
}
