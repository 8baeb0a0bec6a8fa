//! The process dies while it imports a token of another system. Afterwards a token that works is in
//! the file, kept beside it, or stored; nothing newer was overwritten; and a repetition completes
//! it.

use std::cell::RefCell;
use std::time::Duration;

use harness::stack::CREDENTIALS_TABLE;
use harness::world::{ANN, import_line};
use serde_json::json;

use super::{Points, Trouble, enumerate, trouble};
use crate::behind::Behind;

/// What is stored of Ann when the import begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stored {
    Nothing,
    /// An active grant, from another consent.
    Newer,
    /// The token itself, by an earlier run that did not note it.
    Itself,
}

async fn killed_in_an_import(
    behind: &mut Behind,
    trouble: &Trouble,
    points: &mut Points,
    stored: Stored,
) -> bool {
    let at = format!("{stored:?}, killed at {points} with {}", trouble.name);
    let sub = behind.world.sub(ANN);
    if stored != Stored::Newer {
        behind.world.stack.dynamodb.delete(CREDENTIALS_TABLE, "user_id", &sub);
    }
    // Google keeps 100 refresh tokens of a user and ends the oldest, which is the stored one.
    if stored == Stored::Newer && behind.world.stack.google.live_refresh_tokens(ANN) > 90 {
        behind.world.stack.google.revoke_grant(ANN);
        behind.world.sign_in(ANN).await;
    }
    let minted = json!(behind.world.stack.google.mint([ANN])[0]);
    if stored == Stored::Itself {
        assert_eq!(behind.world.import(&minted).await.word(), "imported", "{at}");
    }
    let before = behind.world.kept(ANN);
    // The file's token, and what is kept beside the file.
    let tokens = RefCell::new(vec![minted["refresh_token"].as_str().unwrap().to_owned()]);
    let keep = |token: &str| {
        behind.world.plant(token);
        tokens.borrow_mut().push(token.to_owned());
    };
    behind.world.forget_calls();
    trouble.arrange(&behind.world.stack);
    // The import reserves time to store what Google replaces.
    let budget = trouble.budget + Duration::from_secs(2);
    let importing = async |app: &_| import_line(app, &minted, &[], false, budget, &keep).await;
    let killed = points.kill_in(behind, importing).await;
    behind.recover().await;

    let newest = tokens.borrow().last().cloned().unwrap();
    let now_stored = behind.stored_refresh_token().await;
    // Google can lose only a replaced token whose answer never arrived.
    let is_complete = behind.world.refreshes() + 1 == tokens.borrow().len();
    if stored == Stored::Newer {
        assert_eq!(behind.world.kept(ANN), before, "{at}: a newer grant was overwritten");
    }
    if let Some(Ok(verdict)) = &killed {
        let is_stored = match stored {
            Stored::Nothing => verdict.as_str() == "imported",
            Stored::Newer | Stored::Itself => verdict.as_str() == "already_there",
        };
        assert!(is_stored || ["dead", "blocked", "other_client"].contains(&verdict.as_str()), "{at}");
        if is_stored && stored != Stored::Newer {
            assert_eq!(now_stored.as_ref(), Some(&newest), "{at}: another token is stored");
        }
    }

    let again = json!({"refresh_token": newest, "email": ANN});
    // Google goes on as before: what it replaced stays dead, and it replaces again.
    behind.world.stack.google.rotate_refresh_tokens(trouble.rotation);
    let replaced = tokens.borrow().clone();
    let again = behind.world.import_after(&replaced, &again).await;
    if is_complete || !trouble.ends_grant || again.word() != "dead" {
        assert!(["imported", "already_there"].contains(&again.word()), "{at}: no token works: {again:?}");
        let token = behind.stored_refresh_token().await.unwrap();
        assert!(behind.is_alive(&token).await, "{at}: what is stored does not work");
    }
    behind.world.stack.google.clear_all();
    points.go_on(killed.as_ref())
}

async fn enumerate_with(flow: &str, troubles: Vec<Trouble>, least: usize, stored: Stored) {
    let pair = async |behind: &mut Behind, trouble: &Trouble, points: &mut Points| {
        killed_in_an_import(behind, trouble, points, stored).await
    };
    enumerate(flow, troubles, least, pair).await;
}

fn of_google() -> Vec<Trouble> {
    let mut troubles = trouble::of_the_token_endpoint(true);
    troubles.extend(trouble::of_omission());
    troubles
}

fn of_aws() -> Vec<Trouble> {
    let mut troubles = vec![trouble::none()];
    troubles.extend(trouble::of_dynamodb(&["GetItem", "UpdateItem"]));
    troubles.extend(trouble::of_secrets());
    troubles
}

#[tokio::test]
async fn f108_f109_killed_anywhere_in_an_import_with_any_fault_of_googles_the_token_survives() {
    enumerate_with("import, Google's faults", of_google(), 200, Stored::Nothing).await;
}

#[tokio::test]
async fn f108_f109_killed_anywhere_in_an_import_with_any_fault_of_awss_the_token_survives() {
    enumerate_with("import, AWS's faults", of_aws(), 300, Stored::Nothing).await;
}

#[tokio::test]
async fn f108_f109_killed_anywhere_in_an_import_of_a_token_that_google_replaces_one_that_works_survives() {
    enumerate_with("import with rotation", trouble::of_rotation(), 300, Stored::Nothing).await;
    enumerate_with("import with rotation, again", trouble::of_rotation(), 300, Stored::Itself).await;
}

#[tokio::test]
async fn f108_f111_killed_anywhere_in_an_import_of_a_token_of_the_outgoing_client_the_token_survives() {
    let pair = async |behind: &mut Behind, trouble: &Trouble, points: &mut Points| {
        let outgoing = behind.world.google.client_id().to_owned();
        behind.replace_client(&outgoing);
        killed_in_an_import(behind, trouble, points, Stored::Nothing).await
    };
    enumerate("import of the outgoing client, Google's faults", of_google(), 200, pair).await;
}

#[tokio::test]
async fn f108_killed_anywhere_in_an_import_a_newer_grant_stays() {
    enumerate_with("import over a newer grant", of_aws(), 200, Stored::Newer).await;
}
