//! An event with its context, before it has a number and a seal.

use platform_core::time::Duration;
use platform_core::uuid::Uuid;
use platform_core::{RequestContext, Sources, Timestamp};

use crate::event::{CheckedJson, check, fits};
use crate::key::SealKey;
use crate::{ENTRY_BYTES_MAX, Entry, Event, EventId, InvalidEvent, ProducerId, Seal};

/// How far the clock that made an id may be ahead: partitions are made for months to come, and an id says which one.
const AHEAD_MAX: Duration = Duration::days(1);

const PURPOSE_CHARS_MAX: usize = 256;
const USER_AGENT_CHARS_MAX: usize = 256;

/// All that a program says of an event. The database adds when and in which transaction it was recorded.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Draft {
    /// With placeholders where the database and the log have their say.
    pub(crate) entry: Entry,
    /// Whether the caller named the event, so that it may be recorded already.
    pub(crate) named: bool,
    /// Whether the caller said when it happened.
    pub(crate) timed: bool,
}

impl Draft {
    /// Checks an event, so that what is stored can become an entry of the tree.
    ///
    /// Of an event under an API key the key is the last target, of the kind `credential_api_key`: with the actor it says by which of its
    /// credentials somebody acted, as the session does of who signed in.
    pub(crate) fn new(sources: &Sources, ctx: &RequestContext, event: Event) -> Result<Self, InvalidEvent> {
        let event = match ctx.api_key() {
            Some(key) => event.target("credential_api_key", key.to_string()),
            None => event,
        };
        let CheckedJson { changes, detail } = check(&event)?;
        if event
            .changes
            .is_some_and(|changes| changes.is_of_other_tenant(ctx.tenant()))
        {
            return Err(InvalidEvent::SealedElsewhere);
        }
        let now = sources.now();
        let id = match event.id {
            Some(id) => check_id(id, now)?,
            None => EventId::generate(sources),
        };
        check_context(ctx)?;
        let occurred_at = event.occurred_at.unwrap_or(now);
        let meta = ctx.meta();
        let entry = Entry {
            tenant: ctx.tenant(),
            id,
            recorded_at: occurred_at,
            occurred_at,
            xid: 0,
            action: event.action.name().to_owned(),
            action_version: event.version,
            activity: event.activity,
            outcome: event.outcome,
            reason: event.reason.map(|reason| reason.into_owned()),
            severity: event.severity,
            actor_kind: ctx.principal().kind().as_str().to_owned(),
            actor_id: ctx.principal().id(),
            purpose: ctx.reason().map(str::to_owned),
            on_behalf_of: ctx.acts_for().and_then(|principal| principal.id()),
            session_id: ctx.session(),
            targets: event.targets,
            changes,
            source_address: meta.source_address.map(|address| address.to_string()),
            user_agent: meta.user_agent.clone(),
            request_id: meta.request_id,
            trace_id: meta.trace.trace_id(),
            detail,
            retention: event.retention,
            visibility: event.visibility,
            producer: None,
            counter: None,
            seal: None,
        };
        let draft = Self {
            entry,
            named: event.id.is_some(),
            timed: event.occurred_at.is_some(),
        };
        draft.check_size()?;
        Ok(draft)
    }

    /// A draft that was kept in the meantime. Another attempt may have recorded it, at a time of its own.
    pub(crate) const fn kept(entry: Entry) -> Self {
        Self {
            entry,
            named: true,
            timed: false,
        }
    }

    pub(crate) fn id(&self) -> EventId {
        self.entry.id
    }

    /// Gives it its number and seals it.
    pub(crate) fn seal(
        &mut self,
        key: &SealKey,
        numbered: Option<(ProducerId, u64)>,
    ) -> Result<(), InvalidEvent> {
        self.entry.producer = numbered.map(|(producer, _)| producer);
        self.entry.counter = numbered.map(|(_, counter)| counter);
        self.entry.seal = Some(key.seal(&self.entry)?);
        Ok(())
    }

    /// Whether it can become an entry, whatever the database and the log put in place of the placeholders.
    fn check_size(&self) -> Result<(), InvalidEvent> {
        let widest = Entry {
            xid: u64::MAX,
            producer: Some(ProducerId::from_stored(Uuid::nil())),
            counter: Some(u64::MAX),
            seal: Some(Seal::from_bytes([0; 32])),
            ..self.entry.clone()
        };
        let bytes = widest.to_bytes()?;
        debug_assert!(bytes.len() <= ENTRY_BYTES_MAX, "writing it refuses more");
        Ok(())
    }
}

fn check_id(id: EventId, now: Timestamp) -> Result<EventId, InvalidEvent> {
    let uuid = id.as_uuid();
    // Both bits of the variant and the version, which say that the first 48 bits are a time.
    let is_v7 = uuid.get_version_num() == 7 && uuid.as_bytes()[8] >> 6 == 0b10;
    let millis = uuid.as_u128() >> 80;
    let latest = (now + AHEAD_MAX).unix_timestamp_nanos() / 1_000_000;
    let in_time = i128::try_from(millis).is_ok_and(|millis| millis <= latest);
    if is_v7 && in_time {
        Ok(id)
    } else {
        Err(InvalidEvent::Id)
    }
}

fn check_context(ctx: &RequestContext) -> Result<(), InvalidEvent> {
    let purpose = ctx
        .reason()
        .is_none_or(|purpose| fits(purpose, PURPOSE_CHARS_MAX));
    let user_agent = ctx.meta().user_agent.as_deref();
    let user_agent = user_agent.is_none_or(|agent| agent.is_empty() || fits(agent, USER_AGENT_CHARS_MAX));
    if purpose && user_agent {
        Ok(())
    } else {
        Err(InvalidEvent::Context)
    }
}
