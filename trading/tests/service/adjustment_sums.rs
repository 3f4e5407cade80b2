//! What administrators move alone is added up over a day: many small adjustments are one large one.

use std::time::Duration;

use crate::support::{Trader, World};
use proptest::prelude::*;
use time::macros::datetime;
use trading::{
    ADJUST, AccountId, Adjusted, AdjustmentStatus, AdjustmentView, AdminReason, Calendar, Cents,
    TradingConfig, VIEW,
};

fn cents(text: &str) -> Cents {
    text.parse().unwrap()
}

fn admin(world: &World) -> Trader {
    world.trader_with([VIEW, ADJUST])
}

async fn account(world: &World) -> AccountId {
    let trader = world.trader();
    world.trading.account(&trader.ctx()).await.unwrap().id
}

/// Asks for an adjustment under a key that is made of what is asked for.
async fn ask(admin: &Trader, account: AccountId, amount: Cents, key: &str) -> AdjustmentView {
    let reason: AdminReason = "goodwill".parse().unwrap();
    admin.world.tick();
    let asked = admin
        .world
        .trading
        .adjust_cash(&admin.keyed(key), account, (amount, &reason))
        .await;
    match asked.unwrap() {
        Adjusted::New(adjustment) => adjustment,
        Adjusted::Replayed(other) => panic!("not new: {other:?}"),
    }
}

async fn status(admin: &Trader, account: AccountId, (key, amount): (&str, &str)) -> AdjustmentStatus {
    ask(admin, account, cents(amount), key).await.status
}

#[tokio::test]
async fn small_adjustments_of_an_account_together_need_four_eyes_whoever_asks() {
    let world = World::new().await;
    let (one, two) = (admin(&world), admin(&world));
    let account = account(&world).await;

    assert_eq!(
        status(&one, account, ("a", "6000.00")).await,
        AdjustmentStatus::Applied
    );
    assert_eq!(
        status(&two, account, ("a", "4000.01")).await,
        AdjustmentStatus::Pending
    );
    assert_eq!(
        status(&two, account, ("b", "4000.00")).await,
        AdjustmentStatus::Applied
    );
    assert_eq!(
        status(&two, account, ("c", "0.01")).await,
        AdjustmentStatus::Pending
    );
    world.sound().await;
}

#[tokio::test]
async fn small_adjustments_by_one_administrator_together_need_four_eyes_whatever_the_account() {
    let world = World::new().await;
    let (one, two) = (admin(&world), admin(&world));
    let (first, second) = (account(&world).await, account(&world).await);

    assert_eq!(
        status(&one, first, ("a", "9999.99")).await,
        AdjustmentStatus::Applied
    );
    assert_eq!(
        status(&one, second, ("a", "0.02")).await,
        AdjustmentStatus::Pending
    );
    assert_eq!(
        status(&one, second, ("b", "0.01")).await,
        AdjustmentStatus::Applied
    );
    assert_eq!(
        status(&two, second, ("a", "9999.99")).await,
        AdjustmentStatus::Applied
    );
}

#[tokio::test]
async fn what_was_paid_out_is_added_to_what_was_paid_in() {
    let world = World::new().await;
    let admin = admin(&world);
    let account = account(&world).await;

    assert_eq!(
        status(&admin, account, ("in", "5000.00")).await,
        AdjustmentStatus::Applied
    );
    assert_eq!(
        status(&admin, account, ("out", "-5000.00")).await,
        AdjustmentStatus::Applied
    );
    assert_eq!(
        status(&admin, account, ("more", "-0.01")).await,
        AdjustmentStatus::Pending
    );
}

#[tokio::test]
async fn what_another_administrator_has_seen_counts_for_nothing() {
    let world = World::new().await;
    let (one, two) = (admin(&world), admin(&world));
    let account = account(&world).await;
    let large = ask(&one, account, cents("50000.00"), "large").await;
    let refused = ask(&one, account, cents("50000.00"), "refused").await;
    world
        .trading
        .approve_adjustment(&two.ctx(), large.id)
        .await
        .unwrap();
    world
        .trading
        .refuse_adjustment(&two.ctx(), refused.id)
        .await
        .unwrap();

    assert_eq!(
        status(&one, account, ("small", "10000.00")).await,
        AdjustmentStatus::Applied
    );
}

