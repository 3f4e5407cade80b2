//! Two tenants with two users each, so that a first run has somebody to sign in as.

use std::fmt::Write;

use platform_auth::{Ensured, Role};
use platform_core::pg::{Db, Tenant};
use platform_core::secrecy::{ExposeSecret, SecretString};

use crate::compose::Handles;
use crate::config;
use crate::exit::Exit;
use crate::refusal::{OrRefuse, Refusal};
use crate::tenants::{create_tenant, make_up_password};

const TENANTS: [(&str, &str); 2] = [("acme", "Acme Brokerage"), ("globex", "Globex Securities")];
const USERS: [(&str, Role); 2] = [
    ("demo@example.com", Role::User),
    ("admin@example.com", Role::Admin),
];

/// What the operator is told once.
#[derive(Debug)]
pub struct Credentials(SecretString);

impl Credentials {
    /// The text with the passwords, for the terminal and never for a log.
    pub fn expose(&self) -> &str {
        self.0.expose_secret()
    }
}

/// Is it one of the demo tenants? One below another tenant is its administrators', whatever they call it.
pub fn is_demo(tenant: &Tenant) -> bool {
    tenant.parent.is_none() && TENANTS.iter().any(|(slug, _)| *slug == tenant.slug.as_str())
}

/// Makes the demo tenants on a database that has no other tenant. `None` when there was nothing to do.
///
/// # Errors
/// [`Refusal`] when the database fails; started again it goes on where it stopped.
pub async fn seed(db: &Db, handles: &Handles, demo: &config::Demo) -> Result<Option<Credentials>, Refusal> {
    let existing = handles.tenants.list(None, 3).await.or_refuse(Exit::Unavailable)?;
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
            // A browser and curl resolve every name below localhost to this machine.
            None => create_tenant(db, handles, (slug, name), Some(&format!("{slug}.localhost"))).await?,
        };
        for (email, role) in USERS {
            let password = demo
                .password
                .clone()
                .unwrap_or_else(|| make_up_password(db.sources()));
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
