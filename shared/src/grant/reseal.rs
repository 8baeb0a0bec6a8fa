//! Seals what is stored of a grant again: in its place, with the primary key, or as a copy in
//! another credentials table, perhaps with another keyring. It overwrites nothing that a function
//! has written meanwhile, and changes no grant.

use std::collections::BTreeSet;

use postern_rules::credential::{Credential, Status};
use postern_rules::error::Error;
use postern_rules::seal::{Keyring, OpenError, Purpose};
use postern_rules::secret::Sealed;
use zeroize::Zeroizing;

use super::tokens_at_rest::{ACCESS_TOKEN, Owner, REFRESH_TOKEN, try_open};
use crate::app::App;
use crate::outside::dynamodb::{Copying, Incoming, Policy, Resealed, StoreError, Stored, Swap};
use crate::outside::secrets_manager::SecretsError;

/// The most attempts at an item that others keep writing.
const ATTEMPTS: u32 = 20;

/// What became of an item.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Outcome {
    /// The verdict.
    pub fate: Fate,
    /// The keys that seal its tokens now, here.
    pub keys: BTreeSet<String>,
    /// The tokens that do not open, and why.
    pub broken: Vec<(&'static str, OpenError)>,
}

/// A verdict on one item.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fate {
    /// Its tokens, as far as they open, are sealed again.
    Resealed,
    /// It is sealed with the primary key already.
    Current,
    /// It was deleted meanwhile.
    Gone,
    /// It was copied.
    Copied,
    /// A copy of it, or something newer, is there already.
    There,
    /// Its user has ended the connection, or wants to.
    Ended,
    /// A refresh token of it does not open. It stays as it is, and is not copied.
    Broken,
    /// This version cannot read it. It stays as it is, and is not copied.
    Unreadable,
}

impl Fate {
    /// Its name in reports.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Resealed => "resealed",
            Self::Current => "current",
            Self::Gone => "gone",
            Self::Copied => "copied",
            Self::There => "there",
            Self::Ended => "ended",
            Self::Broken => "broken",
            Self::Unreadable => "unreadable",
        }
    }
}

/// Seals the tokens of an item of this table with the primary key. A token that does not open
/// stays.
pub async fn reseal(app: &App, mut stored: Stored) -> Result<Outcome, Error> {
    for _ in 0..ATTEMPTS {
        let Ok(credential) = stored.credential() else {
            return Ok(Outcome { fate: Fate::Unreadable, keys: stored.keys(), broken: Vec::new() });
        };
        let keyring = app.secrets.keyring().await?;
        let due = |sealed: &Sealed| keyring.should_be_resealed(Purpose::Token, sealed);
        let sealing = Sealing { from: app, to: app, keyring: &keyring, credential: &credential };
        let (tokens, broken) = sealing.again(due).await?;
        if tokens == Resealed::default() {
            let fate = if broken.is_empty() { Fate::Current } else { Fate::Broken };
            return Ok(Outcome { fate, keys: stored.keys(), broken });
        }
        match app.store.reseal(&credential, &tokens).await? {
            Swap::Done => {
                let keys = stored.keys_with(&tokens);
                return Ok(Outcome { fate: Fate::Resealed, keys, broken });
            }
            Swap::Overtaken(Some(found)) => stored = found,
            Swap::Overtaken(None) => {
                return Ok(Outcome { fate: Fate::Gone, keys: BTreeSet::new(), broken: Vec::new() });
            }
        }
    }
    Err(StoreError::Unavailable("others keep writing an item".to_owned()).into())
}

/// Puts an item of the table of `from` into that of `to`, sealed with the primary key there. Its
/// refresh tokens must open with the keyring of `from`.
pub async fn copy(from: &App, to: &App, item: &Stored, policy: Policy) -> Result<Outcome, Error> {
    let (outcome, incoming) = prepared(from, to, item).await?;
    let Some(incoming) = incoming else { return Ok(outcome) };
    let fate = match to.store.copy(&incoming, (policy, from.store.credentials_table())).await? {
        Copying::Done => return Ok(outcome),
        Copying::There => Fate::There,
        Copying::Ended => Fate::Ended,
    };
    Ok(Outcome { fate, keys: BTreeSet::new(), ..outcome })
}

/// The same for several items in one transaction. `None`: it was refused, and nothing was put.
pub async fn copy_together(
    from: &App,
    to: &App,
    items: &[&Stored],
    policy: Policy,
) -> Result<Option<Vec<Outcome>>, Error> {
    let (mut outcomes, mut all) = (Vec::new(), Vec::new());
    for item in items {
        let (outcome, incoming) = prepared(from, to, item).await?;
        outcomes.push(outcome);
        all.extend(incoming);
    }
    let of = (policy, from.store.credentials_table());
    let are_put = all.is_empty() || to.store.copy_together(&all, of).await?;
    Ok(are_put.then_some(outcomes))
}

