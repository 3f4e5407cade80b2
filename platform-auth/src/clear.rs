//! What an older release stored in the clear.

use platform_core::pg::DbError;
use platform_core::{PrincipalId, RequestContext, TenantId};
use platform_crypto::{Secret, TagError, Tagged};

use crate::auth::Inner;
use crate::erasure::subject;
use crate::identity::{EMAIL_INDEX, Identity};
use crate::{Auth, Fault, stored, trail};

/// Users that are sealed in one transaction.
const BATCH: i64 = 50;

/// Tenants that are looked up at once.
const TENANTS: u32 = 200;

/// What an older release stored in the clear could not all be sealed. What was sealed stays sealed; calling again goes on.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SealClearError {
    /// Two users of a tenant have what counts as one e-mail address now, or a user one that counts as none. Neither release has a way
    /// to change it: the repository's `docs/OPERATIONS.md` has the SQL, for before the migration and for after it.
    #[error(
        "the e-mail address of user {user} of tenant {tenant} counts as that of another user of the tenant, or as none"
    )]
    SameAddress {
        /// The tenant.
        tenant: TenantId,
        /// The user; of two the one who was made later.
        user: PrincipalId,
    },
    /// The service could not do its part.
    #[error("users could not be sealed")]
    Fault(#[source] Fault),
}

impl Auth {
    /// Seals what an older release stored in the clear, tenant by tenant, and says how many users that were. Call it after the
    /// migrations and before serving: until then nobody who is still in the clear can sign in. Once all are sealed it costs one
    /// query for each tenant.
    ///
    /// May be interrupted and called again, and from several processes at a time. Instances of the older release must not run
    /// any more: they would look for users in columns that are empty.
    ///
    /// # Errors
    /// [`SealClearError`]: do not serve.
    pub async fn seal_clear_users(&self) -> Result<u64, SealClearError> {
        let inner = &*self.inner;
        let mut sealed = 0;
        let mut after = None;
        loop {
            let tenants = inner.tenants.list(after, TENANTS).await?;
            for tenant in &tenants {
                sealed += inner.seal_clear_users(tenant.id).await?;
            }
            match tenants.last() {
                Some(last) => after = Some(last.id),
                None => return Ok(sealed),
            }
        }
    }
}

impl Inner {
    async fn seal_clear_users(&self, tenant: TenantId) -> Result<u64, SealClearError> {
        let reason = "seal what an older release stored in the clear";
        let ctx = RequestContext::system(tenant, reason, &self.sources);
        if !self.has_clear_users(&ctx).await? {
            return Ok(0);
        }
        let mut sealed = 0;
        loop {
            match self.seal_batch(&ctx).await? {
                0 => {
                    tracing::info!(tenant.id = %tenant, users = sealed, "sealed {sealed} users of tenant {tenant}");
                    return Ok(sealed);
                }
                batch => sealed += batch,
            }
        }
    }

    async fn has_clear_users(&self, ctx: &RequestContext) -> Result<bool, DbError> {
        let mut read = self.db.read(ctx).await?;
        let any = sqlx::query_scalar(
            "select exists (select from platform_auth.subject where tenant_id = $1 and email is not null)",
        )
        .bind(read.tenant())
        .fetch_one(&mut read)
        .await?;
        read.finish().await?;
        Ok(any)
    }

    async fn seal_batch(&self, ctx: &RequestContext) -> Result<u64, SealClearError> {
        let mut tx = self.db.begin(ctx).await?;
        // Another process that does the same waits here, and then finds that these are done.
        let rows: Vec<ClearRow> = sqlx::query_as(
            "select id, email, first_name, last_name from platform_auth.subject
             where tenant_id = $1 and email is not null
             order by id limit $2 for update",
        )
        .bind(tx.tenant())
        .bind(BATCH)
        .fetch_all(&mut tx)
        .await
        .map_err(DbError::from)?;
        let mut users = Vec::with_capacity(rows.len());
        for row in rows {
            let (id, identity) = row.into_identity();
            let tagged = Tagged::new(id, identity.email.expose()).of(subject(id));
            match self.keys.tag(&mut tx, ctx, &EMAIL_INDEX, &tagged).await {
                Ok(()) => {}
                Err(TagError::Keys(error)) => return Err(error.into()),
                Err(_) => {
                    return Err(SealClearError::SameAddress {
                        tenant: ctx.tenant(),
                        user: id,
                    });
                }
            }
            let key = self.keys.ensure_subject(&mut tx, ctx, subject(id)).await?;
            let sealed = identity.seal(&key, ctx.tenant(), id)?;
            stored::replace_identity(&mut tx, &sealed).await?;
            users.push(id);
        }
        if !users.is_empty() {
            self.audit.record(&mut tx, ctx, trail::sealed(&users)).await?;
        }
        tx.commit().await?;
        Ok(u64::try_from(users.len()).unwrap_or(u64::MAX))
    }
}

#[derive(sqlx::FromRow)]
struct ClearRow {
    id: PrincipalId,
    email: String,
    first_name: Option<String>,
    last_name: Option<String>,
}

impl ClearRow {
    fn into_identity(self) -> (PrincipalId, Identity) {
        let identity = Identity {
            email: Secret::new(self.email),
            first_name: self.first_name.map(Secret::new),
            last_name: self.last_name.map(Secret::new),
        };
        (self.id, identity)
    }
}
