//! The OAuth clients that the fake knows, and the `client_secrets.json` that Google's console downloads for them.

use serde_json::json;

/// The client that every fake starts with.
pub(super) const CLIENT_ID: &str = "640512773041-p0sternfakeclient.apps.googleusercontent.com";
/// Its secret; it opens nothing but this fake.
pub(super) const CLIENT_SECRET: &str = "GOCSPX-fake-secret-of-the-fake-google";
const PROJECT: &str = "postern-local";

/// A web client of the one Cloud project.
#[derive(Clone, Debug)]
pub(super) struct Client {
    pub(super) id: String,
    /// Every secret that is accepted; the first is the one that is handed out.
    pub(super) secrets: Vec<String>,
    pub(super) redirect_uris: Vec<String>,
}

impl Client {
    /// A client without redirect URIs.
    pub(super) fn new(id: &str, secret: &str) -> Self {
        Self { id: id.into(), secrets: vec![secret.into()], redirect_uris: Vec::new() }
    }

    /// Registers redirect URIs that are not registered yet.
    pub(super) fn register(&mut self, redirect_uris: &[&str]) {
        for uri in redirect_uris {
            if !self.redirect_uris.iter().any(|known| known == uri) {
                self.redirect_uris.push((*uri).into());
            }
        }
    }

    /// Registers a redirect URI no more.
    pub(super) fn unregister(&mut self, redirect_uri: &str) {
        self.redirect_uris.retain(|known| known != redirect_uri);
    }

    /// `client_secrets.json`, on one line as the console writes it, with the fake's endpoints.
    pub(super) fn secrets_file(&self, base: &str) -> String {
        let mut origins: Vec<String> = Vec::new();
        for uri in &self.redirect_uris {
            let origin = url::Url::parse(uri).map(|url| url.origin().ascii_serialization());
            if let Ok(origin) = origin
                && !origins.contains(&origin)
            {
                origins.push(origin);
            }
        }
        json!({"web": {
            "client_id": self.id,
            "project_id": PROJECT,
            "auth_uri": format!("{base}/o/oauth2/v2/auth"),
            "token_uri": format!("{base}/token"),
            "auth_provider_x509_cert_url": format!("{base}/oauth2/v1/certs"),
            "client_secret": self.secrets.first(),
            "redirect_uris": self.redirect_uris,
            "javascript_origins": origins,
        }})
        .to_string()
    }
}
