//! The local back ends of the tests and of `cargo xtask dev`: Google, DynamoDB, Secrets Manager and
//! the front of the functions, on loopback; and somebody who visits them.

pub mod aws;
pub mod browser;
pub mod check;
pub mod dynamodb;
pub mod event_bus;
pub mod front;
pub mod google;
pub mod jar;
mod journal;
pub mod metrics;
pub mod page;
pub mod proxy;
pub mod schemas;
pub mod secrets_manager;
mod server;
pub mod stack;
pub mod time;
pub mod visit;
pub mod wire;
pub mod world;

pub use aws::{Call, Fault};
pub use journal::Times;
pub use postern_template as template;
pub use stack::{Listeners, Options, Stack};

/// Random letters and digits.
pub(crate) fn random_text(length: usize) -> String {
    let letters = std::iter::repeat_with(postern_rules::random::token)
        .flat_map(String::into_bytes)
        .filter(u8::is_ascii_alphanumeric);
    letters.take(length).map(char::from).collect()
}
