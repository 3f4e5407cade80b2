//! The handle to the database.

use std::fmt;
use std::sync::Arc;
use std::time::{Duration, Instant};

use sqlx::AssertSqlSafe;
use sqlx::postgres::{PgConnectOptions, PgPoolOptions};
use sqlx::{PgPool, Postgres, Transaction};
use tokio_util::task::TaskTracker;

use crate::{RequestContext, Sources, TenantId};

use super::fairness::{Places, Shares};
use super::login::{LoginKeeper, is_refusal};
use super::nodelay;
use super::open::Open;
use super::scope::Scope;
use super::shield::Shield;
use super::tx::{GlobalTx, ProbeTx, RoleTx, SubtreeRead, TenantRead, TenantTx};
use super::{DbConfig, DbError, GroupRole, GroupTx, LoginSource, LoginSourceError, Logins, Subtree};

/// The handle to the database: the only way to a connection. Cheap to clone.
///
/// The pool inside cannot be reached; [`Db::begin`], [`Db::read`], [`Db::read_subtree`], [`Db::begin_group`] and [`Db::begin_as`] are the ways to a
/// transaction.
#[derive(Clone)]
pub struct Db {
    inner: Arc<Inner>,
}

struct Inner {
    pool: PgPool,
    logins: LoginKeeper,
    shares: Shares,
    sources: Sources,
    acquire_timeout: Duration,
    tasks: TaskTracker,
}

/// Which connections a transaction may have.
enum Wanted {
    /// One out of the tenant's share, of those that are not set aside.
    TenantsShare(TenantId),
    /// One of those that are not set aside.
    Ordinary,
    /// Any.
    Any,
}

/// Why no connection could be made at start-up.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ConnectError {
    /// The URL is not one. Its text is not repeated: it may hold a password.
    #[error("the database URL is not of the form postgres://user:password@host:port/database")]
    InvalidUrl,
    /// The server cannot be reached or refuses the login.
    #[error("cannot connect to the database")]
    Unreachable(#[source] sqlx::Error),
    /// The source of the logins does not answer.
    #[error("the database login cannot be had from where it is kept")]
    NoLogin(#[source] LoginSourceError),
    /// The login may not act as the group roles that own the application's privileges.
    #[error(
        "the database login is not a member of platform_app and platform_subtree; run the migrations first"
    )]
    NotAMember(#[source] sqlx::Error),
}

/// How much of the pool is in use.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PoolUse {
    /// Open connections.
    pub open: u32,
    /// Open connections that nobody uses.
    pub idle: u32,
}

impl Db {
    /// Connects as the application login and tries both of its group roles once.
    ///
    /// Does not run the self-check: see [`Db::self_check`].
    ///
    /// # Errors
    /// [`ConnectError`], by what the operator has to mend.
    pub async fn connect(config: &DbConfig, sources: Sources) -> Result<Self, ConnectError> {
        Self::connect_with(config, None, sources).await
    }

    /// The same with a login that is rotated while the pool is in use.
    ///
    /// Open connections live on when their login changes; new ones use the newest version. When the server refuses it, the version
    /// before it is tried and the source is asked again. As long as the server takes none, transactions share the connections
    /// that are open and wait for one no longer than the limit for acquiring one, so that the store and the database may be told of
    /// a new password in any order.
    ///
    /// # Errors
    /// As [`Db::connect`]; [`ConnectError::NoLogin`] when the source does not answer.
    pub async fn connect_as(
        config: &DbConfig,
        logins: Arc<dyn LoginSource>,
        sources: Sources,
    ) -> Result<Self, ConnectError> {
        Self::connect_with(config, Some(logins), sources).await
    }

    /// Puts other logins in the place of those in use, for connections that are made from now on. For whoever hears that a secret has
    /// changed; with a [source](Db::connect_as) it saves the first refusal.
    ///
    /// # Errors
    /// [`ConnectError::InvalidUrl`]; the logins in use stay.
    pub fn replace_login(&self, logins: &Logins) -> Result<(), ConnectError> {
        self.inner.logins.replace(&self.inner.pool, logins)
    }

