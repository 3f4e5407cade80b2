//! A database that is not what the sequencer left.

use platform_audit::{
    Checkpoint, EventState, LeafHash, LogKey, Refusal, Sequencer, Tile, TileId, Tiles, TreeGrowth, TreeHead,
};
use platform_core::sqlx;
use platform_core::{RequestContext, Sources, TenantId};

use crate::support::{HOST, Trail, settle};

/// A process that meets the trees for the first time.
pub(crate) async fn successor(trail: &Trail) -> Sequencer {
    trail
        .sql("update platform_audit.lease set until = clock_timestamp() - interval '1 second'")
        .await;
    trail.sequencer()
}

/// Nothing of the tenant is signed or appended to, for this reason, while another tenant goes on.
pub(crate) async fn refused(trail: &Trail, ctx: &RequestContext, sequencer: &Sequencer, refusal: Refusal) {
    let other = trail.tenant();
    let (event, others) = (trail.record(ctx).await, trail.record(&other).await);
    let of_tenant = format!("platform_audit.checkpoint where tenant_id = '{}'", ctx.tenant());
    let before = trail.count(&of_tenant).await;

    settle(sequencer).await;

    let health = sequencer.health();
    assert_eq!(health.refused, [(ctx.tenant(), refusal)]);
    assert!(health.complaint().is_some());
    assert_eq!(sequencer.metrics().tenants_refused.get(), 1);
    assert_eq!(trail.state(ctx, event).await, Some(EventState::Recorded));
    assert_eq!(trail.count(&of_tenant).await, before);
    assert_eq!(trail.state(&other, others).await, Some(EventState::Published));
    trail.prove_whole(other.tenant()).await;
    // Not even by a process that knows nothing of it.
    let next = successor(trail).await;
    settle(&next).await;
    assert_eq!(next.health().refused, [(ctx.tenant(), refusal)]);
    assert_eq!(trail.state(ctx, event).await, Some(EventState::Recorded));
    let mark = trail.marks().get(ctx.tenant()).unwrap();
    assert_eq!(mark.refused, Some(refusal));
}

/// A tenant with a signed tree of so many leaves, a head at each hundred.
pub(crate) async fn grown(trail: &Trail, hundreds: usize) -> RequestContext {
    let ctx = trail.tenant();
    let sequencer = successor(trail).await;
    for _ in 0..hundreds {
        trail.record_many(&ctx, 100).await;
        settle(&sequencer).await;
    }
    ctx
}

/// Puts a tenant's rows back to what they were at a size.
pub(crate) fn rolled_back(tenant: TenantId, size: usize, root: &[u8]) -> String {
    let root: String = root.iter().map(|byte| format!("{byte:02x}")).collect();
    format!(
        "delete from platform_audit.entry e using platform_audit.leaf l
           where l.tenant_id = '{tenant}' and l.seq >= {size} and e.tenant_id = l.tenant_id and e.id = l.id;
         delete from platform_audit.event e using platform_audit.leaf l
           where l.tenant_id = '{tenant}' and l.seq >= {size} and e.tenant_id = l.tenant_id and e.id = l.id;
         delete from platform_audit.leaf where tenant_id = '{tenant}' and seq >= {size};
         delete from platform_audit.checkpoint where tenant_id = '{tenant}' and size > {size};
         update platform_audit.tile
           set width = least(width, {size}), hashes = substr(hashes, 1, 32 * least(width, {size}))
           where tenant_id = '{tenant}' and level = 0 and idx = 0;
         update platform_audit.tree set size = {size}, root = '\\x{root}' where tenant_id = '{tenant}'"
    )
}

pub(crate) async fn root_at(trail: &Trail, tenant: TenantId, size: i64) -> Vec<u8> {
    sqlx::query_scalar("select root from platform_audit.checkpoint where tenant_id = $1 and size = $2")
        .bind(tenant)
        .bind(size)
        .fetch_one(&mut trail.superuser().await)
        .await
        .unwrap()
}

#[tokio::test]
async fn a_trail_that_was_rolled_back_is_refused_by_the_process_that_signed_it() {
    let trail = Trail::new().await;
    let ctx = trail.tenant();
    let sequencer = trail.sequencer();
    for _ in 0..2 {
        trail.record_many(&ctx, 100).await;
        settle(&sequencer).await;
    }

    let root = root_at(&trail, ctx.tenant(), 100).await;
    trail.tamper(&rolled_back(ctx.tenant(), 100, &root)).await;

    refused(&trail, &ctx, &sequencer, Refusal::TreeShrunk).await;
}

