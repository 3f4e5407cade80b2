//! What is stored without a position.

use platform_core::pg::{DbError, TenantRead};
use platform_core::uuid::Uuid;

use super::events::Events;
use crate::verify::RowState;
use crate::{Finding, ProducerId, Verifier};

/// How many ids are compared at a time.
const IDS: usize = 50_000;

/// How many rows one statement gives.
const PAGE: i64 = 1_000;

/// How many events are looked at as a whole at a time.
const STRAYS: usize = 1_000;

/// Rows that something else has to be stored for.
///
/// Every statement reads one table in the order of an index, and what they give is compared here. One statement over all of the tables
/// is planned by their statistics, and where there are none, as right after a restore, it compares every row with every other.
struct Kind {
    /// The rows.
    rows: &'static str,
    /// There is at least one that has no id.
    nameless: &'static str,
    /// Where there may be something for them, in the order in which an event goes through these places: what has left one when it is
    /// looked at has come to a later one.
    known: &'static [&'static str],
}

/// The first $4 ids behind $2 and up to $3, as one value: a row for each takes many times as long.
macro_rules! ids_of {
    ($table:literal, $and:literal) => {
        concat!(
            "select coalesce(array_agg(id), '{}') from (
               select id from platform_audit.",
            $table,
            " where tenant_id = $1 and ($2::uuid is null or id > $2) and id <= $3 ",
            $and,
            " order by id limit $4
             ) as page"
        )
    };
}

macro_rules! nameless_of {
    ($table:literal) => {
        concat!(
            "select exists (select from platform_audit.",
            $table,
            " where tenant_id = $1 and id is null)"
        )
    };
}

const LEAVES: &str = ids_of!("leaf", "and seq >= 0");

const EVENTS: Kind = Kind {
    rows: ids_of!("event", ""),
    nameless: nameless_of!("event"),
    // Most have a position. What has none waits for one, or did until a moment ago.
    known: &[LEAVES, ids_of!("pending", ""), LEAVES, ids_of!("rejected", "")],
};

const ENTRIES: Kind = Kind {
    rows: ids_of!("entry", ""),
    nameless: nameless_of!("entry"),
    known: &[LEAVES, ids_of!("event", "")],
};

/// Which ids are compared next.
///
/// It has an end: where nothing is known of a table, all that is behind an id would be read and sorted for the first few of it.
#[derive(Debug, Clone, Copy)]
struct Span {
    behind: Option<Uuid>,
    width: u128,
}

impl Span {
    fn new(behind: Option<Uuid>) -> Self {
        const DAY_MS: u128 = 86_400_000;
        Self {
            behind,
            width: DAY_MS << 80,
        }
    }

    fn from(self) -> u128 {
        self.behind.map_or(0, |id| id.as_u128())
    }

    fn to(self) -> Uuid {
        Uuid::from_u128(self.from().saturating_add(self.width))
    }

    /// What comes behind ids that it had, all of them unless there were as many as are read at a time; `None` when nothing does.
    fn next(self, had: &[Uuid]) -> Option<Self> {
        const WIDER: u128 = 8;
        let to = self.to();
        match had.last() {
            // As wide as so many have been.
            Some(last) if had.len() >= IDS => Some(Self {
                behind: Some(*last),
                width: last.as_u128().saturating_sub(self.from()).max(1),
            }),
            _ if to.is_max() => None,
            _ => Some(Self {
                behind: Some(to),
                width: match had.len() < IDS / 2 {
                    true => self.width.saturating_mul(WIDER),
                    false => self.width,
                },
            }),
        }
    }
}

impl Kind {
    /// The rows of a span for which there is nothing, in the order of their ids, and the span behind it.
    async fn alone(&self, read: &mut TenantRead, span: Span) -> Result<(Vec<Uuid>, Option<Span>), DbError> {
        let mut alone = ids(read, self.rows, span.behind, span.to()).await?;
        let next = span.next(&alone);
        alone.dedup();
        let Some(last) = alone.last().copied() else {
            return Ok((alone, next));
        };
        for known in self.known {
            let mut from = span.behind;
            // However many there are: whoever may write the tables decides that.
            while !alone.is_empty() {
                let page = ids(read, known, from, last).await?;
                alone.retain(|id| page.binary_search(id).is_err());
                match page.last().filter(|_| page.len() >= IDS) {
                    Some(last_of_page) => from = Some(*last_of_page),
                    None => break,
                }
            }
        }
        Ok((alone, next))
    }

