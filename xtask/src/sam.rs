//! Where the SAM CLI comes from: a copy in `.tools/`, fetched when it is missing.

use std::path::PathBuf;
use std::process::Stdio;

use tokio::process::Command;

use crate::processes::{Processes, command};
use crate::python;

/// The version that is fetched; it brings cfn-lint with it.
const VERSION: &str = "1.170.0";
const MODULE: &str = "samcli";

/// The SAM CLI: in this folder, or the machine's own.
pub(crate) struct Sam(Option<PathBuf>);

impl Sam {
    /// Finds it in the project's own folder, or fetches it there.
    pub(crate) async fn find(processes: &mut Processes) -> Result<Self, String> {
        let (name, folder) = (format!("the SAM CLI {VERSION}"), format!("aws-sam-cli-{VERSION}"));
        let requirement = format!("aws-sam-cli=={VERSION}");
        let folder = python::program(&name, &folder, &[&requirement], MODULE, processes).await?;
        Ok(Self(Some(folder)))
    }

    /// Finds any version that the machine has, or else the project's own.
    pub(crate) async fn of_the_machine_or_fetched(processes: &mut Processes) -> Result<Self, String> {
        let mut sam = Self(None).command();
        sam.arg("--version").stdout(Stdio::null()).stderr(Stdio::null());
        if sam.status().await.is_ok_and(|status| status.success()) {
            return Ok(Self(None));
        }
        Self::find(processes).await
    }

    /// The beginning of a `sam ...` command.
    pub(crate) fn command(&self) -> Command {
        let mut sam = self.program(MODULE, "sam");
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

    fn program(&self, module: &str, name: &str) -> Command {
        self.0.as_ref().map_or_else(|| command(name), |folder| python::module(module, folder))
    }
}
