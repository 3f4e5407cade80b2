//! Hearing of changes that were made elsewhere, and telling others of them.

use platform_core::pg::{DbError, Heard, TenantTx};
use platform_core::uuid::Uuid;
use tokio_util::sync::CancellationToken;

use crate::Auth;

/// The channel of the database's `NOTIFY`, on which the id of a principal or a tenant is sent about whom something has changed.
const CHANNEL: &str = "platform_auth";

impl Auth {
    /// Hears of what other instances change, until it is told to stop or the database handle is closed, so that what is remembered of a
    /// session or an API key does not have to reach its age first: the [configured](crate::SessionConfig::cache_age) one, or the second for
    /// which keys are remembered. What is heard is a hint: whatever it names is asked for anew. The runtime module does this.
    pub async fn keep_credentials_current(&self, stop: CancellationToken) {
        let marks = &self.inner.marks;
        let mut listener = self.inner.db.listen(CHANNEL);
        while let Some(Some(heard)) = stop.run_until_cancelled(listener.next()).await {
            match heard {
                Heard::Message(text) => match Uuid::try_parse(&text) {
                    Ok(id) => marks.mark(id),
                    Err(_) => tracing::warn!("a message about credentials could not be read"),
                },
                _ => marks.mark_everything(),
            }
        }
    }
}

/// Tells every instance, once the transaction is committed, that something about a principal has changed; for what no trigger announces.
pub(crate) async fn announce(tx: &mut TenantTx, principal: Uuid) -> Result<(), DbError> {
    sqlx::query("select pg_notify($1, $2)")
        .bind(CHANNEL)
        .bind(principal.to_string())
        .execute(&mut *tx)
        .await?;
    Ok(())
}