#[tokio::test]
async fn the_sums_begin_anew_when_the_session_has_closed() {
    let world = World::new().await.with_config(TradingConfig {
        calendar: Calendar::Nyse,
        ..TradingConfig::default()
    });
    let admin = admin(&world);
    let account = account(&world).await;
    // On Monday, as the market is open.
    assert_eq!(
        status(&admin, account, ("a", "10000.00")).await,
        AdjustmentStatus::Applied
    );
    let to_the_close = datetime!(2026-01-05 21:00 UTC) - world.clock_now();
    world
        .clock
        .advance(to_the_close.unsigned_abs() - Duration::from_millis(2));

    assert_eq!(
        status(&admin, account, ("b", "0.01")).await,
        AdjustmentStatus::Pending
    );
    assert_eq!(
        status(&admin, account, ("c", "10000.00")).await,
        AdjustmentStatus::Applied
    );
    assert_eq!(
        status(&admin, account, ("d", "0.01")).await,
        AdjustmentStatus::Pending
    );
}

/// On many accounts at once by one administrator, and on one account by many.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn adjustments_at_the_same_time_do_not_slip_past_the_limit_together() {
    let world = World::new().await;
    for _ in 0..4 {
        let (one, same) = (admin(&world), account(&world).await);
        let mut pairs = Vec::new();
        for _ in 0..8 {
            pairs.push((one.clone(), account(&world).await));
            pairs.push((admin(&world), same));
        }
        let asked: Vec<_> = pairs
            .into_iter()
            .map(|(by, account)| {
                tokio::spawn(async move {
                    let status = status(&by, account, ("key", "4000.00")).await;
                    (account == same, status)
                })
            })
            .collect();

        let mut applied = [0, 0];
        for task in asked {
            let (is_same, status) = task.await.unwrap();
            applied[usize::from(is_same)] += u32::from(status == AdjustmentStatus::Applied);
        }

        assert_eq!(applied, [2, 2]);
    }
    world.sound().await;
}

#[tokio::test]
async fn without_a_limit_nothing_is_added_up() {
    let world = World::new().await.with_config(TradingConfig {
        four_eyes_above: None,
        ..TradingConfig::default()
    });
    let admin = admin(&world);
    let account = account(&world).await;
    for n in 0..3 {
        let key = format!("key-{n}");
        assert_eq!(
            status(&admin, account, (&key, "10000.00")).await,
            AdjustmentStatus::Applied
        );
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 16, ..ProptestConfig::default() })]

    /// Whoever moves whatever of whose on which day: no sum of what was moved alone passes the limit, and nothing waits that would not.
    #[test]
    fn what_is_moved_alone_never_passes_the_limit(
        steps in prop::collection::vec((0..3_usize, 0..3_usize, 1..700_000_i64, any::<bool>()), 1..20)
    ) {
        tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap().block_on(async {
            let world = World::new().await;
            let admins = [admin(&world), admin(&world), admin(&world)];
            let accounts = [account(&world).await, account(&world).await, account(&world).await];
            let (mut by, mut of, mut cash) = ([0; 3], [0; 3], [1_000_000; 3]);
            for (n, (admin, account, size, next_day)) in steps.into_iter().enumerate() {
                if next_day && n % 5 == 4 {
                    world.clock.advance(Duration::from_secs(86_400));
                    (by, of) = ([0; 3], [0; 3]);
                }
                let signed = if n % 2 == 0 || cash[account] < size { size } else { -size };
                let amount = Cents::from_cents(signed).unwrap();
                let asked = ask(&admins[admin], accounts[account], amount, &format!("step-{n}")).await;
                let fits = by[admin].max(of[account]) + size <= 1_000_000;
                assert_eq!(asked.status == AdjustmentStatus::Applied, fits, "step {n}");
                if fits {
                    by[admin] += size;
                    of[account] += size;
                    cash[account] += signed;
                }
            }
            world.sound().await;
        });
    }
}
