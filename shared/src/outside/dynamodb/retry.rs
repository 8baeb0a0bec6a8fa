//! How long a call to the store is waited for, and which ones are insisted on.

use std::time::Duration;

use super::StoreError;
use crate::clock::Deadline;

/// The pause before something that must not be lost is tried again.
const PAUSE: Duration = Duration::from_millis(100);

/// Carries out one call, by `deadline` at the latest: the SDK's own timeouts know nothing of a request's.
pub async fn within<T>(
    deadline: Deadline,
    call: impl Future<Output = Result<T, StoreError>>,
) -> Result<T, StoreError> {
    let late = || StoreError::Unavailable("no time is left".to_owned());
    // On the heap: the SDK's futures are large, and stand in many others.
    tokio::time::timeout(deadline.remaining(), Box::pin(call)).await.unwrap_or_else(|_| Err(late()))
}

/// Repeats what must not be lost until it is done or the time is over (F18, F31).
pub async fn insist<T>(
    deadline: Deadline,
    attempt: impl AsyncFn() -> Result<T, StoreError>,
) -> Result<T, StoreError> {
    loop {
        match within(deadline, attempt()).await {
            Err(error @ StoreError::Unavailable(_)) if deadline.allows(PAUSE) => {
                tracing::warn!(error = %error, "a call to the store is tried again");
                tokio::time::sleep(PAUSE).await;
            }
            outcome => return outcome,
        }
    }
}
