//! The project's own commands: reads the command line and hands over.

#![expect(clippy::print_stdout, clippy::print_stderr, reason = "a command's words go to its terminal")]

mod arguments;
mod check;
mod contract;
mod dev;
mod on_aws;
mod page;
mod validate;

use std::process::ExitCode;

use arguments::Command;

#[tokio::main]
async fn main() -> ExitCode {
    let outcome = match arguments::parse(std::env::args().skip(1)) {
        Ok(Command::Help) => {
            print!("{}", arguments::HELP);
            Ok(())
        }
        Ok(Command::Dev(ports)) => dev::serve(ports).await,
        Ok(Command::Check) => dev::check().await,
        Ok(Command::Contract) => contract::run().await,
        Ok(Command::Validate) => validate::run().await,
        Ok(Command::OnAws(words)) => match on_aws::run(&words).await {
            Ok(code) => return code,
            Err(problem) => Err(problem),
        },
        Err(problem) => Err(problem),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(problem) => {
            eprintln!("xtask: {problem}");
            ExitCode::FAILURE
        }
    }
}
