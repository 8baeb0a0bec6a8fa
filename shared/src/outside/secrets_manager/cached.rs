//! A cached secret. It is read again after five minutes, by one caller at a time. If that fails or
//! the new value is unusable, the last good value serves for a day.
//!
//! [`super::Secrets`] reads, and makes sure that only one caller does. This file knows when.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use postern_rules::config::ConfigError;
use postern_rules::time::Timestamp;
use zeroize::Zeroizing;

use super::SecretsError;
use crate::telemetry::metrics;

/// How long a value is used before it is read again.
const LIFETIME: Duration = Duration::from_mins(5);
/// How long a value serves while it cannot be read again.
const LAST_GOOD_LIFETIME: Duration = Duration::from_hours(24);
/// The least time between two reads of a secret that is still cached, or for the same name.
pub(super) const LEAST_INTERVAL: Duration = Duration::from_mins(1);
/// The most names that [`Cached::was_looked_up`] remembers. The oldest is dropped.
const MOST_NAMES: usize = 16;

/// What Secrets Manager answered: a secret's text, or why there is none.
pub(super) type Text = Result<Zeroizing<String>, SecretsError>;

struct Entry<T> {
    value: Arc<T>,
    read_at: Timestamp,
    /// When the last read failed or was requested before the value was due.
    tried_at: Option<Timestamp>,
}

/// The previous version, if there was a usable one when it was read.
pub(super) struct Previous<T> {
    pub(super) value: Option<Arc<T>>,
    read_at: Timestamp,
}

impl<T> Clone for Previous<T> {
    fn clone(&self) -> Self {
        Self { value: self.value.clone(), read_at: self.read_at }
    }
}

/// A secret and its last good value.
pub(super) struct Cached<T> {
    id: String,
    variable: &'static str,
    /// Parses the secret's text. The error is a sentence that says why it is not usable.
    parse: fn(&str) -> Result<T, &'static str>,
    entry: Mutex<Option<Entry<T>>>,
    previous: Mutex<Option<Previous<T>>>,
    /// The names for which the secret was read again, and when.
    looked_up: Mutex<VecDeque<(String, Timestamp)>>,
}

impl<T> Cached<T> {
    pub(super) fn new(id: &str, variable: &'static str, parse: fn(&str) -> Result<T, &'static str>) -> Self {
        Self {
            id: id.to_owned(),
            variable,
            parse,
            entry: Mutex::new(None),
            previous: Mutex::new(None),
            looked_up: Mutex::default(),
        }
    }

    /// The secret's name or ARN.
    pub(super) fn id(&self) -> &str {
        &self.id
    }

    /// The error if Secrets Manager refuses to return the secret.
    pub(super) const fn refused(&self) -> ConfigError {
        ConfigError::unusable(self.variable, "The secret cannot be read.")
    }

    fn parsed(&self, text: &str) -> Result<T, ConfigError> {
        (self.parse)(text).map_err(|sentence| ConfigError::unusable(self.variable, sentence))
    }

    /// The cached value, unless it is due to be read again.
    pub(super) fn remembered(&self, now: Timestamp) -> Option<Arc<T>> {
        self.within(LIFETIME, now)
    }

    /// The last good value, if reading another failed or was asked for less than `interval` ago.
    pub(super) fn tried_within(&self, interval: Duration, now: Timestamp) -> Option<Arc<T>> {
        let entry = locked(&self.entry);
        let last = entry.as_ref().filter(|entry| {
            entry.tried_at.is_some_and(|tried_at| now.since(tried_at) < interval)
                && now.since(entry.read_at) < LAST_GOOD_LIFETIME
        });
        last.map(|entry| Arc::clone(&entry.value))
    }

    /// The last good value, if the secret was read again for `name` less than a minute ago.
    pub(super) fn was_looked_up(&self, name: &str, now: Timestamp) -> Option<Arc<T>> {
        let is_recent = |(known, at): &(String, Timestamp)| known == name && now.since(*at) < LEAST_INTERVAL;
        let was_looked_up = locked(&self.looked_up).iter().any(is_recent);
        was_looked_up.then(|| self.within(LAST_GOOD_LIFETIME, now)).flatten()
    }

