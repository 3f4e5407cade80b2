//! Double entry: every change of a balance is a transfer between two accounts.

use super::words::word_enum;
use super::{Cents, Quantity, Symbol};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use std::num::NonZeroI64;

word_enum! {
    /// One side of a transfer. The first four belong to the customer, the others to the house.
    LedgerAccount ("ledger account") {
        /// Cash the customer may spend: the buying power.
        CashAvailable = "cash.available",
        /// Cash held for open buy orders.
        CashHeld = "cash.held",
        /// Shares the customer may sell.
        SharesAvailable = "shares.available",
        /// Shares held for open sell orders.
        SharesHeld = "shares.held",
        /// The market: the other side of every execution.
        Street = "street",
        /// Where deposits come from and withdrawals go.
        Funding = "funding",
        /// Where fees go.
        Fees = "fees",
    }

    /// Why value moved.
    TransferCode ("transfer code") {
        /// Cash comes in.
        Deposit = "deposit",
        /// Cash goes out.
        Withdrawal = "withdrawal",
        /// An order is accepted: what it may need is set aside.
        Hold = "hold",
        /// What an order no longer needs becomes available again.
        Release = "release",
        /// An execution: cash against shares.
        Trade = "trade",
        /// The fee of an execution.
        Fee = "fee",
    }
}

/// What is moved.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Asset {
    /// USD, counted in cents.
    Cash,
    /// Shares of one instrument, counted in 10^-6 shares.
    Shares(Symbol),
}

/// How much is moved: more than nothing, in the unit of the asset.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Amount(NonZeroI64);

impl Amount {
    /// An amount of so many units, unless that is nothing or less.
    pub const fn new(units: i64) -> Option<Self> {
        match NonZeroI64::new(units) {
            Some(units) if units.get() > 0 => Some(Self(units)),
            _ => None,
        }
    }

    /// The number of units: cents for cash, 10^-6 shares for shares.
    pub const fn units(self) -> i64 {
        self.0.get()
    }
}

impl Serialize for Amount {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_i64(self.units())
    }
}

impl<'de> Deserialize<'de> for Amount {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let units = super::money::exact_integer(deserializer)?;
        Self::new(units).ok_or_else(|| serde::de::Error::custom("an amount is more than nothing"))
    }
}

/// The asset as text: `cash`, or the symbol of the shares. `cash` is in lower case, so no symbol collides with it.
impl std::fmt::Display for Asset {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Cash => f.pad("cash"),
            Self::Shares(symbol) => std::fmt::Display::fmt(symbol, f),
        }
    }
}

impl Serialize for Asset {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Asset {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = <std::borrow::Cow<'_, str>>::deserialize(deserializer)?;
        match &*text {
            "cash" => Ok(Self::Cash),
            symbol => symbol.parse().map(Self::Shares).map_err(serde::de::Error::custom),
        }
    }
}

/// Value that moves from one account to another.
///
/// One transfer touches exactly two accounts, so the sum over all accounts of each asset stays zero whatever happens. Only the
/// pairs of accounts that an event can produce can be built:
///
/// | code | asset | from | to |
/// |---|---|---|---|
/// | deposit | cash | funding | cash.available |
/// | withdrawal | cash | cash.available | funding |
/// | hold | cash, shares | available | held |
/// | release | cash, shares | held | available |
/// | trade (buy) | cash | cash.held | street |
/// | trade (buy) | shares | street | shares.available |
/// | trade (sell) | shares | shares.held | street |
/// | trade (sell) | cash | street | cash.available |
/// | fee | cash | cash.available | fees |
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "StoredTransfer")]
pub struct Transfer {
    code: TransferCode,
    asset: Asset,
    debit: LedgerAccount,
    credit: LedgerAccount,
    amount: Amount,
}

/// A transfer as it is read, before it is known to be in the table.
#[derive(Deserialize)]
struct StoredTransfer {
    code: TransferCode,
    asset: Asset,
    debit: LedgerAccount,
    credit: LedgerAccount,
    amount: Amount,
}

