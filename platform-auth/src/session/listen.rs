//! Hearing of changes that were made elsewhere.

use platform_core::pg::Heard;
use platform_core::uuid::Uuid;
use tokio_util::sync::CancellationToken;

use crate::Auth;

/// The channel of the database's `NOTIFY`, on which triggers send the id of a user or a tenant about whom something has changed.
const CHANNEL: &str = "platform_auth";

impl Auth {
    /// Hears of what other instances change, until it is told to stop or the database handle is closed, so that what is remembered of a
    /// session does not have to reach its [age](crate::SessionConfig::cache_age) first. What is heard is a hint: whatever it names is asked
    /// for anew. The runtime module does this.
    pub async fn keep_sessions_current(&self, stop: CancellationToken) {
        let sessions = &self.inner.sessions;
        let mut listener = self.inner.db.listen(CHANNEL);
        while let Some(Some(heard)) = stop.run_until_cancelled(listener.next()).await {
            match heard {
                Heard::Message(text) => match Uuid::try_parse(&text) {
                    Ok(id) => sessions.forget(id),
                    Err(_) => tracing::warn!("a message about sessions could not be read"),
                },
                _ => sessions.forget_everything(),
            }
        }
    }
}
