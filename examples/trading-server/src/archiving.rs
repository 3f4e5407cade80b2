//! Archiving months of all trails, so that a damaged one does not keep the others out of the archive.

use platform_audit::{Archive, ArchiveError, ArchiveMonth, ArchiveOptions, ArchiveSummary, archive};
use platform_core::pg::{Db, Slug, Tenant};

use crate::trail::Trail;

/// What became of the months of some tenants.
#[derive(Debug, Default)]
pub struct Archived {
    /// Of those whose trail is sound.
    pub summary: ArchiveSummary,
    /// The others, and why nothing more of them was archived.
    pub damaged: Vec<(Slug, ArchiveError)>,
}

/// Archives the month that is named, or every one that is over.
///
/// # Errors
/// [`ArchiveError`] when nobody's could be archived either: the folder cannot be written, or the database fails.
pub async fn archive_all(
    db: &Db,
    trail: &Trail,
    folder: &Archive,
    tenants: &[Tenant],
    month: Option<ArchiveMonth>,
) -> Result<Archived, ArchiveError> {
    let mut all = Archived::default();
    for tenant in tenants {
        let options = ArchiveOptions {
            tenant: Some(tenant.id),
            month,
        };
        match archive(db, &trail.log, &trail.key, folder, &options).await {
            Ok(done) => all.add(&done),
            Err(error @ (ArchiveError::Damaged { .. } | ArchiveError::NotSigned { .. })) => {
                all.damaged.push((tenant.slug.clone(), error));
            }
            Err(error) => return Err(error),
        }
    }
    Ok(all)
}

impl Archived {
    fn add(&mut self, done: &ArchiveSummary) {
        let sum = &mut self.summary;
        sum.written = sum.written.saturating_add(done.written);
        sum.events = sum.events.saturating_add(done.events);
        sum.present = sum.present.saturating_add(done.present);
        sum.empty = sum.empty.saturating_add(done.empty);
        sum.waiting = sum.waiting.saturating_add(done.waiting);
    }
}
