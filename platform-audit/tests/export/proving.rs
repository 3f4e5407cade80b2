use platform_audit::{
    CompactRange, EntryTile, Event, EventId, EventState, LeafHash, Outcome, ProveError, Reader, TileId,
    TreeHead, Verifiers, Visibility, verify_consistency, verify_event,
};
use platform_core::sqlx;

use crate::support::{PLACED, Place};

async fn pending(place: &Place, id: EventId) -> EventState {
    let mut read = place.db.read(&place.ctx).await.unwrap();
    match place.log.proof(&mut read, id).await {
        Err(ProveError::Pending(state)) => state,
        other => panic!("{other:?}"),
    }
}

/// Whether a stranger is convinced, with the entry and the proof that the store gives.
async fn is_proven(place: &Place, id: EventId) -> bool {
    let mut read = place.db.read(&place.ctx).await.unwrap();
    let proof = place.log.proof(&mut read, id).await.unwrap().unwrap().to_string();
    let entry = place.log.entry(&mut read, id).await.unwrap().unwrap();
    let trusted = Verifiers::from(place.key.verifier(place.tenant));
    let origin = place.key.origin(place.tenant);
    let altered = [entry.as_slice(), b" "].concat();
    assert!(verify_event(&altered, &proof, &origin, &trusted).is_err());
    verify_event(&entry, &proof, &origin, &trusted).is_ok()
}

#[tokio::test]
async fn nothing_is_claimed_of_an_event_before_a_signed_checkpoint_covers_it() {
    let place = Place::new().await;
    place.record_orders(3).await;
    place.integrate().await;
    let late = place.record(Event::new(PLACED, Outcome::Success)).await;
    assert_eq!(pending(&place, late).await, EventState::Recorded);

    place.sequence().await;
    // It is in the tree, and an older checkpoint is there.
    assert_eq!(pending(&place, late).await, EventState::Sequenced);

    place.sign().await;
    assert!(is_proven(&place, late).await);
}

#[tokio::test]
async fn every_event_is_proven_in_the_newest_checkpoint_however_large_the_tree_is() {
    let place = Place::new().await;
    for batch in [1, 2, 5, 255, 1, 260] {
        place.record_orders(batch).await;
        place.integrate().await;
    }
    let mut read = place.db.read(&place.ctx).await.unwrap();
    let ids: Vec<EventId> =
        sqlx::query_scalar("select id from platform_audit.leaf where tenant_id = $1 order by seq")
            .bind(place.tenant)
            .fetch_all(&mut read)
            .await
            .unwrap();
    read.finish().await.unwrap();
    assert_eq!(ids.len(), 524);

    for seq in [0, 1, 2, 7, 8, 254, 255, 256, 257, 511, 512, 523] {
        assert!(is_proven(&place, ids[seq]).await, "{seq}");
    }
}

#[tokio::test]
async fn an_unknown_event_and_another_tenants_have_no_proof() {
    let (place, other) = (Place::new().await, Place::new().await);
    let id = place.record(Event::new(PLACED, Outcome::Success)).await;
    place.integrate().await;
    other.record_orders(1).await;
    other.integrate().await;

    let mut read = other.db.read(&other.ctx).await.unwrap();
    let unknown = EventId::generate(other.db.sources());

    assert!(other.log.proof(&mut read, id).await.unwrap().is_none());
    assert!(other.log.proof(&mut read, unknown).await.unwrap().is_none());
    assert!(other.log.entry(&mut read, id).await.unwrap().is_none());
}

#[tokio::test]
async fn one_tenants_proof_says_nothing_under_the_name_of_another() {
    let (place, other) = (Place::new().await, Place::new().await);
    let id = place.record(Event::new(PLACED, Outcome::Success)).await;
    place.integrate().await;
    let mut read = place.db.read(&place.ctx).await.unwrap();
    let proof = place.log.proof(&mut read, id).await.unwrap().unwrap().to_string();
    let entry = place.log.entry(&mut read, id).await.unwrap().unwrap();

    let origin = place.key.origin(other.tenant);
    let trusted = Verifiers::from(place.key.verifier(other.tenant));

    assert!(verify_event(&entry, &proof, &origin, &trusted).is_err());
}

