//! The server of the demo page: the files of web/, and config.json with the addresses of this run.

use axum::Router;
use axum::extract::State;
use axum::http::header::{CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE, X_CONTENT_TYPE_OPTIONS};
use axum::http::{StatusCode, Uri};
use axum::response::{IntoResponse, Response};
use serde_json::json;
use tokio::net::TcpListener;

use crate::processes::root;

#[derive(Clone)]
struct Page {
    api: String,
    google_control: String,
}

/// Serves the page until the task is dropped.
pub(crate) async fn serve(listener: TcpListener, api: String, google_control: String) -> Result<(), String> {
    let router = Router::new().fallback(answer).with_state(Page { api, google_control });
    axum::serve(listener, router).await.map_err(|error| error.to_string())
}

async fn answer(State(page): State<Page>, uri: Uri) -> Response {
    let policy = format!(
        "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self' {}; img-src data:; \
         base-uri 'none'; form-action 'self'; frame-ancestors 'none'",
        page.api
    );
    let (name, kind) = match uri.path() {
        "/" => ("index.html", "text/html; charset=utf-8"),
        "/demo.css" => ("demo.css", "text/css; charset=utf-8"),
        "/demo.js" => ("demo.js", "text/javascript; charset=utf-8"),
        "/postern.js" => ("postern.js", "text/javascript; charset=utf-8"),
        "/config.json" => ("", "application/json"),
        _ => return (StatusCode::NOT_FOUND, "There is no such page.\n").into_response(),
    };
    let body = if name.is_empty() {
        Ok(json!({ "api": page.api, "googleControl": page.google_control }).to_string())
    } else {
        // Read each time, so that a change in web/ shows at the next reload.
        std::fs::read_to_string(root().join("web").join(name))
    };
    let headers = [
        (CACHE_CONTROL, "no-store".to_owned()),
        (CONTENT_SECURITY_POLICY, policy),
        (CONTENT_TYPE, kind.to_owned()),
        (X_CONTENT_TYPE_OPTIONS, "nosniff".to_owned()),
    ];
    let body = body.map_err(|error| (StatusCode::INTERNAL_SERVER_ERROR, error.to_string()));
    (headers, body).into_response()
}
