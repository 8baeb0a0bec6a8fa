//! The processes that a command starts: each in a group of its own, and none outlives the command.

use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use tokio::process::{Child, Command};
use tokio::signal::unix::{SignalKind, signal};

/// How long a process may take to end by itself.
const PATIENCE: Duration = Duration::from_secs(5);

/// What `cargo run` says about xtask itself. Inherited by another cargo, it makes build scripts run again.
const ABOUT_XTASK: [&str; 14] = [
    "CARGO_MANIFEST_DIR",
    "CARGO_MANIFEST_PATH",
    "CARGO_PKG_AUTHORS",
    "CARGO_PKG_DESCRIPTION",
    "CARGO_PKG_HOMEPAGE",
    "CARGO_PKG_LICENSE",
    "CARGO_PKG_NAME",
    "CARGO_PKG_REPOSITORY",
    "CARGO_PKG_VERSION",
    "CARGO_PKG_VERSION_MAJOR",
    "CARGO_PKG_VERSION_MINOR",
    "CARGO_PKG_VERSION_PATCH",
    "CARGO_PKG_VERSION_PRE",
    "LD_LIBRARY_PATH",
];

/// The root of the repository.
pub(crate) fn root() -> PathBuf {
    let own = Path::new(env!("CARGO_MANIFEST_DIR"));
    own.parent().unwrap_or(own).to_owned()
}

/// A command that runs at the root of the repository.
pub(crate) fn command(program: impl AsRef<std::ffi::OsStr>) -> Command {
    let mut command = Command::new(program);
    command.current_dir(root()).stdin(Stdio::null()).kill_on_drop(true);
    forget_cargo(command.as_std_mut());
    command
}

/// Takes what `cargo run` says about xtask out of a command's environment.
pub(crate) fn forget_cargo(command: &mut std::process::Command) {
    for variable in ABOUT_XTASK {
        command.env_remove(variable);
    }
}

/// The processes started so far.
#[derive(Default)]
pub(crate) struct Processes(Vec<Child>);

impl Processes {
    /// Starts a process. In a group of its own, Ctrl-C reaches it through `stop` alone, and in order.
    pub(crate) fn start(&mut self, command: &mut Command) -> Result<&mut Child, String> {
        let program = command.as_std().get_program().to_string_lossy().into_owned();
        let child =
            command.process_group(0).spawn().map_err(|error| format!("cannot start {program}: {error}"))?;
        self.0.push(child);
        self.0.last_mut().ok_or_else(|| format!("cannot start {program}"))
    }

    /// Runs a process to its end and says whether it succeeded.
    pub(crate) async fn run(&mut self, command: &mut Command) -> Result<bool, String> {
        let child = self.start(command)?;
        let status = child.wait().await.map_err(|error| error.to_string())?;
        self.0.pop();
        Ok(status.success())
    }

    /// Asks every process to end, waits, and ends by force what does not, with all that it started.
    pub(crate) async fn stop(mut self) {
        for child in &mut self.0 {
            let Some(group) = child.id() else { continue };
            signal_group("INT", group).await;
            if tokio::time::timeout(PATIENCE, child.wait()).await.is_err() {
                signal_group("KILL", group).await;
                let _ = child.wait().await;
            }
            // What the process itself left behind is still of its group.
            signal_group("KILL", group).await;
        }
    }
}

/// Sends a signal to a process and to all that it started. There may be none any more.
async fn signal_group(name: &str, group: u32) {
    let _ = Command::new("sh")
        .args(["-c", "kill -s \"$0\" -- -\"$1\"", name, &group.to_string()])
        .stderr(Stdio::null())
        .status()
        .await;
}

/// Returns at Ctrl-C, when the terminal is closed, and when someone asks the process to end.
pub(crate) async fn asked_to_stop() {
    let wait = async |kind| match signal(kind) {
        Ok(mut signal) => {
            signal.recv().await;
        }
        Err(_) => std::future::pending().await,
    };
    tokio::select! {
        () = wait(SignalKind::interrupt()) => {}
        () = wait(SignalKind::terminate()) => {}
        () = wait(SignalKind::hangup()) => {}
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::AsyncReadExt;

    use super::*;

    #[tokio::test]
    async fn a_process_that_is_asked_to_end_ends() {
        let mut processes = Processes::default();
        let id = processes.start(command("sleep").arg("60")).unwrap().id().unwrap();
        processes.stop().await;
        let probe =
            command("sh").args(["-c", "kill -0 \"$0\" 2>&1", &id.to_string()]).output().await.unwrap();
        assert!(!probe.status.success(), "{probe:?}");
    }

    #[cfg(target_os = "linux")]
    #[tokio::test]
    async fn what_a_process_started_ends_with_it_even_if_it_will_not() {
        let mut processes = Processes::default();
        let deaf = "trap '' INT; sleep 60 >/dev/null & echo $!; exec >&-; wait";
        let shell = processes.start(command("sh").args(["-c", deaf]).stdout(Stdio::piped())).unwrap();
        let mut words = String::new();
        shell.stdout.take().unwrap().read_to_string(&mut words).await.unwrap();
        processes.stop().await;
        // Gone, or dead and not yet collected by whoever inherited it.
        let state = std::fs::read_to_string(format!("/proc/{}/stat", words.trim())).unwrap_or_default();
        assert!(state.is_empty() || state.contains(") Z "), "{state}");
    }

    #[tokio::test]
    async fn a_program_that_is_not_there_is_named() {
        let problem = Processes::default().run(&mut command("no-such-program")).await.unwrap_err();
        assert!(problem.contains("no-such-program"), "{problem}");
    }
}
