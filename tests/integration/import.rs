//! A refresh token from another system is imported: each verdict, the calls made and the state
//! left.

use std::time::Duration;

use futures_util::future::join;
use harness::Fault;
use harness::google::{Endpoint, Failure, Rotation, Times};
use harness::world::{ANN, BEN, METADATA, MODIFY, OTHER_CLIENT, READONLY, World, until};
use postern::grant::import::Verdict;
use postern::grant::tokens_at_rest;
use postern_rules::credential::StoredRefreshToken;
use postern_rules::secret::Sealed;
use postern_rules::user::UserId;
use serde_json::{Value, json};

/// A line for an account that never signed in here, as another system wrote it.
fn line_of(world: &World, account: &str) -> Value {
    json!(world.google.mint([account])[0])
}

/// The account's stored refresh token, opened.
async fn stored_token(world: &World, account: &str) -> String {
    let item = world.credential(account);
    let text = |name: &str| item[name]["S"].as_str().unwrap().to_owned();
    let sealed = Sealed::from_text(text("refresh_token"));
    let stored = StoredRefreshToken { sealed, id: text("refresh_token_id"), expires_at: None };
    let user = UserId::parse(&world.sub(account)).unwrap();
    let opened = tokens_at_rest::open_refresh_token(&world.app, &user, &text("client_id"), &stored).await;
    opened.unwrap().expose().to_owned()
}

/// Asserts that a line gets this verdict, or error, at the cost of these calls, and that no item of
/// the credentials table changes.
async fn assert_changes_nothing(
    world: &World,
    line: &Value,
    verdict: &str,
    google: &[Endpoint],
    gets: usize,
) {
    let before = [ANN, BEN].map(|account| world.credential(account));
    world.forget_calls();
    let import = world.import(line).await;
    assert_eq!(import.word(), verdict, "{import:?}");
    assert_eq!(world.google_calls(), google, "{verdict}");
    assert_eq!(world.dynamodb_calls(), vec!["GetItem"; gets], "{verdict}");
    assert_eq!([ANN, BEN].map(|account| world.credential(account)), before, "{verdict}");
}

#[tokio::test]
async fn an_imported_token_serves_its_user_without_a_consent_page() {
    let mut world = World::new().await;
    let line = line_of(&world, ANN);
    world.forget_calls();
    let import = world.import(&line).await;
    assert_eq!(import.outcome.ok(), Some(Verdict::Imported(UserId::parse(&world.sub(ANN)).unwrap())));
    assert_eq!(import.kept, [""; 0]);
    assert_eq!(world.google_calls(), [Endpoint::Token], "one refresh, and nothing revoked");
    assert_eq!(world.dynamodb_calls(), ["GetItem", "UpdateItem"]);
    assert_eq!(stored_token(&world, ANN).await, line["refresh_token"]);
    let item = world.credential(ANN);
    assert_eq!((&item["status"]["S"], &item["email"]["S"]), (&json!("active"), &json!(ANN)));
    assert_eq!(item["client_id"]["S"], world.google.client_id());
    assert!(item["scopes"]["S"].as_str().unwrap().contains(READONLY) && item["era"]["S"].is_string());

    world.sign_in(ANN).await;
    assert_eq!(stored_token(&world, ANN).await, line["refresh_token"], "a sign-in keeps it");
    world.forget_calls();
    world.lists().await;
    assert_eq!(world.google_calls(), [Endpoint::MessagesList], "with the access token of the import");
    world.advance(3600);
    world.lists().await;
    assert_eq!(world.refreshes(), 1);
}

