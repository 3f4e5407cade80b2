//! A look at everything that a trail promises, with the pure functions alone.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;

use platform_audit::{
    Checkpoint, CompactRange, ConsistencyProof, Entry, EventId, LeafHash, ProofPlan, Tile, TileId, Tiles,
    TreeGrowth, TreeHead, Verifiers, verify_consistency,
};
use platform_core::TenantId;
use platform_core::sqlx::{self, PgConnection};

use crate::support::Trail;

/// What was found to be right.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Proven {
    pub(crate) size: u64,
    /// The sizes of the checkpoints.
    pub(crate) checkpoints: Vec<u64>,
    pub(crate) events: BTreeSet<EventId>,
}

impl Trail {
    /// Proves that each event of a tenant that is in the tree is there once and is the tenant's own, that numbers have no gap, that
    /// tiles, tree and checkpoints are those of the leaves, that each checkpoint is signed, and a prefix of every later one, and that
    /// what is called published is.
    pub(crate) async fn prove(&self, tenant: TenantId) -> Proven {
        let mut database = self.superuser().await;
        let leaves = leaves(&mut database, tenant).await;
        let tiles = tiles(&mut database, tenant).await;
        let head = head(&mut database, tenant).await;
        let mut range = CompactRange::new();
        let mut heads = BTreeMap::from([(0, TreeHead::empty())]);
        let mut events = BTreeSet::new();
        for (number, (seq, id, leaf, bytes)) in (0_u64..).zip(&leaves) {
            let entry = Entry::from_bytes(bytes).unwrap();
            assert_eq!(*seq, number, "numbers have a gap");
            assert_eq!(LeafHash::of(bytes), *leaf);
            assert_eq!((entry.tenant, entry.id), (tenant, *id));
            assert!(events.insert(*id), "{id} has two places");
            range.append(*leaf).unwrap();
            heads.insert(range.size(), range.head());
        }
        assert_eq!(head, range.head(), "the tree is not that of its leaves");
        same_tiles(leaves.iter().map(|(_, _, leaf, _)| *leaf), &tiles);
        let checkpoints = self
            .prove_checkpoints(&mut database, tenant, &heads, &tiles)
            .await;
        Proven {
            size: head.size,
            checkpoints,
            events,
        }
    }

    async fn prove_checkpoints(
        &self,
        database: &mut PgConnection,
        tenant: TenantId,
        heads: &BTreeMap<u64, TreeHead>,
        tiles: &Tiles,
    ) -> Vec<u64> {
        let rows: Vec<(i64, Vec<u8>, String, bool)> = sqlx::query_as(
            "select size, root, note, published_at is not null from platform_audit.checkpoint where tenant_id = $1 order by size",
        )
        .bind(tenant)
        .fetch_all(database)
        .await
        .unwrap();
        let origin = self.key.origin(tenant);
        let verifiers = Verifiers::from(self.key.verifier(tenant));
        let folder = self.outlet_folder().join(tenant.to_string());
        let mut before = TreeHead::empty();
        let mut sizes = Vec::new();
        for (size, root, note, is_published) in rows {
            let checkpoint = Checkpoint::open(&note, &origin, &verifiers).unwrap();
            let head = *checkpoint.head();
            assert_eq!(
                (head.size, head.root.as_bytes().as_slice()),
                (size.try_into().unwrap(), &*root)
            );
            assert_eq!(
                heads.get(&head.size),
                Some(&head),
                "the checkpoint of {size} is not that of the leaves"
            );
            let plan = ProofPlan::consistency(before.size, head.size).unwrap();
            let hashes = plan.hashes(tiles).unwrap();
            verify_consistency(&before, &head, &ConsistencyProof { hashes }).unwrap();
            if is_published {
                let published =
                    fs::read_to_string(folder.join("checkpoints").join(size.to_string())).unwrap();
                assert_eq!(published, note);
                let newest = fs::read_to_string(folder.join("checkpoint")).unwrap();
                let newest = Checkpoint::open(&newest, &origin, &verifiers).unwrap();
                assert!(newest.head().size >= head.size);
                assert_eq!(heads.get(&newest.head().size), Some(newest.head()));
            }
            sizes.push(head.size);
            before = head;
        }
        sizes
    }

