//! Python with what the example for back ends needs: Google's client and AWS's.

use std::path::PathBuf;
use std::process::Stdio;

use aws_credential_types::Credentials;
use tokio::io::AsyncWriteExt as _;
use tokio::process::Command;

use super::cloud::{Cloud, owner};
use crate::processes::{Processes, command, root};

/// What the example needs, with versions.
const REQUIREMENTS: &str = "examples/back-ends/python/requirements.txt";

/// Python, in a cloud.
pub(super) struct Python {
    packages: PathBuf,
    url: String,
    region: String,
    /// The account's owner.
    pub(super) owner: Credentials,
}

impl Python {
    /// Fetches the packages into target/, unless they are there.
    pub(super) async fn fetch(cloud: &Cloud, processes: &mut Processes) -> Result<Self, String> {
        let packages = root().join("target").join("e2e-python");
        let requirements = root().join(REQUIREMENTS);
        let read = |path: &PathBuf| std::fs::read_to_string(path).unwrap_or_default();
        let complete = packages.join("requirements.txt");
        if read(&complete) != read(&requirements) {
            let mut pip = command("python3");
            pip.args(["-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--upgrade"]);
            pip.arg("--target").arg(&packages).arg("--requirement").arg(&requirements);
            // It warns of packages of the machine that have nothing to do with these.
            processes.succeed(pip.stderr(Stdio::null())).await?;
            std::fs::copy(&requirements, &complete).map_err(|error| error.to_string())?;
        }
        let (url, region) = (cloud.url.clone(), cloud.account.region().to_owned());
        Ok(Self { packages, url, region, owner: owner() })
    }

    /// `python3 words`, with these credentials and pipes to it.
    pub(super) fn command(
        &self,
        words: &[&str],
        credentials: &Credentials,
        environment: &[(&str, &str)],
    ) -> Command {
        let mut python = command("python3");
        let session = credentials.session_token().map(|token| ("AWS_SESSION_TOKEN", token));
        let aws = [
            ("AWS_ENDPOINT_URL", self.url.as_str()),
            ("AWS_REGION", &self.region),
            ("AWS_DEFAULT_REGION", &self.region),
            ("AWS_ACCESS_KEY_ID", credentials.access_key_id()),
            ("AWS_SECRET_ACCESS_KEY", credentials.secret_access_key()),
        ];
        python.args(words).env_remove("AWS_PROFILE").env_remove("AWS_SESSION_TOKEN");
        python.envs(aws).envs(session).envs(environment.iter().copied());
        python.env("PYTHONPATH", &self.packages).env("PYTHONDONTWRITEBYTECODE", "1");
        python.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).kill_on_drop(true);
        python
    }

    /// What `python3 words` prints, with these credentials; it must succeed.
    pub(super) async fn run(
        &self,
        words: &[&str],
        input: &str,
        credentials: &Credentials,
        environment: &[(&str, &str)],
    ) -> Result<String, String> {
        let mut python = self.command(words, credentials, environment);
        let mut running = python.spawn().map_err(|error| format!("python3 does not start: {error}"))?;
        if let Some(mut stdin) = running.stdin.take() {
            stdin.write_all(input.as_bytes()).await.map_err(|error| error.to_string())?;
        }
        let output = running.wait_with_output().await.map_err(|error| error.to_string())?;
        if output.status.success() {
            return Ok(String::from_utf8_lossy(&output.stdout).trim().to_owned());
        }
        let said = String::from_utf8_lossy(&output.stderr);
        let last = said.trim().lines().last().unwrap_or_default();
        Err(format!("{} failed: {last}", words.join(" ")))
    }
}
