//! `cargo xtask package`: every function, built for release, in a folder with the templates from which
//! the SAM CLI alone deploys. Nothing of the machine or of the moment is meant to be in its bytes.

use std::fs::{self, File};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::time::{Duration, UNIX_EPOCH};

use crate::commands::Architecture;
use crate::processes::{Processes, command, root, run_to_the_end};
use crate::tools::{CARGO_AUDITABLE, CARGO_LAMBDA, Tool, Tools, ZIG};

/// What builds the functions, besides Rust and a C compiler.
pub(crate) const BUILDERS: [Tool; 3] = [CARGO_AUDITABLE, CARGO_LAMBDA, ZIG];

/// What a package has besides the functions and template.yaml, and its name there.
const FILES: [(&str, &str); 11] = [
    ("infra/package.md", "README.md"),
    ("infra/monitoring.yaml", "infra/monitoring.yaml"),
    ("infra/objectives.yaml", "infra/objectives.yaml"),
    ("infra/rollout.yaml", "infra/rollout.yaml"),
    ("infra/backup.yaml", "infra/backup.yaml"),
    ("infra/policies.yaml", "infra/policies.yaml"),
    ("infra/import.yaml", "infra/import.yaml"),
    ("infra/edge.yaml", "infra/edge.yaml"),
    ("samconfig.toml", "samconfig.toml"),
    ("LICENSE-APACHE", "LICENSE-APACHE"),
    ("LICENSE-MIT", "LICENSE-MIT"),
];

/// The earliest time that a zip file can say, 1980: all files in it have this one.
const TIME: Duration = Duration::from_hours(24 * 3652);

/// Writes the package into `target/`.
pub(crate) async fn run(architecture: Architecture) -> Result<(), String> {
    let work = async |processes: &mut Processes| {
        let mut tools = Tools::of_the_machine();
        for tool in &BUILDERS {
            // Of these versions, for others may give other bytes.
            tools = tools.fetch(tool, processes).await?;
        }
        let folder = make(architecture, &tools, processes).await?;
        println!("{}", folder.display());
        Ok(())
    };
    run_to_the_end(work).await
}

/// Builds the functions, and writes the package in place of the one before. Returns its folder.
pub(crate) async fn make(
    architecture: Architecture,
    tools: &Tools,
    processes: &mut Processes,
) -> Result<PathBuf, String> {
    let built = build(architecture, tools, processes).await?;
    let folder = root().join("target").join(format!("package-{}", architecture.name()));
    let _ = fs::remove_dir_all(&folder);
    for inside in ["functions", "infra"] {
        fs::create_dir_all(folder.join(inside)).map_err(|error| error.to_string())?;
    }
    for (from, to) in FILES {
        fs::copy(root().join(from), folder.join(to)).map_err(|error| format!("{from}: {error}"))?;
    }
    let template = fs::read_to_string(root().join("template.yaml")).map_err(|error| error.to_string())?;
    let template = with_packages(&template, architecture)?;
    fs::write(folder.join("template.yaml"), template).map_err(|error| error.to_string())?;
    for function in functions()? {
        let zip = folder.join("functions").join(format!("{function}.zip"));
        pack(&built.join(&function).join("bootstrap"), &zip, processes).await?;
    }
    Ok(folder)
}

/// Builds each function as it runs on AWS, all with one command. Returns a folder that has for each
/// one of its name, with the program `bootstrap` in it.
pub(crate) async fn build(
    architecture: Architecture,
    tools: &Tools,
    processes: &mut Processes,
) -> Result<PathBuf, String> {
    let built = root().join("target/functions").join(architecture.name());
    let mut cargo = cargo_lambda(architecture, tools);
    cargo.arg("--lambda-dir").arg(&built);
    for function in functions()? {
        cargo.args(["--package", &function]);
    }
    processes.succeed(&mut cargo).await?;
    Ok(built)
}

