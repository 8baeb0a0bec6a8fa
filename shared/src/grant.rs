//! The life of a grant: [`connect`] turns a code into a grant, [`access`] turns a grant into an
//! access token. Only this module combines storage, secrets and Google.

pub mod access;
mod conditions;
pub mod connect;
mod lease;
pub mod tokens_at_rest;
mod wait;
