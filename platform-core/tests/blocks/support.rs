//! What the tests of this binary share.

use platform_core::pg::{GroupRole, Migrations};
use platform_core::sqlx::{self, Connection as _, PgConnection};
use platform_core::testing::{TestDatabase, TestDb};

/// May write the tally, under a lease of the platform's.
pub(crate) const FENCER: GroupRole = GroupRole::new("platform_test_fencer");

pub(crate) static BLOCKS: Migrations = Migrations {
    schema: "blocks",
    migrator: &sqlx::migrate!("tests/blocks/migrations"),
    roles: &[FENCER],
};

/// The shared database with the journal in it.
pub(crate) async fn shared() -> TestDb {
    Box::pin(TestDb::shared(&[&BLOCKS])).await
}

/// A database of the test's own with the journal in it.
pub(crate) async fn own() -> TestDb {
    Box::pin(TestDb::own(&[&BLOCKS])).await
}

pub(crate) async fn superuser(database: &TestDatabase) -> PgConnection {
    PgConnection::connect(&database.superuser_url()).await.unwrap()
}
