//! Where cargo-lambda comes from: the machine's own, else a copy in `.tools/`, fetched when it is missing.

use std::path::PathBuf;
use std::process::Stdio;

use tokio::process::Command;

use crate::processes::{Processes, command, root};
use crate::python::{self, Needs};

/// The version that is fetched.
const VERSION: &str = "1.9.2";

/// A `cargo-lambda` that can be run.
pub struct CargoLambda(PathBuf);

impl CargoLambda {
    /// The beginning of a `cargo lambda ...` command.
    pub fn command(&self) -> Command {
        let mut command = command(&self.0);
        command.arg("lambda");
        command
    }

    /// Finds cargo-lambda, or fetches it into the project's own folder.
    pub async fn find(processes: &mut Processes) -> Result<Self, String> {
        if answers(command("cargo-lambda")).await {
            return Ok(Self("cargo-lambda".into()));
        }
        let folder = root().join(".tools").join(format!("cargo-lambda-{VERSION}"));
        let program = folder.join("bin").join("cargo-lambda");
        if answers(command(&program)).await {
            return Ok(Self(program));
        }
        println!(
            "cargo-lambda is not installed: fetching {VERSION} into .tools/ (this project's own folder)"
        );
        let requirement = format!("cargo-lambda=={VERSION}");
        python::install(&requirement, Needs::Nothing, &folder, processes).await;
        if answers(command(&program)).await {
            return Ok(Self(program));
        }
        println!(
            "python3 -m pip could not give it: building it with cargo install, which takes some minutes"
        );
        let mut cargo = command("cargo");
        cargo
            .args(["install", "cargo-lambda", "--version", VERSION, "--locked", "--force", "--root"])
            .arg(&folder);
        if processes.run(&mut cargo).await.unwrap_or(false) && answers(command(&program)).await {
            return Ok(Self(program));
        }
        Err(format!(
            "cargo-lambda {VERSION} is missing and neither python3 -m pip nor cargo install could fetch it; \
             install it and try again"
        ))
    }
}

async fn answers(mut program: Command) -> bool {
    program.args(["lambda", "--version"]).stdout(Stdio::null()).stderr(Stdio::null());
    program.status().await.is_ok_and(|status| status.success())
}