#[tokio::test]
async fn an_active_grant_stays_and_a_dead_one_is_replaced() {
    let mut world = World::signed_in().await;
    let line = line_of(&world, ANN);
    assert_changes_nothing(&world, &line, "already_there", &[Endpoint::Token], 1).await;

    world.advance(3600);
    world.google.fail_refresh(Failure::InvalidGrant, 1);
    assert_eq!(world.messages("").await.reason(), "revoked_or_expired");
    let dead = world.credential(ANN);
    assert_eq!(dead["status"]["S"], "revoked");
    assert_eq!(world.import(&line).await.word(), "imported");
    assert_eq!(stored_token(&world, ANN).await, line["refresh_token"]);
    let item = world.credential(ANN);
    assert_eq!((&item["era"], &item["connected_at"]), (&dead["era"], &dead["connected_at"]));
    assert!(item["dead_refresh_token"].is_null() && item["dead_token_id"].is_null());
    world.lists().await;
    world.jar.clear();
}

#[tokio::test]
async fn a_user_who_is_disconnecting_stays_disconnected() {
    let world = World::signed_in().await;
    let line = line_of(&world, ANN);
    world.edit(ANN, |item| {
        item["status"] = json!({"S": "disconnecting"});
        for gone in ["access_token", "access_token_expires_at", "access_token_obtained_at"] {
            item.as_object_mut().unwrap().remove(gone);
        }
    });
    assert_changes_nothing(&world, &line, "disconnecting", &[Endpoint::Token], 1).await;
}

#[tokio::test]
async fn what_google_refuses_is_told_apart_and_only_the_client_stops_everything() {
    let world = World::new().await;
    world.google.add_client(OTHER_CLIENT, "GOCSPX-the-other-planted-secret");
    let scopes = format!("openid email {READONLY}");
    let others = json!(world.google.mint_for(OTHER_CLIENT, &scopes, [ANN])[0]);
    let asked = [Endpoint::Token];
    assert_changes_nothing(&world, &others, "other_client", &asked, 0).await;
    let unknown = json!({"refresh_token": "1//0never-issued"});
    assert_changes_nothing(&world, &unknown, "dead", &asked, 0).await;
    let line = line_of(&world, ANN);
    for (failure, word) in [
        (Failure::InvalidGrant, "dead"),
        (Failure::AccountDeleted, "dead"),
        (Failure::InvalidRapt, "blocked"),
        (Failure::AdminPolicyEnforced, "blocked"),
        (Failure::OrgInternal, "blocked"),
        (Failure::oauth(400, "unauthorized_client"), "other_client"),
        (Failure::oauth(400, "invalid_request"), "upstream_rejected"),
        (Failure::oauth(400, "something_new"), "upstream_rejected"),
        (Failure::InvalidClient, "config_error"),
        (Failure::DeletedClient, "config_error"),
    ] {
        world.google.fail_refresh(failure, 1);
        assert_changes_nothing(&world, &line, word, &asked, 0).await;
    }
    world.google.revoke_grant(ANN);
    assert_changes_nothing(&world, &line, "dead", &asked, 0).await;
}

#[tokio::test]
async fn a_grant_that_covers_too_little_is_not_stored_and_its_owner_not_asked_for() {
    let world = World::new().await;
    for (scopes, word) in [
        ("openid email", "scopes_missing"),
        (READONLY, "scopes_missing"),
        (&*format!("openid email {METADATA}"), "scopes_missing"),
    ] {
        let line = json!(world.google.mint_for(world.google.client_id(), scopes, [ANN])[0]);
        assert_changes_nothing(&world, &line, word, &[Endpoint::Token], 0).await;
    }
    let wider = format!("openid email profile {MODIFY}");
    let line = json!(world.google.mint_for(world.google.client_id(), &wider, [ANN])[0]);
    assert_eq!(world.import(&line).await.word(), "imported", "a broader scope covers a narrower one");
    let line = json!({"refresh_token": world.google.mint([BEN])[0].refresh_token});
    let answer = json!({"access_token": "ya29.planted-access", "token_type": "Bearer", "expires_in": 3599});
    world.google.fail_refresh(Failure::json(&answer), 1);
    assert_changes_nothing(&world, &line, "upstream_malformed", &[Endpoint::Token], 0).await;
}

