//! A key seals as often as it may.

use std::sync::atomic::{AtomicU64, Ordering};

use platform_crypto::{Budget, Keys, SealError};

use crate::support::*;

// C14
#[test]
fn a_key_with_a_budget_of_a_thousand_seals_a_thousand_times() {
    let at = somewhere(&EMAIL);
    let key = field_key();
    let keys = Keys::new(at.tenant(), key.clone(), Budget::leased(1000));
    let value = text("ada@example.com");

    for _ in 0..1000 {
        keys.seal(&at, &value).unwrap();
    }

    assert_eq!(
        keys.seal(&at, &value).unwrap_err(),
        SealError::BudgetSpent(key.id())
    );
}

// C14
#[test]
fn threads_that_share_a_budget_do_not_overdraw_it() {
    let at = somewhere(&EMAIL);
    let keys = Keys::new(at.tenant(), field_key(), Budget::leased(1000));
    let sealed = AtomicU64::new(0);

    std::thread::scope(|scope| {
        for _ in 0..8 {
            scope.spawn(|| {
                while keys.seal(&at, &text("ada@example.com")).is_ok() {
                    sealed.fetch_add(1, Ordering::Relaxed);
                }
            });
        }
    });

    assert_eq!(sealed.into_inner(), 1000);
}

#[test]
fn a_further_lease_reaches_everybody_who_holds_the_keys() {
    let at = somewhere(&EMAIL);
    let budget = Budget::leased(0);
    let keys = Keys::new(at.tenant(), field_key(), budget.clone());
    assert!(keys.seal(&at, &text("ada@example.com")).is_err());

    budget.add(1);

    assert!(keys.seal(&at, &text("ada@example.com")).is_ok());
    assert_eq!(budget.left(), Some(0));
}

#[test]
fn a_value_that_is_refused_for_its_tenant_costs_nothing() {
    let budget = Budget::leased(1);
    let keys = Keys::new(tenant(), field_key(), budget.clone());

    let refused = keys.seal(&somewhere(&EMAIL), &text("ada@example.com"));

    assert_eq!(refused.unwrap_err(), SealError::WrongTenant);
    assert_eq!(budget.left(), Some(1));
}
