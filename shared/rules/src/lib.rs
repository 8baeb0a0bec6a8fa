//! Postern's rules, free of I/O: `Cargo.toml` has no async runtime, HTTP client or AWS crate.

pub mod code;
pub mod config;
pub mod credential;
pub mod digest;
pub mod error;
pub mod event;
pub mod flow;
pub mod google_client;
pub mod import;
pub mod mail;
pub mod pkce;
pub mod random;
pub mod receipt;
pub mod scopes;
pub mod seal;
pub mod secret;
pub mod security_event;
pub mod session;
pub mod time;
pub mod user;
