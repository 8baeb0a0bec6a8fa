//! The SAM CLI and what comes with it.

use std::path::PathBuf;

use tokio::process::Command;

use crate::processes::{Processes, command};
use crate::python::{Program, module, succeeds};

const SAM: Program = Program { name: "aws-sam-cli", version: "1.170.0", module: "samcli", beside: None };

/// The SAM CLI: in this folder, or the machine's own.
pub(crate) struct Sam(Option<PathBuf>);

impl Sam {
    /// Finds it in the project's own folder, or fetches it there.
    pub(crate) async fn find(processes: &mut Processes) -> Result<Self, String> {
        SAM.find(processes).await.map(|folder| Self(Some(folder)))
    }

    /// Finds any version that the machine has, or else the project's own.
    pub(crate) async fn of_the_machine_or_fetched(processes: &mut Processes) -> Result<Self, String> {
        if succeeds(Self(None).command().arg("--version")).await {
            return Ok(Self(None));
        }
        Self::find(processes).await
    }

    /// The beginning of a `sam ...` command.
    pub(crate) fn command(&self) -> Command {
        let mut sam = self.program(SAM.module, "sam");
        sam.env("SAM_CLI_TELEMETRY", "0");
        sam
    }

    /// The beginning of a `cfn-lint ...` command.
    pub(crate) fn linter(&self) -> Command {
        let mut linter = self.program("cfnlint.runner.cli", "cfn-lint");
        // Python warns of a module that is both imported and run.
        linter.env("PYTHONWARNINGS", "ignore::RuntimeWarning:runpy");
        linter
    }

    fn program(&self, name: &str, own: &str) -> Command {
        self.0.as_ref().map_or_else(|| command(own), |folder| module(name, folder))
    }
}
