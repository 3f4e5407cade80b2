//! What the rows of all reports have in common.

use serde::Serialize;
use sqlx::FromRow;
use sqlx::postgres::PgRow;

use super::{ReportCursor, ReportKind};

/// A row of a report.
pub trait ReportRow: for<'r> FromRow<'r, PgRow> + Serialize + Send + Unpin + 'static {
    /// Which report it is of.
    const KIND: ReportKind;

    /// Its columns, in order.
    const COLUMNS: &'static [&'static str];

    #[doc(hidden)]
    const SQL: &'static str;

    /// Where the report goes on after it.
    fn cursor(&self) -> ReportCursor;
}

/// Events of the tenant ($1) stored from $2 on and before $3 that the reader may see ($4), with the further condition. An id is made by
/// a program's clock: those that are further than a day from the time at which they were stored are in an index of their own.
macro_rules! events_in_range {
    ($wanted:literal, $end:literal) => {
        concat!(
            "((select e.* from platform_audit.event e
               where e.tenant_id = $1
                 and e.id >= platform_audit.first_id_at($2::timestamptz - interval '25 hours')
                 and e.id < platform_audit.first_id_at($3::timestamptz + interval '25 hours')
                 and e.recorded_at >= $2 and e.recorded_at < $3 and ($4 or e.visibility = 'tenant') and ",
            $wanted,
            $end,
            ") union all
              (select e.* from platform_audit.event e
               where e.tenant_id = $1 and platform_audit.is_skewed(e.id, e.recorded_at)
                 and not (
                   e.id >= platform_audit.first_id_at($2::timestamptz - interval '25 hours')
                   and e.id < platform_audit.first_id_at($3::timestamptz + interval '25 hours')
                 )
                 and e.recorded_at >= $2 and e.recorded_at < $3 and ($4 or e.visibility = 'tenant') and ",
            $wanted,
            $end,
            ")) e"
        )
    };
}
pub(super) use events_in_range;

/// A report with one row for each event, the oldest first: $5 is the event before the page, $6 the number of rows.
macro_rules! event_report {
    (
        $(#[$meta:meta])*
        $name:ident = $kind:ident, $columns:literal, $wanted:literal {
            $($(#[$field_meta:meta])* $field:ident: $type:ty $(= $with:literal)?,)+
        }
    ) => {
        $(#[$meta])*
        #[derive(Debug, Clone, PartialEq, serde::Serialize, sqlx::FromRow)]
        #[non_exhaustive]
        pub struct $name {
            $($(#[$field_meta])* $(#[serde(with = $with)])? pub $field: $type,)+
        }

        impl $crate::report::ReportRow for $name {
            const KIND: $crate::ReportKind = $crate::ReportKind::$kind;
            const COLUMNS: &'static [&'static str] = &[$(stringify!($field)),+];
            const SQL: &'static str = concat!(
                "select ",
                $columns,
                " from ",
                $crate::report::row::events_in_range!($wanted, " and ($5::uuid is null or e.id > $5) order by e.id limit $6"),
                " order by e.id limit $6"
            );

            fn cursor(&self) -> $crate::ReportCursor {
                $crate::ReportCursor::event(self.id)
            }
        }
    };
}
pub(super) use event_report;
