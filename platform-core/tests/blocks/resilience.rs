//! Policies of dependencies, in time that is Tokio's and stands still.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use platform_core::metrics::Metrics;
use platform_core::resilience::{
    BreakerConfig, BreakerState, BulkheadConfig, Fault, FaultKind, InvalidPolicy, Policies, Policy,
    PolicyConfig, PolicyError, RetryConfig,
};
use platform_core::{RequestContext, RequestMeta, Sources, TenantId};
use tokio::sync::Semaphore;
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep};

#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("it failed")]
struct Failed(FaultKind);

impl Fault for Failed {
    fn kind(&self) -> FaultKind {
        self.0
    }
}

const TRANSIENT: Failed = Failed(FaultKind::Transient);
const LASTING: Failed = Failed(FaultKind::Lasting);
const CALLERS: Failed = Failed(FaultKind::Callers);

struct Set {
    sources: Sources,
    metrics: Metrics,
    policy: Policy,
    ctx: RequestContext,
}

impl Set {
    fn up(config: PolicyConfig) -> Self {
        let (sources, metrics) = (Sources::system(), Metrics::new());
        let policies = Policies::new(&sources, &metrics);
        let policy = policies.policy("carrier", config).unwrap();
        let ctx = RequestContext::system(TenantId::generate(&sources), "test", &sources);
        Self {
            sources,
            metrics,
            policy,
            ctx,
        }
    }

    /// A context whose deadline is so far away.
    fn within(&self, left: Duration) -> RequestContext {
        let meta = RequestMeta {
            deadline: Some(self.sources.now() + left),
            ..RequestMeta::internal(&self.sources)
        };
        self.ctx.clone().in_request(meta)
    }

    async fn once(&self, answer: Result<(), Failed>) -> Result<(), PolicyError<Failed>> {
        self.policy.once(&self.ctx, || std::future::ready(answer)).await
    }

    /// Makes a call that always fails, and tells how often it was made.
    async fn tries(&self, failure: Failed) -> u32 {
        let tries = AtomicU32::new(0);
        let call = || {
            tries.fetch_add(1, Ordering::Relaxed);
            std::future::ready(Err::<(), _>(failure))
        };
        self.policy.idempotent(&self.ctx, call).await.unwrap_err();
        tries.into_inner()
    }

    /// Fails until the breaker opens.
    async fn open(&self) {
        while self.policy.state() != BreakerState::Open {
            self.once(Err(LASTING)).await.unwrap_err();
        }
    }

    fn metric(&self, line: &str) -> bool {
        let page = self.metrics.encode();
        page.lines().any(|found| found == line)
    }
}

const BREAKER: BreakerConfig = BreakerConfig {
    window: Duration::from_secs(5),
    failure_percent: 50,
    calls_min: 10,
    open_for: Duration::from_secs(30),
    probes: 3,
};

#[tokio::test(start_paused = true)]
async fn a_dependency_that_fails_is_not_called_for_a_while_and_then_tried() {
    let set = Set::up(PolicyConfig::default());
    assert!(set.metric("circuit_breaker_state{name=\"carrier\"} 0"));
    for failed in [false, true].repeat(5) {
        assert_eq!(set.policy.state(), BreakerState::Closed);
        let answer = if failed { Err(LASTING) } else { Ok(()) };
        assert_eq!(set.once(answer).await.is_err(), failed);
    }
    assert!(set.metric("circuit_breaker_state{name=\"carrier\"} 1"));

    sleep(Duration::from_secs(10)).await;
    let refused = set.once(Ok(())).await.unwrap_err();
    assert!(refused.is_refusal());
    let PolicyError::Open {
        dependency,
        retry_after,
    } = refused
    else {
        panic!("{refused:?}");
    };
    assert_eq!((dependency, retry_after), ("carrier", Duration::from_secs(20)));
    assert!(set.metric("dependency_refusals_total{name=\"carrier\",reason=\"open\"} 1"));

    sleep(Duration::from_secs(20)).await;
    for _ in 0..BREAKER.probes {
        set.once(Ok(())).await.unwrap();
    }
    assert!(set.metric("circuit_breaker_state{name=\"carrier\"} 0"));
}

#[tokio::test(start_paused = true)]
async fn a_probe_that_fails_opens_the_breaker_again() {
    let set = Set::up(PolicyConfig::default());
    set.open().await;
    sleep(BREAKER.open_for).await;

    set.once(Ok(())).await.unwrap();
    assert!(set.metric("circuit_breaker_state{name=\"carrier\"} 2"));
    set.once(Err(TRANSIENT)).await.unwrap_err();

    assert_eq!(set.policy.state(), BreakerState::Open);
    assert!(matches!(set.once(Ok(())).await, Err(PolicyError::Open { .. })));
}

