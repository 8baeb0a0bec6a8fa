//! Programs of other projects: the machine's own, or fetched, each into a folder of its own under
//! `.tools/`. Nothing else is installed.

use std::ffi::OsString;
use std::path::PathBuf;
use std::process::Stdio;

use tokio::process::Command;

use crate::processes::{Processes, command, root};

/// A program, and how it is fetched.
pub(crate) struct Tool {
    /// What pip fetches; the first is the program, the others it needs without pip's knowing.
    packages: &'static [&'static str],
    /// How it is fetched.
    source: Source,
    /// The folder in which pip puts the program.
    programs: &'static str,
    /// A command that succeeds if the program is there.
    test: &'static [&'static str],
}

/// How a program is fetched.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Source {
    /// With pip, and with what its packages depend on.
    Python,
    /// With pip, by itself; where pip has none, cargo builds it.
    Wheel,
    /// Built by cargo.
    Crate,
}

/// MiniStack reads SAM templates with the translator that the SAM CLI has.
pub(crate) const MINISTACK: Tool =
    python(&["ministack==1.5.33", "aws-sam-translator==1.115.0"], &["ministack", "--help"]);
/// The SAM CLI, with cfn-lint.
pub(crate) const SAM: Tool = python(&["aws-sam-cli==1.170.0"], &["sam", "--version"]);
/// It looks for settings that are unsafe. What it depends on differs from what the SAM CLI needs.
pub(crate) const CHECKOV: Tool = python(&["checkov==3.3.30"], &["checkov", "--version"]);
/// Its dependency, Zig, is large, and only `cargo lambda build` needs it.
pub(crate) const CARGO_LAMBDA: Tool =
    native(&["cargo-lambda==1.9.2"], "bin", &["cargo-lambda", "lambda", "--version"]);
/// It stores in a program the list of the crates that it is made of.
pub(crate) const CARGO_AUDITABLE: Tool = Tool {
    packages: &["cargo-auditable==0.7.7"],
    source: Source::Crate,
    programs: "bin",
    test: &["cargo-auditable", "auditable", "--version"],
};
/// What cargo-lambda builds with.
pub(crate) const ZIG: Tool = native(&["ziglang==0.17.1"], "ziglang", &["zig", "version"]);

/// Programs that are there.
pub(crate) struct Tools {
    path: OsString,
    modules: Vec<PathBuf>,
}

impl Tools {
    /// Nothing but what the machine has.
    pub(crate) fn of_the_machine() -> Self {
        #[expect(clippy::disallowed_methods, reason = "the path is the machine's, and is handed on longer")]
        let path = std::env::var_os("PATH").unwrap_or_default();
        Self { path, modules: Vec::new() }
    }

    /// Nothing at all: what needs only what is fetched proves it so.
    pub(crate) fn none() -> Self {
        Self { path: OsString::new(), modules: Vec::new() }
    }

    /// Adds programs of any version that the machine has, and fetches only those that it lacks.
    pub(crate) async fn find(mut self, tools: &[Tool], processes: &mut Processes) -> Result<Self, String> {
        for tool in tools {
            if !self.has(tool).await {
                self = self.fetch(tool, processes).await?;
            }
        }
        Ok(self)
    }

    /// The beginning of a command that finds these programs by name, as does what it starts.
    pub(crate) fn command(&self, program: &str) -> Command {
        let mut command = command(program);
        command.env("PATH", &self.path).env("SAM_CLI_TELEMETRY", "0");
        if let Ok(modules) = std::env::join_paths(&self.modules)
            && !self.modules.is_empty()
        {
            // None of the user's packages, which may be of other versions.
            command.env("PYTHONPATH", modules).env("PYTHONNOUSERSITE", "1");
            command.env("PYTHONDONTWRITEBYTECODE", "1");
        }
        command
    }

    async fn has(&self, tool: &Tool) -> bool {
        let mut test = self.command(tool.test[0]);
        test.args(&tool.test[1..]).stdout(Stdio::null()).stderr(Stdio::null());
        test.status().await.is_ok_and(|status| status.success())
    }

    /// Adds a program of exactly this version from the project's own folder, or fetches it there.
    pub(crate) async fn fetch(mut self, tool: &Tool, processes: &mut Processes) -> Result<Self, String> {
        // Such as ministack-1.5.33+aws-sam-translator==1.115.0.
        let folder = root().join(".tools").join(tool.packages.join("+").replacen("==", "-", 1));
        let programs = folder.join(tool.programs);
        let before = std::env::split_paths(&self.path).filter(|path| !path.as_os_str().is_empty());
        let path = [programs.clone()].into_iter().chain(before);
        self.path = std::env::join_paths(path)
            .map_err(|_| "this project is in a folder whose name has a colon; move it".to_owned())?;
        self.modules.extend((tool.source == Source::Python).then(|| folder.clone()));
        let is_fetched = async || programs.join(tool.test[0]).is_file() && self.has(tool).await;

        let package = tool.packages[0];
        if tool.source != Source::Crate && !is_fetched().await {
            println!("fetching {package} into .tools/ (this project's own folder)");
            let mut pip = command("python3");
            pip.args(["-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--upgrade"]);
            pip.args((tool.source == Source::Wheel).then_some("--no-deps")).arg("--target").arg(&folder);
            pip.args(tool.packages).stdout(Stdio::null()).stderr(Stdio::null());
            // Whether that worked shows when the program runs.
            let _ = processes.run(&mut pip).await;
        }
        let is_crate = tool.source == Source::Crate || package == CARGO_LAMBDA.packages[0];
        if is_crate && !is_fetched().await {
            println!("building {package} with cargo install, which takes some minutes");
            let mut cargo = command("cargo");
            cargo.args(["install", "--locked", "--force", &package.replace("==", "@"), "--root"]);
            processes.run(cargo.arg(&folder)).await?;
        }
        let missing = || format!("{package} is missing and could not be fetched; install it and try again");
        if is_fetched().await { Ok(self) } else { Err(missing()) }
    }
}

const fn python(packages: &'static [&'static str], test: &'static [&'static str]) -> Tool {
    Tool { packages, source: Source::Python, programs: "bin", test }
}

const fn native(
    packages: &'static [&'static str],
    programs: &'static str,
    test: &'static [&'static str],
) -> Tool {
    Tool { packages, source: Source::Wheel, programs, test }
}
