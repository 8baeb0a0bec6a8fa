//! A cached secret. It is read again after five minutes, by one caller at a time. If that fails or
//! the new value is unusable, the last good value serves for a day.

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
/// The most names that [`Cached::look_up`] remembers. The oldest is dropped.
const MOST_NAMES: usize = 16;

struct Entry<T> {
    value: Arc<T>,
    read_at: Timestamp,
    /// When the last read failed or was requested before the value was due.
    tried_at: Option<Timestamp>,
}

/// The previous version, if there was a usable one when it was read.
struct Previous<T> {
    value: Option<Arc<T>>,
    read_at: Timestamp,
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
    reading: tokio::sync::Mutex<()>,
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
            reading: tokio::sync::Mutex::new(()),
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

    /// The cached value, or else a new one, or else the last good one.
    pub(super) async fn get(
        &self,
        now: Timestamp,
        read: impl Future<Output = Result<Zeroizing<String>, SecretsError>>,
    ) -> Result<Arc<T>, SecretsError> {
        if let Some(value) = self.remembered(now) {
            return Ok(value);
        }
        let _one_at_a_time = self.reading.lock().await;
        if let Some(value) = self.remembered(now) {
            return Ok(value);
        }
        if let Some(value) = self.tried_within(LEAST_INTERVAL, now) {
            metrics::count_stale_secret();
            return Ok(value);
        }
        self.read_now(now, None, read).await
    }

    /// A new value, unless a read was tried less than `interval` ago.
    pub(super) async fn reload(
        &self,
        now: Timestamp,
        interval: Duration,
        read: impl Future<Output = Result<Zeroizing<String>, SecretsError>>,
    ) -> Result<Arc<T>, SecretsError> {
        let _one_at_a_time = self.reading.lock().await;
        match self.tried_within(interval, now) {
            Some(value) => Ok(value),
            None => self.read_now(now, Some(now), read).await,
        }
    }

    /// A new value, because the cached one lacks `name`, which a stored item refers to. Reads at
    /// most once a minute for the same name. A failed read is an error here: an old value cannot
    /// prove that a name is unknown.
    pub(super) async fn look_up(
        &self,
        now: Timestamp,
        name: &str,
        read: impl Future<Output = Result<Zeroizing<String>, SecretsError>>,
    ) -> Result<Arc<T>, SecretsError> {
        let _one_at_a_time = self.reading.lock().await;
        let was_looked_up = locked(&self.looked_up)
            .iter()
            .any(|(known, at)| known == name && now.since(*at) < LEAST_INTERVAL);
        if was_looked_up && let Some(value) = self.within(LAST_GOOD_LIFETIME, now) {
            return Ok(value);
        }
        let value = Arc::new(self.parsed(&read.await?)?);
        self.keep(Arc::clone(&value), now, Some(now));
        let mut names = locked(&self.looked_up);
        names.retain(|(known, _)| known != name);
        if names.len() == MOST_NAMES {
            names.pop_front();
        }
        names.push_back((name.to_owned(), now));
        Ok(value)
    }

    /// The previous version, if there is a usable one. It is read at most once a minute, and again
    /// after the current version was read.
    pub(super) async fn previous(
        &self,
        now: Timestamp,
        read: impl Future<Output = Result<Zeroizing<String>, SecretsError>>,
    ) -> Result<Option<Arc<T>>, SecretsError> {
        let _one_at_a_time = self.reading.lock().await;
        if let Some(known) = &*locked(&self.previous)
            && now.since(known.read_at) < LEAST_INTERVAL
        {
            return Ok(known.value.clone());
        }
        let value = match read.await {
            Ok(text) => (self.parse)(&text).ok().map(Arc::new),
            // The secret has no previous version.
            Err(SecretsError::Unusable(_)) => None,
            Err(error) => return Err(error),
        };
        *locked(&self.previous) = Some(Previous { value: value.clone(), read_at: now });
        Ok(value)
    }

    fn keep(&self, value: Arc<T>, now: Timestamp, tried_at: Option<Timestamp>) {
        *locked(&self.entry) = Some(Entry { value, read_at: now, tried_at });
        *locked(&self.previous) = None;
    }

