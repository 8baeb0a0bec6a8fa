//! `DELETE /connection`: marks, revokes, deletes; what a failure leaves, and what a repetition does.

use std::time::Duration;

use futures_util::future::join;
use harness::Fault;
use harness::google::{Decision, Endpoint, Failure, Rotation, Times};
use harness::world::{ANN, Answer, Call, World, until};
use serde_json::{Value, json};

/// Too little for a second attempt at Google, which follows after a second.
const SHORT: Duration = Duration::from_millis(1800);

/// Asserts that the browser's session is over, for the server and for the browser.
#[track_caller]
fn assert_cookies_cleared(answer: &Answer) {
    let cleared = "__Host-session=; Max-Age=0; Path=/; Secure; HttpOnly; SameSite=Lax";
    assert!(answer.cookies.iter().any(|cookie| cookie == cleared), "{answer:?}");
}

async fn disconnect(world: &World) -> Answer {
    world.send_within(SHORT, &world.with_cookies(Call::disconnect())).await
}

/// Asserts that the credential blocks every use and can still be revoked.
async fn assert_disconnecting(world: &World, before: &Value) {
    let item = world.credential(ANN);
    assert_eq!(item["status"]["S"], "disconnecting");
    for kept in ["refresh_token", "refresh_token_id", "era"] {
        assert_eq!(item[kept], before[kept], "{kept}");
    }
    for gone in ["access_token", "lease_holder", "refresh_failure"] {
        assert!(item[gone].is_null(), "{gone}");
    }
    world.forget_calls();
    assert_eq!(world.messages("").await.reason(), "not_connected");
    let told = world.connection().await;
    assert_eq!((&told["status"], &told["reason"]), (&json!("disconnecting"), &Value::Null));
    assert_eq!(told["user"]["email"], ANN);
    assert_eq!(world.google_calls(), [], "and asks Google nothing");
    assert_eq!(world.credential(ANN), item, "and changes nothing");
}

/// Asserts that a repetition completes what began.
async fn assert_completes(world: &World) {
    world.google.clear_failures();
    world.dynamodb.end_faults().await;
    let answer = disconnect(world).await;
    assert_eq!((answer.status, answer.body.as_str()), (204, ""), "{answer:?}");
    assert_cookies_cleared(&answer);
    assert_eq!((world.credential(ANN), world.sessions()), (Value::Null, vec![]));
    assert_eq!(world.google.live_refresh_tokens(ANN), 0);
}

#[tokio::test]
async fn f74_a35_a_disconnect_marks_revokes_deletes_and_ends_every_session() {
    let mut world = World::signed_in().await;
    let elsewhere = world.list();
    world.jar.clear();
    world.sign_in(ANN).await;
    let here = world.list();
    let token = world.google.live_refresh_tokens(ANN);
    assert_eq!(token, 1);
    world.forget_calls();
    let answer = disconnect(&world).await;
    assert_eq!((answer.status, answer.body.as_str()), (204, ""), "{answer:?}");
    assert_cookies_cleared(&answer);
    assert_eq!(
        world.dynamodb_calls(),
        ["BatchGetItem", "UpdateItem", "UpdateItem", "DeleteItem", "DeleteItem"]
    );
    assert_eq!(world.google_calls(), [Endpoint::Revoke]);
    let call = &world.google.calls_to(Endpoint::Revoke)[0];
    // The token is in the body, and nothing else is sent: no client, no secret.
    assert_eq!(call.form().len(), 1);
    assert!(call.form_value("token").unwrap().starts_with("1//0"), "the refresh token");
    assert!(call.query.is_empty() && call.header("authorization").is_none());
    assert_eq!(world.google.live_refresh_tokens(ANN), 0);
    assert_eq!(world.credential(ANN), Value::Null);
    assert!(world.logged("disconnected"));

    assert_eq!(world.send(&here).await.reason(), "session_expired", "in every environment");
    assert_eq!(world.send_to(&world.environment(&[]), &here).await.reason(), "session_expired");
    assert_eq!(world.send(&elsewhere).await.reason(), "not_connected");
    // In the same second.
    world.jar.clear();
    world.sign_in(ANN).await;
    world.lists().await;
    for old in [&here, &elsewhere] {
        assert_eq!(world.send(old).await.reason(), "session_expired", "and stays over after a reconnect");
    }
}

#[tokio::test]
async fn f75_a_grant_that_google_does_not_know_any_more_is_revoked() {
    let world = World::signed_in().await;
    world.google.revoke_grant(ANN);
    assert_completes(&world).await;
    assert_eq!(world.google.calls_to(Endpoint::Revoke)[0].status, Some(400));
}

