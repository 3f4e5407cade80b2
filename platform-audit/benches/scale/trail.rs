//! A trail of some length, and what is done with it.

use std::time::Instant;

use platform_audit::{
    Action, AuditLog, Event, EventFilter, EventId, EventList, EventPage, Outcome, Reader, Sequencer,
    VerifyOptions, verify_stored,
};
use platform_core::pg::Db;
use platform_core::time::Duration;
use platform_core::uuid::{self, Uuid};
use platform_core::{PrincipalId, RequestContext, RequestId, Sources, TenantId, Timestamp};
use sqlx::Executor;

use crate::support::{Place, Usage, context, event, load, micros, spent};

const ACTORS: u64 = 1_000;

const DAYS: u64 = 300;

/// Events that one request records.
const REQUEST: u64 = 20;

/// Events of a transaction while the trail is filled.
const TRANSACTION: u64 = 1_000;

/// One in so many events.
const RARE: u64 = 1_000;

const CLOSED: Action = Action::new("account.close");

/// What was recorded long ago says so, as it would if it had been.
const LONG_AGO: &str = "
    select platform_audit.add_months((now() - interval '310 days')::date, now()::date);
    create function platform_audit.backdate() returns trigger language plpgsql as $$
    begin
        new.recorded_at := platform_audit.time_of_id(new.id) + interval '5 ms';
        return new;
    end $$;
    create trigger backdate before insert on platform_audit.event for each row execute function platform_audit.backdate();
    alter table platform_audit.event enable always trigger backdate;
    grant execute on function platform_audit.backdate() to platform_app;";

#[derive(Clone, Copy)]
pub(crate) enum Operation {
    Record,
    RecordMany,
    Target,
    TargetFound,
    SecondTarget,
    Actor,
    CommonAction,
    RareAction,
    Request,
    Day,
    Newest,
    Nothing,
    Proof,
    Round,
}

pub(crate) struct Trail {
    pub(crate) place: Place,
    events: u64,
    tenant: TenantId,
    db: Db,
    log: AuditLog,
    sequencer: Sequencer,
    sources: Sources,
    began: Timestamp,
    /// Some events to look for.
    known: Vec<Known>,
}

/// What is known of an event.
#[derive(sqlx::FromRow)]
struct Known {
    id: EventId,
    target_id: String,
    second_id: String,
    actor_id: PrincipalId,
    request_id: RequestId,
    recorded_at: Timestamp,
}

impl Trail {
    pub(crate) async fn new(events: u64) -> Self {
        let mut place = Box::pin(Place::new()).await;
        place.superuser.execute(LONG_AGO).await.unwrap();
        let sources = place.test.sources().clone();
        let log = place.log();
        Self {
            tenant: place.test.tenant().await,
            db: place.test.connect_with(3).await,
            sequencer: place.sequencer(&log).await,
            began: sources.now() - Duration::days(i64::try_from(DAYS).unwrap()),
            known: Vec::new(),
            events,
            log,
            sources,
            place,
        }
    }

    /// Records and sequences the events.
    pub(crate) async fn fill(&mut self) {
        let began = Instant::now();
        let half = self.events / 2;
        tokio::join!(self.fill_part(0, half), self.fill_part(half, self.events));
        let recorded = began.elapsed();
        let began = Instant::now();
        while self.sequencer.round().await.unwrap().more {}
        println!(
            "{} events: recorded in {:.1} s, sequenced in {:.1} s; load {}",
            self.events,
            recorded.as_secs_f64(),
            began.elapsed().as_secs_f64(),
            load()
        );
        self.place.settle().await;
        self.known = sqlx::query_as(
            "select id, target_id, targets -> 1 ->> 'id' as second_id, actor_id, request_id, recorded_at
             from platform_audit.event where tenant_id = $1 and action = 'order.place' and id > $2 order by id limit 200",
        )
        .bind(self.tenant)
        .bind(self.id_at(self.events / 2))
        .fetch_all(&mut self.place.superuser)
        .await
        .unwrap();
    }

    async fn fill_part(&self, from: u64, to: u64) {
        let mut number = from;
        while number < to {
            let first = self.context(number);
            let mut tx = self.db.begin(&first).await.unwrap();
            let end = to.min(number + TRANSACTION);
            while number < end {
                let ctx = self.context(number);
                let events = (number..end.min(number + REQUEST))
                    .map(|number| self.event(number))
                    .collect();
                self.log.record_all(&mut tx, &ctx, events).await.unwrap();
                number = end.min(number + REQUEST);
            }
            tx.commit().await.unwrap();
        }
    }

    fn context(&self, number: u64) -> RequestContext {
        let actor = Uuid::from_u128(u128::from(number / REQUEST % ACTORS) + 1);
        let session = self.sources.uuid_v7();
        context(
            self.tenant,
            PrincipalId::from_stored(actor),
            session,
            &self.sources,
        )
    }

    fn event(&self, number: u64) -> Event {
        let id = self.id_at(number);
        match number % RARE {
            0 => Event::new(CLOSED, Outcome::Success)
                .target("account", id.to_string())
                .id(id),
            _ => event(id.as_uuid(), Uuid::from_u128(u128::from(number % 5_000))).id(id),
        }
    }

    fn id_at(&self, number: u64) -> EventId {
        let at = DAYS * 86_400_000 * number / self.events;
        let at = self.began + Duration::milliseconds(i64::try_from(at).unwrap());
        let millis = u64::try_from(at.unix_timestamp_nanos() / 1_000_000).unwrap();
        let bytes = self.sources.bytes();
        EventId::from_stored(uuid::Builder::from_unix_timestamp_millis(millis, &bytes).into_uuid())
    }

