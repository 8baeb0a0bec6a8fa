//! Rotates the client secret and the keyring while users sign in and list, seals every token again,
//! and retires the old key: no request may fail.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use harness::google::Endpoint;
use serde_json::{Value, json};
use tokio::sync::RwLock;
use tokio::time::sleep;

use super::cloud::GOOGLE_CLIENT_SECRET;
use super::deployment::{Deployment, xtask};
use crate::account::Called;
use crate::processes::Processes;
use crate::visit::{Visit, expect, expect_status, say};

/// Google's new secret.
const NEW_CLIENT_SECRET: &str = "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e-google";
/// The new key; it needs at least 32 characters.
const NEW_KEY: &str = "kSecondKeyOfThisStackForTheTestOfItsRotation0123456789";
/// The lifetime of access tokens. A token is refreshed in its last minute, so under load there is
/// always a refresh.
const ACCESS_TOKEN_LIFETIME: Duration = Duration::from_secs(61);
/// The functions' timeout in the template, in seconds.
const TIMEOUT: i32 = 10;
/// The users who keep listing and signing in.
const USERS: [&str; 3] = ["ann@example.com", "ben@example.com", "cleo@example.org"];
/// Connected, and not there while the keyring is rotated.
const IDLE: &str = "dora@example.com";
/// The pause between two requests of a user.
const LIST_PAUSE: Duration = Duration::from_millis(700);
const SIGN_IN_PAUSE: Duration = Duration::from_millis(1500);
/// How long the load continues after each change.
const STEADY: Duration = Duration::from_secs(5);

/// Users at work, and how many of their requests succeeded.
struct Load<'a> {
    deployment: &'a Deployment<'a>,
    succeeded: AtomicUsize,
    /// Read-locked by each request under way. MiniStack ends an environment in the middle of a
    /// request; Lambda does not.
    under_way: RwLock<()>,
}

/// Rotates both under load.
pub(super) async fn without_a_failed_request(
    deployment: &Deployment<'_>,
    processes: &mut Processes,
) -> Result<(), String> {
    let mut idle = deployment.sign_in(IDLE).await?;
    let google = &deployment.cloud.google;
    google.access_tokens_live_for(ACCESS_TOKEN_LIFETIME);
    let load = Load { deployment, succeeded: AtomicUsize::new(0), under_way: RwLock::new(()) };
    // The load has no end of its own: it ends with the rotation, or with the first failed request.
    let outcome = tokio::select! {
        outcome = Box::pin(all(USERS.map(|user| load.keep_listing(user)))) => outcome,
        outcome = Box::pin(load.keep_signing_in()) => outcome,
        outcome = Box::pin(load.rotate(processes)) => outcome,
    };
    google.access_tokens_live_for(Duration::from_hours(1));
    outcome?;
    let succeeded = load.succeeded.into_inner();
    expect_status(&idle.fetch_messages(&[]).await?, 200, "a list of who was not there")?;
    say(&format!(
        "client secret and keyring are rotated under load, every token is sealed again, and the old key is \
         retired: of {succeeded} requests, none failed"
    ));
    Ok(())
}

