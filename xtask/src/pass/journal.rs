//! How far a pass is, and what it has counted: a line for each page that is done, so that a killed
//! process loses at most the pages that were under way. It names users by their IDs.

use std::collections::BTreeMap;
use std::fs::File;
use std::path::Path;

use postern::app::App;
use postern_rules::time::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::json;

use super::SEGMENTS;
use crate::private::{Private, locked};
use crate::target::explain;

/// What a pass does. A journal holds for one work.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Work {
    /// The command's name.
    pub(crate) command: String,
    pub(crate) region: String,
    /// What is read.
    pub(crate) from: Side,
    /// What is written.
    pub(crate) to: Side,
    /// The ID of the key that seals, if one does.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) key: Option<String>,
    /// From when on items count; all, if it is not there.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) since: Option<i64>,
}

/// A table and its keyring.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Side {
    pub(crate) table: String,
    /// DynamoDB's ID of the table: another one may have the name later, for instance a second
    /// restored one.
    pub(crate) table_id: Option<String>,
    /// The secret with the keyring.
    pub(crate) keyring: String,
}

impl Side {
    /// What `app` uses.
    pub(crate) async fn of(app: &App) -> Result<Self, String> {
        let described = app.store.described().await.map_err(|error| explain(&error.into()))?;
        let (table, keyring) = (&app.config.credentials_table, &app.config.sealing_keys_secret_id);
        Ok(Self { table: table.clone(), table_id: described.id, keyring: keyring.clone() })
    }
}

/// The first line.
#[derive(Serialize, Deserialize)]
struct Head {
    began_at: i64,
    /// The number of segments decides what a place in one means.
    segments: i32,
    #[serde(flatten)]
    work: Work,
}

/// How the first line begins.
const BEGINNING: &str = "{\"began_at\":";

/// Another line.
#[derive(Serialize, Deserialize)]
struct Page {
    segment: i32,
    /// `None` at the segment's end.
    after: Option<String>,
    counts: BTreeMap<String, u64>,
    items: u64,
}

/// How far a segment is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Place {
    Start,
    Behind(String),
    End,
}

/// A journal, open for one pass only.
pub(crate) struct Journal {
    /// With its lock; `None` if nothing is kept.
    file: Option<(Private, File)>,
    began_at: Timestamp,
    places: BTreeMap<i32, Place>,
    counts: BTreeMap<String, u64>,
    items: u64,
}

impl Journal {
    /// A journal that nothing is kept of.
    pub(crate) const fn in_memory(began_at: Timestamp) -> Self {
        Self { file: None, began_at, places: BTreeMap::new(), counts: BTreeMap::new(), items: 0 }
    }

    /// Opens the journal of this work, or begins it at `now`.
    pub(crate) fn open(path: &Path, work: Work, now: Timestamp) -> Result<Self, String> {
        let (mut file, text) = Private::open(path)?;
        let lock = locked(path, "run with this journal")?;
        let shown = path.display();
        // A run that died while it wrote the first line has done nothing.
        let is_ours = text.starts_with(BEGINNING) || BEGINNING.starts_with(text.as_str());
        let is_cut = is_ours && !text.contains('\n');
        if is_cut {
            file.clear()?;
        }
        let mut lines = text.lines().filter(|_| !is_cut);
        let mut journal = Self::in_memory(now);
        match lines.next() {
            None => {
                let head = Head { work, segments: SEGMENTS, began_at: now.seconds() };
                file.add(&json!(head).to_string())?;
            }
            Some(line) => {
                let head: Option<Head> = serde_json::from_str(line).ok();
                let head = head.filter(|head| head.work == work && head.segments == SEGMENTS);
                let head = head.ok_or_else(|| {
                    format!("{shown} is of another command, table, keyring, key or time; delete it, or name another with \
                         --journal")
                })?;
                journal.began_at = Timestamp::from_seconds(head.began_at);
            }
        }
        // A line that was cut off is of a page that is done again.
        for page in lines.filter_map(|line| serde_json::from_str::<Page>(line).ok()) {
            journal.take(page);
        }
        journal.file = Some((file, lock));
        Ok(journal)
    }

    fn take(&mut self, page: Page) {
        self.places.insert(page.segment, page.after.map_or(Place::End, Place::Behind));
        self.items += page.items;
        for (name, count) in page.counts {
            *self.counts.entry(name).or_default() += count;
        }
    }

    /// Where a segment goes on.
    pub(super) fn place(&self, segment: i32) -> Place {
        self.places.get(&segment).cloned().unwrap_or(Place::Start)
    }

    /// Notes that a segment is done up to `after`, with what each item counted.
    pub(super) fn note(
        &mut self,
        segment: i32,
        after: Option<String>,
        items: impl Iterator<Item = Vec<String>>,
    ) -> Result<(), String> {
        let mut page = Page { segment, after, counts: BTreeMap::new(), items: 0 };
        for counts in items {
            page.items += 1;
            for name in counts {
                *page.counts.entry(name).or_default() += 1;
            }
        }
        if let Some((file, _)) = &mut self.file {
            file.add(&json!(page).to_string())?;
        }
        self.take(page);
        Ok(())
    }

    /// The pass is complete: nothing is left to remember.
    pub(super) fn finish(&mut self) -> Result<(), String> {
        let Some((file, _lock)) = self.file.take() else { return Ok(()) };
        std::fs::remove_file(&file.path)
            .map_err(|error| format!("cannot remove {}: {error}", file.path.display()))
    }

    /// When the first run began.
    pub(crate) const fn began_at(&self) -> Timestamp {
        self.began_at
    }

    /// How many items are done.
    pub(crate) const fn items(&self) -> u64 {
        self.items
    }

    /// What was counted.
    pub(crate) const fn counts(&self) -> &BTreeMap<String, u64> {
        &self.counts
    }
}
