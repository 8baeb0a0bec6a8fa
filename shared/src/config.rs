//! The configuration: each variable, what it means and how it is checked. Only this file and `config/telemetry` read the
//! environment.

mod details;
mod domains;
mod telemetry;

use std::path::PathBuf;

use url::{Host, Url};

pub use self::details::DETAILS;
pub(crate) use self::details::listed;
pub use self::domains::Domains;
pub use self::telemetry::{MetricsNames, log_level};
use crate::credential::Scopes;

/// A setting that is missing or unusable. Names the variable; never holds its value.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{detail}")]
pub struct ConfigError {
    variable: &'static str,
    detail: &'static str,
}

/// The error of a variable, with the whole sentence made at compile time.
macro_rules! unusable {
    ($variable:literal, $problem:literal) => {
        $crate::config::ConfigError::new(
            $variable,
            const { $crate::config::listed(concat!($variable, " ", $problem)) },
        )
    };
}
pub(crate) use unusable;

impl ConfigError {
    pub(crate) const fn new(variable: &'static str, detail: &'static str) -> Self {
        Self { variable, detail }
    }

    /// The variable's name.
    pub const fn variable(&self) -> &'static str {
        self.variable
    }

    /// A sentence that names the variable and says what is wrong with it.
    pub const fn detail(&self) -> &'static str {
        self.detail
    }
}

/// The front-end origins that may call, be returned to and post (RFC 6454): compared whole, never in part.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Origins(Vec<String>);

impl Origins {
    /// Whether `origin`, exactly as a browser writes it, is in the list.
    pub fn contain(&self, origin: &str) -> bool {
        self.0.iter().any(|allowed| allowed == origin)
    }

    /// The first origin, where the browser goes when nothing else was asked for.
    pub fn first(&self) -> &str {
        &self.0[0]
    }

    /// Reads a comma-separated list; every entry must be an origin as browsers write it.
    pub fn parse(list: &str) -> Option<Self> {
        let origins: Vec<String> = list.split(',').map(|entry| entry.trim().to_owned()).collect();
        origins.iter().all(|origin| is_origin(origin)).then_some(Self(origins))
    }
}

/// The base URL of this API as browsers see it, without a trailing slash.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PublicUrl(String);

impl PublicUrl {
    /// Takes an https URL (http for a loopback host) without query, fragment or user.
    pub fn parse(text: &str) -> Option<Self> {
        let url = safe_url(text)?;
        let plain = url.query().is_none() && url.fragment().is_none();
        plain.then(|| Self(url.as_str().trim_end_matches('/').to_owned()))
    }

    /// The URL of `path` (which begins with a slash) under this base.
    pub fn join(&self, path: &str) -> String {
        format!("{}{path}", self.0)
    }

    /// The path that the base itself has; empty for none.
    pub fn path_prefix(&self) -> &str {
        let after_scheme = self.0.find("://").map_or(0, |index| index + 3);
        self.0[after_scheme..].find('/').map_or("", |index| &self.0[after_scheme + index..])
    }
}

/// What the AWS clients are made with.
#[derive(Clone, Debug)]
pub struct Aws {
    /// `AWS_REGION`.
    pub region: String,
    /// The credentials that Lambda puts into the environment.
    pub credentials: aws_credential_types::Credentials,
    /// `AWS_ENDPOINT_URL_DYNAMODB`: the SDK's own variable for another endpoint.
    pub dynamodb_endpoint: Option<String>,
    /// `AWS_ENDPOINT_URL_SECRETS_MANAGER`.
    pub secrets_manager_endpoint: Option<String>,
}

/// The whole configuration of a process.
#[derive(Clone, Debug)]
pub struct Config {
    /// `CREDENTIALS_TABLE`: DynamoDB table, partition key `user_id` (S).
    pub credentials_table: String,
    /// `SESSIONS_TABLE`: DynamoDB table, partition key `id` (S), TTL attribute `expires_at`.
    pub sessions_table: String,
    /// `GOOGLE_CLIENT_SECRET_ID`: Secrets Manager name or ARN of Google's `client_secrets.json`.
    pub google_client_secret_id: String,
    /// `SEALING_KEYS_SECRET_ID`: Secrets Manager name or ARN of the keyring.
    pub sealing_keys_secret_id: String,
    /// `PUBLIC_URL`: this API's base URL; unset, the event's domain name stands in.
    pub public_url: Option<PublicUrl>,
    /// `ALLOWED_ORIGINS`: the front ends.
    pub allowed_origins: Origins,
    /// `ALLOWED_DOMAINS`: the Workspace domains whose accounts may connect; empty: anyone.
    pub allowed_domains: Domains,
    /// `GMAIL_SCOPES` with `openid email` added: what every grant must cover.
    pub scopes: Scopes,
    /// `GMAIL_URL`, without a trailing slash.
    pub gmail_url: String,
    /// `GOOGLE_USERINFO_URL`.
    pub userinfo_url: String,
    /// `GOOGLE_REVOKE_URL`.
    pub revoke_url: String,
    /// `EXTRA_ROOT_CERTIFICATES`: a PEM file of roots to trust besides the built-in ones.
    pub extra_root_certificates: Option<PathBuf>,
    /// What the AWS clients need.
    pub aws: Aws,
}

