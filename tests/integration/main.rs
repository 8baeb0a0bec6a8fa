//! Every test sends events to the functions, and checks the answer, the stored state and the calls
//! made.

#![expect(clippy::unwrap_used, reason = "a test that finds nothing where something must be has failed")]

mod ahead;
mod attacks;
mod bad_input;
mod callback;
mod calls;
mod client_change;
mod clocks;
mod codes;
mod connection;
mod consent;
mod contract;
mod disconnect;
mod documents;
mod domains;
mod exchange;
mod faults;
mod flows;
mod herds;
mod kill;
mod layers;
mod message;
mod messages;
mod metrics;
mod neighbours;
mod ratchet;
mod reauthorization;
mod refresh;
mod sealed;
mod server_metadata;
mod set_aside;
mod setbacks;
mod sign_out;
mod sources;
mod spending;
mod start;
mod steady;
mod summaries;
mod tls;
mod token;
mod units;
mod verdicts;
mod wider;
mod wire;
