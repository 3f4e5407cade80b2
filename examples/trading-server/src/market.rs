//! The market of the server: real data replayed, the rest simulated.

use platform_core::TenantId;
use trading::{
    BoardConfig, Calendar, Cents, Collar, Liquidity, MarketFeed, QuoteBoard, ReplayConfig, ReplayData,
    ReplayError, Rules, SimulatorConfig, TradingConfig, Trigger,
};

use crate::config::{self, Replay, Settings};
use crate::exit::Exit;
use crate::refusal::{OrRefuse, Refusal};

/// The feed of prices and the board they appear on.
///
/// # Errors
/// [`Refusal`] names file, line and column of what is wrong with a replay file.
pub fn open(settings: &config::Market) -> Result<(MarketFeed, QuoteBoard), Refusal> {
    let simulator = SimulatorConfig {
        seed: settings.seed,
        ..SimulatorConfig::default()
    };
    let feed = match read(&settings.replay)? {
        None => MarketFeed::simulated(simulator),
        Some(data) => MarketFeed::replay(data, replay_config(settings)?, simulator),
    };
    let liquidity = match settings.liquidity {
        config::Liquidity::Displayed => Liquidity::Displayed,
        config::Liquidity::Unlimited => Liquidity::Unlimited,
    };
    let board = QuoteBoard::new(
        feed.instruments(),
        BoardConfig {
            stale_after: settings.stale_after,
            liquidity,
        },
    );
    Ok((feed, board))
}

/// What the brokerage is told. The operators of the platform run its market.
pub fn trading_config(settings: &Settings, platform_tenant: Option<TenantId>) -> TradingConfig {
    let basis_points = u16::try_from(settings.market.collar_percent.saturating_mul(100)).unwrap_or(u16::MAX);
    let rules = Rules {
        collar: Collar::from_basis_points(basis_points),
        trigger: match settings.trading.trigger {
            config::Trigger::Last => Trigger::Last,
            config::Trigger::Quote => Trigger::Quote,
        },
        ..Rules::default()
    };
    let cents = i64::from(settings.accounts.four_eyes_above_usd) * 100;
    TradingConfig {
        rules,
        market_tenant: platform_tenant,
        market_gaps: settings.market.allow_gaps,
        shared_market: settings.redis.shares_market(),
        calendar: match settings.market.calendar {
            config::MarketCalendar::AlwaysOpen => Calendar::AlwaysOpen,
            config::MarketCalendar::Nyse => Calendar::Nyse,
        },
        four_eyes_above: Some(Cents::from_cents(cents).unwrap_or(Cents::ZERO)),
        approval_within: settings.accounts.approval_within,
        open_orders_per_account: settings.accounts.open_orders_max,
        open_orders_per_tenant: settings.accounts.tenant_open_orders_max,
        ..TradingConfig::default()
    }
}

/// In words, for the first lines.
pub fn describe(settings: &config::Market) -> String {
    match &settings.replay {
        Replay::Bundled => {
            "real daily bars of 2000 to 2013 (AAPL, FB, GOOG, IBM, MSFT), replayed; other symbols simulated"
                .to_owned()
        }
        Replay::Off => "simulated, all twenty symbols".to_owned(),
        Replay::File(path) => format!("replayed from {}; other symbols simulated", path.display()),
    }
}

fn read(replay: &Replay) -> Result<Option<ReplayData>, Refusal> {
    let data = match replay {
        Replay::Off => return Ok(None),
        Replay::Bundled => ReplayData::bundled(),
        Replay::File(path) => ReplayData::open(path),
    };
    data.map(Some).map_err(|error| {
        let exit = match &error {
            ReplayError::Unreadable { line: 0, .. } => Exit::NoInput,
            _ => Exit::DataError,
        };
        Refusal::new(exit, error)
    })
}

fn replay_config(settings: &config::Market) -> Result<ReplayConfig, Refusal> {
    let speed = settings
        .replay_speed
        .map(|speed| speed.to_string().parse())
        .transpose();
    Ok(ReplayConfig {
        speed: speed.or_refuse(Exit::Configuration)?,
        ..ReplayConfig::default()
    })
}