#[tokio::test]
async fn f76_a59_a_google_that_does_not_revoke_leaves_the_connection_blocked_and_a_repetition_completes_it() {
    for (failure, retry_after) in [
        (Failure::Status(500), "5"),
        (Failure::Status(503), "5"),
        (Failure::Quota { status: 429, retry_after: Some(7) }, "7"),
        (Failure::oauth(400, "invalid_request"), "5"),
        (Failure::oauth(403, "something_new"), "5"),
        (Failure::NotFound, "5"),
        (Failure::NotJson, "5"),
        (Failure::ErrorWithinSuccess, "5"),
        (Failure::Sorry { status: 403 }, "5"),
        (Failure::Redirect("https://evil.example/".to_owned()), "5"),
        (Failure::ResetAfterReading, "5"),
        (Failure::LoseAnswer, "5"),
        (Failure::Slow(Duration::from_secs(5)), "5"),
    ] {
        let world = World::signed_in().await;
        let before = world.credential(ANN);
        world.google.fail(Endpoint::Revoke, failure.clone(), Times::UntilCleared);
        let answer = disconnect(&world).await;
        assert_eq!(answer.problem(), (503, "upstream_unavailable"), "{failure:?}");
        assert_eq!(answer.headers["retry-after"], retry_after, "{failure:?}");
        assert!(answer.cookies.is_empty(), "the session goes on: {failure:?}");
        assert_disconnecting(&world, &before).await;
        assert_completes(&world).await;
    }
}

#[tokio::test]
async fn f76_a_revocation_is_repeated_while_time_is_left() {
    let world = World::signed_in().await;
    world.google.fail(Endpoint::Revoke, Failure::Status(503), 1);
    let answer = world.send(&world.with_cookies(Call::disconnect())).await;
    assert_eq!(answer.status, 204, "{answer:?}");
    assert_eq!(world.google_calls(), [Endpoint::Revoke, Endpoint::Revoke]);
}

#[tokio::test]
async fn f77_a59_a_deletion_that_fails_is_no_success_and_a_repetition_completes_it() {
    for fault in [Fault::THROTTLED, Fault::BROKEN, Fault::DENIED, Fault::CallLost] {
        let world = World::signed_in().await;
        let before = world.credential(ANN);
        world.dynamodb.fail("DeleteItem", fault.clone(), 100);
        let answer = disconnect(&world).await;
        assert_eq!(answer.status, 503, "{fault:?}: {answer:?}");
        assert!(answer.headers.contains_key("retry-after"), "{fault:?}");
        assert!(answer.cookies.is_empty(), "the session goes on: {fault:?}");
        assert_disconnecting(&world, &before).await;
        assert_completes(&world).await;
    }
}

#[tokio::test]
async fn f77_a_deletion_whose_answer_is_lost_is_recognised() {
    let world = World::signed_in().await;
    world.dynamodb.fail("DeleteItem", Fault::AnswerLost, 1);
    assert_completes(&world).await;
}

#[tokio::test]
async fn a59_a_session_that_is_not_ended_is_no_success_and_a_repetition_ends_it() {
    let world = World::signed_in().await;
    world.google.fail(Endpoint::Revoke, Failure::Status(503), Times::UntilCleared);
    assert_eq!(disconnect(&world).await.status, 503);
    world.google.clear_failures();
    // As if the process had ended after it deleted the credential.
    world.disconnect(ANN);
    world.google.revoke_grant(ANN);
    assert_eq!(world.connection().await["reason"], "not_connected");
    world.forget_calls();
    assert_completes(&world).await;
    assert_eq!(world.google_calls(), [], "already gone: only the session was left");
}

#[tokio::test]
async fn a59_a_connection_that_cannot_be_marked_is_as_it_was() {
    let world = World::signed_in().await;
    let before = world.credential(ANN);
    world.dynamodb.fail("UpdateItem", Fault::BROKEN, 100);
    assert_eq!(disconnect(&world).await.problem(), (503, "storage_unavailable"));
    assert_eq!(world.credential(ANN), before);
    assert_eq!(world.google_calls(), [], "nothing is revoked before it is marked");
    world.dynamodb.end_faults().await;
    world.lists().await;
}

#[tokio::test]
async fn without_a_session_a_disconnect_is_refused() {
    let world = World::new().await;
    let answer = world.send(&Call::disconnect()).await;
    assert_eq!(answer.problem(), (401, "unauthenticated"));
    assert_eq!(answer.reason(), "not_signed_in");
    assert_eq!(answer.json()["start_url"], "https://api.example.com/auth/start");
    world.assert_untouched();
    let made_up = Call::disconnect().session("v2.1.made-up");
    assert_eq!(world.send(&made_up).await.reason(), "session_expired");
}