#[tokio::test]
async fn a_trail_that_was_rolled_back_is_refused_without_anything_being_recorded() {
    let trail = Trail::new().await;
    let ctx = grown(&trail, 2).await;
    let root = root_at(&trail, ctx.tenant(), 100).await;
    trail.tamper(&rolled_back(ctx.tenant(), 100, &root)).await;

    let sequencer = successor(&trail).await;
    settle(&sequencer).await;

    assert_eq!(sequencer.health().refused, [(ctx.tenant(), Refusal::TreeShrunk)]);
}

#[tokio::test]
async fn a_tree_rewritten_below_its_mark_is_refused() {
    let trail = Trail::new().await;
    let ctx = grown(&trail, 2).await;
    let tenant = ctx.tenant();
    let mut leaves = leaf_hashes(&trail, tenant).await;
    leaves[17] = LeafHash::of(b"somebody else's");
    // Everything in the database fits: leaves, tiles and the tree; only the signatures do not.
    rewrite(&trail, tenant, &leaves).await;

    let sequencer = successor(&trail).await;

    refused(&trail, &ctx, &sequencer, Refusal::TreeForked).await;
}

#[tokio::test]
async fn a_tree_rewritten_and_grown_is_refused_though_its_old_tiles_are_left() {
    let trail = Trail::new().await;
    let ctx = grown(&trail, 3).await;
    let tenant = ctx.tenant();
    let leaves = leaf_hashes(&trail, tenant).await;
    // A tree of 600 leaves that does not begin with the 300, with tiles of leaves that do.
    let mut others: Vec<_> = (0..600_u32).map(|n| LeafHash::of(&n.to_be_bytes())).collect();
    others[..256].copy_from_slice(&leaves[..256]);
    let head = growth_of(&others).head();
    let mut shown = others.clone();
    shown[..300].copy_from_slice(&leaves);
    let mut statements = String::new();
    for (id, tile) in tiles_of(&others) {
        statements.push_str(&upsert(tenant, id, &tile));
    }
    for (id, tile) in tiles_of(&shown) {
        if id == TileId::new(0, 1).unwrap() {
            statements.push_str(&upsert(tenant, id, &tile));
        }
    }
    statements.push_str(&format!(
        "update platform_audit.tree set size = 600, root = '\\x{}' where tenant_id = '{tenant}';
         insert into platform_audit.leaf (tenant_id, seq, id, leaf)
         select '{tenant}', n, gen_random_uuid(), sha256(n::text::bytea) from generate_series(300, 599) n",
        head.root
    ));
    trail.tamper(&statements).await;

    let sequencer = successor(&trail).await;

    refused(&trail, &ctx, &sequencer, Refusal::TreeForked).await;
}

async fn leaf_hashes(trail: &Trail, tenant: TenantId) -> Vec<LeafHash> {
    let rows: Vec<Vec<u8>> =
        sqlx::query_scalar("select leaf from platform_audit.leaf where tenant_id = $1 order by seq")
            .bind(tenant)
            .fetch_all(&mut trail.superuser().await)
            .await
            .unwrap();
    rows.iter()
        .map(|leaf| LeafHash::from_slice(leaf).unwrap())
        .collect()
}

fn growth_of(leaves: &[LeafHash]) -> TreeGrowth {
    let mut growth = TreeGrowth::resume(0, Tiles::new()).unwrap();
    growth.append(leaves.iter().copied()).unwrap();
    growth
}

fn tiles_of(leaves: &[LeafHash]) -> Vec<(TileId, Tile)> {
    growth_of(leaves).take_changed()
}

fn upsert(tenant: TenantId, id: TileId, tile: &Tile) -> String {
    let hashes: String = tile.to_bytes().iter().map(|byte| format!("{byte:02x}")).collect();
    format!(
        "insert into platform_audit.tile (tenant_id, level, idx, width, hashes)
         values ('{tenant}', {}, {}, {}, '\\x{hashes}')
         on conflict (tenant_id, level, idx) do update set width = excluded.width, hashes = excluded.hashes;",
        id.level(),
        id.index(),
        tile.width(),
    )
}

/// Makes a tenant's leaves, tiles and tree those of these leaves.
async fn rewrite(trail: &Trail, tenant: TenantId, leaves: &[LeafHash]) {
    let mut statements = String::new();
    for (id, tile) in tiles_of(leaves) {
        statements.push_str(&upsert(tenant, id, &tile));
    }
    for (seq, leaf) in leaves.iter().enumerate() {
        statements.push_str(&format!(
            "update platform_audit.leaf set leaf = '\\x{leaf}' where tenant_id = '{tenant}' and seq = {seq};"
        ));
    }
    let root = growth_of(leaves).head().root;
    statements.push_str(&format!(
        "update platform_audit.tree set root = '\\x{root}' where tenant_id = '{tenant}'"
    ));
    trail.tamper(&statements).await;
}

