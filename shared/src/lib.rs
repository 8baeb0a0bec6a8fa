//! What Postern's Lambda functions share: the door ([`gateway`]), the rules and the outside systems.
//!
//! Imports run downward only; ARCHITECTURE.md has the map.

pub mod access;
pub mod app;
pub mod clock;
pub mod config;
pub mod connect;
pub mod credential;
pub mod custody;
pub mod error;
pub mod flow;
pub mod gateway;
pub mod google;
pub mod google_client;
pub mod outbound;
pub mod random;
pub mod refused_client;
pub mod seal;
pub mod secret;
pub mod secrets;
pub mod session;
pub mod store;
pub mod telemetry;
pub mod throttle;
pub mod user;
