//! How long events of a class are kept.

use std::fmt::{self, Display};

use platform_core::pg::{DbError, TenantRead};
use sqlx::postgres::types::PgInterval;
use sqlx::{Executor, Postgres};

use crate::{AuditLog, Retention};

/// How long events of a class are kept: a row of `platform_audit.retention_class`.
///
/// The classes of the platform are there from the beginning; the owner of the schema adds others in a migration. A class can be
/// lengthened later, and not shortened.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct RetentionClass {
    /// Its name.
    pub name: Retention,
    /// No event is deleted before this time is over; the database refuses it to everybody.
    pub keep_min: KeepFor,
    /// Events are deleted after this time; `None` keeps them for good.
    pub keep_max: Option<KeepFor>,
    /// The law that demands the minimum. Before it the erasure of a data subject has to wait; `None` where nothing does.
    pub duty: Option<String>,
}

/// A length of time by the calendar.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct KeepFor {
    /// Whole months.
    pub months: i32,
    /// Whole days on top of the months.
    pub days: i32,
    /// Microseconds on top of the days.
    pub microseconds: i64,
}

impl AuditLog {
    /// Every retention class there is, by name.
    ///
    /// # Errors
    /// [`DbError`] as the database gives it.
    pub async fn retention_classes(&self, read: &mut TenantRead) -> Result<Vec<RetentionClass>, DbError> {
        classes(read).await
    }
}

pub(super) async fn classes<'c>(
    executor: impl Executor<'c, Database = Postgres>,
) -> Result<Vec<RetentionClass>, DbError> {
    let rows: Vec<(String, PgInterval, Option<PgInterval>, Option<String>)> = sqlx::query_as(
        "select name, keep_min, keep_max, duty from platform_audit.retention_class order by name",
    )
    .fetch_all(executor)
    .await?;
    let class = |(name, keep_min, keep_max, duty): (String, PgInterval, Option<PgInterval>, _)| {
        let name = name.parse().map_err(|error| sqlx::Error::ColumnDecode {
            index: "name".to_owned(),
            source: Box::<crate::InvalidRetention>::new(error),
        })?;
        Ok(RetentionClass {
            name,
            keep_min: keep_min.into(),
            keep_max: keep_max.map(KeepFor::from),
            duty,
        })
    };
    rows.into_iter().map(class).collect()
}

impl KeepFor {
    /// How long events of the platform's own classes are kept at least. The table says the same, and whoever can write it could have
    /// shortened it: what this program deletes is not younger.
    pub(super) fn floor(class: &Retention) -> Self {
        let (months, days) = match class.as_str() {
            "regulatory" => (72, 0),
            "security" => (12, 0),
            "operational" => (0, 90),
            _ => (0, 0),
        };
        Self {
            months,
            days,
            microseconds: 0,
        }
    }

    /// The longer one, for lengths that differ by more than the months' own lengths.
    pub(super) fn at_least(self, floor: Self) -> Self {
        let days = |keep: Self| i64::from(keep.months) * 30 + i64::from(keep.days);
        if days(self) < days(floor) { floor } else { self }
    }
}

impl From<PgInterval> for KeepFor {
    fn from(interval: PgInterval) -> Self {
        Self {
            months: interval.months,
            days: interval.days,
            microseconds: interval.microseconds,
        }
    }
}

impl From<KeepFor> for PgInterval {
    fn from(keep: KeepFor) -> Self {
        Self {
            months: keep.months,
            days: keep.days,
            microseconds: keep.microseconds,
        }
    }
}

/// As in `6 years`, `1 year 6 months`, `90 days`.
impl Display for KeepFor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let parts = [
            (i64::from(self.months / 12), "year"),
            (i64::from(self.months % 12), "month"),
            (i64::from(self.days), "day"),
            (self.microseconds, "microsecond"),
        ];
        let mut written = false;
        for (number, unit) in parts.into_iter().filter(|(number, _)| *number != 0) {
            let blank = if written { " " } else { "" };
            let plural = if number == 1 { "" } else { "s" };
            write!(f, "{blank}{number} {unit}{plural}")?;
            written = true;
        }
        match written {
            true => Ok(()),
            false => f.write_str("0 days"),
        }
    }
}
