//! The answers.

use postern::door::User;
use postern::grant::access::hand_out::HandedOut;
use postern_rules::credential::{Credential, Standing};
use postern_rules::scopes::Scopes;
use postern_rules::time::Timestamp;
use serde::{Serialize, Serializer};

/// What a caller gets.
pub struct Output {
    /// What it asked for.
    pub says: Says,
    /// Only for a receipt: where it comes from.
    pub origin: Option<Origin>,
}

/// The front end that a receipt was issued to, if there was one.
#[derive(Serialize)]
pub struct Origin(pub Option<String>);

/// What a caller asked for.
pub enum Says {
    /// A token.
    Token(HandedOut),
    /// How the connection stands.
    Standing(Credential, Standing),
}

/// The members of both answers. Which are there depends on the question alone.
#[derive(Serialize)]
struct Members<'a> {
    #[serde(flatten)]
    token: Option<Token<'a>>,
    scopes: Vec<&'a str>,
    user: User<'a>,
    #[serde(flatten)]
    standing: Option<Words>,
    #[serde(skip_serializing_if = "Option::is_none")]
    origin: Option<&'a Origin>,
}

#[derive(Serialize)]
#[expect(clippy::struct_field_names, reason = "the names of RFC 6749")]
struct Token<'a> {
    access_token: &'a str,
    token_type: &'static str,
    expires_at: Option<i64>,
}

#[derive(Serialize)]
struct Words {
    status: &'static str,
    reason: Option<&'static str>,
}

impl Serialize for Output {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let (token, credential, scopes, standing) = match &self.says {
            Says::Token(HandedOut { credential, token, expires_at, scopes }) => {
                let expires_at = expires_at.map(Timestamp::seconds);
                let token = Token { access_token: token.expose(), token_type: "Bearer", expires_at };
                (Some(token), credential, scopes, None)
            }
            Says::Standing(credential, standing) => {
                let words = Words { status: standing.status(), reason: standing.reason() };
                (None, credential, &credential.scopes, Some(words))
            }
        };
        let members = Members {
            token,
            scopes: Scopes::iter(scopes).collect(),
            user: User::of(&credential.user, credential.email.as_ref()),
            standing,
            origin: self.origin.as_ref(),
        };
        members.serialize(serializer)
    }
}
