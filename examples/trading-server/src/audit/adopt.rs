//! Going on after the sequencer has refused to.

use std::time::Duration;

use anyhow::anyhow;
use platform_audit::{Action, Activity, AdoptError, Event, Outcome, Sequencer, Severity};
use platform_core::RequestContext;
use serde_json::json;
use tokio::time::{Instant, sleep};
use tokio_util::sync::CancellationToken;

use super::Site;
use crate::cli::OfTenant;
use crate::config::Audit;
use crate::exit::Exit;
use crate::refusal::{OrRefuse, Refusal};
use crate::{tenants, trail};

const MARKS_ANEW: Action = Action::new("audit.new_marks");

/// How long a running server may take to give its lease up, or a sequencer to sign.
const PATIENCE: Duration = Duration::from_secs(30);
const PAUSE: Duration = Duration::from_millis(200);

/// Takes the tree as the database has it for the true one.
pub(super) async fn run(
    site: &Site,
    audit: &Audit,
    tenant: &OfTenant,
    reason: &str,
) -> Result<String, Refusal> {
    let ctx = site
        .context(tenant, "go on with a trail that was refused")
        .await?;
    let place = trail::place(audit)?;
    let marks = trail::marks(place, &site.trail.key)?;
    let sequencer = trail::sequencer_with(&site.db, &site.trail, audit, marks)?;
    let adopted = sequencer.adopt(&site.trail.log, &ctx, reason).await;
    give_back(&sequencer).await;
    let adopted = adopted.map_err(refused)?;
    let (before, head) = (adopted.before.head.size, adopted.head.size);
    Ok(format!(
        "the trail of {} goes on from {head} events; {before} had been signed before; event {} tells of it\n",
        tenant.tenant, adopted.event
    ))
}

/// Marks the trees of all tenants as the database has them, after the folder of marks was lost for good.
pub(super) async fn new_marks(site: &Site, audit: &Audit, reason: &str) -> Result<String, Refusal> {
    let place = trail::place(audit)?;
    let marks = trail::marks_or_new(place, &site.trail.key)?;
    let sequencer = trail::sequencer_with(&site.db, &site.trail, audit, marks.clone())?;
    let mut waiting = Vec::new();
    for tenant in tenants::all(&site.db).await? {
        if marks.get(tenant.id).is_some() {
            continue;
        }
        let ctx = RequestContext::system(tenant.id, "begin marks anew", site.db.sources());
        let event = Event::new(MARKS_ANEW, Outcome::Success)
            .activity(Activity::Update)
            .severity(Severity::Critical)
            .target("trail", tenant.id.to_string())
            .detail(json!({ "reason": reason }));
        let recorded = site.trail.log.record_alone(&site.db, &ctx, event).await;
        recorded.or_refuse(Exit::Unavailable)?;
        waiting.push(tenant);
    }
    let total = waiting.len();
    let deadline = Instant::now() + PATIENCE;
    while !waiting.is_empty() {
        let round = sequencer.round().await;
        round.or_refuse(Exit::Unavailable)?;
        waiting.retain(|tenant| marks.get(tenant.id).is_none());
        if waiting.is_empty() {
            break;
        }
        sleep(PAUSE).await;
        if Instant::now() > deadline {
            let names: Vec<_> = waiting.iter().map(|tenant| tenant.slug.as_str()).collect();
            let error = anyhow!(
                "no marks were made for {}: stop the server and try again",
                names.join(", ")
            );
            return Err(Refusal::new(Exit::Findings, error));
        }
    }
    give_back(&sequencer).await;
    Ok(format!(
        "the trails of {total} tenants are marked anew; an event in each tells of it\n"
    ))
}

/// The server is started next, and should not have to wait for the lease to run out.
async fn give_back(sequencer: &Sequencer) {
    let stop = CancellationToken::new();
    stop.cancel();
    sequencer.run(stop).await;
}

fn refused(error: AdoptError) -> Refusal {
    match error {
        AdoptError::NotRefused => Refusal::new(Exit::Usage, error),
        AdoptError::Elsewhere => {
            let error = anyhow!(
                "another process sequences the tenant: stop the server and try again; where it was killed, ten seconds later"
            );
            Refusal::new(Exit::Findings, error)
        }
        AdoptError::Unsound(_) | AdoptError::Changed => Refusal::new(Exit::Findings, error),
        error => Refusal::new(Exit::Unavailable, error),
    }
}
