//! Looking through the trail.

use platform_core::Timestamp;
use platform_core::pg::{DbError, TenantRead};
use platform_core::uuid::Uuid;
use sqlx::Arguments as _;
use sqlx::postgres::PgArguments;

use super::filter::{EventFilter, InvalidFilter};
use super::list::{EventList, Scan};
use super::reader::Reader;
use super::statement::{arguments, filter_conditions};
use crate::entry::event_columns;
use crate::{AuditLog, EventPage, RecordedEvent, StoredRow};

/// How many events one scan looks at before it gives up for this page.
const SCAN_EVENTS_MAX: i64 = 10_000;

/// How far the time in an event's id, which the program's clock made, may be from the time at which it was recorded: a day. Those that
/// are further are in an index of their own. `platform_audit.is_skewed` counts 1320 times 65.536 seconds; two more cover what
/// it rounds off.
const SKEW_MS: i128 = 1_322 * 65_536;

/// Nothing was found, because nothing could be looked for.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SearchError {
    /// The filter means nothing; whoever made it has to change it.
    #[error(transparent)]
    Filter(#[from] InvalidFilter),
    /// The database refused or could not be reached.
    #[error("the trail could not be read")]
    Db(#[from] DbError),
}

impl From<sqlx::Error> for SearchError {
    fn from(error: sqlx::Error) -> Self {
        Self::Db(error.into())
    }
}

impl AuditLog {
    /// The events of the tenant that pass a filter and that the reader may see, newest first: in the order of their ids, which is
    /// that of the programs' clocks.
    ///
    /// One page costs a bounded time, whatever the filter. It takes the index that fits best (request, first target, actor, action,
    /// else the order of ids), and looks at no more than 10,000 events on the way; when that many did not fill the page it answers
    /// what it has found, and [`EventList::next`] says where to go on. A range of `recorded_at` leaves out the months that cannot
    /// have any of it; an event that a program with a wrong clock recorded, or that was recorded late, is found all the same.
    ///
    /// ```no_run
    /// use platform_audit::{AuditLog, EventFilter, EventPage, Reader};
    /// use platform_core::RequestContext;
    /// use platform_core::pg::Db;
    ///
    /// async fn refused(db: &Db, log: &AuditLog, ctx: &RequestContext) -> Result<usize, Box<dyn std::error::Error>> {
    ///     let filter = EventFilter::new().action("order.").outcome(platform_audit::Outcome::Denied);
    ///     let mut page = EventPage::newest(100);
    ///     let mut count = 0;
    ///     loop {
    ///         let mut read = db.read(ctx).await?;
    ///         let list = log.search(&mut read, Reader::of(ctx), &filter, page).await?;
    ///         count += list.events.len();
    ///         match list.next {
    ///             Some(next) => page = EventPage::before(next, 100),
    ///             None => return Ok(count),
    ///         }
    ///     }
    /// }
    /// ```
    ///
    /// # Errors
    /// [`SearchError`]: the filter is wrong, or the database failed.
    pub async fn search(
        &self,
        read: &mut TenantRead,
        reader: Reader,
        filter: &EventFilter,
        page: EventPage,
    ) -> Result<EventList, SearchError> {
        filter.check()?;
        let limit = page.limit.clamp(1, EventPage::LIMIT_MAX);
        let window = Window::of(filter, page);
        let everything = Window::of(&EventFilter::new(), page);
        let mut scans = Vec::new();
        let by_index = Driver::of(filter);
        // One more than wanted says whether there are more.
        let rows = i64::from(limit) + 1;
        scans.push(scan(read, BY_INDEX, (reader, filter), &by_index, window, rows).await?);
        if by_index.target.is_some() {
            let any = Driver::default();
            scans.push(scan(read, AMONG_TARGETS, (reader, filter), &any, window, rows).await?);
        }
        if window != everything {
            let any = Driver::default();
            scans.push(scan(read, SKEWED, (reader, filter), &any, everything, rows).await?);
        }
        let limit = usize::try_from(limit).unwrap_or(usize::MAX);
        Ok(EventList::of_scans(scans, limit))
    }
}

/// The condition whose index a scan goes along; the others are looked at event by event.
#[derive(Debug, Clone, Copy, Default)]
struct Driver<'a> {
    request: Option<Uuid>,
    target: Option<(&'a str, &'a str)>,
    actor: Option<Uuid>,
    action: Option<&'a str>,
}

impl<'a> Driver<'a> {
    /// The one that leaves the fewest events to be looked at, as far as one can tell without looking.
    fn of(filter: &'a EventFilter) -> Self {
        let none = Self::default();
        let target = filter.target_kind.as_deref().zip(filter.target_id.as_deref());
        if let Some(request) = filter.request_id {
            let request = Some(request.as_uuid());
            Self { request, ..none }
        } else if target.is_some() {
            Self { target, ..none }
        } else if let Some(actor) = filter.actor_id {
            let actor = Some(actor.as_uuid());
            Self { actor, ..none }
        } else {
            let action = filter.whole_action();
            Self { action, ..none }
        }
    }
}

