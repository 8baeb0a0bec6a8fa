//! MiniStack, an emulator of AWS that this project did not write: fetched into `.tools/`, run on
//! loopback only.

use std::net::Ipv4Addr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use tokio::net::TcpStream;
use tokio::process::Command;
use tokio::time::{Instant, sleep};

use crate::browser::Browser;
use crate::dev::ports;
use crate::log;
use crate::processes::Processes;
use crate::python::{Program, module};

/// The version that is fetched.
pub(crate) const VERSION: &str = "1.5.33";
/// MiniStack reads SAM templates with the translator that the SAM CLI has.
const MINISTACK: Program = Program {
    name: "ministack",
    version: VERSION,
    module: "ministack",
    beside: Some("aws-sam-translator==1.115.0"),
};

/// How long it may take until it answers.
const FIRST_ANSWER: Duration = Duration::from_mins(1);
/// Another address of loopback, which it must not listen on.
const OTHER_ADDRESS: Ipv4Addr = Ipv4Addr::new(127, 0, 0, 2);

/// MiniStack's files.
pub(crate) struct MiniStack(PathBuf);

impl MiniStack {
    /// Finds MiniStack in the project's own folder, or fetches it there.
    pub(crate) async fn find(processes: &mut Processes) -> Result<Self, String> {
        MINISTACK.find(processes).await.map(Self)
    }

    /// Starts it without checks of permissions on a free port, and waits until it answers; gives
    /// its URL. Its output goes to `log`.
    pub(crate) async fn start(
        &self,
        services: &str,
        log: &Path,
        processes: &mut Processes,
    ) -> Result<String, String> {
        let port = ports::free().await?;
        let mut command = self.command(port);
        run(command.env("SERVICES", services).env("AUTH", "false"), port, log, processes).await
    }

    /// Starts it as an account: every service, permissions enforced, and functions that run with
    /// `environment` besides their own.
    pub(crate) async fn start_account(
        &self,
        environment: &[(&str, String)],
        log: &Path,
        processes: &mut Processes,
    ) -> Result<String, String> {
        let port = ports::free().await?;
        let mut command = self.command(port);
        command.env("AUTH", "true").env_remove("SERVICES");
        // A function inherits MiniStack's environment, and calls MiniStack in AWS's place.
        let ways = ["AWS_ENDPOINT_URL", "AWS_ENDPOINT_URL_DYNAMODB", "AWS_ENDPOINT_URL_SECRETS_MANAGER"];
        command.envs(ways.map(|variable| (variable, url_of(port))));
        command.envs(environment.iter().map(|(name, value)| (name, value)));
        run(&mut command, port, log, processes).await
    }

    fn command(&self, port: u16) -> Command {
        let mut command = module(MINISTACK.module, &self.0);
        command
            // Without this it listens on every interface.
            .env("BIND_HOST", "127.0.0.1")
            .env("GATEWAY_PORT", port.to_string())
            // What the caller's environment may say for another MiniStack.
            .envs([
                ("PERSIST_STATE", "0"),
                ("USE_SSL", "0"),
                ("IOT_MTLS_ENABLED", "0"),
                ("SFTP_ENABLED", "0"),
            ])
            // At its start and end it removes containers, those of another MiniStack among them.
            .env("DOCKER_HOST", "unix:///nowhere");
        command
    }
}

fn url_of(port: u16) -> String {
    format!("http://127.0.0.1:{port}")
}

async fn run(
    command: &mut Command,
    port: u16,
    log: &Path,
    processes: &mut Processes,
) -> Result<String, String> {
    log::write_words_of(command, log)?;
    let ministack = processes.start(command)?;
    let url = url_of(port);
    let deadline = Instant::now() + FIRST_ANSWER;
    loop {
        if let Ok(Some(status)) = ministack.try_wait() {
            return Err(format!("MiniStack ended before it was ready: {status}"));
        }
        match Browser::new()?.get(&format!("{url}/_ministack/health")).await {
            Ok(answer) if answer.body["version"] == VERSION => break,
            Ok(answer) => return Err(format!("another program answers at {url}: {}", answer.body)),
            Err(_) if Instant::now() < deadline => sleep(Duration::from_millis(100)).await,
            Err(problem) => return Err(format!("MiniStack does not answer: {problem}")),
        }
    }
    if TcpStream::connect((OTHER_ADDRESS, port)).await.is_ok() {
        return Err("MiniStack listens on other addresses than 127.0.0.1".to_owned());
    }
    Ok(url)
}