#[tokio::test(start_paused = true)]
async fn what_callers_did_wrong_opens_nothing() {
    let set = Set::up(PolicyConfig::default());

    for _ in 0..100 {
        let refused = set.once(Err(CALLERS)).await.unwrap_err();
        assert_eq!(refused.into_failure(), Some(CALLERS));
    }

    assert_eq!(set.policy.state(), BreakerState::Closed);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_breaker_that_is_half_open_lets_exactly_its_probes_through_at_once() {
    for _ in 0..20 {
        let config = PolicyConfig {
            breaker: BreakerConfig {
                open_for: Duration::from_micros(1),
                ..BREAKER
            },
            ..PolicyConfig::default()
        };
        let set = Set::up(config);
        set.open().await;
        let began = Arc::new(AtomicU32::new(0));
        let go_on = Arc::new(Semaphore::new(0));
        let mut calls = JoinSet::new();
        for _ in 0..32 {
            let (policy, ctx) = (set.policy.clone(), set.ctx.clone());
            let (began, go_on) = (began.clone(), go_on.clone());
            calls.spawn(async move {
                let call = || async {
                    began.fetch_add(1, Ordering::SeqCst);
                    let _ = go_on.acquire().await;
                    Ok::<(), Failed>(())
                };
                policy.once(&ctx, call).await
            });
        }

        // All but the probes are refused while the probes are under way.
        for _ in 0..32 - BREAKER.probes {
            let ended = calls.join_next().await.unwrap().unwrap();
            assert!(matches!(ended, Err(PolicyError::Open { .. })), "{ended:?}");
        }
        assert_eq!(began.load(Ordering::SeqCst), BREAKER.probes);
        assert_eq!(set.policy.state(), BreakerState::HalfOpen);
        go_on.close();

        while let Some(ended) = calls.join_next().await {
            ended.unwrap().unwrap();
        }
        assert_eq!(set.policy.state(), BreakerState::Closed);
    }
}

#[tokio::test(start_paused = true)]
async fn a_probe_that_nobody_waits_for_leaves_its_place_to_another() {
    let set = Set::up(PolicyConfig::default());
    set.open().await;
    sleep(BREAKER.open_for).await;
    for _ in 0..BREAKER.probes * 2 {
        let hangs = set
            .policy
            .once(&set.ctx, std::future::pending::<Result<(), Failed>>);
        let given_up = tokio::time::timeout(Duration::from_millis(1), hangs).await;
        assert!(given_up.is_err());
    }

    for _ in 0..BREAKER.probes {
        set.once(Ok(())).await.unwrap();
    }

    assert_eq!(set.policy.state(), BreakerState::Closed);
}

fn narrow(waiting_max: u32) -> PolicyConfig {
    PolicyConfig {
        bulkhead: BulkheadConfig {
            concurrent_max: 2,
            waiting_max,
            wait_max: Duration::from_millis(500),
        },
        ..PolicyConfig::default()
    }
}

/// A call that takes a second, in a task of its own that has begun it.
async fn busy(set: &Set, calls: &mut JoinSet<Result<(), PolicyError<Failed>>>) {
    let (policy, ctx) = (set.policy.clone(), set.ctx.clone());
    calls.spawn(async move {
        let call = || async {
            sleep(Duration::from_secs(1)).await;
            Ok(())
        };
        policy.once(&ctx, call).await
    });
    tokio::task::yield_now().await;
}

#[tokio::test(start_paused = true)]
async fn a_call_for_which_there_is_no_room_is_refused_and_not_begun() {
    let set = Set::up(narrow(0));
    let mut calls = JoinSet::new();
    for _ in 0..2 {
        busy(&set, &mut calls).await;
    }
    let begun = AtomicU32::new(0);

    let refused = set
        .policy
        .once(&set.ctx, || {
            begun.fetch_add(1, Ordering::Relaxed);
            std::future::ready(Ok::<(), Failed>(()))
        })
        .await
        .unwrap_err();

    assert!(
        matches!(
            refused,
            PolicyError::Full {
                dependency: "carrier"
            }
        ),
        "{refused:?}"
    );
    assert_eq!(begun.into_inner(), 0);
    assert!(set.metric("dependency_refusals_total{name=\"carrier\",reason=\"full\"} 1"));
    while let Some(ended) = calls.join_next().await {
        ended.unwrap().unwrap();
    }
    set.once(Ok(())).await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_call_waits_for_room_for_a_bounded_time() {
    let set = Set::up(narrow(1));
    let mut calls = JoinSet::new();
    for _ in 0..2 {
        busy(&set, &mut calls).await;
    }
    let begun = Instant::now();

    let in_vain = set.once(Ok(())).await.unwrap_err();
    assert!(matches!(in_vain, PolicyError::Full { .. }), "{in_vain:?}");
    assert_eq!(begun.elapsed(), Duration::from_millis(500));

    // Half a second before there is room.
    sleep(Duration::from_millis(100)).await;
    set.once(Ok(())).await.unwrap();
    assert_eq!(begun.elapsed(), Duration::from_secs(1));
}

#[tokio::test(start_paused = true)]
async fn a_call_that_is_not_idempotent_is_made_once() {
    let set = Set::up(PolicyConfig::default());
    let tries = AtomicU32::new(0);

    let failed = set
        .policy
        .once(&set.ctx, || {
            tries.fetch_add(1, Ordering::Relaxed);
            std::future::ready(Err::<(), _>(TRANSIENT))
        })
        .await
        .unwrap_err();

    assert_eq!(failed.into_failure(), Some(TRANSIENT));
    assert_eq!(tries.into_inner(), 1);
}

#[tokio::test(start_paused = true)]
async fn only_failures_that_pass_are_tried_again() {
    let set = Set::up(PolicyConfig::default());

    assert_eq!(set.tries(TRANSIENT).await, 3);
    assert_eq!(set.tries(LASTING).await, 1);
    assert_eq!(set.tries(CALLERS).await, 1);
    assert!(set.metric("dependency_retries_total{name=\"carrier\"} 2"));
}

#[tokio::test(start_paused = true)]
async fn retries_end_with_their_budget_and_calls_earn_more() {
    let never_opens = BreakerConfig {
        calls_min: 1_000_000,
        ..BREAKER
    };
    let retry = RetryConfig {
        budget_percent: 20,
        budget_max: 3,
        ..RetryConfig::default()
    };
    let set = Set::up(PolicyConfig {
        breaker: never_opens,
        retry,
        ..PolicyConfig::default()
    });

    // Three are saved up, and every fifth call earns one.
    let tries = [
        set.tries(TRANSIENT).await,
        set.tries(TRANSIENT).await,
        set.tries(TRANSIENT).await,
        set.tries(TRANSIENT).await,
    ];
    let mut extra = 0;
    for _ in 0..50 {
        extra += set.tries(TRANSIENT).await - 1;
    }

    assert_eq!(tries, [3, 2, 1, 1]);
    assert_eq!(extra, 10);
}

#[tokio::test(start_paused = true)]
async fn an_open_breaker_ends_the_retries() {
    let set = Set::up(PolicyConfig {
        breaker: BreakerConfig {
            calls_min: 2,
            ..BREAKER
        },
        ..PolicyConfig::default()
    });
    let tries = AtomicU32::new(0);
    let call = || {
        tries.fetch_add(1, Ordering::Relaxed);
        std::future::ready(Err::<(), _>(TRANSIENT))
    };

    let refused = set.policy.idempotent(&set.ctx, call).await.unwrap_err();

    assert!(matches!(refused, PolicyError::Open { .. }), "{refused:?}");
    assert_eq!(tries.into_inner(), 2);
}

#[tokio::test(start_paused = true)]
async fn nothing_lasts_longer_than_the_request_has_time() {
    let set = Set::up(PolicyConfig::default());
    let begun = Instant::now();
    let ctx = set.within(Duration::from_millis(400));

    let late = set
        .policy
        .idempotent(&ctx, std::future::pending::<Result<(), Failed>>)
        .await;

    assert!(
        matches!(late, Err(PolicyError::DeadlineExceeded { .. })),
        "{late:?}"
    );
    // The clock of the request is the system's, which goes on a little.
    let took = begun.elapsed();
    assert!(took <= Duration::from_millis(401), "{took:?}");
}

#[tokio::test(start_paused = true)]
async fn a_call_whose_request_has_no_time_left_is_not_begun() {
    let set = Set::up(PolicyConfig::default());
    let ctx = set.within(Duration::ZERO);
    let begun = AtomicU32::new(0);

    let late = set
        .policy
        .once(&ctx, || {
            begun.fetch_add(1, Ordering::Relaxed);
            std::future::ready(Ok::<(), Failed>(()))
        })
        .await;

    assert!(
        matches!(late, Err(PolicyError::DeadlineExceeded { .. })),
        "{late:?}"
    );
    assert_eq!(begun.into_inner(), 0);
    assert!(set.metric("dependency_refusals_total{name=\"carrier\",reason=\"deadline\"} 1"));
}

#[tokio::test(start_paused = true)]
async fn a_dependency_that_hangs_is_given_up_try_by_try_and_then_not_called() {
    let set = Set::up(PolicyConfig::default());
    let begun = Instant::now();

    let late = set
        .policy
        .idempotent(&set.ctx, std::future::pending::<Result<(), Failed>>)
        .await;
    assert!(
        matches!(late, Err(PolicyError::DeadlineExceeded { .. })),
        "{late:?}"
    );
    let took = begun.elapsed();
    let tries = Duration::from_secs(3) * 3;
    assert!(tries <= took && took <= Duration::from_secs(10), "{took:?}");

    // Also when requests have less time than a try.
    let ctx = set.within(Duration::from_secs(3600));
    while set.policy.state() == BreakerState::Closed {
        let mut calls = JoinSet::new();
        for _ in 0..10 {
            let (policy, ctx) = (set.policy.clone(), ctx.clone());
            calls.spawn(async move {
                policy
                    .once(&ctx, std::future::pending::<Result<(), Failed>>)
                    .await
            });
        }
        while let Some(ended) = calls.join_next().await {
            assert!(ended.unwrap().is_err());
        }
        assert!(begun.elapsed() < Duration::from_secs(60));
    }
}

#[tokio::test(start_paused = true)]
async fn short_deadlines_blame_a_dependency_that_hangs_and_none_that_had_no_time() {
    let hung = Set::up(PolicyConfig::default());
    let hurried = Set::up(PolicyConfig::default());

    for _ in 0..20 {
        for (set, left) in [(&hung, 400), (&hurried, 2)] {
            let ctx = set.within(Duration::from_millis(left));
            let call = set.policy.once(&ctx, std::future::pending::<Result<(), Failed>>);
            call.await.unwrap_err();
        }
    }

    assert_eq!(hung.policy.state(), BreakerState::Open);
    assert_eq!(hurried.policy.state(), BreakerState::Closed);
}

#[tokio::test(start_paused = true)]
async fn a_call_of_no_request_lasts_as_long_as_the_policy_lets_it_and_counts_like_any_other() {
    let set = Set::up(PolicyConfig {
        timeout: Duration::from_secs(2),
        try_timeout: Duration::from_secs(2),
        ..PolicyConfig::default()
    });
    let begun = Instant::now();

    let hung = set
        .policy
        .in_background(std::future::pending::<Result<(), Failed>>)
        .await;

    assert!(
        matches!(hung, Err(PolicyError::DeadlineExceeded { .. })),
        "{hung:?}"
    );
    assert_eq!(begun.elapsed(), Duration::from_secs(2));
    for _ in 0..10 {
        let failed = set
            .policy
            .in_background(|| std::future::ready(Err::<(), _>(TRANSIENT)))
            .await;
        assert!(failed.is_err());
    }
    assert_eq!(set.policy.state(), BreakerState::Open);
}

#[test]
fn limits_that_cannot_be_are_refused_by_their_names() {
    let (sources, metrics) = (Sources::system(), Metrics::new());
    let policies = Policies::new(&sources, &metrics);
    let mut none = PolicyConfig::default();
    none.breaker.probes = 0;
    let mut all = PolicyConfig::default();
    all.breaker.failure_percent = 101;
    let mut upside_down = PolicyConfig::default();
    upside_down.retry.wait_max = Duration::ZERO;
    let never = PolicyConfig {
        timeout: Duration::ZERO,
        ..PolicyConfig::default()
    };

    for (config, limit) in [
        (none, "breaker.probes"),
        (all, "breaker.failure_percent"),
        (upside_down, "retry.wait_max"),
        (never, "timeout"),
    ] {
        let refused: InvalidPolicy = policies.policy("carrier", config).unwrap_err();
        assert_eq!(refused.limit, limit);
    }
    assert!(policies.policy("carrier", PolicyConfig::default()).is_ok());
    let twice = policies.policy("carrier", PolicyConfig::default()).unwrap_err();
    assert_eq!(twice.limit, "the name");
}
