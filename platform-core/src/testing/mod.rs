//! Databases for tests.
//!
//! [`TestDb::shared`] is what most tests want: a handle to a migrated database that the tests of the same migrations share,
//! each under a fresh tenant of its own, so that they exercise isolation by running side by side. [`TestDb::own`] clones a
//! database for a test that touches roles, tables or other global state. [`TestCluster::on_disk`] is a whole server for tests
//! that kill it.
//!
//! ```no_run
//! use platform_core::testing::TestDb;
//!
//! # async fn example() -> Result<(), Box<dyn std::error::Error>> {
//! let test = TestDb::shared(&[]).await;
//! let ctx = test.context(test.tenant().await);
//!
//! let tx = test.db().begin(&ctx).await?;
//! // … what the test is about …
//! tx.commit().await?;
//! # Ok(()) }
//! ```
//!
//! # Where the databases are
//!
//! On the server of `TEST_DATABASE_URL`, a superuser's URL, when that variable is set. Otherwise on a cluster of this machine and
//! user, in memory where `/dev/shm` has room for it and in the temporary folder elsewhere, with `fsync` off. The first test
//! process starts it, the others adopt it, and it stops and removes itself ten minutes after the last one has gone.
//!
//! Migrations run once, into a template named by a hash of them. Tests drop nothing, because dropping a database is slow:
//! what they leave is swept in the background by a later test process.
//!
//! These functions panic when there is no database, with a message that says what to do.
#![allow(
    clippy::panic,
    reason = "test support: a test without its database can only fail, and says why"
)]

mod crash;
mod db;
mod isolation;
mod missing;
mod server;
mod shared_cluster;
mod sweep;
mod template;
mod url;

pub use crash::TestCluster;
pub use db::{TestDatabase, TestDb};
pub use isolation::{IsolatedTables, assert_tables_isolated};
pub use missing::{not_here, python_with, skipped};

/// What goes wrong in here ends in a panic's message.
type BoxError = Box<dyn std::error::Error + Send + Sync>;

/// The login that owns the schemas of test databases and runs the migrations.
pub const OWNER_LOGIN: &str = "platform_owner_login";

/// The login under which tests work: a member of the two group roles of every transaction, and of those that the
/// migrations of tests name.
pub const APP_LOGIN: &str = "platform_app_login";

/// The value, or a panic with the whole chain of causes.
#[track_caller]
fn must<T>(what: &str, result: Result<T, impl Into<BoxError>>) -> T {
    match result {
        Ok(value) => value,
        Err(error) => {
            let error = error.into();
            let mut message = format!("{what}: {error}");
            let mut cause = error.source();
            while let Some(source) = cause {
                message.push_str(&format!(": {source}"));
                cause = source.source();
            }
            panic!("{message}")
        }
    }
}
