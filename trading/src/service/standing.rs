//! Whether this instance takes orders.

use std::sync::Arc;

use platform_core::lease::{FenceError, Lease, fence_in};
use platform_core::pg::TenantTx;
use tokio::sync::watch;

use super::TradingError;

/// What an instance goes by when it takes an order.
#[derive(Debug, Clone)]
enum Right {
    /// Nobody stands by: it is alone, or shares the market with others.
    Free,
    /// Another instance takes orders, or none does.
    None,
    /// It is the one that does, under this lease.
    Lease(Arc<Lease>),
}

/// The right of this instance to take orders, which comes and goes with a lease where instances stand by.
#[derive(Debug)]
pub(crate) struct Standing {
    right: watch::Sender<Right>,
    takes_orders: watch::Sender<bool>,
}

/// What proves in a transaction that this instance took its orders rightly.
#[derive(Debug, Clone)]
pub(crate) struct Proof(Option<Arc<Lease>>);

impl Standing {
    pub(crate) fn free() -> Self {
        Self {
            right: watch::Sender::new(Right::Free),
            takes_orders: watch::Sender::new(true),
        }
    }

    /// From now on orders are taken under a lease alone.
    pub(crate) fn stand_by(&self) {
        self.set(Right::None);
    }

    /// Orders are taken under this lease until [`Standing::stand_by`].
    pub(crate) fn lead(&self, lease: Lease) {
        self.set(Right::Lease(Arc::new(lease)));
    }

    fn set(&self, right: Right) {
        let takes_orders = !matches!(right, Right::None);
        self.right.send_replace(right);
        self.takes_orders.send_replace(takes_orders);
    }

    /// Whether orders are taken here, as far as this process knows.
    pub(crate) fn takes_orders(&self) -> bool {
        *self.takes_orders.borrow()
    }

    /// The same as it changes, for what else only one instance does.
    #[cfg(feature = "http")]
    pub(crate) fn leading(&self) -> watch::Receiver<bool> {
        self.takes_orders.subscribe()
    }

    /// What an order that is taken now is to be proven with.
    pub(crate) fn proof(&self) -> Result<Proof, TradingError> {
        match &*self.right.borrow() {
            Right::Free => Ok(Proof(None)),
            Right::None => Err(TradingError::NotLeading),
            Right::Lease(lease) => Ok(Proof(Some(Arc::clone(lease)))),
        }
    }
}

impl Proof {
    /// Shows in the transaction of a change, before its commit, that the lease is held, and keeps it from everybody else until that is
    /// done: whoever was paused past its end changes nothing. One statement; none where there is no lease.
    pub(crate) async fn show(&self, tx: &mut TenantTx) -> Result<(), TradingError> {
        match &self.0 {
            Some(lease) => Ok(fence_in(tx, lease).await?),
            None => Ok(()),
        }
    }
}

impl From<FenceError> for TradingError {
    fn from(error: FenceError) -> Self {
        match error {
            FenceError::Db(error) => error.into(),
            // Stale, and whatever else keeps a lease from being proven.
            _ => Self::NotLeading,
        }
    }
}