/// What is to be put of an item, and its outcome if nothing refuses that; or only its outcome.
async fn prepared<'a>(
    from: &App,
    to: &App,
    item: &'a Stored,
) -> Result<(Outcome, Option<Incoming<'a>>), Error> {
    let not_copied = |fate, broken| Ok((Outcome { fate, keys: BTreeSet::new(), broken }, None));
    let Ok(credential) = item.credential() else { return not_copied(Fate::Unreadable, Vec::new()) };
    if credential.status == Status::Disconnecting {
        return not_copied(Fate::Ended, Vec::new());
    }
    let keyring = to.secrets.keyring().await?;
    // Keyrings of two stacks have different keys of one name, so every text is opened.
    let sealing = Sealing { from, to, keyring: &keyring, credential: &credential };
    let (tokens, broken) = sealing.again(|_| true).await?;
    if broken.iter().any(|(attribute, _)| *attribute != ACCESS_TOKEN) {
        return not_copied(Fate::Broken, broken);
    }
    // Either side may have remembered the end. DynamoDB takes no key twice.
    let mut marks = BTreeSet::from_iter(keyring.ended_marks(&credential.user));
    marks.extend(from.secrets.keyring().await?.ended_marks(&credential.user));
    let outcome = Outcome { fate: Fate::Copied, keys: item.keys_with(&tokens), broken };
    Ok((outcome, Some(Incoming { item, connected_at: credential.connected_at, tokens, marks })))
}

/// Whether a copy of an item in use has lost its connection: `original` is what is stored where it
/// was copied from.
pub fn has_ended(original: Option<&Stored>) -> bool {
    original.is_none_or(|item| item.listed().is_ok_and(|listed| listed.status == Status::Disconnecting))
}

/// A credential whose tokens are sealed again.
struct Sealing<'a> {
    /// Whose table the item is of.
    from: &'a App,
    /// Whose table it will be in.
    to: &'a App,
    /// The keyring that seals.
    keyring: &'a Keyring,
    credential: &'a Credential,
}

type Broken = Vec<(&'static str, OpenError)>;

impl Sealing<'_> {
    /// New texts of the tokens that are due, and those that do not open.
    async fn again(&self, due: impl Fn(&Sealed) -> bool) -> Result<(Resealed, Broken), SecretsError> {
        let Credential { refresh_token, set_aside, access_token, .. } = self.credential;
        let mut broken = Vec::new();
        let mut new = Resealed::default();
        let in_use = refresh_token.as_ref().map_or("", |token| token.id.as_str());
        if let Some(token) = refresh_token.as_ref().filter(|token| due(&token.sealed)) {
            new.refresh_token = self.one(&mut broken, REFRESH_TOKEN, in_use, &token.sealed).await?;
        }
        if let Some(aside) = set_aside.as_ref().filter(|aside| due(&aside.token.sealed)) {
            let token = &aside.token;
            new.set_aside = self.one(&mut broken, REFRESH_TOKEN, &token.id, &token.sealed).await?;
        }
        if let Some(token) = access_token.as_ref().filter(|token| due(&token.sealed)) {
            new.access_token = self.one(&mut broken, ACCESS_TOKEN, in_use, &token.sealed).await?;
        }
        Ok((new, broken))
    }

    async fn one(
        &self,
        broken: &mut Broken,
        attribute: &'static str,
        refresh_token_id: &str,
        sealed: &Sealed,
    ) -> Result<Option<Sealed>, SecretsError> {
        let Credential { user, client_id, .. } = self.credential;
        let owner = Owner { user, client_id, refresh_token_id };
        let opened = self.opened(owner, attribute, sealed).await?;
        let text = opened.map(|text| self.keyring.seal(Purpose::Token, &owner.place(attribute), &text));
        Ok(text.map_err(|why| broken.push((attribute, why))).ok())
    }

    /// A text of the first form is bound to the physical name of the table in which it was sealed:
    /// a restored one has another name.
    async fn opened(
        &self,
        owner: Owner<'_>,
        attribute: &str,
        sealed: &Sealed,
    ) -> Result<Result<Zeroizing<Vec<u8>>, OpenError>, SecretsError> {
        let [from, to] = [self.from, self.to].map(|app| app.store.credentials_table());
        let opened = try_open(self.from, owner, attribute, sealed, from).await?;
        if opened == Err(OpenError::Broken) && sealed.is_of_first_form() && from != to {
            return try_open(self.from, owner, attribute, sealed, to).await;
        }
        Ok(opened)
    }
}
