//! Gets a yes to the plan, from the caller's words or from the person at the terminal. That every user must consent again is
//! a question of its own, which --yes does not answer.

use super::client_change::ClientChange;
use super::question::answer_is_yes;

/// What the caller has said already.
#[derive(Clone, Copy)]
pub(crate) struct Said {
    /// `--yes`
    pub(crate) yes: bool,
    /// `--change-client`
    pub(crate) change_client: bool,
}

/// Asks what is left to ask.
pub(crate) async fn obtain(said: Said, change: &ClientChange) -> Result<(), String> {
    let second = if said.change_client { None } else { Second::about(change) };
    if said.yes {
        return second.map_or(Ok(()), |second| {
            Err(format!("{}, and --yes does not answer for them: give --change-client, too", second.fact))
        });
    }
    let mut agrees = answer_is_yes("Build and deploy this?").await;
    if let Some(second) = second {
        agrees = agrees && answer_is_yes(second.question).await;
    }
    if agrees { Ok(()) } else { Err("nothing was changed".to_owned()) }
}

/// What the plan's yes does not answer.
struct Second {
    fact: &'static str,
    question: &'static str,
}

impl Second {
    const fn about(change: &ClientChange) -> Option<Self> {
        match change {
            ClientChange::None => None,
            ClientChange::From(_) => Some(Self {
                fact: "this changes the client, so that every user must consent again",
                question: "Change the client, so that every user must consent again?",
            }),
            ClientChange::Unknown => Some(Self {
                fact: "it is not known whether this changes the client, so that every user must consent again",
                question: "It is not known whether this changes the client. Do it, though every user may have to consent again?",
            }),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::client_change::Before;
    use super::super::decision::{Stored, decide};
    use super::*;
    use crate::web_client::tests::downloaded;

    const YES: Said = Said { yes: true, change_client: false };

    #[tokio::test]
    async fn yes_does_not_answer_for_every_user() {
        let from = ClientChange::From("1-a".to_owned());
        assert_eq!(obtain(YES, &ClientChange::None).await, Ok(()));
        for (change, part) in
            [(from, "this changes the client"), (ClientChange::Unknown, "it is not known whether")]
        {
            let problem = obtain(YES, &change).await.unwrap_err();
            assert!(problem.contains(part) && problem.ends_with("give --change-client, too"), "{problem}");
            assert_eq!(obtain(Said { change_client: true, ..YES }, &change).await, Ok(()));
        }
    }

    #[tokio::test]
    async fn a_stored_client_that_may_not_be_read_is_not_replaced_by_yes_alone() {
        let file = downloaded("1-b", "s", &[]);
        let step = decide("name", &Stored::Hidden, Some(&file)).unwrap();
        let id = Some(file.google.client_id.as_str());
        let change = ClientChange::of(false, &Before::Same, &Stored::Hidden, &step, id);
        assert!(obtain(YES, &change).await.is_err());
    }
}
