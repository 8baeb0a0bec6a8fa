//! `cargo xtask dev`: starts the back ends, the functions and the demo page, and stops them all.

pub(crate) mod check;
mod page;
pub(crate) mod ports;

use std::path::{Path, PathBuf};
use std::time::Duration;

use harness::{Options, Stack};
use tokio::process::Child;

use crate::browser::Browser;
use crate::commands::{DevOptions, Ports};
use crate::log;
use crate::processes::{INTERRUPTED, Processes, command, root, run_to_the_end};
use crate::tools::{CARGO_LAMBDA, Tools};
use crate::visit::{ACCOUNT, Visit};

/// Each function, and a request that wakes it up without doing anything.
const FUNCTIONS: [(&str, &str); 6] = [
    ("auth-start", "/auth/start"),
    ("auth-token", "/auth/token"),
    ("oauth-callback", "/oauth/callback"),
    ("list-messages", "/messages"),
    ("connection", "/connection"),
    ("sign-out", "/auth/sign-out"),
];

/// How long a function may take from its first request to its first answer; it may have to be
/// compiled.
const FIRST_ANSWER: Duration = Duration::from_mins(5);

/// The local Postern, ready.
struct Local {
    stack: Stack,
    api: String,
    page: String,
}

/// Serves until Ctrl-C, or tries everything once.
pub(crate) async fn run(options: DevOptions) -> Result<(), String> {
    if options.check {
        let log: PathBuf = root().join("target").join("xtask-check.log");
        let outcome = run_to_the_end(async |processes| {
            let free = Ports { api: 0, page: 0, google: 0, dynamodb: 0, secrets: 0 };
            let (local, _) = start(free, Some(&log), processes).await?;
            let browser = Browser::new()?;
            check::run(Visit::new(&local.stack.google, &local.api, &local.page, browser, ACCOUNT)).await
        });
        return outcome.await.inspect_err(|_| log::show_end_of(&log));
    }
    let outcome = run_to_the_end(async |processes| serve(options.ports, processes).await).await;
    // There is no other way to end it.
    if outcome.as_ref().is_err_and(|problem| problem == INTERRUPTED) { Ok(()) } else { outcome }
}

async fn serve(ports: Ports, processes: &mut Processes) -> Result<(), String> {
    let (local, watch) = start(ports, None, processes).await?;
    println!();
    println!("  demo page                   {}", local.page);
    println!("  API                         {}", local.api);
    println!("  fake Google, control page   {}/control", local.stack.google.url());
    println!("  DynamoDB                    {}", local.stack.dynamodb.url());
    println!("  Secrets Manager             {}", local.stack.secrets.url());
    println!();
    println!("ready; Ctrl-C stops everything");
    let _ = watch.wait().await;
    Err("cargo lambda watch ended by itself; its output is above".to_owned())
}

/// Starts everything. The functions' output goes to the terminal or to `log`.
async fn start<'a>(
    ports: Ports,
    log: Option<&Path>,
    processes: &'a mut Processes,
) -> Result<(Local, &'a mut Child), String> {
    let bound = ports::take(ports).await?;
    let tools = Tools::of_the_machine().find(&[CARGO_LAMBDA], processes).await?;
    build(processes).await?;

    let api = format!("http://localhost:{}", bound.api);
    let page = format!("http://localhost:{}", ports::port_of(&bound.page)?);
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

    let mut watch = tools.command("cargo");
    watch
        .args(["lambda", "watch", "--invoke-address", "127.0.0.1", "--invoke-port", &bound.api.to_string()])
        .envs(stack.environment())
        .env("AWS_LAMBDA_LOG_LEVEL", "INFO")
        // A session token or profile of the caller's account has no business with the fakes.
        .env_remove("AWS_SESSION_TOKEN")
        .env_remove("AWS_PROFILE");
    if let Some(log) = log {
        log::write_words_of(&mut watch, log)?;
        watch.arg("--ignore-changes");
    }
    let watch = processes.start(&mut watch)?;
    tokio::select! {
        outcome = wake_up(&api) => outcome?,
        _ = watch.wait() => return Err("cargo lambda watch ended before it was ready".to_owned()),
    }
    Ok((Local { stack, api, page }, watch))
}

/// Builds the functions where the progress can be seen; `cargo lambda watch` then finds them built.
/// No package is named, for then cargo chooses the same features as that command's `cargo run
/// --bin`.
async fn build(processes: &mut Processes) -> Result<(), String> {
    println!("building the functions");
    let mut cargo = command("cargo");
    cargo.arg("build").args(FUNCTIONS.iter().flat_map(|(function, _)| ["--bin", function]));
    processes.succeed(&mut cargo).await
}

/// Asks each function something harmless until it answers, so that a person's first click is fast.
async fn wake_up(api: &str) -> Result<(), String> {
    println!("starting the functions");
    for (function, path) in FUNCTIONS {
        let answer = Browser::new()?.first_answer(&format!("{api}{path}"), FIRST_ANSWER).await;
        let status = answer.map_err(|problem| format!("{function} does not answer: {problem}"))?.status;
        if status >= 500 {
            return Err(format!("{function} answered its first request with {status}"));
        }
    }
    Ok(())
}