impl TryFrom<StoredTransfer> for Transfer {
    type Error = InvalidTransfer;

    fn try_from(stored: StoredTransfer) -> Result<Self, InvalidTransfer> {
        Self::new(
            stored.code,
            stored.asset,
            (stored.debit, stored.credit),
            stored.amount,
        )
    }
}

/// A transfer between two accounts that no event produces.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("no {code} moves {asset} from {debit} to {credit}")]
pub struct InvalidTransfer {
    /// The code.
    pub code: TransferCode,
    /// The asset.
    pub asset: Asset,
    /// The account that gives.
    pub debit: LedgerAccount,
    /// The account that receives.
    pub credit: LedgerAccount,
}

impl Transfer {
    /// A transfer out of the table above, for reading stored rows.
    ///
    /// # Errors
    /// [`InvalidTransfer`] for a combination that is not in the table: the row was not written by this crate.
    pub fn new(
        code: TransferCode,
        asset: Asset,
        (debit, credit): (LedgerAccount, LedgerAccount),
        amount: Amount,
    ) -> Result<Self, InvalidTransfer> {
        use LedgerAccount::{CashAvailable, CashHeld, Fees, Funding, SharesAvailable, SharesHeld, Street};
        let known = match (code, asset) {
            (TransferCode::Deposit, Asset::Cash) => (debit, credit) == (Funding, CashAvailable),
            (TransferCode::Withdrawal, Asset::Cash) => (debit, credit) == (CashAvailable, Funding),
            (TransferCode::Fee, Asset::Cash) => (debit, credit) == (CashAvailable, Fees),
            (TransferCode::Hold, Asset::Cash) => (debit, credit) == (CashAvailable, CashHeld),
            (TransferCode::Hold, Asset::Shares(_)) => (debit, credit) == (SharesAvailable, SharesHeld),
            (TransferCode::Release, Asset::Cash) => (debit, credit) == (CashHeld, CashAvailable),
            (TransferCode::Release, Asset::Shares(_)) => (debit, credit) == (SharesHeld, SharesAvailable),
            (TransferCode::Trade, Asset::Cash) => {
                matches!((debit, credit), (CashHeld, Street) | (Street, CashAvailable))
            }
            (TransferCode::Trade, Asset::Shares(_)) => {
                matches!((debit, credit), (SharesHeld, Street) | (Street, SharesAvailable))
            }
            (TransferCode::Deposit | TransferCode::Withdrawal | TransferCode::Fee, Asset::Shares(_)) => false,
        };
        if known {
            Ok(Self {
                code,
                asset,
                debit,
                credit,
                amount,
            })
        } else {
            Err(InvalidTransfer {
                code,
                asset,
                debit,
                credit,
            })
        }
    }

    /// Why the value moved.
    pub const fn code(&self) -> TransferCode {
        self.code
    }

    /// What moved.
    pub const fn asset(&self) -> Asset {
        self.asset
    }

    /// The account that gives.
    pub const fn debit(&self) -> LedgerAccount {
        self.debit
    }

    /// The account that receives.
    pub const fn credit(&self) -> LedgerAccount {
        self.credit
    }

    /// How much.
    pub const fn amount(&self) -> Amount {
        self.amount
    }
}

/// Moves of cash; none for nothing. The amounts are never negative where these are called.
pub(super) fn cash(
    code: TransferCode,
    debit: LedgerAccount,
    credit: LedgerAccount,
    amount: Cents,
) -> Option<Transfer> {
    let amount = Amount::new(amount.cents())?;
    Some(Transfer {
        code,
        asset: Asset::Cash,
        debit,
        credit,
        amount,
    })
}

/// Moves of shares; none for nothing.
pub(super) fn shares(
    code: TransferCode,
    debit: LedgerAccount,
    credit: LedgerAccount,
    (symbol, quantity): (Symbol, Quantity),
) -> Option<Transfer> {
    let amount = Amount::new(quantity.e6())?;
    Some(Transfer {
        code,
        asset: Asset::Shares(symbol),
        debit,
        credit,
        amount,
    })
}
