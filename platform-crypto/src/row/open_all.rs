//! Opening a list.

use platform_core::RequestContext;

use crate::keyring::{KeyError, Keyring};
use crate::{OpenError, SealedRow};

/// Rows that are opened before other tasks get their turn: some hundred microseconds.
const TURN: usize = 256;

impl Keyring {
    /// Opens a list of rows with one look for all the keys they name.
    ///
    /// A row that does not open does not spoil the list: one whose subject was erased, say, is a
    /// [`KeyDestroyed`](OpenError::KeyDestroyed) among the others. Where one is enough to give up, collect into a `Result`.
    ///
    /// ```no_run
    /// # use platform_core::RequestContext;
    /// # use platform_crypto::{Keyring, SealedRow};
    /// # async fn example<Customer: SealedRow>(keyring: Keyring, ctx: RequestContext, rows: Vec<Customer>)
    /// # -> Result<(), Box<dyn std::error::Error>> {
    /// let opened = keyring.open_all(&ctx, &rows).await?;
    /// let all: Vec<Customer::Opened> = opened.into_iter().collect::<Result<_, _>>()?;
    /// # Ok(()) }
    /// ```
    ///
    /// # Errors
    /// As [`Keyring::keys_for`]: no row was opened.
    pub async fn open_all<R: SealedRow>(
        &self,
        ctx: &RequestContext,
        rows: &[R],
    ) -> Result<Vec<Result<R::Opened, OpenError>>, KeyError> {
        let ids: Vec<_> = rows.iter().flat_map(SealedRow::key_ids).collect();
        let keys = self.keys_for(ctx, ids).await?;
        let mut opened = Vec::with_capacity(rows.len());
        for turn in rows.chunks(TURN) {
            opened.extend(turn.iter().map(|row| row.open(&keys)));
            tokio::task::yield_now().await;
        }
        Ok(opened)
    }
}
