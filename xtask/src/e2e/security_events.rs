//! What Google's Cross-Account Protection tells the deployed stack.

use postern_rules::security_event::Kind;

use super::deployment::Deployment;
use crate::visit::{ACCOUNT, expect, expect_status, say};

/// Google tells that a user's sessions have ended; then the session here is over, and the grant is
/// not.
pub(super) async fn end_a_session(deployment: &Deployment<'_>) -> Result<(), String> {
    let google = &deployment.cloud.google;
    let mut visit = deployment.sign_in(ACCOUNT).await?;
    visit.list(&[]).await?;
    let token = google.sign(&google.security_event(Kind::SessionsRevoked, ACCOUNT));
    let (signed, _) = token.rsplit_once('.').ok_or("the token has three parts")?;
    let mut sender = deployment.browser()?;
    let url = format!("{}/risc", deployment.api);
    for (body, status) in [(format!("{signed}.AAAA"), 400), (token.clone(), 202), (token, 202)] {
        let answer = sender.deliver(&url, "application/secevent+jwt", body).await?;
        expect_status(&answer, status, "POST /risc")?;
    }
    let answer = visit.fetch_messages(&[]).await?;
    expect(answer.body["reason"] == "session_expired", "the session is over")?;
    deployment.sign_in(ACCOUNT).await?.list(&[]).await?;
    say("a signed security event of Google's ends a session, a forged one does not, and the grant stays");
    Ok(())
}