    /// Takes a new value, or else the last good one. `tried_at` is set if the secret was read before
    /// it was due.
    pub(super) fn take(
        &self,
        text: Text,
        now: Timestamp,
        tried_at: Option<Timestamp>,
    ) -> Result<Arc<T>, SecretsError> {
        let error = match self.keep(text, now, tried_at) {
            Ok(value) => return Ok(value),
            Err(error) => error,
        };
        let mut entry = locked(&self.entry);
        match entry.as_mut() {
            Some(last) if now.since(last.read_at) < LAST_GOOD_LIFETIME => {
                tracing::warn!(
                    variable = self.variable,
                    error = %error,
                    "a secret cannot be read again; the last good value is used"
                );
                metrics::count_stale_secret();
                last.tried_at = Some(now);
                Ok(Arc::clone(&last.value))
            }
            _ => Err(error),
        }
    }

    /// Takes a new value because the cached one lacks `name`, which a stored item refers to. A
    /// failed read is an error here: an old value cannot prove that a name is unknown.
    pub(super) fn take_for(&self, name: &str, text: Text, now: Timestamp) -> Result<Arc<T>, SecretsError> {
        let value = self.keep(text, now, Some(now))?;
        let mut names = locked(&self.looked_up);
        names.retain(|(known, _)| known != name);
        if names.len() == MOST_NAMES {
            names.pop_front();
        }
        names.push_back((name.to_owned(), now));
        Ok(value)
    }

    /// Takes what came with another secret's value, unless the cached value is not due. If there is
    /// no good value, the next attempt waits as after any other.
    pub(super) fn take_along(&self, text: Text, now: Timestamp) {
        if self.remembered(now).is_none()
            && self.keep(text, now, None).is_err()
            && let Some(last) = locked(&self.entry).as_mut()
        {
            last.tried_at = Some(now);
        }
    }

    /// The previous version as it was read less than a minute ago, unless the current version was
    /// read since.
    pub(super) fn remembered_previous(&self, now: Timestamp) -> Option<Previous<T>> {
        let previous = locked(&self.previous);
        previous.as_ref().filter(|known| now.since(known.read_at) < LEAST_INTERVAL).cloned()
    }

    /// Takes the previous version, if there is a usable one.
    pub(super) fn take_previous(&self, text: Text, now: Timestamp) -> Result<Option<Arc<T>>, SecretsError> {
        let value = match text {
            Ok(text) => (self.parse)(&text).ok().map(Arc::new),
            // The secret has no previous version.
            Err(SecretsError::Unusable(_)) => None,
            Err(error) => return Err(error),
        };
        *locked(&self.previous) = Some(Previous { value: value.clone(), read_at: now });
        Ok(value)
    }

    fn keep(&self, text: Text, now: Timestamp, tried_at: Option<Timestamp>) -> Result<Arc<T>, SecretsError> {
        let value = Arc::new(self.parsed(&text?)?);
        *locked(&self.entry) = Some(Entry { value: Arc::clone(&value), read_at: now, tried_at });
        *locked(&self.previous) = None;
        Ok(value)
    }

    fn within(&self, lifetime: Duration, now: Timestamp) -> Option<Arc<T>> {
        let entry = locked(&self.entry);
        let young = entry.as_ref().filter(|entry| now.since(entry.read_at) < lifetime);
        young.map(|entry| Arc::clone(&entry.value))
    }
}

