//! Two tenants with two users each, so that a first run has somebody to sign in as.

use std::fmt::Write;

use anyhow::anyhow;
use platform_audit::{Action, Event, Outcome};
use platform_auth::{Ensured, Role};
use platform_core::pg::{Db, NewTenant, Slug, Tenant};
use platform_core::secrecy::{ExposeSecret, SecretString};
use platform_core::{RequestContext, Sources, TenantId};

use crate::compose::Handles;
use crate::config;
use crate::exit::Exit;
use crate::refusal::{OrRefuse, Refusal};

const TENANTS: [(&str, &str); 2] = [("acme", "Acme Brokerage"), ("globex", "Globex Securities")];
const USERS: [(&str, Role); 2] = [
    ("demo@example.com", Role::User),
    ("admin@example.com", Role::Admin),
];
const CREATE: Action = Action::new("tenant.create");

/// What the operator is told once.
#[derive(Debug)]
pub struct Credentials(SecretString);

impl Credentials {
    /// The text with the passwords, for the terminal and never for a log.
    pub fn expose(&self) -> &str {
        self.0.expose_secret()
    }
}

/// Makes the demo tenants on a database that has no other tenant. `None` when there was nothing to do.
///
/// # Errors
/// [`Refusal`] when the database fails; started again it goes on where it stopped.
pub async fn seed(db: &Db, handles: &Handles, demo: &config::Demo) -> Result<Option<Credentials>, Refusal> {
    let existing = handles.tenants.list(None, 3).await.or_refuse(Exit::Unavailable)?;
    let is_demo = |tenant: &Tenant| TENANTS.iter().any(|(slug, _)| *slug == tenant.slug.as_str());
    if !demo.enabled || !existing.iter().all(is_demo) {
        return Ok(None);
    }
    let mut lines = String::new();
    for (slug, name) in TENANTS {
        let known = existing
            .iter()
            .find(|tenant| tenant.slug.as_str() == slug)
            .map(|tenant| tenant.id);
        let tenant = match known {
            Some(tenant) => tenant,
            None => create(db, handles, slug, name).await?,
        };
        for (email, role) in USERS {
            let password = demo.password.clone().unwrap_or_else(|| make_up(db.sources()));
            let user = handles
                .auth
                .ensure_user(tenant, email, password.clone(), role)
                .await;
            if let Ensured::Created(_) = user.or_refuse(Exit::Configuration)? {
                let (role, password) = (role.as_str(), password.expose_secret());
                let _ = writeln!(
                    lines,
                    "  tenant {slug:<7} {role:<5} {email:<18} password {password}"
                );
            }
        }
    }
    Ok((!lines.is_empty()).then(|| Credentials(format!("Demo users, shown this once:\n{lines}").into())))
}

async fn create(db: &Db, handles: &Handles, slug: &str, name: &str) -> Result<TenantId, Refusal> {
    let id = TenantId::generate(db.sources());
    let ctx = RequestContext::system(id, "make the demo tenants", db.sources());
    let slug: Slug = slug.parse().or_refuse(Exit::Internal)?;
    // A browser and curl resolve every name below localhost to this machine.
    let host = format!("{slug}.localhost");
    let mut tx = db.begin(&ctx).await.or_refuse(Exit::Unavailable)?;
    let new = NewTenant {
        slug,
        name: name.to_owned(),
        parent: None,
    };
    let tenant = handles
        .tenants
        .create_in(&mut tx, &new)
        .await
        .or_refuse(Exit::Internal)?;
    handles
        .tenants
        .add_host_in(&mut tx, &host, true)
        .await
        .or_refuse(Exit::Internal)?;
    let event = Event::new(CREATE, Outcome::Success).target("tenant", tenant.id.to_string());
    handles
        .audit
        .record(&mut tx, &ctx, event)
        .await
        .map_err(|error| Refusal::new(Exit::Internal, anyhow!(error)))?;
    tx.commit().await.or_refuse(Exit::Unavailable)?;
    Ok(tenant.id)
}

/// Twenty letters and digits that are not mistaken for one another: 100 random bits.
fn make_up(sources: &Sources) -> SecretString {
    const ALPHABET: &[u8; 32] = b"abcdefghjkmnpqrstuvwxyz23456789A";
    let drawn: [u8; 20] = sources.bytes();
    let password: String = drawn
        .iter()
        .map(|byte| char::from(ALPHABET[usize::from(byte % 32)]))
        .collect();
    password.into()
}
