//! How fast a stored trail is verified, and how much memory that takes.
//!
//! `cargo bench -p platform-audit --bench verify_stored` fills a database of its own with 1,000,000 events of one tenant, lets the
//! sequencer number and sign them, and verifies the whole trail, then its last thousand. `EVENTS=100000` makes it another number.

use std::time::Duration;

use criterion::{Criterion, SamplingMode, Throughput};
use platform_audit::{
    LogKey, MIGRATIONS, Marks, Report, ResumePoint, Sequencer, SequencerConfig, Trust, Unsealed,
    VerifyOptions, verify_stored,
};
use platform_core::sqlx::{self, Connection as _, PgConnection};
use platform_core::testing::TestDb;
use platform_core::{Sources, TenantId};
use tokio::runtime::Runtime;

const BATCH: i64 = 50_000;

struct Trail {
    test: TestDb,
    tenant: TenantId,
    trust: Trust,
    count: u64,
    /// Of the trail without its last thousand.
    before: ResumePoint,
    _marks: tempfile::TempDir,
}

async fn record(superuser: &mut PgConnection, tenant: TenantId, from: i64, count: i64) {
    sqlx::query(
        "insert into platform_audit.event (
           tenant_id, id, occurred_at, action, activity, outcome, actor_kind, actor_id, session_id, target_kind, target_id, targets,
           source_address, user_agent, request_id, trace_id, detail, producer, counter)
         select $1, (substr(platform_audit.first_id_at(clock_timestamp())::text, 1, 14) || '7' || lpad(to_hex(n & 4095), 3, '0') || '-8000-'
             || lpad(to_hex(n), 12, '0'))::uuid,
           now(), 'order.place', 'create', 'success', 'user', md5((n % 1000)::text)::uuid, md5((n % 5000)::text)::uuid, 'order',
           md5(n::text), jsonb_build_array(jsonb_build_object('kind', 'order', 'id', md5(n::text))),
           '192.0.2.1', 'Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0', gen_random_uuid(), md5(n::text),
           jsonb_build_object('lots', n % 100, 'price_e4', 1500000 + n, 'side', 'buy', 'symbol', 'ACME'),
           '00000000-0000-7000-8000-000000000001'::uuid, n
         from generate_series($2, $2 + $3 - 1) n",
    )
    .bind(tenant)
    .bind(from)
    .bind(count)
    .execute(superuser)
    .await
    .expect("events are recorded");
}

async fn verify(trail: &Trail, options: VerifyOptions<'_>) -> Report {
    let ctx = trail.test.context(trail.tenant);
    let report = verify_stored(&trail.test.db(), &ctx, &trail.trust, options)
        .await
        .expect("it is verified");
    assert!(report.is_clean(), "{:?}", report.findings);
    assert_eq!(report.proven.map(|head| head.size), Some(trail.count));
    report
}

async fn trail(count: u64) -> Trail {
    let sources = Sources::system();
    let test = Box::pin(TestDb::own(&[&MIGRATIONS])).await;
    let tenant = test.tenant().await;
    let key = LogKey::generate("audit.example.com", &sources).expect("a key");
    let folder = tempfile::tempdir().expect("a folder");
    let marks = Marks::open_or_begin(folder.path(), &key).expect("marks");
    // The rows are made by a statement, which cannot seal them.
    let config = SequencerConfig {
        unsealed: Unsealed::UntilSealed,
        ..SequencerConfig::default()
    };
    let sequencer = Sequencer::new(&test.db(), &key, marks, config);
    let mut superuser = PgConnection::connect(&test.superuser_url())
        .await
        .expect("a superuser");
    let trust = Trust::new(key.origin(tenant), key.verifier(tenant));
    let mut trail = Trail {
        test,
        tenant,
        trust,
        count: 0,
        before: platform_audit::CompactRange::new().into(),
        _marks: folder,
    };
    for upto in [count - 1_000, count] {
        while trail.count < upto {
            let left = i64::try_from(upto - trail.count).expect("it is small");
            let from = i64::try_from(trail.count).expect("it is small");
            record(&mut superuser, tenant, from, left.min(BATCH)).await;
            trail.count += u64::try_from(left.min(BATCH)).expect("it is positive");
            while sequencer.round().await.expect("a round").sequenced > 0 {}
        }
        // What autovacuum does within a minute; planned without statistics, a verification runs into its time limit.
        sqlx::query("vacuum analyze")
            .execute(&mut superuser)
            .await
            .expect("statistics");
        if upto < count {
            trail.before = verify(&trail, VerifyOptions::new())
                .await
                .resume
                .expect("it is proven");
        }
    }
    trail
}

fn main() {
    let count = std::env::var("EVENTS")
        .ok()
        .and_then(|count| count.parse().ok())
        .unwrap_or(1_000_000);
    let runtime = Runtime::new().expect("a runtime");
    let trail = runtime.block_on(Box::pin(trail(count)));
    let mut criterion = Criterion::default().configure_from_args();
    let mut group = criterion.benchmark_group("stored");
    group
        .sample_size(10)
        .sampling_mode(SamplingMode::Flat)
        .warm_up_time(Duration::from_millis(1))
        .throughput(Throughput::Elements(count));
    group.bench_function("verify a whole trail", |bencher| {
        bencher.iter(|| runtime.block_on(verify(&trail, VerifyOptions::new())));
    });
    group.throughput(Throughput::Elements(1_000));
    group.bench_function("verify its last thousand", |bencher| {
        bencher.iter(|| runtime.block_on(verify(&trail, VerifyOptions::new().since(trail.before.clone()))));
    });
    group.finish();
    criterion.final_summary();
}