/// The ids that are looked at: from the first on, below the last.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Window {
    from: Uuid,
    below: Uuid,
}

impl Window {
    fn of(filter: &EventFilter, page: EventPage) -> Self {
        let from = filter
            .recorded_from
            .map(|at| first_id(milliseconds(at) - SKEW_MS));
        let below = filter
            .recorded_to
            .map(|at| first_id(milliseconds(at) + SKEW_MS + 1));
        let before = page.before.map_or(Uuid::max(), |event| event.as_uuid());
        Self {
            from: from.unwrap_or(Uuid::nil()),
            below: below.map_or(before, |below| below.min(before)),
        }
    }
}

/// Since 1970, in whole milliseconds.
fn milliseconds(at: Timestamp) -> i128 {
    at.unix_timestamp_nanos().div_euclid(1_000_000)
}

/// The smallest UUIDv7 of this millisecond, as `platform_audit.first_id_at` makes it.
fn first_id(milliseconds: i128) -> Uuid {
    const BITS_BELOW: u32 = 80;
    const LAST: u128 = (1 << 48) - 1;
    let milliseconds = u128::try_from(milliseconds).unwrap_or(0).min(LAST);
    Uuid::from_u128(milliseconds << BITS_BELOW)
}

macro_rules! scan_along {
    ($driver:literal) => {
        concat!(
            "select ",
            event_columns!(),
            ", e.matches, e.scanned, l.seq
             from (
               select e.*, m.matches
               from (
                 select e.*, row_number() over (order by e.id desc) as scanned
                 from platform_audit.event e
                 where e.tenant_id = $1 and ",
            $driver,
            " and e.id >= $19 and e.id < $20
                 order by e.id desc
                 limit $21
               ) e
               cross join lateral (select (",
            filter_conditions!(),
            ") is true as matches) m
               where m.matches or e.scanned = $21
               order by e.id desc
               limit $22
             ) e
             left join platform_audit.leaf l on l.tenant_id = e.tenant_id and l.id = e.id
             order by e.id desc"
        )
    };
}

/// Along the index of the driver, or that of ids when there is none.
const BY_INDEX: &str = scan_along!(
    "($14::uuid is null or e.request_id = $14)
     and ($15::text is null or e.target_kind = $15 and e.target_id = $16)
     and ($17::uuid is null or e.actor_id = $17)
     and ($18::text is null or e.action = $18)"
);

/// Along those with several targets, for what is not the first of them.
const AMONG_TARGETS: &str = scan_along!(
    "e.targets -> 1 is not null
     and $14::uuid is null and $15::text is null and $16::text is null and $17::uuid is null and $18::text is null"
);

/// Along those whose id says another time than the one at which they were recorded.
const SKEWED: &str = scan_along!(
    "platform_audit.is_skewed(e.id, e.recorded_at)
     and $14::uuid is null and $15::text is null and $16::text is null and $17::uuid is null and $18::text is null"
);

#[derive(sqlx::FromRow)]
struct Row {
    #[sqlx(flatten)]
    stored: StoredRow,
    seq: Option<i64>,
    /// It passes the filter. Without it, the row only says how far the scan has come.
    matches: bool,
    scanned: i64,
}

async fn scan(
    read: &mut TenantRead,
    sql: &'static str,
    (reader, filter): (Reader, &EventFilter),
    driver: &Driver<'_>,
    window: Window,
    rows: i64,
) -> Result<Scan, SearchError> {
    let mut arguments = arguments(read.tenant(), reader, filter)?;
    add(&mut arguments, driver, window, rows).map_err(sqlx::Error::Encode)?;
    let found: Vec<Row> = sqlx::query_as_with(sql, arguments)
        .persistent(false)
        .fetch_all(&mut *read)
        .await?;
    let last = found.last().filter(|row| {
        let page_is_full = i64::try_from(found.len()) == Ok(rows);
        page_is_full || row.scanned == SCAN_EVENTS_MAX
    });
    let down_to = last.map(|row| row.stored.entry.id);
    let matching = found.into_iter().filter(|row| row.matches);
    let events = matching
        .map(|row| RecordedEvent::of(row.stored, row.seq))
        .collect::<Result<_, _>>()?;
    Ok(Scan { events, down_to })
}

fn add(
    arguments: &mut PgArguments,
    driver: &Driver<'_>,
    window: Window,
    rows: i64,
) -> Result<(), sqlx::error::BoxDynError> {
    arguments.add(driver.request)?;
    arguments.add(driver.target.map(|(kind, _)| kind))?;
    arguments.add(driver.target.map(|(_, id)| id))?;
    arguments.add(driver.actor)?;
    arguments.add(driver.action)?;
    arguments.add(window.from)?;
    arguments.add(window.below)?;
    arguments.add(SCAN_EVENTS_MAX)?;
    arguments.add(rows)
}
