use std::sync::Arc;

use platform_audit::{
    Action, AuditLog, Checkpoint, Event, EventId, Hold, HoldId, LeafHash, LogKey, MIGRATIONS, NewHold,
    NodeHash, Outcome, Retention, StoredRow, Tile, TileId, Tiles, TreeGrowth, TreeHead,
};
use platform_core::pg::Migrations;
use platform_core::sqlx::{self, AssertSqlSafe, Connection, Executor, PgConnection};
use platform_core::testing::TestDb;
use platform_core::time::Duration;
use platform_core::{
    Clock, ManualClock, OsRandom, RequestContext, Sources, SystemClock, TenantId, Timestamp,
};

pub(crate) const SENT: Action = Action::new("parcel.send");

/// A database of the test's own with one tenant, whose events can be as old as a test wants.
pub(crate) struct Trail {
    pub(crate) test: TestDb,
    pub(crate) key: LogKey,
    pub(crate) tenant: TenantId,
    pub(crate) ctx: RequestContext,
}

impl Trail {
    pub(crate) async fn new() -> Self {
        Self::with(&[]).await
    }

    /// With the tables of other crates as well.
    pub(crate) async fn with(others: &[&'static Migrations]) -> Self {
        let migrations = [&[&MIGRATIONS], others].concat();
        let test = Box::pin(TestDb::own(&migrations)).await;
        let key = LogKey::generate("audit.example.com", &Sources::system()).unwrap();
        let tenant = test.tenant().await;
        let ctx = test.context(tenant);
        Self {
            test,
            key,
            tenant,
            ctx,
        }
    }

    pub(crate) fn log(&self) -> AuditLog {
        AuditLog::new(Sources::system())
    }

    pub(crate) async fn superuser(&self) -> PgConnection {
        PgConnection::connect(&self.test.superuser_url()).await.unwrap()
    }

    /// Records an event that is this old, in the database's eyes too.
    pub(crate) async fn record_aged(&self, age: Duration, event: Event) -> EventId {
        self.record_aged_as(&self.ctx, age, event).await
    }

    pub(crate) async fn record_aged_as(&self, ctx: &RequestContext, age: Duration, event: Event) -> EventId {
        self.record_many(ctx, age, vec![event]).await.remove(0)
    }

    /// Records events in one transaction that are all this old.
    pub(crate) async fn record_many(
        &self,
        ctx: &RequestContext,
        age: Duration,
        events: Vec<Event>,
    ) -> Vec<EventId> {
        self.record_at(ctx, SystemClock.now() - age, events).await
    }

    /// Records events in one transaction at a time of the past, a microsecond after one another in the database's eyes.
    pub(crate) async fn record_at(
        &self,
        ctx: &RequestContext,
        at: Timestamp,
        events: Vec<Event>,
    ) -> Vec<EventId> {
        let sources = Sources::shared(Arc::new(ManualClock::starting_at(at)), Arc::new(OsRandom));
        let log = AuditLog::new(sources);
        let mut tx = self.test.db().begin(ctx).await.unwrap();
        let mut ids = vec![];
        for event in events {
            ids.push(log.record(&mut tx, ctx, event).await.unwrap());
        }
        tx.commit().await.unwrap();
        let uuids: Vec<_> = ids.iter().map(|id| id.as_uuid()).collect();
        let mut superuser = self.superuser().await;
        let mut tx = superuser.begin().await.unwrap();
        tx.execute("alter table platform_audit.event disable trigger is_insert_only")
            .await
            .unwrap();
        // In the order in which they were recorded.
        sqlx::query(
            "update platform_audit.event e set recorded_at = $3 + n * interval '1 microsecond'
             from unnest($2::uuid[]) with ordinality as given (id, n) where e.tenant_id = $1 and e.id = given.id",
        )
        .bind(ctx.tenant())
        .bind(uuids)
        .bind(at)
        .execute(&mut *tx)
        .await
        .unwrap();
        tx.execute("alter table platform_audit.event enable always trigger is_insert_only")
            .await
            .unwrap();
        tx.commit().await.unwrap();
        ids
    }

    /// Gives every event of the tenant that waits its place, and signs the tree.
    pub(crate) async fn sequence(&self) {
        self.sequence_at(None).await;
    }

    /// The same as if it had been done at that time.
    pub(crate) async fn sequence_at(&self, at: Option<Timestamp>) {
        let mut superuser = self.superuser().await;
        let rows: Vec<StoredRow> = sqlx::query_as(
            "select e.tenant_id, e.id, e.recorded_at, e.occurred_at, e.xid::text as xid, e.action, e.action_version, e.activity,
                    e.outcome, e.reason, e.severity, e.actor_kind, e.actor_id, e.purpose, e.on_behalf_of, e.session_id,
                    e.target_kind, e.target_id, e.targets::text as targets, e.changes::text as changes, e.source_address,
                    e.user_agent, e.request_id, e.trace_id, e.detail::text as detail, e.retention, e.visibility, e.producer,
                    e.counter, e.seal
             from platform_audit.event e join platform_audit.pending p on p.tenant_id = e.tenant_id and p.id = e.id
             where e.tenant_id = $1 order by e.recorded_at, e.id",
        )
        .bind(self.tenant)
        .fetch_all(&mut superuser)
        .await
        .unwrap();
        if rows.is_empty() {
            return;
        }
        let mut growth = self.growth(&mut superuser).await;
        let at = at.unwrap_or_else(|| SystemClock.now());
        for row in rows {
            let bytes = row.entry.to_bytes().unwrap();
            let leaf = LeafHash::of(&bytes);
            let seq = i64::try_from(growth.head().size).unwrap();
            growth.append([leaf]).unwrap();
            sqlx::query("insert into platform_audit.entry (tenant_id, id, bytes) values ($1, $2, $3)")
                .bind(self.tenant)
                .bind(row.entry.id)
                .bind(bytes)
                .execute(&mut superuser)
                .await
                .unwrap();
            sqlx::query(
                "insert into platform_audit.leaf (tenant_id, seq, id, leaf, sequenced_at) values ($1, $2, $3, $4, $5)",
            )
            .bind(self.tenant)
            .bind(seq)
            .bind(row.entry.id)
            .bind(leaf.as_bytes().as_slice())
            .bind(at)
            .execute(&mut superuser)
            .await
            .unwrap();
        }
        self.store(&mut superuser, growth).await;
    }

    async fn growth(&self, superuser: &mut PgConnection) -> TreeGrowth {
        let size: Option<i64> =
            sqlx::query_scalar("select size from platform_audit.tree where tenant_id = $1")
                .bind(self.tenant)
                .fetch_optional(&mut *superuser)
                .await
                .unwrap();
        let stored: Vec<(i16, i64, i16, Vec<u8>)> =
            sqlx::query_as("select level, idx, width, hashes from platform_audit.tile where tenant_id = $1")
                .bind(self.tenant)
                .fetch_all(superuser)
                .await
                .unwrap();
        let size = u64::try_from(size.unwrap_or(0)).unwrap();
        let tiles: Tiles = TileId::right_edge(size)
            .into_iter()
            .filter_map(|id| {
                let (level, index) = (i16::from(id.level()), i64::try_from(id.index()).unwrap());
                let row = stored.iter().find(|row| (row.0, row.1) == (level, index))?;
                Some((id, Tile::from_bytes(&row.3).unwrap()))
            })
            .collect();
        TreeGrowth::resume(size, tiles).unwrap()
    }

    async fn store(&self, superuser: &mut PgConnection, mut growth: TreeGrowth) {
        for (id, tile) in growth.take_changed() {
            sqlx::query(
                "insert into platform_audit.tile (tenant_id, level, idx, width, hashes) values ($1, $2, $3, $4, $5)
                 on conflict (tenant_id, level, idx) do update set width = excluded.width, hashes = excluded.hashes",
            )
            .bind(self.tenant)
            .bind(i16::from(id.level()))
            .bind(i64::try_from(id.index()).unwrap())
            .bind(i16::try_from(tile.width()).unwrap())
            .bind(tile.to_bytes())
            .execute(&mut *superuser)
            .await
            .unwrap();
        }
        let head = growth.head();
        let size = i64::try_from(head.size).unwrap();
        sqlx::query(
            "insert into platform_audit.tree (tenant_id, size, root) values ($1, $2, $3)
             on conflict (tenant_id) do update set size = excluded.size, root = excluded.root",
        )
        .bind(self.tenant)
        .bind(size)
        .bind(head.root.as_bytes().as_slice())
        .execute(&mut *superuser)
        .await
        .unwrap();
        let note = Checkpoint::new(self.key.origin(self.tenant), head)
            .sign(&self.key.signer(self.tenant))
            .unwrap();
        sqlx::query(
            "insert into platform_audit.checkpoint (tenant_id, size, root, note) values ($1, $2, $3, $4)",
        )
        .bind(self.tenant)
        .bind(size)
        .bind(head.root.as_bytes().as_slice())
        .bind(note.to_string())
        .execute(&mut *superuser)
        .await
        .unwrap();
        sqlx::query("delete from platform_audit.pending where tenant_id = $1")
            .bind(self.tenant)
            .execute(superuser)
            .await
            .unwrap();
    }

    pub(crate) async fn place(&self, hold: &NewHold) -> Hold {
        let mut tx = self.test.db().begin(&self.ctx).await.unwrap();
        let placed = self.log().place_hold(&mut tx, &self.ctx, hold).await.unwrap();
        tx.commit().await.unwrap();
        placed
    }

    pub(crate) async fn release(&self, hold: HoldId) -> Option<Hold> {
        let mut tx = self.test.db().begin(&self.ctx).await.unwrap();
        let released = self.log().release_hold(&mut tx, &self.ctx, hold).await.unwrap();
        tx.commit().await.unwrap();
        released
    }

    /// Until a statement that begins so waits for a lock.
    pub(crate) async fn wait_for_a_waiter(&self, statement: &str) {
        let mut superuser = self.superuser().await;
        let waits = async {
            loop {
                let waiting: bool = sqlx::query_scalar(
                    "select exists (select from pg_stat_activity
                     where datname = current_database() and wait_event_type = 'Lock' and starts_with(query, $1))",
                )
                .bind(statement)
                .fetch_one(&mut superuser)
                .await
                .unwrap();
                if waiting {
                    return;
                }
                tokio::task::yield_now().await;
            }
        };
        tokio::time::timeout(std::time::Duration::from_secs(30), waits)
            .await
            .unwrap();
    }