/// The beginning of a command that builds for release, for AWS. The list of the crates in a program is
/// stored in it (cargo-auditable), and no path of this machine.
pub(crate) fn cargo_lambda(architecture: Architecture, tools: &Tools) -> tokio::process::Command {
    let home = std::env::home_dir().unwrap_or_default().join(".cargo");
    #[expect(clippy::disallowed_methods, reason = "only cargo knows where it keeps the crates' sources")]
    let home = std::env::var_os("CARGO_HOME").map_or(home, PathBuf::from);
    let remap = |from: &Path, to: &str| format!("--remap-path-prefix={}={to}", from.display());
    let flags = [remap(&home, "/cargo"), remap(&root(), "/postern")];
    let mut cargo = tools.command("cargo");
    // What `cargo auditable` sets, but with a name in place of the path of this clone's tool: cargo
    // hashes this variable into every symbol, and the order of the program follows from that.
    cargo.env("RUSTC_WORKSPACE_WRAPPER", "cargo-auditable");
    let arguments = r#"{"offline":false,"locked":true,"frozen":false,"config":[]}"#;
    cargo.env("CARGO_AUDITABLE_ORIG_ARGS", arguments);
    cargo.args(["lambda", "build", "--quiet", "--release", "--locked", architecture.option()]);
    cargo.arg("--config").arg(format!("build.rustflags={flags:?}"));
    cargo
}

/// The functions, each by the name of its folder, which is its package's.
fn functions() -> Result<Vec<String>, String> {
    let folders = fs::read_dir(root().join("functions")).map_err(|error| error.to_string())?;
    let mut names: Vec<String> =
        folders.flatten().map(|folder| folder.file_name().to_string_lossy().into_owned()).collect();
    names.sort();
    Ok(names)
}

/// The template with packages of one architecture in place of the functions' sources.
pub(crate) fn with_packages(template: &str, architecture: Architecture) -> Result<String, String> {
    let name = architecture.name();
    let any = "    Default: arm64\n    AllowedValues: [arm64, x86_64]\n";
    let (before, after) = template.split_once(any).ok_or("template.yaml: Architecture has other values")?;
    let template = format!("{before}    Default: {name}\n    AllowedValues: [{name}]\n{after}");
    let line = |line: &str| match line.trim_start().strip_prefix("CodeUri: functions/") {
        Some(_) => format!("{line}.zip\n"),
        None => format!("{line}\n"),
    };
    Ok(template.lines().map(line).collect())
}

/// Makes a function's package, which holds nothing but the program. The same program always gives the
/// same bytes.
async fn pack(program: &Path, zip: &Path, processes: &mut Processes) -> Result<(), String> {
    // A copy: cargo would build again what has another time.
    let copy = zip.with_file_name("bootstrap");
    let copied = || -> std::io::Result<()> {
        fs::copy(program, &copy)?;
        fs::set_permissions(&copy, fs::Permissions::from_mode(0o755))?;
        File::options().write(true).open(&copy)?.set_modified(UNIX_EPOCH + TIME)
    };
    copied().map_err(|error| format!("{}: {error}", program.display()))?;
    let mut python = command("python3");
    python.args(["-m", "zipfile", "--create"]).args([zip, &copy]).env("TZ", "UTC");
    processes.succeed(&mut python).await?;
    fs::remove_file(copy).map_err(|error| error.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_function_has_a_package_and_nothing_else_of_the_template_changes() {
        let template = fs::read_to_string(root().join("template.yaml")).unwrap();
        for architecture in [Architecture::Arm64, Architecture::X86_64] {
            let packaged = with_packages(&template, architecture).unwrap();
            let pairs = template.lines().zip(packaged.lines());
            let changed: Vec<_> = pairs.filter(|(before, after)| before != after).collect();
            assert_eq!(template.lines().count(), packaged.lines().count());
            let (code, other): (Vec<_>, Vec<_>) =
                changed.into_iter().partition(|(before, _)| before.contains("CodeUri"));
            let mut packed: Vec<_> = code.iter().map(|(_, after)| after.trim().to_owned()).collect();
            packed.sort();
            let expected = functions().unwrap().into_iter();
            let expected: Vec<_> = expected.map(|name| format!("CodeUri: functions/{name}.zip")).collect();
            assert_eq!(packed, expected);
            let only = format!("AllowedValues: [{}]", architecture.name());
            assert!(packaged.contains(&only));
            assert!(other.iter().all(|(before, _)| before.contains("arm64")), "{other:?}");
        }
    }

    #[test]
    fn every_file_that_the_template_names_is_in_the_package() {
        let template = fs::read_to_string(root().join("template.yaml")).unwrap();
        for name in ["TemplateURL: ", "LicenseUrl: ", "ReadmeUrl: "] {
            let named: Vec<_> =
                template.lines().filter_map(|line| line.trim_start().strip_prefix(name)).collect();
            assert!(!named.is_empty());
            for file in named {
                assert!(FILES.iter().any(|(_, to)| *to == file), "{file}");
            }
        }
        for (from, _) in FILES {
            assert!(root().join(from).is_file(), "{from}");
        }
    }
}
