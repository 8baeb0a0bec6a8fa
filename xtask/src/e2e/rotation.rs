//! Rotates the client secret and the keyring while users sign in and list: no request may fail.

use std::future::Future;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use harness::google::Endpoint;
use postern::outside::http::aws::describe;
use serde_json::{Value, json};
use tokio::sync::RwLock;
use tokio::time::sleep;

use super::cloud::{Cloud, GOOGLE_CLIENT_SECRET};
use super::deployment::Deployment;
use super::journey;
use super::step::say;
use crate::visit::{Visit, expect, expect_status};

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
/// The pause between two requests of a user.
const LIST_PAUSE: Duration = Duration::from_millis(700);
const SIGN_IN_PAUSE: Duration = Duration::from_millis(1500);
/// How long the load continues after each change.
const STEADY: Duration = Duration::from_secs(5);

/// The load: how many requests succeeded so far, and when to stop.
#[derive(Default)]
struct Count {
    listed: AtomicUsize,
    signed_in: AtomicUsize,
    over: AtomicBool,
    /// Read-locked by each request under way. MiniStack ends an environment in the middle of a
    /// request; Lambda does not.
    under_way: RwLock<()>,
}

/// Rotates both under load.
pub(super) async fn without_a_failed_request(cloud: &Cloud, deployment: &Deployment) -> Result<(), String> {
    cloud.google.access_tokens_live_for(ACCESS_TOKEN_LIFETIME);
    let count = Count::default();
    let users = USERS.iter().map(|user| list_until_it_is_over(user, cloud, deployment, &count));
    let load = async {
        let (lists, sign_ins) = tokio::join!(all(users), sign_in_until_it_is_over(cloud, deployment, &count));
        lists.and(sign_ins)
    };
    let rotation = async {
        let outcome = rotate(cloud, deployment, &count).await;
        count.over.store(true, Ordering::Relaxed);
        outcome
    };
    // Stops at the first failed request.
    let rotation = tokio::try_join!(load, rotation).map(|((), ())| ());
    cloud.google.access_tokens_live_for(Duration::from_hours(1));
    rotation?;
    let (listed, signed_in) = (count.listed.load(Ordering::Relaxed), count.signed_in.load(Ordering::Relaxed));
    say(&format!(
        "client secret and keyring are rotated under load: {listed} lists and {signed_in} sign-ins, none failed"
    ));
    Ok(())
}

async fn rotate(cloud: &Cloud, deployment: &Deployment, count: &Count) -> Result<(), String> {
    sleep(STEADY).await;
    let google = &cloud.google;
    let old = google.client_secret();
    google.accept_secret(google.client_id(), NEW_CLIENT_SECRET);
    cloud.put_secret(GOOGLE_CLIENT_SECRET, &google.client_secrets(&[])).await?;
    sleep(STEADY).await;
    google.refuse_secret(google.client_id(), &old);
    google.forget_calls();
    sleep(STEADY).await;
    let with_new =
        google.calls_to(Endpoint::Token).iter().filter(|call| call.body.contains(NEW_CLIENT_SECRET)).count();
    expect(with_new > 0, "the new client secret is used")?;

    let keyring_id = deployment.outputs.get("SealingKeysSecretArn")?;
    let secrets = aws_sdk_secretsmanager::Client::new(&cloud.account.config);
    let keyring = secrets.get_secret_value().secret_id(keyring_id).send().await;
    let keyring = keyring.map_err(|error| format!("the keyring cannot be read: {}", describe(&error)))?;
    let mut keyring: Value = serde_json::from_str(keyring.secret_string().unwrap_or_default())
        .map_err(|_| "the keyring that the stack made is not JSON")?;
    // The two steps of the runbook without the pause between them, so that no environment knows the
    // new key beforehand.
    keyring["k2"] = json!(NEW_KEY);
    cloud.put_secret(keyring_id, &keyring.to_string()).await?;
    keyring["primary"] = json!("k2");
    cloud.put_secret(keyring_id, &keyring.to_string()).await?;
    sleep(STEADY).await;
    // New sessions are sealed with a key that the old environments of list-messages have never
    // read.
    replace_environments(&["OauthCallbackFunction"], count, cloud, deployment).await?;
    all(USERS.iter().map(|user| list_once(user, cloud, deployment, count))).await?;
    sleep(STEADY).await;
    replace_environments(&["AuthStartFunction", "ListMessagesFunction"], count, cloud, deployment).await?;
    sleep(STEADY).await;
    all(USERS.iter().map(|user| list_once(user, cloud, deployment, count))).await?;
    is_sealed_with_the_new_key(cloud, deployment).await
}

