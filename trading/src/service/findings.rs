//! What verifying finds.

use std::fmt;

use super::{AccountId, Discrepancy};
use crate::{BookedOrder, Cash, ExecutionId, OrderId, Position, Symbol};

/// Findings that are kept; more are counted.
const FINDINGS_MAX: usize = 1_000;

/// Something stored that does not follow from what happened. Its `Display` says what, in words.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum VerifyFinding {
    /// Two sums that should be equal are not.
    Sum(Discrepancy),
    /// An event of an account is missing, cannot be read, or cannot have happened after those before it.
    Log {
        /// The account.
        account: AccountId,
        /// The number of the event.
        seq: i64,
        /// What is wrong with it.
        problem: String,
    },
    /// The hash that was kept of an account after so many events is not that of what they come to now, or is gone.
    State {
        /// The account.
        account: AccountId,
        /// The number of the last of the events.
        seq: i64,
        /// What is wrong with it.
        problem: &'static str,
    },
    /// The cash of an account is not what its events come to.
    Cash {
        /// The account.
        account: AccountId,
        /// What the events come to.
        expected: Cash,
        /// What is stored.
        found: Cash,
    },
    /// A position is not what the events come to.
    Position {
        /// The account.
        account: AccountId,
        /// The symbol.
        symbol: Symbol,
        /// What the events come to; `None` for no position.
        expected: Option<Position>,
        /// What is stored.
        found: Option<Position>,
    },
    /// A row of the ledger is not what the events moved.
    Ledger {
        /// The account.
        account: AccountId,
        /// The number of the row.
        seq: i64,
        /// What the events moved, in words; `None` for nothing.
        expected: Option<String>,
        /// What is stored; `None` for no row.
        found: Option<String>,
    },
    /// A fill is not what the event says.
    Execution {
        /// The account.
        account: AccountId,
        /// The fill.
        execution: ExecutionId,
        /// What the event says, in words.
        expected: String,
        /// What is stored; `None` for no row.
        found: Option<String>,
    },
    /// An order is not what the events come to.
    Order {
        /// The account.
        account: AccountId,
        /// The order.
        order: OrderId,
        /// What the events come to; `None` for no order.
        expected: Option<Box<BookedOrder>>,
        /// What is stored.
        found: Option<Box<BookedOrder>>,
    },
}

impl VerifyFinding {
    /// What is wrong, as a stable word: the rule of a sum, or the kind of row.
    pub fn rule(&self) -> &str {
        match self {
            Self::Sum(sum) => &sum.rule,
            Self::Log { .. } => "log",
            Self::State { .. } => "state",
            Self::Cash { .. } => "cash",
            Self::Position { .. } => "position",
            Self::Ledger { .. } => "ledger",
            Self::Execution { .. } => "execution",
            Self::Order { .. } => "order",
        }
    }

    /// What it is wrong with: an account, with the symbol or the number of the row where there is one, a fill or an order.
    pub fn subject(&self) -> String {
        match self {
            Self::Sum(sum) => sum.subject.clone(),
            Self::Cash { account, .. } => account.to_string(),
            Self::Position { account, symbol, .. } => format!("{account} {symbol}"),
            Self::Log { account, seq, .. }
            | Self::State { account, seq, .. }
            | Self::Ledger { account, seq, .. } => format!("{account} {seq}"),
            Self::Execution { execution, .. } => execution.to_string(),
            Self::Order { order, .. } => order.to_string(),
        }
    }
}

impl fmt::Display for VerifyFinding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let or_nothing = |side: &Option<String>| side.clone().unwrap_or_else(|| "nothing".to_owned());
        match self {
            Self::Sum(sum) => {
                let Discrepancy {
                    rule,
                    subject,
                    expected,
                    found,
                } = sum;
                write!(f, "{rule}: {subject} has {found} and has to have {expected}")
            }
            Self::Log {
                account,
                seq,
                problem,
            } => write!(f, "event {seq} of account {account}: {problem}"),
            Self::State {
                account,
                seq,
                problem,
            } => write!(f, "the state of account {account} after event {seq}: {problem}"),
            Self::Cash {
                account,
                expected,
                found,
            } => write!(
                f,
                "account {account} has {} and {} held; its events come to {} and {}",
                found.available, found.held, expected.available, expected.held
            ),
            Self::Position { account, symbol, .. } => {
                write!(
                    f,
                    "the position of account {account} in {symbol} is not what its events come to"
                )
            }
            Self::Ledger {
                account,
                seq,
                expected,
                found,
            } => {
                let (expected, found) = (or_nothing(expected), or_nothing(found));
                write!(
                    f,
                    "row {seq} of the ledger of account {account} is {found}; its events moved {expected}"
                )
            }
            Self::Execution {
                account,
                execution,
                expected,
                found,
            } => {
                let found = or_nothing(found);
                write!(
                    f,
                    "fill {execution} of account {account} is {found}; its event says {expected}"
                )
            }
            Self::Order { account, order, .. } => {
                write!(
                    f,
                    "order {order} of account {account} is not what its events come to"
                )
            }
        }
    }
}

/// How far a verification has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct VerifyProgress {
    /// Accounts that have been verified.
    pub accounts: u64,
    /// Accounts that there were at the beginning.
    pub accounts_total: u64,
    /// Events that have been replayed.
    pub events: u64,
    /// The most orders that were in memory at a time: those that one account had open, and those that ended within a thousand events.
    pub orders_held_max: u64,
}

/// What a verification of one tenant came to.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Verification {
    /// What was looked at.
    pub verified: VerifyProgress,
    /// What is wrong, the first 1,000.
    pub findings: Vec<VerifyFinding>,
    /// How much is wrong.
    pub findings_total: u64,
    /// Whether it was stopped before its end.
    pub stopped: bool,
}

impl Verification {
    /// Whether everything was looked at and nothing is wrong.
    pub const fn is_clean(&self) -> bool {
        self.findings_total == 0 && !self.stopped
    }

    pub(super) fn add(&mut self, finding: VerifyFinding) {
        self.findings_total += 1;
        if self.findings.len() < FINDINGS_MAX {
            self.findings.push(finding);
        }
    }
}
