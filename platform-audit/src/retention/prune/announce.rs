//! Looking for what is due, and saying in the trail that it will be deleted.

use std::collections::hash_map::Entry;
use std::collections::{HashMap, HashSet};

use platform_core::TenantId;
use platform_core::pg::{DbError, TenantTx};
use platform_core::uuid::Uuid;
use sqlx::postgres::types::PgInterval;

use super::pruner::Run;
use super::row::DueEvent;
use super::settle::{Unsettled, lock};
use super::{PruneAfter, PruneError};
use crate::archive::Archived;
use crate::entry::event_columns;
use crate::retention::class::{self, KeepFor};
use crate::retention::pruned::{PruneDetail, PruneNote};
use crate::{Activity, Event, EventId, Outcome, PRUNED, RETENTION, Retention, Severity};

/// Kept for good: without these events nobody could tell what was pruned from what was stolen.
pub const PERMANENT: Retention = Retention::new("permanent");

/// Events in the order of their ids, of all tenants. The id bounds what is read, because the index has it; an id is made by a program's
/// clock, so that a day more is looked at, and the database's clock decides.
const DUE: &str = concat!(
    "select ",
    event_columns!(),
    ", l.seq, l.leaf,
       platform_audit.may_be_pruned(e.tenant_id, e.id, e.retention, e.recorded_at, e.actor_id, e.on_behalf_of, e.targets) as may_be_pruned
     from platform_audit.event e
     left join platform_audit.leaf l on l.tenant_id = e.tenant_id and l.id = e.id
     where e.retention = $1
       and e.id < platform_audit.first_id_at(now() - $2::interval + interval '1 day')
       and e.recorded_at < now() - $2::interval
       and (e.id, e.tenant_id) > ($3, $4)
     order by e.id, e.tenant_id
     limit $5"
);

/// What is announced while it is gathered.
struct Gathering<'a> {
    /// What earlier runs have announced.
    before: &'a Unsettled,
    notes: HashMap<(TenantId, Retention), PruneNote>,
    archived: HashMap<TenantId, Archived>,
    /// Announcements that this run knows of.
    known: HashMap<TenantId, Vec<EventId>>,
    events: u64,
}