impl Load<'_> {
    async fn rotate(&self, processes: &mut Processes) -> Result<(), String> {
        let cloud = self.deployment.cloud;
        sleep(STEADY).await;
        let google = &cloud.google;
        let old = google.client_secret();
        google.accept_secret(google.client_id(), NEW_CLIENT_SECRET);
        cloud.put_secret(GOOGLE_CLIENT_SECRET, &google.client_secrets(&[])).await?;
        sleep(STEADY).await;
        google.refuse_secret(google.client_id(), &old);
        google.forget_calls();
        sleep(STEADY).await;
        let calls = google.calls_to(Endpoint::Token);
        let is_used = calls.iter().any(|call| call.body.contains(NEW_CLIENT_SECRET));
        expect(is_used, "the new client secret is used")?;

        let keyring_id = self.deployment.outputs.get("SealingKeysSecretArn")?;
        let secrets = aws_sdk_secretsmanager::Client::new(&cloud.account.config);
        let keyring = secrets.get_secret_value().secret_id(keyring_id).send().await;
        let keyring = keyring.or_say("the keyring cannot be read")?;
        let mut keyring: Value = serde_json::from_str(keyring.secret_string().unwrap_or_default())
            .map_err(|_| "the keyring that the stack made is not JSON")?;
        // The two steps of the runbook without the pause between them, so that no environment knows
        // the new key beforehand.
        keyring["k2"] = json!(NEW_KEY);
        cloud.put_secret(keyring_id, &keyring.to_string()).await?;
        keyring["primary"] = json!("k2");
        cloud.put_secret(keyring_id, &keyring.to_string()).await?;
        sleep(STEADY).await;
        // New flows and tokens are sealed with a key that the old environments of the other functions
        // have never read.
        self.replace_environments(&["OauthCallbackFunction"]).await?;
        all(USERS.map(|user| self.list_once(user))).await?;
        sleep(STEADY).await;
        self.replace_environments(&["AuthStartFunction", "ListMessagesFunction"]).await?;
        sleep(STEADY).await;
        all(USERS.map(|user| self.list_once(user))).await?;
        // No environment seals with the old key any more.
        xtask(&["reseal"], cloud, processes).await?;
        self.is_sealed_with_the_new_key().await?;
        // Twice, so that the secret's previous version lacks the old key too.
        keyring.as_object_mut().ok_or("the keyring is no object")?.remove("k1");
        for _ in 0..2 {
            cloud.put_secret(keyring_id, &keyring.to_string()).await?;
        }
        let functions = ["OauthCallbackFunction", "AuthStartFunction", "ListMessagesFunction"];
        self.replace_environments(&functions).await?;
        sleep(STEADY).await;
        all(USERS.map(|user| self.list_once(user))).await
    }

    /// Makes Lambda start new environments, as it does from time to time, while old ones still run.
    async fn replace_environments(&self, outputs: &[&str]) -> Result<(), String> {
        let lambda = aws_sdk_lambda::Client::new(&self.deployment.cloud.account.config);
        let _no_request_under_way = self.under_way.write().await;
        for output in outputs {
            // The timeout stays the same, but the update replaces the environments.
            let update = lambda.update_function_configuration().timeout(TIMEOUT);
            let update = update.function_name(self.deployment.outputs.get(output)?).send().await;
            update.or_say(&format!("{output} is not updated"))?;
        }
        Ok(())
    }

    /// Every stored token is sealed with the new key.
    async fn is_sealed_with_the_new_key(&self) -> Result<(), String> {
        let tables = aws_sdk_dynamodb::Client::new(&self.deployment.cloud.account.config);
        let table = self.deployment.outputs.get("CredentialsTableName")?;
        let items = tables.scan().table_name(table).send().await.or_say("the credentials cannot be read")?;
        for item in items.items() {
            for attribute in ["refresh_token", "access_token"] {
                let sealed = item.get(attribute).and_then(|value| value.as_s().ok());
                let key = sealed.and_then(|sealed| sealed.split('.').nth(1)).unwrap_or("none");
                expect(key == "k2", &format!("{attribute} is sealed with the new key, not with {key}"))?;
            }
        }
        expect(items.count() >= 1, "somebody is connected")
    }

    async fn keep_listing(&self, user: &str) -> Result<(), String> {
        let mut visit = self.sign_in(user).await?;
        loop {
            self.list(&mut visit).await?;
            sleep(LIST_PAUSE).await;
        }
    }

    async fn keep_signing_in(&self) -> Result<(), String> {
        for user in USERS.iter().cycle() {
            self.sign_in(user).await?;
            sleep(SIGN_IN_PAUSE).await;
        }
        Ok(())
    }

    async fn list_once(&self, user: &str) -> Result<(), String> {
        self.list(&mut self.sign_in(user).await?).await
    }

    async fn sign_in(&self, user: &str) -> Result<Visit<'_>, String> {
        let _under_way = self.under_way.read().await;
        let visit = self.deployment.sign_in(user).await?;
        self.succeeded.fetch_add(1, Ordering::Relaxed);
        Ok(visit)
    }

    async fn list(&self, visit: &mut Visit<'_>) -> Result<(), String> {
        let _under_way = self.under_way.read().await;
        let answer = visit.fetch_messages(&[("maxResults", "5")]).await?;
        expect_status(&answer, 200, "GET /messages under load")?;
        self.succeeded.fetch_add(1, Ordering::Relaxed);
        Ok(())
    }
}

/// Runs them at the same time; the first failure stops all.
async fn all<const COUNT: usize>(
    work: [impl Future<Output = Result<(), String>>; COUNT],
) -> Result<(), String> {
    futures_util::future::try_join_all(work).await.map(drop)
}
