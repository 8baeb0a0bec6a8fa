//! The functions' environment variables: usable, equal in every function, and those of the stack.

use postern::door::authorization::CALLBACK_PATH;
use postern_rules::config::{Config, VARIABLES};

use super::finding::{DEPLOY_AGAIN, Finding, or_good};
use super::functions::Function;
use super::target::Target;

/// One line for all functions, or one for each thing that is wrong.
pub(super) fn examine(target: &Target, functions: &[Function]) -> Vec<Finding> {
    let Some((first, others)) = functions.split_first() else { return Vec::new() };
    let mut wrong = Vec::new();
    for function in functions {
        let name = &function.name;
        if function.has_failed {
            wrong.push(format!("Lambda failed to create or update the function {name}"));
        }
        match Config::read(|variable| function.variables.get(variable).cloned()) {
            Ok(config) => wrong.extend(
                foreign(target, &config)
                    .map(|variable| format!("{variable} of {name} is not the one in the stack's outputs")),
            ),
            Err(error) => {
                let error = error.to_string();
                let error = error.trim_end_matches('.');
                wrong.push(format!("the configuration of {name} is not usable ({error})"));
            }
        }
    }
    for other in others {
        let differs = |name: &&str| first.variables.get(*name) != other.variables.get(*name);
        let differing = VARIABLES.iter().map(|variable| variable.name).filter(differs);
        wrong.extend(
            differing.map(|variable| format!("{variable} differs in {} and {}", first.name, other.name)),
        );
    }
    let names: Vec<&str> = functions.iter().map(|function| function.name.as_str()).collect();
    let wrong = wrong.into_iter().map(|what| Finding::wrong(what, DEPLOY_AGAIN)).collect();
    or_good(wrong, format!("the configuration of {}", names.join(", ")))
}

/// The variables with which a function uses something that is not the stack's.
fn foreign(target: &Target, config: &Config) -> impl Iterator<Item = &'static str> {
    let callback = config.public_url.as_ref().map(|url| url.join(CALLBACK_PATH));
    let pairs = [
        ("CREDENTIALS_TABLE", config.credentials_table == target.credentials_table),
        ("SESSIONS_TABLE", config.sessions_table == target.sessions_table),
        ("GOOGLE_CLIENT_SECRET_ID", config.google_client_secret_id == target.google_client),
        ("SEALING_KEYS_SECRET_ID", config.sealing_keys_secret_id == target.sealing_keys),
        ("PUBLIC_URL", callback.is_none_or(|callback| callback == target.callback)),
    ];
    pairs.into_iter().filter(|(_, is_of_stack)| !is_of_stack).map(|(variable, _)| variable)
}
