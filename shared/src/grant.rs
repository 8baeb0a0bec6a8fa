//! The life of a grant: a code becomes a grant ([`connect`]), a grant becomes a token ([`access`]).
//! The only joint of storage, secrets and Google.

pub mod access;
pub mod connect;
pub(crate) mod refused_client;
pub mod tokens_at_rest;