    async fn connect_with(
        config: &DbConfig,
        source: Option<Arc<dyn LoginSource>>,
        sources: Sources,
    ) -> Result<Self, ConnectError> {
        let logins = LoginKeeper::new(config, source);
        let options = Box::pin(logins.first()).await?;
        let pool = PgPoolOptions::new()
            .max_connections(config.max_connections.max(1))
            .acquire_timeout(config.acquire_timeout)
            // The connection was tested when it came back; one that died since then fails at BEGIN, which is tried again.
            .test_before_acquire(false)
            .after_connect({
                let options = options.clone();
                move |_, _| {
                    let options = options.clone();
                    Box::pin(async move {
                        nodelay::send_at_once(&options).await;
                        Ok(())
                    })
                }
            })
            .connect_with(options)
            .await
            .map_err(ConnectError::Unreachable)?;
        let inner = Inner {
            pool,
            logins,
            shares: Shares::new(config.tenant_share(), config.ordinary_connections()),
            sources,
            acquire_timeout: config.acquire_timeout,
            tasks: TaskTracker::new(),
        };
        let db = Self {
            inner: Arc::new(inner),
        };
        db.try_roles().await?;
        Ok(db)
    }

    /// A handle whose every operation fails with [`DbError::Unavailable`]: for composing modules where nothing is to be asked of
    /// them but their routes, such as printing the OpenAPI document.
    pub fn unconnected(sources: Sources) -> Self {
        let options = PgConnectOptions::new_without_pgpass();
        let pool = PgPoolOptions::new()
            .acquire_timeout(Duration::from_millis(1))
            .connect_lazy_with(options);
        let inner = Inner {
            pool,
            logins: LoginKeeper::new(&DbConfig::new(""), None),
            shares: Shares::new(1, None),
            sources,
            acquire_timeout: Duration::ZERO,
            tasks: TaskTracker::new(),
        };
        Self {
            inner: Arc::new(inner),
        }
    }

    async fn try_roles(&self) -> Result<(), ConnectError> {
        for scope in [Scope::GlobalRead, Scope::SubtreeRead(Vec::new())] {
            let attempt = self
                .inner
                .pool
                .begin_with(AssertSqlSafe(scope.begin_statement()))
                .await;
            match attempt {
                Ok(transaction) => drop(transaction),
                Err(error @ sqlx::Error::Database(_)) => return Err(ConnectError::NotAMember(error)),
                Err(error) => return Err(ConnectError::Unreachable(error)),
            }
        }
        Ok(())
    }

    /// Begins a transaction over the rows of the context's tenant.
    ///
    /// Runs to its end: a caller that is dropped while it waits leaves neither a scope nor an open transaction
    /// behind. Waits for a connection no longer than the configured limit and the context's deadline.
    ///
    /// # Errors
    /// [`DbError::Timeout`] when no connection came free, [`DbError::Unavailable`] when there is no database.
    pub async fn begin(&self, ctx: &RequestContext) -> Result<TenantTx, DbError> {
        let tenant = ctx.tenant();
        let open = self
            .open(
                Scope::Tenant(tenant),
                Wanted::TenantsShare(tenant),
                self.patience(ctx),
            )
            .await?;
        Ok(TenantTx::new(open, tenant))
    }

    /// Begins a read-only transaction over the rows of the context's tenant.
    ///
    /// # Errors
    /// As [`Db::begin`].
    pub async fn read(&self, ctx: &RequestContext) -> Result<TenantRead, DbError> {
        let tenant = ctx.tenant();
        let open = self
            .open(
                Scope::TenantRead(tenant),
                Wanted::TenantsShare(tenant),
                self.patience(ctx),
            )
            .await?;
        Ok(TenantRead::new(open, tenant))
    }

