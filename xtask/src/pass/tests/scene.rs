//! A deployment with many credentials, and the settings and options of a pass over it.

use std::path::PathBuf;

use clap::Parser;
use harness::stack::{CREDENTIALS_TABLE, SEALING_KEYS_SECRET};
use harness::{Options, Stack};
use postern::app::App;
use postern::clock::Clock;
use postern::outside::dynamodb::Reading;
use postern_rules::random;
use postern_rules::seal::{Keyring, Purpose};
use serde_json::{Value, json};

use super::super::journal::{Journal, Work};
use super::super::report::check_keyring;
use super::super::reseal::{Sealing, work};
use super::super::*;
use crate::commands::{Command, CommandLine, PassOptions, RestoreOptions};

pub(super) const FAST: Settings =
    Settings { per_second: 100_000, concurrency: 32, segments: 4, patience: Duration::from_mins(1) };
pub(super) const ONE_SEGMENT: Settings = Settings { segments: 1, ..FAST };
pub(super) const OLD: &str = "an-old-planted-key-0123456789abcdefghijklmn";
pub(super) const NEW: &str = "a-new-planted-key-0123456789abcdefghijklmno";

/// A deployment whose keyring was rotated, with synthetic credentials under the old key, and a
/// folder for journals.
pub(super) struct Scene {
    pub(super) stack: Stack,
    pub(super) app: App,
    pub(super) folder: PathBuf,
}

impl Drop for Scene {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.folder);
    }
}

/// The credential of a user, with sealed tokens that Google never issued.
pub(super) fn credential(keyring: &Keyring, number: usize) -> Value {
    let (user, id, client) = ((100_000_000 + number).to_string(), random::identifier(), "1-a.apps");
    let seal = |attribute: &str, token: &str| {
        let place = ["credentials", &user, attribute, &id, client];
        json!({ "S": keyring.seal(Purpose::Token, &place, token.as_bytes()).as_str() })
    };
    // As long as Google's.
    let (refresh, access) = ("r".repeat(103), "a".repeat(253));
    let text = |text: &str| json!({ "S": text });
    let number = |number: i64| json!({ "N": number.to_string() });
    json!({
        "user_id": text(&user), "schema": number(1), "status": text("active"), "client_id": text(client),
        "scopes": text("openid email https://www.googleapis.com/auth/gmail.readonly"),
        "email": text("somebody@example.com"), "refresh_token": seal("refresh_token", &refresh),
        "refresh_token_id": text(&id), "access_token": seal("access_token", &access),
        "access_token_expires_at": number(1_793_500_000), "access_token_obtained_at": number(1_793_496_400),
        "version": number(3), "write_id": text(&random::identifier()), "updated_at": number(1_793_496_400),
        "connected_at": number(1_793_000_000), "era": text(&random::mark()),
        "sessions_valid_from": number(1_793_000_000),
    })
}

pub(super) fn keyring(text: &Value) -> Keyring {
    Keyring::parse(&text.to_string()).unwrap()
}

impl Scene {
    pub(super) async fn new(count: usize) -> Self {
        harness::time::pause();
        let stack = Stack::start(Options::default()).await;
        let old = keyring(&json!({ "primary": "k1", "k1": OLD }));
        (0..count).for_each(|number| stack.dynamodb.put(CREDENTIALS_TABLE, credential(&old, number)));
        stack.secrets.put(SEALING_KEYS_SECRET, &json!({ "primary": "k2", "k1": OLD, "k2": NEW }).to_string());
        let variables = stack.environment();
        let app = App::new(|name| variables.get(name).cloned(), Clock::System, None);
        let app = app.unwrap_or_else(|problem| panic!("{}", problem.error));
        let folder = std::env::temp_dir().join(format!("postern-{}", random::identifier()));
        std::fs::create_dir(&folder).unwrap();
        Self { stack, app, folder }
    }

    pub(super) fn journal(&self) -> PathBuf {
        self.folder.join("journal")
    }

    pub(super) async fn work(&self) -> Work {
        work("reseal", &self.app, &self.app, None).await.unwrap()
    }

    pub(super) async fn pass(&self, settings: Settings) -> Pass<'_> {
        let journal = Journal::open(&self.journal(), self.work().await, self.app.clock.now()).unwrap();
        Pass::new(&self.app, Reading::All, settings, journal)
    }

    /// Runs a pass that seals everything again. `each` gets the number of items told so far.
    pub(super) async fn reseal(&self, pass: &Pass<'_>, each: impl Fn(usize)) -> Result<Vec<Told>, String> {
        let mut all = Vec::new();
        let mut check = check_keyring(pass.journal.borrow().counts(), &options(""));
        let mut tell = |told: &Told| {
            all.push(told.clone());
            each(all.len());
            check(told)
        };
        pass.run(&Sealing { app: &self.app }, &mut tell).await?;
        Ok(all)
    }

    pub(super) fn sealed_with(&self, key: &str) -> usize {
        let items = self.stack.dynamodb.scan(CREDENTIALS_TABLE);
        let is_sealed = |item: &&Value| {
            ["refresh_token", "access_token"]
                .iter()
                .all(|name| item[*name]["S"].as_str().unwrap().starts_with(&format!("v2.{key}.")))
        };
        items.iter().filter(is_sealed).count()
    }
}

/// The options of a restore.
pub(super) fn restore_options(more: &str) -> RestoreOptions {
    let line = format!("xtask restore --from old --stack-name mail {more}");
    let Command::Restore(options) = CommandLine::parse_from(line.split_whitespace()).command else {
        panic!()
    };
    options
}

pub(super) fn options(more: &str) -> PassOptions {
    restore_options(more).pass
}

pub(super) fn count(pass: &Pass<'_>, name: &str) -> u64 {
    pass.journal.borrow().counts().get(name).copied().unwrap_or_default()
}