#[tokio::test]
async fn a_proof_that_a_damaged_tree_gives_is_not_given_out() {
    let place = Place::new().await;
    let ids = place.record_orders(300).await;
    place.integrate().await;
    let mut superuser = place.superuser().await;
    for damage in [
        "update platform_audit.tile set hashes = decode(repeat('00', 32 * width), 'hex') where tenant_id = $1 and level = 0 and idx = 0",
        "delete from platform_audit.tile where tenant_id = $1 and level = 0 and idx = 0",
    ] {
        sqlx::query(damage)
            .bind(place.tenant)
            .execute(&mut superuser)
            .await
            .unwrap();

        let mut read = place.db.read(&place.ctx).await.unwrap();
        let proof = place.log.proof(&mut read, ids[3]).await;
        assert!(
            matches!(proof, Err(ProveError::Damaged { size: 300 })),
            "{proof:?}"
        );
    }
    let mut read = place.db.read(&place.ctx).await.unwrap();
    let tile = place.log.tile(&mut read, TileId::new(0, 0).unwrap(), 256).await;
    assert!(matches!(tile, Err(ProveError::Damaged { size: 300 })), "{tile:?}");
    let consistency = place.log.consistency(&mut read, 100, 300).await;
    assert!(
        matches!(consistency, Err(ProveError::Damaged { size: 300 })),
        "{consistency:?}"
    );
}

#[tokio::test]
async fn the_log_of_one_size_is_proven_to_begin_with_that_of_another() {
    let place = Place::new().await;
    place.record_orders(270).await;
    let size = place.integrate().await;
    place.record_orders(1).await;
    place.sequence().await;
    let new = TreeHead {
        size,
        root: place.root_at(size).await,
    };
    let mut read = place.db.read(&place.ctx).await.unwrap();

    for from in [0, 1, 17, 255, 256, 257, 269, 270] {
        let old = TreeHead {
            size: from,
            root: place.root_at(from).await,
        };
        let proof = place.log.consistency(&mut read, from, size).await.unwrap();
        assert_eq!(verify_consistency(&old, &new, &proof), Ok(()), "{from}");
    }
    // Of the last one nothing is signed yet.
    for (from, to) in [(0, 271), (271, 271), (5, 4)] {
        let refused = place.log.consistency(&mut read, from, to).await;
        assert!(
            matches!(refused, Err(ProveError::NotCovered(_))),
            "{from} {to}: {refused:?}"
        );
    }
}

#[tokio::test]
async fn a_tile_is_given_out_exactly_as_far_as_it_is_signed() {
    let place = Place::new().await;
    place.record_orders(258).await;
    place.integrate().await;
    place.record_orders(3).await;
    place.sequence().await;
    let mut read = place.db.read(&place.ctx).await.unwrap();
    let at = |level, index| TileId::new(level, index).unwrap();

    let full = place.log.tile(&mut read, at(0, 0), 256).await.unwrap().unwrap();
    let narrow = place.log.tile(&mut read, at(0, 0), 7).await.unwrap().unwrap();
    let edge = place.log.tile(&mut read, at(0, 1), 2).await.unwrap().unwrap();
    let above = place.log.tile(&mut read, at(1, 0), 1).await.unwrap().unwrap();

    assert_eq!(
        (full.width(), narrow.width(), edge.width(), above.width()),
        (256, 7, 2, 1)
    );
    assert_eq!(narrow.hashes(), &full.hashes()[..7]);
    let mut range = CompactRange::new();
    let leaves = full.hashes().iter().chain(edge.hashes());
    range
        .extend(leaves.map(|leaf| LeafHash::from_bytes(*leaf.as_bytes())))
        .unwrap();
    assert_eq!(range.root(), place.root_at(258).await);
    for (id, width) in [
        (at(0, 1), 3),
        (at(0, 1), 5),
        (at(0, 1), 256),
        (at(0, 2), 1),
        (at(1, 0), 2),
        (at(0, 0), 0),
    ] {
        assert_eq!(
            place.log.tile(&mut read, id, width).await.unwrap(),
            None,
            "{id} {width}"
        );
    }
}

#[tokio::test]
async fn before_the_first_checkpoint_there_is_nothing_to_give_out() {
    let place = Place::new().await;
    place.record_orders(1).await;
    place.sequence().await;
    let mut read = place.db.read(&place.ctx).await.unwrap();

    assert_eq!(place.log.checkpoint(&mut read).await.unwrap(), None);
    assert_eq!(place.log.checkpoints(&mut read, None, 10).await.unwrap(), []);
    assert_eq!(
        place
            .log
            .tile(&mut read, TileId::new(0, 0).unwrap(), 1)
            .await
            .unwrap(),
        None
    );
    assert_eq!(
        place
            .log
            .entry_tile(&mut read, Reader::Platform, 0, 1)
            .await
            .unwrap(),
        None
    );
    assert!(matches!(
        place.log.consistency(&mut read, 0, 1).await,
        Err(ProveError::NotCovered(_))
    ));
    assert!(
        place
            .log
            .consistency(&mut read, 0, 0)
            .await
            .unwrap()
            .hashes
            .is_empty()
    );
}

