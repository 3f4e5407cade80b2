//! Transfers, deposits and fees.

use crate::support::{aapl, cents, price, quantity};
use trading::{Amount, Asset, Cash, FeeRate, LedgerAccount, Notional, Transfer, TransferCode};

#[test]
fn only_the_pairs_of_accounts_that_events_produce_can_be_built() {
    let amount = Amount::new(1).unwrap();
    let mut built = Vec::new();
    for code in TransferCode::ALL {
        for asset in [Asset::Cash, Asset::Shares(aapl())] {
            for debit in LedgerAccount::ALL {
                for credit in LedgerAccount::ALL {
                    if Transfer::new(*code, asset, (*debit, *credit), amount).is_ok() {
                        built.push(format!("{code} {asset}: {debit} > {credit}"));
                    }
                }
            }
        }
    }
    assert_eq!(
        built,
        [
            "deposit cash: funding > cash.available",
            "withdrawal cash: cash.available > funding",
            "hold cash: cash.available > cash.held",
            "hold AAPL: shares.available > shares.held",
            "release cash: cash.held > cash.available",
            "release AAPL: shares.held > shares.available",
            "trade cash: cash.held > street",
            "trade cash: street > cash.available",
            "trade AAPL: shares.held > street",
            "trade AAPL: street > shares.available",
            "fee cash: cash.available > fees",
        ]
    );
}

#[test]
fn an_amount_is_more_than_nothing() {
    assert_eq!(Amount::new(0), None);
    assert_eq!(Amount::new(-1), None);
    assert_eq!(Amount::new(i64::MAX).map(Amount::units), Some(i64::MAX));
}

#[test]
fn a_withdrawal_takes_what_is_available_and_never_what_is_held() {
    let cash = Cash {
        available: cents("10.00"),
        held: cents("90.00"),
    };

    assert_eq!(cash.withdraw(Amount::new(1_001).unwrap()), None);
    let (left, transfer) = cash.withdraw(Amount::new(1_000).unwrap()).unwrap();

    assert_eq!(
        left,
        Cash {
            available: cents("0"),
            held: cents("90.00")
        }
    );
    assert_eq!(
        (transfer.debit(), transfer.credit()),
        (LedgerAccount::CashAvailable, LedgerAccount::Funding)
    );
    assert_eq!(Cash::default().deposit(Amount::new(i64::MAX).unwrap()), None);
}

#[test]
fn fees_are_rounded_up_over_the_whole_order_and_never_exceed_what_an_execution_brings() {
    let rate = FeeRate::from_parts_per_million(3_000);
    let sold = |shares: &str| price("10.00") * quantity(shares);

    assert_eq!(rate.fee(sold("1"), cents("0"), cents("10.00")), Ok(cents("0.03")));
    assert_eq!(
        rate.fee(sold("1.1"), cents("0.03"), cents("1.00")),
        Ok(cents("0.01"))
    );
    assert_eq!(
        rate.fee(sold("1.2"), cents("0.04"), cents("1.00")),
        Ok(cents("0"))
    );
    assert_eq!(
        rate.fee(Notional::from_e10(1), cents("0"), cents("0")),
        Ok(cents("0"))
    );
    assert_eq!(
        FeeRate::default().fee(sold("1"), cents("0"), cents("10.00")),
        Ok(cents("0"))
    );
}
