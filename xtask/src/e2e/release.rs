//! What a team without Rust gets: the archive of a release, unpacked into an empty folder that knows
//! nothing of this repository.

use std::fs;
use std::path::{Path, PathBuf};

use super::deployment::ARCHITECTURE;
use crate::processes::{Processes, command, root};
use crate::visit::{expect, say};

/// Where `.ci/release` puts its files.
const FILES: &str = "target/release-files";

/// A release for this machine's processor, unpacked. It is deleted at the end.
pub(super) struct Release(PathBuf);

impl Release {
    /// Makes a release, compares its checksum and unpacks it outside the repository.
    pub(super) async fn unpack(processes: &mut Processes) -> Result<Self, String> {
        // This program itself: another build of xtask would take its file's place.
        let own = std::env::current_exe().map_err(|error| format!("this program is not found: {error}"))?;
        processes.succeed(command(".ci/release").arg(ARCHITECTURE).env("XTASK", own)).await?;
        let release = Self(std::env::temp_dir().join(format!("postern-e2e-{}", std::process::id())));
        fs::create_dir(&release.0).map_err(|error| format!("{}: {error}", release.0.display()))?;
        let mut checksums = command("sha256sum");
        checksums.args(["--check", "--quiet", "SHA256SUMS"]).current_dir(root().join(FILES));
        processes.succeed(&mut checksums).await?;
        let archive = names(&root().join(FILES))?.into_iter().find(|name| name.ends_with(".tar.gz"));
        let mut tar = command("tar");
        tar.arg("--extract").arg("--file").arg(root().join(FILES).join(archive.unwrap_or_default()));
        processes.succeed(tar.arg("--directory").arg(&release.0)).await?;
        let (packages, lists) =
            (names(&release.folder().join("functions"))?, names(&release.folder().join("components"))?);
        for package in &packages {
            let list = package.replace(".zip", ".cdx.json");
            let text =
                fs::read_to_string(release.folder().join("components").join(&list)).unwrap_or_default();
            let is_list = text.contains("\"CycloneDX\"") && text.contains("pkg:cargo/postern-rules@");
            expect(is_list, &format!("{list} names the crates of {package}"))?;
        }
        expect(packages.len() == lists.len(), "each list is of a function")?;
        say(&format!("a release holds {} functions, each with the list of its crates", packages.len()));
        Ok(release)
    }

    /// The only folder in the archive.
    pub(super) fn folder(&self) -> PathBuf {
        let inside = names(&self.0).unwrap_or_default();
        self.0.join(inside.first().map_or("", String::as_str))
    }
}

impl Drop for Release {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

fn names(folder: &Path) -> Result<Vec<String>, String> {
    let inside = fs::read_dir(folder).map_err(|error| format!("{}: {error}", folder.display()))?;
    Ok(inside.flatten().map(|file| file.file_name().to_string_lossy().into_owned()).collect())
}
