use std::collections::BTreeSet;
use std::time::Duration;

use platform_audit::{PRUNED, PruneOptions, PruneSummary, Pruner};
use platform_core::sqlx;
use serde_json::Value;

use crate::support::Trail;

pub(crate) fn at_once() -> PruneOptions {
    PruneOptions {
        wait: Duration::ZERO,
        ..PruneOptions::default()
    }
}

pub(crate) fn pruner(trail: &Trail) -> Pruner {
    Pruner::new(&trail.test.db(), &trail.log(), &trail.key)
}

pub(crate) async fn prune(trail: &Trail) -> PruneSummary {
    pruner(trail).run(&at_once()).await.unwrap()
}

/// The positions that the sequenced trail says were deleted, read as its documentation says.
pub(crate) async fn excused(trail: &Trail) -> BTreeSet<i64> {
    let details: Vec<Value> = sqlx::query_scalar(
        "select e.detail from platform_audit.event e
         join platform_audit.leaf l on l.tenant_id = e.tenant_id and l.id = e.id
         where e.tenant_id = $1 and e.action = $2 order by l.seq",
    )
    .bind(trail.tenant)
    .bind(PRUNED.name())
    .fetch_all(&mut trail.superuser().await)
    .await
    .unwrap();
    let ranges = |detail: &Value, member: &str| -> Vec<(i64, i64)> {
        let ranges = detail.get(member).cloned().unwrap_or(Value::Array(vec![]));
        serde_json::from_value(ranges).unwrap()
    };
    let mut excused = BTreeSet::new();
    for detail in details {
        for (first, last) in ranges(&detail, "ranges") {
            excused.extend(first..=last);
        }
        for (first, last) in ranges(&detail, "kept") {
            excused.retain(|seq| !(first..=last).contains(seq));
        }
    }
    excused
}

/// The positions whose event is gone.
pub(crate) async fn missing(trail: &Trail) -> BTreeSet<i64> {
    let missing: Vec<i64> = sqlx::query_scalar(
        "select seq from platform_audit.leaf l where tenant_id = $1
         and not exists (select from platform_audit.event e where e.tenant_id = l.tenant_id and e.id = l.id)
         and not exists (select from platform_audit.entry e where e.tenant_id = l.tenant_id and e.id = l.id)",
    )
    .bind(trail.tenant)
    .fetch_all(&mut trail.superuser().await)
    .await
    .unwrap();
    missing.into_iter().collect()
}
