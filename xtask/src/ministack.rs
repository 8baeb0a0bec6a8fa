//! MiniStack, an emulator of AWS that this project did not write: fetched into `.tools/`, run on
//! loopback only.

use std::net::Ipv4Addr;
use std::path::Path;
use std::time::Duration;

use tokio::net::TcpStream;

use crate::browser::Browser;
use crate::dev::ports;
use crate::log;
use crate::processes::Processes;
use crate::tools::{MINISTACK, Tools};

/// How long it may take until it answers.
const FIRST_ANSWER: Duration = Duration::from_mins(1);
/// Another address of loopback, which it must not listen on.
const OTHER_ADDRESS: Ipv4Addr = Ipv4Addr::new(127, 0, 0, 2);

/// Starts MiniStack with `settings` on a free port, and waits until it answers; gives its URL. Its
/// output, and that of the functions in it, goes to `log`.
pub(crate) async fn start(
    settings: &[(&str, String)],
    log: &Path,
    processes: &mut Processes,
) -> Result<String, String> {
    let tools = Tools::of_the_machine().fetch(&MINISTACK, processes).await?;
    let port = ports::free().await?;
    let url = format!("http://127.0.0.1:{port}");
    let mut command = tools.command("ministack");
    command
        // Without this it listens on every interface.
        .env("BIND_HOST", "127.0.0.1")
        .env("GATEWAY_PORT", port.to_string())
        // What the caller's environment may say for another MiniStack.
        .envs([("PERSIST_STATE", "0"), ("USE_SSL", "0"), ("IOT_MTLS_ENABLED", "0"), ("SFTP_ENABLED", "0")])
        .env_remove("SERVICES")
        // At its start and end it removes containers, those of another MiniStack among them.
        .env("DOCKER_HOST", "unix:///nowhere")
        // A function inherits MiniStack's environment, and calls MiniStack in AWS's place.
        .envs(
            ["", "_DYNAMODB", "_EVENTBRIDGE", "_SECRETS_MANAGER"]
                .map(|of| (format!("AWS_ENDPOINT_URL{of}"), &url)),
        )
        .envs(settings.iter().map(|(name, value)| (name, value)));
    log::write_words_of(&mut command, log)?;
    let ministack = processes.start(&mut command)?;
    let mut browser = Browser::new()?;
    let health = format!("{url}/_ministack/health");
    let answer = tokio::select! {
        answer = browser.first_answer(&health, FIRST_ANSWER) => answer,
        _ = ministack.wait() => Err("it ended".to_owned()),
    };
    let health = answer.map_err(|problem| format!("MiniStack does not start: {problem}"))?.body;
    let version = health["version"].as_str().ok_or_else(|| format!("another program answers at {url}"))?;
    if TcpStream::connect((OTHER_ADDRESS, port)).await.is_ok() {
        return Err("MiniStack listens on other addresses than 127.0.0.1".to_owned());
    }
    println!("MiniStack {version} listens at {url} and at no other address");
    Ok(url)
}
