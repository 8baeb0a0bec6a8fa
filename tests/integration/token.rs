//! `POST /auth/token`: a front end redeems the code that its sign-in ended in.

use harness::world::{ANN, Call, FrontEnd, ORIGIN, World, parameter};
use serde_json::json;

#[tokio::test]
async fn a_page_of_another_site_gets_a_bearer_token_for_its_code() {
    let mut world = World::new().await;
    let front_end = FrontEnd::default();
    let answer = world.attempt_for_code(&front_end, ANN).await;
    assert_eq!(answer.status, 303, "{answer:?}");
    // The page's own query stays, and no session begins before the code is redeemed.
    let code = parameter(answer.location(), "code").unwrap();
    world.plant(&code);
    let expected = format!(
        "{ORIGIN}/mail?tab=inbox&code={code}&state=the-state-of-the-page&iss=https%3A%2F%2Fapi.example.com"
    );
    assert_eq!(answer.location(), expected);
    assert!(!answer.begins_session() && world.sessions().is_empty());

    let answer = world.send(&front_end.redeems(&code)).await;
    assert_eq!(answer.status, 200, "{answer:?}");
    assert_eq!(answer.headers["content-type"], "application/json");
    assert_eq!(answer.headers["pragma"], "no-cache");
    assert_eq!(answer.cookies, Vec::<String>::new());
    let token = answer.json()["access_token"].as_str().unwrap().to_owned();
    world.plant(&token);
    let user = json!({"id": world.sub(ANN), "email": ANN});
    let scope = "email https://www.googleapis.com/auth/gmail.readonly openid";
    let expected = json!({
        "access_token": token, "token_type": "Bearer", "expires_in": 604_800, "scope": scope, "user": user,
    });
    assert_eq!(answer.json(), expected);
    let listed = world.send(&Call::list("").header("origin", ORIGIN).bearer(&token)).await;
    assert_eq!(listed.status, 200, "{listed:?}");
}

#[tokio::test]
async fn a_page_that_wants_a_cookie_gets_it_partitioned_and_no_token() {
    let mut world = World::new().await;
    let front_end = FrontEnd { mode: "fragment".to_owned(), ..FrontEnd::default() };
    let code = world.code(&front_end, ANN).await;
    let answer = world.browse(front_end.redeems_for_cookie(&code)).await;
    assert_eq!(answer.status, 200, "{answer:?}");
    let members: Vec<String> = answer.json().as_object().unwrap().keys().cloned().collect();
    assert_eq!(members, ["expires_in", "scope", "user"]);
    let token = answer.set_cookie("__Host-session-p").unwrap();
    let cookie = format!(
        "__Host-session-p={token}; Max-Age=604800; Path=/; Secure; HttpOnly; SameSite=None; Partitioned"
    );
    assert_eq!(answer.cookies, [cookie]);
    world.lists().await;
}
