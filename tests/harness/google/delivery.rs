//! Accounts and messages that a test adds to a running fake.

use std::sync::Arc;

use ring::digest::{SHA256, digest};
use serde::Deserialize;
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use super::accounts::Account;
use super::mailbox::{Message, Person, known_label};

/// An account to add, or the changes of one that is there.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct NewAccount {
    email: String,
    given_name: Option<String>,
    family_name: Option<String>,
    hosted_domain: Option<String>,
}

impl NewAccount {
    /// An account of which only the address is known.
    pub(super) fn at(email: &str) -> Self {
        Self { email: email.to_owned(), given_name: None, family_name: None, hosted_domain: None }
    }

    /// Adds the account with an empty mailbox, or changes the names and the domain of the one that
    /// has the address.
    pub(super) fn add_to(self, accounts: &mut Vec<Account>) -> Result<(), String> {
        let account = self.account()?;
        match accounts.iter_mut().find(|known| known.email.eq_ignore_ascii_case(&account.email)) {
            Some(known) => {
                let (sub, messages) = (known.sub.clone(), known.messages.clone());
                *known = Account { sub, messages, ..account };
            }
            None => accounts.push(account),
        }
        Ok(())
    }

    /// The account with an empty mailbox.
    pub(super) fn account(self) -> Result<Account, String> {
        let Self { email, given_name, family_name, hosted_domain } = self;
        let is_address = email.split_once('@').is_some_and(|(user, host)| {
            !user.is_empty() && !host.is_empty() && email.chars().all(|c| c.is_ascii_graphic())
        });
        if !is_address {
            return Err(format!("{email} is no e-mail address"));
        }
        // The same for an address on every machine, with Google's 21 digits.
        let digest = digest(&SHA256, email.as_bytes());
        let number = digest.as_ref()[..8].iter().fold(0_u64, |number, byte| number << 8 | u64::from(*byte));
        Ok(Account {
            sub: format!("1{number:020}"),
            given_name: given_name.unwrap_or_else(|| email.split('@').next().unwrap_or_default().to_owned()),
            family_name: family_name.unwrap_or_default(),
            hosted_domain,
            messages: Arc::default(),
            email,
        })
    }
}

/// A message to put into a mailbox.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct NewMessage {
    /// The address or `sub` of the mailbox's owner.
    pub(super) account: String,
    /// As in a header: `Grace Okafor <grace@example.net>`.
    from: String,
    /// Likewise; by default the owner.
    to: Option<String>,
    subject: Option<String>,
    text: Option<String>,
    /// RFC 3339; by default now.
    date: Option<String>,
    /// Label IDs; by default the inbox, unread.
    labels: Option<Vec<String>>,
    /// By default a thread of its own.
    thread_id: Option<String>,
}

impl NewMessage {
    /// Puts the message into the mailbox, and returns its ID. `now` is in seconds since the epoch.
    pub(super) fn deliver(self, owner: &mut Account, now: i64) -> Result<String, String> {
        let date = match &self.date {
            None => now * 1000,
            Some(text) => {
                let date = OffsetDateTime::parse(text, &Rfc3339);
                let date = date.map_err(|_| format!("{text} is no date such as 2026-11-20T08:15:00Z"))?;
                date.unix_timestamp() * 1000 + i64::from(date.millisecond())
            }
        };
        let labels = self.labels.unwrap_or_else(|| vec!["INBOX".to_owned(), "UNREAD".to_owned()]);
        let label = |id: &String| known_label(id).ok_or_else(|| format!("there is no label {id}"));
        let labels = labels.iter().map(label).collect::<Result<_, _>>()?;
        let itself = Person { name: owner.name(), address: owner.email.clone() };
        let messages = Arc::make_mut(&mut owner.messages);
        // Gmail's IDs are the time in milliseconds and some twenty bits more.
        let mut ids = (0..0x10_0000).map(|more| format!("{date:011x}{more:05x}"));
        let id = ids.find(|id| messages.iter().all(|message| message.id != *id));
        let id = id.ok_or("too many messages have this date")?;
        messages.push(Message {
            thread_id: self.thread_id.unwrap_or_else(|| id.clone()),
            id: id.clone(),
            labels,
            date,
            from: Person::parse(&self.from),
            to: self.to.map_or(itself, |to| Person::parse(&to)),
            subject: self.subject.unwrap_or_default(),
            body: self.text.unwrap_or_default(),
        });
        messages.sort_by(|one, other| other.id.cmp(&one.id));
        Ok(id)
    }
}
