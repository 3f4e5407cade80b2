//! Claiming host names, giving them up and seeing them: by the tenant's own admins, and by the platform's operators.

use platform_core::pg::TenantStatus;
use platform_core::{RequestContext, TenantId};

use super::trail::From;
use super::{HOSTS_MANAGE, HostError, HostName, TenantHost};
use crate::tenants::acting_from;
use crate::{Auth, OverseeError, Oversight};

impl Auth {
    /// The host names of the tenant, those that are only claimed too, in order.
    ///
    /// # Errors
    /// [`HostError::Forbidden`] without [`HOSTS_MANAGE`].
    pub async fn hosts(&self, ctx: &RequestContext) -> Result<Vec<TenantHost>, HostError> {
        ctx.require(HOSTS_MANAGE)?;
        Ok(self.inner.hosts(ctx).await?)
    }

    /// Claims a host name for the tenant. What has to be put into which record comes back; claiming it again gives another text.
    ///
    /// # Errors
    /// [`HostError::AlreadyVerified`], [`HostError::TooMany`] past 20 names; it needs [`HOSTS_MANAGE`].
    pub async fn claim_host(&self, ctx: &RequestContext, host: &HostName) -> Result<TenantHost, HostError> {
        ctx.require(HOSTS_MANAGE)?;
        self.inner.claim_host(ctx, host, From::Within).await
    }

    /// Gives a host name up: it stands for nobody from now on, and another tenant may claim it.
    ///
    /// # Errors
    /// [`HostError::NotFound`] when the tenant has no such name; it needs [`HOSTS_MANAGE`].
    pub async fn remove_host(&self, ctx: &RequestContext, host: &HostName) -> Result<(), HostError> {
        ctx.require(HOSTS_MANAGE)?;
        self.inner.remove_host(ctx, host, From::Within).await
    }

    /// The host names of a tenant, for an operator.
    ///
    /// # Errors
    /// [`OverseeError::Forbidden`], [`OverseeError::NotFound`].
    pub async fn hosts_of(
        &self,
        ctx: &RequestContext,
        id: TenantId,
    ) -> Result<Vec<TenantHost>, OverseeError> {
        let (under, _) = self.under_platform(ctx, id).await?;
        Ok(self.inner.hosts(&under).await?)
    }

    /// Lets a host name stand for a tenant without a record: an operator vouches for it.
    ///
    /// # Errors
    /// [`OverseeError::Host`] when it stands for another tenant or is one too many, [`OverseeError::NotFound`],
    /// [`OverseeError::NotFrom`] when the tenant is closed.
    pub async fn add_host_of(
        &self,
        ctx: &RequestContext,
        id: TenantId,
        host: &HostName,
    ) -> Result<TenantHost, OverseeError> {
        let (under, status) = self.under_platform(ctx, id).await?;
        if status == TenantStatus::Closed {
            return Err(OverseeError::NotFrom { status });
        }
        self.inner.announce(ctx, "add_host", id).await?;
        let from = From::Platform(acting_from(ctx));
        match self.inner.claim_host(&under, host, from).await {
            Ok(host) => Ok(host),
            Err(error) => Err(self.inner.take_back(ctx, "add_host", id, error.into()).await),
        }
    }

    /// Takes a host name from a tenant, for an operator.
    ///
    /// # Errors
    /// [`OverseeError::Host`] when it has no such name, [`OverseeError::NotFound`] when there is no such tenant.
    pub async fn remove_host_of(
        &self,
        ctx: &RequestContext,
        id: TenantId,
        host: &HostName,
    ) -> Result<(), OverseeError> {
        let (under, _) = self.under_platform(ctx, id).await?;
        self.inner.announce(ctx, "remove_host", id).await?;
        let from = From::Platform(acting_from(ctx));
        match self.inner.remove_host(&under, host, from).await {
            Ok(()) => Ok(()),
            Err(error) => Err(self.inner.take_back(ctx, "remove_host", id, error.into()).await),
        }
    }

    /// The context in which an operator works on a tenant, and what has become of that.
    async fn under_platform(
        &self,
        ctx: &RequestContext,
        id: TenantId,
    ) -> Result<(RequestContext, TenantStatus), OverseeError> {
        let inner = &*self.inner;
        inner.may_oversee(ctx, Oversight::Platform)?;
        let tenant = inner.overseen(ctx, Oversight::Platform, id).await?;
        let tenant = tenant.ok_or(OverseeError::NotFound)?;
        Ok((inner.under(ctx, tenant.id), tenant.status))
    }
}