#[tokio::test]
async fn a111_somebody_elses_token_under_a_wrong_name_is_stored_for_nobody() {
    let world = World::new().await;
    let minted = &world.google.mint([ANN])[0];
    let (bens_id, bens) = (world.sub(BEN), json!(BEN));
    for (sub, email) in [
        (json!(bens_id), Value::Null),
        (json!(bens_id), json!(ANN)),
        (Value::Null, bens.clone()),
        (json!(minted.sub), bens),
        (json!("0"), json!(ANN)),
    ] {
        let line = json!({"refresh_token": minted.refresh_token, "sub": sub, "email": email});
        assert_changes_nothing(&world, &line, "other_user", &[Endpoint::Token], 0).await;
        assert!(world.credential(ANN).is_null() && world.credential(BEN).is_null());
    }
    // An ID token for another client says nothing about the owner, and a made-up one as little.
    let line = line_of(&world, ANN);
    for (claim, value) in [("aud", "someone-else"), ("azp", "someone-else"), ("iss", "https://evil.example")]
    {
        world.claim(claim, json!(value));
        assert_changes_nothing(&world, &line, "identity_invalid", &[Endpoint::Token], 0).await;
        world.google.clear_all();
    }
    let line = json!({"refresh_token": minted.refresh_token, "email": "ANN@Example.COM"});
    assert_eq!(world.import(&line).await.word(), "imported");
}

#[tokio::test]
async fn without_an_id_token_or_address_userinfo_names_the_owner() {
    let world = World::new().await;
    let both = [Endpoint::Token, Endpoint::UserInfo];
    let bens = json!({"refresh_token": line_of(&world, BEN)["refresh_token"], "sub": world.sub(ANN)});
    world.google.omit_id_token(Times::UntilCleared);
    assert_changes_nothing(&world, &bens, "other_user", &both, 0).await;
    world.google.fail(Endpoint::UserInfo, Failure::CredentialsMissing, 1);
    assert_changes_nothing(&world, &bens, "identity_unavailable", &both, 0).await;
    world.forget_calls();
    assert_eq!(world.import(&line_of(&world, BEN)).await.word(), "imported");
    assert_eq!(world.google_calls(), both);

    world.google.clear_all();
    world.claim("email", Value::Null);
    let line = line_of(&world, ANN);
    world.google.fail(Endpoint::UserInfo, Failure::json(&json!({"sub": "7", "email": ANN})), 1);
    assert_changes_nothing(&world, &line, "identity_mismatch", &both, 0).await;
    assert_eq!(world.import(&line).await.word(), "imported");
    assert_eq!(world.credential(ANN)["email"]["S"], ANN);
}

#[tokio::test]
async fn an_account_of_no_allowed_domain_is_not_imported() {
    let mut world = World::new().await;
    world.configure(&[("ALLOWED_DOMAINS", "example.org")]);
    let line = line_of(&world, ANN);
    assert_changes_nothing(&world, &line, "domain_not_allowed", &[Endpoint::Token], 0).await;
    assert_eq!(world.import(&line_of(&world, "cleo@example.org")).await.word(), "imported");
}

#[tokio::test]
async fn a_dry_run_makes_all_checks_and_writes_nothing() {
    let world = World::signed_in().await;
    let (anns, bens) = (line_of(&world, ANN), line_of(&world, BEN));
    let before = world.credential(ANN);
    world.forget_calls();
    assert_eq!(world.dry_import(&bens).await.word(), "imported");
    assert_eq!(world.dry_import(&anns).await.word(), "already_there");
    assert_eq!(world.google_calls(), [Endpoint::Token; 2], "Google is asked");
    assert_eq!(world.dynamodb_calls(), ["GetItem", "GetItem"]);
    assert_eq!((world.credential(BEN), world.credential(ANN)), (Value::Null, before));
}

#[tokio::test]
async fn f108_the_same_line_again_or_twice_at_once_is_stored_once() {
    let world = World::new().await;
    let line = line_of(&world, ANN);
    let (one, other) = join(world.import(&line), world.import(&line)).await;
    let mut words = [one.word(), other.word()];
    words.sort_unstable();
    assert_eq!(words, ["already_there", "imported"]);
    let stored = world.credential(ANN);
    assert_eq!(world.import(&line).await.word(), "already_there");
    assert_eq!(world.credential(ANN), stored);
}