    /// Whether there is a row without an id, which no row can be that came by the way of events.
    async fn is_nameless(&self, read: &mut TenantRead) -> Result<bool, DbError> {
        Ok(sqlx::query_scalar(self.nameless)
            .bind(read.tenant())
            .fetch_one(&mut *read)
            .await?)
    }
}

/// A page of the ids that a statement gives, in their order.
async fn ids(
    read: &mut TenantRead,
    statement: &'static str,
    behind: Option<Uuid>,
    to: Uuid,
) -> Result<Vec<Uuid>, DbError> {
    let mut ids: Vec<Uuid> = sqlx::query_scalar(statement)
        .bind(read.tenant())
        .bind(behind)
        .bind(to)
        .bind(i64::try_from(IDS).unwrap_or(i64::MAX))
        .persistent(false)
        .fetch_one(&mut *read)
        .await?;
    ids.sort_unstable();
    Ok(ids)
}

/// Events that have no position and wait for none. What was kept out of the tree is reported as that.
pub(super) async fn events(
    read: &mut TenantRead,
    behind: Option<Uuid>,
    verifier: &mut Verifier,
) -> Result<(), DbError> {
    if EVENTS.is_nameless(read).await? {
        verifier.unsequenced(Uuid::nil());
    }
    let mut next = Some(Span::new(behind));
    while let Some(span) = next {
        let alone;
        (alone, next) = EVENTS.alone(read, span).await?;
        let mut rest = &alone[..];
        while !rest.is_empty() {
            let page = rest.get(..STRAYS).unwrap_or(rest);
            let (strays, count) = Events::read_some(read, page).await?;
            let (some, others) = rest.split_at(count);
            for id in some {
                let event = strays.get(*id);
                verifier.stray(*id, event.row.as_ref(), event.entry);
            }
            rest = others;
        }
    }
    Ok(())
}

/// Canonical bytes of events that have neither a position nor a row.
pub(super) async fn entries(
    read: &mut TenantRead,
    behind: Option<Uuid>,
    verifier: &mut Verifier,
) -> Result<(), DbError> {
    if ENTRIES.is_nameless(read).await? {
        verifier.found(Finding::EntryWithoutEvent { id: Uuid::nil() });
    }
    let mut next = Some(Span::new(behind));
    while let Some(span) = next {
        let alone;
        (alone, next) = ENTRIES.alone(read, span).await?;
        for id in alone {
            verifier.found(Finding::EntryWithoutEvent { id });
        }
    }
    Ok(())
}

/// Events that wait for a position, as many as there are when this begins.
pub(super) async fn pending(read: &mut TenantRead, verifier: &mut Verifier) -> Result<(), DbError> {
    type Row = (String, Uuid, bool, Option<ProducerId>, Option<i64>);
    // What the list has no order for is never taken off it.
    let disordered: Vec<Uuid> = sqlx::query_scalar(
        "select coalesce(id, '00000000-0000-0000-0000-000000000000') from platform_audit.pending
         where tenant_id = $1 and (xid is null or id is null) limit $2",
    )
    .bind(read.tenant())
    .bind(PAGE)
    .fetch_all(&mut *read)
    .await?;
    for id in disordered {
        verifier.found(Finding::PendingWithoutEvent { id });
    }
    let newest: Option<String> = sqlx::query_scalar(
        "select xid::text from platform_audit.pending where tenant_id = $1 and xid is not null
         order by pending.xid desc limit 1",
    )
    .bind(read.tenant())
    .fetch_optional(&mut *read)
    .await?;
    let Some(newest) = newest else { return Ok(()) };
    let mut behind = ("0".to_owned(), Uuid::nil());
    loop {
        let rows: Vec<Row> = sqlx::query_as(
            // One at a time, whatever the planner thinks of how many there are.
            "select p.xid::text, p.id, e.is_there is not null, e.producer, e.counter
             from platform_audit.pending p
             left join lateral (
               select true as is_there, e.producer, e.counter from platform_audit.event e
               where e.tenant_id = $1 and e.id = p.id limit 1
             ) e on true
             where p.tenant_id = $1 and (p.xid, p.id) > ($2::text::xid8, $3) and p.xid <= $4::text::xid8 and p.id is not null
             order by p.xid, p.id limit $5",
        )
        .bind(read.tenant())
        .bind(&behind.0)
        .bind(behind.1)
        .bind(&newest)
        .bind(PAGE)
        .persistent(false)
        .fetch_all(&mut *read)
        .await?;
        for (_, id, has_event, producer, counter) in &rows {
            if !has_event {
                verifier.found(Finding::PendingWithoutEvent { id: *id });
            }
            let counter = counter.and_then(|counter| u64::try_from(counter).ok());
            verifier.pending(producer.zip(counter));
        }
        match full_page(&rows) {
            Some((xid, id, ..)) => behind = (xid.clone(), *id),
            None => return Ok(()),
        }
    }
}

