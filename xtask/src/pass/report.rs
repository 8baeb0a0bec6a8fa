//! What a pass tells: of each item words to count and perhaps a line, and at the end the sums. No
//! token, and no user but by the pseudonym that the log has.

use std::collections::BTreeMap;

use aws_smithy_types::date_time::{DateTime, Format};
use postern::grant::reseal::{Fate, Outcome};
use postern::outside::dynamodb::Stored;
use postern_rules::seal::{Keyring, OpenError};
use postern_rules::time::Timestamp;
use serde_json::{Value, json};

use super::Told;

/// The most lines about single items.
pub(super) const MOST_LINES: u32 = 100;
/// After so many items that do not open, and none that does, the keyring is not theirs.
const WRONG_KEYRING: u32 = 20;
/// Begins the name of a count of items that a key seals.
const KEY: &str = "key ";

/// What is told of an item. `keyring` gives the pseudonym.
pub(super) fn told(stored: &Stored, outcome: &Outcome, keyring: &Keyring) -> Told {
    let keys = outcome.keys.iter().map(|key| format!("{KEY}{key}"));
    let counts = std::iter::once(outcome.fate.as_str().to_owned()).chain(keys).collect();
    let broken = |(attribute, why): &(&str, OpenError)| format!("its {attribute} does not open: {why}");
    let mut words: Vec<String> = outcome.broken.iter().map(broken).collect();
    if outcome.fate == Fate::Unreadable {
        words.push("this version cannot read its item".to_owned());
    }
    let user = || stored.user().map_or_else(|_| "unknown".to_owned(), |user| keyring.pseudonym(&user));
    let line = (!words.is_empty()).then(|| format!("user {}: {}", user(), words.join("; ")));
    Told { counts, line }
}

/// Stops a pass with a keyring that opens nothing.
pub(super) fn check_keyring() -> impl FnMut(&Told) -> Result<(), String> {
    let (mut opened, mut broken) = (false, 0);
    move |told| {
        match told.counts.first().map(String::as_str) {
            Some("broken") => broken += 1,
            Some("unreadable") => {}
            _ => opened = true,
        }
        if broken >= WRONG_KEYRING && !opened {
            return Err(format!("stopped: of {broken} items, the keyring opens none; is it the right one?"));
        }
        Ok(())
    }
}

/// The sums of a pass.
pub(super) struct Report<'a> {
    pub(super) items: u64,
    pub(super) counts: &'a BTreeMap<String, u64>,
}

impl Report<'_> {
    fn fates(&self) -> impl Iterator<Item = (&String, &u64)> {
        self.counts.iter().filter(|(name, _)| !name.starts_with(KEY))
    }

    /// How many items a key seals.
    pub(super) fn sealed_with(&self, key: &str) -> u64 {
        self.counts.get(&format!("{KEY}{key}")).copied().unwrap_or_default()
    }

    /// The keys that seal something, and those of the keyring.
    fn keys(&self, keyring: &Keyring) -> Vec<String> {
        let used = self.counts.keys().filter_map(|name| name.strip_prefix(KEY));
        let mut keys: Vec<String> = used.chain(keyring.key_ids()).map(str::to_owned).collect();
        keys.sort_unstable();
        keys.dedup();
        keys
    }

    /// As JSON.
    pub(super) fn json(&self, keyring: &Keyring) -> Value {
        let keys = self.keys(keyring);
        let keys: BTreeMap<&String, u64> = keys.iter().map(|key| (key, self.sealed_with(key))).collect();
        json!({ "items": self.items, "outcomes": self.fates().collect::<BTreeMap<_, _>>(), "keys": keys })
    }

    /// The outcomes, in one line.
    pub(super) fn outcomes(&self) -> String {
        let fates: Vec<String> = self.fates().map(|(fate, count)| format!("{count} {fate}")).collect();
        format!(
            "{} items: {}",
            self.items,
            if fates.is_empty() { "none".to_owned() } else { fates.join(", ") }
        )
    }

    /// What each key seals, a line each.
    pub(super) fn key_lines(&self, keyring: &Keyring) -> Vec<String> {
        let line = |key: &String| {
            let what = match (key == keyring.primary(), keyring.key_ids().any(|known| known == key)) {
                (true, _) => " (the primary key)",
                (false, true) => "",
                (false, false) => " (not in the keyring)",
            };
            format!("key {key}{what} seals {} items", self.sealed_with(key))
        };
        self.keys(keyring).iter().map(line).collect()
    }
}

/// A time in words.
pub(super) fn date(time: Timestamp) -> String {
    DateTime::from_secs(time.seconds()).fmt(Format::DateTime).unwrap_or_else(|_| time.seconds().to_string())
}
