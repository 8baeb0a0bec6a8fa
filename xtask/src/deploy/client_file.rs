//! The file that Google's console gave the caller: read once, and looked at where it lies. Never says what is in it.

use std::fs::File;
use std::io::Read;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::Stdio;

use crate::processes::command;
use crate::web_client::{ClientText, WebClient};

/// Secrets Manager keeps no more in one secret; Google's files have less than one thousand bytes.
const LARGEST: usize = 64 * 1024;
/// The bits of a file's mode that let others than its owner at it.
const OTHERS: u32 = 0o077;

/// Reads and checks the file.
pub(crate) fn read(path: &Path) -> Result<WebClient, String> {
    let shown = path.display();
    let cannot = |error| format!("cannot read {shown}: {error}");
    let file = File::open(path).map_err(cannot)?;
    // Large enough from the beginning, or growing would leave copies behind that nobody wipes.
    let mut text = String::with_capacity(LARGEST + 1);
    let length = file.take(LARGEST as u64 + 1).read_to_string(&mut text).map_err(cannot)?;
    let text = ClientText::new(text);
    if length > LARGEST {
        return Err(format!("{shown} is too large for a client_secrets.json"));
    }
    WebClient::of_googles(text).map_err(|end| format!("{shown} is a file {end}"))
}

/// What is unsafe about where the file lies.
pub(crate) async fn warnings(path: &Path) -> Vec<String> {
    let mut warnings = Vec::new();
    if std::fs::metadata(path).is_ok_and(|about| about.permissions().mode() & OTHERS != 0) {
        warnings.push(format!("others on this machine may read {0}: chmod 600 {0}", path.display()));
    }
    if is_not_ignored_by_git(path).await {
        warnings.push(format!(
            "{} lies in a git work tree that does not ignore it: move it away before it is committed",
            path.display()
        ));
    }
    warnings
}

/// git says 0 of a path that is ignored, 1 of one that is not, and something else outside of a work tree.
async fn is_not_ignored_by_git(path: &Path) -> bool {
    let Ok(path) = path.canonicalize() else { return false };
    let (Some(folder), Some(name)) = (path.parent(), path.file_name()) else { return false };
    let mut git = command("git");
    git.args(["check-ignore", "--quiet", "--"]).arg(name).current_dir(folder);
    git.stdout(Stdio::null()).stderr(Stdio::null());
    git.status().await.is_ok_and(|status| status.code() == Some(1))
}

#[cfg(test)]
mod tests {
    use std::path::PathBuf;

    use super::*;

    /// A file of this test's own; the folder `target` is ignored by git.
    fn file(name: &str, content: &str, mode: u32) -> PathBuf {
        let folder = crate::processes::root().join("target").join("deploy-tests");
        let path = folder.join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(&path, content).unwrap();
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(mode)).unwrap();
        path
    }

    #[test]
    fn a_file_that_will_not_do_is_named_with_the_reason() {
        for (name, content, part) in [
            (
                "installed.json",
                r#"{"installed":{"client_id":"planted","client_secret":"planted"}}"#.to_owned(),
                "Web application",
            ),
            ("words.json", "planted".to_owned(), "is a file that is not Google's client_secrets.json"),
            ("large.json", "planted".repeat(LARGEST), "too large"),
        ] {
            let problem = read(&file(name, &content, 0o600)).unwrap_err();
            assert!(problem.contains(name) && problem.contains(part), "{problem}");
            assert!(!problem.contains("planted"), "{problem}");
        }
        let problem = read(Path::new("/no/such/file.json")).unwrap_err();
        assert!(problem.starts_with("cannot read /no/such/file.json: No such file"), "{problem}");
    }

    #[tokio::test]
    async fn a_file_that_others_may_read_is_warned_of_and_one_in_an_ignored_folder_is_not() {
        assert_eq!(warnings(&file("closed.json", "{}", 0o600)).await, Vec::<String>::new());
        let open = warnings(&file("open.json", "{}", 0o644)).await;
        assert_eq!(open.len(), 1);
        assert!(open[0].contains("chmod 600"), "{open:?}");
    }

    #[tokio::test]
    async fn a_file_in_a_work_tree_that_does_not_ignore_it_is_warned_of() {
        let path = file("work-tree/client.json", "{}", 0o600);
        let mut git = command("git");
        git.args(["init", "--quiet"]).current_dir(path.parent().unwrap());
        if !git.status().await.is_ok_and(|status| status.success()) {
            return; // A machine without git has no work trees.
        }
        let _ = std::fs::remove_file(path.with_file_name(".gitignore"));
        assert!(is_not_ignored_by_git(&path).await);
        std::fs::write(path.with_file_name(".gitignore"), "*.json\n").unwrap();
        assert!(!is_not_ignored_by_git(&path).await);
    }
}
