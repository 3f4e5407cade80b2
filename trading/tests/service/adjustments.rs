//! Cash that administrators pay into accounts and out of them.

use std::time::Duration;

use crate::support::{Trader, With, World, buy};
use platform_audit::Outcome;
use platform_core::{Principal, PrincipalId};
use proptest::prelude::*;
use trading::{
    ADJUST, AccountId, Adjusted, AdjustmentError, AdjustmentId, AdjustmentStatus, AdjustmentView,
    AdminReason, Cents, MANAGE, PlaceError, TRADE, TradingConfig, TradingError, VIEW,
};

fn reason() -> AdminReason {
    "goodwill".parse().unwrap()
}

fn cents(text: &str) -> Cents {
    text.parse().unwrap()
}

fn admin(world: &World) -> Trader {
    world.trader_with([VIEW, ADJUST, MANAGE])
}

async fn account_of(trader: &Trader) -> AccountId {
    trader.world.trading.account(&trader.ctx()).await.unwrap().id
}

async fn adjust(
    admin: &Trader,
    account: AccountId,
    (key, amount): (&str, &str),
) -> Result<Adjusted, AdjustmentError> {
    let world = &admin.world;
    world.tick();
    world
        .trading
        .adjust_cash(&admin.keyed(key), account, (cents(amount), &reason()))
        .await
}

async fn new(admin: &Trader, account: AccountId, keyed: (&str, &str)) -> AdjustmentView {
    match adjust(admin, account, keyed).await.unwrap() {
        Adjusted::New(adjustment) => adjustment,
        Adjusted::Replayed(other) => panic!("not new: {other:?}"),
    }
}

async fn approve(admin: &Trader, id: AdjustmentId) -> Result<AdjustmentView, AdjustmentError> {
    admin.world.trading.approve_adjustment(&admin.ctx(), id).await
}

#[tokio::test]
async fn cash_comes_in_and_goes_out_with_a_ledger_row_and_an_event() {
    let world = World::new().await;
    let (trader, admin) = (world.trader(), admin(&world));
    let account = account_of(&trader).await;

    let paid_in = new(&admin, account, ("in", "25.50")).await;
    let paid_out = new(&admin, account, ("out", "-1000.01")).await;

    assert_eq!(trader.cash().await.0, "9025.49");
    assert_eq!((paid_in.transfer_seq, paid_out.transfer_seq), (Some(2), Some(3)));
    assert_eq!(paid_in.status, AdjustmentStatus::Applied);
    let rows: Vec<(String, String, i64)> = world
        .rows("select debit, credit, amount from trading.transfer order by seq")
        .await;
    let row = |debit: &str, credit: &str, amount| (debit.to_owned(), credit.to_owned(), amount);
    assert_eq!(
        rows[1..],
        [
            row("funding", "cash.available", 2_550),
            row("cash.available", "funding", 100_001)
        ]
    );
    let logged: Vec<(i64, String)> = world
        .rows("select seq, kind from trading.event order by seq")
        .await;
    let logged: Vec<_> = logged.iter().map(|(seq, kind)| (*seq, kind.as_str())).collect();
    assert_eq!(logged, [(1, "opened"), (2, "deposit"), (3, "withdrawal")]);
    let events = world.events_of("adjustment", &paid_out.id.to_string()).await;
    assert_eq!(events.len(), 1);
    assert_eq!(events[0].action, "account.adjust");
    assert_eq!(events[0].actor_id, admin.principal.id());
    let detail = events[0].detail.clone().unwrap();
    assert_eq!(
        (&detail["amount"], &detail["reason"]),
        (&"-1000.01".into(), &"goodwill".into())
    );
    assert_eq!(
        events[0].changes.clone().unwrap()["cash.available"]["after"],
        "9025.49"
    );
    world.sound().await;
}

