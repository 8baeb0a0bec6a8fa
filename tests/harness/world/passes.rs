//! Goes through the credentials table, as `cargo xtask reseal` and `cargo xtask restore` do.

use postern::app::App;
use postern::grant::reseal::{Outcome, copy, has_ended, reseal};
use postern::outside::dynamodb::{Policy, Reading, Segment, Stored};
use postern_rules::error::Error;

use super::World;
use crate::stack::{CREDENTIALS_TABLE, SESSIONS_TABLE};

/// The items of the table of `app`, read in two segments and in small pages.
pub async fn all_items(app: &App, reading: Reading) -> Result<Vec<Stored>, Error> {
    let mut items = Vec::new();
    for number in 0..2 {
        let (segment, mut after) = (Segment { number, of: 2 }, None);
        loop {
            let batch = app.store.scan(segment, after.as_deref(), 3, &reading).await?;
            items.extend(batch.items);
            after = batch.after;
            if after.is_none() {
                break;
            }
        }
    }
    Ok(items)
}

/// Seals every item of the table again.
pub async fn reseal_all(app: &App) -> Result<Vec<Outcome>, Error> {
    let mut outcomes = Vec::new();
    for stored in all_items(app, Reading::All).await? {
        outcomes.push(reseal(app, stored).await?);
    }
    Ok(outcomes)
}

/// Copies every item of one table into another.
pub async fn copy_all(from: &App, to: &App, policy: Policy) -> Result<Vec<Outcome>, Error> {
    let mut outcomes = Vec::new();
    for stored in all_items(from, Reading::All).await? {
        outcomes.push(copy(from, to, &stored, policy).await?);
    }
    Ok(outcomes)
}

/// Takes back the unused copies of connections that have ended. Returns how many these were.
pub async fn follow_ends(from: &App, to: &App) -> Result<usize, Error> {
    let copies = all_items(to, Reading::CopiesOf(from.config.credentials_table.clone())).await?;
    let originals = from.store.of_the_same_users(&copies).await?;
    let mut ended = 0;
    for copy in copies {
        if has_ended(copy.user_id().and_then(|user| originals.get(user))) {
            to.store.delete_copy(&copy).await?;
            ended += 1;
        }
    }
    Ok(ended)
}

impl World {
    /// Creates another credentials table. Returns an environment that uses it, with these variables
    /// changed too.
    pub fn another_table(&self, name: &str, changes: &[(&str, &str)]) -> App {
        let mut tables = crate::template::tables();
        tables.retain(|table| table.name == CREDENTIALS_TABLE);
        name.clone_into(&mut tables[0].name);
        self.dynamodb.create_tables(&tables);
        self.environment(&[&[("CREDENTIALS_TABLE", name)], changes].concat())
    }

    /// The table as it is now, restored under another name.
    pub fn restored(&self, name: &str) -> App {
        let app = self.another_table(name, &[]);
        for item in self.dynamodb.scan(CREDENTIALS_TABLE) {
            self.dynamodb.put(name, item);
        }
        app
    }

    /// Forgets every end.
    pub fn forget_ends(&self) {
        for end in self.ends() {
            self.dynamodb.delete(SESSIONS_TABLE, "id", end["id"]["S"].as_str().unwrap_or_default());
        }
    }

    /// The rows that remember an end.
    pub fn ends(&self) -> Vec<serde_json::Value> {
        self.rows("ended#")
    }
}
