//! How far an event has come.

use std::fmt::{self, Display};
use std::time::Duration;

use platform_core::RequestContext;
use platform_core::pg::{Db, DbError, TenantRead};
use tokio::time::{Instant, timeout_at};

use crate::{AuditLog, EventId};

/// The first and the longest pause between two looks at an event whose sequencer runs in another process.
const PAUSES: (Duration, Duration) = (Duration::from_millis(25), Duration::from_millis(500));

/// How far an event has come. The later ones are the larger ones.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum EventState {
    /// It was kept out of the tree, for a reason in `platform_audit.rejected`, and will not come further.
    Rejected,
    /// It is committed, and waits for its place in the tree of its tenant. Nothing proves it yet.
    Recorded,
    /// It has a number, and its hash is in the tiles of the tree.
    Sequenced,
    /// A signed checkpoint in the database covers it: there is a proof.
    Integrated,
    /// Such a checkpoint is also outside the database: not even its administrators can take the event out unseen.
    Published,
}

/// An event did not come as far as was waited for.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum AwaitError {
    /// The time is over. It may come further later.
    #[error("the event is {state} and did not come further in time")]
    NotInTime {
        /// How far it has come.
        state: EventState,
    },
    /// It was kept out of the tree. Somebody has to look.
    #[error("the event was kept out of the tree")]
    Rejected,
    /// The tenant has no event of this id, or none that is committed.
    #[error("there is no such event")]
    NoSuchEvent,
    /// The database refused or could not be reached.
    #[error("the event could not be looked for")]
    Db(#[from] DbError),
}

impl EventState {
    const ALL: [Self; 5] = [
        Self::Rejected,
        Self::Recorded,
        Self::Sequenced,
        Self::Integrated,
        Self::Published,
    ];

    /// Its word, for documents and logs.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Rejected => "rejected",
            Self::Recorded => "recorded",
            Self::Sequenced => "sequenced",
            Self::Integrated => "integrated",
            Self::Published => "published",
        }
    }
}

impl Display for EventState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl AuditLog {
    /// How far an event has come; `None` when the tenant has no such event. One that was pruned keeps its state.
    ///
    /// # Errors
    /// [`DbError`] as the database gives it.
    pub async fn state(&self, read: &mut TenantRead, event: EventId) -> Result<Option<EventState>, DbError> {
        let tenant = read.tenant();
        let word: Option<String> = sqlx::query_scalar(
            "select case
               when exists (
                 select from platform_audit.checkpoint c
                 where c.tenant_id = $1 and c.size > l.seq and c.published_at is not null
               ) then 'published'
               when exists (
                 select from platform_audit.checkpoint c where c.tenant_id = $1 and c.size > l.seq
               ) then 'integrated'
               when l.seq is not null then 'sequenced'
               when exists (select from platform_audit.rejected r where r.tenant_id = $1 and r.id = $2) then 'rejected'
               when exists (select from platform_audit.event e where e.tenant_id = $1 and e.id = $2) then 'recorded'
             end
             from (values (1)) as one
             left join platform_audit.leaf l on l.tenant_id = $1 and l.id = $2",
        )
        .bind(tenant)
        .bind(event)
        .persistent(false)
        .fetch_one(&mut *read)
        .await?;
        Ok(EventState::ALL
            .into_iter()
            .find(|state| word.as_deref() == Some(state.as_str())))
    }

    /// Waits until an event has come as far as `wanted`, or `patience` is over, and answers how far it has come: for what must not be
    /// believed, or not be told to a client, before it is proven.
    ///
    /// A sequencer in this process wakes it; one in another is asked after in the database, every half second in the end. Each look
    /// takes a connection for a moment; none is held while waiting. Dropping the future does no harm.
    ///
    /// # Errors
    /// [`AwaitError`]; [`AwaitError::NotInTime`] tells how far it has come.
    pub async fn await_state(
        &self,
        db: &Db,
        ctx: &RequestContext,
        event: EventId,
        wanted: EventState,
        patience: Duration,
    ) -> Result<EventState, AwaitError> {
        let deadline = Instant::now() + patience;
        let (mut pause, longest) = PAUSES;
        let mut movements = self.signals().movements();
        loop {
            movements.mark_unchanged();
            let mut read = db.read(ctx).await?;
            let state = self.state(&mut read, event).await?;
            read.finish().await?;
            let state = match state {
                None => return Err(AwaitError::NoSuchEvent),
                Some(EventState::Rejected) if wanted != EventState::Rejected => {
                    return Err(AwaitError::Rejected);
                }
                Some(state) if state >= wanted => return Ok(state),
                Some(state) => state,
            };
            if Instant::now() >= deadline {
                return Err(AwaitError::NotInTime { state });
            }
            // Woken, or after a pause: both are a reason to look again, and the last look is at the deadline.
            let _ = timeout_at(deadline.min(Instant::now() + pause), movements.changed()).await;
            pause = (pause * 2).min(longest);
        }
    }
}
