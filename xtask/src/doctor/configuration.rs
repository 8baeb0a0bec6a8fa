//! The functions' environment variables: usable, the same in every function, and those of the stack.

use std::cell::RefCell;
use std::collections::BTreeSet;

use shared::config::Config;
use shared::gateway::authorization::CALLBACK_PATH;

use super::finding::{DEPLOY_AGAIN, Finding};
use super::functions::Function;
use super::target::Target;

/// Lambda itself adds these to a function's environment; no configuration shows them.
const SET_BY_LAMBDA: [&str; 3] = ["AWS_REGION", "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"];

/// One line for all functions, or one for each thing that is wrong.
pub(super) fn examine(target: &Target, functions: &[Function]) -> Vec<Finding> {
    let mut wrongs = Vec::new();
    let read: RefCell<BTreeSet<String>> = RefCell::default();
    for function in functions {
        let name = &function.name;
        if function.has_failed {
            let what = format!("Lambda failed to create or update the function {name}");
            wrongs.push(Finding::wrong(what, DEPLOY_AGAIN));
        }
        let config = Config::read(|variable| {
            read.borrow_mut().insert(variable.to_owned());
            let stand_in = SET_BY_LAMBDA.contains(&variable).then(|| "set-by-lambda".to_owned());
            function.variables.get(variable).cloned().or(stand_in)
        });
        match config {
            Ok(config) => wrongs.extend(foreign(target, name, &config)),
            Err(error) => wrongs.push(wrong(&format!("the configuration of {name}: {error}"))),
        }
    }
    if let Some((first, others)) = functions.split_first() {
        for other in others {
            for variable in read.borrow().iter() {
                if first.variables.get(variable) != other.variables.get(variable) {
                    wrongs.push(wrong(&format!("{variable} differs in {} and {}", first.name, other.name)));
                }
            }
        }
        if wrongs.is_empty() {
            let names: Vec<&str> = functions.iter().map(|function| function.name.as_str()).collect();
            return vec![Finding::good(format!("the configuration of {}", names.join(", ")))];
        }
    }
    wrongs
}

fn wrong(what: &str) -> Finding {
    Finding::wrong(what.trim_end_matches('.'), DEPLOY_AGAIN)
}

/// Whatever a function uses that is not the stack's.
fn foreign(target: &Target, name: &str, config: &Config) -> Vec<Finding> {
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
        .map(|(variable, ..)| wrong(&format!("{variable} of {name} is not the one in the stack's outputs")))
        .collect()
}