#[tokio::test]
async fn a_key_moves_cash_once() {
    let world = World::new().await;
    let (trader, admin, other) = (world.trader(), admin(&world), admin(&world));
    let account = account_of(&trader).await;
    let first = new(&admin, account, ("key", "1.00")).await;

    let again = adjust(&admin, account, ("key", "1.00")).await.unwrap();
    let changed = adjust(&admin, account, ("key", "2.00")).await;
    let keyless = world
        .trading
        .adjust_cash(&admin.ctx(), account, (cents("1.00"), &reason()))
        .await;
    let of_another = adjust(&other, account, ("key", "1.00")).await.unwrap();

    assert_eq!(again, Adjusted::Replayed(first));
    assert!(matches!(changed, Err(AdjustmentError::KeyReused)), "{changed:?}");
    assert!(matches!(keyless, Err(AdjustmentError::KeyMissing)), "{keyless:?}");
    assert!(matches!(of_another, Adjusted::New(_)), "{of_another:?}");
    assert_eq!(trader.cash().await.0, "10002.00");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_key_that_is_sent_by_many_at_once_moves_cash_once() {
    let world = World::new().await;
    let (trader, admin) = (world.trader(), admin(&world));
    let account = account_of(&trader).await;
    let tasks: Vec<_> = (0..16)
        .map(|_| {
            let admin = admin.clone();
            tokio::spawn(async move { adjust(&admin, account, ("key", "-1.00")).await.unwrap() })
        })
        .collect();

    let mut new = 0;
    for task in tasks {
        new += u32::from(matches!(task.await.unwrap(), Adjusted::New(_)));
    }

    assert_eq!(new, 1);
    assert_eq!(trader.cash().await.0, "9999.00");
    world.sound().await;
}

#[tokio::test]
async fn a_debit_takes_what_is_available_and_nothing_that_is_held() {
    let world = World::new().await;
    let (trader, admin) = (world.trader(), admin(&world));
    world.quote("10.00", "10.01", "1000");
    trader.place(&buy("900").limit("10.00")).await;
    let account = account_of(&trader).await;

    let too_much = adjust(&admin, account, ("a", "-1000.01")).await;
    let all = new(&admin, account, ("b", "-1000.00")).await;

    assert!(
        matches!(too_much, Err(AdjustmentError::InsufficientFunds)),
        "{too_much:?}"
    );
    assert_eq!(all.status, AdjustmentStatus::Applied);
    assert_eq!(trader.cash().await, ("0.00".to_owned(), "9000.00".to_owned()));
    let events = world.events_of("account", &account.to_string()).await;
    let failed = events
        .iter()
        .find(|event| event.outcome == Outcome::Failure)
        .unwrap();
    assert_eq!(
        (failed.action.as_str(), failed.reason.as_deref()),
        ("account.adjust", Some("insufficient_funds"))
    );
    world.sound().await;
}

/// T14-12: the last cash goes to the hold or to the debit, never to both.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_debit_and_a_hold_do_not_both_take_the_last_cash() {
    let world = World::new().await;
    world.quote("10.00", "10.01", "1000000");
    for round in 0..8 {
        let (trader, admin) = (world.trader(), admin(&world));
        let account = account_of(&trader).await;
        let holding = tokio::spawn({
            let trader = trader.clone();
            async move {
                trader
                    .world
                    .trading
                    .place(&trader.ctx(), &buy("600").limit("10.00"))
                    .await
                    .unwrap()
            }
        });
        let debit = adjust(&admin, account, (&format!("round-{round}"), "-6000.00")).await;
        let held = holding.await.unwrap().outcome().order.status.as_str() == "submitted";

        let cash = trader.cash().await;
        match debit {
            Ok(_) => assert!(
                !held && cash == ("4000.00".to_owned(), "0.00".to_owned()),
                "{cash:?}"
            ),
            Err(AdjustmentError::InsufficientFunds) => {
                assert!(
                    held && cash == ("4000.00".to_owned(), "6000.00".to_owned()),
                    "{cash:?}"
                );
            }
            Err(other) => panic!("{other:?}"),
        }
    }
    world.sound().await;
}

