//! The life of a grant: [`connect`] turns a code into a grant, [`access`] turns a grant into an
//! access token, [`disconnect`] ends a grant. Only this module combines storage, secrets and Google.

pub mod access;
mod conditions;
pub mod connect;
pub mod disconnect;
mod lease;
pub mod tokens_at_rest;
mod wait;
