//! What an attacker with every right on the database tries against a service at work.

use platform_audit::{
    Checkpoint, CompactRange, Entry, EventId, Finding, LeafHash, NoteSigner, Refusal, TreeHead, VerifyOptions,
};
use platform_core::Sources;
use platform_core::sqlx::{self, AssertSqlSafe};

use crate::live::Live;
use crate::support::altered;

fn rejected(id: EventId, reason: &str) -> Finding {
    Finding::Rejected {
        id: id.as_uuid(),
        reason: reason.into(),
    }
}

#[tokio::test]
async fn a_service_at_work_leaves_a_clean_trail() {
    let live = Live::new().await;
    live.recorded(300).await;
    live.attest().await;
    live.record(2).await;

    let report = live.verify_with(&live.witnessed(), VerifyOptions::new()).await;

    assert_eq!(report.findings, []);
    assert_eq!(
        (report.size, report.events, report.pending, report.unattested),
        (301, 301, 2, 0)
    );
    assert_eq!(report.proven.map(|head| head.size), Some(301));
}

/// Rewrites an event and everything that is stored of it, with the means of a superuser: entry, leaf, tiles, tree and checkpoints.
/// `key` is what the checkpoints are signed with.
async fn rewrite(live: &Live, victim: EventId, key: &NoteSigner) -> TreeHead {
    let id = victim.as_uuid();
    let bytes: Vec<u8> = live
        .value(&format!(
            "select bytes from platform_audit.entry where id = '{id}'"
        ))
        .await;
    let mut forged = Entry::from_bytes(&bytes).unwrap();
    forged.reason = Some("nothing_happened".into());
    let forged = forged.to_bytes().unwrap();
    let hex: String = forged.iter().map(|byte| format!("{byte:02x}")).collect();
    live.tamper(&format!(
        "update platform_audit.event set reason = 'nothing_happened' where id = '{id}';
         update platform_audit.entry set bytes = '\\x{hex}' where id = '{id}';
         update platform_audit.leaf set leaf = '\\x{}' where id = '{id}'",
        LeafHash::of(&forged)
    ))
    .await;
    let leaves: Vec<Vec<u8>> =
        sqlx::query_scalar("select leaf from platform_audit.leaf where tenant_id = $1 order by seq")
            .bind(live.tenant)
            .fetch_all(&mut live.superuser().await)
            .await
            .unwrap();
    let sizes: Vec<i64> =
        sqlx::query_scalar("select size from platform_audit.checkpoint where tenant_id = $1 order by size")
            .bind(live.tenant)
            .fetch_all(&mut live.superuser().await)
            .await
            .unwrap();
    let leaves: Vec<LeafHash> = leaves
        .iter()
        .map(|leaf| LeafHash::from_slice(leaf).unwrap())
        .collect();
    let mut range = CompactRange::new();
    for (size, leaf) in (1..).zip(&leaves) {
        range.append(*leaf).unwrap();
        if sizes.contains(&size) {
            let (head, root) = (range.head(), range.root());
            let note = Checkpoint::new(key.name().clone(), head).sign(key).unwrap();
            live.tamper(&format!(
                "update platform_audit.checkpoint set root = '\\x{root}', note = '{note}' where tenant_id = '{}' and size = {size}",
                live.tenant
            ))
            .await;
        }
    }
    let tile: String = leaves.iter().map(ToString::to_string).collect();
    live.tamper(&format!(
        "update platform_audit.tile set hashes = '\\x{tile}' where tenant_id = '{0}' and level = 0;
         update platform_audit.tree set root = '\\x{1}' where tenant_id = '{0}'",
        live.tenant,
        range.root()
    ))
    .await;
    range.head()
}

// A12
#[tokio::test]
async fn a_tree_that_is_made_anew_without_the_key_is_refused() {
    let live = Live::new().await;
    let mut ids = live.recorded(5).await;
    ids.extend(live.recorded(5).await);
    let published = live.witnessed();
    let thief = NoteSigner::generate(live.key.origin(live.tenant), &Sources::system());

    rewrite(&live, ids[3], &thief).await;

    let report = live.verify().await;
    let forged = [5, 10].map(|size| Finding::CheckpointForged { size });
    assert_eq!(report.findings, forged);
    assert_eq!(report.proven, None);
    // Against what was published.
    let report = live.verify_with(&published, VerifyOptions::new()).await;
    assert!(
        report
            .findings
            .contains(&Finding::RootMismatch { after: 0, size: 5 }),
        "{:?}",
        report.findings
    );
    assert_eq!(report.proven, None);
    // And the sequencer does not go on from it.
    live.recorded(1).await;
    assert_eq!(live.sequencer.health().refused.len(), 1);
}