#[tokio::test]
async fn a_bearer_token_disconnects_as_a_cookie_does() {
    let world = World::signed_in().await;
    let program = Call::disconnect().without_header("origin").without_header("x-requested-with");
    let answer = world.send(&program.bearer(&world.session())).await;
    assert_eq!(answer.status, 204, "{answer:?}");
    assert_eq!((world.credential(ANN), world.sessions()), (Value::Null, vec![]));
}

#[tokio::test]
async fn a_dead_grant_is_disconnected_and_a_token_that_was_set_aside_is_revoked_too() {
    let world = World::expired().await;
    world.google.fail_refresh(Failure::InvalidGrant, 1);
    assert_eq!(world.messages("").await.reason(), "revoked_or_expired");
    assert_eq!(world.google.live_refresh_tokens(ANN), 1, "it was a mistake of Google's");
    world.forget_calls();
    assert_completes(&world).await;
    assert_eq!(world.google_calls(), [Endpoint::Revoke]);
}

#[tokio::test]
async fn without_a_token_that_may_be_alive_google_is_not_asked() {
    let world = World::expired().await;
    world.google.revoke_grant(ANN);
    assert_eq!(world.messages("").await.reason(), "revoked_or_expired");
    world.edit(ANN, |item| {
        for gone in ["dead_refresh_token", "died_at", "dead_token_tried_at"] {
            item.as_object_mut().unwrap().remove(gone);
        }
    });
    world.forget_calls();
    assert_completes(&world).await;
    assert_eq!(world.google_calls(), []);
}

#[tokio::test]
async fn a_token_that_does_not_open_cannot_be_revoked_and_is_never_said_to_be() {
    let mut world = World::signed_in().await;
    world.edit(ANN, |item| item["refresh_token"] = json!({"S": "v2.k1.AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"}));
    let before = world.credential(ANN);
    assert_eq!(disconnect(&world).await.problem(), (503, "credential_unreadable"));
    assert!(world.logged("seal_integrity"), "and an alarm can be raised");
    assert_disconnecting(&world, &before).await;
    // The user's way out: a new sign-in brings a token that can be revoked.
    let query = world.consented_again(ANN).await;
    world.callback(&query).await.session();
    world.forget_calls();
    assert_completes(&world).await;
}

#[tokio::test]
async fn f34_a_refresh_that_is_under_way_stores_nothing_over_a_disconnect() {
    for rotation in [None, Some(Rotation::OldStillWorks), Some(Rotation::OldDies)] {
        let world = World::expired().await;
        if let Some(rotation) = rotation {
            world.google.rotate_refresh_tokens(rotation);
        }
        // Google answers the refresh after the mark, and does not revoke.
        world.google.fail_refresh(Failure::Slow(Duration::from_millis(400)), 1);
        world.google.fail(Endpoint::Revoke, Failure::Status(500), Times::UntilCleared);
        let list = world.list();
        let disconnecting = async {
            until(|| world.refreshes() == 1).await;
            let answer = disconnect(&world).await;
            (answer, world.credential(ANN))
        };
        let (listed, (answer, left)) = join(world.send(&list), disconnecting).await;
        assert_eq!(answer.problem(), (503, "upstream_unavailable"));
        assert!([200, 401].contains(&listed.status), "{listed:?}");
        let after = world.credential(ANN);
        assert_eq!(after["status"]["S"], "disconnecting", "{rotation:?}");
        assert_eq!(after, left, "{rotation:?}");
        assert_completes(&world).await;
    }
}

#[tokio::test]
async fn f34_a_grant_that_is_found_dead_during_a_disconnect_is_not_buried_over_it() {
    let world = World::expired().await;
    world.google.fail_refresh(Failure::InvalidGrant, 1);
    let list = world.list();
    // The refresh asks Google, and reads the item again: between the two the user disconnects.
    world.dynamodb.fail("GetItem", Fault::Delay(Duration::from_millis(300)), 1);
    world.google.fail(Endpoint::Revoke, Failure::Status(500), Times::UntilCleared);
    let disconnecting = async {
        until(|| world.refreshes() == 1).await;
        disconnect(&world).await
    };
    let (listed, answer) = join(world.send(&list), disconnecting).await;
    assert_eq!(answer.status, 503);
    assert_eq!(listed.reason(), "not_connected");
    assert_eq!(world.credential(ANN)["status"]["S"], "disconnecting");
    assert_completes(&world).await;
}

