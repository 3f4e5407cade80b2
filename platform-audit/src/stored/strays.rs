//! What is stored without a position.

use std::collections::BTreeSet;

use futures::TryStreamExt as _;
use platform_core::pg::{DbError, TenantRead};
use platform_core::uuid::Uuid;

use super::events::Events;
use crate::verify::RowState;
use crate::{Finding, ProducerId, Verifier};

/// How many rows are compared at a time.
const ROWS: i64 = 50_000;

/// How many rows one statement gives.
const PAGE: i64 = 1_000;

/// How many events are looked at as a whole at a time.
const STRAYS: usize = 1_000;

/// Rows that something else has to be stored for.
///
/// Every statement reads one table in the order of an index, and what they give is compared here. One statement over all of the tables
/// is planned by their statistics, and where there are none, as right after a restore, it compares every row with every other.
struct Kind {
    /// The ids behind $2, in their order, $3 at most.
    rows: &'static str,
    /// There is at least one that has no id.
    nameless: &'static str,
    /// The ids behind $2 and up to $3 for which there is something, each from another place, in the order in which an event goes through
    /// them: what has left a place when it is looked at has come to a later one.
    known: &'static [&'static str],
}

macro_rules! rows_of {
    ($table:literal) => {
        concat!(
            "select id from platform_audit.",
            $table,
            " where tenant_id = $1 and ($2::uuid is null or id > $2) and id is not null order by id limit $3"
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

macro_rules! known_from {
    ($table:literal, $and:literal) => {
        concat!(
            "select id from platform_audit.",
            $table,
            " where tenant_id = $1 and ($2::uuid is null or id > $2) and id <= $3 ",
            $and
        )
    };
}

const LEAVES: &str = known_from!("leaf", "and seq >= 0");

const EVENTS: Kind = Kind {
    rows: rows_of!("event"),
    nameless: nameless_of!("event"),
    // Most have a position. What has none waits for one, or did until a moment ago.
    known: &[
        LEAVES,
        known_from!("pending", ""),
        LEAVES,
        known_from!("rejected", ""),
    ],
};

const ENTRIES: Kind = Kind {
    rows: rows_of!("entry"),
    nameless: nameless_of!("entry"),
    known: &[LEAVES, known_from!("event", "")],
};

impl Kind {
    /// The next of the rows for which there is nothing, in the order of their ids, and the last row that was compared; `None` behind the
    /// last of all.
    async fn alone(
        &self,
        read: &mut TenantRead,
        behind: Option<Uuid>,
    ) -> Result<Option<(Vec<Uuid>, Uuid)>, DbError> {
        let mut alone = BTreeSet::new();
        let rows = sqlx::query_scalar::<_, Uuid>(self.rows)
            .bind(read.tenant())
            .bind(behind)
            .bind(ROWS)
            .persistent(false);
        let mut coming = rows.fetch(&mut *read);
        while let Some(id) = coming.try_next().await? {
            alone.insert(id);
        }
        drop(coming);
        let Some(last) = alone.last().copied() else {
            return Ok(None);
        };
        for known in self.known {
            if alone.is_empty() {
                break;
            }
            let known = sqlx::query_scalar::<_, Uuid>(*known)
                .bind(read.tenant())
                .bind(behind)
                .bind(last)
                .persistent(false);
            // One by one: whoever may write the tables decides how many they are.
            let mut coming = known.fetch(&mut *read);
            while let Some(id) = coming.try_next().await? {
                alone.remove(&id);
            }
        }
        Ok(Some((alone.into_iter().collect(), last)))
    }

    /// Whether there is a row without an id, which no row can be that came by the way of events.
    async fn is_nameless(&self, read: &mut TenantRead) -> Result<bool, DbError> {
        Ok(sqlx::query_scalar(self.nameless)
            .bind(read.tenant())
            .fetch_one(&mut *read)
            .await?)
    }
}

/// Events that have no position and wait for none. What was kept out of the tree is reported as that.
pub(super) async fn events(
    read: &mut TenantRead,
    mut behind: Option<Uuid>,
    verifier: &mut Verifier,
) -> Result<(), DbError> {
    if EVENTS.is_nameless(read).await? {
        verifier.unsequenced(Uuid::nil());
    }
    while let Some((alone, last)) = EVENTS.alone(read, behind).await? {
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
        behind = Some(last);
    }
    Ok(())
}

/// Canonical bytes of events that have neither a position nor a row.
pub(super) async fn entries(
    read: &mut TenantRead,
    mut behind: Option<Uuid>,
    verifier: &mut Verifier,
) -> Result<(), DbError> {
    if ENTRIES.is_nameless(read).await? {
        verifier.found(Finding::EntryWithoutEvent { id: Uuid::nil() });
    }
    while let Some((alone, last)) = ENTRIES.alone(read, behind).await? {
        for id in alone {
            verifier.found(Finding::EntryWithoutEvent { id });
        }
        behind = Some(last);
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
