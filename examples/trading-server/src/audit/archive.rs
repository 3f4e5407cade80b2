//! Writing months into an archive.

use std::path::Path;

use anyhow::anyhow;
use platform_audit::{Archive, ArchiveError, ArchiveMonth};
use platform_core::error_chain;
use platform_core::pg::Tenant;

use super::{Done, Site};
use crate::archiving::{Archived, archive_all};
use crate::config::Audit;
use crate::exit::Exit;
use crate::refusal::Refusal;
use crate::tenants;

pub(super) async fn run(
    site: &Site,
    audit: &Audit,
    tenant: Option<&str>,
    month: Option<ArchiveMonth>,
    to: Option<&Path>,
) -> Result<Done, Refusal> {
    let Some(folder) = to.or(audit.archive_dir.as_deref()) else {
        let error = anyhow!("there is no archive: name its folder with --to, or set audit.archive_dir");
        return Err(Refusal::new(Exit::Usage, error));
    };
    let tenants = match tenant {
        Some(slug) => vec![tenants::named(&site.db, slug).await?],
        None => tenants::all(&site.db).await?,
    };
    let archived = archived(site, &tenants, month, folder).await?;
    let exit = match archived.damaged.is_empty() && archived.summary.waiting == 0 {
        true => Exit::Clean,
        false => Exit::Findings,
    };
    let text = told(&archived);
    Ok(Done { text, exit })
}

/// Archives, also for whoever deletes afterwards.
pub(super) async fn archived(
    site: &Site,
    tenants: &[Tenant],
    month: Option<ArchiveMonth>,
    folder: &Path,
) -> Result<Archived, Refusal> {
    let folder = Archive::directory(folder);
    archive_all(&site.db, &site.trail, &folder, tenants, month)
        .await
        .map_err(refused)
}

pub(super) fn told(archived: &Archived) -> String {
    let sum = &archived.summary;
    let mut text = format!("archived {} months with {} events\n", sum.written, sum.events);
    for (count, what) in [
        (sum.present, "months were in the archive already"),
        (sum.empty, "months have no events"),
        (
            sum.waiting,
            "months wait: they are not over, or no signed checkpoint covers all of them yet",
        ),
    ] {
        if count > 0 {
            text.push_str(&format!("{count} {what}\n"));
        }
    }
    for (slug, error) in &archived.damaged {
        let why = error_chain(error);
        text.push_str(&format!(
            "FINDING {slug}: {why}; run `audit verify --tenant {slug}`\n"
        ));
    }
    text
}

fn refused(error: ArchiveError) -> Refusal {
    let exit = match &error {
        ArchiveError::File { .. } => Exit::NoInput,
        ArchiveError::Origin => Exit::Configuration,
        _ => Exit::Unavailable,
    };
    Refusal::new(exit, error)
}