impl Config {
    /// Reads the process's environment.
    #[expect(clippy::disallowed_methods, reason = "the one place that reads the environment")]
    pub fn from_environment() -> Result<Self, ConfigError> {
        Self::read(|variable| std::env::var(variable).ok())
    }

    /// Reads the variables through `look_up`; an empty value counts as unset.
    pub fn read(look_up: impl Fn(&str) -> Option<String>) -> Result<Self, ConfigError> {
        let optional = |variable| look_up(variable).filter(|value| !value.trim().is_empty());
        let public_url = optional("PUBLIC_URL").map(|text| {
            PublicUrl::parse(&text).ok_or(unusable!(
                "PUBLIC_URL",
                "must be an https URL without query or fragment (http for localhost)."
            ))
        });
        let scopes =
            optional("GMAIL_SCOPES").map_or_else(Scopes::default_needed, |text| Scopes::needed(&text));
        if scopes.have_metadata_beside_broader() {
            return Err(unusable!(
                "GMAIL_SCOPES",
                "must not have gmail.metadata beside a broader Gmail scope: with it Gmail refuses every search."
            ));
        }
        let origins = optional("ALLOWED_ORIGINS").ok_or(unusable!("ALLOWED_ORIGINS", "is not set."))?;
        Ok(Self {
            credentials_table: optional("CREDENTIALS_TABLE").ok_or(unusable!("CREDENTIALS_TABLE", "is not set."))?,
            sessions_table: optional("SESSIONS_TABLE").ok_or(unusable!("SESSIONS_TABLE", "is not set."))?,
            google_client_secret_id: optional("GOOGLE_CLIENT_SECRET_ID")
                .ok_or(unusable!("GOOGLE_CLIENT_SECRET_ID", "is not set."))?,
            sealing_keys_secret_id: optional("SEALING_KEYS_SECRET_ID")
                .ok_or(unusable!("SEALING_KEYS_SECRET_ID", "is not set."))?,
            public_url: public_url.transpose()?,
            allowed_origins: Origins::parse(&origins).ok_or(unusable!(
                "ALLOWED_ORIGINS",
                "must be a comma-separated list of https origins such as https://app.example.com (http for localhost)."
            ))?,
            allowed_domains: optional("ALLOWED_DOMAINS")
                .map_or(Some(Domains::default()), |list| Domains::parse(&list))
                .ok_or(unusable!(
                    "ALLOWED_DOMAINS",
                    "must be a comma-separated list of domains in lower case, such as example.com."
                ))?,
            scopes,
            gmail_url: service_url(optional("GMAIL_URL"), "https://gmail.googleapis.com")
                .ok_or(unusable!("GMAIL_URL", "must be an https URL (http for localhost)."))?,
            userinfo_url: service_url(optional("GOOGLE_USERINFO_URL"), "https://www.googleapis.com/oauth2/v3/userinfo")
                .ok_or(unusable!("GOOGLE_USERINFO_URL", "must be an https URL (http for localhost)."))?,
            revoke_url: service_url(optional("GOOGLE_REVOKE_URL"), "https://oauth2.googleapis.com/revoke")
                .ok_or(unusable!("GOOGLE_REVOKE_URL", "must be an https URL (http for localhost)."))?,
            extra_root_certificates: optional("EXTRA_ROOT_CERTIFICATES").map(PathBuf::from),
            aws: Aws {
                region: optional("AWS_REGION").ok_or(unusable!("AWS_REGION", "is not set."))?,
                credentials: aws_credential_types::Credentials::new(
                    optional("AWS_ACCESS_KEY_ID").ok_or(unusable!("AWS_ACCESS_KEY_ID", "is not set."))?,
                    optional("AWS_SECRET_ACCESS_KEY").ok_or(unusable!("AWS_SECRET_ACCESS_KEY", "is not set."))?,
                    optional("AWS_SESSION_TOKEN"),
                    None,
                    "environment",
                ),
                dynamodb_endpoint: endpoint(optional("AWS_ENDPOINT_URL_DYNAMODB"))
                    .ok_or(unusable!("AWS_ENDPOINT_URL_DYNAMODB", "must be an https URL (http for localhost)."))?,
                secrets_manager_endpoint: endpoint(optional("AWS_ENDPOINT_URL_SECRETS_MANAGER")).ok_or(unusable!(
                    "AWS_ENDPOINT_URL_SECRETS_MANAGER",
                    "must be an https URL (http for localhost)."
                ))?,
            },
        })
    }
}

