//! The gateway's answers to preflights, and what doctor makes of them.

use axum::body::Body;
use axum::http::{HeaderMap, Response};

use crate::doctor::cors;
use crate::doctor::tests::PAGE;
use crate::doctor::tests::cloud::{deployed, serve};

/// Doctor's lines, for the page and for a stranger, when the gateway answers `status` and allows the origin that `allow`
/// makes of the caller's.
async fn lines(status: u16, allow: fn(&str) -> Option<&str>) -> Vec<String> {
    let url = serve(move |headers: &HeaderMap, _| {
        let answer = Response::builder()
            .status(status)
            .header("access-control-allow-credentials", "true")
            .header("access-control-allow-methods", "GET,POST,DELETE")
            .header("access-control-allow-headers", "authorization,content-type,x-requested-with");
        let answer = match allow(headers["origin"].to_str().unwrap()) {
            Some(origin) => answer.header("access-control-allow-origin", origin),
            None => answer,
        };
        answer.body(Body::empty()).unwrap()
    })
    .await;
    let found = cors::examine(&deployed(&url, &[]), &[PAGE.to_owned()]).await;
    found.iter().map(ToString::to_string).collect()
}

fn page_alone(origin: &str) -> Option<&str> {
    (origin == PAGE).then_some(origin)
}

const OPEN: &str = "wrong  the API lets pages of any origin read its answers: deploy the template again: its CORS names each front end";

#[tokio::test]
async fn the_page_is_let_in_and_the_stranger_refused() {
    for status in [200, 204] {
        assert_eq!(
            lines(status, page_alone).await,
            ["good   CORS for http://localhost:9100", "good   CORS for other origins: refused"]
        );
    }
}

#[tokio::test]
async fn an_api_that_is_open_to_every_origin_is_wrong() {
    for status in [200, 403] {
        assert_eq!(lines(status, |_| Some("*")).await, [OPEN, OPEN], "{status}");
    }
    assert_eq!(lines(204, |origin| Some(origin)).await, ["good   CORS for http://localhost:9100", OPEN]);
    // What a page without an origin of its own calls itself: a sandboxed frame of anybody's.
    assert_eq!(lines(204, |_| Some("null")).await[1], OPEN);
}

#[tokio::test]
async fn an_answer_that_is_none_to_the_preflight_proves_nothing() {
    for status in [403, 404, 429, 500, 503] {
        let again = format!("the API answered {status}; ask again");
        assert_eq!(
            lines(status, |_| None).await,
            [
                format!("?      CORS for http://localhost:9100: {again}"),
                format!("?      CORS for other origins: {again}")
            ]
        );
    }
}

#[tokio::test]
async fn a_page_that_is_not_named_is_wrong() {
    assert_eq!(
        lines(204, |_| None).await,
        [
            "wrong  the API does not let pages of http://localhost:9100 send GET /messages: deploy the template again with \
             this origin in AllowedOrigins",
            "good   CORS for other origins: refused",
        ]
    );
}
