//! A tenant with a trail, and a hand that sequences it as a test wants it.

use platform_audit::{
    Action, AuditLog, Checkpoint, Event, EventId, Export, LeafHash, LogKey, MIGRATIONS, NodeHash, Outcome,
    Retention, StoredRow, Tile, TileId, Tiles, TreeGrowth,
};
use platform_core::pg::Db;
use platform_core::sqlx::{self, Connection, FromRow, PgConnection};
use platform_core::testing::TestDb;
use platform_core::uuid::Uuid;
use platform_core::{RequestContext, Sources, TenantId};

pub(crate) const PLACED: Action = Action::new("order.place");
pub(crate) const SENT: Action = Action::new("parcel.send");

/// A class whose time is over at once.
pub(crate) const MOMENT: Retention = Retention::new("moment");

/// A tenant of its own in the shared database, and the key of its log.
#[derive(Clone)]
pub(crate) struct Place {
    pub(crate) test: TestDb,
    pub(crate) db: Db,
    pub(crate) log: AuditLog,
    pub(crate) key: LogKey,
    pub(crate) tenant: TenantId,
    pub(crate) ctx: RequestContext,
}

impl Place {
    pub(crate) async fn new() -> Self {
        let test = Box::pin(TestDb::shared(&[&MIGRATIONS])).await;
        Self::on(test, Sources::system()).await
    }

    /// With a database that no other test uses.
    pub(crate) async fn own() -> Self {
        let test = Box::pin(TestDb::own(&[&MIGRATIONS])).await;
        Self::on(test, Sources::system()).await
    }

    pub(crate) async fn with_sources(sources: Sources) -> Self {
        let test = Box::pin(TestDb::shared(&[&MIGRATIONS])).await;
        Self::on(test, sources).await
    }

    pub(crate) async fn on(test: TestDb, sources: Sources) -> Self {
        let tenant = test.tenant().await;
        let place = Self {
            db: test.connect_with_sources(sources.clone()).await,
            log: AuditLog::new(sources.clone()),
            key: LogKey::generate("audit.example.com", &sources).unwrap(),
            ctx: test.context(tenant),
            tenant,
            test,
        };
        sqlx::query(
            "insert into platform_audit.retention_class (name, keep_min) values ($1, interval '1 microsecond') on conflict do nothing",
        )
        .bind(MOMENT.as_str())
        .execute(&mut place.superuser().await)
        .await
        .unwrap();
        place
    }

    pub(crate) async fn record(&self, event: Event) -> EventId {
        self.record_as(&self.ctx, event).await
    }

    pub(crate) async fn record_as(&self, ctx: &RequestContext, event: Event) -> EventId {
        self.log.record_alone(&self.db, ctx, event).await.unwrap()
    }

    /// So many events that are alike, oldest first.
    pub(crate) async fn record_orders(&self, count: usize) -> Vec<EventId> {
        let mut ids = Vec::new();
        for n in 0..count {
            let event = Event::new(PLACED, Outcome::Success).target("order", format!("o-{n}"));
            let event = event.retention(MOMENT);
            ids.push(self.record(event).await);
        }
        ids
    }

    pub(crate) async fn superuser(&self) -> PgConnection {
        PgConnection::connect(&self.test.superuser_url()).await.unwrap()
    }

    /// Gives every event that waits a place, and signs nothing.
    pub(crate) async fn sequence(&self) {
        let mut connection = self.superuser().await;
        while self.sequence_some(&mut connection).await {}
    }

    /// A bounded number of events; whether there were any.
    async fn sequence_some(&self, connection: &mut PgConnection) -> bool {
        let rows = sqlx::query(
            "select e.*, e.xid::text as xid, e.targets::text as targets, e.changes::text as changes, e.detail::text as detail
             from platform_audit.pending p join platform_audit.event e on e.tenant_id = p.tenant_id and e.id = p.id
             where p.tenant_id = $1 order by e.recorded_at, e.id limit 2000",
        );
        let rows = rows.bind(self.tenant).fetch_all(&mut *connection).await.unwrap();
        if rows.is_empty() {
            return false;
        }
        let entries: Vec<_> = rows
            .iter()
            .map(|row| StoredRow::from_row(row).unwrap().entry)
            .collect();
        let bytes: Vec<_> = entries.iter().map(|entry| entry.to_bytes().unwrap()).collect();
        let ids: Vec<Uuid> = entries.iter().map(|entry| entry.id.as_uuid()).collect();
        self.append(connection, &ids, &bytes).await;
        true
    }

