//! API Gateway's part in the local stack: passes requests on to the functions, and answers CORS as
//! template.yaml says. `cargo lambda watch` by itself lets every page read every answer.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http_body_util::{BodyExt, Full, Limited};
use hyper::header::{
    ACCESS_CONTROL_ALLOW_CREDENTIALS, ACCESS_CONTROL_ALLOW_HEADERS, ACCESS_CONTROL_ALLOW_METHODS,
    ACCESS_CONTROL_ALLOW_ORIGIN, ACCESS_CONTROL_EXPOSE_HEADERS, ACCESS_CONTROL_MAX_AGE, CONNECTION,
    CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue, ORIGIN, TRANSFER_ENCODING, VARY,
};
use hyper::{Method, Request, Response, StatusCode};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use postern_template::Cors;
use tokio::net::TcpListener;

use crate::server::{Reply, Server, whole};

/// A function may have to be compiled before it answers.
const LONGEST_WAIT: Duration = Duration::from_mins(5);
/// More than Lambda lets a function answer.
const LARGEST_ANSWER: usize = 8 * 1024 * 1024;

/// The running front. Dropping it ends it.
#[derive(Debug)]
pub struct Front(Server);

struct Gateway {
    functions: SocketAddr,
    origins: Vec<String>,
    cors: Cors,
    client: Client<HttpConnector, Full<Bytes>>,
}

impl Front {
    /// Serves on `listener` what listens at `functions`. Pages of `origins` may read the answers.
    ///
    /// # Panics
    /// When the listener is not bound to loopback, or the template cannot be read.
    pub fn start(listener: TcpListener, functions: SocketAddr, origins: Vec<String>) -> Self {
        let address = listener.local_addr().expect("a bound listener has an address");
        assert!(address.ip().is_loopback(), "the local stack serves loopback only, not {address}");
        let client = Client::builder(TokioExecutor::new()).build_http();
        let gateway = Arc::new(Gateway { functions, origins, cors: postern_template::cors(), client });
        Self(Server::start(listener, move |request| {
            let gateway = Arc::clone(&gateway);
            async move { Ok(gateway.answer(request).await) }
        }))
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.0.address
    }
}

impl Gateway {
    async fn answer(&self, request: Request<Bytes>) -> Reply {
        let origin = request.headers().get(ORIGIN).cloned();
        let origin = origin.filter(|origin| self.origins.iter().any(|listed| origin == listed.as_str()));
        // API Gateway answers OPTIONS itself, because the template has a CORS configuration and no
        // route for it.
        let is_preflight = request.method() == Method::OPTIONS;
        let mut reply = if is_preflight {
            answer(StatusCode::NO_CONTENT, "")
        } else {
            let passed = tokio::time::timeout(LONGEST_WAIT, self.pass(request)).await;
            let unavailable =
                || answer(StatusCode::SERVICE_UNAVAILABLE, r#"{"message":"Service Unavailable"}"#);
            passed.ok().flatten().unwrap_or_else(unavailable)
        };
        if let Some(origin) = origin {
            self.allow(origin, is_preflight, reply.headers_mut());
        }
        reply
    }

    /// The functions' own answer, without CORS; nothing if there is none.
    async fn pass(&self, mut request: Request<Bytes>) -> Option<Reply> {
        let target = request.uri().path_and_query().map_or("/", |target| target.as_str());
        *request.uri_mut() = format!("http://{}{target}", self.functions).parse().ok()?;
        drop_connection_headers(request.headers_mut());
        let (mut head, body) = self.client.request(request.map(Full::new)).await.ok()?.into_parts();
        let body = Limited::new(body, LARGEST_ANSWER).collect().await.ok()?.to_bytes();
        drop_connection_headers(&mut head.headers);
        drop_cors_headers(&mut head.headers);
        Some(Response::from_parts(head, whole(body)))
    }

    /// What API Gateway adds for a listed origin.
    fn allow(&self, origin: HeaderValue, is_preflight: bool, headers: &mut HeaderMap) {
        let Cors { allows_credentials, methods, headers: allowed, exposed, max_age } = &self.cors;
        let mut add = |name: HeaderName, value: &str| {
            headers.insert(name, HeaderValue::from_str(value).expect("the template has plain text"));
        };
        if *allows_credentials {
            add(ACCESS_CONTROL_ALLOW_CREDENTIALS, "true");
        }
        if is_preflight {
            add(ACCESS_CONTROL_ALLOW_METHODS, methods);
            add(ACCESS_CONTROL_ALLOW_HEADERS, allowed);
            add(ACCESS_CONTROL_MAX_AGE, &max_age.to_string());
        } else {
            add(ACCESS_CONTROL_EXPOSE_HEADERS, exposed);
        }
        headers.insert(ACCESS_CONTROL_ALLOW_ORIGIN, origin);
    }
}

fn answer(status: StatusCode, body: &'static str) -> Reply {
    let mut reply = Response::new(whole(body));
    *reply.status_mut() = status;
    if !body.is_empty() {
        reply.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    }
    reply
}

/// Headers about one connection (RFC 9110 section 7.6.1); hyper writes its own.
fn drop_connection_headers(headers: &mut HeaderMap) {
    headers.remove(CONNECTION);
    headers.remove(TRANSFER_ENCODING);
}

fn drop_cors_headers(headers: &mut HeaderMap) {
    let names = headers.keys().filter(|name| name.as_str().starts_with("access-control-"));
    for name in names.cloned().collect::<Vec<_>>() {
        headers.remove(name);
    }
    // `cargo lambda watch` adds a Vary of its own to the functions'.
    let is_a_functions =
        |value: &HeaderValue| !value.as_bytes().windows(15).any(|part| part == b"access-control-");
    let vary: Vec<HeaderValue> =
        headers.get_all(VARY).iter().filter(|value| is_a_functions(value)).cloned().collect();
    headers.remove(VARY);
    headers.extend(vary.into_iter().map(|value| (VARY, value)));
}

#[cfg(test)]
mod tests {
    use hyper::HeaderMap;
    use tokio::net::TcpListener;

