//! The life of a grant: [`connect`] turns Google's code into a grant, [`access`] turns a grant into
//! an access token, [`redeem`] turns a one-time code of ours into a session, [`receipt`] tells a
//! back end whose grant it is, [`import`] turns a refresh token from another system into a grant,
//! [`disconnect`] ends a grant, [`security_event`] ends what Google's security events concern,
//! [`upkeep`] keeps a grant alive that nobody uses, and [`reseal`] seals the tokens of a stored
//! grant again, also in another table. Only this module combines storage, secrets and Google.

pub mod access;
mod conditions;
pub mod connect;
pub mod disconnect;
pub mod import;
mod lease;
pub mod receipt;
pub mod redeem;
pub mod reseal;
pub mod security_event;
mod session;
pub mod tokens_at_rest;
pub mod upkeep;
mod wait;

use std::time::Duration;

/// Time that a request reserves for its answer.
const REPLY_RESERVE: Duration = Duration::from_millis(100);
