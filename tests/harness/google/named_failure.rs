//! Failures by the names and fields of the control API.

use std::time::Duration;

use super::failures::{Failure, Times};
use super::recordings;

/// The fields of a control call.
#[derive(Clone, Debug, Default)]
pub(super) struct Fields(pub(super) Vec<(String, String)>);

impl Fields {
    /// The value of a field that is there and not empty.
    pub(super) fn get(&self, name: &str) -> Option<&str> {
        let value = self.0.iter().find(|(key, _)| key == name).map(|(_, value)| value.trim());
        value.filter(|value| !value.is_empty())
    }

    /// The value of a field, or a sentence that asks for it.
    pub(super) fn require(&self, name: &str) -> Result<&str, String> {
        self.get(name).ok_or_else(|| format!("the field {name} is missing"))
    }

    /// A number, if the field is there.
    pub(super) fn number<T: std::str::FromStr>(&self, name: &str) -> Result<Option<T>, String> {
        self.get(name)
            .map(|value| value.parse().map_err(|_| format!("the field {name} is not a number in range")))
            .transpose()
    }

    /// How often: a number or `until_cleared`; once when nothing is said.
    pub(super) fn times(&self) -> Result<Times, String> {
        match self.get("times") {
            Some("until_cleared") => Ok(Times::UntilCleared),
            _ => Ok(Times::Next(self.number("times")?.unwrap_or(1))),
        }
    }

    fn pause(&self, otherwise: u64) -> Result<Duration, String> {
        Ok(Duration::from_millis(self.number("milliseconds")?.unwrap_or(otherwise)))
    }

    /// The failure that `failure` names, with its fields.
    pub(super) fn failure(&self) -> Result<Failure, String> {
        let text = |name: &str| self.get(name).unwrap_or_default().to_owned();
        let status = |otherwise: u16| Ok::<_, String>(self.number("status")?.unwrap_or(otherwise));
        let name = self.require("failure")?;
        if let Some(recorded) = recordings::named(name) {
            return Ok(Failure::Recorded(recorded));
        }
        Ok(match name {
            "status" => Failure::Status(status(500)?),
            "answer" => Failure::Answer {
                status: status(200)?,
                headers: vec![(
                    "content-type".into(),
                    self.get("content_type").unwrap_or("application/json; charset=utf-8").into(),
                )],
                body: text("body"),
            },
            "oauth" => Failure::OAuth {
                status: status(400)?,
                error: text("error"),
                description: text("description"),
            },
            "quota" => Failure::Quota { status: status(403)?, retry_after: self.number("retry_after")? },
            "quota_in_message" => Failure::UserRateLimit {
                status: status(403)?,
                retry_after: self.number("retry_after")?.unwrap_or(30),
            },
            "sorry" => Failure::Sorry { status: status(429)? },
            "not_json" => Failure::NotJson,
            "truncated_json" => Failure::TruncatedJson,
            "error_within_success" => Failure::ErrorWithinSuccess,
            "slow" => Failure::Slow(self.pause(10_000)?),
            "drip" => Failure::Drip(self.pause(100)?),
            "reset_before_reading" => Failure::ResetBeforeReading,
            "reset_after_reading" => Failure::ResetAfterReading,
            "lose_answer" => Failure::LoseAnswer,
            "cut_body" => Failure::CutBody,
            "redirect" => Failure::Redirect(self.require("location")?.to_owned()),
            other => return Err(format!("there is no failure {other}")),
        })
    }
}

/// The failures that `failure` reads beside those of `recordings`.
const OTHERS: [&str; 16] = [
    "status",
    "answer",
    "oauth",
    "quota",
    "quota_in_message",
    "sorry",
    "not_json",
    "truncated_json",
    "error_within_success",
    "slow",
    "drip",
    "reset_before_reading",
    "reset_after_reading",
    "lose_answer",
    "cut_body",
    "redirect",
];

/// The name of every failure.
pub(super) fn names() -> impl Iterator<Item = &'static str> {
    recordings::names().chain(OTHERS)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fields(pairs: &[(&str, &str)]) -> Fields {
        Fields(pairs.iter().map(|(name, value)| ((*name).into(), (*value).into())).collect())
    }

    #[test]
    fn a_failure_is_read_with_its_fields() {
        let quota = fields(&[("failure", "quota"), ("status", "403"), ("retry_after", "7"), ("times", "3")]);
        assert_eq!(quota.failure(), Ok(Failure::Quota { status: 403, retry_after: Some(7) }));
        assert_eq!(quota.times(), Ok(Times::Next(3)));
        let slow = fields(&[("failure", "slow"), ("times", "until_cleared")]);
        assert_eq!(slow.failure(), Ok(Failure::Slow(Duration::from_secs(10))));
        assert_eq!(slow.times(), Ok(Times::UntilCleared));
    }

    #[test]
    fn a_name_or_number_that_makes_no_sense_is_refused() {
        for pairs in [
            &[("failure", "bad_weather")][..],
            &[("failure", "status"), ("status", "banana")],
            &[("failure", "redirect")],
            &[("status", "500")],
        ] {
            assert!(fields(pairs).failure().is_err(), "{pairs:?}");
        }
        assert!(fields(&[("times", "-1")]).times().is_err());
    }
}
