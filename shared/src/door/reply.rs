//! Replies: how to build them, their common headers, and their conversion to an event.

use std::sync::Arc;

use lambda_http::Body;
use lambda_http::aws_lambda_events::apigw::ApiGatewayV2httpResponse;
use lambda_http::http::header::{CONTENT_TYPE, HeaderName, HeaderValue, LOCATION, SET_COOKIE};
use lambda_http::http::{Response, StatusCode};
use postern_rules::error::Error;
use serde::Serialize;

use super::cookie::Outgoing;

/// `lambda_http`'s response type with a text body.
pub type Reply = Response<String>;

/// On every reply: no storing, sniffing, framing or leaking to other sites (OWASP Secure Headers).
const COMMON_HEADERS: [(&str, &str); 8] = [
    ("cache-control", "no-store"),
    (
        "content-security-policy",
        "default-src 'none'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'",
    ),
    ("cross-origin-resource-policy", "same-origin"),
    ("referrer-policy", "no-referrer"),
    ("strict-transport-security", "max-age=63072000; includeSubDomains"),
    ("vary", "Origin"),
    ("x-content-type-options", "nosniff"),
    ("x-frame-options", "DENY"),
];

/// A JSON reply.
pub fn json(status: StatusCode, body: &impl Serialize) -> Result<Reply, Error> {
    json_text(status, serde_json::to_string(body).map_err(|_| Error::Internal)?)
}

/// A JSON reply whose text exists already.
pub fn json_text(status: StatusCode, text: String) -> Result<Reply, Error> {
    reply(status, (CONTENT_TYPE, "application/json"), text)
}

/// A reply without a body.
pub fn nothing() -> Reply {
    let mut reply = Response::new(String::new());
    *reply.status_mut() = StatusCode::NO_CONTENT;
    reply
}

/// A reply that says only that the request was accepted (RFC 8935 section 2.2).
pub fn accepted() -> Reply {
    let mut reply = Response::new(String::new());
    *reply.status_mut() = StatusCode::ACCEPTED;
    reply
}

/// A redirect to `location`.
pub fn redirect(status: StatusCode, location: &str) -> Result<Reply, Error> {
    reply(status, (LOCATION, location), String::new())
}

fn reply(status: StatusCode, (name, value): (HeaderName, &str), body: String) -> Result<Reply, Error> {
    Response::builder().status(status).header(name, value).body(body).map_err(|_| Error::Internal)
}

/// Redirects the browser to `location`, which tells the front end about `error`. The error travels
/// with the reply to the place that logs.
pub fn redirect_with_error(status: StatusCode, location: &str, error: Error) -> Result<Reply, Error> {
    let mut reply = redirect(status, location)?;
    reply.extensions_mut().insert(Arc::new(error));
    Ok(reply)
}

/// Sets the common headers and the response's cookies.
pub(super) fn finish(reply: &mut Reply, outgoing: &Outgoing) {
    // Cannot fail: we build them from visible ASCII.
    for value in outgoing.headers().iter().filter_map(|cookie| HeaderValue::from_str(cookie).ok()) {
        reply.headers_mut().append(SET_COOKIE, value);
    }
    for (name, value) in COMMON_HEADERS {
        reply.headers_mut().insert(HeaderName::from_static(name), HeaderValue::from_static(value));
    }
}

/// Converts the reply for API Gateway. Cookies go into their own list: of a repeated header it
/// keeps only the first.
pub(super) fn into_event(reply: Reply) -> ApiGatewayV2httpResponse {
    let (mut parts, body) = reply.into_parts();
    let mut event = ApiGatewayV2httpResponse::default();
    let cookies = parts.headers.get_all(SET_COOKIE).iter().filter_map(|value| value.to_str().ok());
    event.cookies = cookies.map(str::to_owned).collect();
    parts.headers.remove(SET_COOKIE);
    event.status_code = i64::from(parts.status.as_u16());
    event.headers = parts.headers;
    event.body = (!body.is_empty()).then_some(Body::Text(body));
    event
}
