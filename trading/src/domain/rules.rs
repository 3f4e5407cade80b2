//! The configured rules and the formulas of holds and fees.

use super::money::{div_ceil, div_half_even};
use super::{Cents, DecimalError, Notional, Price, Quantity, Rounding, Trigger};

const BASIS_POINTS: i128 = 10_000;
const PARTS_PER_MILLION: i128 = 1_000_000;
/// Units of a notional in one cent.
const E10_IN_A_CENT: i128 = 100_000_000;

/// The step between two prices of an instrument.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Tick(Price);

impl Tick {
    /// A tick of the given size.
    pub const fn new(size: Price) -> Self {
        Self(size)
    }

    /// The size.
    pub const fn size(self) -> Price {
        self.0
    }

    /// The price of this many (`numerator / denominator`) units of 0.0001 USD, rounded up to the next whole tick.
    fn round_up(self, numerator: i128, denominator: i128) -> Result<Price, DecimalError> {
        let tick_e4 = i128::from(self.0.e4());
        Price::from_units(div_ceil(numerator, denominator * tick_e4) * tick_e4)
    }
}

impl Default for Tick {
    /// One cent.
    fn default() -> Self {
        Self(Price::from_e4(100).expect("a cent is a price"))
    }
}

/// How far above the offer a market buy may execute, and how far above its stop an elected stop buy, in basis points.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Collar {
    basis_points: u16,
}

impl Collar {
    /// A collar of so many basis points, 500 for 5 %.
    pub const fn from_basis_points(basis_points: u16) -> Self {
        Self { basis_points }
    }

    /// The worst price of a market buy that meets this offer, and of a stop buy with this stop: `price * (1 + collar)`, rounded up
    /// to the tick.
    ///
    /// ```
    /// use trading::{Collar, Tick};
    ///
    /// let worst = Collar::default().worst_price("178.51".parse()?, Tick::default())?;
    /// assert_eq!(worst.to_string(), "187.44"); // 187.4355, up
    /// # Ok::<(), trading::DecimalError>(())
    /// ```
    ///
    /// # Errors
    /// [`DecimalError::OutOfRange`] when that is no price any more.
    pub fn worst_price(self, price: Price, tick: Tick) -> Result<Price, DecimalError> {
        let factor = BASIS_POINTS + i128::from(self.basis_points);
        tick.round_up(i128::from(price.e4()) * factor, BASIS_POINTS)
    }
}

impl Default for Collar {
    /// 5 %.
    fn default() -> Self {
        Self::from_basis_points(500)
    }
}

/// The fee on the proceeds of sales, in parts per million. Zero by default.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct FeeRate {
    parts_per_million: u32,
}

impl FeeRate {
    /// A fee of so many parts per million of the proceeds.
    pub const fn from_parts_per_million(parts_per_million: u32) -> Self {
        Self { parts_per_million }
    }

    /// The fee of the newest execution of an order whose executions so far are worth `sold` in all.
    ///
    /// Rounded up to cents over the whole order, not for each execution: the fees so far are `C(sold * rate)`. An execution
    /// never costs more than it brings in (`proceeds`), since the customer may have spent what earlier ones brought; what is
    /// not charged for that reason is charged by a later execution of the same order, or never.
    ///
    /// # Errors
    /// [`DecimalError::OutOfRange`] when the amounts do not fit.
    pub fn fee(self, sold: Notional, charged: Cents, proceeds: Cents) -> Result<Cents, DecimalError> {
        let fees_e16 = sold.e10().saturating_mul(i128::from(self.parts_per_million));
        let total = Cents::from_units(div_ceil(fees_e16, PARTS_PER_MILLION * E10_IN_A_CENT))?;
        let due = i128::from(total.cents()) - i128::from(charged.cents());
        Cents::from_units(due.clamp(0, i128::from(proceeds.cents().max(0))))
    }
}

/// What the operator configures.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rules {
    /// How far above the offer a market buy may execute.
    pub collar: Collar,
    /// The step between two prices of the instrument.
    pub tick: Tick,
    /// The fee on sales.
    pub fee: FeeRate,
    /// The most one order may be worth at its worst price.
    pub max_order_notional: Notional,
    /// What elects a stop.
    pub trigger: Trigger,
}

impl Default for Rules {
    /// A collar of 5 %, ticks of a cent, no fee, orders of at most 1,000,000,000 USD, stops elected by the last trade.
    fn default() -> Self {
        Self {
            collar: Collar::default(),
            tick: Tick::default(),
            fee: FeeRate::default(),
            max_order_notional: Notional::from_e10(10_000_000_000_000_000_000),
            trigger: Trigger::default(),
        }
    }
}

/// The cash to hold for a buy order: `C(N + L*W) - R(N)`, where `N` is what its executions are worth so far, `L` the quantity
/// left, `W` its worst price, `C` rounds up to cents and `R` half-even.
///
/// No execution at `W` or better ever needs more than this: with `p <= W` the sum `N + L*W` cannot grow, and `C` is monotone,
/// so the cash of an execution and the hold after it are together at most the hold before it. With nothing left the formula
/// gives 0 or 1 cent, which the final step releases.
///
/// ```
/// use trading::{Notional, Quantity, buy_hold};
///
/// let hold = buy_hold(Notional::ZERO, "3".parse()?, "17.8533".parse()?)?;
/// assert_eq!(hold.to_string(), "53.56"); // 53.5599, up
/// # Ok::<(), trading::DecimalError>(())
/// ```
///
/// # Errors
/// [`DecimalError::OutOfRange`] when the amounts do not fit.
pub fn buy_hold(filled: Notional, leaves: Quantity, worst: Price) -> Result<Cents, DecimalError> {
    // A sum too large for the integer is too large for cents all the more.
    let worst_case = filled.e10().saturating_add((worst * leaves).e10());
    let most = Notional::from_e10(worst_case).to_cents(Rounding::Ceiling)?;
    let spent = filled.to_cents(Rounding::HalfEven)?;
    Cents::from_units(i128::from(most.cents()) - i128::from(spent.cents()))
}

/// The cost that leaves a position when `sold` of `owned` shares are sold: its share of the cost, half-even to cents, and all
/// of it when the position closes. No more is sold than is owned.
pub(super) fn cost_removed(cost: Cents, sold: Quantity, owned: Quantity) -> Result<Cents, DecimalError> {
    if sold == owned {
        return Ok(cost);
    }
    let share_e6 = i128::from(cost.cents()) * i128::from(sold.e6());
    Cents::from_units(div_half_even(share_e6, i128::from(owned.e6())))
}
