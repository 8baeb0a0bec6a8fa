//! Whether the OAuth client that users consented with becomes another one. What cannot be known counts as a change. Pure.

use super::decision::{Step, Stored};

/// What happens to the client.
#[derive(Debug, PartialEq)]
pub(crate) enum ClientChange {
    /// It stays, or there is none yet.
    None,
    /// It was this one.
    From(String),
    /// One of the two is not known.
    Unknown,
}

/// The secret that the stack reads now.
pub(crate) enum Before {
    /// The one that it is going to read, too.
    Same,
    /// One of another name, and what is there; nothing when that could not be asked.
    Other(Option<Stored>),
}

impl ClientChange {
    /// Compares. `stored` is what is under the name that the stack is going to read, before `step`; `client_id` is what will
    /// be there after it, if that is known.
    pub(crate) fn of(
        is_new_stack: bool,
        before: &Before,
        stored: &Stored,
        step: &Step,
        client_id: Option<&str>,
    ) -> Self {
        let own = match before {
            Before::Same if *step == Step::Keep => Self::None,
            Before::Same => Self::between(stored, client_id, !is_new_stack),
            Before::Other(Some(before)) => Self::between(before, client_id, true),
            Before::Other(None) => Self::Unknown,
        };
        if own != Self::None || *step == Step::Keep {
            return own;
        }
        // Another stack may read the secret that is written.
        Self::between(stored, client_id, false)
    }

    fn between(before: &Stored, client_id: Option<&str>, is_in_use: bool) -> Self {
        match (before, client_id) {
            (Stored::Client(before), Some(id)) if before.google.client_id == id => Self::None,
            (Stored::Client(before), Some(_)) => Self::From(before.google.client_id.clone()),
            (Stored::Missing | Stored::Unusable(_), _) if !is_in_use => Self::None,
            _ => Self::Unknown,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::decision::Reason;
    use super::*;
    use crate::web_client::tests::downloaded;

    fn client(id: &str) -> Stored {
        Stored::Client(downloaded(id, "s", &[]))
    }

    fn unusable() -> Stored {
        Stored::Unusable("without a value".to_owned())
    }

    fn from(id: &str) -> ClientChange {
        ClientChange::From(id.to_owned())
    }

    #[test]
    fn a_secret_that_gets_another_value_changes_the_client_unless_both_are_known_to_be_one() {
        let hidden = || Step::Replace(Reason::Hidden);
        for (is_new_stack, stored, step, change) in [
            (false, client("1-a"), Step::Replace(Reason::NewSecret), ClientChange::None),
            (false, client("1-b"), Step::Replace(Reason::NewClient), from("1-b")),
            // The value may serve another stack.
            (true, client("1-b"), Step::Replace(Reason::NewClient), from("1-b")),
            (false, Stored::Hidden, hidden(), ClientChange::Unknown),
            (true, Stored::Hidden, hidden(), ClientChange::Unknown),
            (false, unusable(), Step::Replace(Reason::Unusable), ClientChange::Unknown),
            (true, unusable(), Step::Replace(Reason::Unusable), ClientChange::None),
            (false, Stored::Missing, Step::Create, ClientChange::Unknown),
            (true, Stored::Missing, Step::Create, ClientChange::None),
        ] {
            let found = ClientChange::of(is_new_stack, &Before::Same, &stored, &step, Some("1-a"));
            assert_eq!(found, change, "{is_new_stack} {stored:?}");
        }
    }

    #[test]
    fn a_secret_that_stays_keeps_its_client_though_nobody_may_read_it() {
        for stored in [client("1-a"), Stored::Hidden] {
            let id = stored.client().map(|client| client.google.client_id.as_str());
            assert_eq!(
                ClientChange::of(false, &Before::Same, &stored, &Step::Keep, id),
                ClientChange::None,
                "{stored:?}"
            );
        }
    }

    #[test]
    fn a_secret_of_another_name_changes_the_client_unless_both_are_known_to_be_one() {
        for (before, client_id, change) in [
            (Some(client("1-a")), Some("1-a"), ClientChange::None),
            (Some(client("1-b")), Some("1-a"), from("1-b")),
            (Some(client("1-b")), None, ClientChange::Unknown),
            (Some(Stored::Hidden), Some("1-a"), ClientChange::Unknown),
            (Some(unusable()), Some("1-a"), ClientChange::Unknown),
            (Some(Stored::Missing), Some("1-a"), ClientChange::Unknown),
            (None, Some("1-a"), ClientChange::Unknown),
        ] {
            let shown = format!("{before:?}");
            let before = Before::Other(before);
            let found = ClientChange::of(false, &before, &client("1-a"), &Step::Keep, client_id);
            assert_eq!(found, change, "{shown}");
        }
    }

    #[test]
    fn another_secret_that_gets_another_value_counts_too() {
        // The stack moves to a secret that another stack may read, with the client that it has already.
        let before = Before::Other(Some(client("1-a")));
        let step = Step::Replace(Reason::Hidden);
        let found = ClientChange::of(false, &before, &Stored::Hidden, &step, Some("1-a"));
        assert_eq!(found, ClientChange::Unknown);
    }
}
