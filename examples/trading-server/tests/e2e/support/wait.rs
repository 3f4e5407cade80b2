//! Waiting for another process.

use std::time::Duration;

use tokio::time::{Instant, sleep};

/// How long a test waits for anything before it fails; generous, because machines that run tests are busy.
pub(crate) const PATIENCE: Duration = Duration::from_secs(60);

/// Tries again and again until there is an answer. `what` completes the sentence "waited in vain for …".
pub(crate) async fn eventually<T, F>(what: &str, mut attempt: impl FnMut() -> F) -> T
where
    F: Future<Output = Option<T>>,
{
    let deadline = Instant::now() + PATIENCE;
    loop {
        if let Some(found) = attempt().await {
            return found;
        }
        assert!(Instant::now() < deadline, "waited in vain for {what}");
        sleep(Duration::from_millis(20)).await;
    }
}
