//! How much of all combinations a run tries, how it prints that, and how many cores a test may use.

use std::io::Write;
use std::sync::LazyLock;

use tokio::sync::{Semaphore, SemaphorePermit};

/// The variable that asks for everything; without it a run tries a sample.
const VARIABLE: &str = "POSTERN_FAULTS";

/// A sample has one kill point in this many. Each fault starts one point later than the fault
/// before, so that together they cover the whole request.
const SAMPLE: usize = 4;

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
    if *IS_WHOLE { 100 } else { 100 / SAMPLE }
}

/// Prints a line although the test runner hides what passing tests print.
pub(crate) fn say(line: &str) {
    let mut out = std::io::stderr();
    writeln!(out, "{line}").unwrap();
}

/// The test runner starts more tests than there are cores, because most tests only wait. These
/// permits keep the few tests that need a core from slowing each other down: their deadlines are
/// real time.
static CORES: LazyLock<(Semaphore, u32)> = LazyLock::new(|| {
    let count = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    (Semaphore::new(count), u32::try_from(count).unwrap())
});

/// Waits for a core that no other such test uses.
pub(crate) async fn one_core() -> SemaphorePermit<'static> {
    CORES.0.acquire().await.unwrap()
}

/// Waits for all cores: for a test in which fifty processes must meet their deadlines at once.
pub(crate) async fn all_cores() -> SemaphorePermit<'static> {
    CORES.0.acquire_many(CORES.1).await.unwrap()
}
