//! What a command works with.

use std::sync::Arc;

use anyhow::anyhow;
use platform_auth::{DnsResolver, TxtResolver};
use platform_core::pg::{Db, Tenants};
use platform_core::{Sources, TenantId, error_chain};
use trading::QuoteBoard;

use crate::compose::{Handles, Outside};
use crate::config::{PlatformSettings, Settings};
use crate::database::{Database, self_check};
use crate::exit::Exit;
use crate::keyring::{self, Opened};
use crate::mail;
use crate::refusal::{OrRefuse as _, Refusal};
use crate::trail::{self, Trail};

/// A database that was checked, with its trail, its keys, and every handle over them.
#[derive(Debug)]
pub struct Ready {
    /// The database.
    pub db: Db,
    /// The audit trail.
    pub trail: Trail,
    /// The keys.
    pub keyring: Opened,
    /// The handles over all of it.
    pub handles: Handles,
}

impl Ready {
    /// Connects to a migrated database, checks it and opens everything.
    ///
    /// # Errors
    /// [`Refusal`] when the database does not keep tenants apart, or the key of the trail or the root key is not its own.
    pub async fn open(database: &Database, settings: &Settings, board: &QuoteBoard) -> Result<Self, Refusal> {
        let db = database.connect(settings, Sources::system()).await?;
        let report = self_check(&db).await?;
        for finding in report
            .findings()
            .iter()
            .filter(|finding| finding.allowed.is_none())
        {
            tracing::warn!(code = finding.code, object = finding.object, "{finding}");
        }
        let trail = trail::open(&db, &settings.audit).await?;
        let keyring = keyring::open(&db, &settings.keys, &trail.log).await?;
        let outside = Outside {
            mail: mail::open(&settings.mail)?,
            platform_tenant: platform_tenant(&db, &settings.platform).await?,
            txt_resolver: txt_resolver(&settings.platform),
        };
        let handles = Handles::new(&db, &trail.log, &keyring.keyring, board, (settings, outside));
        Ok(Self {
            db,
            trail,
            keyring,
            handles,
        })
    }

    /// Attests what a short-lived process has recorded, and gives the connections back.
    pub async fn close(self) {
        self.trail.farewell(&self.db).await;
        self.db.close().await;
    }
}

/// The tenant that the settings name as the platform's own. One that is not made yet has no operators: make it and start again.
async fn platform_tenant(db: &Db, settings: &PlatformSettings) -> Result<Option<TenantId>, Refusal> {
    let Some(slug) = &settings.tenant else {
        return Ok(None);
    };
    let found = Tenants::new(db)
        .by_slug(slug)
        .await
        .or_refuse(Exit::Unavailable)?;
    if found.is_none() {
        tracing::warn!("there is no tenant {slug} yet, and so no operator of the platform");
    }
    // Whoever administers a tenant may make others below it: that one's admins would be operators of everything.
    if found.as_ref().is_some_and(|tenant| tenant.parent.is_some()) {
        return Err(Refusal::new(
            Exit::Configuration,
            anyhow!(
                "the tenant {slug} stands below another one, and so cannot be the platform's own: name another one in platform.tenant"
            ),
        ));
    }
    Ok(found.map(|tenant| tenant.id))
}

/// A machine without name servers verifies no host names, and does everything else.
fn txt_resolver(settings: &PlatformSettings) -> Option<Arc<dyn TxtResolver>> {
    if !settings.verify_hosts {
        return None;
    }
    match DnsResolver::of_system() {
        Ok(resolver) => Some(Arc::new(resolver)),
        Err(error) => {
            tracing::warn!(
                error = error_chain(&error),
                "host names cannot be verified: {error}"
            );
            None
        }
    }
}
