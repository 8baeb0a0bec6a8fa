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
use super::journal::Journal;
use crate::commands::PassOptions;

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

/// Stops a pass with a keyring that opens nothing, also nothing in the earlier runs that `counts`
/// is of. What is in order already says nothing of the keyring.
pub(super) fn check_keyring(
    counts: &BTreeMap<String, u64>,
    options: &PassOptions,
) -> impl FnMut(&Told) -> Result<(), String> + use<> {
    let proofs = [Fate::Resealed, Fate::Copied].map(Fate::as_str);
    let mut opened = options.leave_broken || proofs.iter().any(|fate| counts.contains_key(*fate));
    let mut broken = 0;
    move |told| {
        let fate = told.counts.first().map(String::as_str).unwrap_or_default();
        opened |= proofs.contains(&fate);
        broken += u32::from(fate == Fate::Broken.as_str());
        if broken >= WRONG_KEYRING && !opened {
            return Err(format!(
                "stopped: of {broken} items, the keyring opens none. Is it the right one? To leave such items as \
                 they are, run the same command with --leave-broken"
            ));
        }
        Ok(())
    }
}

/// The sums of a pass.
pub(super) struct Report<'a> {
    /// What the pass is for. It is told also if it became of no item.
    pub(super) aim: Fate,
    pub(super) items: u64,
    pub(super) counts: &'a BTreeMap<String, u64>,
}

impl<'a> Report<'a> {
    /// What the journal has counted.
    pub(super) const fn of(aim: Fate, journal: &'a Journal) -> Self {
        Self { aim, items: journal.items(), counts: journal.counts() }
    }

    fn fates(&self) -> BTreeMap<&str, u64> {
        let counted = self.counts.iter().filter(|(name, _)| !name.starts_with(KEY));
        let counted = counted.map(|(name, count)| (name.as_str(), *count));
        [(self.aim.as_str(), 0)].into_iter().chain(counted).collect()
    }

    /// Of how many items became what the pass is for.
    pub(super) fn done(&self) -> u64 {
        self.counts.get(self.aim.as_str()).copied().unwrap_or_default()
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
        json!({ "items": self.items, "outcomes": self.fates(), "keys": keys })
    }

    /// The outcomes, in one line.
    pub(super) fn outcomes(&self) -> String {
        let fates = self.fates().into_iter().map(|(fate, count)| format!("{count} {fate}"));
        format!("{} items: {}", self.items, fates.collect::<Vec<_>>().join(", "))
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