    /// The head of the tree.
    pub(crate) async fn head(&self) -> TreeHead {
        let (size, root): (i64, Vec<u8>) =
            sqlx::query_as("select size, root from platform_audit.tree where tenant_id = $1")
                .bind(self.tenant)
                .fetch_one(&mut self.superuser().await)
                .await
                .unwrap();
        TreeHead {
            size: u64::try_from(size).unwrap(),
            root: NodeHash::from_slice(&root).unwrap(),
        }
    }

    /// The canonical bytes of the events with their positions, in order.
    pub(crate) async fn entries(&self) -> Vec<(u64, Vec<u8>)> {
        let rows: Vec<(i64, Vec<u8>)> = sqlx::query_as(
            "select l.seq, e.bytes from platform_audit.leaf l
             join platform_audit.entry e on e.tenant_id = l.tenant_id and e.id = l.id
             where l.tenant_id = $1 order by l.seq",
        )
        .bind(self.tenant)
        .fetch_all(&mut self.superuser().await)
        .await
        .unwrap();
        rows.into_iter()
            .map(|(seq, bytes)| (u64::try_from(seq).unwrap(), bytes))
            .collect()
    }

    /// Everything that is in the tables of the trail, as text; bytes in hexadecimal, and those of entries as text too.
    pub(crate) async fn dump(&self) -> String {
        let mut superuser = self.superuser().await;
        let tables: Vec<String> = sqlx::query_scalar(
            "select relname::text from pg_class c
             where relnamespace = 'platform_audit'::regnamespace and relkind in ('r', 'p') and not relispartition order by 1",
        )
        .fetch_all(&mut superuser)
        .await
        .unwrap();
        let mut dump = String::new();
        for table in tables {
            let sql = format!("select t::text from platform_audit.{table} t");
            let rows: Vec<String> = sqlx::query_scalar(AssertSqlSafe(sql))
                .fetch_all(&mut superuser)
                .await
                .unwrap();
            dump.push_str(&rows.join("\n"));
        }
        let entries: Vec<String> =
            sqlx::query_scalar("select convert_from(bytes, 'UTF8') from platform_audit.entry")
                .fetch_all(&mut superuser)
                .await
                .unwrap();
        dump + &entries.join("\n")
    }

    /// The ids of the tenant's events that are still there.
    pub(crate) async fn event_ids(&self) -> Vec<EventId> {
        sqlx::query_scalar("select id from platform_audit.event where tenant_id = $1 order by id")
            .bind(self.tenant)
            .fetch_all(&mut self.superuser().await)
            .await
            .unwrap()
    }

    /// How many rows of the tenant a table has.
    pub(crate) async fn count(&self, table: &str) -> i64 {
        let sql = format!("select count(*) from platform_audit.{table} where tenant_id = $1");
        sqlx::query_scalar(AssertSqlSafe(sql))
            .bind(self.tenant)
            .fetch_one(&mut self.superuser().await)
            .await
            .unwrap()
    }
}

pub(crate) fn event(class: Retention) -> Event {
    Event::new(SENT, Outcome::Success)
        .target("parcel", "p")
        .retention(class)
}

pub(crate) fn days(days: i64) -> Duration {
    Duration::days(days)
}

pub(crate) fn sqlstate(error: &sqlx::Error) -> String {
    let code = error.as_database_error().and_then(|error| error.code());
    code.unwrap_or_default().into_owned()
}