#[tokio::test]
async fn a_large_amount_waits_for_another_administrator() {
    let world = World::new().await;
    let (trader, one, two) = (world.trader(), admin(&world), admin(&world));
    let account = account_of(&trader).await;
    let limit = new(&one, account, ("limit", "10000.00")).await;
    assert_eq!(limit.status, AdjustmentStatus::Applied);

    let asked = new(&one, account, ("above", "10000.01")).await;
    assert_eq!(asked.status, AdjustmentStatus::Pending);
    assert_eq!(trader.cash().await.0, "20000.00");
    let own = approve(&one, asked.id).await;
    assert!(matches!(own, Err(AdjustmentError::OwnRequest)), "{own:?}");
    let approved = approve(&two, asked.id).await.unwrap();

    assert_eq!(approved.status, AdjustmentStatus::Applied);
    assert_eq!(approved.decided_by, two.principal.id());
    assert_eq!(trader.cash().await.0, "30000.01");
    let events = world.events_of("adjustment", &asked.id.to_string()).await;
    let told: Vec<_> = events
        .iter()
        .map(|event| (event.action.as_str(), event.outcome, event.actor_id))
        .collect();
    assert_eq!(
        told,
        [
            ("adjustment.request", Outcome::Success, one.principal.id()),
            ("account.adjust", Outcome::Denied, one.principal.id()),
            ("account.adjust", Outcome::Success, two.principal.id()),
        ]
    );
    let again = adjust(&one, account, ("above", "10000.01")).await.unwrap();
    assert_eq!(again, Adjusted::Replayed(approved));
    world.sound().await;
}

