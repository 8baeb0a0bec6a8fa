//! Where cargo-lambda comes from, and Zig, which it builds with: the machine's own, else a copy in `.tools/`, fetched when
//! it is missing.

use std::path::PathBuf;
use std::process::Stdio;

use tokio::process::Command;

use crate::processes::{Processes, command, root};
use crate::python::{self, Needs};

/// The version that is fetched.
const VERSION: &str = "1.9.2";
/// The version of Zig that is fetched.
const ZIG_VERSION: &str = "0.17.1";

/// A `cargo-lambda` that can be run.
pub(crate) struct CargoLambda(PathBuf);

impl CargoLambda {
    /// The beginning of a `cargo lambda ...` command.
    pub(crate) fn command(&self) -> Command {
        let mut command = command(&self.0);
        command.arg("lambda");
        command
    }

    /// Finds cargo-lambda, or fetches it into the project's own folder.
    pub(crate) async fn find(processes: &mut Processes) -> Result<Self, String> {
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
        python::install(&[&requirement], Needs::Nothing, &folder, processes).await;
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

/// cargo-lambda and Zig. `cargo lambda watch` needs no Zig, and Zig is large: only who builds for Lambda fetches it.
pub(crate) struct Builder {
    /// What is not the machine's own and must be put on the path.
    folders: Vec<PathBuf>,
}

impl Builder {
    /// Finds both, or fetches what is missing into the project's own folder.
    pub(crate) async fn find(processes: &mut Processes) -> Result<Self, String> {
        let CargoLambda(program) = CargoLambda::find(processes).await?;
        let own = [program.parent().map(PathBuf::from), find_zig(processes).await?];
        // The folder of a bare name, which the path has already, is an empty path.
        Ok(Self { folders: own.into_iter().flatten().filter(|folder| folder.is_absolute()).collect() })
    }

    /// Lets `command`, and whatever it starts, find both programs by name.
    pub(crate) fn put_on_path(&self, command: &mut Command) -> Result<(), String> {
        if self.folders.is_empty() {
            return Ok(());
        }
        #[expect(clippy::disallowed_methods, reason = "the path is the machine's, and is handed on longer")]
        let inherited = std::env::var_os("PATH").unwrap_or_default();
        let folders = self.folders.iter().cloned().chain(std::env::split_paths(&inherited));
        let path = std::env::join_paths(folders)
            .map_err(|_| "this project lies in a folder whose name has a colon; move it".to_owned())?;
        command.env("PATH", path);
        Ok(())
    }
}

/// The folder to put on the path, if Zig is not the machine's own.
async fn find_zig(processes: &mut Processes) -> Result<Option<PathBuf>, String> {
    let mut module = command("python3");
    module.args(["-m", "ziglang"]);
    // Both are places where `cargo lambda build` looks by itself.
    if zig_answers(command("zig")).await || zig_answers(module).await {
        return Ok(None);
    }
    let folder = root().join(".tools").join(format!("ziglang-{ZIG_VERSION}"));
    let programs = folder.join("ziglang");
    if zig_answers(command(programs.join("zig"))).await {
        return Ok(Some(programs));
    }
    println!("Zig is not installed: fetching {ZIG_VERSION} into .tools/ (100 MB, 400 MB unpacked)");
    python::install(&[&format!("ziglang=={ZIG_VERSION}")], Needs::Nothing, &folder, processes).await;
    if zig_answers(command(programs.join("zig"))).await {
        return Ok(Some(programs));
    }
    Err(format!(
        "Zig is missing and python3 -m pip could not fetch ziglang {ZIG_VERSION}; install it \
         (https://ziglang.org/download/, or `pip install ziglang`) and try again"
    ))
}

async fn zig_answers(mut zig: Command) -> bool {
    zig.arg("version").stdout(Stdio::null()).stderr(Stdio::null());
    zig.status().await.is_ok_and(|status| status.success())
}

async fn answers(mut program: Command) -> bool {
    program.args(["lambda", "--version"]).stdout(Stdio::null()).stderr(Stdio::null());
    program.status().await.is_ok_and(|status| status.success())
}