/// An https URL, or http for a loopback host, without a user.
pub(crate) fn safe_url(text: &str) -> Option<Url> {
    let url = Url::parse(text).ok()?;
    let anonymous = url.username().is_empty() && url.password().is_none();
    let safe = match url.scheme() {
        "https" => url.host().is_some(),
        "http" => is_loopback(&url),
        _ => false,
    };
    (safe && anonymous).then_some(url)
}

fn is_loopback(url: &Url) -> bool {
    match url.host() {
        Some(Host::Domain(name)) => name == "localhost",
        Some(Host::Ipv4(address)) => address == std::net::Ipv4Addr::LOCALHOST,
        Some(Host::Ipv6(address)) => address == std::net::Ipv6Addr::LOCALHOST,
        None => false,
    }
}

fn is_origin(text: &str) -> bool {
    safe_url(text).is_some_and(|url| url.origin().ascii_serialization() == text)
}

/// An endpoint of the AWS clients, if one is set; the outer `None` is one that is not safe to use.
#[expect(clippy::option_option, reason = "unset and unusable are two things")]
fn endpoint(value: Option<String>) -> Option<Option<String>> {
    match value {
        None => Some(None),
        Some(text) => safe_url(&text).map(|_| Some(text)),
    }
}

fn service_url(value: Option<String>, default: &str) -> Option<String> {
    let Some(text) = value else { return Some(default.to_owned()) };
    safe_url(&text).map(|url| url.as_str().trim_end_matches('/').to_owned())
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    fn complete() -> BTreeMap<&'static str, &'static str> {
        BTreeMap::from([
            ("CREDENTIALS_TABLE", "credentials"),
            ("SESSIONS_TABLE", "sessions"),
            ("GOOGLE_CLIENT_SECRET_ID", "google"),
            ("SEALING_KEYS_SECRET_ID", "keys"),
            ("ALLOWED_ORIGINS", "https://app.example.com,http://localhost:9100"),
            ("AWS_REGION", "eu-central-1"),
            ("AWS_ACCESS_KEY_ID", "id"),
            ("AWS_SECRET_ACCESS_KEY", "secret"),
        ])
    }

    fn read(variables: &BTreeMap<&str, &str>) -> Result<Config, ConfigError> {
        Config::read(|name| variables.get(name).map(|value| (*value).to_owned()))
    }

    #[test]
    fn what_is_not_set_has_googles_own_addresses() {
        let config = read(&complete()).unwrap();
        assert_eq!(config.gmail_url, "https://gmail.googleapis.com");
        assert_eq!(config.allowed_origins.first(), "https://app.example.com");
        assert_eq!(config.scopes.to_string(), "email https://www.googleapis.com/auth/gmail.readonly openid");
    }

    #[test]
    fn a76_a_missing_variable_is_named() {
        for name in complete().keys() {
            let mut variables = complete();
            variables.insert(name, " ");
            assert_eq!(read(&variables).unwrap_err().variable(), *name);
        }
    }

    #[test]
    fn a76_an_unsafe_value_is_refused_and_its_variable_named() {
        for (name, value) in [
            ("ALLOWED_ORIGINS", "*"),
            ("ALLOWED_ORIGINS", "http://app.example.com"),
            ("ALLOWED_ORIGINS", "https://app.example.com/"),
            ("ALLOWED_ORIGINS", "https://app.example.com:443"),
            ("ALLOWED_ORIGINS", "https://app.example.com,"),
            ("ALLOWED_ORIGINS", "https://APP.example.com"),
            ("PUBLIC_URL", "http://api.example.com"),
            ("PUBLIC_URL", "https://api.example.com/?a"),
            ("PUBLIC_URL", "https://user@api.example.com"),
            ("GMAIL_SCOPES", "https://www.googleapis.com/auth/gmail.metadata https://mail.google.com/"),
            ("GMAIL_URL", "http://10.0.0.1"),
            ("GOOGLE_REVOKE_URL", "file:///etc/passwd"),
            ("AWS_ENDPOINT_URL_DYNAMODB", "http://dynamodb.example.com"),
        ] {
            let mut variables = complete();
            variables.insert(name, value);
            assert_eq!(read(&variables).unwrap_err().variable(), name, "{value}");
        }
    }

    #[test]
    fn the_public_url_may_have_a_path_of_its_own() {
        let url = PublicUrl::parse("https://example.com/mail/").unwrap();
        assert_eq!(url.join("/oauth/callback"), "https://example.com/mail/oauth/callback");
        assert_eq!(url.path_prefix(), "/mail");
        assert_eq!(PublicUrl::parse("http://localhost:9000").unwrap().path_prefix(), "");
    }
}
