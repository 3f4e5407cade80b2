//! Matching in one of several processes.

use std::time::Duration;

use futures::future::try_join_all;
use platform_core::Sources;
#[cfg(feature = "http")]
use platform_core::bus::Bus;
use platform_core::lease::{Campaign, Holder, Leadership, LeaseName, Leases, PgLeases, Term};
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use super::MatchingWorker;
use super::shard::Part;
use crate::service::{Trading, TradingError};

/// How often somebody who stands by asks whether nobody leads any more.
const RETRY_AFTER: Duration = Duration::from_millis(500);

/// Matches resting orders in the one of several instances that leads, by a lease in the brokerage's database.
///
/// Where the instances [share a market](crate::TradingConfig::shared_market) there is a lease for each shard of the symbols, and an
/// instance tries for every one of them; all of them take orders. Where they do not, one lease stands for the whole brokerage: whoever has it
/// matches and takes orders, and the others answer [`TradingError::NotLeading`] to whoever would place or change one. What matches
/// under a lease proves it in the transaction of every fill, and what places orders under one in every commit.
///
/// The leader of a shard reads its open orders when it begins. Of those that are placed, changed or cancelled on other instances it hears
/// over a [bus](Self::with_bus), if there is one, and from the rows every [`reconcile_every`](crate::TradingConfig::reconcile_every) in
/// any case.
///
/// From the moment it is made until its [`run`](Self::run) leads, nothing is matched here, and without a shared market no order is taken.
#[derive(Debug, Clone)]
pub struct LedMatchingWorker {
    trading: Trading,
    leases: Leases,
    holder: Holder,
    /// Whether this instance sees the market; `None` where it always does.
    sees: Option<watch::Receiver<bool>>,
    #[cfg(feature = "http")]
    bus: Option<Bus>,
}

impl LedMatchingWorker {
    /// A worker for the orders of this brokerage, among those of its other instances.
    pub fn new(trading: &Trading) -> Self {
        let open_orders = &trading.inner.open_orders;
        open_orders.end(Part::All);
        if !trading.inner.config.shared_market {
            trading.inner.standing.stand_by();
        }
        let db = &trading.inner.db;
        Self {
            trading: trading.clone(),
            leases: Leases::new(PgLeases::new(db), db.sources()),
            holder: holder(db.sources()),
            sees: None,
            #[cfg(feature = "http")]
            bus: None,
        }
    }

    /// The same with a bus over which instances tell each other of orders. What is lost on it is found in the rows.
    #[cfg(feature = "http")]
    #[must_use]
    pub fn with_bus(self, bus: Bus) -> Self {
        Self {
            bus: Some(bus),
            ..self
        }
    }

    /// The same while this instance sees the market alone. Where it does not, it gives back what it leads and tries for nothing: orders
    /// that are matched by somebody who hears no quotes rest though they could fill.
    #[must_use]
    pub fn while_seeing(self, sees: watch::Receiver<bool>) -> Self {
        Self {
            sees: Some(sees),
            ..self
        }
    }

    /// Works until `stop` is cancelled: leads whenever it can, and gives that back at the end.
    ///
    /// Cancel-safe as [`MatchingWorker::run`]; a lease that is not given back ends by itself.
    ///
    /// # Errors
    /// [`TradingError`] when the database fails; start it again.
    pub async fn run(self, stop: CancellationToken) -> Result<(), TradingError> {
        let leading = try_join_all(self.parts().into_iter().map(|part| self.try_to_lead(part, &stop)));
        #[cfg(feature = "http")]
        if let Some(bus) = &self.bus {
            let told = super::notices::told_by(&self.trading.inner.open_orders);
            return tokio::select! {
                led = leading => led.map(|_| ()),
                () = super::notices::tell(bus, told) => Ok(()),
            };
        }
        leading.await.map(|_| ())
    }

    fn parts(&self) -> Vec<Part> {
        match self.trading.inner.config.shared_market {
            true => (0..self.trading.inner.open_orders.shards().count())
                .map(Part::Shard)
                .collect(),
            false => vec![Part::All],
        }
    }

    async fn try_to_lead(&self, part: Part, stop: &CancellationToken) -> Result<(), TradingError> {
        let Some(mut sees) = self.sees.clone() else {
            return self.campaign(part, stop).await;
        };
        while !stop.is_cancelled() {
            let seen = stop.run_until_cancelled(sees.wait_for(|sees| *sees)).await;
            if seen.is_none_or(|seen| seen.is_err()) {
                return Ok(());
            }
            let until_blind = stop.child_token();
            let give_up = async {
                if sees.wait_for(|sees| !*sees).await.is_ok() {
                    until_blind.cancel();
                }
                std::future::pending::<()>().await;
            };
            tokio::select! {
                ended = self.campaign(part, &until_blind) => ended?,
                () = give_up => {}
            }
        }
        Ok(())
    }

    async fn campaign(&self, part: Part, stop: &CancellationToken) -> Result<(), TradingError> {
        let term = Term::lasting(self.trading.inner.config.lead_ttl);
        let campaign = Campaign::new(lease_of(part), self.holder.clone(), term).retry_after(RETRY_AFTER);
        let work = |leadership| self.lead(part, leadership);
        self.leases.lead(&campaign, stop, work).await
    }

    async fn lead(&self, part: Part, leadership: Leadership) -> Result<(), TradingError> {
        let worker = MatchingWorker::new(&self.trading)
            .under(leadership.lease().clone())
            .of(part);
        let leads = Leads::begin(&self.trading, part, &leadership);
        let working = async {
            #[cfg(feature = "http")]
            if let Some(bus) = &self.bus {
                return tokio::try_join!(worker.work(), super::notices::hear(bus, &worker)).map(|_| ());
            }
            worker.work().await
        };
        let worked = leadership.stop().run_until_cancelled(Box::pin(working)).await;
        drop(leads);
        match worked {
            // Where the lease turned out to be over, this process was paused past its end, and has to find that out for itself before it
            // may try again.
            Some(Ok(()) | Err(TradingError::NotLeading)) => {
                leadership.stop().cancelled().await;
                Ok(())
            }
            Some(failed) => failed,
            None => Ok(()),
        }
    }
}

/// While it lives, this instance leads a part.
struct Leads {
    trading: Trading,
    part: Part,
}

impl Leads {
    fn begin(trading: &Trading, part: Part, leadership: &Leadership) -> Self {
        trading.inner.open_orders.begin(part);
        trading.inner.metrics.matching_shards_led.inc();
        if part == Part::All {
            trading.inner.standing.lead(leadership.lease().clone());
        }
        Self {
            trading: trading.clone(),
            part,
        }
    }
}

impl Drop for Leads {
    fn drop(&mut self) {
        if self.part == Part::All {
            self.trading.inner.standing.stand_by();
        }
        self.trading.inner.open_orders.end(self.part);
        self.trading.inner.metrics.matching_shards_led.dec();
    }
}

fn lease_of(part: Part) -> LeaseName {
    let name = match part {
        Part::All => "trading.brokerage".to_owned(),
        Part::Shard(shard) => format!("trading.matching.{shard}"),
    };
    LeaseName::platform(&name).expect("letters, points and digits name a lease")
}

/// A name of its own for every process, and for every brokerage of one.
fn holder(sources: &Sources) -> Holder {
    let text = format!("trading-{:032x}", u128::from_le_bytes(sources.bytes()));
    Holder::new(&text).expect("letters and digits name a holder")
}
