//! Parses a token request: a form, whose unknown fields are ignored. Makes no decisions.

use postern::door::Request;
use postern::door::query::Query;
use postern_rules::code::{self, Proof};
use postern_rules::error::Error;
use postern_rules::pkce::parse_verifier;
use postern_rules::secret::OneTimeCode;

/// How the front end wants its session.
pub(crate) enum Wish {
    /// As a bearer token in the answer.
    Token,
    /// In a cookie that scripts cannot read.
    Cookie,
}

/// A well-formed token request.
pub(crate) struct TokenRequest {
    pub(crate) code: OneTimeCode,
    pub(crate) proof: Proof,
    pub(crate) wish: Wish,
}

impl TokenRequest {
    pub(crate) fn parse(request: &Request) -> Result<Self, Error> {
        let form = request.form()?;
        let grant_type = needed(&form, "grant_type", "grant_type is missing.")?;
        if grant_type != "authorization_code" {
            return Err(Error::UnsupportedGrantType);
        }
        let code = needed(&form, "code", "code is missing.")?;
        let verifier = needed(&form, "code_verifier", "code_verifier is missing.")?;
        let verifier = parse_verifier(verifier)
            .ok_or(Error::InvalidRequest("code_verifier must be 43 to 128 unreserved characters."))?;
        let proof = Proof {
            verifier,
            redirect_uri: needed(&form, "redirect_uri", "redirect_uri is missing.")?.to_owned(),
            client_id: needed(&form, "client_id", "client_id is missing.")?.to_owned(),
        };
        let wish = wish(request, form.given("session")?)?;
        // A code of another form is as unknown as any other.
        let code = code::parse(code).ok_or(Error::InvalidGrant)?;
        Ok(Self { code, proof, wish })
    }
}

/// Only a page has a place for a cookie. The door has checked the origin of one that names it.
fn wish(request: &Request, session: Option<&str>) -> Result<Wish, Error> {
    match session {
        None => Ok(Wish::Token),
        Some("cookie") if request.header("origin").is_some() => Ok(Wish::Cookie),
        Some("cookie") => Err(Error::InvalidRequest("session=cookie is for pages, which send an Origin.")),
        Some(_) => Err(Error::InvalidRequest("session must be cookie, or absent.")),
    }
}

fn needed<'a>(form: &'a Query, name: &str, missing: &'static str) -> Result<&'a str, Error> {
    form.given(name)?.ok_or(Error::InvalidRequest(missing))
}