/// The entries of a bundle of C2SP `tlog-tiles`.
fn unbundled(mut bundle: &[u8]) -> Vec<Vec<u8>> {
    let mut entries = Vec::new();
    while let Some((length, rest)) = bundle.split_first_chunk::<2>() {
        let (entry, rest) = rest.split_at(u16::from_be_bytes(*length).into());
        entries.push(entry.to_vec());
        bundle = rest;
    }
    assert!(bundle.is_empty());
    entries
}

#[tokio::test]
async fn the_entries_of_a_tile_hash_to_its_leaves() {
    let place = Place::new().await;
    place.record_orders(259).await;
    place.integrate().await;
    let mut read = place.db.read(&place.ctx).await.unwrap();

    for (index, width) in [(0, 256), (0, 10), (1, 3)] {
        let tile = place
            .log
            .tile(&mut read, TileId::new(0, index).unwrap(), width)
            .await
            .unwrap()
            .unwrap();
        let entries = place
            .log
            .entry_tile(&mut read, Reader::Tenant, index, width)
            .await
            .unwrap();
        let Some(EntryTile::Bundle(bundle)) = entries else {
            panic!("{entries:?}")
        };
        let leaves: Vec<[u8; 32]> = unbundled(&bundle)
            .iter()
            .map(|entry| *LeafHash::of(entry).as_bytes())
            .collect();
        let hashes: Vec<[u8; 32]> = tile.hashes().iter().map(|hash| *hash.as_bytes()).collect();
        assert_eq!(leaves, hashes);
    }
    assert_eq!(
        place
            .log
            .entry_tile(&mut read, Reader::Tenant, 1, 4)
            .await
            .unwrap(),
        None
    );
}

#[tokio::test]
async fn entries_are_withheld_where_one_is_hidden_and_gone_where_one_was_deleted() {
    let place = Place::new().await;
    place.record_orders(2).await;
    place
        .record(Event::new(PLACED, Outcome::Success).visibility(Visibility::Platform))
        .await;
    place.integrate().await;
    let mut read = place.db.read(&place.ctx).await.unwrap();

    let before = place
        .log
        .entry_tile(&mut read, Reader::Tenant, 0, 2)
        .await
        .unwrap();
    let hidden = place
        .log
        .entry_tile(&mut read, Reader::Tenant, 0, 3)
        .await
        .unwrap();
    let shown = place
        .log
        .entry_tile(&mut read, Reader::Platform, 0, 3)
        .await
        .unwrap();

    assert!(matches!(before, Some(EntryTile::Bundle(_))));
    assert_eq!(hidden, Some(EntryTile::Withheld));
    assert!(matches!(shown, Some(EntryTile::Bundle(_))));

    place.forget(0).await;
    let pruned = place
        .log
        .entry_tile(&mut read, Reader::Tenant, 0, 2)
        .await
        .unwrap();
    assert_eq!(pruned, Some(EntryTile::Pruned));
}

#[tokio::test]
async fn the_proof_of_a_deleted_event_still_convinces_who_has_kept_its_bytes() {
    let place = Place::new().await;
    let ids = place.record_orders(5).await;
    place.integrate().await;
    let mut read = place.db.read(&place.ctx).await.unwrap();
    let kept = place.log.entry(&mut read, ids[2]).await.unwrap().unwrap();

    place.forget(2).await;

    assert_eq!(
        place
            .log
            .event(&mut read, Reader::Platform, ids[2])
            .await
            .unwrap(),
        None
    );
    assert_eq!(place.log.entry(&mut read, ids[2]).await.unwrap(), None);
    let proof = place
        .log
        .proof(&mut read, ids[2])
        .await
        .unwrap()
        .unwrap()
        .to_string();
    let trusted = Verifiers::from(place.key.verifier(place.tenant));
    assert!(verify_event(&kept, &proof, &place.key.origin(place.tenant), &trusted).is_ok());
}
