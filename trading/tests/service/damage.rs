//! Every way in which stored money can fail to add up is found, by the name of the rule it breaks.

use std::collections::BTreeSet;

use crate::support::{With, World, buy, sell};

/// An account with every kind of row: fills, an open buy that is filled in part, an open sell, a cancelled order.
async fn traded() -> World {
    let world = World::own().await;
    let trader = world.trader();
    world.quote("10.00", "10.01", "1000");
    trader.own_shares("100").await;
    trader.place(&sell("20")).await;
    trader.place(&sell("30").limit("20.00")).await;
    let gone = trader.place(&buy("10").limit("8.00")).await.order.id;
    world.trading.cancel(&trader.ctx(), gone).await.unwrap();
    world.quote("10.00", "10.01", "4");
    trader.place(&buy("10")).await;
    world.sound().await;
    world
}

/// What is done to the rows, how it is undone, and which rules it breaks.
const DAMAGE: [(&str, &str, &[&str]); 15] = [
    (
        "update trading.account set available_cents = available_cents + 1",
        "update trading.account set available_cents = available_cents - 1",
        &["available cash is the ledger's", "the ledger sums to zero"],
    ),
    (
        "update trading.account set available_cents = available_cents + 7, held_cents = held_cents - 7",
        "update trading.account set available_cents = available_cents - 7, held_cents = held_cents + 7",
        &[
            "available cash is the ledger's",
            "held cash is the ledger's",
            "held cash is what open orders hold",
        ],
    ),
    (
        "update trading.orders set hold_cents = hold_cents + 1 where status = 'partial'",
        "update trading.orders set hold_cents = hold_cents - 1 where status = 'partial'",
        &["held cash is what open orders hold"],
    ),
    (
        "update trading.account set open_orders = open_orders + 1",
        "update trading.account set open_orders = open_orders - 1",
        &["open orders are counted"],
    ),
    (
        "update trading.account set last_seq = last_seq + 1",
        "update trading.account set last_seq = last_seq - 1",
        &["the ledger's numbers have no gap"],
    ),
    (
        "update trading.transfer set seq = 999 where seq = 3",
        "update trading.transfer set seq = 3 where seq = 999",
        &["the ledger's numbers have no gap"],
    ),
    (
        "update trading.transfer set amount = amount + 5 where code = 'deposit'",
        "update trading.transfer set amount = amount - 5 where code = 'deposit'",
        &["available cash is the ledger's", "the ledger sums to zero"],
    ),
    (
        "update trading.position set available_e6 = available_e6 + 1",
        "update trading.position set available_e6 = available_e6 - 1",
        &[
            "available shares are the ledger's",
            "shares are what the fills moved",
            "the ledger sums to zero",
        ],
    ),
    (
        "update trading.position set available_e6 = available_e6 - 9, held_e6 = held_e6 + 9",
        "update trading.position set available_e6 = available_e6 + 9, held_e6 = held_e6 - 9",
        &[
            "available shares are the ledger's",
            "held shares are the ledger's",
            "held shares are what open sells hold",
        ],
    ),
    (
        "update trading.orders set quantity_e6 = quantity_e6 + 1 where status = 'submitted'",
        "update trading.orders set quantity_e6 = quantity_e6 - 1 where status = 'submitted'",
        &["held shares are what open sells hold"],
    ),
    (
        "update trading.position set symbol = 'IBM'",
        "update trading.position set symbol = 'AAPL'",
        &[
            "shares in the ledger have a position",
            "shares are what the fills moved",
        ],
    ),
    (
        "update trading.orders set filled_e6 = filled_e6 - 1 where status = 'partial'",
        "update trading.orders set filled_e6 = filled_e6 + 1 where status = 'partial'",
        &["filled shares are the executions'"],
    ),
    (
        "update trading.orders set filled_notional_e10 = filled_notional_e10 + 1 where status = 'partial'",
        "update trading.orders set filled_notional_e10 = filled_notional_e10 - 1 where status = 'partial'",
        &["the notional is the executions'"],
    ),
    (
        "update trading.execution set cash_cents = cash_cents + 1",
        "update trading.execution set cash_cents = cash_cents - 1",
        &[
            "the cash of the fills is the rounded notional",
            "cost less profit is what the fills paid",
        ],
    ),
    (
        "update trading.position set cost_cents = cost_cents + 1",
        "update trading.position set cost_cents = cost_cents - 1",
        &["cost less profit is what the fills paid"],
    ),
];

#[tokio::test]
async fn every_damage_is_found_by_its_rule() {
    let world = traded().await;
    let mut tried = BTreeSet::new();

    for (damage, repair, rules) in DAMAGE {
        assert!(world.by_hand(damage.to_owned()).await > 0, "{damage}");
        let found = world.trading.reconcile(&world.system()).await.unwrap();
        let broken: BTreeSet<&str> = found
            .discrepancies
            .iter()
            .map(|discrepancy| &*discrepancy.rule)
            .collect();
        for rule in rules {
            assert!(broken.contains(rule), "{damage}: {found:#?}");
            tried.insert(*rule);
        }
        world.by_hand(repair.to_owned()).await;
        world.sound().await;
    }

    assert_eq!(tried.len(), 15, "every rule has been broken: {tried:#?}");
}

#[tokio::test]
async fn a_finding_names_its_subject_and_both_numbers() {
    let world = traded().await;
    world
        .by_hand("update trading.orders set filled_notional_e10 = filled_notional_e10 + 1 where status = 'partial'".into())
        .await;

    let found = world.trading.reconcile(&world.system()).await.unwrap();

    let [finding] = &found.discrepancies[..] else {
        panic!("{found:#?}")
    };
    assert_eq!(finding.expected, "400400000000");
    assert_eq!(finding.found, "400400000001");
    assert!(finding.subject.parse::<trading::OrderId>().is_ok());
    assert!(found.transfers > 10);
}

#[tokio::test]
async fn a_tenants_damage_is_its_own() {
    let world = traded().await;
    let abroad = world.other_tenant().await;
    abroad.trader().cash().await;
    world
        .by_hand(format!(
            "update trading.account set available_cents = 1 where tenant_id = '{}'",
            world.tenant
        ))
        .await;

    abroad.sound().await;
    let found = world.trading.reconcile(&world.system()).await.unwrap();
    assert!(!found.discrepancies.is_empty());
}
