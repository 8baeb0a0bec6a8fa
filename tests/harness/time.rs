//! The time of a test. It moves only while nothing is left to do, so the speed of this machine and
//! what else it does count in no test, and no test waits.

use std::cell::Cell;
use std::time::Duration;

use tokio::runtime::{Handle, Id, RuntimeFlavor};

thread_local! {
    /// The runtime whose time this thread last paused.
    static PAUSED: Cell<Option<Id>> = const { Cell::new(None) };
}

/// Pauses the time of the current runtime. A runtime of several threads cannot pause: it keeps real
/// time.
pub(crate) fn pause() {
    let runtime = Handle::current();
    let is_paused = PAUSED.replace(Some(runtime.id())) == Some(runtime.id());
    if is_paused || runtime.runtime_flavor() != RuntimeFlavor::CurrentThread {
        return;
    }
    tokio::time::pause();
    #[expect(clippy::disallowed_methods, reason = "ends with the runtime of the test")]
    tokio::spawn(tick());
}

/// Lets time pass in steps of a millisecond. When nothing seems left to do, the kernel may only not
/// have delivered a byte yet; without these steps, time would jump to the next deadline.
async fn tick() {
    loop {
        tokio::time::sleep(Duration::from_millis(1)).await;
        std::thread::yield_now();
    }
}