    /// Begins a read-only transaction over the rows of the context's tenant and of every tenant below it.
    ///
    /// # Errors
    /// As [`Db::begin`]; [`DbError::ScopeChanged`] when the subtree is not the one below the context's tenant.
    pub async fn read_subtree(&self, ctx: &RequestContext, scope: &Subtree) -> Result<SubtreeRead, DbError> {
        if scope.root() != ctx.tenant() {
            return Err(DbError::ScopeChanged);
        }
        let tenants = scope.tenants().to_vec();
        let open = self
            .open(
                Scope::SubtreeRead(tenants),
                Wanted::TenantsShare(ctx.tenant()),
                self.patience(ctx),
            )
            .await?;
        Ok(SubtreeRead::new(open))
    }

    /// Begins a transaction that goes from the rows of one tenant to those of the next and commits once; it begins with the context's
    /// tenant.
    ///
    /// It waits for a connection no longer than the configured limit, in no tenant's share and also among those that are
    /// [set aside](DbConfig::reserved_connections). Runs to its end like [`Db::begin`].
    ///
    /// # Errors
    /// As [`Db::begin`].
    pub async fn begin_group(&self, first: &RequestContext) -> Result<GroupTx, DbError> {
        let tenant = first.tenant();
        let open = self
            .open(Scope::Group(tenant), Wanted::Any, self.inner.acquire_timeout)
            .await?;
        Ok(GroupTx::new(TenantTx::new(open, tenant)))
    }

    /// Begins a transaction of a job over all tenants, under a group role of a crate's own and without a tenant.
    ///
    /// It can touch the tables that the crate's migrations granted to the role, and of a tenant table those rows that a policy for
    /// the role lets through: without such a policy a tenant's rows stay out of its sight, because row-level security applies to
    /// this role as to any other. It is in no tenant's share of the pool and waits for a connection no longer than the configured
    /// limit. Runs to its end like [`Db::begin`].
    ///
    /// # Errors
    /// [`DbError::Timeout`] when no connection came free, [`DbError::Unavailable`] when there is no database, [`DbError::Query`]
    /// when the role does not exist or the login is no member of it: run the migrations.
    pub async fn begin_as(&self, role: &GroupRole) -> Result<RoleTx, DbError> {
        let open = self
            .open(Scope::Role(*role), Wanted::Ordinary, self.inner.acquire_timeout)
            .await?;
        Ok(RoleTx::new(open))
    }

    /// One round trip to the database.
    ///
    /// # Errors
    /// [`DbError::Unavailable`] or [`DbError::Timeout`] when it does not answer.
    pub async fn ping(&self) -> Result<(), DbError> {
        self.global_read().await?.finish().await
    }

    /// How much of the pool is in use.
    pub fn pool_use(&self) -> PoolUse {
        let idle = u32::try_from(self.inner.pool.num_idle()).unwrap_or(u32::MAX);
        PoolUse {
            open: self.inner.pool.size(),
            idle,
        }
    }

    /// The clock and the generator the handle was made with.
    pub fn sources(&self) -> &Sources {
        &self.inner.sources
    }

    /// Waits for running transactions and closes every connection, no longer than the limit for acquiring one; what still runs
    /// then ends with the process. Transactions that begin after this fail.
    pub async fn close(&self) {
        self.inner.tasks.close();
        let closing = async {
            self.inner.tasks.wait().await;
            self.inner.pool.close().await;
        };
        if tokio::time::timeout(self.inner.acquire_timeout, closing)
            .await
            .is_err()
        {
            tracing::warn!("the database was closed while transactions were running");
        }
    }

    /// How a connection beside the pool is made now, and how long it may take.
    pub(super) fn own_connection(&self) -> (PgConnectOptions, Duration) {
        let options = self.inner.pool.connect_options();
        ((*options).clone(), self.inner.acquire_timeout)
    }

    /// Ready once the handle is closed.
    pub(super) fn closing(&self) -> impl Future<Output = ()> + use<> {
        self.inner.pool.close_event()
    }

    pub(super) async fn global_read(&self) -> Result<GlobalTx, DbError> {
        let open = self
            .open(Scope::GlobalRead, Wanted::Ordinary, self.inner.acquire_timeout)
            .await?;
        Ok(GlobalTx::new(open))
    }