#[tokio::test]
async fn what_was_refused_or_is_too_old_moves_nothing() {
    let world = World::new().await;
    let (trader, one, two) = (world.trader(), admin(&world), admin(&world));
    let account = account_of(&trader).await;
    let refused = new(&one, account, ("a", "20000.00")).await.id;
    let expired = new(&one, account, ("b", "-20000.00")).await.id;

    let own = world.trading.refuse_adjustment(&one.ctx(), refused).await;
    assert!(matches!(own, Err(AdjustmentError::OwnRequest)), "{own:?}");
    let view = world
        .trading
        .refuse_adjustment(&two.ctx(), refused)
        .await
        .unwrap();
    assert_eq!(view.status, AdjustmentStatus::Refused);
    world.clock.advance(Duration::from_secs(86_400));

    for (id, status) in [
        (refused, AdjustmentStatus::Refused),
        (expired, AdjustmentStatus::Expired),
    ] {
        let late = approve(&two, id).await;
        let Err(AdjustmentError::Decided(adjustment)) = late else {
            panic!("{late:?}")
        };
        assert_eq!(adjustment.status, status);
    }
    assert_eq!(trader.cash().await.0, "10000.00");
    let pending = world
        .trading
        .adjustments(&two.ctx(), true, (None, 10))
        .await
        .unwrap();
    assert_eq!(pending, []);
    let all = world
        .trading
        .adjustments(&two.ctx(), false, (None, 10))
        .await
        .unwrap();
    assert_eq!(
        all.iter().map(|one| one.id).collect::<Vec<_>>(),
        [expired, refused]
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_approvals_and_refusals_at_once_one_has_an_effect() {
    let world = World::new().await;
    let (trader, one) = (world.trader(), admin(&world));
    let account = account_of(&trader).await;
    for round in 0..4 {
        let before = trader.cash().await.0;
        let asked = new(&one, account, (&format!("round-{round}"), "10000.01"))
            .await
            .id;
        let tasks: Vec<_> = (0..6)
            .map(|n| {
                let other = admin(&world);
                tokio::spawn(async move {
                    match n % 3 {
                        2 => other.world.trading.refuse_adjustment(&other.ctx(), asked).await,
                        _ => approve(&other, asked).await,
                    }
                })
            })
            .collect();
        let mut decided = Vec::new();
        for task in tasks {
            match task.await.unwrap() {
                Ok(view) => decided.push(view.status),
                Err(AdjustmentError::Decided(_)) => {}
                Err(other) => panic!("{other:?}"),
            }
        }
        assert_eq!(decided.len(), 1, "{decided:?}");
        let expected = match decided[0] {
            AdjustmentStatus::Applied => cents(&before).checked_add(cents("10000.01")).unwrap(),
            _ => cents(&before),
        };
        assert_eq!(trader.cash().await.0, expected.to_string());
    }
    world.sound().await;
}

#[tokio::test]
async fn an_approval_that_is_not_covered_can_be_given_again() {
    let world = World::new().await;
    let (trader, one, two) = (world.trader(), admin(&world), admin(&world));
    let account = account_of(&trader).await;
    let asked = new(&one, account, ("a", "-10000.01")).await.id;

    let uncovered = approve(&two, asked).await;
    assert!(
        matches!(uncovered, Err(AdjustmentError::InsufficientFunds)),
        "{uncovered:?}"
    );
    new(&one, account, ("b", "0.01")).await;
    approve(&two, asked).await.unwrap();

    assert_eq!(trader.cash().await.0, "0.00");
    world.sound().await;
}

#[tokio::test]
async fn a_closed_account_is_only_paid_out() {
    let world = World::new().await;
    let (trader, admin) = (world.trader(), admin(&world));
    let account = account_of(&trader).await;
    world
        .trading
        .close_account(&admin.ctx(), account, &reason())
        .await
        .unwrap();

    let paid_in = adjust(&admin, account, ("a", "1.00")).await;
    new(&admin, account, ("b", "-10000.00")).await;

    assert!(matches!(paid_in, Err(AdjustmentError::Closed)), "{paid_in:?}");
    assert_eq!(trader.cash().await.0, "0.00");
}

#[tokio::test]
async fn nothing_and_more_than_fits_are_refused() {
    let world = World::new().await;
    let free = world.with_config(TradingConfig {
        four_eyes_above: None,
        ..TradingConfig::default()
    });
    let (trader, admin) = (free.trader(), admin(&free));
    let account = account_of(&trader).await;

    let nothing = adjust(&admin, account, ("a", "0.00")).await;
    let too_much = adjust(&admin, account, ("b", "9999999999999.99")).await;
    new(&admin, account, ("c", "9999999989999.99")).await;

    assert!(matches!(nothing, Err(AdjustmentError::Nothing)), "{nothing:?}");
    assert!(matches!(too_much, Err(AdjustmentError::TooMuch)), "{too_much:?}");
    assert_eq!(trader.cash().await.0, "9999999999999.99");
    world.sound().await;
}

#[tokio::test]
async fn who_may_only_view_or_manage_moves_no_cash() {
    let world = World::new().await;
    let abroad = world.other_tenant().await;
    let (trader, one) = (world.trader(), admin(&world));
    let account = account_of(&trader).await;
    let asked = new(&one, account, ("a", "20000.00")).await.id;

    for stranger in [world.trader(), world.trader_with([ADJUST]), admin(&abroad)] {
        let moved = adjust(&stranger, account, ("b", "1.00")).await;
        assert!(matches!(moved, Err(AdjustmentError::NotFound)), "{moved:?}");
        let approved = approve(&stranger, asked).await;
        assert!(matches!(approved, Err(AdjustmentError::NotFound)), "{approved:?}");
    }
    let viewer = world.trader_with([VIEW, MANAGE]);
    let moved = adjust(&viewer, account, ("b", "1.00")).await;
    let refused = matches!(moved, Err(AdjustmentError::Trading(TradingError::Forbidden(_))));
    assert!(refused, "{moved:?}");
    let listed = world.trading.adjustments(&viewer.ctx(), false, (None, 10)).await;
    assert!(matches!(listed, Err(TradingError::Forbidden(_))), "{listed:?}");
    let theirs = world
        .trading
        .adjustments(&admin(&abroad).ctx(), false, (None, 10))
        .await;
    // A principal of this tenant's pool looks at its own tenant's rows alone.
    assert_eq!(theirs.unwrap(), []);
    assert_eq!(trader.cash().await.0, "10000.00");
    let placed = trader.try_place(&buy("1")).await;
    assert!(matches!(placed, Err(PlaceError::Invalid(_))), "{placed:?}");
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, ..ProptestConfig::default() })]

    /// Whatever administrators ask for, decide and send twice: the balance is the sum of what was applied, and never below nothing.
    #[test]
    fn the_balance_is_the_sum_of_what_was_applied(
        steps in prop::collection::vec((-1_500_000..1_500_000_i64, 0..4_u8), 1..14)
    ) {
        tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap().block_on(async {
            let world = World::new().await;
            let (trader, one, two) = (world.trader(), admin(&world), admin(&world));
            let account = account_of(&trader).await;
            let (mut expected, mut alone) = (1_000_000_i64, 0);
            for (n, (amount, decision)) in steps.into_iter().enumerate() {
                let key = format!("step-{n}");
                let amount = Cents::from_cents(amount).unwrap();
                let keyed = (key.as_str(), amount.to_string());
                let covered = expected + amount.cents() >= 0;
                let is_large = alone + amount.cents().abs() > 1_000_000;
                let adjusted = adjust(&one, account, (keyed.0, &keyed.1)).await;
                let view = match adjusted {
                    Ok(Adjusted::New(view)) => view,
                    Err(AdjustmentError::Nothing) => { assert!(amount.is_zero()); continue }
                    Err(AdjustmentError::InsufficientFunds) => { assert!(!covered && !is_large); continue }
                    other => panic!("{other:?}"),
                };
                assert_eq!(view.status == AdjustmentStatus::Pending, is_large);
                let applied = match (is_large, decision) {
                    (false, _) => true,
                    (true, 0) => { world.trading.refuse_adjustment(&two.ctx(), view.id).await.unwrap(); false }
                    (true, 1) => false,
                    (true, _) => match approve(&two, view.id).await {
                        Ok(_) => true,
                        Err(AdjustmentError::InsufficientFunds) => { assert!(!covered); false }
                        Err(other) => panic!("{other:?}"),
                    },
                };
                if applied {
                    expected += amount.cents();
                    alone += if is_large { 0 } else { amount.cents().abs() };
                }
                let replayed = adjust(&one, account, (keyed.0, &keyed.1)).await.unwrap();
                assert!(matches!(replayed, Adjusted::Replayed(_)));
                assert_eq!(trader.cash().await.0, Cents::from_cents(expected).unwrap().to_string());
            }
            world.sound().await;
        });
    }
}

