//! The flow cookies of a browser: which sign-ins survive other requests of the same browser.

use std::time::Duration;

use harness::Fault;
use harness::google::Decision;
use harness::world::{
    ANN, Answer, BEN, Call, FrontEnd, ORIGIN, OTHER_CLIENT, World, forces_consent, parameter,
};
use postern::app::App;
use postern::app::NotConfigured;
use postern::clock::Deadline;
use postern::door::{Invocation, Request, respond};
use postern_rules::error::Error;

fn state_of(url: &str) -> String {
    parameter(url, "state").unwrap()
}

fn cookie_of(url: &str) -> String {
    format!("__Host-flow-{}", &state_of(url)[..6])
}

fn flows(world: &World) -> usize {
    world.jar.names().filter(|name| name.starts_with("__Host-flow-")).count()
}

/// Gets a 401 in this browser. Returns its authorization URL.
async fn poll(world: &mut World) -> String {
    let answer = world.browse(Call::list("")).await;
    assert_eq!(answer.status, 401, "{answer:?}");
    answer.authorization_url()
}

/// A `return_to` of the greatest length.
fn longest_return_to() -> String {
    let length = 512 - format!("{ORIGIN}/").len();
    format!("return_to=https%3A%2F%2Fapp.example.com%2F{}", "x".repeat(length))
}

#[tokio::test]
async fn a81_polls_of_another_tab_end_no_sign_in() {
    let mut world = World::new().await;
    let mut under_way = Vec::new();
    for _ in 0..3 {
        under_way.push(world.start(&longest_return_to()).await);
    }
    for _ in 0..5 {
        poll(&mut world).await;
        world.advance(60);
    }
    assert_eq!(flows(&world), 4, "a 401 keeps one flow of its own");
    for url in under_way {
        world.come_back(&url, ANN).await.session();
    }
}

#[tokio::test]
async fn a81_polls_do_not_end_the_sign_in_that_a_401_began() {
    let mut world = World::new().await;
    let first = poll(&mut world).await;
    for minute in 0..15 {
        world.advance(60);
        let offered = poll(&mut world).await;
        assert_eq!(state_of(&offered), state_of(&first), "after {minute} minutes");
        for name in ["nonce", "code_challenge", "redirect_uri", "client_id", "scope"] {
            assert_eq!(parameter(&offered, name), parameter(&first, name), "{name}");
        }
    }
    assert_eq!(flows(&world), 1);
    world.come_back(&first, ANN).await.session();
    // A finished flow is not offered again.
    world.end_sessions();
    let next = poll(&mut world).await;
    assert_ne!(state_of(&next), state_of(&first));
    world.come_back(&next, ANN).await.session();
}

#[tokio::test]
async fn a81_sign_ins_do_not_end_the_one_that_a_401_began() {
    let mut world = World::new().await;
    let offered = poll(&mut world).await;
    for _ in 0..4 {
        world.advance(1);
        world.start("").await;
    }
    assert_eq!(flows(&world), 4);
    world.come_back(&offered, ANN).await.session();
}

#[tokio::test]
async fn a81_the_newest_three_sign_ins_survive_whatever_their_names_and_lengths() {
    // The clock stands still: for cookies of the same millisecond, their order decides which is
    // older.
    for return_to in [String::new(), longest_return_to()] {
        let mut world = World::new().await;
        let mut urls = Vec::new();
        for _ in 0..5 {
            urls.push(world.start(&return_to).await);
        }
        let kept: Vec<String> = world.jar.names().map(str::to_owned).collect();
        assert_eq!(kept, urls[2..].iter().map(|url| cookie_of(url)).collect::<Vec<_>>());
        for url in &urls[2..] {
            world.come_back(url, ANN).await.session();
        }
    }
}

#[tokio::test]
async fn a81_of_sign_ins_of_one_second_the_oldest_gives_way() {
    let mut world = World::new().await;
    let mut urls = Vec::new();
    for _ in 0..3 {
        urls.push(world.start("").await);
        world.clock.advance(Duration::from_millis(1));
    }
    // In the wrong order, as a client other than a browser may send them.
    let mut pairs: Vec<String> = world.jar.pairs().collect();
    pairs.reverse();
    let call = pairs.iter().fold(Call::get("/auth/start", ""), |call, pair| call.cookie(pair));
    let answer = world.send(&call).await;
    assert!(
        answer.cookies[0].contains("; Max-Age=600; "),
        "to the end of the flow, which is counted in seconds"
    );
    world.keep_cookies(&answer);
    assert!(!world.jar.has(&cookie_of(&urls[0])));
    assert_eq!(flows(&world), 3);
}

