//! The processes that a command starts: each in a group of its own, and none outlives the command.

use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use tokio::process::{Child, Command};
use tokio::signal::unix::{SignalKind, signal};

/// The outcome of a command that was asked to stop.
pub(crate) const INTERRUPTED: &str = "interrupted";
/// How long a process may take to end by itself.
const GRACE: Duration = Duration::from_secs(5);

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

/// Takes what `cargo run` says about xtask out of a command's environment: another cargo that
/// inherits it runs build scripts again.
pub(crate) fn forget_cargo(command: &mut std::process::Command) {
    let about_xtask = |name: &str| name.starts_with("CARGO_PKG_") || name.starts_with("CARGO_MANIFEST_");
    for (name, _) in std::env::vars_os() {
        if name.to_str().is_some_and(|name| about_xtask(name) || name == "LD_LIBRARY_PATH") {
            command.env_remove(name);
        }
    }
}

/// The processes started so far.
#[derive(Default)]
pub(crate) struct Processes(Vec<Child>);

impl Processes {
    /// Starts a process. In a group of its own, it gets Ctrl-C only through `stop`, and in order.
    pub(crate) fn start(&mut self, command: &mut Command) -> Result<&mut Child, String> {
        let program = command.as_std().get_program().to_string_lossy().into_owned();
        let child = command.process_group(0).spawn();
        self.0.push(child.map_err(|error| format!("cannot start {program}: {error}"))?);
        self.0.last_mut().ok_or(program)
    }

    /// Runs a process to its end and says whether it succeeded.
    pub(crate) async fn run(&mut self, command: &mut Command) -> Result<bool, String> {
        let child = self.start(command)?;
        let status = child.wait().await.map_err(|error| error.to_string())?;
        self.0.pop();
        Ok(status.success())
    }

    /// Runs a process, which must succeed.
    pub(crate) async fn succeed(&mut self, command: &mut Command) -> Result<(), String> {
        if self.run(command).await? {
            return Ok(());
        }
        let command = command.as_std();
        let words = [command.get_program()].into_iter().chain(command.get_args().take(1));
        let words: Vec<_> = words.map(|word| word.to_string_lossy()).collect();
        Err(format!("{} failed; its output is above", words.join(" ")))
    }

    /// Asks every process to end, waits, and ends by force what does not, with all that it started.
    pub(crate) async fn stop(mut self) {
        for child in &mut self.0 {
            let Some(group) = child.id() else { continue };
            signal_group("INT", group).await;
            if tokio::time::timeout(GRACE, child.wait()).await.is_err() {
                signal_group("KILL", group).await;
                let _ = child.wait().await;
            }
            // What the process itself left behind is still in its group.
            signal_group("KILL", group).await;
        }
    }
}

/// Runs `work` until it ends or is asked to stop. No process that it started outlives it.
pub(crate) async fn run_to_the_end(
    work: impl AsyncFnOnce(&mut Processes) -> Result<(), String>,
) -> Result<(), String> {
    let mut processes = Processes::default();
    let outcome = tokio::select! {
        outcome = work(&mut processes) => outcome,
        () = asked_to_stop() => Err(INTERRUPTED.to_owned()),
    };
    processes.stop().await;
    outcome
}

/// Sends a signal to a process and to all that it started. There may be none any more.
async fn signal_group(name: &str, group: u32) {
    let mut kill = Command::new("sh");
    kill.args(["-c", "kill -s \"$0\" -- -\"$1\"", name, &group.to_string()]).stderr(Stdio::null());
    let _ = kill.status().await;
}

/// Returns at Ctrl-C, when the terminal is closed, and when someone asks the process to end.
pub(crate) async fn asked_to_stop() {
    let wait = async |kind| match signal(kind) {
        Ok(mut signal) => drop(signal.recv().await),
        Err(_) => std::future::pending().await,
    };
    tokio::select! {
        () = wait(SignalKind::interrupt()) => {}
        () = wait(SignalKind::terminate()) => {}
        () = wait(SignalKind::hangup()) => {}
    }
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use tokio::io::AsyncReadExt;

    use super::*;

    #[tokio::test]
    async fn what_a_process_started_ends_with_it_even_if_it_ignores_an_interrupt() {
        let mut processes = Processes::default();
        let deaf = "trap '' INT; sleep 60 >/dev/null & echo $!; exec >&-; wait";
        let shell = processes.start(command("sh").args(["-c", deaf]).stdout(Stdio::piped())).expect("sh");
        let mut id = String::new();
        let output = shell.stdout.take().expect("the output is piped");
        tokio::io::BufReader::new(output).read_to_string(&mut id).await.expect("the id is text");
        processes.stop().await;
        // Gone, or dead and not yet collected by its new parent.
        let state = std::fs::read_to_string(format!("/proc/{}/stat", id.trim())).unwrap_or_default();
        assert!(state.is_empty() || state.contains(") Z "), "{state}");
    }
}
