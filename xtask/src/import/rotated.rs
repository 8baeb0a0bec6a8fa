//! Refresh tokens that Google issued in place of those in the file, kept before anything can lose
//! them. After a run such a file exists only if Google did so; it is as secret as the imported one.

use std::collections::HashMap;
use std::path::Path;

use postern_rules::import::mark;
use postern_rules::secret::RefreshToken;
use serde::Deserialize;
use serde_json::json;
use zeroize::Zeroizing;

use crate::private::Private;

/// The tokens, by the SHA-256 of the token that each replaces. The file is removed at the end if it
/// is empty.
pub(super) struct Rotated {
    file: Private,
    newer: HashMap<String, RefreshToken>,
}

#[derive(Deserialize)]
struct Record {
    replaces: String,
    refresh_token: Zeroizing<String>,
}

fn name(token: &RefreshToken) -> String {
    mark("", token.expose().as_bytes())
}

impl Rotated {
    /// Reads what earlier runs kept. Creates the file now, and not when a token needs it: a run
    /// that could not keep a token must not ask for one.
    pub(super) fn open(path: &Path) -> Result<Self, String> {
        let (file, text) = Private::open(path)?;
        let records = text.lines().filter_map(|line| serde_json::from_str::<Record>(line).ok());
        let pair = |record: Record| (record.replaces, RefreshToken::new(record.refresh_token.as_str()));
        Ok(Self { file, newer: records.map(pair).collect() })
    }

    /// The token to use in place of this one: the last that replaced it.
    pub(super) fn newest(&self, token: &RefreshToken) -> RefreshToken {
        let mut newest = token;
        // Google does not issue a token again; the bound is for a file that someone edited.
        for _ in 0..=self.newer.len() {
            let Some(newer) = self.newer.get(&name(newest)) else { break };
            newest = newer;
        }
        newest.clone()
    }

    /// Whether `newer` replaced this token, perhaps in several steps.
    pub(super) fn leads_to(&self, token: &RefreshToken, newer: &RefreshToken) -> bool {
        // `newer` may have been replaced meanwhile: both have the same end then.
        name(token) != name(newer) && name(&self.newest(token)) == name(&self.newest(newer))
    }

    /// Keeps the token that replaces `used`. It is on the disk when this returns.
    pub(super) fn keep(&mut self, used: &RefreshToken, newer: &RefreshToken) -> Result<(), String> {
        let replaces = name(used);
        self.newer.insert(replaces.clone(), newer.clone());
        let record = json!({ "replaces": replaces, "refresh_token": newer.expose() });
        self.file.add(&Zeroizing::new(record.to_string()))?;
        let synced = self.file.file.sync_data();
        synced.map_err(|error| format!("cannot write {}: {error}", self.file.path.display()))
    }
}

impl Drop for Rotated {
    fn drop(&mut self) {
        if self.file.file.metadata().is_ok_and(|metadata| metadata.len() == 0) {
            // An empty file that stays does no harm.
            let _ = std::fs::remove_file(&self.file.path);
        }
    }
}
