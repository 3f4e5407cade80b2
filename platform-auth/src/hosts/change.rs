//! What is done with a host name in a transaction of its tenant, whoever asks for it.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use platform_core::pg::TenantTx;
use platform_core::{RequestContext, TenantId};

use super::trail::From;
use super::{CLAIM_LIFETIME, HOSTS_MAX, HostError, HostName, TenantHost, stored, trail};
use crate::Fault;
use crate::auth::Inner;

impl Inner {
    /// Claims a name. Who does so from the platform vouches for it: it stands for the tenant at once.
    pub(super) async fn claim_host(
        &self,
        ctx: &RequestContext,
        host: &HostName,
        from: From,
    ) -> Result<TenantHost, HostError> {
        let now = self.sources.now();
        let (by, vouched) = match from {
            From::Within => (ctx.principal().id(), false),
            From::Platform(_) | From::Closing(_) => (None, true),
        };
        let mut tx = self.db.begin(ctx).await?;
        if !stored::lock_tenant(&mut tx).await? {
            return Err(HostError::NotFound);
        }
        stored::forget_expired(&mut tx, now).await?;
        if stored::count_others(&mut tx, host).await? >= i64::from(HOSTS_MAX) {
            return Err(HostError::TooMany { max: HOSTS_MAX });
        }
        if stored::stands(&mut tx, host).await? {
            return Err(HostError::AlreadyVerified);
        }
        let challenge = URL_SAFE_NO_PAD.encode(self.sources.bytes::<32>());
        let new = stored::New {
            host,
            challenge: &format!("platform-verification={challenge}"),
            now,
            by,
            expires_at: now + CLAIM_LIFETIME,
            is_verified: vouched,
        };
        if !stored::claim(&mut tx, &new).await? {
            return Err(HostError::AlreadyVerified);
        }
        let event = match vouched {
            false => trail::claimed(host),
            true => {
                self.let_stand(&mut tx, host).await?;
                trail::verified(host, from)
            }
        };
        self.audit.record(&mut tx, ctx, event).await?;
        tx.commit().await?;
        self.host(ctx, host).await?.ok_or(HostError::NotFound)
    }

    /// Lets a name stand for the tenant of the transaction, unless it stands for another one.
    pub(super) async fn let_stand(&self, tx: &mut TenantTx, host: &HostName) -> Result<(), HostError> {
        match self.tenants.add_host_in(tx, host.as_str(), true).await {
            Ok(()) => Ok(()),
            Err(error) if error.constraint() == Some("tenant_host_pkey") => Err(HostError::Taken),
            Err(error) => Err(error.into()),
        }
    }

    /// Gives every name of a tenant up that is closed in this transaction, verified or claimed: another tenant may have it.
    pub(crate) async fn give_hosts_up(
        &self,
        tx: &mut TenantTx,
        ctx: &RequestContext,
        by_tenant: Option<TenantId>,
    ) -> Result<(), Fault> {
        for host in stored::remove_all(tx).await? {
            let event = trail::removed(&host, From::Closing(by_tenant));
            self.audit.record(tx, ctx, event).await?;
        }
        Ok(())
    }

    pub(super) async fn remove_host(
        &self,
        ctx: &RequestContext,
        host: &HostName,
        from: From,
    ) -> Result<(), HostError> {
        let mut tx = self.db.begin(ctx).await?;
        if !stored::remove(&mut tx, host).await? {
            return Err(HostError::NotFound);
        }
        self.audit
            .record(&mut tx, ctx, trail::removed(host, from))
            .await?;
        tx.commit().await?;
        Ok(())
    }

    pub(super) async fn host(
        &self,
        ctx: &RequestContext,
        host: &HostName,
    ) -> Result<Option<TenantHost>, Fault> {
        let mut read = self.db.read(ctx).await?;
        let found = stored::list(&mut read, Some(host), self.sources.now()).await?;
        read.finish().await?;
        Ok(found.into_iter().next())
    }

    pub(super) async fn hosts(&self, ctx: &RequestContext) -> Result<Vec<TenantHost>, Fault> {
        let mut read = self.db.read(ctx).await?;
        let hosts = stored::list(&mut read, None, self.sources.now()).await?;
        read.finish().await?;
        Ok(hosts)
    }
}
