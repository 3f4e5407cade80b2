//! What operators do to the market that the customers of all tenants share.

use std::time::Duration;

use platform_audit::{Action, Activity, AuditError, Changes, Event as AuditEvent, Outcome, Severity};
use platform_core::pg::DbError;
use platform_core::{Forbidden, Permission, RequestContext};
use serde_json::json;

use super::{MarketState, Trading, TradingError};
use crate::store::{self, MarketEventRow, MarketSetting};
use crate::{MarketSpeed, Symbol};

/// May halt and resume symbols and control the simulator: only in the tenant that runs the market, see
/// [`TradingConfig::market_tenant`](crate::TradingConfig::market_tenant).
pub const MARKET: Permission = Permission::new("platform:market");

/// The longest reason, in characters.
const REASON_CHARS_MAX: usize = 200;

/// The longest gap.
const GAP_MAX: Duration = Duration::from_secs(600);

/// How often a change is tried that others were faster than.
const TRIES: u32 = 5;

const HALT: Action = Action::new("market.halt");
const RESUME: Action = Action::new("market.resume");
const SET: Action = Action::new("market.set");
const INTERRUPT: Action = Action::new("market.interrupt");

/// What to set of the market; what is `None` stays.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct MarketChange {
    /// Whether it stands still.
    pub paused: Option<bool>,
    /// How fast it runs.
    pub speed: Option<MarketSpeed>,
    /// A seed that the simulator starts anew with, at most `i64::MAX`. The prices of a recording do not depend on it.
    pub seed: Option<u64>,
}

/// Why nothing was done to the market.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum MarketError {
    /// The reason is empty, too long or has control characters.
    #[error("a reason has 1 to {REASON_CHARS_MAX} characters")]
    InvalidReason,
    /// Nothing is to be changed.
    #[error("nothing is to be changed")]
    NothingToChange,
    /// The seed is greater than the database keeps.
    #[error("a seed is at most {}", i64::MAX)]
    InvalidSeed,
    /// Nothing with this symbol is traded here.
    #[error("the symbol is not traded here")]
    UnknownSymbol,
    /// Trading in the symbol was halted before.
    #[error("trading in the symbol is halted already")]
    AlreadyHalted,
    /// Trading in the symbol was not halted.
    #[error("trading in the symbol is not halted")]
    NotHalted,
    /// The service does not let gaps be made.
    #[error("gaps are only made in tests")]
    GapsDisabled,
    /// A gap of no length, or of more than ten minutes.
    #[error("a gap has 1 to {} milliseconds", GAP_MAX.as_millis())]
    InvalidGap,
    /// Anything that is not about the market.
    #[error(transparent)]
    Trading(#[from] TradingError),
}

impl From<DbError> for MarketError {
    fn from(error: DbError) -> Self {
        Self::Trading(error.into())
    }
}

impl From<AuditError> for MarketError {
    fn from(error: AuditError) -> Self {
        Self::Trading(error.into())
    }
}

impl From<Forbidden> for MarketError {
    fn from(error: Forbidden) -> Self {
        Self::Trading(error.into())
    }
}

/// A setting with the symbol it is of, if it is of one, and its value.
type Set = (MarketSetting, Option<Symbol>, i64);

impl Trading {
    /// How the market stands.
    ///
    /// # Errors
    /// [`TradingError::Forbidden`] for whoever does not run the market, and the others of [`TradingError`].
    pub async fn market_state(&self, ctx: &RequestContext) -> Result<MarketState, TradingError> {
        self.may_run_market(ctx)?;
        let mut read = self.inner.db.read(ctx).await?;
        Ok(MarketState::after(
            &store::market_events_after(&mut read, 0).await?,
        ))
    }

