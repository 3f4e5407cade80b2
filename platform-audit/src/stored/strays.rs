//! What is stored without a position.

use platform_core::pg::{DbError, TenantRead};
use platform_core::uuid::Uuid;

use super::events::Events;
use crate::verify::RowState;
use crate::{Finding, ProducerId, Verifier};

/// How many rows one statement goes through.
const ROWS: i64 = 50_000;

/// How many rows one statement gives.
const PAGE: i64 = 1_000;

/// Ids behind one and up to another.
#[derive(Debug, Clone, Copy, Default)]
struct Span {
    behind: Option<Uuid>,
    to: Option<Uuid>,
}

/// Events that have no position and wait for none. What was kept out of the tree is reported as that.
pub(super) async fn events(
    read: &mut TenantRead,
    behind: Option<Uuid>,
    verifier: &mut Verifier,
) -> Result<(), DbError> {
    let mut span = Span { behind, to: None };
    loop {
        span.to = sqlx::query_scalar(
            "select id from platform_audit.event where tenant_id = $1 and ($2::uuid is null or id > $2)
             order by id offset $3 limit 1",
        )
        .bind(read.tenant())
        .bind(span.behind)
        .bind(ROWS)
        .persistent(false)
        .fetch_optional(&mut *read)
        .await?;
        loop {
            // The range is said of every table: the planner does not infer it, and would go through all of them for each span.
            let ids: Vec<Uuid> = sqlx::query_scalar(
                "select e.id from platform_audit.event e
                 where e.tenant_id = $1 and ($2::uuid is null or e.id > $2) and ($3::uuid is null or e.id <= $3)
                   and not exists (select from platform_audit.leaf l where l.tenant_id = $1 and l.id = e.id and l.seq >= 0
                     and ($2::uuid is null or l.id > $2) and ($3::uuid is null or l.id <= $3))
                   and not exists (select from platform_audit.pending p where p.tenant_id = $1 and p.id = e.id
                     and ($2::uuid is null or p.id > $2) and ($3::uuid is null or p.id <= $3))
                   and not exists (select from platform_audit.rejected r where r.tenant_id = $1 and r.id = e.id
                     and ($2::uuid is null or r.id > $2) and ($3::uuid is null or r.id <= $3))
                 order by e.id limit $4",
            )
            .bind(read.tenant())
            .bind(span.behind)
            .bind(span.to)
            .bind(PAGE)
            .persistent(false)
            .fetch_all(&mut *read)
            .await?;
            let mut rest = &ids[..];
            while !rest.is_empty() {
                let (strays, count) = Events::read_some(read, rest).await?;
                let (some, others) = rest.split_at(count);
                for id in some {
                    let event = strays.get(*id);
                    verifier.stray(*id, event.row.as_ref(), event.entry);
                }
                rest = others;
            }
            match full_page(&ids) {
                Some(last) => span.behind = Some(*last),
                None => break,
            }
        }
        match span.to {
            Some(to) => span.behind = Some(to),
            None => return Ok(()),
        }
    }
}

/// Canonical bytes of events that have neither a position nor a row.
pub(super) async fn entries(
    read: &mut TenantRead,
    behind: Option<Uuid>,
    verifier: &mut Verifier,
) -> Result<(), DbError> {
    let mut span = Span { behind, to: None };
    loop {
        span.to = sqlx::query_scalar(
            "select id from platform_audit.entry where tenant_id = $1 and ($2::uuid is null or id > $2)
             order by id offset $3 limit 1",
        )
        .bind(read.tenant())
        .bind(span.behind)
        .bind(ROWS)
        .persistent(false)
        .fetch_optional(&mut *read)
        .await?;
        loop {
            let ids: Vec<Uuid> = sqlx::query_scalar(
                "select n.id from platform_audit.entry n
                 where n.tenant_id = $1 and ($2::uuid is null or n.id > $2) and ($3::uuid is null or n.id <= $3)
                   and not exists (select from platform_audit.leaf l where l.tenant_id = $1 and l.id = n.id and l.seq >= 0
                     and ($2::uuid is null or l.id > $2) and ($3::uuid is null or l.id <= $3))
                   and not exists (select from platform_audit.event e where e.tenant_id = $1 and e.id = n.id
                     and ($2::uuid is null or e.id > $2) and ($3::uuid is null or e.id <= $3))
                 order by n.id limit $4",
            )
            .bind(read.tenant())
            .bind(span.behind)
            .bind(span.to)
            .bind(PAGE)
            .persistent(false)
            .fetch_all(&mut *read)
            .await?;
            for id in &ids {
                verifier.found(Finding::EntryWithoutEvent { id: *id });
            }
            match full_page(&ids) {
                Some(last) => span.behind = Some(*last),
                None => break,
            }
        }
        match span.to {
            Some(to) => span.behind = Some(to),
            None => return Ok(()),
        }
    }
}

/// Events that wait for a position, as many as there are when this begins.
pub(super) async fn pending(read: &mut TenantRead, verifier: &mut Verifier) -> Result<(), DbError> {
    type Row = (String, Uuid, bool, Option<ProducerId>, Option<i64>);
    let newest: Option<String> = sqlx::query_scalar(
        "select xid::text from platform_audit.pending where tenant_id = $1 order by pending.xid desc limit 1",
    )
    .bind(read.tenant())
    .fetch_optional(&mut *read)
    .await?;
    let Some(newest) = newest else { return Ok(()) };
    let mut behind = ("0".to_owned(), Uuid::nil());
    loop {
        let rows: Vec<Row> = sqlx::query_as(
            "select p.xid::text, p.id, e.id is not null, e.producer, e.counter
             from platform_audit.pending p
             left join platform_audit.event e on e.tenant_id = p.tenant_id and e.id = p.id
             where p.tenant_id = $1 and (p.xid, p.id) > ($2::text::xid8, $3) and p.xid <= $4::text::xid8
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
