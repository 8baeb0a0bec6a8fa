//! Checks the raw event before `lambda_http` converts it. The conversion panics on raw quotes,
//! spaces and control bytes in the query, odd `Host` and `X-Forwarded-Proto` values, long URIs and
//! broken base64 (A70).

use std::sync::Arc;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use lambda_http::aws_lambda_events::apigw::ApiGatewayV2httpRequest;
use lambda_http::http::Method;
use lambda_http::http::header::{COOKIE, HOST};
use lambda_http::request::LambdaRequest;
use postern_rules::error::Error;

use super::Invocation;
use super::cookie::{Cookies, Outgoing};
use super::query::Query;
use super::request::{BODY_LIMIT, Request};

/// In bytes; API Gateway's limits keep real events far below.
const EVENT_LIMIT: usize = 11 * 1024 * 1024;
const PATH_LIMIT: usize = 2048;
/// A longer query counts as too many parameters.
const QUERY_LIMIT: usize = 4096;
/// A query longer than this is rejected without counting its parameters.
const URI_LIMIT: usize = 16 * 1024;

/// Converts an API Gateway HTTP API event (payload format 2.0) into a request.
pub(super) fn admit(event: &str, invocation: Invocation, outgoing: &Arc<Outgoing>) -> Result<Request, Error> {
    const NOT_AN_EVENT: Error =
        Error::InvalidRequest("The event is not an API Gateway HTTP API request of payload format 2.0.");
    if event.len() > EVENT_LIMIT {
        return Err(Error::PayloadTooLarge);
    }
    let mut event: ApiGatewayV2httpRequest = serde_json::from_str(event).map_err(|_| NOT_AN_EVENT)?;
    let path = event.raw_path.clone().ok_or(NOT_AN_EVENT)?;
    if event.version.as_deref() != Some("2.0") || !path.starts_with('/') {
        return Err(NOT_AN_EVENT);
    }
    let raw_query = event.raw_query_string.take().unwrap_or_default();
    if path.len() > PATH_LIMIT || raw_query.len() > URI_LIMIT {
        return Err(Error::UriTooLong);
    }
    if raw_query.len() > QUERY_LIMIT {
        return Err(Error::TooManyParameters);
    }
    let query = Query::parse(&raw_query)?;
    let cookies = cookies(&mut event)?;
    // API Gateway's ID also appears in its access log and in the caller's response.
    let id = event.request_context.request_id.take().filter(|id| is_plain(id));
    check_body(&mut event)?;
    // The conversion builds a URI from these. This API's address comes from the configuration (A24,
    // B55, B56).
    event.raw_path = Some("/".to_owned());
    for name in [HOST.as_str(), "x-forwarded-proto", COOKIE.as_str()] {
        event.headers.remove(name);
    }
    Ok(Request {
        domain_name: event.request_context.domain_name.take(),
        stage: event.request_context.stage.take(),
        http: LambdaRequest::ApiGatewayV2(event).into(),
        path,
        query,
        cookies,
        id: id.unwrap_or(invocation.request_id),
        deadline: invocation.deadline,
        outgoing: Arc::clone(outgoing),
    })
}

/// Drops the body of a GET or HEAD, and checks size and base64 of any other.
fn check_body(event: &mut ApiGatewayV2httpRequest) -> Result<(), Error> {
    if matches!(event.request_context.http.method, Method::GET | Method::HEAD) {
        event.body = None;
    }
    let Some(body) = &event.body else { return Ok(()) };
    let limit = if event.is_base64_encoded { BODY_LIMIT.div_ceil(3) * 4 } else { BODY_LIMIT };
    if body.len() > limit {
        return Err(Error::PayloadTooLarge);
    }
    if event.is_base64_encoded && STANDARD.decode(body).is_err() {
        return Err(Error::InvalidRequest("The body is not valid base64."));
    }
    Ok(())
}

/// The cookies from the event's list, else from the header; never both (B28).
fn cookies(event: &mut ApiGatewayV2httpRequest) -> Result<Cookies, Error> {
    if let Some(list) = event.cookies.take() {
        return Cookies::parse(list.iter().map(String::as_str));
    }
    let header = event.headers.get(COOKIE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    Cookies::parse(header.split(';'))
}

fn is_plain(id: &str) -> bool {
    (1..=64).contains(&id.len())
        && id.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_=".contains(&byte))
}
