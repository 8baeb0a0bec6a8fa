//! `cargo xtask dev`: starts the back ends, the functions and the demo page, and stops them all.

pub(crate) mod ports;

use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::time::Duration;

use harness::front::Front;
use harness::page::Page;
use harness::{Options, Stack, check, template};
use postern_rules::config::Origins;
use tokio::process::{Child, Command};

use crate::browser::Browser;
use crate::commands::{DevOptions, Ports};
use crate::log;
use crate::processes::{INTERRUPTED, Processes, command, root, run_to_the_end};
use crate::tools::{CARGO_LAMBDA, Tools};
use crate::visit::{ACCOUNT, Visit};

/// How long a function may take from its first request to its first answer; it may have to be
/// compiled.
const FIRST_ANSWER: Duration = Duration::from_mins(5);

/// The other front end of `--check`. Nothing needs to run there.
const OTHER: &str = "http://localhost:5173";

/// The local Postern, ready.
struct Local {
    stack: Stack,
    api: String,
    page: String,
    /// Where the functions are invoked by their names.
    lambda: String,
    _servers: (Front, Page),
}

impl Local {
    /// Tells a command where everything is.
    fn tell<'a>(&self, command: &'a mut Command) -> &'a mut Command {
        let origins = self.stack.environment().remove("ALLOWED_ORIGINS").unwrap_or_default();
        command.envs([
            ("POSTERN_API", self.api.clone()),
            ("POSTERN_PAGE", self.page.clone()),
            ("POSTERN_GOOGLE", self.stack.google.url().to_owned()),
            ("POSTERN_DYNAMODB", self.stack.dynamodb.url()),
            ("POSTERN_LAMBDA", self.lambda.clone()),
            ("POSTERN_ORIGINS", origins),
        ])
    }
}

/// Serves until Ctrl-C; or tries everything once, or runs a command beside it.
pub(crate) async fn run(options: DevOptions) -> Result<(), String> {
    if options.check || !options.beside.is_empty() {
        let log: PathBuf = root().join("target").join("xtask-check.log");
        let outcome = run_to_the_end(async |processes| {
            let free = Ports { api: 0, page: 0, google: 0, dynamodb: 0, secrets: 0, lambda: 0 };
            let mut options = DevOptions { ports: free, ..options };
            options.origins.extend(options.check.then(|| OTHER.to_owned()));
            let (local, _) = start(&options, Some(&log), processes).await?;
            if let [program, arguments @ ..] = &options.beside[..] {
                return processes.succeed(local.tell(command(program).args(arguments))).await;
            }
            let browser = Browser::new()?;
            check::run(Visit::new(&local.stack.google, &local.api, &local.page, browser, ACCOUNT)).await?;
            check::cors(&local.api, &[&local.page, OTHER]).await
        });
        return outcome.await.inspect_err(|_| log::show_end_of(&log));
    }
    let outcome = run_to_the_end(async |processes| serve(&options, processes).await).await;
    // There is no other way to end it.
    if outcome.as_ref().is_err_and(|problem| problem == INTERRUPTED) { Ok(()) } else { outcome }
}

async fn serve(options: &DevOptions, processes: &mut Processes) -> Result<(), String> {
    let (local, watch) = start(options, None, processes).await?;
    println!();
    println!("  demo page                   {}", local.page);
    println!("  API                         {}", local.api);
    println!("  fake Google, control page   {}/control", local.stack.google.url());
    println!("  DynamoDB                    {}", local.stack.dynamodb.url());
    println!("  Secrets Manager             {}", local.stack.secrets.url());
    println!("  Lambda                      {}", local.lambda);
    println!();
    println!("ready; Ctrl-C stops everything");
    let _ = watch.wait().await;
    Err("cargo lambda watch ended by itself; its output is above".to_owned())
}

/// Starts everything. The functions' output goes to the terminal or to `log`.
async fn start<'a>(
    options: &DevOptions,
    log: Option<&Path>,
    processes: &'a mut Processes,
) -> Result<(Local, &'a mut Child), String> {
    for origin in &options.origins {
        Origins::parse(origin).ok_or_else(|| {
            format!("--origin {origin}: give scheme, host and port alone; http only for loopback")
        })?;
    }
    let bound = ports::take(options.ports).await?;
    let tools = Tools::of_the_machine().find(&[CARGO_LAMBDA], processes).await?;
    build(processes).await?;

    let api = format!("http://localhost:{}", ports::port_of(&bound.api)?);
    let page = format!("http://localhost:{}", ports::port_of(&bound.page)?);
    let origins = [std::slice::from_ref(&page), &options.origins].concat();
    let stack = Stack::start(Options {
        public_url: api.clone(),
        allowed_origins: origins.join(","),
        allowed_return_uris: options.return_uris.join(","),
        listeners: Some(bound.back_ends),
        ..Options::default()
    })
    .await;
    let functions = SocketAddr::from((Ipv4Addr::LOCALHOST, bound.lambda));
    let front = Front::start(bound.api, functions, origins);
    let page_server = Page::start(bound.page, &api, &format!("{}/control", stack.google.url()));

    let mut watch = tools.command("cargo");
    watch
        .args(["lambda", "watch", "--invoke-address", "127.0.0.1"])
        .args(["--invoke-port", &functions.port().to_string()])
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
        outcome = wake_up(functions) => outcome?,
        _ = watch.wait() => return Err("cargo lambda watch ended before it was ready".to_owned()),
    }
    let lambda = format!("http://{functions}");
    Ok((Local { stack, api, page, lambda, _servers: (front, page_server) }, watch))
}

/// Builds the functions where the progress can be seen; `cargo lambda watch` then finds them built.
/// No package is named, for then cargo chooses the same features as that command's `cargo run
/// --bin`.
async fn build(processes: &mut Processes) -> Result<(), String> {
    println!("building the functions");
    let mut cargo = command("cargo");
    let functions = template::roles::functions(&template::read());
    cargo.arg("build").args(functions.iter().flat_map(|(_, function)| ["--bin", function]));
    processes.succeed(&mut cargo).await
}

/// Asks each function something harmless until it answers, so that a person's first click is fast.
async fn wake_up(functions: SocketAddr) -> Result<(), String> {
    println!("starting the functions");
    // Nobody is signed in, so that no GET does anything.
    for path in template::paths(&template::read()) {
        let answer = Browser::new()?.first_answer(&format!("http://{functions}{path}"), FIRST_ANSWER).await;
        let status = answer.map_err(|problem| format!("GET {path} has no answer: {problem}"))?.status;
        if status >= 500 {
            return Err(format!("GET {path} answered its first request with {status}"));
        }
    }
    Ok(())
}
