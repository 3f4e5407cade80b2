//! Telling the other processes that keys have changed.

use std::fmt::{self, Display};
use std::str::FromStr;

use platform_core::TenantId;
use platform_core::pg::{Heard, TenantTx};
use tokio_util::sync::CancellationToken;

use super::KeyError;
use super::handle::Inner;
use crate::KeyId;

/// The channel of the database's `NOTIFY`.
const CHANNEL: &str = "platform_crypto";

/// What has changed. A hint: whoever gets it reads the tables again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Change {
    /// The tenant's own keys.
    Keys(TenantId),
    /// The key of one of its data subjects.
    Subject(TenantId, KeyId),
}

/// Tells all processes, if and when the transaction commits.
pub(crate) async fn notify(tx: &mut TenantTx, change: &Change) -> Result<(), KeyError> {
    sqlx::query("select pg_notify($1, $2)")
        .bind(CHANNEL)
        .bind(change.to_string())
        .execute(tx)
        .await?;
    Ok(())
}

impl Inner {
    /// Listens for changes until it is told to stop or the database handle is closed.
    pub(super) async fn listen(&self, stop: &CancellationToken) {
        let mut listener = self.db.listen(CHANNEL);
        while let Some(Some(heard)) = stop.run_until_cancelled(listener.next()).await {
            match heard {
                Heard::Message(text) => match text.parse() {
                    Ok(change) => self.apply(change).await,
                    Err(NotAChange) => tracing::warn!("a message about keys could not be read"),
                },
                _ => self.forget_everything(),
            }
        }
    }

    /// What is cached about it is out of date.
    pub(crate) async fn apply(&self, change: Change) {
        match change {
            Change::Keys(tenant) => self.invalidate(tenant).await,
            Change::Subject(tenant, key) => self.subjects.forget(tenant, key).await,
        }
    }

    /// Messages may have been missed.
    fn forget_everything(&self) {
        for (_, slot) in &self.slots {
            slot.invalidate();
        }
        self.subjects.forget_everything();
    }
}

impl Display for Change {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Keys(tenant) => write!(f, "{tenant}"),
            Self::Subject(tenant, key) => write!(f, "{tenant} {key}"),
        }
    }
}

/// The text of a message is not a change.
#[derive(Debug)]
pub(crate) struct NotAChange;

impl FromStr for Change {
    type Err = NotAChange;

    fn from_str(text: &str) -> Result<Self, NotAChange> {
        let (tenant, key) = match text.split_once(' ') {
            Some((tenant, key)) => (tenant, Some(key)),
            None => (text, None),
        };
        let tenant = tenant.parse().map_err(|_| NotAChange)?;
        match key {
            None => Ok(Self::Keys(tenant)),
            Some(key) => Ok(Self::Subject(tenant, key.parse().map_err(|_| NotAChange)?)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_change_is_read_as_it_was_written() {
        let tenant: TenantId = "018f2b6e-7c1a-7d3e-9b1a-2f4e6d8c0a12".parse().unwrap();
        for change in [
            Change::Keys(tenant),
            Change::Subject(tenant, KeyId::from_bytes([7; 16])),
        ] {
            assert_eq!(change.to_string().parse::<Change>().unwrap(), change);
        }
    }

    #[test]
    fn any_other_text_is_not_a_change() {
        for text in [
            "",
            " ",
            "tenant",
            "018f2b6e-7c1a-7d3e-9b1a-2f4e6d8c0a12 key",
            "018f2b6e-7c1a-7d3e-9b1a-2f4e6d8c0a12 ",
        ] {
            assert!(text.parse::<Change>().is_err(), "{text}");
        }
    }
}
