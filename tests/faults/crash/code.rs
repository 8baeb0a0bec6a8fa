//! The process dies during a sign-in that ends in a one-time code: in the callback, and while the
//! code is redeemed. Afterwards the credential is as good as before, and nobody has a session that
//! two requests began with one code.

use harness::google::Decision;
use harness::world::{ANN, Answer, Call, FrontEnd, ORIGIN, parameter};

use super::{Points, Trouble, assert_changed_for_a_reason, enumerate, trouble};
use crate::behind::Behind;

/// The callback that Ann's browser is sent to after she gave consent, for this front end.
async fn consented(behind: &mut Behind, front_end: &FrontEnd) -> Call {
    let url = behind.world.start_for_code(front_end).await;
    let url = url.replace("access_type=offline", "access_type=offline&prompt=consent");
    let query = behind.world.consent(&url, Decision::allow(ANN)).await;
    behind.world.callback_of(&query)
}

fn code_in(answer: &Answer) -> Option<String> {
    let is_there = answer.location().starts_with(ORIGIN);
    is_there.then(|| parameter(answer.location(), "code")).flatten()
}

/// A sign-in that nothing disturbs, through the consent page if Google gave no refresh token.
async fn signs_in(behind: &mut Behind, front_end: &FrontEnd, at: &str) -> String {
    let callback = consented(behind, front_end).await;
    let answer = behind.world.send(&callback).await;
    behind.world.keep_cookies(&answer);
    let code = code_in(&answer).unwrap_or_else(|| panic!("{at}: {answer:?}"));
    behind.world.plant(&code);
    code
}

/// A page of the front end lists Ann's mailbox with the token of this answer. Returns the status.
async fn lists_with(behind: &Behind, answer: &Answer) -> i64 {
    let token = answer.json()["access_token"].as_str().unwrap().to_owned();
    behind.world.plant(&token);
    behind.world.send(&Call::list("maxResults=1").header("origin", ORIGIN).bearer(&token)).await.status
}

async fn killed_in_a_callback(behind: &mut Behind, trouble: &Trouble, points: &mut Points) -> bool {
    let at = format!("killed at {points} with {}", trouble.name);
    behind.world.advance(3600);
    let before = behind.stored_refresh_token().await;
    let front_end = FrontEnd::default();
    let callback = consented(behind, &front_end).await;
    behind.world.end_sessions();
    trouble.arrange(&behind.world.stack);
    let answer = points.kill_call(behind, &callback, trouble.budget).await;
    behind.recover().await;

    assert_changed_for_a_reason(behind, trouble, before.as_deref(), &at).await;
    assert!(behind.stored_refresh_token().await.is_some(), "{at}: the refresh token is lost");
    // The user reloads the page that did not arrive.
    let arrived = match &answer {
        Some(answer) => answer.clone(),
        None => behind.world.send(&callback).await,
    };
    assert!(answer.is_some() || arrived.status < 500, "{at}: {arrived:?}");
    behind.world.keep_cookies(&arrived);
    assert!(behind.world.sessions().is_empty(), "{at}: a session begins with the code's redemption");
    let code = match (arrived.status, code_in(&arrived)) {
        (303, Some(code)) => code,
        _ => signs_in(behind, &front_end, &at).await,
    };
    let redeemed = behind.world.send(&front_end.redeems(&code)).await;
    assert_eq!(redeemed.status, 200, "{at}: {redeemed:?}");
    assert_eq!(lists_with(behind, &redeemed).await, 200, "{at}");
    points.go_on(answer.as_ref())
}

async fn killed_in_a_redemption(behind: &mut Behind, trouble: &Trouble, points: &mut Points) -> bool {
    let at = format!("killed at {points} with {}", trouble.name);
    let front_end = FrontEnd::default();
    let code = signs_in(behind, &front_end, &at).await;
    behind.world.end_sessions();
    let call = front_end.redeems(&code);
    trouble.arrange(&behind.world.stack);
    let answer = points.kill_call(behind, &call, trouble.budget).await;
    behind.recover().await;

    if let Some(redeemed) = answer.as_ref().filter(|answer| answer.status == 200) {
        assert_eq!(lists_with(behind, redeemed).await, 200, "{at}");
        assert_eq!(behind.world.sessions().len(), 1, "{at}");
        return points.go_on(answer.as_ref());
    }
    // The page sends the request again, whose answer did not arrive or was a 503.
    let again = behind.world.send(&call).await;
    if again.status == 200 {
        assert_eq!(lists_with(behind, &again).await, 200, "{at}");
    } else {
        assert_eq!((again.status, again.code()), (400, "invalid_grant"), "{at}: {again:?}");
        assert!(behind.world.sessions().is_empty(), "{at}: nobody keeps the session of a code sent twice");
        let code = signs_in(behind, &front_end, &at).await;
        assert_eq!(behind.world.send(&front_end.redeems(&code)).await.status, 200, "{at}");
    }
    points.go_on(answer.as_ref())
}

#[tokio::test]
async fn f95_killed_anywhere_in_a_callback_that_gives_a_code_with_any_fault_of_awss_the_user_can_go_on() {
    let mut troubles = vec![trouble::none()];
    troubles.extend(trouble::of_dynamodb(&["PutItem"]));
    enumerate("callback that gives a code", troubles, 60, killed_in_a_callback).await;
}

#[tokio::test]
async fn f96_f98_killed_anywhere_in_a_redemption_with_any_fault_of_awss_at_most_one_session_serves() {
    let mut troubles = vec![trouble::none()];
    troubles.extend(trouble::of_dynamodb(&["GetItem", "PutItem", "UpdateItem", "DeleteItem"]));
    enumerate("redemption of a code", troubles, 200, killed_in_a_redemption).await;
}
