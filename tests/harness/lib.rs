//! The local back ends that tests and `cargo xtask dev` run: Google, DynamoDB and Secrets Manager on loopback.

pub mod calls;
pub mod dynamodb;
pub mod front;
pub mod google;
pub mod jar;
pub mod metrics;
pub mod proxy;
pub mod secrets_manager;
pub mod stack;
pub mod world;

pub use calls::{Call, Fault};
pub use postern_template as template;
pub use stack::{Listeners, Options, Stack};