/// Makes Lambda start new environments, as it does from time to time, while old ones still run.
async fn replace_environments(
    outputs: &[&str],
    count: &Count,
    cloud: &Cloud,
    deployment: &Deployment,
) -> Result<(), String> {
    let lambda = aws_sdk_lambda::Client::new(&cloud.account.config);
    let _no_request_under_way = count.under_way.write().await;
    for output in outputs {
        let function = deployment.outputs.get(output)?;
        // The timeout stays the same, but the update replaces the environments.
        let update = lambda.update_function_configuration().function_name(function).timeout(TIMEOUT);
        let update = update.send().await;
        update.map_err(|error| format!("{function} is not updated: {}", describe(&error)))?;
    }
    Ok(())
}

/// Tokens that are stored after the rotation are sealed with the new key.
async fn is_sealed_with_the_new_key(cloud: &Cloud, deployment: &Deployment) -> Result<(), String> {
    let table = deployment.outputs.get("CredentialsTableName")?;
    let items = aws_sdk_dynamodb::Client::new(&cloud.account.config).scan().table_name(table).send().await;
    let items = items.map_err(|error| format!("the credentials cannot be read: {}", describe(&error)))?;
    for item in items.items() {
        for attribute in ["refresh_token", "access_token"] {
            let sealed = item.get(attribute).and_then(|value| value.as_s().ok());
            let key = sealed.and_then(|sealed| sealed.split('.').nth(1)).unwrap_or("none");
            expect(key == "k2", &format!("{attribute} is sealed with the new key, not with {key}"))?;
        }
    }
    expect(items.count() >= 1, "somebody is connected")
}

async fn list_until_it_is_over(
    user: &str,
    cloud: &Cloud,
    deployment: &Deployment,
    count: &Count,
) -> Result<(), String> {
    let mut visit = signed_in(user, cloud, deployment, count).await?;
    while !count.over.load(Ordering::Relaxed) {
        list(&mut visit, count).await?;
        sleep(LIST_PAUSE).await;
    }
    Ok(())
}

async fn list_once(user: &str, cloud: &Cloud, deployment: &Deployment, count: &Count) -> Result<(), String> {
    let mut visit = signed_in(user, cloud, deployment, count).await?;
    list(&mut visit, count).await
}

async fn sign_in_until_it_is_over(
    cloud: &Cloud,
    deployment: &Deployment,
    count: &Count,
) -> Result<(), String> {
    for user in USERS.iter().cycle() {
        if count.over.load(Ordering::Relaxed) {
            break;
        }
        signed_in(user, cloud, deployment, count).await?;
        sleep(SIGN_IN_PAUSE).await;
    }
    Ok(())
}

async fn signed_in<'a>(
    user: &str,
    cloud: &'a Cloud,
    deployment: &Deployment,
    count: &Count,
) -> Result<Visit<'a>, String> {
    let _under_way = count.under_way.read().await;
    let mut visit = journey::visit(cloud, deployment)?.with_account(user);
    let authorization_url = visit.start().await?;
    visit.connect(&authorization_url).await?;
    count.signed_in.fetch_add(1, Ordering::Relaxed);
    Ok(visit)
}

async fn list(visit: &mut Visit<'_>, count: &Count) -> Result<(), String> {
    let _under_way = count.under_way.read().await;
    let answer = visit.fetch_messages(&[("maxResults", "5")]).await?;
    expect_status(&answer, 200, "GET /messages under load")?;
    count.listed.fetch_add(1, Ordering::Relaxed);
    Ok(())
}

/// Runs them at the same time; the first failure stops all.
async fn all(futures: impl Iterator<Item = impl Future<Output = Result<(), String>>>) -> Result<(), String> {
    futures_util::future::try_join_all(futures).await.map(drop)
}
