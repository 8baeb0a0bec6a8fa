//! The server of the demo page: the files of web/, and config.json with the addresses of this run.

use std::path::PathBuf;

use axum::Router;
use axum::extract::State;
use axum::http::header::{CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE, X_CONTENT_TYPE_OPTIONS};
use axum::http::{StatusCode, Uri};
use axum::response::{IntoResponse, Response};
use serde_json::json;
use tokio::net::TcpListener;
use xtask::processes::root;

const FILES: [(&str, &str, &str); 4] = [
    ("/", "index.html", "text/html; charset=utf-8"),
    ("/demo.css", "demo.css", "text/css; charset=utf-8"),
    ("/demo.js", "demo.js", "text/javascript; charset=utf-8"),
    ("/postern.js", "postern.js", "text/javascript; charset=utf-8"),
];

#[derive(Clone)]
struct Page {
    folder: PathBuf,
    api: String,
    google_control: String,
}

/// Serves the page until the task is dropped.
pub(crate) async fn serve(listener: TcpListener, api: String, google_control: String) -> Result<(), String> {
    let page = Page { folder: root().join("web"), api, google_control };
    let router = Router::new().fallback(answer).with_state(page);
    axum::serve(listener, router).await.map_err(|error| error.to_string())
}

async fn answer(State(page): State<Page>, uri: Uri) -> Response {
    let policy = format!(
        "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self' {}; img-src data:; \
         base-uri 'none'; form-action 'self'; frame-ancestors 'none'",
        page.api
    );
    let common = [
        (CACHE_CONTROL, "no-store".to_owned()),
        (CONTENT_SECURITY_POLICY, policy),
        (X_CONTENT_TYPE_OPTIONS, "nosniff".to_owned()),
    ];
    if uri.path() == "/config.json" {
        let config = json!({ "api": page.api, "googleControl": page.google_control });
        return (common, [(CONTENT_TYPE, "application/json")], config.to_string()).into_response();
    }
    // Read anew each time, so that a change in web/ shows at the next reload.
    let file = FILES.iter().find(|(path, ..)| *path == uri.path());
    match file.map(|(_, name, kind)| (std::fs::read(page.folder.join(name)), *kind)) {
        Some((Ok(bytes), kind)) => (common, [(CONTENT_TYPE, kind)], bytes).into_response(),
        _ => (StatusCode::NOT_FOUND, common, "There is no such page.\n").into_response(),
    }
}