#[tokio::test]
async fn f34_a_token_set_aside_too_long_ago_is_not_erased_over_a_disconnect() {
    let world = World::expired().await;
    world.google.fail_refresh(Failure::InvalidGrant, 1);
    assert_eq!(world.messages("").await.reason(), "revoked_or_expired");
    world.google.fail(Endpoint::Revoke, Failure::Status(500), Times::UntilCleared);
    assert_eq!(disconnect(&world).await.status, 503);
    let item = world.credential(ANN);
    let week = 7 * 24 * 3600;
    world.edit(ANN, |item| {
        let died_at: i64 = item["died_at"]["N"].as_str().unwrap().parse().unwrap();
        item["died_at"] = json!({"N": (died_at - week).to_string()});
    });
    assert_eq!(world.messages("").await.reason(), "not_connected");
    assert_eq!(world.credential(ANN)["dead_refresh_token"], item["dead_refresh_token"]);
    assert_completes(&world).await;
}

#[tokio::test]
async fn a_sign_in_while_disconnecting_is_the_newer_will_and_a_new_connection() {
    let mut world = World::signed_in().await;
    let old = world.list();
    let before = world.credential(ANN);
    world.google.fail(Endpoint::Revoke, Failure::Status(503), Times::UntilCleared);
    assert_eq!(disconnect(&world).await.status, 503);
    world.jar.clear();
    world.advance(60);
    // Google gives no refresh token, for the grant lives there, and the stored one is not used.
    let answer = world.attempt(ANN).await;
    assert!(answer.location().starts_with(world.google.url()), "{answer:?}");
    assert!(world.come_back(answer.location(), ANN).await.begins_session());
    world.lists().await;
    let after = world.credential(ANN);
    assert_eq!(after["status"]["S"], "active");
    assert_ne!(after["refresh_token_id"], before["refresh_token_id"]);
    assert_ne!(after["era"], before["era"]);
    assert_ne!(after["connected_at"], before["connected_at"]);
    assert_eq!(world.send(&old).await.reason(), "session_expired");
}

#[tokio::test]
async fn f34_a_sign_in_that_is_stored_during_a_disconnect_stays() {
    let mut world = World::signed_in().await;
    let leaving = world.with_cookies(Call::disconnect());
    let old = world.list();
    world.jar.clear();
    let url = world.start("").await;
    // The revocation has its effect at once. Google's answer comes after the sign-in.
    world.google.fail(Endpoint::Revoke, Failure::Slow(Duration::from_millis(900)), 1);
    let app = world.environment(&[]);
    let event = leaving.event().to_string();
    let disconnecting = harness::world::invoke(Ok(&app), &event, Duration::from_secs(8));
    let signing_in = async {
        let google = world.google.clone();
        until(|| !google.calls_to(Endpoint::Revoke).is_empty()).await;
        let query = world.consent(&url, Decision::allow(ANN)).await;
        world.callback(&query).await
    };
    let (ended, signed_in) = join(disconnecting, signing_in).await;
    assert_eq!(ended.status, 204, "what it was to end has ended: {ended:?}");
    signed_in.session();
    world.lists().await;
    assert_eq!(world.send(&old).await.reason(), "session_expired");
    assert_eq!(world.google.live_refresh_tokens(ANN), 1, "the new grant is not revoked");
}

#[tokio::test]
async fn a35_what_is_delayed_until_after_a_new_connection_leaves_that_alone() {
    for leaving in [Call::disconnect(), Call::sign_out(true)] {
        let mut world = World::signed_in().await;
        let leaving = world.with_cookies(leaving);
        let app = world.environment(&[]);
        // Its first write is held back until the user has left and connected again.
        world.dynamodb.fail("UpdateItem", Fault::Delay(Duration::from_millis(900)), 1);
        world.forget_calls();
        let event = leaving.event().to_string();
        let delayed = harness::world::invoke(Ok(&app), &event, Duration::from_secs(8));
        let reconnecting = async {
            let dynamodb = world.dynamodb.clone();
            until(|| !dynamodb.calls_of("UpdateItem").is_empty()).await;
            assert_eq!(world.browse(Call::disconnect()).await.status, 204);
            world.sign_in(ANN).await;
            world.credential(ANN)
        };
        let (delayed, new) = join(delayed, reconnecting).await;
        assert!([204, 401].contains(&delayed.status), "{delayed:?}");
        assert_eq!(world.credential(ANN), new);
        world.lists().await;
    }
}

#[tokio::test]
async fn two_disconnects_at_the_same_time_both_succeed() {
    let world = World::signed_in().await;
    let call = world.with_cookies(Call::disconnect());
    let (app, other) = (world.environment(&[]), world.environment(&[]));
    let (one, two) = join(world.send_to(&app, &call), world.send_to(&other, &call)).await;
    // The slower one may find its session ended.
    for answer in [&one, &two] {
        assert!([204, 401].contains(&answer.status), "{answer:?}");
    }
    assert!(one.status == 204 || two.status == 204);
    assert_eq!((world.credential(ANN), world.sessions()), (Value::Null, vec![]));
}
