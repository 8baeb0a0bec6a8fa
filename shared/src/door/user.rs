//! The user, as answers show them.

use postern_rules::user::{Email, UserId};
use serde::Serialize;

/// A user in an answer.
#[derive(Serialize)]
pub struct User<'a> {
    id: &'a str,
    email: Option<&'a str>,
}

impl<'a> User<'a> {
    /// The user with Google's ID `id`, and the address if it is known.
    pub fn of(id: &'a UserId, email: Option<&'a Email>) -> Self {
        Self { id: id.as_str(), email: email.map(Email::as_str) }
    }
}
