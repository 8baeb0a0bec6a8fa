//! The answers.

use postern::door::User;
use postern::grant::access::hand_out::HandedOut;
use postern_rules::credential::{Credential, Standing};
use postern_rules::scopes::Scopes;
use postern_rules::time::Timestamp;
use serde::{Serialize, Serializer};

/// What a caller gets.
pub enum Output {
    /// A token.
    Token(HandedOut),
    /// Whose session it is, and whether a token would be handed out.
    Introspection {
        /// The user's credential.
        credential: Credential,
        /// How the connection stands.
        standing: Standing,
    },
}

#[derive(Serialize)]
struct Handed<'a> {
    access_token: &'a str,
    token_type: &'static str,
    expires_at: Option<i64>,
    scopes: Vec<&'a str>,
    user: User<'a>,
}

#[derive(Serialize)]
struct Introspection<'a> {
    user: User<'a>,
    scopes: Vec<&'a str>,
    status: &'static str,
    reason: Option<&'static str>,
}

impl Serialize for Output {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Token(HandedOut { credential, token, expires_at, scopes }) => Handed {
                access_token: token.expose(),
                token_type: "Bearer",
                expires_at: expires_at.map(Timestamp::seconds),
                scopes: list(scopes),
                user: user(credential),
            }
            .serialize(serializer),
            Self::Introspection { credential, standing } => Introspection {
                user: user(credential),
                scopes: list(&credential.scopes),
                status: standing.status(),
                reason: standing.reason(),
            }
            .serialize(serializer),
        }
    }
}

fn user(credential: &Credential) -> User<'_> {
    User::of(&credential.user, credential.email.as_ref())
}

fn list(scopes: &Scopes) -> Vec<&str> {
    scopes.iter().collect()
}
