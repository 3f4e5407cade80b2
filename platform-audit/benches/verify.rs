//! How fast a trail is verified, and what the parts of that cost.
//!
//! `cargo bench -p platform-audit --bench verify` goes through 1,000,000 positions at a time, with a signed head at every thousandth, and
//! prints events for each second. Ten thousand events are repeated, so that what is measured is not the memory of the benchmark.

use criterion::{BatchSize, Criterion, Throughput, criterion_group, criterion_main};
use platform_audit::{
    Activity, CanonicalJson, Checkpoint, CompactRange, Entry, EventId, InclusionProof, LeafHash, NoteSigner,
    Outcome, Position, ProducerId, ProofPlan, Retention, Seal, Severity, StoredRow, Target, Tiles,
    TreeGrowth, TreeHead, Verifier, Visibility, verify_inclusion,
};
use platform_core::uuid::Uuid;
use platform_core::{PrincipalId, RequestId, Sources, TenantId, Timestamp};

const POSITIONS: u64 = 1_000_000;
const EVENTS: u64 = 10_000;
const EVERY: u64 = 1_000;

fn entry(number: u64) -> Entry {
    let id = Uuid::from_u128(u128::from(number) << 32);
    Entry {
        tenant: TenantId::from_stored(Uuid::nil()),
        id: EventId::from_stored(id),
        recorded_at: Timestamp::UNIX_EPOCH,
        occurred_at: Timestamp::UNIX_EPOCH,
        xid: number,
        action: "order.place".into(),
        action_version: 1,
        activity: Activity::Create,
        outcome: Outcome::Success,
        reason: None,
        severity: Severity::Informational,
        actor_kind: "user".into(),
        actor_id: Some(PrincipalId::from_stored(id)),
        purpose: None,
        on_behalf_of: None,
        session_id: Some(id),
        targets: vec![Target {
            kind: "order".into(),
            id: id.to_string(),
        }],
        changes: None,
        source_address: Some("192.0.2.1".into()),
        user_agent: Some("Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0".into()),
        request_id: RequestId::from_stored(id),
        trace_id: "0af7651916cd43dd8448eb211c80319c".into(),
        detail: CanonicalJson::parse(r#"{"lots":3,"price_e4":1500000,"side":"buy","symbol":"ACME"}"#).ok(),
        retention: Retention::REGULATORY,
        visibility: Visibility::Tenant,
        producer: Some(ProducerId::from_stored(id)),
        counter: Some(number),
        seal: Some(Seal::from_bytes([7; 32])),
    }
}

struct Trail {
    rows: Vec<StoredRow>,
    entries: Vec<Vec<u8>>,
    leaves: Vec<LeafHash>,
    heads: Vec<TreeHead>,
}

fn trail() -> Trail {
    let rows: Vec<_> = (0..EVENTS).map(|number| StoredRow::of(entry(number))).collect();
    let entries: Vec<_> = rows
        .iter()
        .map(|row| row.entry.to_bytes().expect("it is short"))
        .collect();
    let leaves: Vec<_> = entries.iter().map(|entry| LeafHash::of(entry)).collect();
    let mut range = CompactRange::new();
    let mut heads = Vec::new();
    for leaf in repeated(&leaves) {
        range.append(leaf).expect("it is small");
        if range.size().is_multiple_of(EVERY) {
            heads.push(range.head());
        }
    }
    Trail {
        rows,
        entries,
        leaves,
        heads,
    }
}

fn repeated(leaves: &[LeafHash]) -> impl Iterator<Item = LeafHash> {
    (0..POSITIONS).zip(leaves.iter().cycle()).map(|(_, leaf)| *leaf)
}

fn verify(trail: &Trail, with_rows: bool) {
    let mut verifier = Verifier::new();
    let mut heads = trail.heads.iter();
    let events = trail.entries.iter().zip(&trail.rows).zip(&trail.leaves).cycle();
    for (seq, ((entry, row), leaf)) in (0..POSITIONS).zip(events) {
        if seq.is_multiple_of(EVERY)
            && let Some(head) = heads.next()
        {
            verifier.head(*head).expect("it is in order");
        }
        let mut position = Position::new(seq).entry(entry);
        if with_rows {
            position = position.row(row).leaf(*leaf).tile(*leaf);
        }
        verifier.position(&position);
    }
    let report = verifier.finish();
    assert!(report.is_clean() && report.proven.is_some_and(|head| head.size == POSITIONS));
}

fn benches(criterion: &mut Criterion) {
    let trail = trail();
    let mut group = criterion.benchmark_group("events");
    group.sample_size(10).throughput(Throughput::Elements(POSITIONS));
    group.bench_function("verify entries", |bencher| bencher.iter(|| verify(&trail, false)));
    group.bench_function("verify rows, entries, leaves and tiles", |bencher| {
        bencher.iter(|| verify(&trail, true));
    });
    group.bench_function("grow a tree with tiles", |bencher| {
        let grow = |mut growth: TreeGrowth| {
            growth.append(repeated(&trail.leaves)).expect("it is small");
            growth.take_changed()
        };
        let empty = || TreeGrowth::resume(0, Tiles::new()).expect("nothing is missing");
        bencher.iter_batched(empty, grow, BatchSize::LargeInput);
    });
    group.finish();

    let mut growth = TreeGrowth::resume(0, Tiles::new()).expect("nothing is missing");
    growth.append(repeated(&trail.leaves)).expect("it is small");
    let head = growth.head();
    let tiles: Tiles = growth.take_changed().into_iter().collect();
    let plan = ProofPlan::inclusion(POSITIONS / 2, POSITIONS).expect("it is inside");
    criterion.bench_function("make an inclusion proof from tiles", |bencher| {
        bencher.iter(|| plan.hashes(&tiles).expect("all are there"));
    });
    let proof = InclusionProof {
        hashes: plan.hashes(&tiles).expect("all are there"),
    };
    let leaf = trail.leaves[0];
    criterion.bench_function("check an inclusion proof", |bencher| {
        bencher.iter(|| verify_inclusion(leaf, POSITIONS / 2, &head, &proof).expect("it is proven"));
    });
    let signer = NoteSigner::generate("log.example".parse().expect("it is a name"), &Sources::system());
    let checkpoint = Checkpoint::new(signer.name().clone(), head);
    criterion.bench_function("sign a checkpoint", |bencher| {
        bencher.iter(|| checkpoint.sign(&signer).expect("it is the log's key"));
    });
    let note = checkpoint.sign(&signer).expect("it is the log's key").to_string();
    let trusted = signer.verifier_key().into();
    criterion.bench_function("open a checkpoint", |bencher| {
        bencher.iter(|| Checkpoint::open(&note, signer.name(), &trusted).expect("it is signed"));
    });
}

criterion_group!(verification, benches);
criterion_main!(verification);