    /// The ids of the events that the tenant's table holds.
    pub(crate) async fn recorded(&self, tenant: TenantId) -> BTreeSet<EventId> {
        let mut database = self.superuser().await;
        let ids: Vec<EventId> =
            sqlx::query_scalar("select id from platform_audit.event where tenant_id = $1")
                .bind(tenant)
                .fetch_all(&mut database)
                .await
                .unwrap();
        ids.into_iter().collect()
    }

    /// Proves that a tenant's trail is whole: every event has its place, and the newest checkpoint covers it and is published.
    pub(crate) async fn prove_whole(&self, tenant: TenantId) -> Proven {
        let proven = self.prove(tenant).await;
        assert_eq!(
            proven.events,
            self.recorded(tenant).await,
            "not every event has a place"
        );
        assert_eq!(
            proven.checkpoints.last().copied().unwrap_or(0),
            proven.size,
            "the end is not signed"
        );
        let waiting = self
            .count(&format!("platform_audit.pending where tenant_id = '{tenant}'"))
            .await;
        assert_eq!(waiting, 0, "events are still on the work list");
        proven
    }
}

async fn leaves(database: &mut PgConnection, tenant: TenantId) -> Vec<(u64, EventId, LeafHash, Vec<u8>)> {
    let rows: Vec<(i64, EventId, Vec<u8>, Vec<u8>)> = sqlx::query_as(
        "select l.seq, l.id, l.leaf, e.bytes from platform_audit.leaf l
         join platform_audit.entry e using (tenant_id, id)
         where tenant_id = $1 order by l.seq",
    )
    .bind(tenant)
    .fetch_all(database)
    .await
    .unwrap();
    rows.into_iter()
        .map(|(seq, id, leaf, bytes)| {
            (
                seq.try_into().unwrap(),
                id,
                LeafHash::from_slice(&leaf).unwrap(),
                bytes,
            )
        })
        .collect()
}

async fn tiles(database: &mut PgConnection, tenant: TenantId) -> Tiles {
    let rows: Vec<(i16, i64, i16, Vec<u8>)> =
        sqlx::query_as("select level, idx, width, hashes from platform_audit.tile where tenant_id = $1")
            .bind(tenant)
            .fetch_all(database)
            .await
            .unwrap();
    rows.into_iter()
        .map(|(level, index, width, hashes)| {
            let id = TileId::new(level.try_into().unwrap(), index.try_into().unwrap()).unwrap();
            let tile = Tile::from_bytes(&hashes).unwrap();
            assert_eq!(i32::from(tile.width()), i32::from(width));
            (id, tile)
        })
        .collect()
}

async fn head(database: &mut PgConnection, tenant: TenantId) -> TreeHead {
    let row: Option<(i64, Vec<u8>)> =
        sqlx::query_as("select size, root from platform_audit.tree where tenant_id = $1")
            .bind(tenant)
            .fetch_optional(database)
            .await
            .unwrap();
    row.map_or(TreeHead::empty(), |(size, root)| TreeHead {
        size: size.try_into().unwrap(),
        root: platform_audit::NodeHash::from_slice(&root).unwrap(),
    })
}

/// The tiles are exactly those of the leaves.
fn same_tiles(leaves: impl Iterator<Item = LeafHash>, stored: &Tiles) {
    let mut growth = TreeGrowth::resume(0, Tiles::new()).unwrap();
    growth.append(leaves).unwrap();
    let expected: Tiles = growth.take_changed().into_iter().collect();
    assert_eq!(&expected, stored);
}
