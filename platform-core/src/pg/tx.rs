//! Transactions that are bound to a scope from their first message to their last.

use futures::future::BoxFuture;
use futures::stream::BoxStream;
use sqlx::postgres::{PgQueryResult, PgRow, PgStatement, PgTypeInfo};
use sqlx::{Describe, Either, Execute, Executor, Postgres, SqlStr};

use crate::TenantId;

use super::DbError;
use super::ending::TxEnd;
use super::open::Open;
use super::scope::Scope;

macro_rules! execute_through {
    ($name:ty) => {
        /// Statements run through `sqlx::query` and its kin; a text that would end or re-scope the transaction is refused
        /// before it is sent.
        impl<'c> Executor<'c> for &'c mut $name {
            type Database = Postgres;

            fn fetch_many<'e, 'q: 'e, E>(
                self,
                query: E,
            ) -> BoxStream<'e, Result<Either<PgQueryResult, PgRow>, sqlx::Error>>
            where
                'c: 'e,
                E: 'q + Execute<'q, Postgres>,
            {
                self.0.fetch_many(query)
            }

            fn fetch_optional<'e, 'q: 'e, E>(
                self,
                query: E,
            ) -> BoxFuture<'e, Result<Option<PgRow>, sqlx::Error>>
            where
                'c: 'e,
                E: 'q + Execute<'q, Postgres>,
            {
                self.0.fetch_optional(query)
            }

            fn prepare_with<'e>(
                self,
                sql: SqlStr,
                parameters: &'e [PgTypeInfo],
            ) -> BoxFuture<'e, Result<PgStatement, sqlx::Error>>
            where
                'c: 'e,
            {
                self.0.prepare_with(sql, parameters)
            }

            fn describe<'e>(self, sql: SqlStr) -> BoxFuture<'e, Result<Describe<Postgres>, sqlx::Error>>
            where
                'c: 'e,
            {
                self.0.describe(sql)
            }
        }

        impl std::fmt::Debug for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str(stringify!($name))
            }
        }
    };
}

/// A transaction that reads and writes the rows of one tenant.
///
/// Run statements with `sqlx::query(…).execute(&mut tx)`. Dropping it rolls it back. Not `Clone`, and there is no way from it
/// to the connection.
#[must_use = "a transaction that is not committed is rolled back"]
pub struct TenantTx(Open, TenantId);

execute_through!(TenantTx);

impl TenantTx {
    pub(super) fn new(open: Open, tenant: TenantId) -> Self {
        Self(open, tenant)
    }

    /// The tenant whose rows it touches.
    pub fn tenant(&self) -> TenantId {
        self.1
    }

    /// Goes on with the rows of another tenant.
    pub(super) async fn rescope(&mut self, tenant: TenantId) -> Result<(), DbError> {
        self.0.rescope(&Scope::Tenant(tenant)).await?;
        self.1 = tenant;
        Ok(())
    }

    /// Makes the changes durable.
    ///
    /// Once this has been called the commit runs to its end even when the returned future is dropped.
    ///
    /// # Errors
    /// [`DbError::Aborted`] when a statement had failed: everything was rolled back. [`DbError::Unavailable`] when the
    /// connection broke: the outcome is unknown, ask again under the same idempotency key.
    pub async fn commit(self) -> Result<(), DbError> {
        let tenant = self.1;
        self.0.commit(Some(tenant)).await
    }

    /// Has `notify` told, once, how the transaction ended: for what must not be said before the changes are durable, or has to be
    /// taken back when they are not.
    ///
    /// It is called when the outcome is certain: after the database has answered the commit or the rollback, also when nobody waits
    /// for that any more, and when the transaction is dropped. Several are called in the order in which they were given.
    ///
    /// It is called on the task that ends the transaction, before [`TenantTx::commit`] answers: let it do something short, such as
    /// sending on a channel, and never wait. The connection and every lock have been given back by then. A panic in it is logged and
    /// changes nothing else.
    ///
    /// ```no_run
    /// use platform_core::pg::{Db, DbError, TxEnd};
    /// use platform_core::RequestContext;
    /// use tokio::sync::watch;
    ///
    /// # async fn example(db: Db, ctx: RequestContext, parcels_changed: watch::Sender<()>) -> Result<(), DbError> {
    /// let mut tx = db.begin(&ctx).await?;
    /// // … the change itself …
    /// tx.on_end(move |end| {
    ///     if end != TxEnd::RolledBack {
    ///         parcels_changed.send_replace(());
    ///     }
    /// });
    /// tx.commit().await
    /// # }
    /// ```
    pub fn on_end(&mut self, notify: impl FnOnce(TxEnd) + Send + 'static) {
        self.0.on_end(notify);
    }

