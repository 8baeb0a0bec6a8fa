//! What Postern relies on in DynamoDB and Secrets Manager, tried through its own store and secrets. Runs against the local
//! fakes, and with `POSTERN_CONTRACT_ENDPOINT` against whatever answers there: the fakes are trusted for passing both.

#![expect(clippy::unwrap_used, reason = "a test that finds nothing where something must be has failed")]

mod answers;
mod back_end;
mod credentials;
mod given;
mod refreshing;
mod secrets;
mod sessions;
mod tables;
mod wire;
