//! The project's own commands: parses the command line and hands over.

#![expect(clippy::print_stdout, clippy::print_stderr, reason = "a command's words go to its terminal")]
#![cfg_attr(
    not(all(feature = "aws", feature = "local")),
    allow(dead_code, reason = "a build without some commands leaves some of what they share unused")
)]

mod bench;
mod commands;
mod log;
mod package;
mod processes;
mod tools;
mod validate;

#[cfg(feature = "aws")]
mod account;
#[cfg(feature = "aws")]
mod connections;
#[cfg(feature = "aws")]
mod deploy;
#[cfg(feature = "aws")]
mod doctor;
#[cfg(feature = "aws")]
mod import;
#[cfg(feature = "aws")]
mod pace;
#[cfg(feature = "aws")]
mod pass;
#[cfg(feature = "aws")]
mod places;
#[cfg(feature = "aws")]
mod private;
#[cfg(feature = "aws")]
mod risc;
#[cfg(feature = "aws")]
mod stack;
#[cfg(feature = "aws")]
mod target;
#[cfg(feature = "aws")]
mod terminal;
#[cfg(feature = "aws")]
mod token_endpoint;
#[cfg(feature = "aws")]
mod web_client;

#[cfg(feature = "local")]
mod contract;
#[cfg(feature = "local")]
mod dev;
#[cfg(feature = "local")]
mod google;
#[cfg(feature = "local")]
mod ministack;

#[cfg(all(feature = "aws", feature = "local"))]
mod e2e;
#[cfg(not(all(feature = "aws", feature = "local")))]
mod rebuild;

use std::process::ExitCode;

use clap::Parser;
use commands::{Command, CommandLine};
#[cfg(feature = "local")]
use harness::{browser, visit};

#[tokio::main]
async fn main() -> ExitCode {
    let outcome = match CommandLine::parse().command {
        Command::Validate => validate::run().await,
        Command::Package { architecture } => package::run(architecture).await,
        Command::Bench { options } => bench::run(options).await,
        #[cfg(feature = "local")]
        Command::Dev(options) => dev::run(options).await,
        #[cfg(feature = "local")]
        Command::Google(options) => google::run(options).await,
        #[cfg(feature = "local")]
        Command::Contract => contract::run().await,
        #[cfg(feature = "aws")]
        Command::Deploy(options) => deploy::run(options).await,
        #[cfg(feature = "aws")]
        Command::Connections(options) => connections::run(options).await,
        #[cfg(feature = "aws")]
        Command::Doctor(options) => return doctor::run(options).await,
        #[cfg(feature = "aws")]
        Command::Import(options) => import::run(options).await,
        #[cfg(feature = "aws")]
        Command::Reseal(options) => pass::reseal::run(options).await,
        #[cfg(feature = "aws")]
        Command::Restore(options) => Box::pin(pass::restore::run(options)).await,
        #[cfg(feature = "aws")]
        Command::Count(options) => pass::count::run(options).await,
        #[cfg(feature = "aws")]
        Command::Risc(options) => risc::run(options).await,
        #[cfg(all(feature = "aws", feature = "local"))]
        Command::E2e => e2e::run().await,
        #[cfg(not(all(feature = "aws", feature = "local")))]
        other => Err(rebuild::with_all_that_needs(&other)),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(problem) => {
            eprintln!("xtask: {problem}");
            ExitCode::FAILURE
        }
    }
}
