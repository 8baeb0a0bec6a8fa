//! Where the SAM CLI comes from: a copy in `.tools/`, fetched when it is missing.

use std::path::PathBuf;

use tokio::process::Command;

use crate::processes::Processes;
use crate::python;

/// The version that is fetched; it brings cfn-lint with it.
const VERSION: &str = "1.170.0";
const MODULE: &str = "samcli";

/// The SAM CLI.
pub(crate) struct Sam(PathBuf);

impl Sam {
    /// Finds it in the project's own folder, or fetches it there.
    pub(crate) async fn find(processes: &mut Processes) -> Result<Self, String> {
        let (name, folder) = (format!("the SAM CLI {VERSION}"), format!("aws-sam-cli-{VERSION}"));
        let requirement = format!("aws-sam-cli=={VERSION}");
        python::program(&name, &folder, &[&requirement], MODULE, processes).await.map(Self)
    }

    /// The beginning of a `sam ...` command.
    pub(crate) fn command(&self) -> Command {
        let mut command = python::module(MODULE, &self.0);
        command.env("SAM_CLI_TELEMETRY", "0");
        command
    }

    /// The beginning of a `cfn-lint ...` command.
    pub(crate) fn linter(&self) -> Command {
        let mut command = python::module("cfnlint.runner.cli", &self.0);
        // Python remarks that a module which is run was imported, too.
        command.env("PYTHONWARNINGS", "ignore::RuntimeWarning:runpy");
        command
    }
}
