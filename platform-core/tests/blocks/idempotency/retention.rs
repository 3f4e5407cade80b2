//! Answers are forgotten after their days.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use platform_core::idempotency::{Forgotten, IdempotencyConfig, IdempotencyKeys, RetentionLog, Unrecorded};
use platform_core::pg::{DbError, TenantTx};
use platform_core::time::macros::datetime;
use platform_core::{ManualClock, OsRandom, RequestContext, Sources, TenantId};
use tokio::sync::Mutex;

use super::{Service, user};
use crate::support::own;

/// Remembers what it was told.
#[derive(Default)]
struct Recorder(Mutex<Vec<(TenantId, u64)>>);

#[async_trait]
impl RetentionLog for Recorder {
    async fn forgotten(
        &self,
        tx: &mut TenantTx,
        ctx: &RequestContext,
        forgotten: Forgotten,
    ) -> Result<(), DbError> {
        assert_eq!(tx.tenant(), ctx.tenant());
        self.0.lock().await.push((tx.tenant(), forgotten.answers));
        Ok(())
    }
}

#[tokio::test]
async fn answers_are_forgotten_after_their_days_a_few_at_a_time() {
    let test = own().await;
    let clock = Arc::new(ManualClock::starting_at(datetime!(2026-01-02 03:04:05 UTC)));
    let sources = Sources::shared(clock.clone(), Arc::new(OsRandom));
    let few = IdempotencyConfig {
        forget_max: 2,
        ..IdempotencyConfig::default()
    };
    let db = test.connect_with_sources(sources).await;
    let keys = IdempotencyKeys::new(&db, few).unwrap();
    let tenants = [test.tenant().await, test.tenant().await];
    let service = |tenant| Service {
        db: db.clone(),
        keys: keys.clone(),
        ctx: user(tenant),
    };
    let [one, other] = tenants.map(service);
    for name in ["a", "b", "c"] {
        one.append(name, "a").await.unwrap();
    }
    other.append("a", "a").await.unwrap();
    clock.advance(Duration::from_secs(86_400));
    one.append("d", "a").await.unwrap();

    // To the second of its seven days an answer is there.
    clock.advance(Duration::from_secs(6 * 86_400));
    assert_eq!(keys.forget_old(&Unrecorded).await.unwrap(), 0);
    clock.advance(Duration::from_secs(1));
    let log = Recorder::default();
    let forgotten = keys.forget_old(&log).await.unwrap();

    assert_eq!(forgotten, 4);
    let mut told = log.0.into_inner();
    told.sort_unstable();
    let mut expected = [(tenants[0], 2), (tenants[0], 1), (tenants[1], 1)];
    expected.sort_unstable();
    assert_eq!(told, expected);
    assert_eq!((one.remembered().await, other.remembered().await), (1, 0));
    assert!(one.append("d", "a").await.unwrap().again);
    assert!(!one.append("a", "a").await.unwrap().again);
}