#[tokio::test]
async fn a81_a_401_for_somebody_else_offers_a_flow_of_its_own_beside_the_other() {
    let mut world = World::new().await;
    let anybody = poll(&mut world).await;
    world.sign_in(ANN).await;
    world.google.revoke_grant(ANN);
    let bound = poll(&mut world).await;
    assert_ne!(state_of(&bound), state_of(&anybody));
    assert!(world.jar.has(&cookie_of(&bound)) && world.jar.has(&cookie_of(&anybody)));
    assert_eq!(state_of(&poll(&mut world).await), state_of(&bound));
    // A flow for another user is bound to that user.
    world.sign_in(BEN).await;
    world.google.revoke_grant(BEN);
    let bens = poll(&mut world).await;
    assert_ne!(state_of(&bens), state_of(&bound));
    assert!(world.jar.has(&cookie_of(&bound)) && !world.jar.has(&cookie_of(&anybody)), "the newest two stay");
    let bound = bens;
    // A flow for another page returns to that page.
    let second = "https://second.example.com";
    world.configure(&[("ALLOWED_ORIGINS", &format!("{ORIGIN},{second}"))]);
    let answer = world.browse(Call::list("").header("origin", second)).await;
    let elsewhere = answer.authorization_url();
    assert_ne!(state_of(&elsewhere), state_of(&bound));
    assert_eq!(flows(&world), 3, "the spent one, and the two that were offered last");
    world.come_back(&elsewhere, BEN).await.session();
}

#[tokio::test]
async fn a81_of_two_first_401s_that_cross_either_can_be_taken_up() {
    for taken_up in 0..2 {
        let mut world = World::new().await;
        let call = world.list();
        let (one, other) = futures_util::future::join(world.send(&call), world.send(&call)).await;
        let url = |answer: &Answer| answer.authorization_url();
        let urls = [url(&one), url(&other)];
        world.keep_cookies(&one);
        world.keep_cookies(&other);
        for _ in 0..3 {
            world.advance(60);
            poll(&mut world).await;
        }
        world.come_back(&urls[taken_up], ANN).await.session();
    }
}

#[tokio::test]
async fn a81_a_flow_is_offered_for_an_hour() {
    let mut world = World::new().await;
    let first = poll(&mut world).await;
    for _ in 0..11 {
        world.advance(299);
        assert_eq!(state_of(&poll(&mut world).await), state_of(&first));
    }
    world.advance(311);
    assert_ne!(state_of(&poll(&mut world).await), state_of(&first));
    world.come_back(&first, ANN).await.session();
    // An expired flow is not offered again either.
    let mut world = World::new().await;
    let first = poll(&mut world).await;
    world.advance(600);
    assert_ne!(state_of(&poll(&mut world).await), state_of(&first));
}

#[tokio::test]
async fn a81_a04_the_newest_flow_that_is_over_answers_the_back_button_and_takes_no_place() {
    let mut world = World::new().await;
    let url = world.start("").await;
    let query = world.consent(&url, Decision::allow(ANN)).await;
    world.callback(&query).await.session();
    let mut others = Vec::new();
    for _ in 0..3 {
        others.push(world.start("").await);
    }
    assert_eq!(flows(&world), 4);
    assert_eq!(world.callback(&query).await.location(), "https://app.example.com/", "forgiven");
    world.come_back(&others[0], ANN).await.session();
    assert_eq!(flows(&world), 3, "the newest one that is over, and two under way");
    assert!(!world.jar.has(&cookie_of(&url)) && world.jar.has(&cookie_of(&others[0])));
}

#[tokio::test]
async fn a81_a_flow_that_ended_in_an_error_is_over_too() {
    let mut world = World::new().await;
    let offered = poll(&mut world).await;
    let query = world.consent(&offered, Decision::deny(ANN)).await;
    assert!(world.callback(&query).await.location().ends_with("auth_error=consent_denied"));
    assert_ne!(state_of(&poll(&mut world).await), state_of(&offered));
    // So is one whose cookie the browser still has although another request has spent it.
    let mut world = World::new().await;
    let offered = poll(&mut world).await;
    let query = world.consent(&offered, Decision::allow(ANN)).await;
    world.send(&world.callback_of(&query)).await;
    assert_eq!(state_of(&poll(&mut world).await), state_of(&offered), "this browser knows nothing of it");
    assert_eq!(world.callback(&query).await.code(), "state_used");
    assert_ne!(state_of(&poll(&mut world).await), state_of(&offered));
}

#[tokio::test]
async fn a81_a_changed_client_is_offered_a_flow_of_its_own() {
    let mut world = World::new().await;
    let offered = poll(&mut world).await;
    world.change_client();
    world.cold_start();
    let next = poll(&mut world).await;
    assert_eq!(parameter(&next, "client_id").as_deref(), Some(OTHER_CLIENT));
    assert_ne!(state_of(&next), state_of(&offered));
    world.come_back(&next, ANN).await.session();
}