    async fn read_now(
        &self,
        now: Timestamp,
        tried_at: Option<Timestamp>,
        read: impl Future<Output = Result<Zeroizing<String>, SecretsError>>,
    ) -> Result<Arc<T>, SecretsError> {
        let error = match read.await.and_then(|text| Ok(Arc::new(self.parsed(&text)?))) {
            Ok(value) => {
                self.keep(Arc::clone(&value), now, tried_at);
                return Ok(value);
            }
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

    fn within(&self, lifetime: Duration, now: Timestamp) -> Option<Arc<T>> {
        let entry = locked(&self.entry);
        let young = entry.as_ref().filter(|entry| now.since(entry.read_at) < lifetime);
        young.map(|entry| Arc::clone(&entry.value))
    }

    fn tried_within(&self, interval: Duration, now: Timestamp) -> Option<Arc<T>> {
        let entry = locked(&self.entry);
        let last = entry.as_ref().filter(|entry| {
            entry.tried_at.is_some_and(|tried_at| now.since(tried_at) < interval)
                && now.since(entry.read_at) < LAST_GOOD_LIFETIME
        });
        last.map(|entry| Arc::clone(&entry.value))
    }
}

/// Ignores poisoning: no panic can leave a value half-written here.
fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use std::future::{Ready, ready};

    use super::*;

    const START: Timestamp = Timestamp::from_seconds(1_000_000);

    fn cached() -> Cached<String> {
        Cached::new("id", "GOOGLE_CLIENT_SECRET_ID", |text| {
            if text == "bad" { Err("The secret is bad.") } else { Ok(text.to_owned()) }
        })
    }

    fn good(text: &str) -> Ready<Result<Zeroizing<String>, SecretsError>> {
        ready(Ok(Zeroizing::new(text.to_owned())))
    }

    fn down() -> Ready<Result<Zeroizing<String>, SecretsError>> {
        ready(Err(SecretsError::Unavailable("down".to_owned())))
    }

    #[tokio::test]
    async fn a_value_is_used_for_five_minutes_without_asking() {
        let cached = cached();
        assert_eq!(*cached.get(START, good("one")).await.unwrap(), "one");
        let later = START.plus(Duration::from_secs(299));
        assert_eq!(*cached.get(later, good("two")).await.unwrap(), "one");
        let old = START.plus(LIFETIME);
        assert_eq!(*cached.get(old, good("two")).await.unwrap(), "two");
    }

    #[tokio::test]
    async fn f59_f64_the_last_good_value_serves_for_a_day_and_is_retried_once_a_minute() {
        let cached = cached();
        cached.get(START, good("one")).await.unwrap();
        let old = START.plus(LIFETIME);
        assert_eq!(*cached.get(old, down()).await.unwrap(), "one");
        assert_eq!(*cached.get(old.plus(Duration::from_secs(59)), good("two")).await.unwrap(), "one");
        assert_eq!(*cached.get(old.plus(LEAST_INTERVAL), good("bad")).await.unwrap(), "one");
        assert!(cached.get(START.plus(LAST_GOOD_LIFETIME), down()).await.is_err());
    }

    #[tokio::test]
    async fn f60_with_nothing_remembered_a_failure_is_a_failure_and_the_next_caller_asks_again() {
        let cached = cached();
        assert!(cached.get(START, down()).await.is_err());
        assert!(cached.get(START, good("bad")).await.is_err());
        assert_eq!(*cached.get(START, good("one")).await.unwrap(), "one");
    }

    #[tokio::test]
    async fn a_reload_asks_at_most_once_a_minute() {
        let cached = cached();
        cached.get(START, good("one")).await.unwrap();
        assert_eq!(*cached.reload(START, LEAST_INTERVAL, good("two")).await.unwrap(), "two");
        let soon = START.plus(Duration::from_secs(59));
        assert_eq!(*cached.reload(soon, LEAST_INTERVAL, good("three")).await.unwrap(), "two");
        let later = START.plus(LEAST_INTERVAL);
        assert_eq!(*cached.reload(later, LEAST_INTERVAL, good("three")).await.unwrap(), "three");
    }

    #[tokio::test]
    async fn a_name_is_looked_up_at_once_and_the_same_name_once_a_minute() {
        let cached = cached();
        cached.get(START, good("one")).await.unwrap();
        assert_eq!(*cached.look_up(START, "a", good("two")).await.unwrap(), "two");
        assert_eq!(*cached.look_up(START, "a", good("three")).await.unwrap(), "two");
        assert_eq!(*cached.look_up(START, "b", good("three")).await.unwrap(), "three");
        assert!(
            cached.look_up(START, "c", down()).await.is_err(),
            "an older value does not say that it is unknown"
        );
        assert_eq!(*cached.get(START, down()).await.unwrap(), "three", "and goes on serving");
        let later = START.plus(LEAST_INTERVAL);
        assert_eq!(*cached.look_up(later, "a", good("four")).await.unwrap(), "four");
    }

    #[tokio::test]
    async fn the_version_before_is_asked_for_anew_once_the_current_one_was_read() {
        let cached = cached();
        cached.get(START, good("one")).await.unwrap();
        assert_eq!(cached.previous(START, good("bad")).await.unwrap(), None);
        assert_eq!(cached.previous(START, good("zero")).await.unwrap(), None, "remembered");
        cached.look_up(START, "a", good("two")).await.unwrap();
        assert_eq!(cached.previous(START, good("one")).await.unwrap().as_deref(), Some(&"one".to_owned()));
        cached.look_up(START, "b", good("two")).await.unwrap();
        assert!(cached.previous(START, down()).await.is_err());
    }
}
