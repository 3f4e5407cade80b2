//! The position in recorded data, and what the market says there.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use time::Date;

use super::super::{Instrument, QuoteSource, QuoteUpdate};
use super::bar::{Bar, DayPath};
use super::data::{Content, ReplayData};
use super::parse::QuoteRow;
use super::{Alignment, ReplayConfig, ReplaySpeed, SESSION_SECONDS};
use crate::Symbol;

/// A recording that is being played. When it ends it starts again from the beginning.
#[derive(Debug)]
pub(in crate::market) struct Replay {
    symbols: Vec<Symbol>,
    speed: u128,
    player: Player,
}

#[derive(Debug)]
enum Player {
    Bars(BarPlayer),
    Quotes(QuotePlayer),
}

impl Replay {
    pub(in crate::market) fn new(data: ReplayData, config: &ReplayConfig) -> Self {
        let symbols = data.symbols();
        let (player, usual_speed) = match data.content {
            Content::Bars(series) => (
                Player::Bars(BarPlayer::new(series, config.alignment)),
                ReplaySpeed::DAY_EACH_SECOND,
            ),
            Content::Quotes(rows) => (Player::Quotes(QuotePlayer::new(rows)), ReplaySpeed::REAL_TIME),
        };
        Self {
            symbols,
            speed: u128::from(config.speed.unwrap_or(usual_speed).session_seconds()),
            player,
        }
    }

    pub(in crate::market) fn instruments(&self) -> impl Iterator<Item = Instrument> {
        self.symbols
            .iter()
            .map(|symbol| Instrument::new(*symbol, QuoteSource::Replay))
    }

    /// Moves on by `elapsed` of real time and tells what is new, at most one quote for each symbol.
    pub(in crate::market) fn advance(&mut self, elapsed: Duration) -> Vec<QuoteUpdate> {
        let moved_us = elapsed.as_micros() * self.speed;
        match &mut self.player {
            Player::Bars(player) => player.advance(moved_us),
            Player::Quotes(player) => player.advance(moved_us),
        }
    }
}

impl Replay {
    /// How far the recording is, in its own time.
    pub(in crate::market) fn position(&self) -> Duration {
        let position_us = match &self.player {
            Player::Bars(player) => player.position_us,
            Player::Quotes(player) => player.position_us,
        };
        Duration::from_micros(u64::try_from(position_us).unwrap_or(u64::MAX))
    }

    /// Goes on from there: where another instance that plays the same recording is.
    pub(in crate::market) fn go_on_at(&mut self, position: Duration) {
        match &mut self.player {
            Player::Bars(player) => player.position_us = position.as_micros(),
            Player::Quotes(player) => player.go_on_at(position.as_micros()),
        }
    }
}

/// Daily bars on the time line of their sessions, one directly after another.
#[derive(Debug)]
struct BarPlayer {
    series: BTreeMap<Symbol, Vec<Bar>>,
    /// The days of the file, when all symbols play the same day.
    calendar: Option<Vec<Date>>,
    position_us: u128,
}

const SESSION_US: u128 = 23_400_000_000;
const _: () = assert!(SESSION_SECONDS == 23_400);

impl BarPlayer {
    fn new(series: BTreeMap<Symbol, Vec<Bar>>, alignment: Alignment) -> Self {
        let calendar = (alignment == Alignment::Calendar).then(|| {
            let days: BTreeSet<_> = series.values().flatten().map(|bar| bar.date).collect();
            days.into_iter().collect()
        });
        Self {
            series,
            calendar,
            position_us: 0,
        }
    }

    fn advance(&mut self, moved_us: u128) -> Vec<QuoteUpdate> {
        self.position_us += moved_us;
        let session = self.position_us / SESSION_US;
        let offset_us = i64::try_from(self.position_us % SESSION_US).unwrap_or(0);
        self.series
            .iter()
            .filter_map(|(symbol, bars)| {
                let bar = match &self.calendar {
                    None => bars.get(wrapped(session, bars.len()))?,
                    Some(days) => {
                        let day = days.get(wrapped(session, days.len()))?;
                        bars.get(bars.binary_search_by_key(day, |bar| bar.date).ok()?)?
                    }
                };
                Some(DayPath::new(*symbol, bar).quote_at(offset_us))
            })
            .collect()
    }
}

/// The index in a list of `length` that is played for ever.
fn wrapped(session: u128, length: usize) -> usize {
    u128::try_from(length)
        .ok()
        .and_then(|length| session.checked_rem(length))
        .and_then(|index| usize::try_from(index).ok())
        .unwrap_or(0)
}

/// Quote rows on the time line they were recorded on, with its long pauses cut out.
#[derive(Debug)]
struct QuotePlayer {
    rows: Vec<QuoteRow>,
    /// For each row the microseconds after the first row at which it is played.
    due_us: Vec<u64>,
    /// The next row to play.
    next: usize,
    position_us: u128,
    length_us: u128,
}

/// A pause in a recording longer than this, such as a night, is played as [`SHORT_PAUSE_US`].
const LONG_PAUSE_US: u64 = 1_800_000_000;
const SHORT_PAUSE_US: u64 = 1_000_000;

impl QuotePlayer {
    fn new(rows: Vec<QuoteRow>) -> Self {
        let mut at_us = 0;
        let mut due_us = Vec::with_capacity(rows.len());
        let mut before = rows.first().map(|row| row.ts);
        for row in &rows {
            let pause = before.map_or(time::Duration::ZERO, |before| row.ts - before);
            let pause_us = u64::try_from(pause.whole_microseconds()).unwrap_or(u64::MAX);
            at_us += if pause_us > LONG_PAUSE_US {
                SHORT_PAUSE_US
            } else {
                pause_us
            };
            due_us.push(at_us);
            before = Some(row.ts);
        }
        Self {
            rows,
            due_us,
            next: 0,
            position_us: 0,
            // The recording starts again a moment after its last row.
            length_us: u128::from(at_us + SHORT_PAUSE_US),
        }
    }

    fn advance(&mut self, moved_us: u128) -> Vec<QuoteUpdate> {
        let mut newest = BTreeMap::new();
        self.position_us += moved_us;
        if self.position_us >= self.length_us {
            self.play_until(self.length_us, &mut newest);
            self.position_us %= self.length_us;
            self.next = 0;
        }
        self.play_until(self.position_us, &mut newest);
        newest.into_values().map(update).collect()
    }

    fn go_on_at(&mut self, position_us: u128) {
        self.position_us = position_us.checked_rem(self.length_us).unwrap_or(0);
        self.next = self
            .due_us
            .partition_point(|due_us| u128::from(*due_us) <= self.position_us);
    }

    fn play_until(&mut self, position_us: u128, newest: &mut BTreeMap<Symbol, QuoteRow>) {
        while let (Some(row), Some(due_us)) = (self.rows.get(self.next), self.due_us.get(self.next))
            && u128::from(*due_us) <= position_us
        {
            newest.insert(row.symbol, *row);
            self.next += 1;
        }
    }
}

fn update(row: QuoteRow) -> QuoteUpdate {
    QuoteUpdate {
        symbol: row.symbol,
        bid: row.bid,
        bid_size: row.bid_size,
        ask: row.ask,
        ask_size: row.ask_size,
        last: row.last,
        source_at: row.ts,
        source: QuoteSource::Replay,
    }
}
