//! The people who have an account at the fake.

use std::sync::Arc;

use super::mailbox::{self, Message};

/// One Google Account and its mailbox.
#[derive(Clone, Debug)]
pub struct Account {
    /// The e-mail address.
    pub email: String,
    /// The Google user ID, 21 digits; UserInfo v2 calls it `id`.
    pub sub: String,
    /// The given name.
    pub given_name: String,
    /// The family name.
    pub family_name: String,
    /// The Workspace domain, for an account that an organisation manages.
    pub hosted_domain: Option<String>,
    /// The mail, newest first.
    pub(super) messages: Arc<Vec<Message>>,
}

impl Account {
    /// Given and family name.
    pub fn name(&self) -> String {
        format!("{} {}", self.given_name, self.family_name)
    }

    /// How many messages the mailbox holds, spam and trash included.
    pub fn message_count(&self) -> usize {
        self.messages.len()
    }

    /// Whether `hint` (a `login_hint`) means this account.
    pub(super) fn is_meant_by(&self, hint: &str) -> bool {
        self.sub == hint || self.email.eq_ignore_ascii_case(hint)
    }
}

/// Ann has a full mailbox and Ben a small one. An organisation manages Cleo. Dora has no mail.
pub(super) fn built_in() -> Vec<Account> {
    let account = |email: &str, sub: &str, name: (&str, &str), domain: Option<&str>| Account {
        email: email.into(),
        sub: sub.into(),
        given_name: name.0.into(),
        family_name: name.1.into(),
        hosted_domain: domain.map(Into::into),
        messages: mailbox::of(email),
    };
    vec![
        account("ann@example.com", "108204268033311374519", ("Ann", "Archer"), None),
        account("ben@example.com", "113487456102835830811", ("Ben", "Baker"), None),
        account("cleo@example.org", "100522390781614410207", ("Cleo", "Carter"), Some("example.org")),
        account("dora@example.com", "117639980245017735962", ("Dora", "Dyer"), None),
    ]
}
