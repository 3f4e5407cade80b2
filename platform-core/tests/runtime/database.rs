use platform_core::metrics::Metrics;
use platform_core::pg::{CORE_MIGRATIONS, Db};
use platform_core::runtime::{
    BuildCx, Descriptor, Module, ModuleError, Outcome, Parts, Platform, ShutdownConfig,
};
use platform_core::testing::TestDb;

use crate::support::{Served, building, get};

/// A module that keeps something in the database.
struct Ledger;

impl Module for Ledger {
    fn descriptor(&self) -> Descriptor {
        Descriptor::new("ledger", "1.0.0")
    }

    fn migrations(&self) -> Option<&'static platform_core::pg::Migrations> {
        Some(&CORE_MIGRATIONS)
    }

    fn build(&self, cx: &mut BuildCx<'_>) -> Result<Parts, ModuleError> {
        cx.db()?;
        Ok(Parts::default())
    }
}

fn with(db: &Db) -> Platform {
    let report = building(
        Descriptor::new("report", "1.0.0").requires("ledger", "^1"),
        |cx| {
            cx.db()?;
            Ok(Parts::default())
        },
    );
    Platform::builder(db.clone(), db.sources().clone(), Metrics::new())
        .module(report)
        .module(Ledger)
        .build()
        .unwrap()
}

#[tokio::test]
async fn the_database_decides_whether_the_instance_is_ready_but_not_whether_it_is_alive() {
    let test_db = Box::pin(TestDb::shared(&[&CORE_MIGRATIONS])).await;
    let db = test_db.connect_with(1).await;
    let reached = Served::start(with(&db), ShutdownConfig::default()).await;
    let ready = get(reached.address, "/readyz").await.0;

    db.close().await;
    let lost = Served::start(with(&db), ShutdownConfig::default()).await;
    let (still_ready, alive) = (
        get(lost.address, "/readyz").await.0,
        get(lost.address, "/livez").await.0,
    );

    assert_eq!((ready, still_ready, alive), (200, 503, 200));
    assert_eq!(reached.stop().await, Outcome::Clean);
    assert_eq!(lost.stop().await, Outcome::Clean);
}

#[tokio::test]
async fn the_migrations_of_modules_are_known_before_and_after_the_build() {
    let plan = Platform::plan(&[&Ledger]).unwrap();
    let test_db = Box::pin(TestDb::shared(&[&CORE_MIGRATIONS])).await;
    let platform = with(&test_db.db());

    let planned: Vec<_> = plan
        .migrations()
        .iter()
        .map(|migrations| migrations.schema)
        .collect();
    let built: Vec<_> = platform
        .migrations()
        .iter()
        .map(|migrations| migrations.schema)
        .collect();

    assert_eq!(planned, ["platform_core"]);
    assert_eq!(built, planned);
}