#[tokio::test]
async fn tiles_that_do_not_give_the_tree_are_refused() {
    for change in [
        "update platform_audit.tile set hashes = set_byte(hashes, 5, 1 - get_byte(hashes, 5) % 2)",
        "delete from platform_audit.tile",
        "update platform_audit.tile set width = 99, hashes = substr(hashes, 1, 32 * 99)",
        "update platform_audit.tile set width = 101, hashes = hashes || sha256('')",
        "update platform_audit.tree set root = sha256('')",
    ] {
        let trail = Trail::new().await;
        let ctx = grown(&trail, 1).await;
        trail.tamper(change).await;

        let sequencer = successor(&trail).await;

        let root_changed = change.contains("root");
        let refusal = if root_changed {
            Refusal::TreeForked
        } else {
            Refusal::TreeBroken
        };
        refused(&trail, &ctx, &sequencer, refusal).await;
    }
}

#[tokio::test]
async fn a_tree_that_is_gone_is_refused() {
    let trail = Trail::new().await;
    let ctx = grown(&trail, 1).await;
    trail.tamper("delete from platform_audit.tree").await;

    let sequencer = successor(&trail).await;

    refused(&trail, &ctx, &sequencer, Refusal::TreeShrunk).await;
}

#[tokio::test]
async fn checkpoints_that_are_gone_are_missed() {
    for gone in ["size = 300", "size > 100", "true"] {
        let trail = Trail::new().await;
        let ctx = grown(&trail, 3).await;
        trail
            .tamper(&format!("delete from platform_audit.checkpoint where {gone}"))
            .await;

        let sequencer = successor(&trail).await;

        refused(&trail, &ctx, &sequencer, Refusal::CheckpointMissing).await;
    }
}

#[tokio::test]
async fn a_checkpoint_that_goes_while_the_process_runs_is_missed() {
    let trail = Trail::new().await;
    let ctx = trail.tenant();
    let sequencer = trail.sequencer();
    trail.record(&ctx).await;
    settle(&sequencer).await;
    trail.tamper("delete from platform_audit.checkpoint").await;

    trail.record(&ctx).await;
    settle(&sequencer).await;

    assert_eq!(
        sequencer.health().refused,
        [(ctx.tenant(), Refusal::CheckpointMissing)]
    );
    assert_eq!(trail.count("platform_audit.checkpoint").await, 0);
}

#[tokio::test]
async fn forged_checkpoints_are_refused() {
    for (forged, refusal) in [
        (
            "update platform_audit.checkpoint set note = replace(note, '100', '101')",
            Refusal::CheckpointForged,
        ),
        (
            "update platform_audit.checkpoint set root = sha256('')",
            Refusal::CheckpointForged,
        ),
        (
            "update platform_audit.checkpoint set note = 'all is well'",
            Refusal::CheckpointForged,
        ),
        (
            "insert into platform_audit.checkpoint (tenant_id, size, root, note)
             select tenant_id, size - 1 + 1000, root, note from platform_audit.checkpoint",
            Refusal::TreeShrunk,
        ),
    ] {
        let trail = Trail::new().await;
        let ctx = grown(&trail, 1).await;
        trail.tamper(forged).await;

        let sequencer = successor(&trail).await;

        refused(&trail, &ctx, &sequencer, refusal).await;
    }
}

#[tokio::test]
async fn a_checkpoint_of_a_key_that_is_not_known_here_is_no_forgery_that_is_held_against_the_tenant() {
    let trail = Trail::new().await;
    let ctx = grown(&trail, 1).await;
    // As by a process that was given the next key.
    let next = LogKey::generate(HOST, &Sources::system()).unwrap();
    let (tenant, own) = (ctx.tenant(), trail.marks().get(ctx.tenant()).unwrap());
    let signer = next.signer(tenant);
    let note = Checkpoint::new(signer.name().clone(), own.head)
        .sign(&signer)
        .unwrap();
    let sound: String = sqlx::query_scalar("select note from platform_audit.checkpoint")
        .fetch_one(&mut trail.superuser().await)
        .await
        .unwrap();
    let store = |note: String| format!("update platform_audit.checkpoint set note = '{note}'");
    trail.tamper(&store(note.to_string())).await;
    let event = trail.record(&ctx).await;

    let sequencer = successor(&trail).await;
    settle(&sequencer).await;

    assert_eq!(sequencer.health().refused, [(tenant, Refusal::UnknownKey)]);
    assert_eq!(trail.state(&ctx, event).await, Some(EventState::Recorded));
    assert_eq!(trail.marks().get(tenant), Some(own));
    // One that knows it goes on.
    trail.tamper(&store(sound)).await;
    let sequencer = successor(&trail).await;
    settle(&sequencer).await;
    assert_eq!(trail.state(&ctx, event).await, Some(EventState::Published));
    // What is stored beside it has to be what it says, whoever has signed it.
    let other = TreeHead { size: 7, ..own.head };
    let note = Checkpoint::new(signer.name().clone(), other)
        .sign(&signer)
        .unwrap();
    trail.tamper(&store(note.to_string())).await;
    let sequencer = successor(&trail).await;
    refused(&trail, &ctx, &sequencer, Refusal::CheckpointForged).await;
}

