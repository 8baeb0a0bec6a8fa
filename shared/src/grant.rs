//! The life of a grant: [`connect`] turns Google's code into a grant, [`access`] turns a grant into an
//! access token, and [`redeem`] turns a one-time code of ours into a session. Only this module combines storage, secrets and Google.

pub mod access;
mod conditions;
pub mod connect;
mod lease;
pub mod redeem;
mod session;
pub mod tokens_at_rest;
mod wait;
