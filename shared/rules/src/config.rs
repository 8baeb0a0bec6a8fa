//! The configuration: its variables, their meaning and their errors. The caller reads the
//! environment.

mod address;
mod domains;
mod metrics_names;
mod origin_secrets;
mod return_uris;
mod variables;

use std::ops::RangeInclusive;
use std::path::PathBuf;

pub use self::address::{Origins, PublicUrl, safe_url};
pub use self::domains::Domains;
pub use self::metrics_names::MetricsNames;
pub use self::origin_secrets::OriginSecrets;
pub use self::return_uris::ReturnUris;
pub(crate) use self::return_uris::{RETURN_URI_LIMIT, resembles_answer};
pub use self::variables::{Default, VARIABLES, Variable, Variables, names};
use crate::scopes::Scopes;

/// A variable that is missing or unusable. Never holds its value.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{variable}: {}", self.problem.sentence())]
pub struct ConfigError {
    /// The variable's name.
    pub variable: &'static str,
    /// What is wrong with it.
    pub problem: Problem,
}

/// What is wrong with a variable.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Problem {
    /// It is required but not set.
    Missing,
    /// Its value, or the secret, table or file it names, is unusable. The sentence says why.
    Unusable(&'static str),
}

impl Problem {
    /// One sentence for the operator.
    pub const fn sentence(self) -> &'static str {
        match self {
            Self::Missing => "A required setting is missing.",
            Self::Unusable(sentence) => sentence,
        }
    }
}

impl ConfigError {
    /// The error for a required variable that is not set.
    pub const fn missing(variable: &'static str) -> Self {
        Self { variable, problem: Problem::Missing }
    }

    /// The error for an unusable variable; `sentence` says why.
    pub const fn unusable(variable: &'static str, sentence: &'static str) -> Self {
        Self { variable, problem: Problem::Unusable(sentence) }
    }
}

/// A process's configuration, without AWS credentials and endpoints. [`VARIABLES`] explains each
/// variable.
#[derive(Clone, Debug)]
pub struct Config {
    /// `CREDENTIALS_TABLE`.
    pub credentials_table: String,
    /// `SESSIONS_TABLE`.
    pub sessions_table: String,
    /// `GOOGLE_CLIENT_SECRET_ID`.
    pub google_client_secret_id: String,
    /// `SEALING_KEYS_SECRET_ID`.
    pub sealing_keys_secret_id: String,
    /// `PUBLIC_URL`; if unset, the URL is built from the event's domain name.
    pub public_url: Option<PublicUrl>,
    /// `ALLOWED_ORIGINS`.
    pub allowed_origins: Origins,
    /// `ALLOWED_RETURN_URIS`; none by default.
    pub allowed_return_uris: ReturnUris,
    /// `ALLOWED_DOMAINS`; if empty, any account may connect.
    pub allowed_domains: Domains,
    /// `ORIGIN_SECRET_HASHES`; if unset, a request needs no secret.
    pub origin_secrets: Option<OriginSecrets>,
    /// `GMAIL_SCOPES` plus `openid email`: every grant must cover these.
    pub scopes: Scopes,
    /// `GMAIL_URL`, without a trailing slash.
    pub gmail_url: String,
    /// `GOOGLE_USERINFO_URL`.
    pub userinfo_url: String,
    /// `GOOGLE_REVOKE_URL`.
    pub revoke_url: String,
    /// `GOOGLE_CERTIFICATES_URL`.
    pub certificates_url: String,
    /// `EVENT_BUS_NAME`; only the function `events` needs it.
    pub event_bus_name: Option<String>,
    /// `EVENTS_CARRY_EMAIL`.
    pub events_carry_email: bool,
    /// `SWEEP_UNUSED_DAYS`; only the function `sweep` needs it.
    pub sweep_unused_days: Option<u32>,
    /// `SWEEP_REFRESHES_PER_SECOND`.
    pub sweep_refreshes_per_second: u32,
    /// `EXTRA_ROOT_CERTIFICATES`.
    pub extra_root_certificates: Option<PathBuf>,
}

