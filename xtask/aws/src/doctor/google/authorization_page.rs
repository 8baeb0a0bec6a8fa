//! The authorization endpoint, opened without cookies and without following where it leads. For a redirect URI that is
//! registered Google leads on to its sign-in; for one that is not, to its error page.
//!
//! How the two look is not documented. What is understood here was read in what public projects recorded of Google's
//! answers, 2024 to 2026: the error page is `/signin/oauth/error` (once `/signin/oauth/error/v2`) of accounts.google.com
//! with a parameter `authError`, base64url of a protocol buffer whose first field is the code
//! (`ChVyZWRpcmVjdF91cmlfbWlzbWF0Y2g...` is `redirect_uri_mismatch`), or it comes at once, with the status 200 or 400 and
//! `Error 400: redirect_uri_mismatch` or `data-error-code` in its HTML, far down in 800 KB; the sign-in is
//! `/v3/signin/identifier`, earlier `/signin/oauth/identifier`, `/AccountChooser` or `/ServiceLogin`. Whatever is neither
//! is not understood.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use postern::clock::Clock;
use postern::outside::google::oauth::AuthorizationRequest;
use postern::outside::http::Answer;
use postern_rules::config::Origins;
use postern_rules::error::Invitation;
use postern_rules::flow::{Beginning, Channel, Flow, ReturnTo};
use postern_rules::scopes::Scopes;
use url::Url;

use super::super::door::ask;
use super::super::finding::Finding;
use super::super::target::Target;
use crate::token_endpoint::Refused;
use crate::web_client::{CONSOLE, WebClient};

const ERROR_PAGE: &str = "/signin/oauth/error";
const SIGN_IN: [&str; 7] = [
    "/v3/signin/identifier",
    "/signin/v2/identifier",
    "/signin/oauth/",
    "/o/oauth2/v2/auth/",
    "/o/oauth2/auth/",
    "/AccountChooser",
    "/ServiceLogin",
];
/// What stands in a page that asks who the person is: Google's field for the address, and the fake Google's button.
const QUESTIONS: [&str; 2] = ["identifierId", "name=\"decision\""];
const CODES: [&str; 5] =
    ["redirect_uri_mismatch", "invalid_client", "deleted_client", "disabled_client", "unauthorized_client"];

/// What the endpoint's answer means.
#[derive(Debug, PartialEq, Eq)]
enum Meaning {
    Accepted,
    Refused(Refused),
    Unclear,
}

/// Opens the URL of a sign-in that nobody will finish.
pub(super) async fn examine(target: &Target, client: &WebClient, scopes: Option<&Scopes>) -> Finding {
    let what = format!("whether Google knows the redirect URI {}", target.callback);
    let Some(url) = sign_in(target, client, scopes) else {
        return Finding::untold(what, "no authorization URL can be made; see auth_uri in the secret");
    };
    let why = match ask(&target.web, target.web.get(url.as_str())).await {
        Err(failure) => format!("Google's authorization endpoint: {failure}"),
        Ok(answer) => match meaning(&answer, &url, &target.callback) {
            Meaning::Accepted => {
                return Finding::good(format!("Google knows the redirect URI {}", target.callback));
            }
            Meaning::Refused(refused) => return super::finding(refused, target, client),
            Meaning::Unclear => {
                format!("its authorization endpoint answers {} in a way not known here", answer.status)
            }
        },
    };
    // The console may know more than the file that was downloaded once.
    let hint =
        if client.redirect_uris.contains(&target.callback) { "; client_secrets.json lists it" } else { "" };
    Finding::untold(
        what,
        format!("{why}{hint}; look at the web client {} at {CONSOLE}", client.google.client_id),
    )
}

fn sign_in(target: &Target, client: &WebClient, scopes: Option<&Scopes>) -> Option<Url> {
    // Nobody is sent there: the flow is never finished.
    let nowhere = Origins::parse("https://postern-doctor.invalid")?;
    let beginning = Beginning {
        return_to: ReturnTo::default_of(&nowhere),
        channel: Channel::Redirect,
        invitation: Invitation::default(),
    };
    let (flow, state) = Flow::begin(&beginning, &client.google.client_id, Clock::System.now());
    let usual = Scopes::default_needed();
    let request = AuthorizationRequest {
        client: &client.google,
        redirect_uri: &target.callback,
        scopes: scopes.unwrap_or(&usual),
        flow: &flow,
        state: &state,
        hint: None,
        hosted_domain: None,
        force_consent: false,
    };
    Url::parse(&request.url().ok()?).ok()
}

fn meaning(answer: &Answer, asked: &Url, callback: &str) -> Meaning {
    if let Some(location) = answer.headers.get(reqwest::header::LOCATION) {
        let url = location.to_str().ok().and_then(|location| asked.join(location).ok());
        return url.map_or(Meaning::Unclear, |url| meaning_of_redirect(&url, asked, callback));
    }
    meaning_of_page(answer.status, &String::from_utf8_lossy(&answer.body))
}

