//! A database of one test, its superuser, and trails in it.

use platform_audit::{
    Checkpoint, EventId, Finding, KeyName, LeafHash, MIGRATIONS, NoteSigner, Report, StoredRow, Tiles,
    TreeGrowth, TreeHead, Trust, VerifyOptions, verify_stored,
};
use platform_core::testing::TestDb;
use platform_core::uuid::Uuid;
use platform_core::{Sources, TenantId};
use sqlx::postgres::PgPoolOptions;
use sqlx::{AssertSqlSafe, PgPool, Row as _};

/// Every column of an event as a `StoredRow` is read from.
const COLUMNS: &str = "tenant_id, id, recorded_at, occurred_at, xid::text as xid, action, action_version, activity, outcome, reason, \
     severity, actor_kind, actor_id, purpose, on_behalf_of, session_id, target_kind, target_id, targets::text as targets, \
     changes::text as changes, source_address, user_agent, request_id, trace_id, detail::text as detail, retention, visibility, \
     producer, counter, seal";

/// A database in which the superuser has taken everything off the tables that protects them.
pub(crate) struct Lawless {
    pub(crate) test: TestDb,
    pub(crate) superuser: PgPool,
    pub(crate) signer: NoteSigner,
}

/// One tenant's trail.
#[derive(Clone)]
pub(crate) struct Trail {
    pub(crate) tenant: TenantId,
    /// The events in the order of their positions.
    pub(crate) ids: Vec<Uuid>,
    /// What was signed.
    pub(crate) heads: Vec<TreeHead>,
    /// Those notes.
    pub(crate) notes: Vec<String>,
}

impl Lawless {
    pub(crate) async fn new() -> Self {
        let test = Box::pin(TestDb::own(&[&MIGRATIONS])).await;
        let superuser = PgPoolOptions::new()
            .max_connections(2)
            .connect(&test.superuser_url())
            .await
            .unwrap();
        let this = Self {
            test,
            superuser,
            signer: NoteSigner::generate("audit.example.com".parse().unwrap(), &Sources::system()),
        };
        this.take_off_everything().await;
        this
    }

    /// Runs a statement as the superuser, with the tenant as `$1`.
    pub(crate) async fn run(&self, tenant: TenantId, statement: &str) -> u64 {
        let done = sqlx::query(AssertSqlSafe(statement.to_owned()))
            .bind(tenant)
            .execute(&self.superuser)
            .await;
        done.unwrap_or_else(|error| panic!("{statement}: {error}"))
            .rows_affected()
    }

    async fn execute(&self, statement: &str) {
        let done = sqlx::raw_sql(AssertSqlSafe(statement.to_owned()))
            .execute(&self.superuser)
            .await;
        done.unwrap_or_else(|error| panic!("{statement}: {error}"));
    }

    /// Triggers, constraints and keys, but for the indexes.
    async fn take_off_everything(&self) {
        let tables: Vec<String> = sqlx::query_scalar(
            "select c.oid::regclass::text from pg_class c where c.relnamespace = 'platform_audit'::regnamespace and c.relkind in ('r', 'p')",
        )
        .fetch_all(&self.superuser)
        .await
        .unwrap();
        for table in &tables {
            self.execute(&format!("alter table {table} disable trigger all"))
                .await;
        }
        let constraints: Vec<(bool, String, String)> = sqlx::query_as(
            "select contypid <> 0, case when contypid <> 0 then contypid::regtype::text else conrelid::regclass::text end, quote_ident(conname)
             from pg_constraint
             where connamespace = 'platform_audit'::regnamespace and contype in ('p', 'u', 'c') and coninhcount = 0
             order by contype",
        )
        .fetch_all(&self.superuser)
        .await
        .unwrap();
        for (is_of_domain, owner, constraint) in constraints {
            let kind = if is_of_domain { "domain" } else { "table" };
            // Those of partitions go with their table's.
            self.execute(&format!(
                "alter {kind} {owner} drop constraint if exists {constraint}"
            ))
            .await;
        }
        let nullable: Vec<(String, String)> = sqlx::query_as(
            "select attrelid::regclass::text, quote_ident(attname) from pg_attribute a join pg_class c on c.oid = a.attrelid
             where c.relnamespace = 'platform_audit'::regnamespace and c.relkind in ('r', 'p') and not c.relispartition
               and a.attnum > 0 and a.attnotnull and not a.attisdropped",
        )
        .fetch_all(&self.superuser)
        .await
        .unwrap();
        for (table, column) in nullable {
            self.execute(&format!(
                "alter table {table} alter column {column} drop not null"
            ))
            .await;
        }
    }

