//! The systems outside, each reached at a URL. They return values or small typed errors, know
//! nothing of HTTP requests to this API, and nothing of each other.

pub mod dynamodb;
pub mod google;
pub mod http;
pub mod secrets_manager;
