//! The functions' variables: each usable, all the same, and those of the stack.

use postern::door::authorization::CALLBACK_PATH;
use postern_rules::config::Config;

use super::finding::Finding;
use super::functions::{Facts, Function};
use super::target::Target;

const DEPLOY_AGAIN: &str = "deploy the template again; README.md has the table of variables";

/// What Lambda itself puts into a function's environment, and no configuration shows.
const SET_BY_LAMBDA: [&str; 3] = ["AWS_REGION", "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"];

/// What must be the same in every function.
const SHARED: [&str; 11] = [
    "CREDENTIALS_TABLE",
    "SESSIONS_TABLE",
    "GOOGLE_CLIENT_SECRET_ID",
    "SEALING_KEYS_SECRET_ID",
    "PUBLIC_URL",
    "ALLOWED_ORIGINS",
    "ALLOWED_DOMAINS",
    "GMAIL_SCOPES",
    "GMAIL_URL",
    "GOOGLE_USERINFO_URL",
    "GOOGLE_REVOKE_URL",
];

/// The configuration that a function would read.
pub(super) fn read(facts: &Facts) -> Result<Config, String> {
    let look_up = |name: &str| {
        let stand_in = SET_BY_LAMBDA.contains(&name).then(|| "set-by-lambda".to_owned());
        facts.variables.get(name).cloned().or(stand_in)
    };
    Config::read(look_up).map_err(|error| error.to_string())
}

/// One line for all the functions, or one for each thing that is wrong.
pub(super) fn examine(target: &Target, functions: &[Function]) -> Vec<Finding> {
    let mut findings = Vec::new();
    let mut known: Vec<(&str, &Facts)> = Vec::new();
    for function in functions {
        match &function.facts {
            Ok(facts) => known.push((function.name, facts)),
            Err(finding) => findings.push(finding.clone()),
        }
    }
    let mut wrongs = Vec::new();
    for (name, facts) in &known {
        if facts.has_failed {
            let what = format!("Lambda could not make the function {name} ready");
            wrongs.push(Finding::wrong(what, "deploy the template again"));
        }
        match read(facts) {
            Err(detail) => wrongs.push(Finding::wrong(
                format!("the configuration of {name}: {}", detail.trim_end_matches('.')),
                DEPLOY_AGAIN,
            )),
            Ok(config) => wrongs.extend(strangers(target, name, &config)),
        }
    }
    if let Some(((first, facts), others)) = known.split_first() {
        for (name, other) in others {
            let differing =
                SHARED.iter().filter(|name| facts.variables.get(**name) != other.variables.get(**name));
            wrongs.extend(differing.map(|variable| {
                Finding::wrong(format!("{variable} is not the same in {first} and {name}"), DEPLOY_AGAIN)
            }));
        }
    }
    if wrongs.is_empty() && !known.is_empty() {
        let names: Vec<&str> = known.iter().map(|(name, _)| *name).collect();
        findings.push(Finding::good(format!("the configuration of {}", names.join(", "))));
    }
    findings.extend(wrongs);
    findings
}

/// What a function uses that is not the stack's.
fn strangers(target: &Target, name: &str, config: &Config) -> Vec<Finding> {
    let names = &target.names;
    let callback = config.public_url.as_ref().map(|url| url.join(CALLBACK_PATH));
    let pairs = [
        ("CREDENTIALS_TABLE", &config.credentials_table, &names.credentials_table),
        ("SESSIONS_TABLE", &config.sessions_table, &names.sessions_table),
        ("GOOGLE_CLIENT_SECRET_ID", &config.google_client_secret_id, &names.google_client),
        ("SEALING_KEYS_SECRET_ID", &config.sealing_keys_secret_id, &names.sealing_keys),
        ("PUBLIC_URL", callback.as_ref().unwrap_or(&target.callback), &target.callback),
    ];
    let differing = pairs.into_iter().filter(|(_, used, of_stack)| used != of_stack);
    differing
        .map(|(variable, ..)| {
            let what = format!("{variable} of {name} is not what the stack's outputs say");
            Finding::wrong(what, DEPLOY_AGAIN)
        })
        .collect()
}
