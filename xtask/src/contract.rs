//! `cargo xtask contract`: the tests of the store and the secrets against MiniStack. `cargo test`
//! runs the same tests against the local fakes, which are trusted because both pass.

use crate::processes::{Processes, command, root, run_to_the_end};
use crate::{log, ministack};

/// Tells the tests where MiniStack is.
const ENDPOINT_VARIABLE: &str = "POSTERN_CONTRACT_ENDPOINT";

/// Starts MiniStack, runs the tests and stops MiniStack.
pub(crate) async fn run() -> Result<(), String> {
    let path = root().join("target").join("xtask-contract.log");
    let against_ministack = async |processes: &mut Processes| {
        let settings = [("SERVICES", "dynamodb,secretsmanager"), ("AUTH", "false")];
        let settings = settings.map(|(name, value)| (name, value.to_owned()));
        let url = ministack::start(&settings, &path, processes).await?;
        let mut cargo = command("cargo");
        cargo.args(["test", "--package", "postern-tests", "--test", "contract"]);
        processes.succeed(cargo.env(ENDPOINT_VARIABLE, &url)).await
    };
    run_to_the_end(against_ministack).await.inspect_err(|_| log::show_end_of(&path))?;
    println!("the contract suite passes against MiniStack");
    Ok(())
}
