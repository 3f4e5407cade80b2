//! Which reports there are.

use std::fmt::{self, Display};
use std::str::FromStr;

use platform_core::Timestamp;

use crate::UnknownWord;

/// A report over a tenant's trail. Each is one statement with fixed columns.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ReportKind {
    /// What every user and service has done, counted: [`UserAccess`](crate::UserAccess).
    AccessByUser,
    /// What was done on behalf of others, rights that were given and taken, and whatever is of high severity:
    /// [`PrivilegedAccess`](crate::PrivilegedAccess).
    PrivilegedAccess,
    /// Sign-ins that failed or were refused: [`FailedSignIn`](crate::FailedSignIn).
    FailedSignIns,
    /// Changes of tenants, roles, settings and holds: [`ConfigurationChange`](crate::ConfigurationChange).
    ConfigurationChanges,
    /// What was done with keys and data subjects: [`KeyOperation`](crate::KeyOperation).
    KeyOperations,
    /// Data that left the platform: [`DataExport`](crate::DataExport).
    Exports,
    /// The newest signed checkpoint, who signed it, and what verifying the trail found: [`Integrity`](crate::Integrity). It is about
    /// the whole trail and takes no range.
    Integrity,
}

impl ReportKind {
    /// Every report.
    pub const ALL: [Self; 7] = [
        Self::AccessByUser,
        Self::PrivilegedAccess,
        Self::FailedSignIns,
        Self::ConfigurationChanges,
        Self::KeyOperations,
        Self::Exports,
        Self::Integrity,
    ];

    /// Its name in addresses and commands.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::AccessByUser => "access-by-user",
            Self::PrivilegedAccess => "privileged-access",
            Self::FailedSignIns => "failed-sign-ins",
            Self::ConfigurationChanges => "configuration-changes",
            Self::KeyOperations => "key-operations",
            Self::Exports => "exports",
            Self::Integrity => "integrity",
        }
    }
}

impl FromStr for ReportKind {
    type Err = UnknownWord;

    fn from_str(name: &str) -> Result<Self, Self::Err> {
        let known = Self::ALL.into_iter().find(|kind| kind.as_str() == name);
        known.ok_or(UnknownWord { kind: "report" })
    }
}

impl Display for ReportKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// From when to when: what was stored at `from` or later and before `to`, by the database's clock.
///
/// ```
/// use platform_audit::ReportRange;
/// use platform_core::time::macros::datetime;
///
/// let november = ReportRange::new(datetime!(2026-11-01 0:00 UTC), datetime!(2026-12-01 0:00 UTC));
/// assert!(november.is_ok());
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ReportRange {
    pub(super) from: Timestamp,
    pub(super) to: Timestamp,
}

/// A range ends where it begins or before, or is not in the years 1 to 9999.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a range of time begins before it ends, in the years 1 to 9999")]
pub struct InvalidRange;

impl ReportRange {
    /// The range from one time to another.
    ///
    /// # Errors
    /// [`InvalidRange`].
    pub fn new(from: Timestamp, to: Timestamp) -> Result<Self, InvalidRange> {
        let in_years = |at: Timestamp| (1..=9999).contains(&at.to_utc().year());
        match from < to && in_years(from) && in_years(to) {
            true => Ok(Self { from, to }),
            false => Err(InvalidRange),
        }
    }

    /// Its beginning.
    pub const fn from(&self) -> Timestamp {
        self.from
    }

    /// Its end, which is not part of it.
    pub const fn to(&self) -> Timestamp {
        self.to
    }
}