#[tokio::test]
async fn f108_a_sign_in_that_is_stored_during_an_import_stays() {
    let mut world = World::new().await;
    let line = line_of(&world, ANN);
    let importer = world.environment(&[]);
    // The import has read that nothing is stored; then the user signs in and consents.
    world.dynamodb.fail("UpdateItem", Fault::Delay(Duration::from_millis(400)), 1);
    let budget = Duration::from_secs(11);
    let keep = |_: &str| {};
    let importing = harness::world::import_line(&importer, &line, &[], false, budget, &keep);
    let dynamodb = world.dynamodb.clone();
    let signing_in = async {
        until(|| dynamodb.calls().iter().any(|call| call.operation == "UpdateItem")).await;
        let query = world.consented_again(ANN).await;
        world.callback(&query).await
    };
    let (outcome, signed_in) = join(importing, signing_in).await;
    assert!(signed_in.begins_session(), "{signed_in:?}");
    assert_eq!(outcome.unwrap().as_str(), "already_there");
    assert_ne!(stored_token(&world, ANN).await, line["refresh_token"], "the newer consent stays");
    world.lists().await;
}

#[tokio::test]
async fn f109_when_google_or_dynamodb_fails_nothing_is_lost_and_a_repetition_imports() {
    let world = World::new().await;
    let line = line_of(&world, ANN);
    let lasting = Times::UntilCleared;
    for failure in [Failure::Status(503), Failure::Status(500), Failure::ResetAfterReading] {
        world.google.fail_refresh(failure, lasting);
        let import = world.import_in_haste(&line).await;
        assert!(import.outcome.as_ref().is_err_and(|error| error.retry_after().is_some()), "{import:?}");
        world.google.clear_failures();
    }
    let wait = vec![("retry-after".to_owned(), "30".to_owned())];
    world.google.fail_refresh(Failure::Answer { status: 429, headers: wait, body: String::new() }, 1);
    let import = world.import(&line).await;
    assert_eq!(import.outcome.unwrap_err().retry_after(), Some(30));
    world.google.omit_id_token(1);
    world.google.fail(Endpoint::UserInfo, Failure::Status(500), lasting);
    assert_eq!(world.import_in_haste(&line).await.word(), "upstream_unavailable");
    world.google.clear_failures();
    for operation in ["GetItem", "UpdateItem"] {
        world.dynamodb.fail(operation, Fault::CallLost, 1000);
        assert_eq!(world.import_in_haste(&line).await.word(), "storage_unavailable");
        world.dynamodb.end_faults().await;
    }
    world.dynamodb.fail("UpdateItem", Fault::DENIED, 1);
    assert_eq!(world.import(&line).await.word(), "config_error", "which concerns every line");
    assert!(world.credential(ANN).is_null());
    // A write whose answer is lost is recognised, also when the SDK has given up repeating it.
    world.dynamodb.fail("UpdateItem", Fault::AnswerLost, 4);
    assert_eq!(world.import(&line).await.word(), "imported");
    assert_eq!(stored_token(&world, ANN).await, line["refresh_token"]);
    assert_eq!(world.google.live_refresh_tokens(ANN), 1);
}

