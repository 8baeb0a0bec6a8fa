//! The library of Postern's Lambda functions. [`door`] parses requests and renders replies,
//! [`grant`] connects and uses a user's grant, and [`outside`] calls the other systems. The pure
//! rules are in the crate `postern-rules`.

pub mod app;
pub mod clock;
mod config;
pub mod door;
pub mod grant;
pub mod outside;
pub mod telemetry;
