//! Postern's rules: what must be true, whatever the network does. No async runtime, no HTTP client,
//! no AWS: this crate's `Cargo.toml` keeps them out.

pub mod config;
pub mod credential;
pub mod digest;
pub mod error;
pub mod flow;
pub mod google_client;
pub mod random;
pub mod scopes;
pub mod seal;
pub mod secret;
pub mod session;
pub mod time;
pub mod user;