// A12
#[tokio::test]
async fn a_tree_that_is_made_anew_with_a_stolen_key_contradicts_what_was_published() {
    let live = Live::new().await;
    let mut ids = live.recorded(5).await;
    ids.extend(live.recorded(5).await);
    let published = live.witnessed();
    let stolen = live.key.signer(live.tenant);

    let head = rewrite(&live, ids[3], &stolen).await;

    let report = live.verify().await;
    assert_eq!((report.findings, report.proven), (vec![], Some(head)));
    let report = live.verify_with(&published, VerifyOptions::new()).await;
    assert_eq!(
        report.findings,
        [Finding::Forked { size: 5 }, Finding::Forked { size: 10 }]
    );
}

// A4
#[tokio::test]
async fn leaves_that_were_deleted_and_written_anew_for_altered_events_are_found() {
    let live = Live::new().await;
    let ids = live.recorded(10).await;
    let id = ids[4].as_uuid();
    let bytes: Vec<u8> = live
        .value(&format!(
            "select bytes from platform_audit.entry where id = '{id}'"
        ))
        .await;
    let mut forged = Entry::from_bytes(&bytes).unwrap();
    forged.reason = Some("nothing_happened".into());
    let leaf = LeafHash::of(&forged.to_bytes().unwrap());
    live.tamper(&format!(
        "update platform_audit.event set reason = 'nothing_happened' where id = '{id}';
         create table public.old_leaf as select * from platform_audit.leaf;
         delete from platform_audit.leaf where tenant_id = '{tenant}';
         insert into platform_audit.leaf (tenant_id, seq, id, leaf)
           select tenant_id, seq, id, case when id = '{id}' then '\\x{leaf}' else leaf end from public.old_leaf",
        tenant = live.tenant
    ))
    .await;

    assert_eq!(live.findings().await, [altered(4, &["reason", "leaf"])]);
}

// A4, A10
#[tokio::test]
async fn a_trail_put_back_to_an_earlier_checkpoint_is_found_by_what_was_published_and_by_the_marks() {
    let live = Live::new().await;
    live.recorded(5).await;
    let before = live.verify().await;
    live.recorded(5).await;
    let root = before.proven.unwrap().root;
    live.tamper(&format!(
        "delete from platform_audit.event e using platform_audit.leaf l where l.id = e.id and l.seq >= 5;
         delete from platform_audit.entry e using platform_audit.leaf l where l.id = e.id and l.seq >= 5;
         delete from platform_audit.leaf where seq >= 5;
         delete from platform_audit.checkpoint where size > 5;
         update platform_audit.tile set width = 5, hashes = substring(hashes from 1 for 160);
         update platform_audit.tree set size = 5, root = '\\x{root}'"
    ))
    .await;

    // The database alone does not remember it.
    let report = live.verify().await;
    assert_eq!((report.findings, report.proven), (vec![], before.proven));
    let report = live.verify_with(&live.witnessed(), VerifyOptions::new()).await;
    assert_eq!(report.findings, [Finding::Truncated { from: 5, to: 10 }]);
    live.recorded(1).await;
    assert_eq!(
        live.sequencer.health().refused,
        [(live.tenant, Refusal::TreeShrunk)]
    );
}

#[tokio::test]
async fn an_event_deleted_between_commit_and_sequencing_leaves_a_gap() {
    let live = Live::new().await;
    live.recorded(3).await;
    let ids = live.record(4).await;
    let producer = live
        .value(&format!(
            "select producer from platform_audit.event where id = '{}'",
            ids[0]
        ))
        .await;
    // One with its place on the work list, and one without.
    live.tamper(&format!(
        "delete from platform_audit.event where id in ('{0}', '{1}'); delete from platform_audit.pending where id = '{1}'",
        ids[1], ids[3]
    ))
    .await;
    assert_eq!(
        live.findings().await,
        [Finding::PendingWithoutEvent { id: ids[1].as_uuid() }]
    );

    live.sequence().await;
    assert_eq!(live.findings().await, [rejected(ids[1], "event_missing")]);

    live.attest().await;
    let gap = |counter| Finding::ProducerGap {
        producer,
        first: counter,
        last: counter,
    };
    let report = live.verify().await;
    assert_eq!(
        report.findings,
        [rejected(ids[1], "event_missing"), gap(4), gap(6)]
    );
    assert_eq!(report.unattested, 0);
}

