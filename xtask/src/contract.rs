//! `cargo xtask contract`: the tests of the store and the secrets against MiniStack. `cargo test` runs the same tests
//! against the local fakes, which are trusted because both pass.

use std::time::Instant;

use crate::log;
use crate::ministack::{self, MiniStack};
use crate::processes::{Processes, asked_to_stop, command, root};

/// Tells the tests where MiniStack is.
const ENDPOINT_VARIABLE: &str = "POSTERN_CONTRACT_ENDPOINT";

/// Starts MiniStack, runs the tests and stops MiniStack, whatever became of them.
pub(crate) async fn run() -> Result<(), String> {
    let mut processes = Processes::default();
    let outcome = tokio::select! {
        outcome = try_against_ministack(&mut processes) => outcome,
        () = asked_to_stop() => Err("interrupted".to_owned()),
    };
    processes.stop().await;
    println!("MiniStack is stopped");
    outcome
}

async fn try_against_ministack(processes: &mut Processes) -> Result<(), String> {
    let ministack = MiniStack::find(processes).await?;
    let path = root().join("target").join("xtask-contract.log");
    let url = ministack
        .start("dynamodb,secretsmanager", &path, processes)
        .await
        .inspect_err(|_| log::show_end_of(&path))?;
    println!("MiniStack {} answers at {url} and at no other address", ministack::VERSION);

    let started = Instant::now();
    let mut cargo = command("cargo");
    cargo.args(["test", "--package", "postern-tests", "--test", "contract"]).env(ENDPOINT_VARIABLE, &url);
    if !processes.run(&mut cargo).await? {
        log::show_end_of(&path);
        return Err("the contract suite does not pass against MiniStack; cargo's words are above".to_owned());
    }
    let seconds = started.elapsed().as_secs_f32();
    println!("the contract suite passes against MiniStack ({seconds:.1} s with building)");
    Ok(())
}
