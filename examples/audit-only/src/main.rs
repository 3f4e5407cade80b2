//! Archives a report of a tenant and prints its history: `DATABASE_URL=postgres://… audit-only SLUG REPORT`.

use std::env;
use std::io::Write;

use anyhow::Context;
use audit_only::{archive, connect, history};
use platform_audit::platform_core::pg::{Slug, Tenants};

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let usage = "usage: audit-only SLUG REPORT, with DATABASE_URL set";
    let mut arguments = env::args().skip(1);
    let slug: Slug = arguments.next().context(usage)?.parse()?;
    let report = arguments.next().context(usage)?;
    let url = env::var("DATABASE_URL").context(usage)?;

    let db = connect(&url, env::var("DATABASE_OWNER_URL").ok()).await?;
    let tenant = Tenants::new(&db).by_slug(&slug).await?;
    let tenant = tenant.with_context(|| format!("there is no tenant {slug}"))?;

    archive(&db, tenant.id, &report).await?;

    let mut out = std::io::stdout().lock();
    for event in history(&db, tenant.id, &report).await? {
        let purpose = event.purpose.unwrap_or_default();
        writeln!(
            out,
            "{} {} {} ({purpose})",
            event.occurred_at,
            event.action,
            event.outcome.as_str()
        )?;
    }
    db.close().await;
    Ok(())
}
