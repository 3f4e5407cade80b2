//! Transactions that are bound to a scope from their first message to their last.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use futures::future::BoxFuture;
use futures::stream::{self, BoxStream};
use futures::{FutureExt, StreamExt};
use sqlx::postgres::{PgQueryResult, PgRow, PgStatement, PgTypeInfo};
use sqlx::{AssertSqlSafe, SqlStr};
use sqlx::{Describe, Either, Execute, Executor, Postgres, Transaction};
use tokio::sync::OwnedSemaphorePermit;
use tokio_util::task::TaskTracker;

use crate::TenantId;

use super::scope::Scope;
use super::shield::Shield;
use super::statement::{self, Checked};
use super::{DbError, ForbiddenStatement};

/// An open transaction with whatever has to live as long as it does.
pub(super) struct Open {
    transaction: Transaction<'static, Postgres>,
    /// Did a statement fail? PostgreSQL then answers COMMIT by rolling back, without an error.
    failed: Arc<AtomicBool>,
    tasks: TaskTracker,
    _share: Option<OwnedSemaphorePermit>,
}

impl Open {
    pub(super) fn new(
        transaction: Transaction<'static, Postgres>,
        tasks: TaskTracker,
        share: Option<OwnedSemaphorePermit>,
    ) -> Self {
        Self {
            transaction,
            failed: Arc::default(),
            tasks,
            _share: share,
        }
    }

    /// Commits to the end: a caller that is dropped while it waits cannot take the commit down with it.
    fn commit(self, expected: Option<TenantId>) -> Shield<Result<(), DbError>> {
        Shield::new(self.tasks.clone(), self.commit_here(expected))
    }

    async fn commit_here(mut self, expected: Option<TenantId>) -> Result<(), DbError> {
        if self.failed.load(Ordering::Relaxed) {
            self.rollback_here().await?;
            return Err(DbError::Aborted);
        }
        if cfg!(debug_assertions)
            && let Some(expected) = expected
        {
            let scope: String =
                sqlx::query_scalar("select pg_catalog.current_setting('platform.tenant_id', true)")
                    .fetch_one(&mut *self.transaction)
                    .await?;
            if scope != expected.to_string() {
                self.rollback_here().await?;
                return Err(DbError::ScopeChanged);
            }
        }
        Ok(self.transaction.commit().await?)
    }

    fn rollback(self) -> Shield<Result<(), DbError>> {
        Shield::new(self.tasks.clone(), self.rollback_here())
    }

    async fn rollback_here(self) -> Result<(), DbError> {
        Ok(self.transaction.rollback().await?)
    }

    fn note<T>(failed: &AtomicBool, result: &Result<T, sqlx::Error>) {
        // A row that is not there and a text that was refused before it was sent leave the transaction as it was.
        if let Err(error) = result
            && !matches!(error, sqlx::Error::RowNotFound | sqlx::Error::Encode(_))
        {
            failed.store(true, Ordering::Relaxed);
        }
    }

    fn fetch_many<'e, 'q: 'e, E>(
        &'e mut self,
        query: E,
    ) -> BoxStream<'e, Result<Either<PgQueryResult, PgRow>, sqlx::Error>>
    where
        E: Execute<'q, Postgres> + 'q,
    {
        let failed = Arc::clone(&self.failed);
        match Checked::new(query) {
            Ok(checked) => {
                let rows = (&mut *self.transaction).fetch_many(checked);
                rows.inspect(move |row| Self::note(&failed, row)).boxed()
            }
            Err(refused) => stream::once(std::future::ready(Err(refused))).boxed(),
        }
    }

    fn fetch_optional<'e, 'q: 'e, E>(
        &'e mut self,
        query: E,
    ) -> BoxFuture<'e, Result<Option<PgRow>, sqlx::Error>>
    where
        E: Execute<'q, Postgres> + 'q,
    {
        let failed = Arc::clone(&self.failed);
        match Checked::new(query) {
            Ok(checked) => {
                let row = (&mut *self.transaction).fetch_optional(checked);
                row.inspect(move |row| Self::note(&failed, row)).boxed()
            }
            Err(refused) => std::future::ready(Err(refused)).boxed(),
        }
    }

    fn prepare_with<'e>(
        &'e mut self,
        sql: SqlStr,
        parameters: &'e [PgTypeInfo],
    ) -> BoxFuture<'e, Result<PgStatement, sqlx::Error>> {
        if let Err(refused) = statement::check(sql.as_str()) {
            return refuse(refused);
        }
        let failed = Arc::clone(&self.failed);
        let prepared = (&mut *self.transaction).prepare_with(sql, parameters);
        prepared
            .inspect(move |statement| Self::note(&failed, statement))
            .boxed()
    }

    fn describe(&mut self, sql: SqlStr) -> BoxFuture<'_, Result<Describe<Postgres>, sqlx::Error>> {
        if let Err(refused) = statement::check(sql.as_str()) {
            return refuse(refused);
        }
        let failed = Arc::clone(&self.failed);
        let described = (&mut *self.transaction).describe(sql);
        described
            .inspect(move |description| Self::note(&failed, description))
            .boxed()
    }
}

/// A future that fails at once, without having sent anything.
fn refuse<'e, T: Send + 'e>(refused: ForbiddenStatement) -> BoxFuture<'e, Result<T, sqlx::Error>> {
    std::future::ready(Err(sqlx::Error::Encode(refused.into()))).boxed()
}

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

    /// Undoes the changes and waits until the database has done so.
    ///
    /// # Errors
    /// [`DbError::Unavailable`] when the connection broke; the database then rolls back by itself.
    pub async fn rollback(self) -> Result<(), DbError> {
        self.0.rollback().await
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

/// A transaction over the tables that belong to no tenant; inside this crate only.
pub(super) struct GlobalTx(Open);

execute_through!(GlobalTx);

impl GlobalTx {
    pub(super) fn new(open: Open) -> Self {
        Self(open)
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
        self.set(scope.settings()).await
    }

    /// Goes on as a transaction would that nobody has given a scope: with whatever the session has.
    pub(super) async fn unscope(&mut self) -> Result<(), DbError> {
        let role = Scope::GlobalRead.settings();
        self.set(format!(
            "{role}; SET LOCAL platform.tenant_id TO DEFAULT; SET LOCAL platform.tenant_scope TO DEFAULT"
        ))
        .await
    }

    async fn set(&mut self, settings: String) -> Result<(), DbError> {
        // Made of constants and typed UUIDs.
        (&mut *self.0.transaction)
            .execute(AssertSqlSafe(settings))
            .await?;
        Ok(())
    }

    pub(super) async fn finish(self) -> Result<(), DbError> {
        self.0.rollback().await
    }
}