    pub(crate) fn origin(&self, tenant: TenantId) -> KeyName {
        format!("audit.example.com/audit/{tenant}").parse().unwrap()
    }

    pub(crate) fn signer(&self, tenant: TenantId) -> NoteSigner {
        self.signer.renamed(self.origin(tenant))
    }

    pub(crate) fn trust(&self, tenant: TenantId) -> Trust {
        Trust::new(self.origin(tenant), self.signer(tenant).verifier_key())
    }

    /// Trust, and every head that was published.
    pub(crate) fn witnessed(&self, trail: &Trail) -> Trust {
        let mut trust = self.trust(trail.tenant);
        for note in &trail.notes {
            trust = trust.witness(note).unwrap();
        }
        trust
    }

    pub(crate) async fn verify(&self, trail: &Trail) -> Report {
        self.verify_with(&self.trust(trail.tenant), trail.tenant).await
    }

    pub(crate) async fn verify_with(&self, trust: &Trust, tenant: TenantId) -> Report {
        let ctx = self.test.context(tenant);
        verify_stored(&self.test.db(), &ctx, trust, VerifyOptions::new())
            .await
            .unwrap()
    }

    pub(crate) async fn findings(&self, trail: &Trail) -> Vec<Finding> {
        self.verify(trail).await.findings
    }

    /// A tenant with this many events, sequenced in rounds up to these sizes; each round is signed but for those named.
    pub(crate) async fn trail(&self, rounds: &[u64], unsigned: &[u64]) -> Trail {
        let tenant = self.test.tenant().await;
        self.record(tenant, *rounds.last().unwrap()).await;
        let mut trail = Trail {
            tenant,
            ids: Vec::new(),
            heads: Vec::new(),
            notes: Vec::new(),
        };
        for size in rounds {
            self.sequence(&mut trail, *size, !unsigned.contains(size)).await;
        }
        trail
    }

