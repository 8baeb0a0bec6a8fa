//! The functions behind a port, as API Gateway serves them: it answers preflights itself and hands on everything else.

use std::collections::BTreeMap;
use std::time::Duration;

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::extract::{Request, State};
use axum::http::{HeaderName, HeaderValue, Method, Response, StatusCode};
use harness::world::{Answer, Call, invoke};
use postern::app::App;
use postern::clock::Clock;
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio::sync::mpsc::{UnboundedSender, unbounded_channel};
use tokio::sync::oneshot;

/// A running API; it ends with the test's runtime.
pub(super) struct Api {
    pub(super) url: String,
    functions: Functions,
}

/// The functions in a thread of their own: their futures are not `Send` in a way that the compiler can see.
#[derive(Clone)]
struct Functions {
    calls: UnboundedSender<(Call, oneshot::Sender<Answer>)>,
    page: &'static str,
}

impl Functions {
    fn start(variables: &BTreeMap<String, String>, page: &'static str) -> Self {
        let app = App::new(|name| variables.get(name).cloned(), Clock::System, None);
        let (calls, mut received) = unbounded_channel::<(Call, oneshot::Sender<Answer>)>();
        #[expect(clippy::disallowed_methods, reason = "it runs beside the command")]
        std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
            runtime.block_on(async {
                while let Some((call, reply)) = received.recv().await {
                    let event = call.event().to_string();
                    let _ = reply.send(invoke(app.as_ref(), &event, Duration::from_secs(8)).await);
                }
            });
        });
        Self { calls, page }
    }

    async fn call(&self, call: Call) -> Answer {
        let (reply, answer) = oneshot::channel();
        self.calls.send((call, reply)).unwrap();
        answer.await.unwrap()
    }
}

impl Api {
    pub(super) fn serve(
        listener: TcpListener,
        url: String,
        variables: &BTreeMap<String, String>,
        page: &'static str,
    ) -> Self {
        let functions = Functions::start(variables, page);
        let router = Router::new().fallback(answer).with_state(functions.clone());
        #[expect(clippy::disallowed_methods, reason = "it runs beside the command")]
        tokio::spawn(async move { axum::serve(listener, router).await });
        Self { url, functions }
    }

    /// Begins a sign-in that is finished by a POST; gives the flow cookie and Google's URL.
    pub(super) async fn start(&self) -> (String, String) {
        let call = Call::get("/auth/start", "").header("accept", "application/json");
        let answer = self.functions.call(call).await;
        let cookie = answer.cookies[0].split(';').next().unwrap().to_owned();
        (cookie, answer.json()["authorization_url"].as_str().unwrap().to_owned())
    }

    /// Finishes it; gives the session token.
    pub(super) async fn finish(&self, cookie: &str, code: &str, state: &str) -> String {
        let call = Call::post("/oauth/callback", &json!({ "code": code, "state": state }));
        let answer = self.functions.call(call.header("origin", self.functions.page).cookie(cookie)).await;
        let Value::String(token) = &answer.json()["session_token"] else { panic!("{}", answer.status) };
        token.clone()
    }
}

async fn answer(State(functions): State<Functions>, request: Request) -> Response<Body> {
    let (head, body) = request.into_parts();
    let header =
        |name: &str| head.headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default();
    if head.method == Method::OPTIONS {
        return preflight(header("origin") == functions.page, functions.page);
    }
    let mut call =
        Call::get(head.uri.path(), head.uri.query().unwrap_or_default()).method(head.method.as_str());
    for (name, value) in &head.headers {
        call = call.header(name.as_str(), value.to_str().unwrap());
    }
    let body = to_bytes(body, 64 * 1024).await.unwrap();
    call.body = (!body.is_empty()).then(|| String::from_utf8(body.to_vec()).unwrap());
    let answer = functions.call(call).await;
    let mut response = Response::new(Body::from(answer.body));
    *response.status_mut() = StatusCode::from_u16(u16::try_from(answer.status).unwrap()).unwrap();
    for (name, value) in &answer.headers {
        let name = HeaderName::from_bytes(name.as_bytes()).unwrap();
        response.headers_mut().insert(name, HeaderValue::from_str(value).unwrap());
    }
    response
}

fn preflight(is_allowed: bool, page: &'static str) -> Response<Body> {
    let mut response = Response::new(Body::empty());
    *response.status_mut() = StatusCode::NO_CONTENT;
    if is_allowed {
        for (name, value) in [
            ("access-control-allow-origin", page),
            ("access-control-allow-credentials", "true"),
            ("access-control-allow-methods", "GET,POST,DELETE"),
            ("access-control-allow-headers", "authorization,content-type,x-requested-with"),
        ] {
            response.headers_mut().insert(HeaderName::from_static(name), HeaderValue::from_static(value));
        }
    }
    response
}
