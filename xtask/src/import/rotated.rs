//! Refresh tokens that Google issued in place of those in the file, kept before anything can lose
//! them. Such a file exists only if Google did so; it is as secret as the imported one.

use std::collections::HashMap;
use std::path::{Path, PathBuf};

use postern_rules::import::mark;
use postern_rules::secret::RefreshToken;
use serde::Deserialize;
use serde_json::json;
use zeroize::Zeroizing;

use super::private::Private;

/// The tokens, by the SHA-256 of the token that each replaces.
pub(super) struct Rotated {
    path: PathBuf,
    file: Option<Private>,
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
    /// Reads what earlier runs kept.
    pub(super) fn open(path: &Path) -> Result<Self, String> {
        let mut rotated = Self { path: path.to_owned(), file: None, newer: HashMap::new() };
        if path.exists() {
            let (file, text) = Private::open(path)?;
            let records = text.lines().filter_map(|line| serde_json::from_str::<Record>(line).ok());
            let pair = |record: Record| (record.replaces, RefreshToken::new(record.refresh_token.as_str()));
            rotated.newer = records.map(pair).collect();
            rotated.file = Some(file);
        }
        Ok(rotated)
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

    /// Keeps the token that replaces `used`. It is on the disk when this returns.
    pub(super) fn keep(&mut self, used: &RefreshToken, newer: &RefreshToken) -> Result<(), String> {
        let replaces = name(used);
        self.newer.insert(replaces.clone(), newer.clone());
        let file = match &mut self.file {
            Some(file) => file,
            none => none.insert(Private::open(&self.path)?.0),
        };
        let record = json!({ "replaces": replaces, "refresh_token": newer.expose() });
        file.add(&Zeroizing::new(record.to_string()))?;
        let synced = file.file.sync_data();
        synced.map_err(|error| format!("cannot write {}: {error}", self.path.display()))
    }
}
