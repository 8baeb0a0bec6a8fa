//! How much of all combinations a run tries, and how it prints that.

use std::io::Write;
use std::sync::LazyLock;

/// The variable that asks for everything; without it a run tries a sample.
const VARIABLE: &str = "POSTERN_FAULTS";

/// A sample has one kill point in this many. Each fault starts one point later than the fault
/// before, so that together they cover the whole request.
const SAMPLE: usize = 10;

#[expect(
    clippy::disallowed_methods,
    reason = "the extent of a test run is not configuration of the functions"
)]
static IS_WHOLE: LazyLock<bool> = LazyLock::new(|| match std::env::var(VARIABLE).as_deref() {
    Ok("all") => true,
    Ok(other) => panic!("{VARIABLE} is `all` or not set, not {other:?}"),
    Err(_) => false,
});

/// The distance between two kill points that are tried with the same fault.
pub(crate) fn step() -> usize {
    if *IS_WHOLE { 1 } else { SAMPLE }
}

/// How often a case is repeated, each time with another random schedule.
pub(crate) fn repetitions() -> usize {
    if *IS_WHOLE { 100 } else { 25 }
}

/// Prints a line although the test runner hides what passing tests print.
pub(crate) fn say(line: &str) {
    let mut out = std::io::stderr();
    writeln!(out, "{line}").unwrap();
}
