//! The life of one mailbox over HTTP: connected, listed, lost, connected again and
//! disconnected. `dev --check` goes through it with `cargo lambda watch`, and `e2e` with a deployed
//! stack.

use crate::browser::Browser;
use crate::visit::{ACCOUNT, Visit, expect, say};

/// An origin that no stack lists (RFC 2606 section 2).
const STRANGER: &str = "https://stranger.invalid";

/// Goes through the flow and says each step; the first that fails ends it.
pub async fn run(mut visit: Visit<'_>) -> Result<(), String> {
    visit.stands("signed_out", Some("not_signed_in")).await?;
    say("GET /connection tells a first visit that nobody is signed in");
    let authorization_url = visit.start().await?;
    say("GET /auth/start sends the browser to Google and sets the flow cookie");
    visit.connect(&authorization_url).await?;
    say("the callback sends the browser back to the page and sets the session cookie");

    let first = visit.list(&[]).await?;
    say(&format!("GET /messages lists {} messages", first.ids.len()));
    let unread = visit.list(&[("q", "is:unread")]).await?;
    expect(unread.ids != first.ids, "a search gives other messages than no search")?;
    say(&format!("a search for unread messages lists {}", unread.ids.len()));
    let token = first.next.as_deref().ok_or("the first page does not name a next one")?;
    let second = visit.list(&[("pageToken", token)]).await?;
    expect(second.ids.iter().all(|id| !first.ids.contains(id)), "the next page has other messages")?;
    say(&format!("the next page lists {} more", second.ids.len()));

    visit.google.revoke_grant(ACCOUNT);
    let authorization_url = visit.is_asked_to_authorize_again("revoked_or_expired").await?;
    say("after the grant is revoked, GET /messages answers 401 revoked_or_expired with Google's URL");
    visit.connect(&authorization_url).await?;
    say("that URL leads to the consent page and back");
    let again = visit.list(&[]).await?;
    expect(again.ids == first.ids, "the list is the same as before")?;
    say(&format!("GET /messages lists {} messages again", again.ids.len()));

    visit.stands("connected", None).await?;
    visit.sign_out().await?;
    visit.stands("signed_out", Some("not_signed_in")).await?;
    say("POST /auth/sign-out ends the session");
    visit.sign_in_with_code().await?;
    say(
        "a sign-in by /.well-known/oauth-authorization-server ends in a code, and POST /auth/token redeems it",
    );
    let subject = visit.read_newest().await?;
    say(&format!("GET /messages/{{id}} reads a message of the list: {subject}"));
    visit.disconnect().await?;
    visit.stands("signed_out", Some("not_signed_in")).await?;
    expect(visit.google.live_refresh_tokens(ACCOUNT) == 0, "Google has revoked the grant")?;
    say("DELETE /connection revokes the grant at Google and ends the session");
    Ok(())
}

/// Pages of `origins` may read what the API answers, and no other page may.
pub async fn cors(api: &str, origins: &[&str]) -> Result<(), String> {
    for (origin, is_listed) in origins.iter().map(|origin| (*origin, true)).chain([(STRANGER, false)]) {
        let answer = Browser::new()?.fetch(&format!("{api}/messages"), origin).await?;
        let allowed = answer.header("access-control-allow-origin");
        let expected = is_listed.then_some(origin);
        expect(allowed == expected, &format!("{origin} is allowed to read: {is_listed}"))?;
    }
    say("pages of the listed origins may read the answers, and pages of others may not");
    Ok(())
}
