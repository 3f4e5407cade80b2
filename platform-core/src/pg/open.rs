//! An open transaction: what passes through it, and how it ends.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use futures::future::BoxFuture;
use futures::stream::{self, BoxStream};
use futures::{FutureExt, StreamExt};
use sqlx::postgres::{PgQueryResult, PgRow, PgStatement, PgTypeInfo};
use sqlx::{AssertSqlSafe, SqlStr};
use sqlx::{Describe, Either, Execute, Executor, Postgres, Transaction};
use tokio_util::task::TaskTracker;

use crate::TenantId;

use super::ending::{Ending, TxEnd};
use super::fairness::Places;
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
    places: Places,
    /// The last field, dropped last: callbacks hold nothing up but themselves.
    ending: Ending,
}

impl Open {
    pub(super) fn new(
        transaction: Transaction<'static, Postgres>,
        tasks: TaskTracker,
        places: Places,
    ) -> Self {
        Self {
            transaction,
            failed: Arc::default(),
            tasks,
            places,
            ending: Ending::new(),
        }
    }

    /// Commits to the end: a caller that is dropped while it waits cannot take the commit down with it.
    pub(super) fn commit(self, expected: Option<TenantId>) -> Shield<Result<(), DbError>> {
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
        let Self {
            transaction,
            places,
            mut ending,
            ..
        } = self;
        ending.committing();
        let committed = transaction.commit().await;
        drop(places);
        ending.answered(&committed);
        Ok(committed?)
    }

    pub(super) fn rollback(self) -> Shield<Result<(), DbError>> {
        Shield::new(self.tasks.clone(), self.rollback_here())
    }

    async fn rollback_here(self) -> Result<(), DbError> {
        let Self {
            transaction,
            places,
            ending,
            ..
        } = self;
        let rolled_back = transaction.rollback().await;
        drop(places);
        drop(ending);
        Ok(rolled_back?)
    }

    /// As if a statement had failed.
    pub(super) fn refuse_commit(&self) {
        self.failed.store(true, Ordering::Relaxed);
    }

    pub(super) fn on_end(&mut self, notify: impl FnOnce(TxEnd) + Send + 'static) {
        self.ending.add(notify);
    }

    /// Goes on under other settings, made of constants and typed UUIDs.
    pub(super) async fn set(&mut self, settings: String) -> Result<(), DbError> {
        (&mut *self.transaction).execute(AssertSqlSafe(settings)).await?;
        Ok(())
    }

    /// Goes on under another scope. Until the database has taken it nobody knows whose rows a statement would touch, so a change of
    /// scope that is not seen to its end leaves a transaction that cannot be committed.
    pub(super) async fn rescope(&mut self, scope: &Scope) -> Result<(), DbError> {
        let failed = self.failed.swap(true, Ordering::Relaxed);
        self.set(scope.settings()).await?;
        self.failed.store(failed, Ordering::Relaxed);
        Ok(())
    }

    fn note<T>(failed: &AtomicBool, result: &Result<T, sqlx::Error>) {
        // A row that is not there and a text that was refused before it was sent leave the transaction as it was.
        if let Err(error) = result
            && !matches!(error, sqlx::Error::RowNotFound | sqlx::Error::Encode(_))
        {
            failed.store(true, Ordering::Relaxed);
        }
    }

    pub(super) fn fetch_many<'e, 'q: 'e, E>(
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

    pub(super) fn fetch_optional<'e, 'q: 'e, E>(
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

    pub(super) fn prepare_with<'e>(
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

    pub(super) fn describe(&mut self, sql: SqlStr) -> BoxFuture<'_, Result<Describe<Postgres>, sqlx::Error>> {
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
