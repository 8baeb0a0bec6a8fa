//! `cargo xtask doctor`: checks a deployment, or the stack of `cargo xtask dev`, without a browser.
//! Changes nothing itself, and never prints a secret.

mod alarms;
mod aliases;
mod api;
mod cloudwatch;
mod cors;
mod drift;
mod finding;
mod functions;
mod gmail;
mod google;
mod items;
mod logs;
mod problem;
mod roles;
mod routes;
mod secrets;
mod tables;
mod target;
mod template;
#[cfg(test)]
#[cfg(feature = "local")]
mod tests;

use std::process::ExitCode;

use postern_rules::secret::SessionToken;
use serde_json::{Value, json};

pub(crate) use self::finding::Finding;
use self::logs::Log;
pub(crate) use self::target::Target;
use crate::account::Account;
use crate::commands::{DoctorOptions, Output, Ports, TargetOptions};

/// What doctor found.
pub(crate) struct Report {
    /// Each finding with the name of its check.
    pub(crate) findings: Vec<(&'static str, Finding)>,
    /// Whether Postern itself answered every request to the API.
    pub(crate) api_answers: bool,
}

impl Report {
    /// 0: nothing is wrong. 1: something is. 2: the API gave no answer of Postern's.
    pub(crate) fn exit_code(&self) -> u8 {
        let is_wrong = self.findings.iter().any(|(_, finding)| finding.is_wrong());
        if self.api_answers { u8::from(is_wrong) } else { 2 }
    }

    /// What docs/deploy.md promises to pipelines.
    fn json(&self) -> Value {
        let [good, wrong, unknown] = self.counts();
        let findings = self.findings.iter().map(|(check, finding)| {
            let mut finding = finding.json();
            finding["check"] = json!(check);
            finding
        });
        json!({
            "exit_code": self.exit_code(),
            "good": good,
            "wrong": wrong,
            "unknown": unknown,
            "findings": findings.collect::<Value>(),
        })
    }

    fn counts(&self) -> [usize; 3] {
        let count =
            |is: fn(&Finding) -> bool| self.findings.iter().filter(|(_, finding)| is(finding)).count();
        let good = count(|finding| matches!(finding, Finding::Good(_)));
        let wrong = count(Finding::is_wrong);
        [good, wrong, self.findings.len() - good - wrong]
    }

    fn print(&self, output: Output) {
        if output == Output::Json {
            println!("{}", self.json());
            return;
        }
        for (_, finding) in &self.findings {
            println!("{finding}");
        }
        let [good, wrong, unknown] = self.counts();
        println!("{good} good, {wrong} wrong, {unknown} not known");
        if !self.api_answers {
            println!("the API gave no usable answer");
        }
    }
}

/// Checks what the options name and prints what it finds. If nothing can be asked, that is no
/// usable answer either.
pub(crate) async fn run(options: DoctorOptions) -> ExitCode {
    match target(&options).await {
        Ok(target) => {
            let report = examine(&target).await;
            report.print(options.output);
            ExitCode::from(report.exit_code())
        }
        Err(problem) => {
            eprintln!("xtask: {problem}");
            ExitCode::from(2)
        }
    }
}

async fn target(options: &DoctorOptions) -> Result<Target, String> {
    let TargetOptions { account, stack_name, local, data } = &options.target;
    let mut target = if *local {
        Target::local(Ports {
            api: options.api_port,
            page: options.page_port,
            dynamodb: data.dynamodb_port,
            secrets: data.secrets_port,
            ..Ports::DEFAULT
        })
        .await?
    } else {
        let account = Account::open(account).await?;
        Target::of_stack(&account, stack_name, None).await?
    };
    target.session = session();
    Ok(target)
}

/// Makes every check. None needs another to succeed; one that lacks something it needs says so.
pub(crate) async fn examine(target: &Target) -> Report {
    // On the heap: all checks together are large for a stack.
    Box::pin(async {
        let ((mut findings, log), (held, secrets), (api_answers, api)) =
            tokio::join!(of_deployment(target), secrets::examine(target), api::examine(target));
        let (items, tables, cors, google, gmail) = tokio::join!(
            items::examine(target, held.keys.as_ref()),
            tables::examine(target),
            cors::examine(target),
            google::examine(target, held.client.as_ref()),
            gmail::examine(target, held.client.as_ref(), log.as_ref()),
        );
        let more = [
            ("api", api),
            ("cors", cors),
            ("secrets", secrets),
            ("items", items),
            ("tables", tables),
            ("google", google),
            ("gmail", vec![gmail]),
        ];
        findings.extend(more);
        let each =
            findings.into_iter().flat_map(|(check, found)| found.into_iter().map(move |one| (check, one)));
        Report { findings: each.collect(), api_answers }
    })
    .await
}

type Named = (&'static str, Vec<Finding>);

/// The checks that only a deployment can have, and the log of list-messages.
async fn of_deployment(target: &Target) -> (Vec<Named>, Option<Log>) {
    let Some(deployment) = &target.deployment else { return (Vec::new(), None) };
    let templates = match template::read(deployment).await {
        Ok(templates) => templates,
        Err(finding) => return (vec![("template", vec![finding])], None),
    };
    let ((log, functions, logs), drift, roles, routes, alarms) = tokio::join!(
        async {
            let (functions, findings) = functions::examine(deployment, &templates).await;
            let (log, logs) = logs::examine(deployment, &functions).await;
            (log, findings, logs)
        },
        drift::examine(deployment, &templates),
        roles::examine(deployment, &templates),
        routes::examine(deployment, &templates),
        alarms::examine(deployment, &templates),
    );
    let findings = vec![
        ("functions", functions),
        ("drift", drift),
        ("routes", routes),
        ("roles", roles),
        ("alarms", alarms),
        ("logs", logs),
    ];
    (findings, log)
}

/// A session of the API, with which doctor can ask Gmail.
#[expect(clippy::disallowed_methods, reason = "the one place where doctor reads the environment")]
fn session() -> Option<SessionToken> {
    let text = std::env::var("POSTERN_SESSION_TOKEN").ok()?;
    Some(SessionToken::new(text.trim())).filter(|token| !token.expose().is_empty())
}
