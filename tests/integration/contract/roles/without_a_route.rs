//! What the functions without a route call.

use std::time::Duration;

use harness::world::{ANN, World};
use postern::grant::receipt;
use postern_rules::user::UserId;
use serde_json::json;

use super::{Calls, EVENT_BUS, take_calls};

/// The calls of `access-token` for a user, a session and a receipt: each with a refresh, and asked
/// only whose it is. At the end the grant is gone.
pub(super) async fn access_token() -> Calls {
    let mut world = World::signed_in().await;
    let mut calls = Calls::new();
    let ann = UserId::parse(&world.sub(ANN)).unwrap();
    take_calls(&mut world);
    for is_over in [false, true] {
        if is_over {
            world.stack.google.revoke_grant(ANN);
        }
        for name in ["receipt", "session_token", "user_id"] {
            for introspects in [true, false].into_iter().skip(usize::from(name == "user_id")) {
                world.advance(3700);
                let value = match name {
                    "receipt" => {
                        let credential = world.app.store.credential(&ann).await.unwrap().unwrap();
                        let receipt = receipt::issue(&world.app, &credential, None).await.unwrap();
                        take_calls(&mut world);
                        receipt.expose().to_owned()
                    }
                    "session_token" => world.session().clone(),
                    _ => ann.as_str().to_owned(),
                };
                let mut payload = json!({ name: value });
                if introspects {
                    payload["introspect"] = json!(true);
                }
                let told = world.invoke_direct("access-token", &payload).await;
                let expected = if is_over && !introspects { 401 } else { 200 };
                assert_eq!(told.problem().0, expected, "{payload}: {told:?}");
                calls.extend(take_calls(&mut world));
            }
        }
    }
    calls
}

/// The calls of `events`: a batch of the stream, and its schedule, which marks a grant that ends
/// soon.
pub(super) async fn events() -> Calls {
    let mut world = World::new().await;
    let mut stream = world.stream().await;
    world.google.refresh_tokens_live_for(Some(Duration::from_hours(24)));
    world.sign_in(ANN).await;
    take_calls(&mut world);
    let mut calls = Calls::new();
    for what in ["Connected", "Grant Ends Soon"] {
        stream.app = world.environment(&[]);
        assert_eq!(stream.happened(&world).await, [what]);
        calls.insert(("events:PutEvents".to_owned(), EVENT_BUS.to_owned()));
        stream.app = world.environment(&[]);
        world.an_hour_passes(&stream).await.unwrap();
        calls.extend(take_calls(&mut world));
    }
    calls
}

/// The calls of `sweep`: a grant is refreshed, and found dead months later.
pub(super) async fn sweep() -> Calls {
    let mut world = World::signed_in().await;
    let mut calls = Calls::new();
    for is_over in [false, true] {
        if is_over {
            world.stack.google.revoke_grant(ANN);
        }
        world.advance(31 * 24 * 3600);
        take_calls(&mut world);
        world.sweep().await;
        calls.extend(take_calls(&mut world));
    }
    assert_eq!(world.credential(ANN)["status"]["S"], "revoked");
    calls
}

/// The calls of `connections` for each of its actions.
pub(super) async fn connections() -> Calls {
    let mut world = World::new().await;
    let mut calls = Calls::new();
    for ends in ["disconnect", "erase"] {
        world.sign_in(ANN).await;
        take_calls(&mut world);
        let of_user = |action: &str| json!({"action": action, "user_id": world.sub(ANN)});
        let mut asked = ["get", "export", "sign_out"].map(of_user).to_vec();
        asked.push(json!({"action": "list", "status": "active"}));
        asked.push(json!({"action": "count"}));
        asked.push(of_user(ends));
        for payload in asked {
            let told = world.invoke_direct("connections", &payload).await;
            assert_eq!(told.problem().0, 200, "{payload}: {told:?}");
            calls.extend(take_calls(&mut world));
        }
    }
    calls
}
