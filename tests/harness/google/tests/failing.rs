//! Failures as the caller meets them, down to the connection.

use super::*;

#[tokio::test]
async fn answers_that_are_set_are_sent_and_change_nothing() {
    let (google, _) = google().await;
    let code = code(&google, ANN, &[]).await;
    for (failure, status, error) in [
        (Failure::Status(500), 500, "internal_failure"),
        (Failure::Status(503), 503, "temporarily_unavailable"),
        (Failure::InvalidGrant, 400, "invalid_grant"),
        (Failure::InvalidClient, 401, "invalid_client"),
        (Failure::AdminPolicyEnforced, 400, "admin_policy_enforced"),
        (Failure::ErrorWithinSuccess, 200, "internal_failure"),
    ] {
        google.fail(Endpoint::Token, failure, Times::Next(1));
        let reply = exchange(&google, &code).await.expect("an answer");
        assert_eq!((reply.status, text(&reply.json(), "error")), (status, error));
    }
    google.fail(Endpoint::Token, Failure::Redirect("https://example.com/".into()), Times::Next(1));
    let moved = exchange(&google, &code).await.expect("an answer");
    assert_eq!((moved.status, moved.header("location")), (307, Some("https://example.com/")));
    google.fail(Endpoint::Token, Failure::NotJson, Times::Next(1));
    let page = exchange(&google, &code).await.expect("an answer");
    assert!(page.status == 200 && serde_json::from_str::<Value>(&page.body).is_err());
    assert_eq!(exchange(&google, &code).await.expect("an answer").status, 200);
}

#[tokio::test]
async fn quota_errors_come_with_and_without_retry_after() {
    let (google, _) = google().await;
    let list = "/gmail/v1/users/me/messages";
    google.fail(Endpoint::MessagesList, Failure::Quota { status: 429, retry_after: Some(9) }, Times::Next(1));
    let reply = get(&google, list, "any").await;
    assert_eq!((reply.status, reply.header("retry-after")), (429, Some("9")));
    google.fail(Endpoint::MessagesList, Failure::Quota { status: 403, retry_after: None }, Times::Next(1));
    let reply = get(&google, list, "any").await;
    assert_eq!((reply.status, reply.header("retry-after")), (403, None));
    assert_eq!(reply.json()["error"]["errors"][0]["reason"], "rateLimitExceeded");
    google.fail(Endpoint::MessagesList, Failure::QuotaInMessage { retry_after: 60 }, Times::Next(1));
    let message = get(&google, list, "any").await.json()["error"]["message"].clone();
    assert_eq!(message, "User-rate limit exceeded.  Retry after 2027-01-15T08:01:00.000Z");
}

#[tokio::test]
async fn a_connection_is_reset_before_and_after_reading_and_nothing_is_spent() {
    let (google, _) = google().await;
    let code = code(&google, ANN, &[]).await;
    for failure in [Failure::ResetBeforeReading, Failure::ResetAfterReading] {
        google.forget_calls();
        google.fail(Endpoint::Token, failure.clone(), Times::Next(1));
        let error = exchange(&google, &code).await.expect_err("a reset");
        assert_eq!(error.kind(), io::ErrorKind::ConnectionReset, "{failure:?}");
        let calls = google.calls_to(Endpoint::Token);
        assert_eq!((calls.len(), calls[0].status), (1, None));
        assert_eq!(calls[0].body.is_empty(), failure == Failure::ResetBeforeReading);
    }
    assert_eq!(exchange(&google, &code).await.expect("an answer").status, 200);
}

#[tokio::test]
async fn a_lost_answer_and_a_cut_body_have_taken_effect() {
    let (google, _) = google().await;
    for failure in [Failure::LoseAnswer, Failure::CutBody] {
        let code = code(&google, ANN, &[]).await;
        google.fail(Endpoint::Token, failure.clone(), Times::Next(1));
        assert!(exchange(&google, &code).await.is_err(), "{failure:?}");
        assert_eq!(exchange(&google, &code).await.expect("an answer").json()["error"], "invalid_grant");
    }
}

#[tokio::test]
async fn a_truncated_body_a_slow_answer_and_a_drip_are_whole_at_the_wire() {
    let (google, _) = google().await;
    google.fail(Endpoint::Certificates, Failure::TruncatedJson, Times::Next(1));
    let half = get(&google, "/oauth2/v3/certs", "").await;
    assert!(half.status == 200 && serde_json::from_str::<Value>(&half.body).is_err());
    google.fail(Endpoint::Certificates, Failure::Slow(Duration::from_millis(50)), Times::Next(1));
    let started = tokio::time::Instant::now();
    assert!(get(&google, "/oauth2/v3/certs", "").await.json()["keys"].is_array());
    assert!(started.elapsed() >= Duration::from_millis(50));
    google.fail(Endpoint::Revoke, Failure::Drip(Duration::from_millis(1)), Times::Next(1));
    let dripped = post(&google, "/revoke", &[("token", "nothing")]).await.expect("an answer");
    assert_eq!((dripped.status, dripped.header("transfer-encoding")), (400, Some("chunked")));
    assert!(dripped.body.contains("1\r\n{\r\n"));
}

#[tokio::test]
async fn failures_of_the_page_are_shown_as_pages() {
    let (google, _) = google().await;
    let url = authorization_url(&google, &[]);
    google.fail(Endpoint::Authorize, Failure::AdminPolicyEnforced, Times::Next(1));
    let consent = google.consent(&url, Decision::allow(ANN)).await;
    assert_eq!(consent, Consent::ErrorPage("admin_policy_enforced".into()));
    assert!(google.consent(&url, Decision::allow(ANN)).await.code().is_some());
}

#[tokio::test]
async fn a_stopped_google_answers_no_more() {
    let (google, _) = google().await;
    assert_eq!(get(&google, "/.well-known/openid-configuration", "").await.status, 200);
    google.stop().await;
    assert!(send(&google, "GET", "/oauth2/v3/certs", "", "").await.is_err());
}
