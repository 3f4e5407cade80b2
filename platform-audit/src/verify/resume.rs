//! From where a verification goes on.

use std::fmt::{self, Display};
use std::str::FromStr;

use platform_core::uuid::Uuid;

use super::ledger::{Account, Accounts, Rejections};
use super::row_state::RowState;
use super::spans::Spans;
use crate::note::parse_decimal;
use crate::{CompactRange, NodeHash, ProducerId, TreeHead};

const HEADER: &str = "platform-audit-resume@v1";

/// A proven part of a trail in a few lines: its tree reduced to the roots of full subtrees, the accounts of its producers, and which
/// events were acknowledged that are not in it.
///
/// A verification that begins here believes it, so keep its text (`Display`, `FromStr`) where nobody who can write the database can
/// write. From a [`CompactRange`] alone one can go on as well, but then nobody can say what a producer's numbers lack.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ResumePoint {
    pub(super) range: CompactRange,
    pub(super) accounts: Option<Accounts>,
    pub(super) rejections: Rejections,
}

/// A text is not a point to go on from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("line {line} is not that of a point from which a verification can go on")]
pub struct MalformedResumePoint {
    /// Which line, from 1.
    pub line: usize,
}

impl ResumePoint {
    /// The size and root of the proven part: those of a signed checkpoint.
    pub fn head(&self) -> TreeHead {
        self.range.head()
    }

    /// The tree of the proven part.
    pub const fn range(&self) -> &CompactRange {
        &self.range
    }
}

impl From<CompactRange> for ResumePoint {
    fn from(range: CompactRange) -> Self {
        Self {
            range,
            accounts: None,
            rejections: Rejections::default(),
        }
    }
}

impl Display for ResumePoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{HEADER}\n{}", self.range.size())?;
        for hash in self.range.hashes() {
            writeln!(f, "{}", hash.to_base64())?;
        }
        if let Some(accounts) = &self.accounts {
            write_accounts(f, accounts)?;
        }
        write_rejections(f, &self.rejections)
    }
}

fn write_accounts(f: &mut fmt::Formatter<'_>, Accounts(accounts): &Accounts) -> fmt::Result {
    writeln!(f, "producers {}", accounts.len())?;
    for (producer, account) in accounts {
        write!(f, "{producer}")?;
        let Account {
            heard_of,
            owed,
            unsure,
            void,
            here,
            excused,
        } = account;
        let excused = Some(excused).filter(|excused| !excused.is_empty());
        for runs in [heard_of, owed, unsure, void, here].into_iter().chain(excused) {
            f.write_str(" ")?;
            write_runs(f, runs)?;
        }
        f.write_str("\n")?;
    }
    Ok(())
}

fn write_rejections(f: &mut fmt::Formatter<'_>, Rejections(rejections): &Rejections) -> fmt::Result {
    if !rejections.is_empty() {
        writeln!(f, "acknowledged {}", rejections.len())?;
    }
    for (id, reason, row) in rejections {
        let row = row.to_text().unwrap_or_default();
        writeln!(f, "{id} {row} {reason}")?;
    }
    Ok(())
}

fn write_runs(f: &mut fmt::Formatter<'_>, runs: &Spans) -> fmt::Result {
    if runs.is_empty() {
        return f.write_str("-");
    }
    for (at, (first, last)) in runs.runs().enumerate() {
        let comma = if at == 0 { "" } else { "," };
        write!(f, "{comma}{first}-{last}")?;
    }
    Ok(())
}

impl FromStr for ResumePoint {
    type Err = MalformedResumePoint;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let mut lines = Lines {
            lines: text.strip_suffix('\n').unwrap_or("").split('\n'),
            number: 0,
        };
        lines.next(|line| (line == HEADER).then_some(()))?;
        let size = lines.next(parse_decimal)?;
        let hashes = (0..size.count_ones()).map(|_| lines.next(|line| NodeHash::from_base64(line).ok()));
        let hashes = hashes.collect::<Result<_, _>>()?;
        let range = CompactRange::from_parts(size, hashes).map_err(|_| lines.malformed())?;
        let accounts = match lines.peek() {
            Some(line) if line.starts_with("producers ") => Some(lines.accounts()?),
            _ => None,
        };
        let rejections = match lines.peek() {
            Some(_) => lines.rejections()?,
            None => Rejections::default(),
        };
        let point = Self {
            range,
            accounts,
            rejections,
        };
        // One text for one point: what is spelt otherwise was not written here.
        if point.to_string() == text {
            Ok(point)
        } else {
            Err(lines.malformed())
        }
    }
}

struct Lines<'a> {
    lines: std::str::Split<'a, char>,
    number: usize,
}

impl<'a> Lines<'a> {
    fn next<T>(&mut self, read: impl FnOnce(&'a str) -> Option<T>) -> Result<T, MalformedResumePoint> {
        self.number += 1;
        self.lines.next().and_then(read).ok_or_else(|| self.malformed())
    }

    fn accounts(&mut self) -> Result<Accounts, MalformedResumePoint> {
        let count = self.next(|line| parse_decimal(line.strip_prefix("producers ")?))?;
        let mut accounts = Accounts::default();
        for _ in 0..count {
            let (producer, account) = self.next(read_account)?;
            accounts.0.insert(producer, account);
        }
        Ok(accounts)
    }

    fn peek(&self) -> Option<&'a str> {
        self.lines.clone().next()
    }

    fn rejections(&mut self) -> Result<Rejections, MalformedResumePoint> {
        let count = self.next(|line| parse_decimal(line.strip_prefix("acknowledged ")?))?;
        let mut rejections = Rejections::default();
        for _ in 0..count {
            rejections.0.insert(self.next(read_rejection)?);
        }
        Ok(rejections)
    }

    const fn malformed(&self) -> MalformedResumePoint {
        MalformedResumePoint { line: self.number }
    }
}

fn read_account(line: &str) -> Option<(ProducerId, Account)> {
    let mut words = line.split(' ');
    let producer: Uuid = words.next()?.parse().ok()?;
    let account = Account {
        heard_of: read_runs(words.next()?)?,
        owed: read_runs(words.next()?)?,
        unsure: read_runs(words.next()?)?,
        void: read_runs(words.next()?)?,
        here: read_runs(words.next()?)?,
        excused: words.next().map_or(Some(Spans::default()), read_runs)?,
    };
    Some((ProducerId::from_stored(producer), account))
}

fn read_rejection(line: &str) -> Option<(Uuid, Box<str>, RowState)> {
    let mut words = line.splitn(3, ' ');
    let id = words.next()?.parse().ok()?;
    let row = RowState::from_text(words.next()?)?;
    Some((id, words.next()?.into(), row))
}

fn read_runs(text: &str) -> Option<Spans> {
    let mut runs = Spans::default();
    for run in text.split(',').filter(|_| text != "-") {
        let (first, last) = run.split_once('-')?;
        runs.insert(parse_decimal(first)?, parse_decimal(last)?);
    }
    Some(runs)
}