#[tokio::test]
async fn a81_what_one_401_allows_is_not_what_another_asked_for() {
    let mut world = World::signed_in().await;
    world.google.revoke_grant(ANN);
    let bound = poll(&mut world).await;
    assert!(forces_consent(&bound));
    world.end_sessions();
    let anybody = poll(&mut world).await;
    assert_eq!(parameter(&anybody, "prompt"), None);
    world.come_back(&anybody, BEN).await.session();
}

#[tokio::test]
async fn a81_a_posted_code_that_fails_ends_no_sign_in_that_a_401_began() {
    let mut world = World::new().await;
    let url = world.start_json().await;
    world.sign_in(ANN).await;
    world.disconnect(ANN);
    let offered = poll(&mut world).await;
    let post = world.post_of(&url, Decision::allow(ANN)).await;
    let answer = world.browse(post).await;
    assert_eq!(answer.code(), "no_refresh_token");
    let next = answer.authorization_url();
    assert_eq!(
        state_of(&next),
        state_of(&offered),
        "it is for the same user, and forces consent like that one"
    );
    world.come_back(&offered, ANN).await.session();
}

#[tokio::test]
async fn a81_a_process_without_the_newest_key_ends_no_sign_in_that_it_cannot_read() {
    let mut world = World::new().await;
    poll(&mut world).await;
    world.rotate_keyring();
    let older = world.configure(&[]);
    let url = world.start(&longest_return_to()).await;
    let newer = std::mem::replace(&mut world.app, older);
    for _ in 0..3 {
        poll(&mut world).await;
    }
    world.start("").await;
    world.start("").await;
    world.app = newer;
    world.come_back(&url, ANN).await.session();
}

#[tokio::test]
async fn b23_all_our_cookies_together_leave_room_for_those_of_others() {
    for (longest, least) in [(longest_return_to(), 5 * 1024), (longest_code_request(), 5 * 1024)] {
        let length = length_of_all_cookies(&longest).await;
        assert!(length < 7 * 1024, "our cookies together have {length} bytes");
        assert!(length > least, "this is not the worst case: {length} bytes");
    }
}

/// The length of our cookies in a browser that has as many as it can have.
async fn length_of_all_cookies(start: &str) -> usize {
    let mut world = World::signed_in().await;
    let url = world.start(&longest_return_to()).await;
    let query = world.consent(&url, Decision::allow(ANN)).await;
    world.callback(&query).await;
    for _ in 0..3 {
        let state = state_of(&world.start(start).await);
        // A flow is longest after four unanswered attempts to spend its state.
        for _ in 0..4 {
            world.dynamodb.fail("PutItem", Fault::BROKEN, 3);
            assert_eq!(world.callback(&format!("code=x&state={state}")).await.code(), "storage_unavailable");
        }
    }
    world.google.revoke_grant(ANN);
    poll(&mut world).await;
    let session = world.session();
    world.jar.remove("__Host-session");
    poll(&mut world).await;
    assert_eq!(flows(&world), 6, "three sign-ins, one that is over, two that were offered");
    world.jar.set("__Host-session", &session);
    world.jar.set("__Host-session-p", &session);
    world.jar.length()
}

/// A query of `/auth/start` that asks for a code and has the longest state, client and address that
/// are possible together.
fn longest_code_request() -> String {
    let uri = format!("https://app.example.com/{}", "x".repeat(140));
    FrontEnd { state: "s".repeat(256), client_id: "c".repeat(128), ..FrontEnd::at(&uri) }.query()
}

#[tokio::test]
async fn a_cookie_is_set_whatever_the_answer_turns_out_to_be() {
    let world = World::new().await;
    let event = Call::list("").event().to_string();
    for (end, status) in [("error", 503), ("panic", 500), ("nothing", 503)] {
        let deadline = Deadline::after(Duration::from_millis(50));
        let invocation = Invocation { request_id: "request-1".to_owned(), deadline };
        let app: Result<_, &NotConfigured> = Ok(&world.app);
        let handle = async |_: &App, request: &Request| {
            request.set_cookie("__Host-flow-AAAAAA", "before", Duration::from_secs(9));
            request.set_cookie("__Host-flow-AAAAAA", "then", Duration::from_secs(9));
            match end {
                "error" => Err(Error::OutOfTime),
                "panic" => panic!("a test's"),
                _ => std::future::pending().await,
            }
        };
        let answer = respond(app, list_messages::ROUTE, handle, &event, invocation).await;
        assert_eq!(answer.status_code, status, "{end}");
        let expected = "__Host-flow-AAAAAA=then; Max-Age=9; Path=/; Secure; HttpOnly; SameSite=Lax";
        assert_eq!(answer.cookies, [expected], "{end}");
    }
}
