//! The process dies while it disconnects, erases or signs out a user everywhere. What it answered
//! is true, and a repetition completes what it began.

use harness::world::{ANN, Answer, Call, invoke_direct};
use serde_json::json;

use super::{Points, Trouble, assert_works_or_asks, enumerate, trouble};
use crate::behind::{Behind, LIST};

/// Ann signs in, in two browsers. Returns the list of messages as each asks for it.
async fn two_sessions(behind: &mut Behind) -> [Call; 2] {
    let mut lists = Vec::new();
    for _ in 0..2 {
        behind.world.jar.clear();
        behind.world.sign_in(ANN).await;
        lists.push(behind.list());
    }
    lists.try_into().unwrap()
}

async fn lists(behind: &Behind, call: &Call) -> Answer {
    behind.world.send(call).await
}

/// What an answer says, or a request that did not answer: done, or not.
fn is_done(answer: Option<&Answer>, at: &str) -> bool {
    let Some(answer) = answer else { return false };
    assert!([204, 503].contains(&answer.status), "{at}: {answer:?}");
    assert!(answer.status == 204 || answer.headers.contains_key("retry-after"), "{at}: {answer:?}");
    answer.status == 204
}

async fn killed_in_a_disconnect(behind: &mut Behind, trouble: &Trouble, points: &mut Points) -> bool {
    let at = format!("killed at {points} with {}", trouble.name);
    let sessions = two_sessions(behind).await;
    let call = behind.world.with_cookies(Call::disconnect());
    let token = behind.stored_refresh_token().await.unwrap();
    behind.world.forget_ends();
    behind.world.forget_calls();
    trouble.arrange(&behind.world.stack);
    let answer = points.kill(behind, &call, trouble.budget).await;
    behind.recover().await;

    let item = behind.world.credential(ANN);
    match item["status"]["S"].as_str() {
        // Deleted only after Google revoked the grant.
        None => {
            assert!(trouble.ends_grant || !behind.is_alive(&token).await, "{at}: the grant is alive");
            assert_eq!(behind.world.ends().len(), 1, "{at}: a backup would bring it back");
        }
        Some("disconnecting") => {
            assert_eq!(behind.stored_refresh_token().await.as_ref(), Some(&token), "{at}: I4");
            assert!(item["access_token"].is_null(), "{at}");
            for call in &sessions {
                assert_eq!(lists(behind, call).await.reason(), "not_connected", "{at}");
            }
        }
        // Not marked: nothing has happened.
        Some(status) => {
            assert_eq!(status, "active", "{at}");
            assert_eq!(behind.stored_refresh_token().await.as_ref(), Some(&token), "{at}: I4");
            assert!(behind.is_alive(&token).await, "{at}");
            for call in &sessions {
                assert_eq!(lists(behind, call).await.status, 200, "{at}");
            }
        }
    }
    if is_done(answer.as_ref(), &at) {
        assert!(item.is_null(), "{at}: 204, and the credential is there");
        assert_eq!(lists(behind, &sessions[1]).await.reason(), "session_expired", "{at}");
    } else {
        let repeated = behind.world.send(&call).await;
        // Everything may have been done but the answer.
        let was_done = item.is_null() && repeated.status == 401;
        assert!(repeated.status == 204 || was_done, "{at}: {repeated:?}");
    }
    assert!(behind.world.credential(ANN).is_null(), "{at}");
    assert!(trouble.ends_grant || !behind.is_alive(&token).await, "{at}");
    behind.world.stack.google.revoke_grant(ANN);

    // In the same second, for the clock stands still.
    behind.world.jar.clear();
    behind.world.sign_in(ANN).await;
    for call in &sessions {
        assert_eq!(lists(behind, call).await.reason(), "session_expired", "{at}: alive again");
    }
    // A revocation that was on its way when the process died may reach Google after the sign-in.
    let new = behind.world.messages(LIST).await;
    assert_works_or_asks(behind, new, &at).await;
    points.go_on(answer.as_ref())
}