#[tokio::test]
async fn an_event_altered_between_commit_and_sequencing_gets_no_place() {
    let live = Live::new().await;
    live.recorded(3).await;
    let ids = live.record(2).await;
    let producer = live
        .value(&format!(
            "select producer from platform_audit.event where id = '{}'",
            ids[0]
        ))
        .await;
    live.tamper(&format!(
        "update platform_audit.event set outcome = 'failure' where id = '{}'",
        ids[1]
    ))
    .await;
    live.sequence().await;
    live.attest().await;

    let gap = Finding::ProducerGap {
        producer,
        first: 4,
        last: 4,
    };
    assert_eq!(live.findings().await, [rejected(ids[1], "seal_wrong"), gap]);
}

#[tokio::test]
async fn an_event_that_a_superuser_adds_gets_no_place() {
    let live = Live::new().await;
    let ids = live.recorded(3).await;
    let copy = |id: &str, seal: &str| {
        format!(
            "insert into platform_audit.event select (jsonb_populate_record(e, jsonb_build_object('id', '{id}', 'seal', {seal}))).*
             from platform_audit.event e where id = '{}'",
            ids[0]
        )
    };
    let (sealed, bare, hidden) = (
        "018f2b6e-7c1a-7d3e-9b1a-000000000001",
        "018f2b6e-7c1a-7d3e-9b1a-000000000002",
        "018f2b6e-7c1a-7d3e-9b1a-000000000003",
    );
    let mut superuser = live.superuser().await;
    for statement in [copy(sealed, "e.seal"), copy(bare, "null")] {
        sqlx::query(AssertSqlSafe(statement))
            .execute(&mut superuser)
            .await
            .unwrap();
    }
    live.tamper(&copy(hidden, "e.seal")).await;
    let hidden = Finding::Unsequenced {
        id: hidden.parse().unwrap(),
    };
    let report = live.verify().await;
    assert_eq!((report.findings, report.pending), (vec![hidden.clone()], 2));

    live.sequence().await;

    let of = |id: &str, reason: &str| Finding::Rejected {
        id: id.parse().unwrap(),
        reason: reason.into(),
    };
    let report = live.verify().await;
    assert_eq!(
        report.findings,
        [hidden, of(sealed, "seal_wrong"), of(bare, "seal_missing")]
    );
    assert_eq!((report.size, report.pending), (3, 0));
}

#[tokio::test]
async fn a_process_that_is_killed_leaves_numbers_that_nobody_accounts_for() {
    let live = Live::new().await;
    live.recorded(3).await;
    // Rolled back, so that its number is never seen.
    let mut tx = live.test.db().begin(&live.ctx).await.unwrap();
    let event = platform_audit::Event::new(
        platform_audit::Action::new("parcel.send"),
        platform_audit::Outcome::Success,
    );
    live.audit.record(&mut tx, &live.ctx, event).await.unwrap();
    tx.rollback().await.unwrap();
    live.recorded(1).await;

    let report = live.verify().await;
    assert_eq!((report.findings, report.unattested), (vec![], 1));
    live.attest().await;
    let report = live.verify().await;
    assert_eq!((report.findings, report.unattested), (vec![], 0));
}

#[tokio::test]
async fn numbers_of_events_that_still_wait_are_no_gap() {
    let live = Live::new().await;
    live.recorded(2).await;
    live.record(3).await;
    // Attested, while the events wait behind the attestation.
    live.tamper("create table public.waiting as select * from platform_audit.pending; delete from platform_audit.pending").await;
    live.attest().await;
    assert_eq!(live.findings().await.len(), 1 + 3);
    live.tamper("insert into platform_audit.pending select * from public.waiting")
        .await;
    let report = live.verify().await;
    assert_eq!((report.findings, report.pending), (vec![], 3));
    live.sequence().await;
    assert!(live.verify().await.is_clean());
}
