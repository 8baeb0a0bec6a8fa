//! Whether Google knows the client of the file, asked before the file is stored. Spends nothing and changes nothing.

use std::time::Duration;

use postern::outside::http::HttpStack;

use crate::token_endpoint::{Refused, Verdict, ask};
use crate::web_client::{CONSOLE, WebClient};

const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
/// Google looks at the client before it looks at this.
const NO_REDIRECT_URI: &str = "https://postern-deploy.invalid/oauth/callback";

/// Refuses a client that Google refuses; gives a warning when Google does not tell.
pub(crate) async fn check(file: &WebClient, callback: Option<&str>) -> Result<Option<String>, String> {
    let listed = file.redirect_uris.first().map(String::as_str);
    let redirect_uri = callback.or(listed).unwrap_or(NO_REDIRECT_URI);
    let web = HttpStack::new(None).map_err(|error| error.to_string())?.client(CONNECT_TIMEOUT, true);
    let why = match ask(&web, &file.google, redirect_uri).await {
        Ok(Verdict::Accepted) => return Ok(None),
        Ok(Verdict::WrongSecret) => {
            return Err(refusal(
                &format!("Google refuses the client secret in the file of {}", file.google.client_id),
                "give its current client_secrets.json; a secret that is lost is made anew",
            ));
        }
        Ok(Verdict::Refused(refused)) => match words_of(refused) {
            Some((fact, mend)) => {
                return Err(refusal(&format!("the client {} {fact}", file.google.client_id), mend));
            }
            None => format!("it does not know the redirect URI {redirect_uri}; see {CONSOLE}"),
        },
        Ok(Verdict::Unavailable(status)) => format!("it is not available ({status})"),
        Ok(Verdict::OtherError(status)) => {
            format!("it answers {status} with another error than those known here")
        }
        Ok(Verdict::Undocumented(status)) => {
            format!("its token endpoint answers {status} and not as documented; see token_uri in the file")
        }
        Err(failure) => format!("its token endpoint: {failure}"),
    };
    Ok(Some(format!("Google does not tell whether it knows the file's client and secret: {why}")))
}

fn refusal(fact: &str, mend: &str) -> String {
    format!("{fact}: {mend} ({CONSOLE}). Nothing was changed")
}

/// What is the matter with the client, and what to do; nothing when it is not the client.
const fn words_of(refused: Refused) -> Option<(&'static str, &'static str)> {
    Some(match refused {
        Refused::InvalidClient => ("is not known to Google", "give the file of a web client that exists"),
        Refused::DeletedClient => {
            ("was deleted at Google", "restore it within 30 days, or give another's file")
        }
        Refused::DisabledClient => ("is disabled at Google", "see why, or give another's file"),
        Refused::UnauthorizedClient => {
            ("may not redeem authorization codes", "give the file of a client of the type Web application")
        }
        Refused::RedirectUriMismatch => return None,
    })
}

#[cfg(test)]
mod tests {
    use harness::google::{Endpoint, Failure, Google, Times};
    use postern::clock::Clock;

    use super::*;
    use crate::web_client::ClientText;

    const CALLBACK: &str = "https://api.example.com/oauth/callback";
    const CLIENT: &str = "640512773041-p0sternfakeclient.apps.googleusercontent.com";

    fn file(google: &Google) -> WebClient {
        WebClient::parse(ClientText::new(google.client_secrets(&[CALLBACK]))).unwrap()
    }

    #[tokio::test]
    async fn a_client_that_google_knows_is_asked_about_once_with_the_callback_or_with_any_address() {
        let google = Google::start_anywhere(Clock::System).await;
        for callback in [Some("https://other.example.com/oauth/callback"), None] {
            assert_eq!(check(&file(&google), callback).await, Ok(None));
        }
        let calls = google.calls_to(Endpoint::Token);
        assert_eq!(calls.len(), 2);
        assert!(calls[0].body.contains("other.example.com") && calls[1].body.contains("api.example.com"));
    }

    #[tokio::test]
    async fn a_client_that_google_refuses_is_refused_with_what_to_do() {
        for (error, description, part) in [
            (
                "invalid_client",
                "The provided client secret is invalid.",
                "refuses the client secret in the file",
            ),
            ("invalid_client", "The OAuth client was not found.", "is not known to Google"),
            ("deleted_client", "", "was deleted at Google"),
            ("disabled_client", "", "is disabled at Google"),
            ("unauthorized_client", "", "may not redeem authorization codes"),
        ] {
            let google = Google::start_anywhere(Clock::System).await;
            let (error, description) = (error.to_owned(), description.to_owned());
            let failure = Failure::OAuth { status: 401, error, description };
            google.fail(Endpoint::Token, failure, Times::UntilCleared);
            let problem = check(&file(&google), Some(CALLBACK)).await.unwrap_err();
            for part in [part, CLIENT, CONSOLE] {
                assert!(problem.contains(part), "{problem}");
            }
            assert!(!problem.contains("GOCSPX"), "{problem}");
        }
    }

    #[tokio::test]
    async fn what_google_does_not_tell_is_a_warning() {
        let planted = "https://planted.example.com";
        let answer =
            |status: u16, body: &str| Failure::Answer { status, headers: Vec::new(), body: body.to_owned() };
        for (failure, part) in [
            (Failure::Status(503), "503"),
            (answer(200, planted), "not as documented"),
            (answer(400, r#"{"error":"planted"}"#), "400"),
            (answer(400, r#"{"error":"redirect_uri_mismatch"}"#), CALLBACK),
        ] {
            let google = Google::start_anywhere(Clock::System).await;
            google.fail(Endpoint::Token, failure, Times::UntilCleared);
            let warning = check(&file(&google), Some(CALLBACK)).await.unwrap().unwrap();
            assert!(warning.contains(part) && !warning.contains("planted"), "{warning}");
        }
    }

    #[tokio::test]
    async fn a_google_that_cannot_be_reached_is_a_warning() {
        let google = Google::start_anywhere(Clock::System).await;
        let text = google.client_secrets(&[CALLBACK]).replace(google.url(), "http://127.0.0.1:9");
        let file = WebClient::parse(ClientText::new(text)).unwrap();
        let warning = check(&file, None).await.unwrap().unwrap();
        assert!(warning.contains("no connection"), "{warning}");
    }
}
