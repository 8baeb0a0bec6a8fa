//! What `access-token` refuses, or must keep apart.

use harness::world::{ANN, BEN, Call, World};
use serde_json::{Value, json};

use super::{ask, ask_for_ann, assert_logged, token_of_gmail};

#[tokio::test]
async fn a100_events_of_other_services_are_no_payloads() {
    let world = World::signed_in().await;
    world.forget_calls();
    let ann = world.sub(ANN);
    let mut gateway: Value =
        serde_json::from_str(include_str!("../../fixtures/events/api_gateway_http_api_v2.json")).unwrap();
    gateway["body"] = json!(json!({"user_id": ann}).to_string());
    let mut with_name = gateway.clone();
    with_name["user_id"] = json!(ann);
    let events = [
        gateway,
        with_name,
        json!({"source": "aws.events", "detail-type": "Scheduled Event", "detail": {"user_id": ann}}),
        json!({"Records": [{"eventSource": "aws:sqs", "body": json!({"user_id": ann}).to_string()}]}),
        json!({"queryStringParameters": {"user_id": ann}, "user_id": ann}),
    ];
    for event in events {
        let told = ask(&world, event).await;
        assert_eq!(told.problem(), (400, "invalid_request"));
        let line = world.line_of(&told);
        assert_eq!((line.get("user.id"), line.get("asked")), (None, None), "nothing of it is logged");
    }
    world.assert_untouched();
}

#[tokio::test]
async fn a101_a_role_gets_the_token_of_the_user_it_names_and_the_log_tells_whose() {
    let (world, bens) = World::with_ben().await;
    assert_eq!(world.send(&bens).await.status, 200);
    let bens_token = token_of_gmail(&world);
    let of_ann = ask_for_ann(&world).await;
    let of_ben = ask(&world, json!({"user_id": world.sub(BEN)})).await;
    assert_eq!(of_ben.text("access_token"), bens_token);
    assert_ne!(of_ann.text("access_token"), bens_token);
    assert_eq!(of_ben.answer["user"]["email"], BEN);
    let [ann, ben] = [&of_ann, &of_ben].map(|told| assert_logged(&world, told, "INFO", "token by user"));
    assert_ne!(ann["user.id"], ben["user.id"], "a role that asks for many users shows in the log");
    // Ben's token in Ann's item does not open: it is bound to Ben.
    let bens_item = world.credential(BEN);
    world.edit(ANN, |item| item["access_token"] = bens_item["access_token"].clone());
    let told = ask_for_ann(&world).await;
    assert_eq!(told.reason(), "seal_broken");
    assert_logged(&world, &told, "ERROR", "token by user");
}

#[tokio::test]
async fn a102_guessed_foreign_and_ended_sessions_are_refused_alike_and_change_nothing() {
    let (mut world, _) = World::with_ben().await;
    let session = world.session();
    let (_, half) = session.rsplit_once('.').unwrap();
    let guessed = [String::new(), "x".to_owned(), format!("v2.{}.{half}", world.sub(BEN)), "x".repeat(2000)];
    let altered = [format!("{session}x"), session[..session.len() - 1].to_owned(), format!(" {session}")];
    let of_first_form = [format!("v1.k1.AAAA.{half}")];
    let mut refusals = Vec::new();
    for token in guessed.iter().chain(&altered).chain(&of_first_form) {
        for introspect in [false, true] {
            world.forget_calls();
            let told = ask(&world, json!({"session_token": token, "introspect": introspect})).await;
            assert_eq!(told.reason(), "session_expired", "{token:?}");
            assert!(world.dynamodb_calls().iter().all(|call| call == "BatchGetItem"), "{token:?}");
            assert_eq!(world.google_calls(), []);
            assert_eq!(world.line_of(&told).get("user.id"), None, "who it names is not known");
            refusals.push(told.answer);
        }
    }
    world.cold_start();
    let out = world.browse(Call::sign_out(true)).await;
    assert_eq!(out.status, 204);
    refusals.push(ask(&world, json!({"session_token": session})).await.answer);
    world.sign_in(ANN).await;
    let idle = world.session();
    world.advance(12 * 3600);
    refusals.push(ask(&world, json!({"session_token": idle})).await.answer);
    for refusal in &mut refusals {
        refusal["instance"] = json!("");
    }
    assert!(refusals.iter().all(|refusal| *refusal == refusals[0]), "{refusals:?}");
}

