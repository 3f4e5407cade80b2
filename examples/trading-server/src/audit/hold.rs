//! Legal holds on events.

use std::fmt::Write as _;

use anyhow::anyhow;
use platform_audit::{Hold, HoldError, HoldPage, NewHold};

use super::{Site, words};
use crate::cli::AuditHoldTask;
use crate::exit::Exit;
use crate::refusal::{OrRefuse, Refusal};

pub(super) async fn run(site: &Site, task: &AuditHoldTask) -> Result<String, Refusal> {
    match task {
        AuditHoldTask::Place {
            tenant,
            reason,
            target,
            actor,
            from,
            to,
        } => {
            let mut hold = NewHold::new(reason);
            if let Some(target) = target {
                hold = match words::target(target) {
                    (kind, Some(id)) => hold.target(kind, id),
                    (kind, None) => hold.target_kind(kind),
                };
            }
            if let Some(actor) = actor {
                hold = hold.actor(*actor);
            }
            if let Some(from) = from {
                hold = hold.recorded_from(words::time(from)?);
            }
            if let Some(to) = to {
                hold = hold.recorded_to(words::time(to)?);
            }
            let ctx = site.context(tenant, "place a legal hold on events").await?;
            let mut tx = site.db.begin(&ctx).await.or_refuse(Exit::Unavailable)?;
            let placed = site.trail.log.place_hold(&mut tx, &ctx, &hold).await;
            let placed = placed.map_err(refused)?;
            tx.commit().await.or_refuse(Exit::Unavailable)?;
            Ok(line(&placed))
        }
        AuditHoldTask::Release { tenant, hold } => {
            let ctx = site.context(tenant, "release a legal hold on events").await?;
            let mut tx = site.db.begin(&ctx).await.or_refuse(Exit::Unavailable)?;
            let released = site.trail.log.release_hold(&mut tx, &ctx, *hold).await;
            let Some(released) = released.map_err(refused)? else {
                let error = anyhow!("no hold {hold} stands");
                return Err(Refusal::new(Exit::Usage, error));
            };
            tx.commit().await.or_refuse(Exit::Unavailable)?;
            Ok(format!("released {}\n", released.id))
        }
        AuditHoldTask::List { tenant } => {
            let ctx = site.context(tenant, "list legal holds on events").await?;
            let mut read = site.db.read(&ctx).await.or_refuse(Exit::Unavailable)?;
            let mut lines = String::new();
            let mut page = HoldPage::standing(HoldPage::LIMIT_MAX);
            loop {
                let holds = site.trail.log.holds(&mut read, page).await;
                let holds = holds.or_refuse(Exit::Unavailable)?;
                let Some(last) = holds.last() else { break };
                page.before = Some(last.id);
                lines.extend(holds.iter().map(line));
            }
            read.finish().await.or_refuse(Exit::Unavailable)?;
            Ok(lines)
        }
    }
}

fn line(hold: &Hold) -> String {
    let mut line = format!("{}  since {}", hold.id, words::shown(hold.placed_at));
    let scope = &hold.scope;
    if let Some(kind) = &scope.target_kind {
        let id = scope.target_id.as_deref().unwrap_or("*");
        let _ = write!(line, "  target {kind}:{id}");
    }
    if let Some(actor) = scope.actor {
        let _ = write!(line, "  by {actor}");
    }
    if let Some(from) = scope.recorded_from {
        let _ = write!(line, "  from {}", words::shown(from));
    }
    if let Some(to) = scope.recorded_to {
        let _ = write!(line, "  to {}", words::shown(to));
    }
    let _ = writeln!(line, "  {}", hold.reason);
    line
}

fn refused(error: HoldError) -> Refusal {
    let exit = match &error {
        HoldError::Invalid(_) => Exit::Usage,
        HoldError::TooMany => Exit::Findings,
        _ => Exit::Unavailable,
    };
    Refusal::new(exit, error)
}
