//! The table `trading.market_event`.

use platform_core::pg::{DbError, TenantRead, TenantTx};
use platform_core::{PrincipalId, Timestamp};
use sqlx::FromRow;

use crate::Symbol;

/// What can be set of the market.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum MarketSetting {
    /// Whether trading in a symbol is halted.
    Halted,
    /// Whether the market stands still.
    Paused,
    /// How fast it runs.
    Speed,
    /// The seed of the simulator.
    Seed,
    /// How long it falls silent.
    Gap,
}

/// A row says something that this version does not know.
#[derive(Debug, thiserror::Error)]
#[error("unknown market setting")]
pub(crate) struct UnknownSetting;

impl MarketSetting {
    const fn as_str(self) -> &'static str {
        match self {
            Self::Halted => "halted",
            Self::Paused => "paused",
            Self::Speed => "speed",
            Self::Seed => "seed",
            Self::Gap => "gap",
        }
    }
}

impl TryFrom<String> for MarketSetting {
    type Error = UnknownSetting;

    fn try_from(word: String) -> Result<Self, UnknownSetting> {
        let all = [Self::Halted, Self::Paused, Self::Speed, Self::Seed, Self::Gap];
        let known = all.into_iter().find(|setting| setting.as_str() == word);
        known.ok_or(UnknownSetting)
    }
}

/// Something that was set.
#[derive(Debug, Clone, FromRow)]
pub(crate) struct MarketEventRow {
    pub(crate) seq: i64,
    #[sqlx(try_from = "String")]
    pub(crate) setting: MarketSetting,
    pub(crate) symbol: Option<Symbol>,
    pub(crate) value: i64,
    pub(crate) reason: String,
    pub(crate) actor_id: Option<PrincipalId>,
    pub(crate) at: Timestamp,
}

macro_rules! newest {
    ($after:literal) => {
        concat!(
            "select seq, setting, symbol, value, reason, actor_id, at from (
                 select distinct on (setting, symbol) seq, setting, symbol, value, reason, actor_id, at
                 from trading.market_event where tenant_id = $1 ",
            $after,
            " order by setting, symbol, seq desc
             ) newest order by seq"
        )
    };
}

/// The newest event of each setting, and of each symbol, in the order in which they happened.
pub(crate) async fn market_events(tx: &mut TenantTx) -> Result<Vec<MarketEventRow>, DbError> {
    let rows = sqlx::query_as(newest!("")).bind(tx.tenant()).fetch_all(tx);
    Ok(rows.await?)
}

/// Those of them that are newer than the event with this number.
pub(crate) async fn market_events_after(
    read: &mut TenantRead,
    seq: i64,
) -> Result<Vec<MarketEventRow>, DbError> {
    let rows = sqlx::query_as(newest!("and seq > $2"))
        .bind(read.tenant())
        .bind(seq)
        .fetch_all(read);
    Ok(rows.await?)
}

/// Adds events, each under its own number. A number that is taken is a conflict: somebody else was faster.
pub(crate) async fn add_market_events(tx: &mut TenantTx, rows: &[MarketEventRow]) -> Result<(), DbError> {
    for row in rows {
        sqlx::query(
            "insert into trading.market_event (tenant_id, seq, setting, symbol, value, reason, actor_id, at)
             values ($1, $2, $3, $4, $5, $6, $7, $8)",
        )
        .bind(tx.tenant())
        .bind(row.seq)
        .bind(row.setting.as_str())
        .bind(row.symbol)
        .bind(row.value)
        .bind(row.reason.as_str())
        .bind(row.actor_id)
        .bind(row.at)
        .execute(&mut *tx)
        .await?;
    }
    Ok(())
}
