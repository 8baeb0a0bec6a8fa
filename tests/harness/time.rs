//! The time of a test that has a `World`. It moves only while nothing is left to do, so the speed of
//! this machine and what else it does count for little, and no test waits.

use std::cell::Cell;
use std::time::Duration;

use tokio::runtime::{Handle, Id};

thread_local! {
    /// The runtime whose time this thread last paused.
    static PAUSED: Cell<Option<Id>> = const { Cell::new(None) };
}

/// Pauses the time of the current runtime, once.
///
/// # Panics
/// In a runtime of several threads, which keeps real time.
pub fn pause() {
    let runtime = Handle::current().id();
    if PAUSED.replace(Some(runtime)) == Some(runtime) {
        return;
    }
    tokio::time::pause();
    #[expect(clippy::disallowed_methods, reason = "ends with the runtime of the test")]
    tokio::spawn(tick());
}

/// Lets time pass in steps of a millisecond. When nothing seems left to do, the kernel may only not
/// have delivered a byte yet. Without these steps, time would jump to the next deadline. Without the
/// pauses of real time, a kernel that is late by some milliseconds would let deadlines pass.
async fn tick() {
    loop {
        for _ in 0..20 {
            tokio::time::sleep(Duration::from_millis(1)).await;
            std::thread::yield_now();
        }
        std::thread::sleep(Duration::from_micros(100));
    }
}