    /// Undoes the changes and waits until the database has done so.
    ///
    /// # Errors
    /// [`DbError::Unavailable`] when the connection broke; the database then rolls back by itself.
    pub async fn rollback(self) -> Result<(), DbError> {
        self.0.rollback().await
    }

    /// From now on it can only be rolled back; `commit` answers [`DbError::Aborted`].
    pub(crate) fn refuse_commit(&self) {
        self.0.refuse_commit();
    }
}

/// A read-only transaction over the rows of one tenant.
pub struct TenantRead(Open, TenantId);

execute_through!(TenantRead);

impl TenantRead {
    pub(super) fn new(open: Open, tenant: TenantId) -> Self {
        Self(open, tenant)
    }

    /// The tenant whose rows it sees.
    pub fn tenant(&self) -> TenantId {
        self.1
    }

    /// Ends the transaction. Dropping it does the same in the background.
    ///
    /// # Errors
    /// [`DbError::Unavailable`] when the connection broke.
    pub async fn finish(self) -> Result<(), DbError> {
        self.0.rollback().await
    }
}

/// A read-only transaction over the rows of a tenant and of the tenants below it.
pub struct SubtreeRead(Open);

execute_through!(SubtreeRead);

impl SubtreeRead {
    pub(super) fn new(open: Open) -> Self {
        Self(open)
    }

    /// Ends the transaction. Dropping it does the same in the background.
    ///
    /// # Errors
    /// [`DbError::Unavailable`] when the connection broke.
    pub async fn finish(self) -> Result<(), DbError> {
        self.0.rollback().await
    }
}

/// A transaction of a job over all tenants, under a [`GroupRole`](super::GroupRole); see [`Db::begin_as`](super::Db::begin_as).
///
/// Run statements with `sqlx::query(…).execute(&mut tx)`. Dropping it rolls it back.
#[must_use = "a transaction that is not committed is rolled back"]
pub struct RoleTx(Open);

execute_through!(RoleTx);

impl RoleTx {
    pub(super) fn new(open: Open) -> Self {
        Self(open)
    }

    /// Makes the changes durable; runs to its end like [`TenantTx::commit`].
    ///
    /// # Errors
    /// [`DbError::Aborted`] when a statement had failed: everything was rolled back. [`DbError::Unavailable`] when the
    /// connection broke: the outcome is unknown.
    pub async fn commit(self) -> Result<(), DbError> {
        self.0.commit(None).await
    }

    /// Undoes the changes and waits until the database has done so.
    ///
    /// # Errors
    /// [`DbError::Unavailable`] when the connection broke; the database then rolls back by itself.
    pub async fn rollback(self) -> Result<(), DbError> {
        self.0.rollback().await
    }

    /// From now on it can only be rolled back; `commit` answers [`DbError::Aborted`].
    pub(crate) fn refuse_commit(&self) {
        self.0.refuse_commit();
    }
}

/// A transaction over the tables that belong to no tenant; inside this crate only.
pub(crate) struct GlobalTx(Open);

execute_through!(GlobalTx);

impl GlobalTx {
    pub(super) fn new(open: Open) -> Self {
        Self(open)
    }

    /// Makes the changes durable; runs to its end like [`TenantTx::commit`].
    pub(crate) async fn commit(self) -> Result<(), DbError> {
        self.0.commit(None).await
    }

    pub(super) async fn finish(self) -> Result<(), DbError> {
        self.0.rollback().await
    }
}

/// A transaction of the self-check, which looks at one row under several scopes and is always rolled back.
pub(super) struct ProbeTx(Open);

execute_through!(ProbeTx);

impl ProbeTx {
    pub(super) fn new(open: Open) -> Self {
        Self(open)
    }

    /// Goes on under another scope.
    pub(super) async fn rescope(&mut self, scope: &Scope) -> Result<(), DbError> {
        self.0.set(scope.settings()).await
    }

    /// Goes on as a transaction would that nobody has given a scope: with whatever the session has.
    pub(super) async fn unscope(&mut self) -> Result<(), DbError> {
        let role = Scope::GlobalRead.settings();
        self.0
            .set(format!(
                "{role}; SET LOCAL platform.tenant_id TO DEFAULT; SET LOCAL platform.tenant_scope TO DEFAULT"
            ))
            .await
    }

    pub(super) async fn finish(self) -> Result<(), DbError> {
        self.0.rollback().await
    }
}
