//! Working off a backlog.

use std::time::Instant;

use platform_audit::Outlet;
use platform_core::uuid::Uuid;
use platform_core::{PrincipalId, TenantId};

use crate::support::{Place, context, event, setting};

/// Events of a transaction while the backlog is made.
const TRANSACTION: u64 = 1_000;

/// Events that one call records.
const CALL: u64 = 20;

/// Makes a backlog of so many tenants, and measures how long it takes to number, sign and publish it.
pub(crate) async fn work_off(tenants: usize) {
    let mut place = Box::pin(Place::new()).await;
    let log = place.log();
    let folder = crate::service::folder();
    let sequencer = place
        .sequencer(&log)
        .await
        .publish_to(Outlet::directory(folder.path()));
    let sources = place.test.sources().clone();
    let tenants: Vec<TenantId> = (0..tenants).map(|_| TenantId::generate(&sources)).collect();
    let each = setting("BENCH_EVENTS", 50_000) / u64::try_from(tenants.len()).unwrap();
    let db = place.test.connect_with(2).await;
    for tenant in &tenants {
        let user = PrincipalId::generate(&sources);
        let mut left = each;
        while left > 0 {
            let ctx = context(*tenant, user, Uuid::nil(), &sources);
            let mut tx = db.begin(&ctx).await.unwrap();
            let end = left - left.min(TRANSACTION);
            while left > end {
                let call = CALL.min(left - end);
                let events = (0..call).map(|_| event(Uuid::nil(), Uuid::nil())).collect();
                log.record_all(&mut tx, &ctx, events).await.unwrap();
                left -= call;
            }
            tx.commit().await.unwrap();
        }
    }
    place.settle().await;

    let began = Instant::now();
    let (mut rounds, mut sequenced) = (0, 0);
    loop {
        let round = sequencer.round().await.unwrap();
        rounds += 1;
        sequenced += round.sequenced;
        if !round.more {
            break;
        }
    }
    let seconds = began.elapsed().as_secs_f64();
    println!(
        "| {} tenants | {sequenced} | {seconds:.2} | {rounds} | {:.0} |",
        tenants.len(),
        sequenced as f64 / seconds
    );
}
