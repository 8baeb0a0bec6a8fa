//! The life of a grant: a code becomes a grant ([`connect`]), a grant becomes a token ([`access`]).
//! The only place where storage, secrets and Google meet.

pub mod access;
mod conditions;
pub mod connect;
mod lease;
pub mod tokens_at_rest;
mod wait;
