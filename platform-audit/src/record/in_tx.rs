//! Recording in a transaction.

use platform_core::RequestContext;
use platform_core::pg::{Db, TenantTx};

use super::log::Counters;
use super::{Draft, existing, insert};
use crate::producer::Ticket;
use crate::{AuditError, AuditLog, Event, EventId};

/// Events that one statement inserts.
const BATCH_MAX: usize = 1_000;

impl AuditLog {
    /// Records an event in the caller's transaction, by one statement. It stands or falls with what else the transaction does.
    ///
    /// An event that was [named](Event::id) and that is recorded already is not recorded again: the answer is its id, and nothing was
    /// added to this transaction. It is the same event when it says the same and the same principal has acted; time, request, session,
    /// address and user agent may differ, the time only where it was not [given](Event::occurred_at). What was sealed anew is not the
    /// same. Ids are a tenant's own: another tenant may have the same.
    ///
    /// # Errors
    /// [`AuditError`]: nothing was recorded, so `tx` must not be committed.
    pub async fn record(
        &self,
        tx: &mut TenantTx,
        ctx: &RequestContext,
        event: Event,
    ) -> Result<EventId, AuditError> {
        if tx.tenant() != ctx.tenant() {
            return Err(AuditError::ForeignTransaction);
        }
        let draft = Draft::new(&self.sources, ctx, event)?;
        self.insert(tx, draft).await
    }

    /// Records events in the caller's transaction, a thousand by a statement, as [`record`](Self::record) does one.
    ///
    /// # Errors
    /// [`AuditError`]: some may be recorded, so `tx` must not be committed. An event that is not valid is found before any is recorded.
    pub async fn record_all(
        &self,
        tx: &mut TenantTx,
        ctx: &RequestContext,
        events: Vec<Event>,
    ) -> Result<Vec<EventId>, AuditError> {
        self.record_each(tx, events.into_iter().map(|event| (ctx, event)))
            .await
    }

    /// Records events of several requests of one tenant in one transaction, each with the context of its own request, a thousand by a
    /// statement, as [`record`](Self::record) does one.
    ///
    /// # Errors
    /// As [`record_all`](Self::record_all); [`AuditError::ForeignTransaction`] when one of the contexts is another tenant's.
    pub async fn record_each<'c>(
        &self,
        tx: &mut TenantTx,
        events: impl IntoIterator<Item = (&'c RequestContext, Event)>,
    ) -> Result<Vec<EventId>, AuditError> {
        let draft = |(ctx, event): (&RequestContext, Event)| {
            if tx.tenant() != ctx.tenant() {
                return Err(AuditError::ForeignTransaction);
            }
            Ok(Draft::new(&self.sources, ctx, event)?)
        };
        let mut drafts: Vec<_> = events.into_iter().map(draft).collect::<Result<_, _>>()?;
        for batch in drafts.chunks_mut(BATCH_MAX) {
            self.insert_batch(tx, batch, true).await?;
        }
        Ok(drafts.iter().map(Draft::id).collect())
    }

    /// Records an event in a short transaction of its own: for what was read, or failed and so changed nothing.
    ///
    /// # Errors
    /// [`AuditError`]: nothing was recorded. Whoever must not go on unrecorded has to refuse.
    pub async fn record_alone(
        &self,
        db: &Db,
        ctx: &RequestContext,
        event: Event,
    ) -> Result<EventId, AuditError> {
        let draft = Draft::new(&self.sources, ctx, event)?;
        self.insert_alone(db, ctx, draft).await
    }

    pub(crate) async fn insert_alone(
        &self,
        db: &Db,
        ctx: &RequestContext,
        draft: Draft,
    ) -> Result<EventId, AuditError> {
        let mut tx = db.begin(ctx).await?;
        let id = self.insert(&mut tx, draft).await?;
        tx.commit().await?;
        Ok(id)
    }

    /// Inserts an event that wants to be attested.
    pub(crate) async fn insert(&self, tx: &mut TenantTx, mut draft: Draft) -> Result<EventId, AuditError> {
        self.insert_batch(tx, std::slice::from_mut(&mut draft), true)
            .await?;
        Ok(draft.id())
    }

    /// Inserts an attestation.
    pub(crate) async fn insert_attestation(
        &self,
        tx: &mut TenantTx,
        mut draft: Draft,
    ) -> Result<(), AuditError> {
        self.insert_batch(tx, std::slice::from_mut(&mut draft), false)
            .await
    }

    /// Inserts events, those that are not recorded already.
    async fn insert_batch(
        &self,
        tx: &mut TenantTx,
        drafts: &mut [Draft],
        fresh: bool,
    ) -> Result<(), AuditError> {
        let mut ticket = self.seal(tx, drafts, fresh)?;
        if let Some(ticket) = &mut ticket {
            ticket.send(tx);
        }
        let left_out = match &*drafts {
            [draft] if !draft.named => {
                insert::one(tx, draft).await?;
                Vec::new()
            }
            drafts if drafts.iter().all(|draft| !draft.named) => {
                insert::many_new(tx, drafts).await?;
                Vec::new()
            }
            drafts => Self::insert_many(tx, drafts).await?,
        };
        let inserted = count(drafts.len() - left_out.len());
        Counters::add(&self.counters.recorded, inserted);
        self.signals().recorded(tx, inserted);
        Counters::add(&self.counters.repeated, count(left_out.len()));
        if let Some(ticket) = ticket {
            ticket.done(left_out.iter().copied().map(count));
        }
        if left_out.is_empty() {
            return Ok(());
        }
        let repeated: Vec<_> = left_out.iter().filter_map(|at| drafts.get(*at)).collect();
        existing::compare(tx, &repeated).await
    }

    /// Inserts and answers which were left out, by position.
    async fn insert_many(tx: &mut TenantTx, drafts: &[Draft]) -> Result<Vec<usize>, AuditError> {
        let mut inserted = insert::many(tx, drafts).await?;
        // Of two with one id in one batch, one was inserted.
        let left_out = drafts.iter().enumerate();
        let left_out = left_out.filter(|(_, draft)| !inserted.remove(&draft.id()));
        Ok(left_out.map(|(at, _)| at).collect())
    }

    fn seal(&self, tx: &TenantTx, drafts: &mut [Draft], fresh: bool) -> Result<Option<Ticket>, AuditError> {
        let Some(sealing) = &self.sealing else {
            return Ok(None);
        };
        let ticket = sealing.counting.take(tx.tenant(), count(drafts.len()), fresh);
        if ticket.is_none() {
            Counters::add(&self.counters.uncounted, count(drafts.len()));
        }
        for (at, draft) in (0..).zip(drafts) {
            let numbered = ticket.as_ref().map(Ticket::first);
            let numbered = numbered.map(|(producer, first)| (producer, first + at));
            draft.seal(&sealing.key, numbered)?;
        }
        Ok(ticket)
    }
}

/// A `usize` has at most 64 bits.
fn count(count: usize) -> u64 {
    u64::try_from(count).unwrap_or(u64::MAX)
}