    /// Halts trading in a symbol on every instance: on this one before the answer, on others as soon as they hear of it, and within
    /// seconds where they do not. A fill that has begun is finished. Orders that rest keep waiting.
    ///
    /// # Errors
    /// [`MarketError`]; nothing was done.
    pub async fn halt(
        &self,
        ctx: &RequestContext,
        symbol: Symbol,
        reason: &str,
    ) -> Result<MarketState, MarketError> {
        self.set_halted(ctx, (symbol, reason), HALT, |is_halted| match is_halted {
            true => Err(MarketError::AlreadyHalted),
            false => Ok(1),
        })
        .await
    }

    /// Lets trading in a symbol go on, from its next quote on.
    ///
    /// # Errors
    /// [`MarketError`]; nothing was done.
    pub async fn resume(
        &self,
        ctx: &RequestContext,
        symbol: Symbol,
        reason: &str,
    ) -> Result<MarketState, MarketError> {
        self.set_halted(ctx, (symbol, reason), RESUME, |is_halted| match is_halted {
            true => Ok(0),
            false => Err(MarketError::NotHalted),
        })
        .await
    }

    /// Sets how the market runs, now and after a restart.
    ///
    /// # Errors
    /// [`MarketError`]; nothing was set.
    pub async fn set_market(
        &self,
        ctx: &RequestContext,
        change: MarketChange,
        reason: &str,
    ) -> Result<MarketState, MarketError> {
        let seed = change.seed.map(i64::try_from).transpose();
        let seed = seed.map_err(|_| MarketError::InvalidSeed)?;
        let paused = change
            .paused
            .map(|paused| (MarketSetting::Paused, None, i64::from(paused)));
        let speed = change
            .speed
            .map(|speed| (MarketSetting::Speed, None, i64::from(speed.thousandths())));
        let seed = seed.map(|seed| (MarketSetting::Seed, None, seed));
        let sets: Vec<Set> = [paused, speed, seed].into_iter().flatten().collect();
        if sets.is_empty() {
            return Err(MarketError::NothingToChange);
        }
        let event = of_market(SET);
        self.set_as_decided(ctx, reason, event, |_| Ok(sets.clone()))
            .await
    }

    /// Lets the market fall silent for a time, as if its source had: time passes, no quote comes.
    ///
    /// # Errors
    /// [`MarketError::GapsDisabled`] unless [`TradingConfig::market_gaps`](crate::TradingConfig::market_gaps) is set, and the others of
    /// [`MarketError`]; nothing was done.
    pub async fn interrupt_market(
        &self,
        ctx: &RequestContext,
        length: Duration,
        reason: &str,
    ) -> Result<MarketState, MarketError> {
        self.may_run_market(ctx)?;
        if !self.inner.config.market_gaps {
            return Err(MarketError::GapsDisabled);
        }
        let is_valid = length >= Duration::from_millis(1) && length <= GAP_MAX;
        let length_ms = i64::try_from(length.as_millis()).ok().filter(|_| is_valid);
        let gap = (
            MarketSetting::Gap,
            None,
            length_ms.ok_or(MarketError::InvalidGap)?,
        );
        let event = of_market(INTERRUPT);
        self.set_as_decided(ctx, reason, event, |_| Ok(vec![gap])).await
    }

    /// Sets whether a symbol is halted to what is decided on whether it is.
    async fn set_halted(
        &self,
        ctx: &RequestContext,
        (symbol, reason): (Symbol, &str),
        action: Action,
        decide: impl Fn(bool) -> Result<i64, MarketError>,
    ) -> Result<MarketState, MarketError> {
        self.may_run_market(ctx)?;
        self.known(symbol)?;
        self.set_as_decided(ctx, reason, of_symbol(action, symbol), |state| {
            let is_halted = state.halted.iter().any(|halted| halted.symbol == symbol);
            Ok(vec![(MarketSetting::Halted, Some(symbol), decide(is_halted)?)])
        })
        .await
    }

