//! Properties: what must hold for input that nobody thought of. Each generates input, sends it through the door (or to the
//! parser behind it) and asserts what the answer may be; a failure is shrunk to a small input and printed.
//!
//! `cargo test -p postern-tests --test fuzz` runs a bounded number of cases. `PROPTEST_CASES` is the measure: unset it is
//! 256; a property that costs next to nothing runs a multiple of it, one that goes over sockets a fraction ([`property`]).
//! To search for hours, repeat bounded runs, each of which begins with a new seed:
//!
//! ```sh
//! while PROPTEST_CASES=5000 cargo test -p postern-tests --test fuzz; do :; done
//! ```
//!
//! (One run that is a thousand times as long would do too, but keeps its whole log in memory.) A failing case leaves its
//! seed in `tests/fuzz/regressions`, where each later run tries it first; the seed is printed too. `PROPTEST_RNG_SEED`
//! repeats a whole run.
//!
//! Answers of Google's that are repeated after a pause (408, 429, 5xx, and the error codes that stand for them) are left out
//! of what the properties over sockets generate, for each would take seconds; the fault tests beside this have them.

#![expect(clippy::unwrap_used, reason = "a test that finds nothing where something must be has failed")]

mod bench;
mod body;
mod cookie;
mod event;
mod gmail_error;
mod id_token;
mod input;
mod property;
mod query;
mod return_to;
mod sealed;
mod secrets;
mod token_answer;