fn meaning_of_redirect(url: &Url, asked: &Url, callback: &str) -> Meaning {
    // Only a registered redirect URI is led back to, be it with an error.
    if url.as_str().split(['?', '#']).next() == Some(callback) {
        return Meaning::Accepted;
    }
    if url.origin() != asked.origin() {
        return Meaning::Unclear;
    }
    if url.path().starts_with(ERROR_PAGE) {
        let error = url.query_pairs().find(|(name, _)| name == "authError");
        let refused = error.and_then(|(_, error)| Refused::of(&code_of(&error)?));
        return refused.map_or(Meaning::Unclear, Meaning::Refused);
    }
    if SIGN_IN.iter().any(|path| url.path().starts_with(path)) { Meaning::Accepted } else { Meaning::Unclear }
}

/// The first field of the protocol buffer: a tag, a length, the code.
fn code_of(error: &str) -> Option<String> {
    let text = error.trim_end_matches('=').replace('+', "-").replace('/', "_");
    // Whole groups of four characters decode even when the rest was cut off.
    let whole = text.get(..text.len() - text.len() % 4)?;
    let bytes = URL_SAFE_NO_PAD.decode(&text).or_else(|_| URL_SAFE_NO_PAD.decode(whole)).ok()?;
    let [0x0a, length, rest @ ..] = bytes.as_slice() else { return None };
    String::from_utf8(rest.get(..usize::from(*length))?.to_vec()).ok()
}

fn meaning_of_page(status: u16, page: &str) -> Meaning {
    let is_named = |code: &&str| {
        let places = [
            format!("data-error-code=\"{code}\""),
            format!("Error 400: {code}"),
            format!("Error 401: {code}"),
        ];
        places.iter().any(|place| page.contains(place.as_str()))
    };
    if let Some(refused) = CODES.iter().find(|code| is_named(code)).and_then(|code| Refused::of(code)) {
        return Meaning::Refused(refused);
    }
    if status == 200 && QUESTIONS.iter().any(|question| page.contains(question)) {
        return Meaning::Accepted;
    }
    Meaning::Unclear
}

#[cfg(test)]
mod tests {
    use super::*;

    const CALLBACK: &str = "https://api.example.com/oauth/callback";

    fn redirected(to: &str) -> Meaning {
        let asked = Url::parse("https://accounts.google.com/o/oauth2/v2/auth?client_id=1").unwrap();
        meaning_of_redirect(&asked.join(to).unwrap(), &asked, CALLBACK)
    }

    #[test]
    fn the_error_page_is_read_by_the_code_in_its_address() {
        // Beginnings of addresses that Google gave.
        for (error, refused) in [
            ("ChVyZWRpcmVjdF91cmlfbWlzbWF0Y2gSsAEKWW91IGNhbid0", Refused::RedirectUriMismatch),
            ("ChVyZWRpcmVjdF91cmlfbWlzbWF0Y2g&flowName=GeneralOAuthFlow", Refused::RedirectUriMismatch),
            (
                "Cg5pbnZhbGlkX2NsaWVudBIfVGhlIE9BdXRoIGNsaWVudCB3YXMgbm90IGZvdW5kLiCRAw%3D%3D",
                Refused::InvalidClient,
            ),
            ("Cg5kZWxldGVkX2NsaWVudA", Refused::DeletedClient),
        ] {
            for page in ["/signin/oauth/error", "/signin/oauth/error/v2"] {
                assert_eq!(
                    redirected(&format!("{page}?authError={error}")),
                    Meaning::Refused(refused),
                    "{error}"
                );
            }
        }
    }

    #[test]
    fn the_way_to_the_sign_in_or_back_is_a_registered_redirect_uri() {
        for to in [
            "/v3/signin/identifier?opparams=x&flowName=GeneralOAuthLite",
            "https://accounts.google.com/signin/oauth/legacy/consent?authuser=unknown",
            "/AccountChooser?continue=x",
            "https://api.example.com/oauth/callback?error=interaction_required&state=1",
        ] {
            assert_eq!(redirected(to), Meaning::Accepted, "{to}");
        }
    }

    #[test]
    fn what_is_neither_is_not_understood() {
        for to in [
            "/signin/oauth/error?authError=",
            "/signin/oauth/error?authError=!!!!",
            "/signin/oauth/error?authError=Cg9vdGhlcl9wcm9ibGVtcyE",
            "/signin/oauth/error",
            "/v3/signin/rejected",
            "https://www.google.com/sorry/index?continue=x",
            "https://accounts.google.com.evil.example/v3/signin/identifier",
            "https://api.example.com/oauth/callback.evil?error=x",
        ] {
            assert_eq!(redirected(to), Meaning::Unclear, "{to}");
        }
        for (status, page) in
            [(200, ""), (200, "<html>unusual traffic"), (503, "identifierId"), (400, "redirect_uri_mismatch")]
        {
            assert_eq!(meaning_of_page(status, page), Meaning::Unclear, "{page}");
        }
    }

    #[test]
    fn a_page_that_comes_at_once_is_read_by_its_marks() {
        let far_down = format!("{}<p>Error 400: redirect_uri_mismatch</p>", "x".repeat(760_000));
        assert_eq!(meaning_of_page(200, &far_down), Meaning::Refused(Refused::RedirectUriMismatch));
        let button = "<button data-response-code=\"401\" data-error-code=\"invalid_client\">";
        assert_eq!(meaning_of_page(401, button), Meaning::Refused(Refused::InvalidClient));
        assert_eq!(meaning_of_page(200, "<input id=\"identifierId\">"), Meaning::Accepted);
    }
}
