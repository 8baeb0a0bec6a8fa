//! Every test here goes through the door: an event in; the answer, the state left and the calls made out.

#![expect(clippy::unwrap_used, reason = "a test that finds nothing where something must be has failed")]

mod attacks;
mod bad_input;
mod callback;
mod calls;
mod contract;
mod exchange;
mod faults;
mod kill;
mod messages;
mod metrics;
mod ratchet;
mod reauthorization;
mod refresh;
mod sources;
mod start;
mod tls;
mod verdicts;
mod wire;
