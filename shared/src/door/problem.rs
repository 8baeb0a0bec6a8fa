//! Renders errors as RFC 9457 problem documents, as a static page, or in the form of RFC 6749. Shows
//! only [`Error::facts`], nothing that a caller or Google sent.

use lambda_http::http::header::{
    ALLOW, CONTENT_TYPE, HeaderName, HeaderValue, RETRY_AFTER, WWW_AUTHENTICATE,
};
use lambda_http::http::{Response, StatusCode};
use postern_rules::error::{Error, Reason};
use serde::Serialize;
use serde_json::value::{RawValue, to_raw_value};

use super::Entry;
use super::authorization::Begun;
use super::reply::Reply;

#[derive(Serialize)]
struct Document<'a> {
    r#type: String,
    title: &'a str,
    status: u16,
    detail: &'a str,
    instance: &'a str,
    code: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    variable: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    missing_scopes: Option<Vec<&'a str>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    authorization_url: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    start_url: Option<&'a str>,
    /// Over HTTP this is a header.
    #[serde(skip_serializing_if = "Option::is_none")]
    retry_after: Option<u64>,
}

/// The error document of the token endpoint (RFC 6749 section 5.2), with our code beside it.
#[derive(Serialize)]
struct TokenError<'a> {
    error: &'a str,
    error_description: &'a str,
    code: &'a str,
}

/// The error document of the delivery of a security event (RFC 8935 section 2.3).
#[derive(Serialize)]
struct DeliveryError<'a> {
    err: &'a str,
    description: &'a str,
}

/// The form of an error.
#[derive(Clone, Copy)]
pub(super) enum Form {
    /// An RFC 9457 problem document.
    Problem,
    /// A page for a person.
    Page,
    /// What OAuth clients expect of a token endpoint.
    Token,
    /// What Google expects as the answer to an event that is not acceptable. Otherwise as
    /// `Problem`.
    Delivery,
}

impl Form {
    /// The form for a route's callers, and for one who prefers HTML.
    pub(super) const fn of(entry: Entry, prefers_html: bool) -> Self {
        match entry {
            Entry::Token => Self::Token,
            Entry::Delivery => Self::Delivery,
            Entry::Start | Entry::Callback if prefers_html => Self::Page,
            Entry::Anyone | Entry::Api | Entry::Start | Entry::Callback => Self::Problem,
        }
    }
}

/// Where a caller can continue after an error.
#[derive(Default)]
pub(super) struct Links {
    /// The flow of the authorization URL.
    pub(super) begun: Option<Begun>,
    /// The URL of this API's `/auth/start`.
    pub(super) start_url: Option<String>,
}

pub(super) fn status(error: &Error) -> StatusCode {
    StatusCode::from_u16(error.facts().status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR)
}

/// What every status is called.
fn title(status: StatusCode) -> &'static str {
    status.canonical_reason().unwrap_or("Error")
}

/// The problem document for the caller of a function without a route, who gets no headers.
pub(super) fn payload(error: &Error, request_id: &str, start_url: Option<&str>) -> Box<RawValue> {
    let document =
        Document { start_url, retry_after: error.retry_after(), ..Document::of(error, request_id) };
    // Cannot fail: the members are texts and numbers.
    to_raw_value(&document).unwrap_or_default()
}

pub(super) fn render(error: &Error, request_id: &str, links: &Links, form: Form) -> Reply {
    let status = status(error);
    let mut reply = match form {
        Form::Page => page(title(status), error, links),
        Form::Token => token_error(error),
        Form::Delivery if status == StatusCode::BAD_REQUEST => delivery_error(error),
        Form::Problem | Form::Delivery => document(error, request_id, links),
    };
    *reply.status_mut() = status;
    let headers = reply.headers_mut();
    let header = match error.condition() {
        Error::Unauthorized { reason: Reason::SessionExpired, .. } => {
            Some((WWW_AUTHENTICATE, "Bearer realm=\"gmail\", error=\"invalid_token\""))
        }
        Error::Unauthorized { .. } => Some((WWW_AUTHENTICATE, "Bearer realm=\"gmail\"")),
        Error::InsufficientScope { .. } => {
            Some((WWW_AUTHENTICATE, "Bearer realm=\"gmail\", error=\"insufficient_scope\""))
        }
        Error::MethodNotAllowed(methods) => Some((ALLOW, *methods)),
        _ => None,
    };
    if let Some((name, value)) = header {
        headers.insert(name, HeaderValue::from_static(value));
    }
    if let Some(seconds) = error.retry_after() {
        headers.insert(RETRY_AFTER, HeaderValue::from(seconds));
    }
    reply
}

impl<'a> Document<'a> {
    /// What it says without links.
    fn of(error: &'a Error, request_id: &'a str) -> Self {
        let facts = error.facts();
        let (reason, missing_scopes) = match error.condition() {
            Error::Unauthorized { reason, .. } => (Some(reason.as_str()), None),
            Error::InsufficientScope { missing, .. } | Error::ConsentIncomplete { missing, .. } => {
                (None, Some(missing.iter().collect()))
            }
            _ => (None, None),
        };
        Self {
            r#type: format!("urn:postern:problem:{}", facts.code),
            title: title(status(error)),
            status: facts.status,
            detail: facts.detail,
            instance: request_id,
            code: facts.code,
            reason,
            variable: error.variable(),
            missing_scopes,
            authorization_url: None,
            start_url: None,
            retry_after: None,
        }
    }
}

fn document(error: &Error, request_id: &str, links: &Links) -> Reply {
    let document = Document {
        authorization_url: links.begun.as_ref().map(|begun| begun.authorization_url.as_str()),
        start_url: links.start_url.as_deref(),
        ..Document::of(error, request_id)
    };
    of_json("application/problem+json", &document)
}

fn token_error(error: &Error) -> Reply {
    let facts = error.facts();
    let document =
        TokenError { error: error.token_error(), error_description: facts.detail, code: facts.code };
    of_json("application/json", &document)
}

fn delivery_error(error: &Error) -> Reply {
    of_json(
        "application/json",
        &DeliveryError { err: error.delivery_error(), description: error.facts().detail },
    )
}

fn of_json(media_type: &'static str, document: &impl Serialize) -> Reply {
    let mut reply = Response::new(serde_json::to_string(document).unwrap_or_default());
    reply.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(media_type));
    reply
}

/// A page of constant text that loads nothing. Its only link is ours or Google's.
fn page(title: &str, error: &Error, links: &Links) -> Reply {
    let facts = error.facts();
    let name = error.variable().map_or_else(String::new, |variable| format!(": {variable}"));
    let way = links.begun.as_ref().map(|begun| &begun.authorization_url).or(links.start_url.as_ref());
    let link =
        way.map_or_else(String::new, |url| format!("<p><a href=\"{}\">Start again</a></p>\n", escaped(url)));
    let mut reply = Response::new(format!(
        "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
         <meta name=\"viewport\" content=\"width=device-width\">\n<title>{title}</title>\n</head>\n<body>\n\
         <h1>{title}</h1>\n<p>{}</p>\n{link}<p><small>{}{name}</small></p>\n</body>\n</html>\n",
        escaped(facts.detail),
        facts.code,
    ));
    for (name, value) in [
        ("content-type", "text/html; charset=utf-8"),
        ("cross-origin-opener-policy", "same-origin"),
        ("permissions-policy", "camera=(), geolocation=(), microphone=(), payment=(), usb=()"),
    ] {
        reply.headers_mut().insert(HeaderName::from_static(name), HeaderValue::from_static(value));
    }
    reply
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}
