//! The process dies at each point of the callback, the refresh, a hand-out, a disconnect, a
//! sign-out, an import, a sweep, a security event and the function `events`, combined with each
//! fault of the back ends. Afterwards the credential works, or the user is asked for consent, or a
//! repetition completes what began; what is stored changed only for a good reason.

mod callback;
mod code;
mod delivery;
mod ending;
mod events;
mod hand_out;
mod import;
mod kill;
mod receipt;
mod refresh;
mod sweep;
mod trouble;

use harness::google::Endpoint;
use harness::world::{ANN, Answer};

use self::kill::Points;
use self::trouble::Trouble;
use crate::behind::{Behind, LIST};
use crate::extent;
use crate::schedule::Schedule;

/// Seconds; longer than a lease lasts.
const PAST_THE_LEASE: u64 = 10;

/// With each fault, kills the request at its kill points, or at a sample of them. How many there
/// are shows only when the request runs. Prints the number of pairs; all of them are at least
/// `least`, and a sample has half of its share or more.
async fn enumerate(
    flow: &str,
    troubles: Vec<Trouble>,
    least: usize,
    pair: impl AsyncFn(&mut Behind, &Trouble, &mut Points) -> bool,
) {
    let (faults, step) = (troubles.len(), extent::step());
    let offset = Schedule::of(flow).index(step);
    let mut pairs = 0;
    for (number, trouble) in troubles.iter().enumerate() {
        let skipped = (offset + number) % step;
        let calls = trouble.is_torn.then(|| Points::calls(skipped, step));
        for mut points in [Some(Points::suspensions(skipped, step)), calls].into_iter().flatten() {
            let mut behind = Behind::signed_in().await;
            while pair(&mut behind, trouble, &mut points).await {}
            pairs += points.killed();
        }
    }
    let sample = if step == 1 { String::new() } else { format!(" (one point in {step})") };
    extent::say(&format!("{flow}: {pairs} pairs of a kill point and one of {faults} faults{sample}"));
    // Where a sample begins decides how many points of a short request are in it.
    let least = if step == 1 { least } else { least / step / 2 };
    assert!(pairs >= least, "{flow}: {pairs} pairs are too few");
}

/// I4: the stored refresh token changed only because Google issued a new one, or because Google
/// answered `invalid_grant` to exactly that token.
async fn assert_changed_for_a_reason(behind: &Behind, trouble: &Trouble, before: Option<&str>, at: &str) {
    let after = behind.stored_refresh_token().await;
    if after.as_deref() == before {
        return;
    }
    match (before, &after) {
        (_, Some(token)) => assert!(!token.is_empty() && behind.is_alive(token).await, "{at}"),
        (Some(before), None) => {
            let calls = behind.world.stack.google.calls_to(Endpoint::Token).into_iter();
            let mut refused = calls.filter(|call| call.status == Some(400));
            assert!(trouble.ends_grant, "{at}: the refresh token is gone");
            assert!(
                refused.any(|call| call.form_value("refresh_token").as_deref() == Some(before)),
                "{at}: the refresh token is gone, and Google did not refuse it"
            );
            assert_eq!(behind.world.credential(ANN)["status"]["S"], "revoked", "{at}");
            let set_aside = behind.refresh_token_set_aside().await;
            assert_eq!(set_aside.as_deref(), Some(before), "{at}: what Google refused is set aside");
        }
        (None, None) => unreachable!("both are the same"),
    }
}

/// Asserts that a refresh changed the refresh token only for a good reason, and lets its lease run
/// out. Returns whether the stored token works at Google.
async fn is_alive_past_the_lease(
    behind: &mut Behind,
    trouble: &Trouble,
    before: Option<&str>,
    at: &str,
) -> bool {
    assert_changed_for_a_reason(behind, trouble, before, at).await;
    let is_alive = match &behind.stored_refresh_token().await {
        Some(token) => behind.is_alive(token).await,
        None => false,
    };
    behind.world.advance(PAST_THE_LEASE);
    is_alive
}

/// The list works, or the user is asked for consent through a URL that leads to a working list.
async fn assert_works_or_asks(behind: &mut Behind, answer: Answer, at: &str) {
    if answer.status == 200 {
        return;
    }
    assert_eq!(answer.status, 401, "{at}: {answer:?}");
    assert!(answer.json()["authorization_url"].is_string(), "{at}: {answer:?}");
    let back = behind.world.authorize_again(&answer, ANN).await;
    assert!(back.set_cookie("__Host-session").is_some(), "{at}: {back:?}");
    let answer = behind.world.messages(LIST).await;
    assert_eq!(answer.status, 200, "{at}: {answer:?}");
}