impl Run<'_> {
    /// Announces what is due and was not announced before.
    pub(super) async fn announce(&mut self, before: &Unsettled) -> Result<(), PruneError> {
        let mut gathering = Gathering {
            before,
            notes: HashMap::new(),
            archived: HashMap::new(),
            known: before.ids(),
            events: 0,
        };
        for (class, keep) in self.due_classes().await? {
            let mut after = (Uuid::nil(), Uuid::nil());
            loop {
                let page = self.due(&class, keep, after).await?;
                for event in &page {
                    self.gather(&mut gathering, &class, event).await?;
                }
                match page.last() {
                    Some(last) if gathering.events < self.options.events_max => {
                        after = (last.id.as_uuid(), last.tenant.as_uuid());
                    }
                    _ => break,
                }
            }
        }
        for ((tenant, _), note) in std::mem::take(&mut gathering.notes) {
            self.record(&mut gathering, tenant, note).await?;
        }
        Ok(())
    }

    /// The classes whose events are deleted some day, with how long they are kept.
    async fn due_classes(&self) -> Result<Vec<(Retention, KeepFor)>, DbError> {
        let mut tx = self.pruner.db.begin_as(&RETENTION).await?;
        let classes = class::classes(&mut tx).await?;
        tx.commit().await?;
        let due = classes
            .into_iter()
            .filter(|class| class.name != PERMANENT)
            .filter_map(|class| {
                let keep = match self.options.after {
                    PruneAfter::KeepMax => class.keep_max,
                    PruneAfter::KeepMin => Some(class.keep_min),
                };
                // Not sooner than this program was built to, whatever somebody has made of the table.
                let keep = keep?.at_least(KeepFor::floor(&class.name));
                Some((class.name, keep))
            });
        Ok(due.collect())
    }

    async fn due(
        &mut self,
        class: &Retention,
        keep: KeepFor,
        after: (Uuid, Uuid),
    ) -> Result<Vec<DueEvent>, DbError> {
        let mut tx = self.pruner.db.begin_as(&RETENTION).await?;
        let page: Vec<DueEvent> = sqlx::query_as(DUE)
            .bind(class.as_str())
            .bind(PgInterval::from(keep))
            .bind(after.0)
            .bind(after.1)
            .bind(i64::from(self.options.batch.max(1)))
            .fetch_all(&mut tx)
            .await?;
        let tenants: HashSet<TenantId> = page.iter().map(|event| event.tenant).collect();
        for tenant in tenants {
            self.signed.of(&mut tx, tenant).await?;
        }
        tx.commit().await?;
        Ok(page)
    }

    /// Takes an event into the announcement of its tenant, unless it has to stay.
    async fn gather(
        &mut self,
        gathering: &mut Gathering<'_>,
        class: &Retention,
        event: &DueEvent,
    ) -> Result<(), PruneError> {
        let tenant = event.tenant;
        let signed = self.signed.known(tenant);
        let Some(seq) = event.seq.filter(|seq| *seq < signed) else {
            self.summary.unsigned += 1;
            return Ok(());
        };
        if gathering.before.names(tenant, seq) || gathering.events >= self.options.events_max {
            return Ok(());
        }
        if !event.is_as_sequenced {
            tracing::error!(
                tenant.id = %tenant, event.id = %event.id, seq,
                "an event is not what was sequenced and is not pruned"
            );
            self.summary.doubtful += 1;
            return Ok(());
        }
        if !event.may_be_pruned {
            self.summary.held += 1;
            return Ok(());
        }
        if !self.is_archived(gathering, tenant, seq).await? {
            self.summary.unarchived += 1;
            return Ok(());
        }
        let under = (tenant, class.clone());
        let note = gathering
            .notes
            .entry(under.clone())
            .or_insert_with(|| PruneNote::new(class.clone()));
        note.add(seq, event.counter);
        gathering.events += 1;
        if note.is_full()
            && let Some(full) = gathering.notes.remove(&under)
        {
            self.record(gathering, tenant, full).await?;
        }
        Ok(())
    }

    async fn is_archived(
        &self,
        gathering: &mut Gathering<'_>,
        tenant: TenantId,
        seq: u64,
    ) -> Result<bool, PruneError> {
        let Some(archive) = &self.pruner.archive else {
            return Ok(true);
        };
        let archived = match gathering.archived.entry(tenant) {
            Entry::Occupied(known) => known.into_mut(),
            Entry::Vacant(unknown) => unknown.insert(archive.archived(tenant, &self.pruner.key).await?),
        };
        Ok(archived.has(seq).await?)
    }

    /// The announcement, and the work that it leaves behind, in one transaction.
    async fn record(
        &mut self,
        gathering: &mut Gathering<'_>,
        tenant: TenantId,
        note: PruneNote,
    ) -> Result<(), PruneError> {
        let known = gathering.known.entry(tenant).or_default();
        let ctx = self.pruner.context(tenant);
        let mut tx = self.pruner.db.begin(&ctx).await?;
        lock(&mut tx, tenant).await?;
        if is_another_at_work(&mut tx, tenant, known).await? {
            // A position that two announce could be taken back for one and deleted for the other.
            return Ok(tx.rollback().await?);
        }
        let events = note.events();
        let id = self
            .pruner
            .log
            .record(&mut tx, &ctx, event(&note.into_deleted())?)
            .await?;
        sqlx::query("insert into platform_audit.pruning (tenant_id, id) values ($1, $2)")
            .bind(tenant)
            .bind(id)
            .execute(&mut tx)
            .await
            .map_err(DbError::from)?;
        tx.commit().await?;
        known.push(id);
        self.summary.announced += events;
        Ok(())
    }
}

/// Whether the tenant has announcements besides these.
async fn is_another_at_work(tx: &mut TenantTx, tenant: TenantId, known: &[EventId]) -> Result<bool, DbError> {
    let known: Vec<Uuid> = known.iter().map(|id| id.as_uuid()).collect();
    let another = sqlx::query_scalar(
        "select exists (select from platform_audit.pruning where tenant_id = $1 and id <> all ($2))",
    );
    Ok(another.bind(tenant).bind(known).fetch_one(tx).await?)
}

/// The event that says so.
pub(super) fn event(detail: &PruneDetail) -> Result<Event, PruneError> {
    let detail =
        serde_json::to_value(detail).map_err(|error| DbError::from(sqlx::Error::Encode(error.into())))?;
    Ok(Event::new(PRUNED, Outcome::Success)
        .activity(Activity::Delete)
        .severity(Severity::Medium)
        .retention(PERMANENT)
        .detail(detail))
}
