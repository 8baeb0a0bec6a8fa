//! What users and operators do: connect, lose the grant, change the scopes, add a domain.

use super::belongings;
use super::deployment::Deployment;
use crate::processes::Processes;
use crate::visit::{ACCOUNT, expect, say};

/// The scopes after the change.
const MORE_SCOPES: &str =
    "https://www.googleapis.com/auth/gmail.readonly https://www.googleapis.com/auth/gmail.labels";
/// The API's domain.
const DOMAIN: &str = "mail.example.com";

/// Connects, lists, is revoked, gets 401, reconnects, lists.
pub(super) async fn from_connecting_to_reconnecting(deployment: &Deployment<'_>) -> Result<(), String> {
    let mut visit = deployment.sign_in(ACCOUNT).await?;
    say("a mailbox is connected through the deployed API");
    let listed = visit.list(&[]).await?;
    say(&format!("GET /messages lists {} messages", listed.ids.len()));

    deployment.cloud.google.revoke_grant(ACCOUNT);
    let authorization_url = visit.is_asked_to_authorize_again("revoked_or_expired").await?;
    say("after the grant is revoked, GET /messages answers 401 revoked_or_expired with Google's URL");
    visit.connect(&authorization_url).await?;
    let again = visit.list(&[]).await?;
    expect(again.ids == listed.ids, "the list is the same as before")?;
    say("that URL leads to the consent page and back, and the mailbox is listed again");
    Ok(())
}

/// The stack asks for more scopes: the same session gets a 401, and consents once.
pub(super) async fn through_a_change_of_scopes(
    deployment: &mut Deployment<'_>,
    processes: &mut Processes,
) -> Result<(), String> {
    let mut visit = deployment.sign_in(ACCOUNT).await?;
    deployment.change(&[("GmailScopes", MORE_SCOPES)], processes).await?;
    let authorization_url = visit.is_asked_to_authorize_again("scopes_changed").await?;
    say("after an update of the stack with more scopes, GET /messages answers 401 scopes_changed");
    visit.connect(&authorization_url).await?;
    visit.list(&[]).await?;
    say("one consent later, the mailbox is listed");
    Ok(())
}

/// The stack gets everything that is optional: sign-ins go through the domain, with the callback
/// that the stack's output names.
pub(super) async fn with_everything_optional(
    deployment: &mut Deployment<'_>,
    processes: &mut Processes,
) -> Result<(), String> {
    let belongings = belongings::of_an_operator(deployment.cloud).await?;
    let chosen = [
        ("DomainName", DOMAIN),
        ("LogRetention", "30"),
        ("RequestRateLimit", "150"),
        ("ReservedConcurrency", "20"),
        ("Tracing", "Active"),
    ];
    let changes: Vec<(&str, &str)> = chosen.into_iter().chain(belongings.iter()).collect();
    deployment.change(&changes, processes).await?;
    deployment.serve_at(&format!("https://{DOMAIN}"), DOMAIN);
    let Deployment { outputs, api, .. } = &deployment;
    expect(outputs.get("ApiUrl")? == api, "ApiUrl is the domain")?;
    let callback = format!("{api}/oauth/callback");
    expect(outputs.get("CallbackUrl")? == callback, "CallbackUrl is under the domain")?;
    deployment.sign_in(ACCOUNT).await?.list(&[]).await?;
    say(
        "after an update of the stack with a domain, zone, key, topic and more, users list through the domain",
    );
    Ok(())
}
