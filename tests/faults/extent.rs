//! How much of what could be tried a run tries, how it says so, and how many cores a test may keep busy.

use std::io::Write;
use std::sync::LazyLock;

use tokio::sync::{Semaphore, SemaphorePermit};

/// The variable that asks for everything; without it a run tries a sample.
const VARIABLE: &str = "POSTERN_FAULTS";

/// A sample has one kill point in so many. Each fault starts at another one, so that together they meet every point.
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

/// From one kill point to the next that is tried with the same fault.
pub(crate) fn step() -> usize {
    if *IS_WHOLE { 1 } else { SAMPLE }
}

/// How often a case is repeated, each time with another random schedule.
pub(crate) fn repetitions() -> usize {
    if *IS_WHOLE { 100 } else { 100 / SAMPLE }
}

/// Prints a line past the test runner, which hides what a test that passes prints.
pub(crate) fn say(line: &str) {
    let mut out = std::io::stderr();
    writeln!(out, "{line}").unwrap();
}

/// The test runner starts more tests than there are cores, because most tests only wait. These permits keep the few that
/// compute from slowing each other down: deadlines are real time.
static CORES: LazyLock<(Semaphore, u32)> = LazyLock::new(|| {
    let count = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    (Semaphore::new(count), u32::try_from(count).unwrap())
});

/// One core for a test that keeps it busy.
pub(crate) async fn one_core() -> SemaphorePermit<'static> {
    CORES.0.acquire().await.unwrap()
}

/// All of them for a test that relies on the deadlines of fifty processes at once.
pub(crate) async fn all_cores() -> SemaphorePermit<'static> {
    CORES.0.acquire_many(CORES.1).await.unwrap()
}
