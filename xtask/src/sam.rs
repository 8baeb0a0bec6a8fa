//! Where the SAM CLI comes from: a copy in `.tools/`, fetched when it is missing.

use std::path::PathBuf;
use std::process::Stdio;

use tokio::process::Command;

use crate::processes::{Processes, root};
use crate::python::{self, Needs};

/// The version that is fetched; it brings cfn-lint with it.
const VERSION: &str = "1.170.0";

/// The SAM CLI.
pub struct Sam(PathBuf);

impl Sam {
    /// Finds it in the project's own folder, or fetches it there.
    pub async fn find(processes: &mut Processes) -> Result<Self, String> {
        let sam = Self(root().join(".tools").join(format!("aws-sam-cli-{VERSION}")));
        if sam.answers().await {
            return Ok(sam);
        }
        println!("fetching the SAM CLI {VERSION} into .tools/ (this project's own folder)");
        let requirement = format!("aws-sam-cli=={VERSION}");
        python::install(&requirement, Needs::ItsDependencies, &sam.0, processes).await;
        if sam.answers().await {
            return Ok(sam);
        }
        Err(format!("the SAM CLI {VERSION} is missing and python3 -m pip could not fetch it"))
    }

    /// The beginning of a `sam ...` command.
    pub fn command(&self) -> Command {
        let mut command = python::module("samcli", &self.0);
        command.env("SAM_CLI_TELEMETRY", "0");
        command
    }

    /// The beginning of a `cfn-lint ...` command.
    pub fn linter(&self) -> Command {
        let mut command = python::module("cfnlint.runner.cli", &self.0);
        // Python remarks that a module which is run was imported, too.
        command.env("PYTHONWARNINGS", "ignore::RuntimeWarning:runpy");
        command
    }

    async fn answers(&self) -> bool {
        let mut version = self.command();
        version.arg("--version").stdout(Stdio::null()).stderr(Stdio::null());
        self.0.is_dir() && version.status().await.is_ok_and(|status| status.success())
    }
}
