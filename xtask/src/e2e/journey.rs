//! What users and operators do: connect, lose the grant, change the scopes, add a domain.

use super::belongings;
use super::cloud::Cloud;
use super::deployment::{Deployment, PAGE};
use super::step::say;
use crate::processes::Processes;
use crate::visit::{ACCOUNT, Visit, expect};

/// The scopes after the change.
const MORE_SCOPES: &str =
    "https://www.googleapis.com/auth/gmail.readonly https://www.googleapis.com/auth/gmail.labels";

/// Connects, lists, is revoked, gets 401, reconnects, lists.
pub(super) async fn from_connecting_to_reconnecting(
    cloud: &Cloud,
    deployment: &Deployment,
) -> Result<(), String> {
    let mut visit = visit(cloud, deployment)?;
    let authorization_url = visit.start().await?;
    visit.connect(&authorization_url).await?;
    say("a mailbox is connected through the deployed API");
    let listed = visit.list(&[]).await?;
    say(&format!("GET /messages lists {} messages", listed.ids.len()));

    cloud.google.revoke_grant(ACCOUNT);
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
    cloud: &Cloud,
    deployment: &mut Deployment,
    processes: &mut Processes,
) -> Result<(), String> {
    let mut visit = visit(cloud, deployment)?;
    let authorization_url = visit.start().await?;
    visit.connect(&authorization_url).await?;
    deployment.change(&[("GmailScopes", MORE_SCOPES)], cloud, processes).await?;
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
    cloud: &Cloud,
    deployment: &mut Deployment,
    processes: &mut Processes,
) -> Result<(), String> {
    let domain = "mail.example.com";
    let belongings = belongings::of_an_operator(cloud).await?;
    let chosen = [
        ("DomainName", domain),
        ("LogRetention", "30"),
        ("RequestRateLimit", "150"),
        ("ReservedConcurrency", "20"),
        ("Tracing", "Active"),
    ];
    let changes: Vec<(&str, &str)> = chosen.into_iter().chain(belongings.iter()).collect();
    deployment.change(&changes, cloud, processes).await?;
    let api = format!("https://{domain}");
    domain.clone_into(&mut deployment.host);
    deployment.serve_at(cloud, &api);
    expect(deployment.outputs.get("ApiUrl")? == api, "ApiUrl is the domain")?;
    expect(
        deployment.outputs.get("CallbackUrl")? == format!("{api}/oauth/callback"),
        "CallbackUrl is under the domain",
    )?;
    let mut visit = visit(cloud, deployment)?;
    let authorization_url = visit.start().await?;
    visit.connect(&authorization_url).await?;
    visit.list(&[]).await?;
    say(
        "after an update of the stack with a domain, zone, key, topic and more, users sign in and list through the domain",
    );
    Ok(())
}

/// A person who uses the front end.
pub(super) fn visit<'a>(cloud: &'a Cloud, deployment: &Deployment) -> Result<Visit<'a>, String> {
    Ok(Visit::new(&cloud.google, &deployment.api, PAGE, deployment.browser(cloud)?))
}