    /// A writing transaction over the tables that belong to no tenant. It may have a connection that is set aside: a lease that has to be
    /// renewed is not to be lost because tenants use up all the others.
    pub(crate) async fn global_write(&self) -> Result<GlobalTx, DbError> {
        let open = self
            .open(Scope::GlobalWrite, Wanted::Any, self.inner.acquire_timeout)
            .await?;
        Ok(GlobalTx::new(open))
    }

    /// A writing transaction of the self-check, outside every tenant's share.
    pub(super) async fn probe(&self, tenant: TenantId) -> Result<ProbeTx, DbError> {
        let open = self
            .open(
                Scope::Tenant(tenant),
                Wanted::Ordinary,
                self.inner.acquire_timeout,
            )
            .await?;
        Ok(ProbeTx::new(open))
    }

    /// How long a caller waits for a connection.
    fn patience(&self, ctx: &RequestContext) -> Duration {
        let limit = self.inner.acquire_timeout;
        let Some(deadline) = ctx.meta().deadline else {
            return limit;
        };
        let left = deadline - self.inner.sources.now();
        Duration::try_from(left).unwrap_or(Duration::ZERO).min(limit)
    }

    async fn open(&self, scope: Scope, wanted: Wanted, patience: Duration) -> Result<Open, DbError> {
        let inner = Arc::clone(&self.inner);
        let opening = async move {
            let places = match wanted {
                Wanted::TenantsShare(tenant) => {
                    inner.shares.acquire(Some(tenant), inner.acquire_timeout).await?
                }
                Wanted::Ordinary => inner.shares.acquire(None, inner.acquire_timeout).await?,
                Wanted::Any => Places::default(),
            };
            let transaction = inner.begin(&scope).await?;
            Ok(Open::new(transaction, inner.tasks.clone(), places))
        };
        // sqlx 0.9.0 leaks the scope of a transaction whose `begin` is dropped half-way to the connection's next user. Nobody
        // drops this one: when its caller has gone, or has lost its patience, it goes on in a task of its own, and the finished
        // transaction is dropped there and rolled back.
        let opened = Shield::new(self.inner.tasks.clone(), opening);
        match tokio::time::timeout(patience, opened).await {
            Ok(opened) => opened,
            Err(_) => Err(DbError::Timeout(sqlx::Error::PoolTimedOut)),
        }
    }
}

impl Inner {
    /// Begins, once more for every pooled connection that turns out to have died while nobody used it.
    async fn begin(&self, scope: &Scope) -> Result<Transaction<'static, Postgres>, DbError> {
        let statement = scope.begin_statement();
        let mut tries_left = self.pool.size().saturating_add(1);
        loop {
            tries_left -= 1;
            let error = match self.begin_once(&statement).await {
                Ok(transaction) => return Ok(transaction),
                Err(error) => error,
            };
            let refused = is_refusal(&error);
            let classified = DbError::from(error);
            let connection_died = matches!(classified, DbError::Unavailable(_)) && !refused;
            if !connection_died || tries_left == 0 || self.pool.is_closed() {
                return Err(classified);
            }
        }
    }

    /// Begins, and while the server refuses the login, on whatever connection is open.
    async fn begin_once(&self, statement: &str) -> Result<Transaction<'static, Postgres>, sqlx::Error> {
        let deadline = Instant::now() + self.acquire_timeout;
        let mut refusal = sqlx::Error::PoolTimedOut;
        loop {
            let seen = self.logins.seen();
            let statement = AssertSqlSafe(statement.to_owned());
            let begun = match seen.refused {
                false => self.pool.begin_with(statement).await.map(Some),
                true => self.pool.try_begin_with(statement).await,
            };
            match begun {
                Ok(Some(transaction)) => return Ok(transaction),
                Ok(None) => {}
                Err(error) if is_refusal(&error) => refusal = error,
                Err(error) => return Err(error),
            }
            if !self.logins.rotates() || Instant::now() >= deadline {
                return Err(refusal);
            }
            self.logins.recover(&self.pool, seen).await;
        }
    }
}

impl fmt::Debug for Db {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Db")
            .field("pool", &self.pool_use())
            .finish_non_exhaustive()
    }
}