#[tokio::test]
async fn a_checkpoint_of_another_tenant_is_none_of_this_one() {
    let trail = Trail::new().await;
    let (ctx, other) = (grown(&trail, 1).await, grown(&trail, 1).await);
    trail
        .tamper(&format!(
            "update platform_audit.checkpoint c set root = o.root, note = o.note
             from platform_audit.checkpoint o
             where c.tenant_id = '{}' and o.tenant_id = '{}'",
            ctx.tenant(),
            other.tenant()
        ))
        .await;

    let sequencer = successor(&trail).await;

    refused(&trail, &ctx, &sequencer, Refusal::CheckpointForged).await;
}

#[tokio::test]
async fn leaves_that_nobody_has_sequenced_are_refused() {
    let trail = Trail::new().await;
    let ctx = grown(&trail, 1).await;
    let tenant = ctx.tenant();
    let mut leaves = leaf_hashes(&trail, tenant).await;
    leaves.push(LeafHash::of(b"slipped in"));
    let mut statements = String::new();
    for (id, tile) in tiles_of(&leaves) {
        statements.push_str(&upsert(tenant, id, &tile));
    }
    statements.push_str(&format!(
        "insert into platform_audit.leaf (tenant_id, seq, id, leaf) values ('{tenant}', 100, gen_random_uuid(), '\\x{}');
         update platform_audit.tree set size = 101, root = '\\x{}' where tenant_id = '{tenant}'",
        LeafHash::of(b"slipped in"),
        growth_of(&leaves).head().root
    ));
    trail.tamper(&statements).await;

    let sequencer = successor(&trail).await;

    refused(&trail, &ctx, &sequencer, Refusal::LeafForeign).await;
}

#[tokio::test]
async fn numbers_behind_the_end_of_the_tree_and_missing_before_it_are_refused() {
    for (change, refusal) in [
        (
            "insert into platform_audit.leaf (tenant_id, seq, id, leaf)
             select tenant_id, 100, gen_random_uuid(), sha256('') from platform_audit.tree",
            Refusal::LeafBeyondTree,
        ),
        (
            "delete from platform_audit.leaf where seq = 99",
            Refusal::LeafMissing,
        ),
        (
            "update platform_audit.leaf set leaf = sha256('') where seq = 99",
            Refusal::LeafForeign,
        ),
    ] {
        let trail = Trail::new().await;
        let ctx = grown(&trail, 1).await;
        trail.tamper(change).await;

        let sequencer = successor(&trail).await;

        refused(&trail, &ctx, &sequencer, refusal).await;
    }
}

#[tokio::test]
async fn a_number_that_is_taken_while_the_process_runs_stops_only_its_tenant() {
    let trail = Trail::new().await;
    let ctx = trail.tenant();
    let sequencer = trail.sequencer();
    trail.record(&ctx).await;
    settle(&sequencer).await;
    trail
        .tamper(
            "insert into platform_audit.leaf (tenant_id, seq, id, leaf)
             select tenant_id, 1, gen_random_uuid(), sha256('') from platform_audit.tree",
        )
        .await;
    let other = trail.tenant();
    let (event, others) = (trail.record(&ctx).await, trail.record(&other).await);

    settle(&sequencer).await;

    assert_eq!(trail.state(&other, others).await, Some(EventState::Published));
    assert_eq!(trail.state(&ctx, event).await, Some(EventState::Recorded));
    assert!(sequencer.health().complaint().is_some());
    let next = successor(&trail).await;
    settle(&next).await;
    assert_eq!(next.health().refused, [(ctx.tenant(), Refusal::LeafBeyondTree)]);
}

#[tokio::test]
async fn a_published_checkpoint_that_the_tree_does_not_reach_is_a_witness_without_marks() {
    let trail = Trail::new().await;
    let ctx = grown(&trail, 2).await;
    let root = root_at(&trail, ctx.tenant(), 100).await;
    trail.tamper(&rolled_back(ctx.tenant(), 100, &root)).await;
    std::fs::remove_dir_all(trail.marks_folder()).unwrap();

    let sequencer = successor(&trail).await;

    refused(&trail, &ctx, &sequencer, Refusal::PublishedForked).await;
}