    /// Records events with something in every column.
    pub(crate) async fn record(&self, tenant: TenantId, count: u64) {
        let begin: i64 = sqlx::query_scalar("select count(*) from platform_audit.event where tenant_id = $1")
            .bind(tenant)
            .fetch_one(&self.superuser)
            .await
            .unwrap();
        sqlx::query(
            "insert into platform_audit.event (
               tenant_id, id, occurred_at, action, action_version, activity, outcome, reason, severity, actor_kind, actor_id, purpose,
               on_behalf_of, session_id, target_kind, target_id, targets, changes, source_address, user_agent, request_id, trace_id,
               detail, retention, visibility, producer, counter, seal)
             select $1, (substr(platform_audit.first_id_at(now())::text, 1, 14) || '7000-8000-' || lpad(to_hex(n), 12, '0'))::uuid,
               now(), 'order.cancel', 2, 'update', 'failure', 'already_filled', 'low', 'user', gen_random_uuid(), 'end of day',
               gen_random_uuid(), gen_random_uuid(), 'order', n::text, jsonb_build_array(jsonb_build_object('kind', 'order', 'id', n::text)),
               '{\"lots\": {\"before\": 1, \"after\": 2}}', '192.0.2.1', 'curl/8', gen_random_uuid(), repeat('0a', 16),
               jsonb_build_object('n', n), 'regulatory', 'tenant', '00000000-0000-7000-8000-000000000001'::uuid, n, sha256(n::text::bytea)
             from generate_series($2, $2 + $3 - 1) n",
        )
        .bind(tenant)
        .bind(begin)
        .bind(i64::try_from(count).unwrap())
        .execute(&self.superuser)
        .await
        .unwrap();
        // The trigger is off.
        self.run(
            tenant,
            "insert into platform_audit.pending (tenant_id, id) select tenant_id, id from platform_audit.event e where tenant_id = $1
             and not exists (select from platform_audit.leaf l where l.tenant_id = e.tenant_id and l.id = e.id)
             and not exists (select from platform_audit.pending p where p.tenant_id = e.tenant_id and p.id = e.id)",
        )
        .await;
    }

    /// What the sequencer does, for one tenant and up to a size.
    pub(crate) async fn sequence(&self, trail: &mut Trail, size: u64, signed: bool) {
        let tenant = trail.tenant;
        let from = trail.ids.len() as u64;
        let tiles: Vec<(i16, i64, Vec<u8>)> =
            sqlx::query_as("select level, idx, hashes from platform_audit.tile where tenant_id = $1")
                .bind(tenant)
                .fetch_all(&self.superuser)
                .await
                .unwrap();
        let tiles: Tiles = tiles
            .into_iter()
            .map(|(level, index, hashes)| tile(level, index, &hashes))
            .collect();
        let mut growth = TreeGrowth::resume(from, tiles).unwrap();
        let rows = sqlx::query(AssertSqlSafe(format!(
            "select {COLUMNS} from platform_audit.event where tenant_id = $1 order by id offset $2 limit $3"
        )))
        .bind(tenant)
        .bind(i64::try_from(from).unwrap())
        .bind(i64::try_from(size - from).unwrap())
        .fetch_all(&self.superuser)
        .await
        .unwrap();
        for row in rows {
            let stored = <StoredRow as sqlx::FromRow<'_, _>>::from_row(&row).unwrap();
            let bytes = stored.entry.to_bytes().unwrap();
            let leaf = LeafHash::of(&bytes);
            self.store(tenant, growth.head().size, stored.entry.id, &bytes, leaf)
                .await;
            growth.append([leaf]).unwrap();
            trail.ids.push(row.get("id"));
        }
        self.store_tree(tenant, &mut growth).await;
        if signed {
            let note = self.sign(tenant, growth.head(), &self.signer(tenant)).await;
            trail.heads.push(growth.head());
            trail.notes.push(note);
        }
    }

    async fn store(&self, tenant: TenantId, seq: u64, id: EventId, bytes: &[u8], leaf: LeafHash) {
        sqlx::query(
            "with entry as (insert into platform_audit.entry (tenant_id, id, bytes) values ($1, $2, $3)),
               done as (delete from platform_audit.pending where tenant_id = $1 and id = $2)
             insert into platform_audit.leaf (tenant_id, seq, id, leaf) values ($1, $4, $2, $5)",
        )
        .bind(tenant)
        .bind(id)
        .bind(bytes)
        .bind(i64::try_from(seq).unwrap())
        .bind(&leaf.as_bytes()[..])
        .execute(&self.superuser)
        .await
        .unwrap();
    }

    pub(crate) async fn store_tree(&self, tenant: TenantId, growth: &mut TreeGrowth) {
        for (id, tile) in growth.take_changed() {
            sqlx::query(
                "with old as (delete from platform_audit.tile where tenant_id = $1 and level = $2 and idx = $3)
                 insert into platform_audit.tile (tenant_id, level, idx, width, hashes) values ($1, $2, $3, $4, $5)",
            )
            .bind(tenant)
            .bind(i16::from(id.level()))
            .bind(i64::try_from(id.index()).unwrap())
            .bind(i16::try_from(tile.width()).unwrap())
            .bind(tile.to_bytes())
            .execute(&self.superuser)
            .await
            .unwrap();
        }
        let head = growth.head();
        sqlx::query(
            "with old as (delete from platform_audit.tree where tenant_id = $1)
             insert into platform_audit.tree (tenant_id, size, root) values ($1, $2, $3)",
        )
        .bind(tenant)
        .bind(i64::try_from(head.size).unwrap())
        .bind(&head.root.as_bytes()[..])
        .execute(&self.superuser)
        .await
        .unwrap();
    }

    /// Stores a checkpoint by whatever key.
    pub(crate) async fn sign(&self, tenant: TenantId, head: TreeHead, signer: &NoteSigner) -> String {
        let note = Checkpoint::new(self.origin(tenant), head)
            .sign(signer)
            .unwrap()
            .to_string();
        sqlx::query(
            "insert into platform_audit.checkpoint (tenant_id, size, root, note) values ($1, $2, $3, $4)",
        )
        .bind(tenant)
        .bind(i64::try_from(head.size).unwrap())
        .bind(&head.root.as_bytes()[..])
        .bind(&note)
        .execute(&self.superuser)
        .await
        .unwrap();
        note
    }
}

fn tile(level: i16, index: i64, hashes: &[u8]) -> (platform_audit::TileId, platform_audit::Tile) {
    let id =
        platform_audit::TileId::new(u8::try_from(level).unwrap(), u64::try_from(index).unwrap()).unwrap();
    (id, platform_audit::Tile::from_bytes(hashes).unwrap())
}

pub(crate) fn altered(seq: u64, columns: &[&'static str]) -> Finding {
    Finding::Altered {
        seq,
        columns: columns.to_vec(),
    }
}
