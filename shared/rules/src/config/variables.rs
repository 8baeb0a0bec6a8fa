//! Every environment variable with its meaning. docs/configuration.md is generated from this list.

use super::{ConfigError, safe_url};

/// What applies if a variable is not set.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Default {
    /// The variable is required.
    Required,
    /// This value.
    Value(&'static str),
    /// The behavior that this phrase describes.
    Described(&'static str),
    /// The Lambda runtime sets the variable.
    SetByLambda,
}

/// An environment variable.
#[derive(Clone, Copy, Debug)]
pub struct Variable {
    /// Its name.
    pub name: &'static str,
    /// What applies if it is not set.
    pub default: Default,
    /// Its meaning, as documented.
    pub meaning: &'static str,
    /// The problem of an invalid value.
    form: &'static str,
}

impl Variable {
    /// The error for an invalid value.
    pub const fn unusable(&self) -> ConfigError {
        ConfigError::unusable(self.name, self.form)
    }
}

const TABLE_FORM: &str =
    "The function may not use one of its two tables, or AWS does not accept its credentials.";
const URL_FORM: &str = "The value must be an https URL (http for localhost).";

/// The variables by name.
pub mod names {
    use super::{Default, TABLE_FORM, URL_FORM, Variable};

    macro_rules! variables {
        ($($name:ident, $default:expr, $meaning:literal, $form:expr;)*) => {
            $(
                #[doc = $meaning]
                pub const $name: Variable =
                    Variable { name: stringify!($name), default: $default, meaning: $meaning, form: $form };
            )*
            /// All variables, in the order of the documentation.
            pub(super) const ALL: &[Variable] = &[$($name),*];
        };
    }

    variables! {
        CREDENTIALS_TABLE, Default::Required,
            "DynamoDB table with the partition key `user_id` (S): one item for each Google user.", TABLE_FORM;
        SESSIONS_TABLE, Default::Required,
            "DynamoDB table with the partition key `id` (S) and the TTL attribute `expires_at`: sessions and used states.", TABLE_FORM;
        GOOGLE_CLIENT_SECRET_ID, Default::Required,
            "Name or ARN of the Secrets Manager secret with Google's `client_secrets.json`.", "";
        SEALING_KEYS_SECRET_ID, Default::Required,
            "Name or ARN of the Secrets Manager secret with the keyring.", "";
        ALLOWED_ORIGINS, Default::Required,
            "Origins of the front ends, comma separated.",
            "The value must be a comma-separated list of https origins such as https://app.example.com (http for localhost).";
        ALLOWED_RETURN_URIS, Default::Described("none"),
            "Exact redirect URIs of native and server-rendered applications, comma separated, beside the URLs of `ALLOWED_ORIGINS`.",
            "The value must be a comma-separated list of whole URIs: https, a private scheme with a dot such as com.example.app:/callback, or http of a loopback host without a port.";
        PUBLIC_URL, Default::Described("`https://`, the event's domain name and its stage"),
            "Base URL of this API as browsers see it.",
            "The value must be an https URL without query or fragment (http for localhost).";
        GMAIL_SCOPES, Default::Value("https://www.googleapis.com/auth/gmail.readonly"),
            "OAuth scopes that every grant must cover, space separated; `openid email` are always added.",
            "The value must not have gmail.metadata beside a broader Gmail scope: with it Gmail refuses every search.";
        ALLOWED_DOMAINS, Default::Described("any account"),
            "Google Workspace domains whose accounts may connect, comma separated, in lower case.",
            "The value must be a comma-separated list of domains in lower case, such as example.com.";
        ORIGIN_SECRET_HASHES, Default::Described("no secret is needed"),
            "SHA-256, in hexadecimal digits, of the secret that every request must carry in `X-Origin-Secret`; during a rotation of both, comma separated.",
            "The value must be one SHA-256 in lower-case hexadecimal digits, or two with a comma between them.";
        EVENT_BUS_NAME, Default::Described("no events"),
            "Name or ARN of the EventBridge bus that the function `events` puts events on.",
            "The value must be the name or the ARN of an EventBridge bus.";
        EVENTS_CARRY_EMAIL, Default::Value("off"),
            "`on`: events carry the user's e-mail address. `off`: only Google's user ID.",
            "The value must be on or off.";
        SWEEP_UNUSED_DAYS, Default::Described("no sweep"),
            "Days, 1 to 150, after which the function `sweep` refreshes a grant that nobody used.",
            "The value must be a whole number from 1 to 150.";
        SWEEP_REFRESHES_PER_SECOND, Default::Value("2"),
            "How many refreshes a second the function `sweep` makes at most.",
            "The value must be a whole number from 1 to 1000.";
        METRICS_NAMESPACE, Default::Described("no metrics"),
            "CloudWatch namespace of the metrics; the stack sets `Postern/<stack name>`.", "The value is not a valid CloudWatch namespace.";
        EXTRA_ROOT_CERTIFICATES, Default::Described("none"),
            "Path of a PEM file with root certificates to trust besides the built-in ones.",
            "The value must be the path of a readable PEM file with at least one certificate.";
        GMAIL_URL, Default::Value("https://gmail.googleapis.com"), "Base URL of the Gmail API.", URL_FORM;
        GOOGLE_USERINFO_URL, Default::Value("https://www.googleapis.com/oauth2/v3/userinfo"),
            "URL of Google's UserInfo endpoint.", URL_FORM;
        GOOGLE_REVOKE_URL, Default::Value("https://oauth2.googleapis.com/revoke"),
            "URL of Google's revocation endpoint.", URL_FORM;
        GOOGLE_CERTIFICATES_URL, Default::Value("https://www.googleapis.com/oauth2/v3/certs"),
            "URL of the keys that Google signs security events with; only the function `risc` reads them.", URL_FORM;
        AWS_ENDPOINT_URL_DYNAMODB, Default::Described("AWS"),
            "Another endpoint for DynamoDB.", URL_FORM;
        AWS_ENDPOINT_URL_SECRETS_MANAGER, Default::Described("AWS"),
            "Another endpoint for Secrets Manager.", URL_FORM;
        AWS_ENDPOINT_URL_EVENTBRIDGE, Default::Described("AWS"),
            "Another endpoint for EventBridge.", URL_FORM;
        AWS_REGION, Default::SetByLambda, "The AWS region.", "";
        AWS_ACCESS_KEY_ID, Default::SetByLambda, "The function's AWS credentials.", "";
        AWS_SECRET_ACCESS_KEY, Default::SetByLambda, "The function's AWS credentials.", "";
        AWS_SESSION_TOKEN, Default::SetByLambda, "The function's AWS credentials.", "";
        AWS_LAMBDA_FUNCTION_NAME, Default::SetByLambda, "The function's name in the metrics.", "";
        AWS_LAMBDA_LOG_LEVEL, Default::SetByLambda,
            "`TRACE`, `DEBUG`, `INFO`, `WARN` or `ERROR`; `INFO` if it is unset or unknown.", "";
    }
}

/// All variables, in the order of the documentation.
pub const VARIABLES: &[Variable] = names::ALL;

/// The environment, read through a lookup function. An empty value counts as unset.
pub struct Variables<F>(pub F);

impl<F: Fn(&str) -> Option<String>> Variables<F> {
    /// The value, if set.
    pub fn optional(&self, variable: &Variable) -> Option<String> {
        (self.0)(variable.name).filter(|value| !value.trim().is_empty())
    }

    /// The value, which must be set.
    pub fn required(&self, variable: &Variable) -> Result<String, ConfigError> {
        self.optional(variable).ok_or(ConfigError::missing(variable.name))
    }

    /// The parsed value, if set.
    pub fn parsed<T>(
        &self,
        variable: &Variable,
        parse: impl FnOnce(&str) -> Option<T>,
    ) -> Result<Option<T>, ConfigError> {
        self.optional(variable).map(|text| parse(&text).ok_or(variable.unusable())).transpose()
    }

    /// An https URL (http for loopback hosts) as written, if set.
    pub fn url(&self, variable: &Variable) -> Result<Option<String>, ConfigError> {
        self.parsed(variable, |text| safe_url(text).map(|_| text.to_owned()))
    }

    /// The URL that is set, or the variable's default, without a trailing slash.
    pub(super) fn url_or_default(&self, variable: &Variable) -> Result<String, ConfigError> {
        let default = if let Default::Value(default) = variable.default { default } else { "" };
        let without_slash =
            |text: &str| safe_url(text).map(|url| url.as_str().trim_end_matches('/').to_owned());
        Ok(self.parsed(variable, without_slash)?.unwrap_or_else(|| default.to_owned()))
    }
}
