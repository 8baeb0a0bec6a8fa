//! Programs from PyPI, each in a folder of its own under `.tools/`. Nothing else is installed.

use std::path::{Path, PathBuf};
use std::process::Stdio;

use tokio::process::Command;

use crate::processes::{Processes, command, root};

/// A Python program of this version, which runs as a module.
pub(crate) struct Program {
    /// Its name on PyPI.
    pub(crate) name: &'static str,
    /// The version that is fetched.
    pub(crate) version: &'static str,
    /// The module that runs it.
    pub(crate) module: &'static str,
    /// Another requirement that it has, if pip does not know of it.
    pub(crate) beside: Option<&'static str>,
}

impl Program {
    /// Finds it in the project's own folder, or fetches it there with everything it depends on;
    /// gives the folder.
    pub(crate) async fn find(&self, processes: &mut Processes) -> Result<PathBuf, String> {
        let Self { name, version, .. } = self;
        let beside = self.beside.map(|beside| format!("+{beside}")).unwrap_or_default();
        let folder = root().join(".tools").join(format!("{name}-{version}{beside}"));
        if !self.answers(&folder).await {
            println!("fetching {name} {version} into .tools/ (this project's own folder)");
            let requirement = format!("{name}=={version}");
            let requirements: Vec<&str> = self.beside.into_iter().chain([requirement.as_str()]).collect();
            install(&requirements, &folder, processes).await;
        }
        if self.answers(&folder).await {
            return Ok(folder);
        }
        Err(format!("{name} {version} is missing, and python3 -m pip could not fetch it"))
    }

    async fn answers(&self, folder: &Path) -> bool {
        folder.is_dir() && succeeds(module(self.module, folder).arg("--help")).await
    }
}

/// Fetches packages such as `name==1.2.3` into `folder`. Whether that worked shows when they run.
pub(crate) async fn install(requirements: &[&str], folder: &Path, processes: &mut Processes) {
    let mut pip = command("python3");
    pip.args(["-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--upgrade", "--target"]);
    pip.arg(folder).args(requirements).stdout(Stdio::null()).stderr(Stdio::null());
    let _ = processes.run(&mut pip).await;
}

/// The beginning of a command that runs a module from `folder` and sees none of the user's
/// packages.
pub(crate) fn module(name: &str, folder: &Path) -> Command {
    let mut python = command("python3");
    python.args(["-s", "-m", name]).env("PYTHONPATH", folder).env("PYTHONDONTWRITEBYTECODE", "1");
    python
}

/// Runs a command without its output.
pub(crate) async fn succeeds(command: &mut Command) -> bool {
    let status = command.stdout(Stdio::null()).stderr(Stdio::null()).status().await;
    status.is_ok_and(|status| status.success())
}
