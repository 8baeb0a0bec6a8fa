//! `cargo xtask doctor`: checks a deployment, or the stack of `cargo xtask dev`, without a browser.
//! Changes nothing itself, and never prints a secret.

mod cors;
mod finding;
mod functions;
mod gmail;
mod google;
mod logs;
mod permissions;
mod problem;
mod secrets;
mod start;
mod tables;
mod target;
#[cfg(test)]
#[cfg(feature = "local")]
mod tests;

use postern_rules::secret::SessionToken;

pub(crate) use self::finding::Finding;
pub(crate) use self::target::Target;
use crate::account::Account;
use crate::commands::{DoctorOptions, Ports};

/// Checks what the options name and prints what it finds.
pub(crate) async fn run(options: DoctorOptions) -> Result<(), String> {
    let mut target = if options.local {
        Target::local(Ports {
            api: options.api_port,
            page: options.page_port,
            dynamodb: options.data.dynamodb_port,
            secrets: options.data.secrets_port,
            ..Ports::DEFAULT
        })
        .await?
    } else {
        let account = Account::open(&options.account).await?;
        Target::of_stack(&account, &options.stack_name, None).await?
    };
    target.session = session();
    let findings = examine(&target).await;
    for finding in &findings {
        println!("{finding}");
    }
    let wrong = findings.iter().filter(|finding| finding.is_wrong()).count();
    let good = findings.iter().filter(|finding| matches!(finding, Finding::Good(_))).count();
    println!("{good} good, {wrong} wrong, {} not known", findings.len() - good - wrong);
    match wrong {
        0 => Ok(()),
        1 => Err("one thing is wrong; its line above says how to fix it".to_owned()),
        wrong => Err(format!("{wrong} things are wrong; their lines above say how to fix them")),
    }
}

/// Makes every check. None needs another to succeed; one that lacks something it needs says so.
pub(crate) async fn examine(target: &Target) -> Vec<Finding> {
    // On the heap: all checks together are large for a stack.
    Box::pin(async {
        let ((functions, configuration), (client, secrets)) =
            tokio::join!(functions::examine(target), secrets::examine(target));
        let (tables, permissions, start, cors, google, (gmail, logs)) = tokio::join!(
            tables::examine(target),
            permissions::examine(target, &functions),
            start::examine(target),
            cors::examine(target, &functions),
            google::examine(target, client.as_ref()),
            async {
                let (log, findings) = logs::examine(target, &functions).await;
                (gmail::examine(target, client.as_ref(), log.as_ref()).await, findings)
            },
        );
        let (start, gmail) = (vec![start], vec![gmail]);
        [configuration, secrets, tables, permissions, start, cors, google, gmail, logs].concat()
    })
    .await
}

/// A session of the API, with which doctor can ask Gmail.
#[expect(clippy::disallowed_methods, reason = "the one place where doctor reads the environment")]
fn session() -> Option<SessionToken> {
    let text = std::env::var("POSTERN_SESSION_TOKEN").ok()?;
    Some(SessionToken::new(text.trim())).filter(|token| !token.expose().is_empty())
}
