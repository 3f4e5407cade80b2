//! The state machine of a circuit breaker: plain functions of what happened and when.
//!
//! It is written here rather than taken, because the breakers at hand read the time themselves, keep a record of every call of a window of
//! time, and are layers around services of `tower`. This one is told the time, so that a property test compares it with a model, and
//! keeps ten counts.

use std::time::Duration;

use super::BreakerConfig;
use super::window::Window;

/// What a breaker is at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BreakerState {
    /// Calls are made. 0 in `circuit_breaker_state`.
    Closed,
    /// No call is made. 1 in `circuit_breaker_state`.
    Open,
    /// A few calls are made, to see. 2 in `circuit_breaker_state`.
    HalfOpen,
}

impl BreakerState {
    /// The value of the metric.
    pub(super) fn as_i64(self) -> i64 {
        match self {
            Self::Closed => 0,
            Self::Open => 1,
            Self::HalfOpen => 2,
        }
    }
}

/// A circuit breaker. Points in time are told since any beginning; they should not go back.
#[derive(Debug, Clone)]
pub(super) struct Breaker {
    config: BreakerConfig,
    phase: Phase,
    /// Counts the phases. What was begun in one says nothing in another.
    number: u64,
}

#[derive(Debug, Clone)]
enum Phase {
    Closed(Window),
    Open { since: Duration },
    HalfOpen { under_way: u32, succeeded: u32 },
}

/// A call that was let through. It has to be answered for, by [`Breaker::answer`] or [`Breaker::abandon`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Admitted {
    phase: u64,
}

/// A call that was not let through.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Refused {
    /// When calls may be let through again; nothing while those that were have not been answered.
    pub(super) retry_after: Duration,
}

impl Breaker {
    pub(super) fn new(config: BreakerConfig) -> Self {
        Self {
            phase: Phase::Closed(Window::new(config.window)),
            config,
            number: 0,
        }
    }

    /// What it was at when it was last asked. An open one whose time is over stays open until then.
    pub(super) fn state(&self) -> BreakerState {
        match self.phase {
            Phase::Closed(_) => BreakerState::Closed,
            Phase::Open { .. } => BreakerState::Open,
            Phase::HalfOpen { .. } => BreakerState::HalfOpen,
        }
    }

    /// Lets a call through or not.
    pub(super) fn admit(&mut self, at: Duration) -> Result<Admitted, Refused> {
        if let Phase::Open { since } = self.phase {
            let left = (since + self.config.open_for).saturating_sub(at);
            if !left.is_zero() {
                return Err(Refused { retry_after: left });
            }
            self.enter(Phase::HalfOpen {
                under_way: 0,
                succeeded: 0,
            });
        }
        if let Phase::HalfOpen { under_way, succeeded } = &mut self.phase {
            if *under_way + *succeeded >= self.config.probes {
                return Err(Refused {
                    retry_after: Duration::ZERO,
                });
            }
            *under_way += 1;
        }
        Ok(Admitted { phase: self.number })
    }

    /// Learns how a call ended that was let through.
    pub(super) fn answer(&mut self, call: Admitted, at: Duration, failed: bool) {
        if call.phase != self.number {
            return;
        }
        match &mut self.phase {
            Phase::Closed(window) => {
                window.count(at, failed);
                let (calls, failures) = window.sums(at);
                let is_enough = calls >= u64::from(self.config.calls_min);
                if failed && is_enough && failures * 100 >= calls * u64::from(self.config.failure_percent) {
                    self.enter(Phase::Open { since: at });
                }
            }
            Phase::HalfOpen { .. } if failed => self.enter(Phase::Open { since: at }),
            Phase::HalfOpen { under_way, succeeded } => {
                *under_way -= 1;
                *succeeded += 1;
                if *succeeded >= self.config.probes {
                    self.enter(Phase::Closed(Window::new(self.config.window)));
                }
            }
            // No call is let through in this phase.
            Phase::Open { .. } => {}
        }
    }

    /// Learns that nobody waits for a call any more that was let through: it says nothing, and another may go instead.
    pub(super) fn abandon(&mut self, call: Admitted) {
        if call.phase == self.number
            && let Phase::HalfOpen { under_way, .. } = &mut self.phase
        {
            *under_way -= 1;
        }
    }

    fn enter(&mut self, phase: Phase) {
        self.phase = phase;
        self.number += 1;
    }
}

#[cfg(test)]
mod tests;
