//! Leases as rows of the database.

use async_trait::async_trait;
use tokio::time::Instant;
use uuid::Uuid;

use super::statements::Statements;
use super::{FenceToken, Fencing, Holder, Lease, LeaseBackend, LeaseCaps, LeaseError, LeaseName, LeaseScope};
use super::{Renewed, Ttl};
use crate::pg::{Db, DbError, GlobalTx, TenantTx};
use crate::sqlx::{Executor, Postgres};
use crate::{RequestContext, TenantId, Timestamp};

/// Leases in the database, by the database's clock: a row for each name, no session lock, so that they work behind a pooler of
/// transactions. The tokens survive whatever the database survives.
///
/// A renewal is a short transaction of the pool's. Whoever lets the pool run dry for as long as a lease lasts loses the lease.
#[derive(Debug, Clone)]
pub struct PgLeases {
    db: Db,
}

impl PgLeases {
    /// Leases in this database.
    pub fn new(db: &Db) -> Self {
        Self { db: db.clone() }
    }

    async fn begin(&self, scope: LeaseScope) -> Result<Tx, DbError> {
        match scope {
            LeaseScope::Tenant(tenant) => {
                let ctx = RequestContext::system(tenant, "hold a lease", self.db.sources());
                Ok(Tx::Tenant(self.db.begin(&ctx).await?))
            }
            LeaseScope::Platform => Ok(Tx::Global(self.db.global_write().await?)),
        }
    }
}

/// The tenant of a scope, as the statements have it.
pub(super) fn tenant_of(scope: LeaseScope) -> Option<TenantId> {
    match scope {
        LeaseScope::Tenant(tenant) => Some(tenant),
        LeaseScope::Platform => None,
    }
}

/// A transaction in which a lease of either scope is within reach.
enum Tx {
    Tenant(TenantTx),
    Global(GlobalTx),
}

/// The token and the end of a lease.
type Row = (i64, Timestamp);

/// What to ask of a lease's row.
struct Ask<'a, T> {
    sql: &'static str,
    name: &'a LeaseName,
    third: T,
    ttl: Ttl,
}

impl Tx {
    async fn row<'a, T>(&mut self, ask: Ask<'a, T>) -> Result<Option<Row>, DbError>
    where
        T: sqlx::Encode<'a, Postgres> + sqlx::Type<Postgres> + Send + 'a,
    {
        match self {
            Self::Tenant(tx) => row(tx, ask).await,
            Self::Global(tx) => row(tx, ask).await,
        }
    }

    async fn end(&mut self, lease: &Lease) -> Result<(), DbError> {
        let query = sqlx::query(Statements::of(lease.name.scope()).release)
            .bind(tenant_of(lease.name.scope()).map(Uuid::from))
            .bind(lease.name.text())
            .bind(lease.token.as_i64());
        match self {
            Self::Tenant(tx) => query.execute(tx).await?,
            Self::Global(tx) => query.execute(tx).await?,
        };
        Ok(())
    }

    async fn commit(self) -> Result<(), DbError> {
        match self {
            Self::Tenant(tx) => tx.commit().await,
            Self::Global(tx) => tx.commit().await,
        }
    }
}

async fn row<'a, 'c, T>(
    tx: impl Executor<'c, Database = Postgres>,
    ask: Ask<'a, T>,
) -> Result<Option<Row>, DbError>
where
    T: sqlx::Encode<'a, Postgres> + sqlx::Type<Postgres> + Send + 'a,
{
    let row = sqlx::query_as(ask.sql)
        .bind(tenant_of(ask.name.scope()).map(Uuid::from))
        .bind(ask.name.text())
        .bind(ask.third)
        .bind(ask.ttl.as_millis())
        .fetch_optional(tx)
        .await?;
    Ok(row)
}

#[async_trait]
impl LeaseBackend for PgLeases {
    fn caps(&self) -> LeaseCaps {
        LeaseCaps {
            fencing: Fencing::Durable,
            shared: true,
        }
    }

    async fn try_acquire(
        &self,
        name: &LeaseName,
        ttl: Ttl,
        holder: &Holder,
    ) -> Result<Option<Lease>, LeaseError> {
        // Before anything is asked: the database counts from later.
        let asked = Instant::now();
        let statements = Statements::of(name.scope());
        let mut tx = self.begin(name.scope()).await?;
        let ask = |sql| Ask {
            sql,
            name,
            third: holder.as_str(),
            ttl,
        };
        let row = match tx.row(ask(statements.begin)).await? {
            Some(row) => Some(row),
            None => tx.row(ask(statements.take_over)).await?,
        };
        tx.commit().await?;
        Ok(row.map(|(token, expires_at)| Lease {
            name: name.clone(),
            token: FenceToken::new(token),
            expires_at,
            valid_until: asked + ttl.as_duration(),
        }))
    }

    async fn renew(&self, lease: &Lease, ttl: Ttl) -> Result<Renewed, LeaseError> {
        let asked = Instant::now();
        let scope = lease.name.scope();
        let mut tx = self.begin(scope).await?;
        let ask = Ask {
            sql: Statements::of(scope).renew,
            name: &lease.name,
            third: lease.token.as_i64(),
            ttl,
        };
        let row = tx.row(ask).await?;
        tx.commit().await?;
        Ok(match row {
            Some((_, expires_at)) => Renewed::Held(Lease {
                expires_at,
                valid_until: asked + ttl.as_duration(),
                ..lease.clone()
            }),
            None => Renewed::Lost,
        })
    }

    async fn release(&self, lease: &Lease) -> Result<(), LeaseError> {
        let mut tx = self.begin(lease.name.scope()).await?;
        tx.end(lease).await?;
        Ok(tx.commit().await?)
    }
}
