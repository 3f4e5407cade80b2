//! Making and finding tenants, and made-up passwords, for the demo and for the operator.

use anyhow::anyhow;
use platform_audit::tenant_created;
use platform_auth::{OverseeError, Oversight};
use platform_core::pg::{Db, NewTenant, Slug, Tenant, TenantError, TenantVerb, Tenants};
use platform_core::secrecy::SecretString;
use platform_core::{RequestContext, Sources, TenantId};

use crate::cli::TenantTask;
use crate::compose::Handles;
use crate::demo;
use crate::exit::Exit;
use crate::refusal::{OrRefuse, Refusal};

/// Tenants that are looked up at once.
const AT_ONCE: u32 = 200;

/// Makes a tenant with its slug, its name and, where there is one, a host name that is known to be its own.
///
/// # Errors
/// [`Refusal`] when the slug or the host name is taken or malformed, or the database fails; nothing was made then.
pub async fn create_tenant(
    db: &Db,
    handles: &Handles,
    (slug, name): (&str, &str),
    host: Option<&str>,
) -> Result<TenantId, Refusal> {
    let id = TenantId::generate(db.sources());
    let ctx = RequestContext::system(id, "make a tenant", db.sources());
    let slug: Slug = slug.parse().or_refuse(Exit::Usage)?;
    let mut tx = db.begin(&ctx).await.or_refuse(Exit::Unavailable)?;
    let new = NewTenant {
        slug,
        name: name.to_owned(),
        parent: None,
    };
    let tenant = handles.tenants.create_in(&mut tx, &new).await.map_err(|error| {
        let exit = match &error {
            TenantError::InvalidName => Exit::Usage,
            TenantError::Db(_) => Exit::Unavailable,
            _ => Exit::Findings,
        };
        Refusal::new(exit, error)
    })?;
    if let Some(host) = host {
        let added = handles.tenants.add_host_in(&mut tx, host, true).await;
        added.map_err(|error| match error.constraint() {
            Some(_) => Refusal::new(
                Exit::Findings,
                anyhow!("the host name {host} is malformed or another tenant's"),
            ),
            None => Refusal::new(Exit::Unavailable, error),
        })?;
    }
    let event = tenant_created(tenant.id, tenant.slug.as_str());
    handles
        .audit
        .record(&mut tx, &ctx, event)
        .await
        .or_refuse(Exit::Unavailable)?;
    tx.commit().await.or_refuse(Exit::Unavailable)?;
    Ok(tenant.id)
}

/// A tenant that is there already, if it is one that an earlier run made and did not finish. Whoever administers a tenant may make others
/// below it, of any short name that is free: what is found under a name need not be what the operator means, and nobody is made an
/// administrator of it by mistake. The demo tenants have users from the start, and may be given one more.
///
/// # Errors
/// [`Exit::Findings`] when it stands below another tenant or has users; [`Exit::Unavailable`].
pub async fn to_go_on_with(handles: &Handles, db: &Db, known: Tenant) -> Result<TenantId, Refusal> {
    let slug = &known.slug;
    if known.parent.is_some() {
        return Err(Refusal::new(
            Exit::Findings,
            anyhow!(
                "the tenant {slug} stands below another one, whose administrators made it; take another short name"
            ),
        ));
    }
    let ctx = RequestContext::system(known.id, "look for users", db.sources());
    let users = handles.auth.list_users(&ctx, None, 1).await;
    if !demo::is_demo(&known) && !users.or_refuse(Exit::Unavailable)?.is_empty() {
        return Err(Refusal::new(
            Exit::Findings,
            anyhow!("the tenant {slug} and users of it exist already"),
        ));
    }
    Ok(known.id)
}

/// The tenant of this short name.
///
/// # Errors
/// [`Exit::Usage`] when there is none.
pub async fn named(db: &Db, slug: &str) -> Result<Tenant, Refusal> {
    let parsed = slug.parse().or_refuse(Exit::Usage)?;
    let found = Tenants::new(db)
        .by_slug(&parsed)
        .await
        .or_refuse(Exit::Unavailable)?;
    found.ok_or_else(|| Refusal::new(Exit::Usage, anyhow!("there is no tenant {slug}")))
}

/// Every tenant.
///
/// # Errors
/// [`Exit::Unavailable`] when the database fails.
pub async fn all(db: &Db) -> Result<Vec<Tenant>, Refusal> {
    let directory = Tenants::new(db);
    let mut all: Vec<Tenant> = Vec::new();
    loop {
        let after = all.last().map(|tenant| tenant.id);
        let page = directory
            .list(after, AT_ONCE)
            .await
            .or_refuse(Exit::Unavailable)?;
        if page.is_empty() {
            return Ok(all);
        }
        all.extend(page);
    }
}

/// Twenty letters and digits that are not mistaken for one another: 100 random bits.
pub fn make_up_password(sources: &Sources) -> SecretString {
    const ALPHABET: &[u8; 32] = b"abcdefghjkmnpqrstuvwxyz23456789A";
    let drawn: [u8; 20] = sources.bytes();
    let letters = drawn
        .iter()
        .map(|byte| char::from(ALPHABET[usize::from(byte % 32)]));
    letters.collect::<String>().into()
}

/// Lists tenants, or does something to one of them, and says what.
///
/// # Errors
/// [`Refusal`] when there is no such tenant, or it cannot be done to one of its status.
pub async fn look_after(task: &TenantTask, db: &Db, handles: &Handles) -> Result<String, Refusal> {
    let (verb, named_tenant) = match task {
        TenantTask::List => return listed(db).await,
        TenantTask::Suspend(tenant) => (TenantVerb::Suspend, tenant),
        TenantTask::Resume(tenant) => (TenantVerb::Resume, tenant),
        TenantTask::Close(tenant) => (TenantVerb::Close, tenant),
    };
    let tenant = named(db, &named_tenant.slug).await?;
    let ctx = RequestContext::system(tenant.id, "look after a tenant on the command line", db.sources());
    let done = (verb, named_tenant.reason.as_deref());
    let changed = handles
        .auth
        .change_tenant(&ctx, Oversight::Platform, tenant.id, done)
        .await;
    let changed = changed.map_err(|error| {
        let exit = match &error {
            OverseeError::Fault(_) => Exit::Unavailable,
            OverseeError::InvalidReason => Exit::Usage,
            _ => Exit::Findings,
        };
        Refusal::new(exit, error)
    })?;
    Ok(format!(
        "tenant {} is {} now\n",
        changed.slug,
        changed.status.as_str()
    ))
}

async fn listed(db: &Db) -> Result<String, Refusal> {
    let lines = all(db).await?.into_iter().map(|tenant| {
        let (slug, status, id, name) = (tenant.slug, tenant.status.as_str(), tenant.id, tenant.name);
        format!("{slug}\t{status}\t{id}\t{name}\n")
    });
    Ok(lines.collect())
}
