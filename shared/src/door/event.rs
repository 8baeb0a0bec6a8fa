//! The raw event, checked before `lambda_http` converts it: its conversion panics on raw quotes, spaces and control
//! bytes in the query, on odd `Host` and `X-Forwarded-Proto` values, on long URIs and on broken base64 (A70).

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use lambda_http::aws_lambda_events::apigw::ApiGatewayV2httpRequest;
use lambda_http::http::Method;
use lambda_http::http::header::{COOKIE, HOST};
use lambda_http::request::LambdaRequest;
use postern_rules::error::Error;

use super::Invocation;
use super::cookie::Cookies;
use super::query::Query;
use super::request::{ApiAddress, BODY_LIMIT, Request};

/// The most bytes of an event that are looked at; API Gateway's own limits keep real ones far below.
const EVENT_LIMIT: usize = 11 * 1024 * 1024;
/// The most bytes of a path.
const PATH_LIMIT: usize = 2048;
/// The most bytes of a query; more is too many parameters.
const QUERY_LIMIT: usize = 4096;
/// Beyond this a query is not even counted.
const URI_LIMIT: usize = 16 * 1024;

/// Takes an event of API Gateway's HTTP API, payload format 2.0, and makes a request of it.
pub(super) fn admit(event: &str, invocation: Invocation) -> Result<Request, Error> {
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
    let api_address = ApiAddress {
        domain_name: event.request_context.domain_name.take(),
        stage: event.request_context.stage.take(),
    };
    // API Gateway's id is the one that its access log and the caller see.
    let id = event.request_context.request_id.take().filter(|id| is_plain(id));
    let invocation = Invocation { request_id: id.unwrap_or(invocation.request_id), ..invocation };
    convert(event, query, cookies, path, api_address, invocation)
}

fn convert(
    mut event: ApiGatewayV2httpRequest,
    query: Query,
    cookies: Cookies,
    path: String,
    api_address: ApiAddress,
    invocation: Invocation,
) -> Result<Request, Error> {
    let has_body = !matches!(event.request_context.http.method, Method::GET | Method::HEAD);
    event.body = if has_body { event.body.take() } else { None };
    if let Some(body) = &event.body {
        let limit = if event.is_base64_encoded { BODY_LIMIT.div_ceil(3) * 4 } else { BODY_LIMIT };
        if body.len() > limit {
            return Err(Error::PayloadTooLarge);
        }
        if event.is_base64_encoded && STANDARD.decode(body).is_err() {
            return Err(Error::InvalidRequest("The body is not valid base64."));
        }
    }
    // What the conversion would build a URI of; this API's own address comes from the configuration (A24, B55, B56).
    event.raw_path = Some("/".to_owned());
    for name in [HOST.as_str(), "x-forwarded-proto", COOKIE.as_str()] {
        event.headers.remove(name);
    }
    let http = LambdaRequest::ApiGatewayV2(event).into();
    Ok(Request::new(http, path, query, cookies, api_address, invocation))
}

/// The cookies: the event's list, else the header; never both (B28).
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
