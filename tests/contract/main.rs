//! What Postern relies on in DynamoDB and Secrets Manager, tested through its own store and
//! secrets. Runs against the local fakes, or against the emulator at `POSTERN_CONTRACT_ENDPOINT`.
//! The fakes are trusted because both pass.

#![expect(clippy::unwrap_used, reason = "a test that finds nothing where something must be has failed")]

mod answers;
mod back_end;
mod by_status;
mod codes;
mod credentials;
mod ending;
mod given;
mod noticing;
mod passes;
mod receipts;
mod refreshing;
mod secrets;
mod sessions;
mod tables;
