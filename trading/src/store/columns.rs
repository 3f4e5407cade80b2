//! The rows of many changes as the arrays that one statement inserts.

use platform_core::Timestamp;

use super::changes::NewKey;
use super::orders::OrderRow;
use crate::service::AccountId;
use crate::{
    Cents, Event, OrderId, OrderStatus, OrderType, Price, Quantity, Reason, Side, Symbol, TimeInForce,
};

/// The columns of orders. The notional is bound as text: it is wider than a bigint.
#[derive(Default)]
pub(super) struct Orders {
    pub(super) id: Vec<OrderId>,
    pub(super) account_id: Vec<AccountId>,
    pub(super) client_order_id: Vec<Option<String>>,
    pub(super) symbol: Vec<Symbol>,
    pub(super) side: Vec<Side>,
    pub(super) order_type: Vec<OrderType>,
    pub(super) time_in_force: Vec<TimeInForce>,
    pub(super) quantity_e6: Vec<Quantity>,
    pub(super) limit_price_e4: Vec<Option<Price>>,
    pub(super) stop_price_e4: Vec<Option<Price>>,
    pub(super) worst_price_e4: Vec<Option<Price>>,
    pub(super) status: Vec<OrderStatus>,
    pub(super) reason: Vec<Option<Reason>>,
    pub(super) filled_e6: Vec<Quantity>,
    pub(super) filled_notional_e10: Vec<String>,
    pub(super) hold_cents: Vec<Cents>,
    pub(super) fees_cents: Vec<Cents>,
    pub(super) accepted_quote_seq: Vec<i64>,
    pub(super) last_quote_seq: Vec<i64>,
    pub(super) accepted_at: Vec<Timestamp>,
    pub(super) expires_at: Vec<Option<Timestamp>>,
    pub(super) version: Vec<i32>,
}

impl Orders {
    pub(super) fn push(&mut self, row: &OrderRow) {
        let order = &row.order;
        let terms = order.terms();
        self.id.push(order.intake.order_id);
        self.account_id.push(row.account_id);
        self.client_order_id.push(row.client_order_id.clone());
        self.symbol.push(terms.symbol());
        self.side.push(terms.side());
        self.order_type.push(terms.pricing().order_type());
        self.time_in_force.push(terms.time_in_force());
        self.quantity_e6.push(terms.quantity());
        self.limit_price_e4.push(terms.pricing().limit_price());
        self.stop_price_e4.push(terms.pricing().stop_price());
        self.worst_price_e4.push(order.intake.worst_price);
        self.status.push(order.status);
        self.reason.push(order.reason);
        self.filled_e6.push(order.filled);
        self.filled_notional_e10.push(order.notional.e10().to_string());
        self.hold_cents.push(order.hold);
        self.fees_cents.push(order.fees);
        self.accepted_quote_seq.push(bigint(order.intake.quote_seq));
        self.last_quote_seq.push(bigint(order.last_quote_seq));
        self.accepted_at.push(row.accepted_at);
        self.expires_at.push(row.expires_at);
        self.version.push(row.version);
    }
}

/// The columns of fills.
#[derive(Default)]
pub(super) struct Executions {
    pub(super) order_id: Vec<OrderId>,
    pub(super) quote_seq: Vec<i64>,
    pub(super) account_id: Vec<AccountId>,
    pub(super) symbol: Vec<Symbol>,
    pub(super) side: Vec<Side>,
    pub(super) quantity_e6: Vec<Quantity>,
    pub(super) price_e4: Vec<Price>,
    pub(super) cash_cents: Vec<Cents>,
    pub(super) fee_cents: Vec<Cents>,
}

impl Executions {
    /// Adds the fill that an event is, if it is one.
    pub(super) fn push_of(&mut self, account: AccountId, event: &Event) {
        let Some(execution) = event.execution() else {
            return;
        };
        self.order_id.push(execution.id.order_id);
        self.quote_seq.push(bigint(execution.id.quote_seq));
        self.account_id.push(account);
        self.symbol.push(execution.symbol);
        self.side.push(execution.side);
        self.quantity_e6.push(execution.quantity);
        self.price_e4.push(execution.price);
        self.cash_cents.push(execution.cash);
        self.fee_cents.push(execution.fee);
    }
}

/// The columns of ledger rows.
#[derive(Default)]
pub(super) struct Transfers {
    pub(super) account_id: Vec<AccountId>,
    pub(super) seq: Vec<i64>,
    pub(super) asset: Vec<String>,
    pub(super) debit: Vec<&'static str>,
    pub(super) credit: Vec<&'static str>,
    pub(super) amount: Vec<i64>,
    pub(super) code: Vec<&'static str>,
    pub(super) order_id: Vec<OrderId>,
    pub(super) quote_seq: Vec<Option<i64>>,
}

impl Transfers {
    /// Adds what an event moves, numbered from after `last` on. Tells the number of the newest row.
    pub(super) fn push_of(&mut self, account: AccountId, last: i64, event: &Event) -> i64 {
        let quote_seq = event.execution().map(|execution| bigint(execution.id.quote_seq));
        let mut seq = last;
        for transfer in event.transfers() {
            seq += 1;
            self.account_id.push(account);
            self.seq.push(seq);
            self.asset.push(transfer.asset().to_string());
            self.debit.push(transfer.debit().as_str());
            self.credit.push(transfer.credit().as_str());
            self.amount.push(transfer.amount().units());
            self.code.push(transfer.code().as_str());
            self.order_id.push(event.order_id());
            self.quote_seq.push(quote_seq);
        }
        seq
    }
}

/// The columns of idempotency keys.
#[derive(Default)]
pub(super) struct Keys {
    pub(super) account_id: Vec<AccountId>,
    pub(super) route: Vec<String>,
    pub(super) key: Vec<String>,
    pub(super) fingerprint: Vec<Vec<u8>>,
    pub(super) outcome: Vec<String>,
}

impl Keys {
    pub(super) fn push(&mut self, account: AccountId, key: NewKey<'_>) {
        self.account_id.push(account);
        self.route.push(key.route.to_owned());
        self.key.push(key.key.to_owned());
        self.fingerprint.push(key.fingerprint.to_vec());
        self.outcome.push(key.outcome);
    }
}

/// A quote number as it is stored. Numbers are microseconds since 1970, far below the limit.
fn bigint(seq: u64) -> i64 {
    i64::try_from(seq).unwrap_or(i64::MAX)
}
