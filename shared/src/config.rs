//! The process's environment: the only file that reads it. What the variables mean is
//! [`postern_rules::config`].

use aws_credential_types::Credentials;
use postern_rules::config::{ConfigError, Variables, names};

/// What the AWS clients are made with.
#[derive(Clone, Debug)]
pub struct Aws {
    /// `AWS_REGION`.
    pub region: String,
    /// The credentials that Lambda puts into the environment.
    pub credentials: Credentials,
    /// `AWS_ENDPOINT_URL_DYNAMODB`.
    pub dynamodb_endpoint: Option<String>,
    /// `AWS_ENDPOINT_URL_SECRETS_MANAGER`.
    pub secrets_manager_endpoint: Option<String>,
}

impl Aws {
    /// Reads the variables through `look_up`; an empty value counts as unset.
    pub fn read(look_up: impl Fn(&str) -> Option<String>) -> Result<Self, ConfigError> {
        let variables = Variables(look_up);
        Ok(Self {
            region: variables.required(&names::AWS_REGION)?,
            credentials: Credentials::new(
                variables.required(&names::AWS_ACCESS_KEY_ID)?,
                variables.required(&names::AWS_SECRET_ACCESS_KEY)?,
                variables.optional(&names::AWS_SESSION_TOKEN),
                None,
                "environment",
            ),
            dynamodb_endpoint: variables.url(&names::AWS_ENDPOINT_URL_DYNAMODB)?,
            secrets_manager_endpoint: variables.url(&names::AWS_ENDPOINT_URL_SECRETS_MANAGER)?,
        })
    }
}

/// A variable of the process's environment.
#[expect(clippy::disallowed_methods, reason = "the one place that reads the environment")]
pub fn environment(variable: &str) -> Option<String> {
    std::env::var(variable).ok()
}

/// The log level, from `AWS_LAMBDA_LOG_LEVEL` (Lambda's advanced logging controls); unset or
/// unknown: info. Nothing here is worse than an error, so `FATAL` is that.
pub fn log_level() -> tracing::Level {
    let level = environment(names::AWS_LAMBDA_LOG_LEVEL.name).unwrap_or_default();
    if level.eq_ignore_ascii_case("fatal") {
        return tracing::Level::ERROR;
    }
    level.parse().unwrap_or(tracing::Level::INFO)
}
