//! Limits calls to the store by the request's deadline, and repeats those that must succeed.

use std::time::Duration;

use super::StoreError;
use crate::clock::Deadline;

/// The pause before [`insist`] tries again.
const PAUSE: Duration = Duration::from_millis(100);

/// Makes one call and gives up at `deadline`, which the SDK's timeouts do not take into account.
pub async fn within<T>(
    deadline: Deadline,
    call: impl Future<Output = Result<T, StoreError>>,
) -> Result<T, StoreError> {
    tokio::time::timeout(deadline.remaining(), call)
        .await
        .unwrap_or_else(|_| Err(StoreError::Unavailable("no time is left".to_owned())))
}

/// Makes a call that must not be lost, and repeats it while DynamoDB is unavailable and time is
/// left (F18, F31).
pub(crate) async fn insist<T>(
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
