//! Parses the error response of a Google API (Gmail, UserInfo): reasons, messages, quota limits.
//! Callers decide what it means, and must not keep it: a message may name a project or a person.

use aws_smithy_types::DateTime;
use aws_smithy_types::date_time::Format;
use postern_rules::time::Timestamp;
use serde_json::Value;

use super::retry_after;
use crate::outside::http::Answer;

/// The most seconds that a message may ask to wait.
const LONGEST_WAIT: u64 = 3600;
/// The seconds to wait if the message's time has passed or cannot be parsed.
const USUAL_WAIT: u64 = 60;

/// The reasons of a temporary rate limit.
const RATE_LIMITS: [&str; 5] = [
    "rateLimitExceeded",
    "userRateLimitExceeded",
    "quotaExceeded",
    "RESOURCE_EXHAUSTED",
    "RATE_LIMIT_EXCEEDED",
];

/// An error response. A body of another form yields no reasons and no messages.
pub(super) struct ApiError {
    /// The HTTP status.
    pub(super) status: u16,
    /// The seconds of the `Retry-After` header.
    pub(super) retry_after: Option<u64>,
    reasons: Vec<String>,
    messages: Vec<String>,
    quota_limits: Vec<String>,
}

impl ApiError {
    /// Parses a response (Gmail API, "Resolve errors"; `google.rpc.Status`). Missing lists and
    /// members of another type are ignored.
    pub(super) fn read(answer: &Answer, now: Timestamp) -> Self {
        let body: Value = serde_json::from_slice(&answer.body).unwrap_or_default();
        let error = &body["error"];
        let lists = [&error["errors"], &error["details"]];
        let details = || lists.into_iter().filter_map(Value::as_array).flatten();
        let texts = |values: &mut dyn Iterator<Item = &Value>| {
            values.filter_map(Value::as_str).map(str::to_owned).collect::<Vec<_>>()
        };
        Self {
            status: answer.status,
            retry_after: retry_after(answer, now),
            reasons: texts(&mut details().map(|detail| &detail["reason"]).chain([&error["status"]])),
            messages: texts(&mut details().map(|detail| &detail["message"]).chain([&error["message"]])),
            quota_limits: texts(&mut details().map(|detail| &detail["metadata"]["quota_limit"])),
        }
    }

    /// Whether the response has one of `reasons`.
    pub(super) fn gives(&self, reasons: &[&str]) -> bool {
        self.reasons.iter().any(|reason| reasons.contains(&reason.as_str()))
    }

    /// Whether a message begins with `words`, which are in lower case. For errors that have the
    /// same reason.
    pub(super) fn message_begins_with(&self, words: &str) -> bool {
        self.messages.iter().any(|message| message.to_ascii_lowercase().starts_with(words))
    }

    /// Whether it is a rate limit: a 429, or a 403 with such a reason.
    pub(super) fn is_rate_limit(&self) -> bool {
        self.status == 429 || (self.status == 403 && self.gives(&RATE_LIMITS))
    }

    /// Whether the API is disabled in the client's project.
    pub(super) fn is_not_enabled(&self) -> bool {
        self.status == 403 && self.gives(&["accessNotConfigured", "SERVICE_DISABLED"])
    }

    /// Whether the client's project was deleted or suspended.
    pub(super) fn is_of_a_dead_project(&self) -> bool {
        self.status == 403 && self.gives(&["CONSUMER_INVALID", "CONSUMER_SUSPENDED"])
    }

    /// The seconds until a rate limit can end, if known: from a time in the message (it is in no
    /// header), or for a quota per minute, until the next minute.
    pub(super) fn known_wait(&self, now: Timestamp) -> Option<u64> {
        if let Some(wait) = self.messages.iter().find_map(|message| wait_in(message, now)) {
            return Some(wait);
        }
        let of_a_minute = self.quota_limits.iter().any(|limit| limit.contains("PerMinute"))
            || self.messages.iter().any(|message| message.to_ascii_lowercase().contains(" per minute"));
        let left = u64::try_from(60 - now.seconds().rem_euclid(60)).unwrap_or(USUAL_WAIT);
        (of_a_minute && self.is_rate_limit()).then_some(left)
    }
}

