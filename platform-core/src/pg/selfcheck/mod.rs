//! The start-up self-check: is the isolation that the types promise really in the database?

mod canary;
mod codes;
mod report;
mod version;

pub use report::{AllowList, Allowed, Finding, Level, Report};

use super::{Db, DbError};

/// One row for each hazard.
const QUERY: &str = include_str!("selfcheck.sql");

impl Db {
    /// Looks for every known way around the isolation of tenants, and tries it with a live canary.
    ///
    /// The catalog is read in one round trip: roles, privileges, tables, policies, keys, views, functions, publications and
    /// settings. Then a row is written as one tenant, looked for as another, as a reader of another subtree and without a
    /// tenant, and rolled back. Run it before the first request is accepted, and from time to time after that: somebody may
    /// alter the database while the service runs.
    ///
    /// The roles that are looked at are the login, the two group roles of every transaction, and every other one whose name begins
    /// with `platform_` that the login is a member of. A policy that a partition has in the same words as its partitioned table is
    /// reported under the table alone.
    ///
    /// ```no_run
    /// use platform_core::pg::{AllowList, Allowed, Db};
    ///
    /// # async fn example(db: Db) -> Result<(), Box<dyn std::error::Error>> {
    /// let allow = AllowList::core().with(Allowed {
    ///     code: "TABLE_WITHOUT_TENANT_COLUMN",
    ///     object: "parcels.postal_code",
    ///     reason: "public reference data, the same for everybody",
    /// });
    ///
    /// let report = db.self_check(&allow).await?;
    /// if !report.passes() {
    ///     return Err(report.to_string().into());
    /// }
    /// # Ok(()) }
    /// ```
    ///
    /// # Errors
    /// [`DbError`] when the check could not be run; that is not a pass.
    pub async fn self_check(&self, allow: &AllowList) -> Result<Report, DbError> {
        let mut read = self.global_read().await?;
        let rows: Vec<(String, String)> = sqlx::query_as(QUERY).fetch_all(&mut read).await?;
        read.finish().await?;
        let mut findings: Vec<Finding> = rows
            .into_iter()
            .filter(|(code, object)| code != version::CODE || version::is_vulnerable(object))
            .map(|(code, object)| Finding::of(&code, object))
            .collect();
        match canary::release(self).await {
            Ok(found) => findings.extend(found),
            // With such findings the canary may not even get off the ground, and they say why.
            Err(DbError::Query(_)) if !Report::judge(findings.clone(), allow).passes() => {}
            Err(error) => return Err(error),
        }
        Ok(Report::judge(findings, allow))
    }
}
