//! The commands that talk to AWS: reads the command line and hands over. Apart from xtask, so that who only tries Postern
//! does not compile the clients of AWS.

#![expect(clippy::print_stdout, clippy::print_stderr, reason = "a command's words go to its terminal")]

mod account;
mod deploy;
mod doctor;
mod e2e;
mod stack;
mod token_endpoint;
mod web_client;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

#[derive(Parser)]
#[command(name = "cargo xtask", bin_name = "cargo xtask", about = "Postern on AWS")]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Puts Postern into an AWS account: Google's client into Secrets Manager, then sam build and sam deploy.
    Deploy(deploy::Options),
    /// Tests a deployment, or the stack of `cargo xtask dev`, without a browser, and says what is wrong.
    Doctor(doctor::Options),
    /// Deploys to an emulator of AWS and tries everything there.
    E2e(e2e::Options),
}

#[tokio::main]
async fn main() -> ExitCode {
    let outcome = match Arguments::parse().command {
        Command::Deploy(options) => deploy::run(options).await,
        Command::Doctor(options) => doctor::run(options).await,
        Command::E2e(options) => e2e::run(options).await,
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(problem) => {
            eprintln!("xtask: {problem}");
            ExitCode::FAILURE
        }
    }
}
