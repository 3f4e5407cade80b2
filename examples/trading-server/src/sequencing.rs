//! The audit trail at work: its background tasks and its health.

use std::time::Duration;

use anyhow::anyhow;
use platform_audit::{Archive, Audit, PruneOptions, Pruner, Sequencer, Spool};
use platform_core::error_chain;
use platform_core::pg::Db;
use platform_core::runtime::{Check, Worker};
use tokio::time::{MissedTickBehavior, interval};

use crate::archiving::archive_all;
use crate::trail::Trail;
use crate::{config, tenants};

/// How often it is looked whether the time of events is over.
const PRUNE_EVERY: Duration = Duration::from_secs(24 * 60 * 60);

/// The module of the trail: its routes, what gives events their places and signs them, and where it is switched on the worker
/// `audit.prune`, which deletes events whose time is over. The soft check `audit_spool` tells when the spool has lost anything.
pub fn module(db: &Db, trail: &Trail, sequencer: Option<Sequencer>, audit: &config::Audit) -> Audit {
    let mut module = Audit::new(db, &trail.log, &trail.key);
    if let Some(spool) = trail.spool.clone() {
        module = module.check(Check::soft("audit_spool", move || {
            let spool = spool.clone();
            // It reads a directory.
            let looked = tokio::task::spawn_blocking(move || sound(&spool));
            async move { looked.await.unwrap_or_else(|error| Err(error.to_string())) }
        }));
    }
    if audit.prune || audit.archive_dir.is_some() {
        module = module.worker(prune(db, trail, audit));
    }
    match sequencer {
        Some(sequencer) => module.sequencer(sequencer),
        None => module,
    }
}

/// Archives finished months where there is a folder for them, then deletes what is due, where that is switched on, and of that only what
/// the folder has.
fn prune(db: &Db, trail: &Trail, audit: &config::Audit) -> Worker {
    let folder = audit.archive_dir.as_ref().map(Archive::directory);
    let pruner = Pruner::new(db, &trail.log, &trail.key);
    let pruner = match &folder {
        Some(folder) => pruner.archived_in(folder),
        None => pruner,
    };
    let pruner = audit.prune.then_some(pruner);
    let (db, trail) = (db.clone(), trail.clone());
    Worker::new("audit.prune", move |stop| {
        let (pruner, folder) = (pruner.clone(), folder.clone());
        let (db, trail) = (db.clone(), trail.clone());
        async move {
            let mut days = interval(PRUNE_EVERY);
            days.set_missed_tick_behavior(MissedTickBehavior::Delay);
            while stop.run_until_cancelled(days.tick()).await.is_some() {
                if let Some(folder) = &folder {
                    let archiving = archived(&db, &trail, folder);
                    let Some(done) = stop.run_until_cancelled(Box::pin(archiving)).await else {
                        return Ok(());
                    };
                    done?;
                }
                let Some(pruner) = &pruner else {
                    continue;
                };
                let options = PruneOptions::default();
                // Dropped where it stands: the next run goes on.
                let Some(done) = stop.run_until_cancelled(pruner.run(&options)).await else {
                    return Ok(());
                };
                tracing::info!(summary = ?done?, "pruned the audit trail");
            }
            Ok(())
        }
    })
}

/// Archives what there is of every trail; a damaged one is told and does not keep the others waiting.
async fn archived(db: &Db, trail: &Trail, folder: &Archive) -> anyhow::Result<()> {
    let tenants = tenants::all(db).await.map_err(|refusal| anyhow!("{refusal}"))?;
    let done = archive_all(db, trail, folder, &tenants, None).await?;
    for (slug, error) in &done.damaged {
        tracing::error!(tenant.slug = %slug, error = error_chain(error), "the trail of {slug} is damaged and was not archived");
    }
    tracing::info!(summary = ?done.summary, "archived the audit trail");
    Ok(())
}

/// Looks into the folder, which is on a disk of this machine.
fn sound(spool: &Spool) -> Result<(), String> {
    let state = spool
        .state()
        .map_err(|error| platform_core::error_chain(&error))?;
    match state.damaged {
        0 => Ok(()),
        damaged => Err(format!(
            "{damaged} events in the spool cannot be read: look at the files *.damaged"
        )),
    }
}
