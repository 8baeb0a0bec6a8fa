//! OAuth scopes, and which of them Gmail calls need.

use std::collections::BTreeSet;
use std::fmt;

const MAIL: &str = "https://mail.google.com/";
const MODIFY: &str = "https://www.googleapis.com/auth/gmail.modify";
const READONLY: &str = "https://www.googleapis.com/auth/gmail.readonly";
const METADATA: &str = "https://www.googleapis.com/auth/gmail.metadata";

/// The scopes that include `gmail.metadata`.
const BROADER_THAN_METADATA: [&str; 3] = [READONLY, MODIFY, MAIL];

/// A set of OAuth scopes (RFC 6749 section 3.3), by their short names.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Scopes(BTreeSet<String>);

impl Scopes {
    /// Parses a space-separated list. Google returns `email` and `profile` under longer names.
    pub fn parse(text: &str) -> Self {
        Self(text.split_ascii_whitespace().map(short_name).map(str::to_owned).collect())
    }

    /// The scopes a grant must cover: the configured ones and `openid email`.
    pub fn needed(configured: &str) -> Self {
        let mut scopes = Self::parse(configured);
        scopes.0.extend(["openid".to_owned(), "email".to_owned()]);
        scopes
    }

    /// The default: reading the mailbox.
    pub fn default_needed() -> Self {
        Self::needed(READONLY)
    }

    /// The union, as requested from Google. Drops `gmail.metadata` beside a broader scope: Gmail
    /// refuses to search with a grant that has both.
    #[must_use]
    pub fn and(&self, others: &Self) -> Self {
        let mut scopes = Self(self.0.union(&others.0).cloned().collect());
        if scopes.have_metadata_beside_broader() {
            scopes.0.remove(METADATA);
        }
        scopes
    }

    /// Whether `gmail.metadata` is in the set.
    pub fn have_metadata(&self) -> bool {
        self.0.contains(METADATA)
    }

    /// Whether the set has `gmail.metadata` and a scope that includes it.
    pub(crate) fn have_metadata_beside_broader(&self) -> bool {
        self.have_metadata() && BROADER_THAN_METADATA.iter().any(|broader| self.0.contains(*broader))
    }

    /// The scopes of `needed` that this grant does not cover. Broader Gmail scopes cover narrower
    /// ones.
    #[must_use]
    pub fn missing(&self, needed: &Self) -> Self {
        Self(needed.0.iter().filter(|scope| !self.covers(scope)).cloned().collect())
    }

    /// Whether this grant allows strictly more than `others`. With `gmail.metadata` a grant cannot
    /// search, so it is not wider than one without.
    pub fn are_wider_than(&self, others: &Self) -> bool {
        let searches_less = self.have_metadata() && !others.have_metadata();
        self.missing(others).is_empty() && !others.missing(self).is_empty() && !searches_less
    }

    /// Whether the set is empty.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The number of scopes.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// The scopes in alphabetical order.
    pub fn iter(&self) -> impl Iterator<Item = &str> {
        self.0.iter().map(String::as_str)
    }

    fn covers(&self, scope: &str) -> bool {
        let broader: &[&str] = match scope {
            METADATA => &BROADER_THAN_METADATA,
            READONLY => &[MODIFY, MAIL],
            MODIFY => &[MAIL],
            _ => &[],
        };
        self.0.contains(scope) || broader.iter().any(|broader| self.0.contains(*broader))
    }
}

/// What a request needs of a grant: for our own calls to Gmail (Gmail API, `users.messages.list`
/// and `users.messages.get`), or for those of a back end.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Need {
    /// List messages, and read their headers.
    List,
    /// Search messages.
    Search,
    /// Read whole messages.
    Read,
    /// These scopes, whatever they are for.
    These(Scopes),
}