    /// Decides on how things stand and writes what was decided, again where somebody else was faster.
    async fn set_as_decided(
        &self,
        ctx: &RequestContext,
        reason: &str,
        event: AuditEvent,
        decide: impl Fn(&MarketState) -> Result<Vec<Set>, MarketError>,
    ) -> Result<MarketState, MarketError> {
        self.may_run_market(ctx)?;
        if !is_reason(reason) {
            return Err(MarketError::InvalidReason);
        }
        let mut tries = 1;
        let state = loop {
            match self.try_set(ctx, reason, event.clone(), &decide).await {
                Err(MarketError::Trading(TradingError::Db(DbError::Conflict { .. } | DbError::Retry(_))))
                    if tries < TRIES =>
                {
                    tries += 1;
                }
                done => break done?,
            }
        };
        // It is done and will be followed; not at once only where the database has gone in the meantime.
        if let Err(error) = self.follow_market().await {
            let error = platform_core::error_chain(&error);
            tracing::warn!(error, "a change of the market is followed later");
        }
        Ok(state)
    }

    async fn try_set(
        &self,
        ctx: &RequestContext,
        reason: &str,
        event: AuditEvent,
        decide: impl Fn(&MarketState) -> Result<Vec<Set>, MarketError>,
    ) -> Result<MarketState, MarketError> {
        let mut tx = self.inner.db.begin(ctx).await?;
        let mut events = store::market_events(&mut tx).await?;
        let before = MarketState::after(&events);
        let numbered = (before.seq + 1..).zip(decide(&before)?);
        let added: Vec<_> = numbered
            .map(|(seq, (setting, symbol, value))| MarketEventRow {
                seq,
                setting,
                symbol,
                value,
                reason: reason.to_owned(),
                actor_id: ctx.principal().id(),
                at: self.now(),
            })
            .collect();
        store::add_market_events(&mut tx, &added).await?;
        events.retain(|old| {
            !added
                .iter()
                .any(|new| (new.setting, new.symbol) == (old.setting, old.symbol))
        });
        events.extend(added);
        let after = MarketState::after(&events);
        let event = event
            .activity(Activity::Update)
            .changes(changes(&before, &after))
            .detail(json!({ "why": reason, "seq": after.seq, "gap_until": after.gap_until.map(|at| at.to_string()) }));
        self.inner.audit.record(&mut tx, ctx, event).await?;
        tx.commit().await?;
        Ok(after)
    }

    /// The permission alone does not make somebody run the market: an admin of any other tenant would.
    pub(crate) fn may_run_market(&self, ctx: &RequestContext) -> Result<(), Forbidden> {
        ctx.require(MARKET)?;
        match self.inner.config.market_tenant {
            Some(tenant) if tenant == ctx.tenant() => Ok(()),
            _ => Err(Forbidden::new(MARKET)),
        }
    }

    fn known(&self, symbol: Symbol) -> Result<(), MarketError> {
        let instrument = self.inner.board.instrument(symbol);
        instrument.map(drop).ok_or(MarketError::UnknownSymbol)
    }
}

fn of_market(action: Action) -> AuditEvent {
    AuditEvent::new(action, Outcome::Success)
        .severity(Severity::High)
        .target("market", "market")
}

fn of_symbol(action: Action, symbol: Symbol) -> AuditEvent {
    AuditEvent::new(action, Outcome::Success)
        .severity(Severity::High)
        .target("symbol", symbol.as_str())
}

fn changes(before: &MarketState, after: &MarketState) -> Changes {
    let halted = |state: &MarketState| -> Vec<_> { state.halted.iter().map(|one| one.symbol).collect() };
    let fields = [
        ("paused", json!(before.paused), json!(after.paused)),
        ("speed", json!(before.speed), json!(after.speed)),
        ("seed", json!(before.seed), json!(after.seed)),
        ("halted", json!(halted(before)), json!(halted(after))),
    ];
    let changed = fields.into_iter().filter(|(_, before, after)| before != after);
    changed.fold(Changes::new(), |changes, (name, before, after)| {
        changes.field(name, before, after)
    })
}

fn is_reason(reason: &str) -> bool {
    let count = reason.chars().take(REASON_CHARS_MAX + 1).count();
    (1..=REASON_CHARS_MAX).contains(&count)
        && !reason.chars().any(char::is_control)
        && !reason.trim().is_empty()
}
