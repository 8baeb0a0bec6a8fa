//! `cargo xtask contract`: the tests of the store and the secrets against MiniStack. `cargo test`
//! runs the same tests against the local fakes, which are trusted because both pass.

use crate::log;
use crate::ministack::{self, MiniStack};
use crate::processes::{Processes, command, root, run_to_the_end};

/// Tells the tests where MiniStack is.
const ENDPOINT_VARIABLE: &str = "POSTERN_CONTRACT_ENDPOINT";

/// Starts MiniStack, runs the tests and stops MiniStack.
pub(crate) async fn run() -> Result<(), String> {
    run_to_the_end(try_against_ministack).await
}

async fn try_against_ministack(processes: &mut Processes) -> Result<(), String> {
    let path = root().join("target").join("xtask-contract.log");
    let ministack = MiniStack::find(processes).await?;
    let started = ministack.start("dynamodb,secretsmanager", &path, processes).await;
    let url = started.inspect_err(|_| log::show_end_of(&path))?;
    println!("MiniStack {} answers at {url} and at no other address", ministack::VERSION);

    let mut cargo = command("cargo");
    cargo.args(["test", "--package", "postern-tests", "--test", "contract"]).env(ENDPOINT_VARIABLE, &url);
    if processes.run(&mut cargo).await? {
        println!("the contract suite passes against MiniStack");
        return Ok(());
    }
    log::show_end_of(&path);
    Err("the contract suite does not pass against MiniStack; cargo's output is above".to_owned())
}
