//! The server of the demo page: web/demo at `/`, the client's modules at `/postern/`, and
//! config.json with the addresses of this run.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use bytes::Bytes;
use hyper::header::{CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE, X_CONTENT_TYPE_OPTIONS};
use hyper::{Request, Response};
use serde_json::json;
use tokio::net::TcpListener;

use crate::server::{Reply, Server, whole};

/// The running server. Dropping it ends it.
#[derive(Debug)]
pub struct Page(#[expect(dead_code, reason = "it serves as long as it is kept")] Server);

struct Site {
    /// The folder `web/`.
    web: PathBuf,
    api: String,
    google_control: String,
}

impl Page {
    /// Serves on `listener`, for the API at `api` and a fake Google with this control page.
    pub fn start(listener: TcpListener, api: &str, google_control: &str) -> Self {
        let web = Path::new(env!("CARGO_MANIFEST_DIR")).join("../web");
        let (api, google_control) = (api.to_owned(), google_control.to_owned());
        let site = Arc::new(Site { web, api, google_control });
        Self(Server::start(listener, move |request: Request<Bytes>| {
            let reply = site.answer(request.uri().path());
            async move { Ok(reply) }
        }))
    }
}

impl Site {
    fn answer(&self, path: &str) -> Reply {
        let policy = format!(
            "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self' {}; \
             img-src 'self' data:; base-uri 'none'; form-action 'self'; frame-ancestors 'none'",
            self.api
        );
        let (status, kind, body) = match self.file(path) {
            Some((kind, body)) => (200, kind, body),
            None => (404, "text/plain; charset=utf-8", b"There is no such page.\n".to_vec()),
        };
        let reply = Response::builder().status(status).header(CONTENT_TYPE, kind);
        let reply = reply.header(CACHE_CONTROL, "no-store").header(X_CONTENT_TYPE_OPTIONS, "nosniff");
        let reply = reply.header(CONTENT_SECURITY_POLICY, policy).body(whole(body));
        reply.expect("the addresses are URLs")
    }

    /// Reads the file each time, so that a change in web/ shows at the next reload.
    fn file(&self, path: &str) -> Option<(&'static str, Vec<u8>)> {
        if path == "/config.json" {
            let config = json!({ "api": self.api, "googleControl": self.google_control });
            return Some(("application/json", config.to_string().into()));
        }
        let (folder, name) = match path.strip_prefix("/postern/") {
            Some(name) => (self.web.clone(), name),
            None => (self.web.join("demo"), path.strip_prefix('/')?),
        };
        let name = if name.is_empty() { "index.html" } else { name };
        // Nothing outside the folder, and no hidden file.
        let is_plain = |part: &str| {
            part.starts_with(|first: char| first.is_ascii_alphanumeric())
                && part.chars().all(|c| c.is_ascii_alphanumeric() || "-_.".contains(c))
        };
        if !name.split('/').all(is_plain) {
            return None;
        }
        let kind = match name.rsplit_once('.')?.1 {
            "html" => "text/html; charset=utf-8",
            "css" => "text/css; charset=utf-8",
            "js" | "mjs" => "text/javascript; charset=utf-8",
            "json" => "application/json",
            "svg" => "image/svg+xml",
            "png" => "image/png",
            _ => return None,
        };
        Some((kind, std::fs::read(folder.join(name)).ok()?))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_demo_is_at_the_root_and_the_client_beside_it() {
        let site = Site {
            web: Path::new(env!("CARGO_MANIFEST_DIR")).join("../web"),
            api: "http://localhost:9000".to_owned(),
            google_control: "http://127.0.0.1:9200/control".to_owned(),
        };
        for (path, kind, words) in [
            ("/", "text/html; charset=utf-8", "<!doctype html>"),
            ("/demo.js", "text/javascript; charset=utf-8", "/postern/postern.js"),
            ("/postern/postern.js", "text/javascript; charset=utf-8", "/auth/start"),
            ("/config.json", "application/json", r#""api":"http://localhost:9000""#),
        ] {
            let (found, body) = site.file(path).unwrap_or_else(|| panic!("{path} is not there"));
            assert_eq!(found, kind, "{path}");
            assert!(String::from_utf8_lossy(&body).contains(words), "{path}");
        }
        for path in
            ["/nothing.html", "/../postern.js", "/postern/../../template.yaml", "/.hidden.js", "//etc/x.js"]
        {
            assert!(site.file(path).is_none(), "{path}");
        }
    }
}
