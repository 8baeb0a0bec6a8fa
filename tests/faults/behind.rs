//! A world in which the functions reach each back end through a proxy.

use std::time::Duration;

use harness::google::Decision;
use harness::proxy::{Gate, Mode, Proxy};
use harness::world::{ANN, Answer, Call, GOOGLE_CLIENT, OTHER_CLIENT, REDIRECT_URI, World, invoke};
use postern::app::App;
use postern::clock::Deadline;
use postern::grant::tokens_at_rest;
use postern_rules::credential::StoredRefreshToken;
use postern_rules::secret::{RefreshToken, Sealed};
use postern_rules::user::UserId;
use serde_json::Value;

/// A query for a short list, because the tests ask for thousands.
pub(crate) const LIST: &str = "maxResults=1";

/// A world and the proxies in front of its back ends.
pub(crate) struct Behind {
    pub(crate) world: World,
    pub(crate) google: Proxy,
    pub(crate) dynamodb: Proxy,
    pub(crate) secrets: Proxy,
    /// Counts the requests through all three.
    pub(crate) gate: Gate,
}

impl Behind {
    /// A new world. All its environments go through the proxies.
    pub(crate) async fn new() -> Self {
        let mut world = World::new().await;
        let gate = Gate::default();
        let google = Proxy::before(world.stack.google.url(), &gate).await;
        let dynamodb = Proxy::before(&world.stack.dynamodb.url(), &gate).await;
        let secrets = Proxy::before(&world.stack.secrets.url(), &gate).await;
        for (name, value) in [
            ("AWS_ENDPOINT_URL_DYNAMODB", dynamodb.url()),
            ("AWS_ENDPOINT_URL_SECRETS_MANAGER", secrets.url()),
            ("GMAIL_URL", google.url()),
            ("GOOGLE_REVOKE_URL", format!("{}/revoke", google.url())),
            ("GOOGLE_CERTIFICATES_URL", format!("{}/oauth2/v3/certs", google.url())),
            ("GOOGLE_USERINFO_URL", format!("{}/oauth2/v3/userinfo", google.url())),
        ] {
            world.variables.insert(name.to_owned(), value);
        }
        let mut behind = Self { world, google, dynamodb, secrets, gate };
        behind.store_client(&behind.file_of(behind.world.google.client_id()));
        behind
    }

    /// Google's file of an OAuth client, as the functions use it.
    fn file_of(&self, client_id: &str) -> Value {
        let file = self.world.google.client_secrets_of(client_id, &[REDIRECT_URI]).unwrap();
        let mut file: Value = serde_json::from_str(&file).unwrap();
        file["web"]["token_uri"] = format!("{}/token", self.google.url()).into();
        file
    }

    fn store_client(&mut self, file: &Value) {
        self.world.stack.secrets.put(GOOGLE_CLIENT, &file.to_string());
        self.world.cold_start();
    }

    /// Another OAuth client replaces `outgoing`, and the secret holds both.
    pub(crate) fn replace_client(&mut self, outgoing: &str) {
        self.world.change_client();
        let first = self.world.google.client_id().to_owned();
        let coming = if outgoing == OTHER_CLIENT { first.as_str() } else { OTHER_CLIENT };
        let mut both = self.file_of(coming);
        both["outgoing"] = self.file_of(outgoing);
        self.store_client(&both);
    }

    /// A world in which Ann is signed in.
    pub(crate) async fn signed_in() -> Self {
        let mut behind = Self::new().await;
        behind.world.sign_in(ANN).await;
        behind
    }

    /// A world in which Ann is signed in and her access token has expired.
    pub(crate) async fn expired() -> Self {
        let behind = Self::signed_in().await;
        behind.world.advance(3600);
        behind.world.forget_calls();
        behind
    }

    /// The callback that Ann's browser is sent to after she gave consent, which means a new refresh
    /// token.
    pub(crate) async fn consented(&mut self) -> Call {
        let url = self.world.start("").await;
        let url = url.replace("access_type=offline", "access_type=offline&prompt=consent");
        let query = self.world.consent(&url, Decision::allow(ANN)).await;
        self.world.with_cookies(Call::get("/oauth/callback", &query))
    }

    /// The list of messages, as Ann's browser asks for it.
    pub(crate) fn list(&self) -> Call {
        self.world.with_cookies(Call::get("/messages", LIST))
    }

    /// Sends a call to an environment, with a deadline after `budget`.
    pub(crate) async fn send_within(&self, app: &App, call: &Call, budget: Duration) -> Answer {
        invoke(Ok(app), &call.event().to_string(), budget).await
    }

    /// Closes every connection. Requests and answers on their way are lost.
    pub(crate) async fn close_connections(&self) {
        for proxy in [&self.google, &self.dynamodb, &self.secrets] {
            proxy.close_connections().await;
        }
    }

    /// Ends every fault.
    pub(crate) async fn recover(&self) {
        self.gate.disarm();
        for proxy in [&self.google, &self.dynamodb, &self.secrets] {
            proxy.set(Mode::Pass).await;
        }
        self.world.stack.google.clear_all();
        self.world.stack.dynamodb.clear_faults();
        self.world.stack.secrets.clear_faults();
    }

    /// Ann's refresh token that is in use, decrypted. Makes no call.
    pub(crate) async fn stored_refresh_token(&self) -> Option<String> {
        self.opened("refresh_token", "refresh_token_id").await
    }

    /// Ann's refresh token that was set aside, decrypted. Makes no call.
    pub(crate) async fn refresh_token_set_aside(&self) -> Option<String> {
        self.opened("dead_refresh_token", "dead_token_id").await
    }

    async fn opened(&self, attribute: &str, id_attribute: &str) -> Option<String> {
        let item = self.world.credential(ANN);
        let text = |name: &str| item[name]["S"].as_str().map(str::to_owned);
        let (sealed, id) = (Sealed::from_text(text(attribute)?), text(id_attribute).unwrap());
        let stored = StoredRefreshToken { sealed, id, expires_at: None };
        let user = UserId::parse(&self.world.sub(ANN)).unwrap();
        let client_id = text("client_id").unwrap();
        let app = &self.world.app;
        let token = tokens_at_rest::open_refresh_token(app, &user, &client_id, &stored).await.unwrap();
        self.world.plant(token.expose());
        Some(token.expose().to_owned())
    }

    /// Whether Google still accepts a refresh token.
    pub(crate) async fn is_alive(&self, token: &str) -> bool {
        let app = &self.world.app;
        let clients = app.secrets.google_clients().await.unwrap();
        let token = RefreshToken::new(token);
        for client in clients.iter() {
            if app.google.refresh(client, &token, Deadline::after(Duration::from_secs(3))).await.is_ok() {
                return true;
            }
        }
        false
    }
}