    /// Gives these entries the next places.
    pub(crate) async fn append(&self, connection: &mut PgConnection, ids: &[Uuid], bytes: &[Vec<u8>]) {
        let mut growth = self.tree(connection).await;
        let first = i64::try_from(growth.head().size).unwrap();
        let leaves: Vec<_> = bytes.iter().map(|bytes| LeafHash::of(bytes)).collect();
        growth.append(leaves.iter().copied()).unwrap();
        sqlx::query(
            "insert into platform_audit.entry (tenant_id, id, bytes) select $1, id, bytes from unnest($2::uuid[], $3::bytea[]) e (id, bytes)",
        )
        .bind(self.tenant).bind(ids).bind(bytes)
        .execute(&mut *connection).await.unwrap();
        let hashes: Vec<Vec<u8>> = leaves.iter().map(|leaf| leaf.as_bytes().to_vec()).collect();
        sqlx::query(
            "insert into platform_audit.leaf (tenant_id, seq, id, leaf)
             select $1, $2 + n - 1, id, leaf from unnest($3::uuid[], $4::bytea[]) with ordinality l (id, leaf, n)",
        )
        .bind(self.tenant).bind(first).bind(ids).bind(hashes)
        .execute(&mut *connection).await.unwrap();
        for (id, tile) in growth.take_changed() {
            sqlx::query(
                "insert into platform_audit.tile (tenant_id, level, idx, width, hashes) values ($1, $2, $3, $4, $5)
                 on conflict (tenant_id, level, idx) do update set width = excluded.width, hashes = excluded.hashes",
            )
            .bind(self.tenant).bind(i16::from(id.level())).bind(i64::try_from(id.index()).unwrap())
            .bind(i16::try_from(tile.width()).unwrap()).bind(tile.to_bytes())
            .execute(&mut *connection).await.unwrap();
        }
        let head = growth.head();
        sqlx::query(
            "insert into platform_audit.tree (tenant_id, size, root) values ($1, $2, $3)
             on conflict (tenant_id) do update set size = excluded.size, root = excluded.root",
        )
        .bind(self.tenant)
        .bind(i64::try_from(head.size).unwrap())
        .bind(head.root.as_bytes().to_vec())
        .execute(&mut *connection)
        .await
        .unwrap();
        sqlx::query("delete from platform_audit.pending p using unnest($2::uuid[]) taken (id) where p.tenant_id = $1 and p.id = taken.id")
            .bind(self.tenant).bind(ids)
            .execute(&mut *connection).await.unwrap();
    }

    /// Signs the tree as it is.
    pub(crate) async fn sign(&self) -> u64 {
        let mut connection = self.superuser().await;
        let head = self.tree(&mut connection).await.head();
        let note = Checkpoint::new(self.key.origin(self.tenant), head)
            .sign(&self.key.signer(self.tenant))
            .unwrap();
        sqlx::query(
            "insert into platform_audit.checkpoint (tenant_id, size, root, note) values ($1, $2, $3, $4)",
        )
        .bind(self.tenant)
        .bind(i64::try_from(head.size).unwrap())
        .bind(head.root.as_bytes().to_vec())
        .bind(note.to_string())
        .execute(&mut connection)
        .await
        .unwrap();
        head.size
    }

    /// Gives every event that waits a place, and signs the tree; its size.
    pub(crate) async fn integrate(&self) -> u64 {
        self.sequence().await;
        self.sign().await
    }