    /// Does it once: microseconds by the clock, and of the server's processor.
    pub(crate) async fn turn(&mut self, operation: Operation, round: u64) -> [f64; 2] {
        if matches!(operation, Operation::Round) {
            self.record(1_000).await;
        }
        let database = self.place.name().to_owned();
        let before = Usage::now(&mut self.place.superuser, &database).await;
        self.act(operation, usize::try_from(round * 7).unwrap()).await;
        let after = Usage::now(&mut self.place.superuser, &database).await;
        let cost = spent(&before, &after);
        let clock = u64::try_from(cost.wall.as_nanos()).unwrap();
        [clock, cost.server].map(|nanos| micros(nanos, 1))
    }

    async fn act(&self, operation: Operation, number: usize) {
        let known = &self.known[number % self.known.len()];
        let filter = EventFilter::new();
        let day = Duration::days(1);
        let (filter, found) = match operation {
            Operation::Record => return self.record(1).await,
            Operation::RecordMany => return self.record(1_000).await,
            Operation::Proof => return self.prove(known.id).await,
            Operation::Round => {
                // A busy machine makes them smaller, so that it may take several.
                let mut sequenced = 0;
                loop {
                    let round = self.sequencer.round().await.unwrap();
                    sequenced += round.sequenced;
                    if !round.more {
                        return assert_eq!(sequenced, 1_000);
                    }
                }
            }
            Operation::Target => (filter.target("order", &known.target_id), None),
            Operation::TargetFound => {
                let filter = filter.target("order", &known.target_id);
                return self.search_pages(&filter).await;
            }
            Operation::SecondTarget => (filter.target("account", &known.second_id), None),
            Operation::Actor => (filter.actor(known.actor_id), None),
            Operation::CommonAction => (filter.action("order.place"), Some(50)),
            Operation::RareAction => (filter.action("account.close"), None),
            Operation::Request => (filter.request(known.request_id), None),
            Operation::Day => (
                filter
                    .recorded_from(known.recorded_at)
                    .recorded_to(known.recorded_at + day),
                None,
            ),
            Operation::Newest => (filter, Some(50)),
            Operation::Nothing => (filter.action("order.never"), Some(0)),
        };
        let list = self.search(&filter, EventPage::newest(50)).await;
        let Some(count) = found else {
            return assert!(!list.events.is_empty() || list.next.is_some(), "{filter:?}");
        };
        assert_eq!(list.events.len(), count, "{filter:?}");
    }

    /// Goes on from page to page until something is found. What may be the second target of any event is looked for among all that have
    /// several, 10,000 for a page, and an event is not shown before the newer ones were looked at.
    async fn search_pages(&self, filter: &EventFilter) {
        let mut page = EventPage::newest(50);
        loop {
            let list = self.search(filter, page).await;
            match list.next {
                _ if !list.events.is_empty() => return assert_eq!(list.events.len(), 1, "{filter:?}"),
                Some(next) => page = EventPage::before(next, 50),
                None => panic!("not found: {filter:?}"),
            }
        }
    }

    async fn search(&self, filter: &EventFilter, page: EventPage) -> EventList {
        let mut read = self.db.read(&self.context(0)).await.unwrap();
        let list = self.log.search(&mut read, Reader::Platform, filter, page).await;
        read.finish().await.unwrap();
        list.unwrap()
    }

    async fn record(&self, count: u64) {
        let ctx = self.context(0);
        let mut tx = self.db.begin(&ctx).await.unwrap();
        let events = (0..count)
            .map(|_| event(self.sources.uuid_v7(), Uuid::nil()))
            .collect();
        self.log.record_all(&mut tx, &ctx, events).await.unwrap();
        tx.commit().await.unwrap();
    }

    async fn prove(&self, id: EventId) {
        let mut read = self.db.read(&self.context(0)).await.unwrap();
        let proof = self.log.proof(&mut read, id).await.unwrap();
        read.finish().await.unwrap();
        assert!(proof.is_some());
    }

    /// Verifies all of it, once there is nothing left to sequence; how many positions it has.
    pub(crate) async fn verify(&self) -> u64 {
        while self.sequencer.round().await.unwrap().more {}
        let trust = self.place.trust(self.tenant);
        let ctx = self.context(0);
        let report = verify_stored(&self.db, &ctx, &trust, VerifyOptions::new())
            .await
            .unwrap();
        assert!(report.is_clean(), "{:?}", report.findings);
        report.proven.map_or(0, |head| head.size)
    }

    /// What the tables take for each event.
    pub(crate) async fn sizes(&mut self) -> String {
        let sizes: Vec<(String, i64)> = sqlx::query_as(
            "select t.name, sum(pg_total_relation_size(p.relid))::bigint
             from unnest(array['event', 'entry', 'leaf', 'tile', 'pending']) with ordinality t (name, at)
             cross join lateral (
               select relid from pg_partition_tree(('platform_audit.' || t.name)::regclass)
               union select ('platform_audit.' || t.name)::regclass
             ) p
             group by t.name, t.at order by t.at",
        )
        .fetch_all(&mut self.place.superuser)
        .await
        .unwrap();
        let events = i64::try_from(self.events).unwrap();
        let texts = sizes
            .iter()
            .map(|(name, bytes)| format!("{name} {}", bytes / events));
        format!(
            "bytes for each event, with indexes: {}",
            texts.collect::<Vec<_>>().join(", ")
        )
    }
}
