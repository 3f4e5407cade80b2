//! Deleting events whose time is over.

use anyhow::anyhow;
use platform_audit::{Archive, PruneOptions, PruneSummary, Pruner};

use super::{Done, Site, archive};
use crate::config::Audit;
use crate::exit::Exit;
use crate::refusal::{OrRefuse, Refusal};
use crate::tenants;

/// What the server's own worker does every day: archives where there is a folder for it, then deletes.
pub(super) async fn run(site: &Site, audit: &Audit, yes: bool) -> Result<Done, Refusal> {
    if !yes {
        return Err(Refusal::new(Exit::Usage, anyhow!("{}", announced(audit))));
    }
    let pruner = Pruner::new(&site.db, &site.trail.log, &site.trail.key);
    let (pruner, mut text, exit) = match &audit.archive_dir {
        None => (pruner, String::new(), Exit::Clean),
        Some(folder) => {
            let tenants = tenants::all(&site.db).await?;
            let archived = archive::archived(site, &tenants, None, folder).await?;
            let exit = match archived.damaged.is_empty() {
                true => Exit::Clean,
                false => Exit::Findings,
            };
            let pruner = pruner.archived_in(&Archive::directory(folder));
            (pruner, archive::told(&archived), exit)
        }
    };
    let done = pruner.run(&PruneOptions::default()).await;
    let done = done.or_refuse(Exit::Unavailable)?;
    text.push_str(&told(&done));
    let exit = match done.doubtful {
        0 => exit,
        _ => Exit::Findings,
    };
    Ok(Done { text, exit })
}

/// What would be done, for whoever has not yet said that it is meant.
fn announced(audit: &Audit) -> String {
    let which = "nothing was done. With --yes, events of all tenants whose longest time is over are deleted, except those that a hold \
                 keeps or that no signed checkpoint covers; their hashes stay, and nothing brings the events back. ";
    let archive = match &audit.archive_dir {
        Some(folder) => format!(
            "Before that, months that are over are archived in {}, and only what is there, signed and whole, is deleted",
            folder.display()
        ),
        None => "They are not archived before, because audit.archive_dir is not set".to_owned(),
    };
    format!("{which}{archive}")
}

fn told(done: &PruneSummary) -> String {
    let mut text = format!("deleted {} events; their hashes stay\n", done.deleted);
    for (count, what) in [
        (done.held, "are kept by a hold"),
        (done.unsigned, "are not covered by a signed checkpoint yet"),
        (done.unarchived, "are not in the archive yet"),
        (
            done.doubtful,
            "are not what was sequenced and stay as evidence: run `audit verify`",
        ),
        (
            done.waiting,
            "announcements wait for the sequencer; the next run deletes what they name",
        ),
    ] {
        if count > 0 {
            text.push_str(&format!("{count} {what}\n"));
        }
    }
    text
}