    async fn tree(&self, connection: &mut PgConnection) -> TreeGrowth {
        let size: Option<i64> =
            sqlx::query_scalar("select size from platform_audit.tree where tenant_id = $1")
                .bind(self.tenant)
                .fetch_optional(&mut *connection)
                .await
                .unwrap();
        let size = u64::try_from(size.unwrap_or_default()).unwrap();
        let rows: Vec<(i16, i64, Vec<u8>)> =
            sqlx::query_as("select level, idx, hashes from platform_audit.tile where tenant_id = $1")
                .bind(self.tenant)
                .fetch_all(&mut *connection)
                .await
                .unwrap();
        let tiles: Tiles = rows
            .into_iter()
            .map(|(level, index, hashes)| {
                let id = TileId::new(u8::try_from(level).unwrap(), u64::try_from(index).unwrap()).unwrap();
                (id, Tile::from_bytes(&hashes).unwrap())
            })
            .collect();
        TreeGrowth::resume(size, tiles).unwrap()
    }

    /// Everything that an export gives out.
    pub(crate) async fn export(&self, export: Export) -> String {
        let mut running = self
            .log
            .export(&self.db, &self.key, &self.ctx, export)
            .await
            .unwrap();
        let mut bytes = Vec::new();
        while let Some(chunk) = running.next().await.unwrap() {
            bytes.extend(chunk);
        }
        String::from_utf8(bytes).unwrap()
    }

    /// Deletes the event of this number with its bytes, as it is done when its time is over. Its class is [`MOMENT`].
    pub(crate) async fn forget(&self, seq: i64) {
        let mut connection = self.superuser().await;
        let mut all = connection.begin().await.unwrap();
        let id: Uuid =
            sqlx::query_scalar("select id from platform_audit.leaf where tenant_id = $1 and seq = $2")
                .bind(self.tenant)
                .bind(seq)
                .fetch_one(&mut *all)
                .await
                .unwrap();
        sqlx::query("set local role platform_retention")
            .execute(&mut *all)
            .await
            .unwrap();
        for sql in [
            "delete from platform_audit.event where tenant_id = $1 and id = $2",
            "delete from platform_audit.entry where tenant_id = $1 and id = $2",
        ] {
            let deleted = sqlx::query(sql)
                .bind(self.tenant)
                .bind(id)
                .execute(&mut *all)
                .await
                .unwrap();
            assert_eq!(deleted.rows_affected(), 1, "{sql}");
        }
        all.commit().await.unwrap();
    }

    /// The root of the first so many leaves.
    pub(crate) async fn root_at(&self, size: u64) -> NodeHash {
        let rows: Vec<(i64, Vec<u8>)> = sqlx::query_as(
            "select seq, leaf from platform_audit.leaf where tenant_id = $1 and seq < $2 order by seq",
        )
        .bind(self.tenant)
        .bind(i64::try_from(size).unwrap())
        .fetch_all(&mut self.superuser().await)
        .await
        .unwrap();
        let mut range = platform_audit::CompactRange::new();
        range
            .extend(
                rows.into_iter()
                    .map(|(_, leaf)| LeafHash::from_slice(&leaf).unwrap()),
            )
            .unwrap();
        range.root()
    }
}

/// A user of the tenant who holds these permissions.
pub(crate) fn user(place: &Place, permissions: &[platform_core::Permission]) -> RequestContext {
    let sources = Sources::system();
    let principal = platform_core::Principal::user(
        platform_core::PrincipalId::generate(&sources),
        permissions.iter().copied().collect(),
    );
    RequestContext::authenticated(
        place.tenant,
        principal,
        platform_core::RequestMeta::internal(&sources),
    )
}

/// Inserts so many events of the tenant at once, by one actor in a hundred each.
pub(crate) async fn many(place: &Place, count: i32) {
    sqlx::query(
        "insert into platform_audit.event
           (tenant_id, id, occurred_at, action, outcome, actor_kind, actor_id, target_kind, target_id, targets, request_id, trace_id)
         select $1, (left(platform_audit.first_id_at(clock_timestamp())::text, 14) || '7' || right(gen_random_uuid()::text, 21))::uuid,
           clock_timestamp(), 'order.place', 'success', 'user', lpad((n % 100)::text, 32, '0')::uuid, 'order', n::text,
           jsonb_build_array(jsonb_build_object('kind', 'order', 'id', n::text)), gen_random_uuid(), repeat('a', 32)
         from generate_series(1, $2) n",
    )
    .bind(place.tenant)
    .bind(count)
    .execute(&mut place.superuser().await)
    .await
    .unwrap();
}
