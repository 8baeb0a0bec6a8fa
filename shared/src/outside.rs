//! Clients of the outside systems, each reached at a URL. They return values or small typed errors
//! and depend neither on this API's requests nor on each other.

pub mod dynamodb;
#[cfg(feature = "events")]
pub mod event_bus;
pub mod google;
pub mod http;
pub mod secrets_manager;
