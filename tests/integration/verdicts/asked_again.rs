//! Google had to show its page, so the person is sent through it once more.

use harness::google::{Decision, Times};
use harness::world::{ANN, Call, METADATA, World, forces_consent, parameter};

/// Sends a callback with this error. Returns where the browser goes.
async fn callback_with(world: &mut World, url: &str, error: &str) -> String {
    let state = parameter(url, "state").unwrap();
    let answer = world.callback(&format!("error={error}&state={state}")).await;
    assert_eq!(answer.status, 303, "{answer:?}");
    answer.location().to_owned()
}

#[tokio::test]
async fn f86_a_person_whom_google_must_ask_goes_once_more_through_its_page() {
    for (error, prompt) in [
        ("interaction_required", None),
        ("login_required", None),
        ("account_selection_required", None),
        ("consent_required", Some("consent")),
    ] {
        let mut world = World::new().await;
        let url = world.start("return_to=https%3A%2F%2Fapp.example.com%2Finbox").await;
        let again = callback_with(&mut world, &url, error).await;
        assert_eq!(parameter(&again, "prompt").as_deref(), prompt, "{error}: {again}");
        assert_eq!(parameter(&again, "response_type").as_deref(), Some("code"));
        let refused = callback_with(&mut world, &again, "interaction_required").await;
        assert_eq!(refused, "https://app.example.com/inbox?auth_error=provider_error", "{error}");
        assert_eq!(world.google_calls(), []);
        let url = world.start("return_to=https%3A%2F%2Fapp.example.com%2Finbox").await;
        let again = callback_with(&mut world, &url, error).await;
        assert_eq!(world.come_back(&again, ANN).await.location(), "https://app.example.com/inbox");
        world.lists().await;
    }
}

#[tokio::test]
async fn f86_what_was_asked_for_and_of_whom_is_asked_again() {
    let mut world = World::new().await;
    world.configure(&[("GMAIL_SCOPES", METADATA)]);
    world.sign_in(ANN).await;
    let refused = world.browse(Call::list("q=x")).await;
    let url = refused.authorization_url();
    let again = callback_with(&mut world, &url, "interaction_required").await;
    assert_eq!(parameter(&again, "scope"), parameter(&url, "scope"));
    assert_eq!(parameter(&again, "login_hint"), Some(world.sub(ANN)));
    assert_eq!(world.come_back(&again, ANN).await.status, 303);
    assert_eq!(world.messages("q=x").await.status, 200);
}

#[tokio::test]
async fn f86_a_person_who_is_sent_through_both_pages_is_sent_through_each_once() {
    let mut world = World::new().await;
    world.google.omit_refresh_token(Times::UntilCleared);
    let url = world.start("").await;
    let again = callback_with(&mut world, &url, "interaction_required").await;
    let query = world.consent(&again, Decision::allow(ANN)).await;
    let consent = world.callback(&query).await.location().to_owned();
    assert!(forces_consent(&consent));
    let refused = callback_with(&mut world, &consent, "login_required").await;
    assert_eq!(refused, "https://app.example.com/?auth_error=provider_error");
    // The other way round.
    let query = world.consented(ANN).await;
    let consent = world.callback(&query).await.location().to_owned();
    let again = callback_with(&mut world, &consent, "login_required").await;
    assert!(forces_consent(&again));
    assert_eq!(world.come_back(&again, ANN).await.auth_error(), "no_refresh_token");
}