impl Config {
    /// Reads the variables through `look_up`. An empty value counts as unset.
    pub fn read(look_up: impl Fn(&str) -> Option<String>) -> Result<Self, ConfigError> {
        let variables = Variables(look_up);
        let scopes = match variables.optional(&names::GMAIL_SCOPES) {
            None => Scopes::default_needed(),
            Some(text) => Scopes::needed(&text),
        };
        if scopes.have_metadata_beside_broader() {
            return Err(names::GMAIL_SCOPES.unusable());
        }
        let allowed_domains = variables.parsed(&names::ALLOWED_DOMAINS, Domains::parse)?;
        Ok(Self {
            credentials_table: variables.required(&names::CREDENTIALS_TABLE)?,
            sessions_table: variables.required(&names::SESSIONS_TABLE)?,
            google_client_secret_id: variables.required(&names::GOOGLE_CLIENT_SECRET_ID)?,
            sealing_keys_secret_id: variables.required(&names::SEALING_KEYS_SECRET_ID)?,
            public_url: variables.parsed(&names::PUBLIC_URL, PublicUrl::parse)?,
            allowed_origins: variables
                .parsed(&names::ALLOWED_ORIGINS, Origins::parse)?
                .ok_or(ConfigError::missing(names::ALLOWED_ORIGINS.name))?,
            allowed_return_uris: variables
                .parsed(&names::ALLOWED_RETURN_URIS, ReturnUris::parse)?
                .unwrap_or_default(),
            allowed_domains: allowed_domains.unwrap_or_default(),
            origin_secrets: variables.parsed(&names::ORIGIN_SECRET_HASHES, OriginSecrets::parse)?,
            scopes,
            gmail_url: variables.url_or_default(&names::GMAIL_URL)?,
            userinfo_url: variables.url_or_default(&names::GOOGLE_USERINFO_URL)?,
            revoke_url: variables.url_or_default(&names::GOOGLE_REVOKE_URL)?,
            certificates_url: variables.url_or_default(&names::GOOGLE_CERTIFICATES_URL)?,
            event_bus_name: variables
                .parsed(&names::EVENT_BUS_NAME, |name| is_bus_name(name).then(|| name.to_owned()))?,
            events_carry_email: variables.parsed(&names::EVENTS_CARRY_EMAIL, on_or_off)?.unwrap_or(false),
            sweep_unused_days: variables
                .parsed(&names::SWEEP_UNUSED_DAYS, |text| number_in(text, 1..=150))?,
            sweep_refreshes_per_second: variables
                .parsed(&names::SWEEP_REFRESHES_PER_SECOND, |text| number_in(text, 1..=1000))?
                .unwrap_or(2),
            extra_root_certificates: variables.optional(&names::EXTRA_ROOT_CERTIFICATES).map(PathBuf::from),
        })
    }
}

/// EventBridge's characters (PutEvents, `EventBusName`), and the colons of an ARN.
fn is_bus_name(text: &str) -> bool {
    text.len() <= 1600 && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"/.-_:".contains(&byte))
}

fn number_in(text: &str, range: RangeInclusive<u32>) -> Option<u32> {
    text.parse().ok().filter(|number| range.contains(number))
}

fn on_or_off(text: &str) -> Option<bool> {
    match text {
        "on" => Some(true),
        "off" => Some(false),
        _ => None,
    }
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
            assert_eq!(read(&variables).unwrap_err().variable, *name);
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
            ("ALLOWED_RETURN_URIS", "https://app.example.com/callback,javascript:alert(1)"),
            ("PUBLIC_URL", "http://api.example.com"),
            ("PUBLIC_URL", "https://api.example.com/?a"),
            ("PUBLIC_URL", "https://user@api.example.com"),
            ("GMAIL_SCOPES", "https://www.googleapis.com/auth/gmail.metadata https://mail.google.com/"),
            ("GMAIL_URL", "http://10.0.0.1"),
            ("GOOGLE_REVOKE_URL", "file:///etc/passwd"),
            ("ORIGIN_SECRET_HASHES", "the secret itself"),
            ("GOOGLE_CERTIFICATES_URL", "http://www.googleapis.com/oauth2/v3/certs"),
            ("EVENT_BUS_NAME", "a bus"),
            ("EVENTS_CARRY_EMAIL", "yes"),
            ("SWEEP_UNUSED_DAYS", "0"),
            ("SWEEP_UNUSED_DAYS", "151"),
            ("SWEEP_UNUSED_DAYS", "a month"),
            ("SWEEP_REFRESHES_PER_SECOND", "0.5"),
            ("SWEEP_REFRESHES_PER_SECOND", "1001"),
        ] {
            let mut variables = complete();
            variables.insert(name, value);
            assert_eq!(read(&variables).unwrap_err().variable, name, "{value}");
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