#[tokio::test]
async fn a102_a_back_end_does_not_lengthen_a_session() {
    let world = World::signed_in().await;
    for _ in 0..2 {
        world.advance(5 * 3600 + 1800);
        world.forget_calls();
        ask(&world, json!({"session_token": world.session()})).await.text("access_token");
        assert_eq!(world.dynamodb_calls(), ["BatchGetItem", "UpdateItem", "UpdateItem"], "lease and store");
    }
    world.advance(3600);
    assert_eq!(ask(&world, json!({"session_token": world.session()})).await.reason(), "session_expired");
}

/// What is wrong with a payload, by the answer.
async fn refused(world: &World, payload: Value) -> String {
    let told = ask(world, payload.clone()).await;
    assert_eq!(told.problem(), (400, "invalid_request"), "{payload}");
    told.text("detail").to_owned()
}

#[tokio::test]
async fn b77_exactly_one_name_and_no_unknown_member() {
    let world = World::signed_in().await;
    let (ann, session) = (world.sub(ANN), world.session());
    world.forget_calls();
    for payload in [
        json!({}),
        json!({"user_id": null}),
        json!({"introspect": true}),
        json!({"user_id": ann, "session_token": session}),
        json!({"user_id": ann, "receipt": "x"}),
        json!({"receipt": "x", "session_token": session}),
        json!({"user_id": ann, "receipt": "x", "session_token": session}),
    ] {
        assert_eq!(refused(&world, payload).await, "Send exactly one of user_id, receipt and session_token.");
    }
    for payload in [
        json!({"user": ann}),
        json!({"user_id": ann, "scope": "x"}),
        json!({"user_id": [ann]}),
        json!({"user_id": {"$ne": ""}}),
        json!({"user_id": 7}),
        json!({"session_token": 7}),
        json!({"receipt": ["x"]}),
    ] {
        assert!(refused(&world, payload).await.starts_with("The payload must be one JSON object"));
    }
    for user in ["", "ann smith", "\u{7f}", "ä", &"1".repeat(256)] {
        let detail = refused(&world, json!({"user_id": user})).await;
        assert_eq!(detail, "user_id must be a Google user ID.");
    }
    for payload in [
        json!({"user_id": ann, "introspect": true}),
        json!({"session_token": session, "introspect": true, "scopes": []}),
        json!({"session_token": session, "introspect": true, "min_ttl_seconds": 60}),
        json!({"session_token": session, "introspect": true, "refused_token": "x"}),
    ] {
        let detail = refused(&world, payload).await;
        assert_eq!(detail, "introspect goes with receipt or session_token, and with nothing else.");
    }
    world.assert_untouched();
    let told = ask(&world, json!({"user_id": ann, "introspect": false})).await;
    told.text("access_token");
}

#[tokio::test]
async fn b78_life_and_scopes_out_of_range_are_refused() {
    let world = World::signed_in().await;
    let ann = world.sub(ANN);
    world.forget_calls();
    for life in [json!(1801), json!(3600), json!(u64::MAX)] {
        let detail = refused(&world, json!({"user_id": ann, "min_ttl_seconds": life})).await;
        assert_eq!(detail, "min_ttl_seconds must be from 0 to 1800.");
    }
    for life in [json!(-1), json!(1.5), json!("60"), json!([60]), json!(1e30)] {
        let detail = refused(&world, json!({"user_id": ann, "min_ttl_seconds": life})).await;
        assert!(detail.starts_with("The payload must be one JSON object"), "{life}");
    }
    let many = vec!["openid"; 33];
    for scopes in [
        json!([""]),
        json!(["openid email"]),
        json!(["openid", "a\"b"]),
        json!(["a\\b"]),
        json!(["ä"]),
        json!(["x".repeat(257)]),
        json!(many),
    ] {
        let detail = refused(&world, json!({"user_id": ann, "scopes": scopes})).await;
        assert_eq!(detail, "scopes must be a list of at most 32 OAuth scopes.");
    }
    for scopes in [json!("openid"), json!([7]), json!({"openid": true})] {
        let detail = refused(&world, json!({"user_id": ann, "scopes": scopes})).await;
        assert!(detail.starts_with("The payload must be one JSON object"), "{scopes}");
    }
    world.assert_untouched();
}
