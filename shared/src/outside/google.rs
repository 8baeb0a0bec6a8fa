//! Google's services: OAuth ([`oauth`]), the user's identity ([`identity`]) and Gmail ([`gmail`]).

mod api_error;
mod certificates;
pub mod gmail;
pub mod identity;
pub mod oauth;
mod refused_clients;
mod revoke;

use std::time::Duration;

use postern_rules::config::Config;
use postern_rules::error::Error;
use postern_rules::google_client::GoogleClient;
use postern_rules::random;
use postern_rules::time::Timestamp;
use tokio::sync::Mutex;

use self::certificates::Remembered;
pub use self::refused_clients::RefusedClients;
use crate::clock::{Clock, Deadline};
use crate::outside::http::{Answer, EarlyClient, Failure, HttpStack, send};
use crate::telemetry::metrics::{BackEnd, Timing};

const CONNECT_TIMEOUT: Duration = Duration::from_secs(1);
/// The wait before the first retry of an idempotent request. It doubles for the second.
const BACKOFF: Duration = Duration::from_secs(1);
/// The most retries of an idempotent request.
const RETRIES: u32 = 2;
/// The seconds that Google may ask to wait are clamped to this range.
const RETRY_AFTER: std::ops::RangeInclusive<u64> = 1..=60;

/// A request without a usable response from Google.
#[derive(Debug, thiserror::Error)]
pub enum Trouble {
    /// No complete response arrived.
    #[error("no answer from Google")]
    Unanswered(#[source] Failure),
    /// Google is unavailable or asks to wait: 408, 429, a 5xx, or its page for automated callers.
    #[error("Google answered {status}")]
    Unavailable {
        /// The HTTP status; always 503 for that page.
        status: u16,
        /// The seconds that Google asks to wait, if it does.
        retry_after: Option<u64>,
    },
    /// The response does not have the documented form.
    #[error("Google's answer could not be understood (status {status})")]
    Malformed {
        /// The HTTP status.
        status: u16,
    },
}

impl Trouble {
    /// Whether an idempotent request may succeed if it is repeated.
    const fn is_passing(&self) -> bool {
        match self {
            Self::Unanswered(Failure::TooLarge) | Self::Malformed { .. } => false,
            Self::Unanswered(_) | Self::Unavailable { .. } => true,
        }
    }

    /// A word for metrics, from a closed list.
    pub(crate) const fn word(&self) -> &'static str {
        match self {
            Self::Unanswered(Failure::TimedOut) => "timed_out",
            Self::Unanswered(Failure::NotConnected(_) | Failure::Broken(_)) | Self::Unavailable { .. } => {
                "unavailable"
            }
            Self::Unanswered(Failure::TooLarge) | Self::Malformed { .. } => "malformed",
        }
    }

    /// The wait before the next attempt. A failed connection is retried once at once.
    fn pause(&self, retry: u32) -> Duration {
        match self {
            Self::Unanswered(Failure::NotConnected(_) | Failure::Broken(_)) if retry == 0 => Duration::ZERO,
            Self::Unavailable { retry_after: Some(seconds), .. } => Duration::from_secs(*seconds),
            _ => BACKOFF * (1 << retry) + Duration::from_millis(random::jitter(250)),
        }
    }
}

/// For idempotent requests only.
impl From<Trouble> for Error {
    fn from(trouble: Trouble) -> Self {
        match &trouble {
            Trouble::Malformed { .. } | Trouble::Unanswered(Failure::TooLarge) => {
                Self::UpstreamMalformed(trouble.into())
            }
            Trouble::Unavailable { retry_after, .. } => {
                Self::UpstreamUnavailable { retry_after: retry_after.unwrap_or(5), source: trouble.into() }
            }
            Trouble::Unanswered(_) => Self::UpstreamUnavailable { retry_after: 5, source: trouble.into() },
        }
    }
}

/// An error of a call that [`repeated`] makes.
trait Repeatable {
    /// The trouble, if the call may be repeated.
    fn repeatable(&self) -> Option<&Trouble>;
}

/// Google's services.
pub struct Google {
    /// The OAuth clients that Google refused.
    pub refused_clients: RefusedClients,
    gmail: EarlyClient,
    /// The token endpoint, for refreshes.
    tokens: EarlyClient,
    /// Not pooled: exchanging a code requires a new connection (F03). Also serves UserInfo, the
    /// revocation endpoint and the keys.
    http_once: reqwest::Client,
    clock: Clock,
    gmail_url: String,
    userinfo_url: String,
    revoke_url: String,
    certificates_url: String,
    certificates: Mutex<Remembered>,
}

impl Google {
    /// Google at the URLs that `config` names.
    pub fn new(stack: &HttpStack, clock: Clock, config: &Config) -> Self {
        Self {
            refused_clients: RefusedClients::default(),
            gmail: stack.early_client(CONNECT_TIMEOUT),
            tokens: stack.early_client(CONNECT_TIMEOUT),
            http_once: stack.client(CONNECT_TIMEOUT, false),
            clock,
            gmail_url: config.gmail_url.clone(),
            userinfo_url: config.userinfo_url.clone(),
            revoke_url: config.revoke_url.clone(),
            certificates_url: config.certificates_url.clone(),
            certificates: Mutex::default(),
        }
    }

    /// Begins to open the connection for the first call to Gmail.
    pub fn open_gmail(&self) {
        self.gmail.open(&self.gmail_url);
    }