impl Need {
    /// The scopes that `granted` lacks. With any grant that has `gmail.metadata`, Gmail refuses all
    /// but lists and headers.
    pub fn missing_in(&self, granted: &Scopes) -> Scopes {
        match self {
            Self::Search | Self::Read if granted.have_metadata() => self.scopes(),
            _ => granted.missing(&self.scopes()),
        }
    }

    /// The narrowest sufficient scopes.
    pub fn scopes(&self) -> Scopes {
        match self {
            Self::List => Scopes::parse(METADATA),
            Self::Search | Self::Read => Scopes::parse(READONLY),
            Self::These(scopes) => scopes.clone(),
        }
    }
}

impl fmt::Display for Scopes {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.iter().collect::<Vec<_>>().join(" "))
    }
}

fn short_name(scope: &str) -> &str {
    match scope {
        "https://www.googleapis.com/auth/userinfo.email" => "email",
        "https://www.googleapis.com/auth/userinfo.profile" => "profile",
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_broader_gmail_scope_covers_a_narrower_one_and_not_the_reverse() {
        let needed = Scopes::parse(READONLY);
        assert!(Scopes::parse(MAIL).missing(&needed).is_empty());
        assert!(Scopes::parse(MODIFY).missing(&needed).is_empty());
        assert_eq!(Scopes::parse(METADATA).missing(&needed), needed);
    }

    #[test]
    fn f82_a_grant_with_metadata_lists_and_does_not_search() {
        let readonly = Scopes::parse(READONLY);
        for granted in [METADATA.to_owned(), format!("{METADATA} {READONLY}"), format!("{MAIL} {METADATA}")] {
            let granted = Scopes::parse(&granted);
            assert!(Need::List.missing_in(&granted).is_empty(), "{granted}");
            assert_eq!(Need::Search.missing_in(&granted), readonly, "{granted}");
            assert_eq!(Need::Read.missing_in(&granted), readonly, "{granted}");
        }
        for granted in [READONLY, MODIFY, MAIL].map(Scopes::parse) {
            assert!(
                Need::List.missing_in(&granted).is_empty() && Need::Search.missing_in(&granted).is_empty()
            );
        }
        let none = Scopes::default();
        assert_eq!(Need::List.missing_in(&none), Scopes::parse(METADATA));
        assert_eq!(Need::Search.missing_in(&none), readonly);
    }

    #[test]
    fn f82_metadata_is_not_asked_for_beside_a_broader_scope() {
        let metadata = Scopes::needed(METADATA);
        for broader in [READONLY, MODIFY, MAIL].map(Scopes::parse) {
            assert_eq!(metadata.and(&broader), Scopes::needed(&broader.to_string()));
        }
        assert_eq!(metadata.and(&Scopes::default()), metadata);
        assert_eq!(metadata.and(&Scopes::parse("profile")), Scopes::needed(&format!("{METADATA} profile")));
    }

    #[test]
    fn f93_a_wider_grant_covers_all_and_more_and_searches_as_well() {
        let scopes = |names: &[&str]| Scopes::parse(&names.join(" "));
        for (wide, narrow, is_wider) in [
            (scopes(&[MODIFY]), scopes(&[READONLY]), true),
            (scopes(&[READONLY, "profile"]), scopes(&[READONLY]), true),
            (scopes(&[READONLY]), scopes(&[READONLY]), false),
            (scopes(&[READONLY]), scopes(&[MODIFY]), false),
            (scopes(&[MODIFY]), scopes(&[READONLY, "profile"]), false),
            (scopes(&[MAIL, METADATA]), scopes(&[READONLY]), false),
            (scopes(&[MAIL, METADATA]), scopes(&[METADATA]), true),
        ] {
            assert_eq!(wide.are_wider_than(&narrow), is_wider, "{wide} and {narrow}");
        }
    }

    #[test]
    fn googles_long_names_of_identity_scopes_are_the_short_ones() {
        let granted = Scopes::parse("openid https://www.googleapis.com/auth/userinfo.email");
        assert!(granted.missing(&Scopes::parse("openid email")).is_empty());
    }
}