/// Events that were kept out of the tree.
pub(super) async fn rejected(read: &mut TenantRead, verifier: &mut Verifier) -> Result<(), DbError> {
    let mut behind = (None, String::new());
    loop {
        let rows: Vec<(Uuid, String)> = sqlx::query_as(
            "select id, coalesce(left(reason, 64), '') from platform_audit.rejected
             where tenant_id = $1 and id is not null and ($2::uuid is null or id >= $2)
               and ($2::uuid is null or (id, coalesce(left(reason, 64), '')) > ($2, $3))
             order by id, coalesce(left(reason, 64), '') limit $4",
        )
        .bind(read.tenant())
        .bind(behind.0)
        .bind(&behind.1)
        .bind(PAGE)
        .persistent(false)
        .fetch_all(&mut *read)
        .await?;
        let mut rest = &rows[..];
        while !rest.is_empty() && verifier.knows_acknowledgements() {
            let ids: Vec<Uuid> = rest.iter().map(|(id, _)| *id).collect();
            let (events, count) = Events::read_some(read, &ids).await?;
            let (some, others) = rest.split_at(count);
            for (id, reason) in some {
                verifier.rejected(*id, reason, events.get(*id).state());
            }
            rest = others;
        }
        for (id, reason) in rest {
            verifier.rejected(*id, reason, RowState::Unknown);
        }
        match full_page(&rows) {
            Some((id, reason)) => behind = (Some(*id), reason.clone()),
            None => return Ok(()),
        }
    }
}

/// The last of a page behind which there may be more.
fn full_page<T>(rows: &[T]) -> Option<&T> {
    rows.last().filter(|_| i64::try_from(rows.len()) == Ok(PAGE))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What the spans are given of these ids, in their order, and how many spans that takes.
    fn gone_through(behind: Option<Uuid>, ids: &[Uuid]) -> (Vec<Uuid>, usize) {
        let (mut seen, mut spans) = (Vec::new(), 0);
        let mut next = Some(Span::new(behind));
        while let Some(span) = next {
            let from = ids.partition_point(|id| span.behind.is_some_and(|behind| *id <= behind));
            let to = ids.partition_point(|id| *id <= span.to());
            let had = &ids[from..to.min(from + IDS)];
            seen.extend_from_slice(had);
            next = span.next(had);
            spans += 1;
        }
        (seen, spans)
    }

    #[test]
    fn spans_have_every_id_once_wherever_it_is() {
        let edges = [0, 1, u128::MAX - 1, u128::MAX].map(Uuid::from_u128);
        let spread = |count: u128, first: u128, step: u128| -> Vec<Uuid> {
            (0..count).map(|n| Uuid::from_u128(first + n * step)).collect()
        };
        // Of one moment, of thirty years, and from one end to the other.
        let now = 0x019e_f72a_2da9_u128 << 80;
        for ids in [
            vec![],
            edges.to_vec(),
            spread(220_000, now, 1),
            spread(220_000, now, 4_300_000 << 80),
            spread(220_000, 0, u128::MAX / 220_000),
            spread(50_000, now, 1 << 80),
        ] {
            let (seen, spans) = gone_through(None, &ids);

            assert!(seen == ids, "{} of {}", seen.len(), ids.len());
            assert!(spans < 60, "{spans}");
        }
    }

    #[test]
    fn spans_begin_behind_an_id() {
        let ids: Vec<Uuid> = (0..10).map(Uuid::from_u128).collect();

        assert_eq!(gone_through(Some(ids[3]), &ids).0, ids[4..]);
        assert!(gone_through(Some(Uuid::max()), &ids).0.is_empty());
    }
}