async fn killed_in_a_sign_out(behind: &mut Behind, trouble: &Trouble, points: &mut Points) -> bool {
    let at = format!("killed at {points} with {}", trouble.name);
    let sessions = two_sessions(behind).await;
    let call = behind.world.with_cookies(Call::sign_out(true));
    let grant = behind.world.kept(ANN);
    trouble.arrange(&behind.world.stack);
    let answer = points.kill(behind, &call, trouble.budget).await;
    behind.recover().await;

    let mut over = Vec::new();
    for call in &sessions {
        over.push(lists(behind, call).await.status == 401);
    }
    assert_eq!(over[0], over[1], "{at}: all sessions, or none");
    if !is_done(answer.as_ref(), &at) {
        let repeated = behind.world.send(&call).await;
        assert_eq!(repeated.status, if over[1] { 401 } else { 204 }, "{at}: {repeated:?}");
    }
    for call in &sessions {
        assert_eq!(lists(behind, call).await.reason(), "session_expired", "{at}");
    }
    assert_eq!(behind.world.kept(ANN), grant, "{at}: the grant stays");
    points.go_on(answer.as_ref())
}

fn of_aws(operations: &[&'static str]) -> Vec<Trouble> {
    let mut troubles = vec![trouble::none()];
    troubles.extend(trouble::of_dynamodb(operations));
    troubles.extend(trouble::of_secrets());
    troubles
}

#[tokio::test]
async fn f74_to_f76_f70_killed_anywhere_in_a_disconnect_with_any_fault_of_googles_nothing_is_claimed_falsely()
{
    enumerate("disconnect, Google's faults", trouble::of_revocation(), 100, killed_in_a_disconnect).await;
}

#[tokio::test]
async fn f77_a59_a116_f70_killed_anywhere_in_a_disconnect_with_any_fault_of_awss_nothing_is_claimed_falsely()
{
    let troubles = of_aws(&["BatchGetItem", "UpdateItem", "DeleteItem"]);
    enumerate("disconnect, AWS's faults", troubles, 200, killed_in_a_disconnect).await;
}

#[tokio::test]
async fn a35_f70_killed_anywhere_in_a_sign_out_everywhere_all_sessions_are_over_or_none() {
    let troubles = of_aws(&["BatchGetItem", "UpdateItem", "DeleteItem"]);
    enumerate("sign-out everywhere", troubles, 200, killed_in_a_sign_out).await;
}

async fn killed_in_an_erasure(behind: &mut Behind, trouble: &Trouble, points: &mut Points) -> bool {
    let at = format!("killed at {points} with {}", trouble.name);
    let sessions = two_sessions(behind).await;
    let payload = json!({ "action": "erase", "user_id": behind.world.sub(ANN) });
    let token = behind.stored_refresh_token().await.unwrap();
    behind.world.forget_ends();
    trouble.arrange(&behind.world.stack);
    let text = payload.to_string();
    let budget = trouble.budget;
    let answer =
        points.kill_in(behind, async |app| invoke_direct(Ok(app), "connections", &text, budget).await).await;
    behind.recover().await;

    let item = behind.world.credential(ANN);
    // Without the keyring nobody's mark is known, and that stops no erasure.
    let is_remembered = behind.world.ends().len() == 1 || trouble.name.contains("secrets");
    assert!(!item.is_null() || is_remembered, "{at}: a backup would bring it back");
    let is_erased = answer.as_ref().is_some_and(|told| told.answer["erased"] == true);
    if is_erased {
        assert!(item.is_null(), "{at}: erased, and the item is there");
        let is_revoked = answer.as_ref().is_some_and(|told| told.answer["revoked"] == true);
        // Google may say falsely that it does not know the grant.
        let may_live = !is_revoked || trouble.ends_grant;
        assert!(may_live || !behind.is_alive(&token).await, "{at}: revoked, and the grant is alive");
    } else {
        if !item.is_null() {
            assert_eq!(behind.stored_refresh_token().await.as_ref(), Some(&token), "{at}: I4");
        }
        // Everything may have been done but the answer.
        let repeated = behind.world.invoke_direct("connections", &payload).await;
        let was_done = item.is_null() && repeated.problem() == (404, "connection_not_found");
        assert!(repeated.answer["erased"] == true || was_done, "{at}: {repeated:?}");
    }
    assert!(behind.world.credential(ANN).is_null(), "{at}");
    for call in &sessions {
        assert_eq!(lists(behind, call).await.reason(), "not_connected", "{at}");
    }
    behind.world.stack.google.revoke_grant(ANN);
    points.go_on(answer.as_ref())
}

#[tokio::test]
async fn f106_a116_killed_anywhere_in_an_erasure_with_any_fault_nothing_is_claimed_falsely() {
    let mut troubles = of_aws(&["GetItem", "UpdateItem", "DeleteItem"]);
    troubles.extend(trouble::of_revocation());
    enumerate("erasure", troubles, 200, killed_in_an_erasure).await;
}
