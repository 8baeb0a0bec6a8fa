//! Programs that come from PyPI, each in a folder of its own under `.tools/`, with nothing installed into the machine.

use std::path::Path;
use std::process::Stdio;

use tokio::process::Command;

use crate::processes::{Processes, command};

/// Whether a package is fetched with the packages it depends on.
#[derive(Clone, Copy)]
pub enum Needs {
    /// The package is a program that stands alone.
    Nothing,
    /// The package is a Python program.
    ItsDependencies,
}

/// Fetches a package such as `name==1.2.3` into `folder`; says whether pip succeeded.
pub async fn install(requirement: &str, needs: Needs, folder: &Path, processes: &mut Processes) -> bool {
    let mut pip = command("python3");
    pip.args(["-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--upgrade"]);
    if matches!(needs, Needs::Nothing) {
        pip.arg("--no-deps");
    }
    pip.arg("--target").arg(folder).arg(requirement).stdout(Stdio::null()).stderr(Stdio::null());
    processes.run(&mut pip).await.unwrap_or(false)
}

/// The beginning of a command that runs a module out of `folder`, and sees no package of the user's own.
pub fn module(name: &str, folder: &Path) -> Command {
    let mut python = command("python3");
    python.args(["-s", "-m", name]).env("PYTHONPATH", folder).env("PYTHONDONTWRITEBYTECODE", "1");
    python
}
