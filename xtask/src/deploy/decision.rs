//! What becomes of the secret with Google's client: the one place where that is decided. Pure.

use crate::web_client::WebClient;

/// What Secrets Manager has under the name.
#[derive(Debug)]
pub(crate) enum Stored {
    /// Nothing.
    Missing,
    /// A secret whose value these credentials may not read; the functions have permissions of their own.
    Hidden,
    /// A secret whose value will not do: the end of a sentence that says why.
    Unusable(String),
    /// A web client.
    Client(WebClient),
}

/// What is done with the secret.
#[derive(Debug, PartialEq)]
pub(crate) enum Step {
    /// Nothing; what is stored serves.
    Keep,
    /// It is made.
    Create,
    /// It gets a new version.
    Replace(Reason),
}

/// Why a new version is put.
#[derive(Debug, PartialEq)]
pub(crate) enum Reason {
    /// The same client has a new secret, or new addresses at Google.
    NewSecret,
    /// It is the same in all but the list of redirect URIs, which is longer in the file.
    LongerList,
    /// It is another client.
    NewClient,
    /// What is stored is of no use.
    Unusable,
    /// What is stored cannot be compared.
    Hidden,
}

impl Stored {
    /// The client, if there is one that can be read.
    pub(crate) const fn client(&self) -> Option<&WebClient> {
        match self {
            Self::Client(client) => Some(client),
            Self::Missing | Self::Hidden | Self::Unusable(_) => None,
        }
    }
}

/// Decides from what is stored and from the file, if one is given.
pub(crate) fn decide(name: &str, stored: &Stored, file: Option<&WebClient>) -> Result<Step, String> {
    let Some(file) = file else { return without_file(name, stored) };
    Ok(match stored {
        Stored::Missing => Step::Create,
        Stored::Hidden => Step::Replace(Reason::Hidden),
        Stored::Unusable(_) => Step::Replace(Reason::Unusable),
        Stored::Client(stored) if stored.google.client_id != file.google.client_id => {
            Step::Replace(Reason::NewClient)
        }
        Stored::Client(stored) if !stored.means_the_same_as(file) => Step::Replace(Reason::NewSecret),
        // A shorter list is an older download, and no reason to forget what a newer one said.
        Stored::Client(stored) if file.redirect_uris.iter().any(|uri| !stored.lists(uri)) => {
            Step::Replace(Reason::LongerList)
        }
        Stored::Client(_) => Step::Keep,
    })
}

fn without_file(name: &str, stored: &Stored) -> Result<Step, String> {
    let advice = "give --client-secret FILE with the JSON of a web client, as Google's console downloads it";
    match stored {
        Stored::Missing => Err(format!("there is no secret {name} in Secrets Manager yet; {advice}")),
        Stored::Unusable(end) => Err(format!("{name} is a secret {end}; {advice}")),
        Stored::Hidden | Stored::Client(_) => Ok(Step::Keep),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::web_client::tests::downloaded;

    const CALLBACK: &str = "https://api.example.com/oauth/callback";
    const LOCAL: &str = "http://localhost:9000/oauth/callback";

    #[test]
    fn a_secret_is_written_only_when_the_file_says_something_new() {
        let file = || downloaded("1-a", "s", &[CALLBACK]);
        for (stored, step) in [
            (Stored::Missing, Step::Create),
            (Stored::Hidden, Step::Replace(Reason::Hidden)),
            (Stored::Unusable("without".to_owned()), Step::Replace(Reason::Unusable)),
            (Stored::Client(file()), Step::Keep),
            (Stored::Client(downloaded("1-a", "s", &[LOCAL, CALLBACK])), Step::Keep),
            (Stored::Client(downloaded("1-a", "s", &[LOCAL])), Step::Replace(Reason::LongerList)),
            (Stored::Client(downloaded("1-a", "t", &[CALLBACK])), Step::Replace(Reason::NewSecret)),
            (Stored::Client(downloaded("1-b", "s", &[CALLBACK])), Step::Replace(Reason::NewClient)),
        ] {
            assert_eq!(decide("name", &stored, Some(&file())), Ok(step), "{stored:?}");
        }
    }

    #[test]
    fn without_a_file_the_secret_must_be_there_and_usable() {
        for (stored, part) in [
            (
                Stored::Missing,
                "there is no secret postern/google-client in Secrets Manager yet; give --client-secret",
            ),
            (
                Stored::Unusable("whose words end".to_owned()),
                "postern/google-client is a secret whose words end;",
            ),
        ] {
            let problem = decide("postern/google-client", &stored, None).unwrap_err();
            assert!(problem.contains(part), "{problem}");
        }
        for stored in [Stored::Hidden, Stored::Client(downloaded("1-a", "s", &[]))] {
            assert_eq!(decide("postern/google-client", &stored, None), Ok(Step::Keep));
        }
    }

    #[test]
    fn nothing_of_a_secret_is_shown() {
        let stored = Stored::Client(downloaded("1-a", "s", &[CALLBACK]));
        let file = downloaded("1-b", "t", &[CALLBACK]);
        let step = decide("name", &stored, Some(&file));
        for shown in [format!("{stored:?}"), format!("{file:?}"), format!("{step:?}")] {
            assert!(!shown.contains("planted"), "{shown}");
        }
    }
}