/// Ignores poisoning: no panic can leave a value half-written here.
fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    const START: Timestamp = Timestamp::from_seconds(1_000_000);

    fn cached() -> Cached<String> {
        Cached::new("id", "GOOGLE_CLIENT_SECRET_ID", |text| {
            if text == "bad" { Err("The secret is bad.") } else { Ok(text.to_owned()) }
        })
    }

    #[expect(clippy::unnecessary_wraps, reason = "what a read gives")]
    fn good(text: &str) -> Text {
        Ok(Zeroizing::new(text.to_owned()))
    }

    fn down() -> Text {
        Err(SecretsError::Unavailable("down".to_owned()))
    }

    fn text(value: Option<Arc<String>>) -> Option<String> {
        value.map(|value| (*value).clone())
    }

    #[test]
    fn a_value_is_used_for_five_minutes_without_asking() {
        let cached = cached();
        cached.take(good("one"), START, None).unwrap();
        assert!(cached.remembered(START.plus(Duration::from_secs(299))).is_some());
        assert!(cached.remembered(START.plus(LIFETIME)).is_none());
        assert_eq!(*cached.take(good("two"), START.plus(LIFETIME), None).unwrap(), "two");
    }

    #[test]
    fn f59_f64_the_last_good_value_serves_for_a_day_and_is_retried_once_a_minute() {
        let cached = cached();
        cached.take(good("one"), START, None).unwrap();
        let old = START.plus(LIFETIME);
        assert!(cached.tried_within(LEAST_INTERVAL, old).is_none());
        assert_eq!(*cached.take(down(), old, None).unwrap(), "one");
        let soon = old.plus(Duration::from_secs(59));
        assert_eq!(text(cached.tried_within(LEAST_INTERVAL, soon)).as_deref(), Some("one"));
        assert!(cached.tried_within(LEAST_INTERVAL, old.plus(LEAST_INTERVAL)).is_none());
        assert_eq!(*cached.take(good("bad"), old.plus(LEAST_INTERVAL), None).unwrap(), "one");
        assert!(cached.take(down(), START.plus(LAST_GOOD_LIFETIME), None).is_err());
    }

    #[test]
    fn f60_with_nothing_remembered_a_failure_is_a_failure_and_the_next_caller_asks_again() {
        let cached = cached();
        assert!(cached.take(down(), START, None).is_err());
        assert!(cached.take(good("bad"), START, None).is_err());
        assert!(cached.tried_within(LEAST_INTERVAL, START).is_none());
        assert_eq!(*cached.take(good("one"), START, None).unwrap(), "one");
    }

    #[test]
    fn a_value_that_came_along_is_kept_if_it_is_good_and_due() {
        let cached = cached();
        cached.take_along(down(), START);
        cached.take_along(good("bad"), START);
        assert!(cached.remembered(START).is_none());
        cached.take_along(good("one"), START);
        cached.take_along(good("two"), START);
        assert_eq!(text(cached.remembered(START)).as_deref(), Some("one"));
        cached.take_along(down(), START.plus(LIFETIME));
        assert!(cached.tried_within(LEAST_INTERVAL, START.plus(LIFETIME)).is_some(), "tried a moment ago");
        cached.take_along(good("two"), START.plus(LIFETIME));
        assert_eq!(text(cached.remembered(START.plus(LIFETIME))).as_deref(), Some("two"));
    }

    #[test]
    fn a_name_is_looked_up_at_once_and_the_same_name_once_a_minute() {
        let cached = cached();
        cached.take(good("one"), START, None).unwrap();
        assert!(cached.was_looked_up("a", START).is_none());
        assert_eq!(*cached.take_for("a", good("two"), START).unwrap(), "two");
        assert_eq!(text(cached.was_looked_up("a", START)).as_deref(), Some("two"));
        assert!(cached.was_looked_up("b", START).is_none());
        assert!(
            cached.take_for("c", down(), START).is_err(),
            "an older value does not say that it is unknown"
        );
        assert!(cached.was_looked_up("c", START).is_none());
        assert_eq!(text(cached.remembered(START)).as_deref(), Some("two"), "and goes on serving");
        assert!(cached.was_looked_up("a", START.plus(LEAST_INTERVAL)).is_none());
    }

    #[test]
    fn the_version_before_is_asked_for_anew_once_the_current_one_was_read() {
        let cached = cached();
        cached.take(good("one"), START, None).unwrap();
        assert!(cached.remembered_previous(START).is_none());
        assert_eq!(cached.take_previous(good("bad"), START).unwrap(), None);
        assert!(cached.remembered_previous(START).unwrap().value.is_none(), "remembered");
        cached.take_for("a", good("two"), START).unwrap();
        assert!(cached.remembered_previous(START).is_none());
        assert_eq!(text(cached.take_previous(good("one"), START).unwrap()).as_deref(), Some("one"));
        assert!(cached.take_previous(down(), START).is_err());
    }
}
