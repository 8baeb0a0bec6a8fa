//! Scopes as Google names them: short names in, full names out.

/// The scope of Gmail's full access.
pub(super) const FULL_GMAIL: &str = "https://mail.google.com/";
/// The scope that gives the e-mail address.
pub(super) const EMAIL: &str = "https://www.googleapis.com/auth/userinfo.email";
/// The scope that gives the name.
pub(super) const PROFILE: &str = "https://www.googleapis.com/auth/userinfo.profile";
/// The scope that gives an ID token.
pub(super) const OPENID: &str = "openid";
/// May list, but not search.
pub(super) const METADATA: &str = "https://www.googleapis.com/auth/gmail.metadata";

const MODIFY: &str = "https://www.googleapis.com/auth/gmail.modify";
const READONLY: &str = "https://www.googleapis.com/auth/gmail.readonly";

/// Any of these may read messages.
pub(super) const READING: [&str; 3] = [FULL_GMAIL, MODIFY, READONLY];

/// The full names of the requested scopes; the identity scopes imply `openid`. `Err` names a scope
/// that does not exist.
pub(super) fn parse(text: &str) -> Result<Vec<String>, String> {
    let mut scopes = Vec::new();
    for name in text.split_ascii_whitespace() {
        let full = match name {
            "email" => EMAIL,
            "profile" => PROFILE,
            OPENID | FULL_GMAIL => name,
            _ if name.starts_with("https://www.googleapis.com/auth/") => name,
            _ => return Err(name.to_owned()),
        };
        add(&mut scopes, full);
    }
    if holds(&scopes, EMAIL) || holds(&scopes, PROFILE) {
        add(&mut scopes, OPENID);
    }
    Ok(scopes)
}

/// Adds a scope that is not there yet.
pub(super) fn add(scopes: &mut Vec<String>, scope: &str) {
    if !holds(scopes, scope) {
        scopes.push(scope.to_owned());
    }
}

/// Whether a scope says who the person is, and so has no box to tick.
pub(super) fn is_identity(scope: &str) -> bool {
    matches!(scope, OPENID | EMAIL | PROFILE)
}

/// Whether `scopes` holds `wanted`.
pub(super) fn holds(scopes: &[String], wanted: &str) -> bool {
    scopes.iter().any(|scope| scope == wanted)
}

/// Whether `granted` covers every one of `wanted`.
pub(super) fn covers(granted: &[String], wanted: &[String]) -> bool {
    wanted.iter().all(|scope| holds(granted, scope))
}

/// What a checkbox says beside a scope.
pub(super) fn description(scope: &str) -> &str {
    match scope {
        FULL_GMAIL => "Read, compose, send and permanently delete all your email from Gmail",
        METADATA => "View your email message metadata such as labels and headers, but not the email body",
        MODIFY => "Read, compose and send emails from your Gmail account",
        READONLY => "View your email messages and settings",
        other => other,
    }
}
