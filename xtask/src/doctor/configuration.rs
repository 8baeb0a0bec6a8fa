//! The functions' environment variables: usable, equal in every function, and those of the stack.

use postern::door::authorization::CALLBACK_PATH;
use postern_rules::config::{Config, VARIABLES};

use super::finding::{DEPLOY_AGAIN, Finding};
use super::functions::Function;
use super::target::Target;

/// One line for all functions, or one for each thing that is wrong.
pub(super) fn examine(target: &Target, functions: &[Function]) -> Vec<Finding> {
    let Some((first, others)) = functions.split_first() else { return Vec::new() };
    let mut wrongs = Vec::new();
    for function in functions {
        let name = &function.name;
        if function.has_failed {
            wrongs.push(wrong(&format!("Lambda failed to create or update the function {name}")));
        }
        match Config::read(|variable| function.variables.get(variable).cloned()) {
            Ok(config) => wrongs.extend(foreign(target, name, &config)),
            Err(error) => wrongs.push(wrong(&format!(
                "the configuration of {name} is not usable ({})",
                error.to_string().trim_end_matches('.')
            ))),
        }
    }
    for other in others {
        let differs = |name: &&str| first.variables.get(*name) != other.variables.get(*name);
        let differing = VARIABLES.iter().map(|variable| variable.name).filter(differs);
        wrongs.extend(
            differing
                .map(|variable| wrong(&format!("{variable} differs in {} and {}", first.name, other.name))),
        );
    }
    if wrongs.is_empty() {
        let names: Vec<&str> = functions.iter().map(|function| function.name.as_str()).collect();
        wrongs.push(Finding::good(format!("the configuration of {}", names.join(", "))));
    }
    wrongs
}

fn wrong(what: &str) -> Finding {
    Finding::wrong(what, DEPLOY_AGAIN)
}

/// Whatever a function uses that is not the stack's.
fn foreign(target: &Target, name: &str, config: &Config) -> Vec<Finding> {
    let callback = config.public_url.as_ref().map(|url| url.join(CALLBACK_PATH));
    let pairs = [
        ("CREDENTIALS_TABLE", &config.credentials_table, &target.credentials_table),
        ("SESSIONS_TABLE", &config.sessions_table, &target.sessions_table),
        ("GOOGLE_CLIENT_SECRET_ID", &config.google_client_secret_id, &target.google_client),
        ("SEALING_KEYS_SECRET_ID", &config.sealing_keys_secret_id, &target.sealing_keys),
        ("PUBLIC_URL", callback.as_ref().unwrap_or(&target.callback), &target.callback),
    ];
    let differing = pairs.into_iter().filter(|(_, used, of_stack)| used != of_stack);
    differing
        .map(|(variable, ..)| wrong(&format!("{variable} of {name} is not the one in the stack's outputs")))
        .collect()
}
