//! Google refuses one of two clients: only its users notice. Those of the outgoing one have a way
//! out, because it may have been deleted at Google.

use harness::world::{ANN, BEN, GOOGLE_CLIENT, OTHER_CLIENT, World, forces_consent, parameter};

use super::{ask_for_ann, between, change, client_of, clients_asked};

/// Google no longer accepts what the secret holds of the outgoing client.
fn delete_the_outgoing(world: &World) {
    world.replace_client_secret("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here-stored");
}

#[tokio::test]
async fn f112_users_of_a_refused_outgoing_client_are_asked_to_consent_to_the_coming_one() {
    let (mut world, bens) = between().await;
    delete_the_outgoing(&world);
    world.connection().await;
    world.forget_calls();
    let before = world.kept(ANN);
    let answer = world.messages("").await;
    assert_eq!(answer.reason(), "client_changed");
    let url = answer.authorization_url();
    assert!(forces_consent(&url), "{url}");
    assert_eq!(parameter(&url, "client_id").as_deref(), Some(OTHER_CLIENT));
    assert_eq!(world.secrets_read(), [GOOGLE_CLIENT, GOOGLE_CLIENT], "current and previous, once");
    assert_eq!(ask_for_ann(&world).await.reason(), "client_changed");
    assert_eq!((world.kept(ANN), client_of(&world, ANN) == world.google.client_id()), (before, true));

    // Who belongs to the coming client is served, and that makes nobody ask with the other again.
    world.forget_calls();
    assert_eq!(world.send(&bens.0).await.status, 200);
    assert_eq!(world.messages("").await.reason(), "client_changed");
    assert_eq!(clients_asked(&world), [OTHER_CLIENT]);
    assert_eq!(world.secrets_read(), [""; 0]);
    world.authorize_again(&answer, ANN).await.session();
    assert_eq!(client_of(&world, ANN), OTHER_CLIENT);
    world.lists().await;
}

#[tokio::test]
async fn f112_a_refusal_that_passes_leaves_everybody_connected() {
    let (world, _) = between().await;
    let secret = world.google.client_secret();
    delete_the_outgoing(&world);
    assert_eq!(world.messages("").await.reason(), "client_changed");
    world.google.accept_secret(world.google.client_id(), &secret);
    world.advance(1);
    world.lists().await;
    assert_eq!(client_of(&world, ANN), world.google.client_id());
}

#[tokio::test]
async fn f61_f112_another_secret_of_either_client_is_found_by_reading_once_more() {
    let (world, bens) = between().await;
    world.connection().await;
    world.replace_client_secret("GOCSPX-the-newer-planted-secret");
    world.google.add_client(OTHER_CLIENT, "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");
    world.store_both_clients(OTHER_CLIENT, world.google.client_id());
    world.forget_calls();
    world.lists().await;
    assert_eq!((world.refreshes(), world.secrets_read()), (2, vec![GOOGLE_CLIENT.to_owned()]));
    assert_eq!(world.send(&bens.0).await.status, 200, "what was read has the coming client's too");
    assert_eq!((world.refreshes(), world.secrets_read().len()), (3, 1));
}

#[tokio::test]
async fn f89_f112_a_refused_coming_client_does_not_stop_the_users_of_the_outgoing_one() {
    let (world, bens) = between().await;
    world.google.refuse_secret(OTHER_CLIENT, "GOCSPX-the-other-planted-secret");
    assert_eq!(world.send(&bens.0).await.problem(), (503, "config_error"));
    world.lists().await;
    world.forget_calls();
    assert_eq!(world.send(&bens.0).await.problem(), (503, "config_error"));
    assert_eq!(world.google_calls(), [], "it is remembered for its own users");
    // And both at once, each for its own.
    delete_the_outgoing(&world);
    world.google.expire_all_access_tokens();
    assert_eq!(world.messages("").await.reason(), "client_changed");
    world.forget_calls();
    assert_eq!(world.send(&bens.0).await.problem(), (503, "config_error"));
    assert_eq!(world.messages("").await.reason(), "client_changed");
    assert_eq!(world.google_calls().len(), 1, "Gmail refused Ann's token");
}

#[tokio::test]
async fn f112_a_good_access_token_serves_although_its_client_is_refused() {
    let mut world = World::ageing().await;
    change(&mut world);
    delete_the_outgoing(&world);
    world.lists().await;
    let before = world.credential(ANN);
    world.lists().await;
    assert_eq!(world.credential(ANN), before);
    world.advance(200);
    assert_eq!(world.messages("").await.reason(), "client_changed");
}

#[tokio::test]
async fn f112_a_sign_in_that_kept_a_token_of_a_refused_client_leads_to_the_consent_page() {
    let (mut world, _) = between().await;
    delete_the_outgoing(&world);
    world.google.omit_refresh_token(1);
    world.sign_in(ANN).await;
    assert_eq!(client_of(&world, ANN), world.google.client_id());
    let answer = world.messages("").await;
    assert_eq!(answer.reason(), "client_changed");
    world.authorize_again(&answer, ANN).await.session();
    world.lists().await;
    assert_eq!(client_of(&world, ANN), OTHER_CLIENT);
}

#[tokio::test]
async fn f112_a_sign_in_of_a_refused_outgoing_client_begins_again_with_the_coming_one() {
    let mut world = World::new().await;
    let query = world.consented(BEN).await;
    change(&mut world);
    delete_the_outgoing(&world);
    assert_eq!(world.callback(&query).await.auth_error(), "reauthorization_required");
    world.sign_in(BEN).await;
    assert_eq!(client_of(&world, BEN), OTHER_CLIENT);
}