    /// Begins to open the connection for the first refresh.
    pub fn open_tokens(&self, client: &GoogleClient) {
        self.tokens.open(&client.token_endpoint);
    }

    /// Closes the connection of [`Google::open_tokens`] if no refresh has used it.
    pub fn close_tokens(&self) {
        self.tokens.close_unused();
    }

    /// Sends and times a request. Transport failures, 408, 5xx, redirects and HTML pages become
    /// errors. A 429 is returned: its body says which limit was reached.
    async fn ask(
        &self,
        back_end: BackEnd,
        client: &reqwest::Client,
        request: reqwest::Request,
        timeout: Duration,
        limit: usize,
    ) -> Result<Answer, Trouble> {
        let timing = Timing::begin(back_end);
        let answer = send(client, request, timeout, limit).await.map_err(Trouble::Unanswered)?;
        drop(timing);
        self.usable(answer)
    }

    /// The answer, unless Google is unavailable.
    fn usable(&self, answer: Answer) -> Result<Answer, Trouble> {
        match answer.status {
            status @ (408 | 500..=599) => Err(self.unavailable(status, &answer)),
            status @ (403 | 429) if is_page(&answer) => Err(self.turned_away(status, &answer)),
            status @ 300..=399 if leads_to_sorry_page(&answer) => Err(self.turned_away(status, &answer)),
            // Redirects are not followed: they could send the client secret elsewhere (A63).
            status @ 300..=399 => Err(Trouble::Malformed { status }),
            _ => Ok(answer),
        }
    }

    fn unavailable(&self, status: u16, answer: &Answer) -> Trouble {
        Trouble::Unavailable { status, retry_after: retry_after(answer, self.clock.now()) }
    }

    /// Google's front end rejected the request as automated traffic and no service saw it, so this
    /// is equivalent to a 503.
    fn turned_away(&self, status: u16, answer: &Answer) -> Trouble {
        tracing::warn!(google.status = status, "Google answered with its page for automated callers");
        self.unavailable(503, answer)
    }
}

/// Whether the response is HTML. Google's services send JSON; its front end sends HTML.
fn is_page(answer: &Answer) -> bool {
    let content_type =
        answer.headers.get(reqwest::header::CONTENT_TYPE).and_then(|value| value.to_str().ok());
    let media_type = content_type.and_then(|text| text.split(';').next()).unwrap_or_default();
    media_type.trim().eq_ignore_ascii_case("text/html")
}

/// Whether a redirect leads to the page where Google asks automated callers for a CAPTCHA.
fn leads_to_sorry_page(answer: &Answer) -> bool {
    let location = answer.headers.get(reqwest::header::LOCATION).and_then(|value| value.to_str().ok());
    let Some(url) = location.and_then(|location| url::Url::parse(location).ok()) else { return false };
    let is_googles = url.domain().is_some_and(|host| host == "google.com" || host.ends_with(".google.com"));
    let is_sorry = url.path_segments().and_then(|mut segments| segments.next()) == Some("sorry");
    url.scheme() == "https" && is_googles && is_sorry
}

/// Makes an idempotent call, and repeats it while that may help and time is left.
async fn repeated<T, E: Repeatable>(
    deadline: Deadline,
    call: impl AsyncFn() -> Result<T, E>,
) -> Result<T, E> {
    let mut retry = 0;
    loop {
        let error = match call().await {
            Ok(value) => return Ok(value),
            Err(error) => error,
        };
        let pause = match error.repeatable() {
            Some(trouble) if retry < RETRIES => trouble.pause(retry),
            _ => return Err(error),
        };
        if !deadline.allows(pause + CONNECT_TIMEOUT) {
            return Err(error);
        }
        tokio::time::sleep(pause).await;
        retry += 1;
    }
}

/// The seconds that a `Retry-After` header asks for (RFC 9110 section 10.2.3), clamped.
fn retry_after(answer: &Answer, now: Timestamp) -> Option<u64> {
    let text = answer.headers.get(reqwest::header::RETRY_AFTER)?.to_str().ok()?.trim();
    let seconds = if let Ok(seconds) = text.parse::<i64>() {
        u64::try_from(seconds).unwrap_or(0)
    } else {
        let date = httpdate::parse_http_date(text).ok()?;
        let since_epoch = date.duration_since(std::time::UNIX_EPOCH).ok()?;
        since_epoch.as_secs().saturating_sub(u64::try_from(now.seconds()).unwrap_or(0))
    };
    Some(seconds.clamp(*RETRY_AFTER.start(), *RETRY_AFTER.end()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn f49_an_absurd_retry_after_is_brought_within_bounds() {
        let now = Timestamp::from_seconds(784_111_777);
        for (text, seconds) in [
            ("7", Some(7)),
            ("-5", Some(1)),
            ("0", Some(1)),
            ("1000000000", Some(60)),
            ("Sun, 06 Nov 1994 08:49:57 GMT", Some(20)),
            ("Sun, 06 Nov 1994 08:00:00 GMT", Some(1)),
            ("soon", None),
            ("", None),
        ] {
            let mut headers = reqwest::header::HeaderMap::new();
            headers.insert(reqwest::header::RETRY_AFTER, text.parse().unwrap());
            let answer = Answer { status: 429, headers, body: zeroize::Zeroizing::default() };
            assert_eq!(retry_after(&answer, now), seconds, "{text}");
        }
    }
}