/// The seconds until the time after "Retry after" in a message; `None` without these words.
fn wait_in(message: &str, now: Timestamp) -> Option<u64> {
    const WORDS: &str = "retry after ";
    let at = message.to_ascii_lowercase().find(WORDS)?;
    let time = message[at + WORDS.len()..].split_whitespace().next().and_then(parse_rfc3339);
    let wait = time.filter(|time| *time > now).map(|time| time.since(now).as_millis().div_ceil(1000));
    Some(wait.map_or(USUAL_WAIT, |seconds| u64::try_from(seconds).unwrap_or(LONGEST_WAIT).min(LONGEST_WAIT)))
}

/// Parses a time of RFC 3339 with any offset.
fn parse_rfc3339(text: &str) -> Option<Timestamp> {
    let time = DateTime::from_str(text, Format::DateTimeWithOffset).ok()?;
    time.to_millis().ok().map(Timestamp::from_millis)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Twenty seconds before a full minute.
    const NOW: Timestamp = Timestamp::from_seconds(1_793_500_000);

    fn read(status: u16, body: &str) -> ApiError {
        let headers = reqwest::header::HeaderMap::new();
        ApiError::read(&Answer { status, headers, body: zeroize::Zeroizing::new(body.into()) }, NOW)
    }

    #[test]
    fn both_lists_are_read_and_one_odd_member_does_not_spoil_the_others() {
        let error = read(
            403,
            r#"{"error":{"errors":[{"reason":1,"message":"One"},7,{"reason":"a"}],"message":[],"status":"b",
                "details":[{"reason":"c","metadata":{"quota_limit":"d"}}]}}"#,
        );
        assert_eq!(error.reasons, ["a", "c", "b"]);
        assert_eq!(
            (error.messages.as_slice(), error.quota_limits.as_slice()),
            (&["One".to_owned()][..], &["d".to_owned()][..])
        );
        assert!(error.message_begins_with("one") && !error.message_begins_with("ne"));
        for body in
            ["", "[]", "{", r#"{"error":"invalid_request"}"#, r#"{"error":{"errors":{"reason":"a"}}}"#]
        {
            let error = read(403, body);
            assert!(error.reasons.is_empty() && error.messages.is_empty(), "{body}");
        }
    }

    #[test]
    fn f42_a_rate_limit_is_one_by_its_status_or_by_its_reason() {
        assert!(read(429, "junk").is_rate_limit());
        for reason in RATE_LIMITS {
            let body = format!(r#"{{"error":{{"errors":[{{"reason":"{reason}"}}]}}}}"#);
            assert!(read(403, &body).is_rate_limit() && !read(400, &body).is_rate_limit());
        }
        assert!(!read(403, r#"{"error":{"status":"PERMISSION_DENIED"}}"#).is_rate_limit());
    }

    #[test]
    fn f80_f81_a_wait_is_known_by_a_time_or_by_the_minute() {
        let wait = |status, message: &str| {
            read(status, &format!(r#"{{"error":{{"message":"{message}"}}}}"#)).known_wait(NOW)
        };
        assert_eq!(wait(403, "Retry after 2026-11-01T02:27:00Z"), Some(20));
        assert_eq!(
            wait(429, "RETRY AFTER 2026-11-01T02:27:00.5Z."),
            Some(60),
            "with a full stop it is no time"
        );
        assert_eq!(wait(429, "Retry after "), Some(60));
        assert_eq!(wait(429, "Please retry."), None);
        assert_eq!(wait(429, "limit 'Queries per minute'"), Some(20));
        assert_eq!(wait(403, "limit 'Queries per minute'"), None, "not a rate limit");
        let minute = r#"{"error":{"details":[{"metadata":{"quota_limit":"QueriesPerMinutePerProject"}}]}}"#;
        let full = Timestamp::from_seconds(1_793_500_020);
        assert_eq!(read(429, minute).known_wait(full), Some(60));
        assert_eq!(read(429, &minute.replace("Minute", "Day")).known_wait(NOW), None);
    }

    #[test]
    fn a_time_of_rfc_3339_is_read_in_any_offset() {
        let read = |text| parse_rfc3339(text).map(Timestamp::millis);
        assert_eq!(read("2026-11-01T02:26:40.961Z"), Some(1_793_500_000_961));
        assert_eq!(read("2026-11-01T03:26:40+01:00"), Some(1_793_500_000_000));
        for text in ["", "soon", "2026-11-01", "2026-13-01T00:00:00Z", "Sun, 01 Nov 2026 02:26:40 GMT", "é"]
        {
            assert_eq!(read(text), None, "{text}");
        }
    }
}
