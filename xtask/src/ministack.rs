//! MiniStack, an emulator of AWS that this project did not write: fetched into `.tools/`, run on loopback alone.

use std::net::Ipv4Addr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use tokio::net::TcpStream;
use tokio::process::{Child, Command};
use tokio::time::{Instant, sleep};

use crate::browser::Browser;
use crate::dev::ports;
use crate::log;
use crate::processes::Processes;
use crate::python;

/// The version that is fetched.
pub(crate) const VERSION: &str = "1.5.33";
const MODULE: &str = "ministack";
/// What MiniStack reads SAM templates with; the version that the SAM CLI has.
const SAM_TRANSLATOR: &str = "aws-sam-translator==1.115.0";

/// How long it may take until it answers.
const FIRST_ANSWER: Duration = Duration::from_mins(1);
/// An address of this machine that is loopback, too, but not the one to listen on.
const OTHER_ADDRESS: Ipv4Addr = Ipv4Addr::new(127, 0, 0, 2);

/// MiniStack's files.
pub(crate) struct MiniStack(PathBuf);

impl MiniStack {
    /// Finds MiniStack in the project's own folder, or fetches it there.
    pub(crate) async fn find(processes: &mut Processes) -> Result<Self, String> {
        let (name, folder) = (format!("MiniStack {VERSION}"), format!("ministack-{VERSION}-sam"));
        let requirements = [SAM_TRANSLATOR, &format!("ministack=={VERSION}")];
        python::program(&name, &folder, &requirements, MODULE, processes).await.map(Self)
    }

    /// Starts it with these services on a free port, for a caller without permissions to check, and waits until it
    /// answers; gives its URL. Its words go to `log`.
    pub(crate) async fn start(
        &self,
        services: &str,
        log: &Path,
        processes: &mut Processes,
    ) -> Result<String, String> {
        let port = ports::free().await?;
        let mut command = self.command(port);
        command.env("SERVICES", services).env("AUTH", "false");
        run(command, port, log, processes).await
    }

    /// Starts it as an account: every service, permissions enforced, and functions that run with `environment` besides
    /// their own.
    pub(crate) async fn start_account(
        &self,
        environment: &[(&str, String)],
        log: &Path,
        processes: &mut Processes,
    ) -> Result<String, String> {
        let port = ports::free().await?;
        let mut command = self.command(port);
        let url = format!("http://127.0.0.1:{port}");
        command
            .env("AUTH", "true")
            // A function inherits MiniStack's own environment, and calls MiniStack in AWS's place.
            .env("AWS_ENDPOINT_URL", &url)
            .env("AWS_ENDPOINT_URL_DYNAMODB", &url)
            .env("AWS_ENDPOINT_URL_SECRETS_MANAGER", &url)
            .envs(environment.iter().map(|(name, value)| (name, value)))
            .env_remove("SERVICES");
        run(command, port, log, processes).await
    }

    fn command(&self, port: u16) -> Command {
        let mut command = python::module(MODULE, &self.0);
        command
            // Without this it listens on every interface.
            .env("BIND_HOST", "127.0.0.1")
            .env("GATEWAY_PORT", port.to_string())
            // What the caller's own environment may say for another MiniStack.
            .envs([("PERSIST_STATE", "0"), ("USE_SSL", "0")])
            .envs([("IOT_MTLS_ENABLED", "0"), ("SFTP_ENABLED", "0")])
            // At its start and end it removes containers, those of another MiniStack among them.
            .env("DOCKER_HOST", "unix:///nowhere");
        command
    }
}

async fn run(
    mut command: Command,
    port: u16,
    log: &Path,
    processes: &mut Processes,
) -> Result<String, String> {
    log::write_words_of(&mut command, log)?;
    let ministack = processes.start(&mut command)?;
    let url = format!("http://127.0.0.1:{port}");
    wait_for(ministack, &url).await?;
    if TcpStream::connect((OTHER_ADDRESS, port)).await.is_ok() {
        return Err("MiniStack listens on other addresses than 127.0.0.1".to_owned());
    }
    Ok(url)
}

async fn wait_for(ministack: &mut Child, url: &str) -> Result<(), String> {
    let deadline = Instant::now() + FIRST_ANSWER;
    loop {
        if let Ok(Some(status)) = ministack.try_wait() {
            return Err(format!("MiniStack ended before it was ready: {status}"));
        }
        match Browser::new()?.get(&format!("{url}/_ministack/health")).await {
            Ok(answer) if answer.body["version"] == VERSION => return Ok(()),
            Ok(answer) => return Err(format!("what answers at {url} is another program: {}", answer.body)),
            Err(problem) if Instant::now() >= deadline => {
                return Err(format!("MiniStack does not answer: {problem}"));
            }
            Err(_) => sleep(Duration::from_millis(100)).await,
        }
    }
}
