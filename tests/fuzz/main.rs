//! Properties: what must hold for input that nobody thought of. Each test generates input, sends it
//! to a function (or to the parser behind it) and asserts what the answer may be. A failure is
//! shrunk to a small input and printed.
//!
//! `cargo test -p postern-tests --test fuzz` runs a bounded number of cases: `PROPTEST_CASES` (256
//! if unset), times a factor for the cost of the property ([`property`]). To search for hours,
//! repeat bounded runs, each with a new seed:
//!
//! ```sh
//! while PROPTEST_CASES=5000 cargo test -p postern-tests --test fuzz; do :; done
//! ```
//!
//! (One very long run would work too, but it keeps its whole log in memory.) The seed of a failing
//! case is printed and saved in `tests/fuzz/regressions`; each later run tries it first.
//! `PROPTEST_RNG_SEED` repeats a whole run.
//!
//! Properties that use sockets do not generate answers of Google after which a call is repeated
//! (408, 429, 5xx, and the error codes with the same meaning), because each would take seconds. The
//! fault tests cover those.

#![expect(clippy::unwrap_used, reason = "a test that finds nothing where something must be has failed")]

mod bench;
mod body;
mod cookie;
mod event;
mod gmail_error;
mod id_token;
mod input;
mod mail;
mod property;
mod query;
mod return_to;
mod sealed;
mod secrets;
mod security_event;
mod token_answer;
