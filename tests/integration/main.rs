//! Every test here goes through the door: an event in; the answer, the state left and the calls made out.

#![expect(clippy::unwrap_used, reason = "a test that finds nothing where something must be has failed")]

mod bad_input;
mod callback;
mod calls;
mod catalogue;
mod contract;
mod kill;
mod messages;
mod ratchet;
mod reauthorization;
mod refresh;
mod start;
mod tls;
mod wire;
