//! What fails around the functions, and when: the connection to a back end, the process itself, and
//! the order of events when many requests run at once. Every test sends events to the functions.

#![expect(clippy::unwrap_used, reason = "a test that finds nothing where something must be has failed")]

mod behind;
mod both_doors;
mod contention;
mod crash;
mod extent;
mod outage;
mod schedule;
mod stale;
