//! What fails around the functions, and when: the line to a back end, the process itself, and the order of things when
//! many act at once. Every test goes through the door.

#![expect(clippy::unwrap_used, reason = "a test that finds nothing where something must be has failed")]

mod behind;
mod contention;
mod crash;
mod outage;
mod schedule;
mod stale;

/// Who counts on an answer within the deadlines of fifty processes at once has the machine for itself.
static CORES: tokio::sync::RwLock<()> = tokio::sync::RwLock::const_new(());
