//! The key of the log, and what others need to verify with it.

use std::path::Path;

use anyhow::anyhow;
use platform_audit::LogKey;
use platform_core::Sources;
use platform_core::pg::Tenant;
use serde_json::json;

use crate::config::Settings;
use crate::database::{Database, self_check};
use crate::exit::Exit;
use crate::refusal::{OrRefuse, Refusal};
use crate::{tenants, trail};

/// Makes a key in a file of its own. Needs neither a database nor a configuration.
pub(super) fn new(file: &Path, host: &str, sources: &Sources) -> Result<String, Refusal> {
    let shown = file.display();
    if file.exists() {
        let error = anyhow!("there is a file {shown} already, which is left as it is");
        return Err(Refusal::new(Exit::NoInput, error));
    }
    LogKey::read_or_create(file, host, sources).or_refuse(Exit::NoInput)?;
    Ok(format!(
        "made {shown}; keep a copy of it apart from the copies of the database, and give it to every instance\n"
    ))
}

/// The name and the public key of each tenant's log, for whoever verifies it.
///
/// It only looks, and makes no key where there is none.
pub(super) async fn show(
    database: &Database,
    settings: &Settings,
    tenant: Option<&str>,
    as_json: bool,
) -> Result<String, Refusal> {
    let db = database.connect(settings, Sources::system()).await?;
    let seen = async {
        self_check(&db).await?;
        let tenants = match tenant {
            Some(slug) => vec![tenants::named(&db, slug).await?],
            None => tenants::all(&db).await?,
        };
        Ok((tenants, trail::own_key(&db, &settings.audit).await?))
    }
    .await;
    db.close().await;
    let (tenants, key) = seen?;
    if as_json {
        let all: Vec<_> = tenants
            .iter()
            .map(|tenant| {
                json!({
                    "tenant": tenant.slug,
                    "tenant_id": tenant.id,
                    "origin": key.origin(tenant.id).as_str(),
                    "vkey": key.verifier(tenant.id).to_string(),
                    "other_vkeys": others(&key, tenant),
                })
            })
            .collect();
        return Ok(format!("{}\n", serde_json::Value::Array(all)));
    }
    let lines = tenants.iter().map(|tenant| {
        let (origin, vkey) = (key.origin(tenant.id), key.verifier(tenant.id));
        let others = others(&key, tenant);
        let others: String = others.iter().map(|vkey| format!("  also   {vkey}\n")).collect();
        format!("{}\n  origin {origin}\n  vkey   {vkey}\n{others}", tenant.slug)
    });
    Ok(lines.collect())
}

/// The public keys beside the one that signs: those that were replaced, without which older checkpoints are nobody's.
fn others(key: &LogKey, tenant: &Tenant) -> Vec<String> {
    let current = key.verifier(tenant.id);
    let all = key.verifiers(tenant.id);
    let others = all.keys().iter().filter(|key| **key != current);
    others.map(ToString::to_string).collect()
}
