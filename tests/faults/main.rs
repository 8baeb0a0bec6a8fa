//! What fails around the functions, and when: the line to a back end, the process itself, and the order of things when
//! many act at once. Every test goes through the door.

#![expect(clippy::unwrap_used, reason = "a test that finds nothing where something must be has failed")]

mod behind;
mod contention;
mod crash;
mod extent;
mod outage;
mod schedule;
mod stale;
