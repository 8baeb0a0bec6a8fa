//! `cargo xtask dev`: starts the back ends, the functions and the demo page, and stops them all.

use std::path::PathBuf;
use std::time::Duration;

use harness::{Options, Stack};
use tokio::process::Child;
use tokio::time::{Instant, sleep};
use xtask::browser::Browser;
use xtask::cargo_lambda::CargoLambda;
use xtask::log;
use xtask::ports::{Ports, port_of};
use xtask::processes::{Processes, asked_to_stop, command, root};

use crate::{check, page};

/// Each function, and a request that wakes it up without doing anything.
const FUNCTIONS: [(&str, &str); 3] =
    [("auth-start", "/auth/start"), ("oauth-callback", "/oauth/callback"), ("list-messages", "/messages")];

/// How long a function may take from its first request to its first answer; it may have to be compiled.
const FIRST_ANSWER: Duration = Duration::from_mins(5);

/// The local Postern, ready.
pub(crate) struct Local {
    pub(crate) stack: Stack,
    pub(crate) api: String,
    pub(crate) page: String,
}

/// Where the functions' own words go.
enum Words {
    Terminal,
    Log(PathBuf),
}

/// Runs until Ctrl-C.
pub(crate) async fn serve(ports: Ports) -> Result<(), String> {
    let mut processes = Processes::default();
    let outcome = tokio::select! {
        outcome = serve_until_it_fails(ports, &mut processes) => outcome,
        () = asked_to_stop() => {
            println!("stopping");
            Ok(())
        }
    };
    processes.stop().await;
    outcome
}

/// Starts everything on free ports, tries the whole flow, and stops.
pub(crate) async fn check() -> Result<(), String> {
    let mut processes = Processes::default();
    let path = root().join("target").join("xtask-check.log");
    let words = Words::Log(path.clone());
    let outcome = tokio::select! {
        outcome = async {
            let (local, _) = start(Ports::FREE, &words, &mut processes).await?;
            check::run(&local).await
        } => outcome,
        () = asked_to_stop() => Err("interrupted".to_owned()),
    };
    processes.stop().await;
    outcome.inspect_err(|_| log::show_end_of(&path))
}

async fn serve_until_it_fails(ports: Ports, processes: &mut Processes) -> Result<(), String> {
    let (local, watch) = start(ports, &Words::Terminal, processes).await?;
    let google = local.stack.google.url().to_owned();
    println!();
    println!("  demo page                   {}", local.page);
    println!("  API                         {}", local.api);
    println!("  fake Google, control page   {google}/control");
    println!("  DynamoDB                    {}", local.stack.dynamodb.url());
    println!("  Secrets Manager             {}", local.stack.secrets.url());
    println!();
    println!("ready; Ctrl-C stops everything");
    let _ = watch.wait().await;
    Err("cargo lambda watch ended by itself; its last words are above".to_owned())
}

async fn start<'a>(
    ports: Ports,
    words: &Words,
    processes: &'a mut Processes,
) -> Result<(Local, &'a mut Child), String> {
    let bound = ports.bind().await?;
    let cargo_lambda = CargoLambda::find(processes).await?;
    build(processes).await?;

    let api = format!("http://localhost:{}", bound.api);
    let page = format!("http://localhost:{}", port_of(&bound.page)?);
    let options = Options {
        public_url: api.clone(),
        allowed_origins: page.clone(),
        listeners: Some(bound.back_ends),
        ..Options::default()
    };
    let stack = Stack::start(options).await;
    let google_control = format!("{}/control", stack.google.url());
    #[expect(clippy::disallowed_methods, reason = "the page is served beside the functions")]
    tokio::spawn(page::serve(bound.page, api.clone(), google_control));

    let watch = watch(&cargo_lambda, bound.api, &stack, words, processes)?;
    tokio::select! {
        outcome = wake_up(&api) => outcome?,
        _ = watch.wait() => return Err("cargo lambda watch ended before it was ready".to_owned()),
    }
    Ok((Local { stack, api, page }, watch))
}

/// Builds the functions where the progress can be seen; `cargo lambda watch` then finds them built. No package is
/// named, for then cargo chooses the same features as that command's own `cargo run --bin`.
async fn build(processes: &mut Processes) -> Result<(), String> {
    println!("building the functions");
    let mut cargo = command("cargo");
    cargo.arg("build");
    for (function, _) in FUNCTIONS {
        cargo.args(["--bin", function]);
    }
    if processes.run(&mut cargo).await? {
        Ok(())
    } else {
        Err("the functions do not build; cargo's words are above".to_owned())
    }
}

fn watch<'a>(
    cargo_lambda: &CargoLambda,
    port: u16,
    stack: &Stack,
    words: &Words,
    processes: &'a mut Processes,
) -> Result<&'a mut Child, String> {
    let mut command = cargo_lambda.command();
    command
        .args(["watch", "--invoke-address", "127.0.0.1", "--invoke-port", &port.to_string()])
        .envs(stack.environment())
        .env("AWS_LAMBDA_LOG_LEVEL", "INFO")
        // A session token or profile of the caller's own account has no business with the fakes.
        .env_remove("AWS_SESSION_TOKEN")
        .env_remove("AWS_PROFILE");
    if let Words::Log(path) = words {
        log::write_words_of(&mut command, path)?;
        command.arg("--ignore-changes");
    }
    processes.start(&mut command)
}

/// Asks each function something harmless until it answers, so that the first click of a person is a fast one.
async fn wake_up(api: &str) -> Result<(), String> {
    println!("starting the functions");
    let deadline = Instant::now() + FIRST_ANSWER;
    for (function, path) in FUNCTIONS {
        let status = loop {
            match Browser::new()?.get(&format!("{api}{path}")).await {
                Ok(answer) => break answer.status,
                Err(_) if Instant::now() < deadline => sleep(Duration::from_millis(100)).await,
                Err(problem) => return Err(format!("{function} does not answer: {problem}")),
            }
        };
        if status >= 500 {
            return Err(format!("{function} answered its first request with {status}"));
        }
    }
    Ok(())
}
