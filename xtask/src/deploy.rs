//! `cargo xtask deploy`: checks what can be checked, shows the plan and asks; then builds, stores
//! Google's client and deploys, in this order. Nothing in the account changes before the build.

mod asked_again;
mod client_file;
mod left_behind;
mod plan;
mod release;
mod remaining;
mod secret;
#[cfg(test)]
#[cfg(feature = "local")]
mod tests;

use self::plan::Plan;
use crate::account::Account;
use crate::commands::DeployOptions;
use crate::package::{self, BUILDERS};
use crate::processes::{Processes, run_to_the_end};
use crate::stack::Stack;
use crate::terminal;
use crate::tools::{SAM, Tools};

/// Deploys. If it is interrupted, what CloudFormation has begun goes on.
pub(crate) async fn run(options: DeployOptions) -> Result<(), String> {
    terminal::require(options.yes)?;
    let account = Account::open(&options.account).await?;
    let plan = Plan::make(&options, &account).await?;
    println!("{plan}");
    confirm(&options, plan.client_change.as_deref())?;

    run_to_the_end(async |processes| carry_out(&options, &account, &plan, processes).await).await
}

/// Asks the person at the terminal. That users must consent again is a question of its own.
fn confirm(options: &DeployOptions, client_change: Option<&str>) -> Result<(), String> {
    let change = client_change.filter(|_| !options.change_client);
    if options.yes {
        let refusal = |change| Err(format!("{change}; --yes does not cover that: add --change-client"));
        return change.map_or(Ok(()), refusal);
    }
    terminal::confirm("Build and deploy?")?;
    change.map_or(Ok(()), |_| terminal::confirm("Go on, although users must consent again?"))
}

async fn carry_out(
    options: &DeployOptions,
    account: &Account,
    plan: &Plan,
    processes: &mut Processes,
) -> Result<(), String> {
    let tools = Tools::of_the_machine().find(&[SAM], processes).await?.find(&BUILDERS, processes).await?;
    release::check(&options.sam, &tools).await?;
    // First what can fail and change nothing; then the secret, which the new functions read.
    let package = package::make(plan.architecture()?, &tools, processes).await?;
    let written = plan.store_client(account).await?.unwrap_or_default();
    println!("{written}");
    let mut sam = tools.command("sam");
    sam.current_dir(package).args(release::deploy(options, plan));
    if let Err(problem) = processes.succeed(&mut sam).await {
        let mut lines = vec![problem, written];
        if plan.stack.is_none() {
            lines.push(left_behind::after_a_failure(account, &options.stack_name, options.start_empty).await);
        }
        return Err(lines.join("\n"));
    }
    let outputs = Stack::require(account, &options.stack_name).await?.outputs;
    println!("\nWhat is left to do:\n");
    for (number, step) in (1..).zip(remaining::steps(plan, &outputs)) {
        println!("  {number}. {}", step.replace('\n', "\n     "));
    }
    Ok(())
}