#[tokio::test]
async fn f109_a_token_that_google_replaces_is_kept_whatever_the_verdict_and_stored_where_it_serves() {
    for rotation in [Rotation::OldStillWorks, Rotation::OldDies, Rotation::ReuseEndsFamily] {
        let world = World::new().await;
        let line = line_of(&world, ANN);
        world.google.rotate_refresh_tokens(rotation);
        let with = |token: &str| json!({"refresh_token": token, "email": line["email"]});
        // The owner is asked for after the new token is kept, and cannot be named.
        world.google.omit_id_token(1);
        world.google.fail(Endpoint::UserInfo, Failure::CredentialsMissing, 1);
        let import = world.import(&line).await;
        assert_eq!((import.word(), import.kept.len()), ("identity_unavailable", 1), "{rotation:?}");
        let import = world.import(&with(&import.kept[0])).await;
        assert_eq!((import.word(), import.kept.len()), ("imported", 1), "{rotation:?}");
        assert_eq!(stored_token(&world, ANN).await, import.kept[0], "{rotation:?}: the new one is stored");
        // Again, as after a process that died before it noted the verdict; also in a dry run.
        let import = world.dry_import(&with(&import.kept[0])).await;
        assert_eq!((import.word(), import.kept.len()), ("already_there", 1), "{rotation:?}");
        assert_eq!(stored_token(&world, ANN).await, import.kept[0], "{rotation:?}: the store follows");
        // What serves the user is another grant, and stays; the other one is kept.
        let stored = world.credential(ANN);
        let import = world.import(&json!(world.google.mint([ANN])[0])).await;
        assert_eq!((import.word(), import.kept.len()), ("already_there", 1), "{rotation:?}");
        assert_eq!(world.credential(ANN), stored, "{rotation:?}");
        let wrong = json!({"refresh_token": import.kept[0], "email": BEN});
        let import = world.import(&wrong).await;
        assert_eq!((import.word(), import.kept.len()), ("other_user", 1), "{rotation:?}");
        assert!(world.google.live_refresh_tokens(ANN) >= 2, "{rotation:?}: and works");
    }
}

#[tokio::test]
async fn f108_f109_a_stored_token_that_google_replaced_in_two_steps_is_replaced_as_well() {
    for rotates_again in [false, true] {
        let world = World::new().await;
        let line = line_of(&world, ANN);
        assert_eq!(world.import(&line).await.word(), "imported");
        world.google.rotate_refresh_tokens(Rotation::OldDies);
        // Each run dies, or fails, after it kept what Google issued and before it stored that.
        let mut replaced = vec![line["refresh_token"].as_str().unwrap().to_owned()];
        for _ in 0..2 {
            world.dynamodb.fail("GetItem", Fault::CallLost, 1000);
            let line = json!({"refresh_token": replaced.last().unwrap()});
            let import = world.import_in_haste(&line).await;
            assert_eq!((import.word(), import.kept.len()), ("storage_unavailable", 1));
            replaced.extend(import.kept);
            world.dynamodb.end_faults().await;
        }
        let mut newest = replaced.pop().unwrap();
        if !rotates_again {
            world.google.rotate_refresh_tokens(Rotation::Off);
        }
        let import = world.import_after(&replaced, &json!({"refresh_token": newest})).await;
        assert_eq!((import.word(), import.kept.len()), ("already_there", usize::from(rotates_again)));
        newest = import.kept.into_iter().next().unwrap_or(newest);
        assert_eq!(stored_token(&world, ANN).await, newest, "the store follows");
    }
}

#[tokio::test]
async fn a112_no_verdict_error_or_log_line_tells_a_token_or_an_address() {
    let world = World::new().await;
    let line = line_of(&world, ANN);
    let token = line["refresh_token"].as_str().unwrap();
    world.plant(token);
    world.google.rotate_refresh_tokens(Rotation::OldStillWorks);
    for failure in [
        None,
        Some(Failure::InvalidGrant),
        Some(Failure::InvalidClient),
        Some(Failure::NotJson),
        Some(Failure::oauth(400, token)),
        Some(Failure::Answer { status: 200, headers: vec![], body: token.to_owned() }),
    ] {
        if let Some(failure) = failure {
            world.google.fail_refresh(failure, 1);
        }
        let import = world.import(&line).await;
        let mut told = format!("{:?} {}", import.outcome, import.word());
        let mut cause: Option<&dyn std::error::Error> = import.outcome.as_ref().err().map(|error| error as _);
        while let Some(error) = cause {
            told.push_str(&error.to_string());
            cause = error.source();
        }
        for secret in [token, ANN, &*world.sub(ANN), "1//0", "ya29."] {
            assert!(!told.contains(secret), "{told}");
        }
    }
    // The world also looks for the planted tokens in its log and tables.
}
