//! Saying that somebody has looked at what is wrong and cannot be mended.

mod error;

use platform_core::RequestContext;
use platform_core::pg::{Db, TenantRead};
use serde_json::{Value, json};

pub use error::AcknowledgeError;

use crate::event::fits;
use crate::stored::Events;
use crate::{Action, AuditLog, Event, EventId, Outcome, PERMANENT, ProducerNumbers, Rejection, Severity};

/// An operator has looked at an event that is not in the tree and never will be. Its detail is `{"reason", "event", "rejected", "row"}`
/// for an event that was kept out, with why and with what its row hashed to, or `{"reason", "producer", "first", "last"}` for numbers
/// whose events are gone.
pub const ACKNOWLEDGED: Action = Action::new("audit.acknowledge");

const REASON_CHARS_MAX: usize = 256;

/// The most numbers of one acknowledgement.
const GAP_NUMBERS_MAX: u64 = 1_000_000;

/// What is acknowledged: a finding that no repair takes away, because what was signed cannot be changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Acknowledged {
    /// An event that was [kept out of the tree](crate::Finding::Rejected), as its row stands now, for whatever reasons it was.
    Rejected(EventId),
    /// Events that were committed and are gone, a [gap](crate::Finding::ProducerGap).
    Gap(ProducerNumbers),
}

impl AuditLog {
    /// Records that somebody has looked at what a verification finds again and again, and why it stands. From the next signed head on,
    /// [`verify_stored`](crate::verify_stored) reports it as acknowledged instead of as a finding.
    ///
    /// Nothing is mended by it: the event stays out of the tree, and what has happened to it has happened. It counts only from within
    /// the signed tree, so that nobody without the key can acknowledge anything. A row that is altered after it was acknowledged is a
    /// finding again; of a gap, a million numbers at most, only those are acknowledged that were attested and missing by then. It is recorded as [`ACKNOWLEDGED`], for
    /// good and for the tenant to see: nothing personal in the reason. The caller decides who may.
    ///
    /// ```no_run
    /// use platform_audit::{Acknowledged, AcknowledgeError, AuditLog, EventId};
    /// use platform_core::{RequestContext, pg::Db};
    ///
    /// async fn looked_at(db: &Db, audit: &AuditLog, ctx: &RequestContext, event: EventId) -> Result<EventId, AcknowledgeError> {
    ///     let kept_out = Acknowledged::Rejected(event);
    ///     audit.acknowledge(db, ctx, kept_out, "a migration was run by hand, case 2026-117").await
    /// }
    /// ```
    ///
    /// # Errors
    /// [`AcknowledgeError`]: nothing was recorded.
    pub async fn acknowledge(
        &self,
        db: &Db,
        ctx: &RequestContext,
        what: Acknowledged,
        reason: &str,
    ) -> Result<EventId, AcknowledgeError> {
        let reason = reason.trim();
        if !fits(reason, REASON_CHARS_MAX) || reason.chars().any(char::is_control) {
            return Err(AcknowledgeError::Reason);
        }
        if self.sealing.is_none() {
            return Err(AcknowledgeError::NoKey);
        }
        let (kind, id, detail) = match what {
            Acknowledged::Rejected(event) => {
                let mut read = db.read(ctx).await?;
                let detail = rejected(&mut read, event, reason).await?;
                read.finish().await?;
                ("audit_event", event.to_string(), detail)
            }
            Acknowledged::Gap(numbers) => {
                let beside = numbers.last.checked_sub(numbers.first);
                if beside.ok_or(AcknowledgeError::NoNumbers)? >= GAP_NUMBERS_MAX {
                    return Err(AcknowledgeError::TooManyNumbers);
                }
                let producer = numbers.producer.to_string();
                ("audit_producer", producer, gap(numbers, reason))
            }
        };
        let event = Event::new(ACKNOWLEDGED, Outcome::Success)
            .severity(Severity::High)
            .retention(PERMANENT)
            .target(kind, id)
            .detail(detail);
        Ok(self.record_alone(db, ctx, event).await?)
    }
}

fn gap(numbers: ProducerNumbers, reason: &str) -> Value {
    let ProducerNumbers {
        producer,
        first,
        last,
    } = numbers;
    json!({ "reason": reason, "producer": producer, "first": first, "last": last })
}

async fn rejected(read: &mut TenantRead, event: EventId, reason: &str) -> Result<Value, AcknowledgeError> {
    let words: Vec<&str> = Rejection::ALL.map(Rejection::as_str).to_vec();
    let found: Vec<String> = sqlx::query_scalar(
        "select distinct reason from platform_audit.rejected where tenant_id = $1 and id = $2 and reason = any($3) order by reason",
    )
    .bind(read.tenant())
    .bind(event)
    .bind(&words)
    .fetch_all(&mut *read)
    .await?;
    if found.is_empty() {
        return Err(AcknowledgeError::NotRejected);
    }
    let (rows, _) = Events::read_some(read, &[event.as_uuid()]).await?;
    let row = rows.get(event.as_uuid()).state().to_text();
    let row = row.ok_or(AcknowledgeError::Unreadable)?;
    Ok(json!({ "reason": reason, "event": event, "rejected": found, "row": row }))
}
