//! cargo-lambda, and Zig, which it builds with: the machine's own, or fetched into `.tools/`.

use std::path::PathBuf;

use tokio::process::Command;

use crate::processes::{Processes, command, root};
use crate::python::{install, succeeds};

/// The versions that are fetched.
const CARGO_LAMBDA: &str = "1.9.2";
const ZIG: &str = "0.17.1";

/// Programs, and the folders that lead to those that are not the machine's own.
pub(crate) struct Builder(Vec<PathBuf>);

impl Builder {
    /// Finds cargo-lambda and Zig, or fetches what is missing.
    pub(crate) async fn find(processes: &mut Processes) -> Result<Self, String> {
        let Self(mut folders) = Self::find_without_zig(processes).await?;
        if !succeeds(command("zig").arg("version")).await {
            let folder = root().join(".tools").join(format!("ziglang-{ZIG}"));
            let programs = folder.join("ziglang");
            if !succeeds(command(programs.join("zig")).arg("version")).await {
                println!("Zig is not installed: fetching {ZIG} into .tools/ (100 MB, 400 MB unpacked)");
                install(&["--no-deps", &format!("ziglang=={ZIG}")], &folder, processes).await;
            }
            if !succeeds(command(programs.join("zig")).arg("version")).await {
                return Err(format!("Zig is missing, and python3 -m pip could not fetch ziglang {ZIG}"));
            }
            folders.push(programs);
        }
        Ok(Self(folders))
    }

    /// Finds or fetches cargo-lambda. `cargo lambda watch` does without Zig, which is large.
    pub(crate) async fn find_without_zig(processes: &mut Processes) -> Result<Self, String> {
        if succeeds(command("cargo-lambda").args(["lambda", "--version"])).await {
            return Ok(Self(Vec::new()));
        }
        let folder = root().join(".tools").join(format!("cargo-lambda-{CARGO_LAMBDA}"));
        let programs = folder.join("bin");
        let answers = async || {
            let mut own = command(programs.join("cargo-lambda"));
            succeeds(own.args(["lambda", "--version"])).await
        };
        if !answers().await {
            println!("cargo-lambda is not installed: fetching {CARGO_LAMBDA} into .tools/");
            // It would bring Zig with it.
            install(&["--no-deps", &format!("cargo-lambda=={CARGO_LAMBDA}")], &folder, processes).await;
        }
        if !answers().await {
            println!("python3 -m pip has none: building it with cargo install, which takes some minutes");
            let mut cargo = command("cargo");
            cargo.args([
                "install",
                "cargo-lambda",
                "--version",
                CARGO_LAMBDA,
                "--locked",
                "--force",
                "--root",
            ]);
            processes.run(cargo.arg(&folder)).await?;
        }
        if !answers().await {
            return Err(format!(
                "cargo-lambda {CARGO_LAMBDA} could not be fetched; install it and try again"
            ));
        }
        Ok(Self(vec![programs]))
    }

    /// Lets `command`, and what it starts, find the programs by name.
    pub(crate) fn put_on_path(&self, command: &mut Command) -> Result<(), String> {
        #[expect(clippy::disallowed_methods, reason = "the path is the machine's, and is handed on longer")]
        let inherited = std::env::var_os("PATH").unwrap_or_default();
        let folders = self.0.iter().cloned().chain(std::env::split_paths(&inherited));
        let path = std::env::join_paths(folders)
            .map_err(|_| "this project is in a folder whose name has a colon; move it".to_owned())?;
        command.env("PATH", path);
        Ok(())
    }
}