#[tokio::test]
async fn nobody_adjusts_or_approves_cash_of_their_own_and_no_service_decides() {
    let world = World::new().await;
    let (trader, admin) = (world.trader(), admin(&world));
    let deputy = world.trader_with([TRADE, VIEW, ADJUST]);
    let (account, own) = (account_of(&trader).await, account_of(&deputy).await);

    let refused = adjust(&deputy, own, ("mine", "1.00")).await;
    assert!(matches!(refused, Err(AdjustmentError::OwnAccount)), "{refused:?}");
    let asked = new(&admin, own, ("large", "20000.00")).await;
    let refused = approve(&deputy, asked.id).await;
    assert!(matches!(refused, Err(AdjustmentError::OwnAccount)), "{refused:?}");

    let asked = new(&admin, account, ("large", "20000.00")).await;
    let service = Trader {
        principal: Principal::service(
            PrincipalId::generate(&world.sources),
            [VIEW, ADJUST].into_iter().collect(),
        ),
        ..deputy.clone()
    };
    let refused = approve(&service, asked.id).await;
    assert!(matches!(refused, Err(AdjustmentError::NotAPerson)), "{refused:?}");
    approve(&deputy, asked.id).await.unwrap();
    assert_eq!(trader.cash().await.0, "30000.00");
    world.sound().await;
}