    use super::*;

    const LISTED: &str = "http://localhost:5173";

    /// A front, and behind it what `cargo lambda watch` does: every origin is allowed everything.
    async fn front() -> (Front, Server) {
        let listener = async || TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
        let functions = Server::start(listener().await, async |request: Request<Bytes>| {
            let said = format!("{} {} {:?}", request.method(), request.uri(), request.body());
            let builder = Response::builder().header("access-control-allow-origin", "https://other.example");
            let builder = builder.header("access-control-allow-credentials", "true").header("vary", "Origin");
            let builder = builder.header("vary", "origin, access-control-request-method");
            Ok(builder.header("set-cookie", "a=1").header("set-cookie", "b=2").body(whole(said)).unwrap())
        });
        (Front::start(listener().await, functions.address, vec![LISTED.to_owned()]), functions)
    }

    async fn ask(front: &Front, method: &str, origin: &str, body: &'static str) -> (u16, HeaderMap, String) {
        let client = Client::builder(TokioExecutor::new()).build_http::<Full<Bytes>>();
        let request =
            Request::builder().method(method).uri(format!("http://{}/messages?q=a%20b", front.address()));
        let request = request.header("origin", origin).header("access-control-request-method", "GET");
        let answer = client.request(request.body(Full::from(body)).unwrap()).await.unwrap();
        let (head, body) = answer.into_parts();
        let body = body.collect().await.unwrap().to_bytes();
        (head.status.as_u16(), head.headers, String::from_utf8(body.to_vec()).unwrap())
    }

    fn cors(headers: &HeaderMap) -> Vec<String> {
        let lines = headers.iter().filter(|(name, _)| name.as_str().starts_with("access-control-"));
        let mut lines: Vec<String> =
            lines.map(|(name, value)| format!("{name}: {}", value.to_str().unwrap())).collect();
        lines.sort();
        lines
    }

    #[tokio::test]
    async fn a_page_of_a_listed_origin_may_read_the_answer() {
        let (front, _functions) = front().await;
        let (status, headers, body) = ask(&front, "POST", LISTED, "form").await;
        assert_eq!((status, body.as_str()), (200, "POST /messages?q=a%20b b\"form\""));
        assert_eq!(
            cors(&headers),
            [
                "access-control-allow-credentials: true",
                "access-control-allow-origin: http://localhost:5173",
                "access-control-expose-headers: Retry-After",
            ]
        );
        assert_eq!(headers.get_all("set-cookie").iter().count(), 2);
        assert_eq!(headers.get_all("vary").iter().collect::<Vec<_>>(), ["Origin"]);
    }

    #[tokio::test]
    async fn a_page_of_another_origin_may_not_read_what_the_functions_answer() {
        let (front, _functions) = front().await;
        for origin in ["https://other.example", "null", "http://localhost:5173/", "http://localhost:51730"] {
            let (status, headers, _) = ask(&front, "GET", origin, "").await;
            assert_eq!((status, cors(&headers)), (200, vec![]), "{origin}");
            let (status, headers, _) = ask(&front, "OPTIONS", origin, "").await;
            assert_eq!((status, cors(&headers)), (204, vec![]), "{origin}");
        }
    }

    #[tokio::test]
    async fn preflights_are_answered_from_the_template_and_not_passed_on() {
        let (front, functions) = front().await;
        drop(functions);
        let (status, headers, body) = ask(&front, "OPTIONS", LISTED, "").await;
        assert_eq!((status, body.as_str()), (204, ""));
        assert_eq!(
            cors(&headers),
            [
                "access-control-allow-credentials: true",
                "access-control-allow-headers: Content-Type,Authorization,X-Requested-With",
                "access-control-allow-methods: GET,POST,DELETE",
                "access-control-allow-origin: http://localhost:5173",
                "access-control-max-age: 600",
            ]
        );
    }

    #[tokio::test]
    async fn without_functions_the_answer_is_api_gateways() {
        let (front, functions) = front().await;
        drop(functions);
        let (status, _, body) = ask(&front, "GET", LISTED, "").await;
        assert_eq!((status, body.as_str()), (503, r#"{"message":"Service Unavailable"}"#));
    }

    #[tokio::test]
    async fn a_body_larger_than_api_gateway_takes_is_refused() {
        let (front, _functions) = front().await;
        let large: &'static str = Box::leak("x".repeat(10 * 1024 * 1024 + 1).into_boxed_str());
        assert_eq!(ask(&front, "POST", LISTED, large).await.0, 413);
    }
}
