//! Migrations: once, in order, by one process at a time.

use std::borrow::Cow;

use platform_core::Sources;
use platform_core::pg::{Db, DbConfig, GroupRole, MigrateError, Migrated, Migrations, Pending, migrate};
use platform_core::secrecy::SecretString;
use platform_core::sqlx::migrate::{Migration, MigrationType, Migrator};
use platform_core::sqlx::{AssertSqlSafe, SqlSafeStr};
use platform_core::testing::{APP_LOGIN, TestDatabase, TestDb};

use crate::support::{SHOP, count, login};

/// Migrations made of texts, in a schema of their own.
fn made_of(files: &[&str]) -> &'static Migrations {
    made_with(files, &[])
}

/// The same with group roles of their own.
pub(crate) fn made_with(files: &[&str], roles: &[GroupRole]) -> &'static Migrations {
    let migrations: Vec<_> = files
        .iter()
        .zip(1..)
        .map(|(sql, version)| {
            let sql = AssertSqlSafe((*sql).to_owned()).into_sql_str();
            Migration::new(version, "a step".into(), MigrationType::Simple, sql, false)
        })
        .collect();
    let migrator = Migrator {
        migrations: Cow::Owned(migrations),
        ..Migrator::DEFAULT
    };
    // Migrations are statics everywhere else.
    Box::leak(Box::new(Migrations {
        schema: "steps",
        migrator: Box::leak(Box::new(migrator)),
        roles: roles.to_vec().leak(),
    }))
}

async fn run(database: &TestDatabase, migrations: &'static Migrations) -> Result<Migrated, MigrateError> {
    let owner_url = SecretString::from(database.owner_url());
    migrate(&owner_url, Some(APP_LOGIN), &[migrations]).await
}

const STEPS: [&str; 2] = [
    "create table steps.one (tenant_id uuid not null primary key);
     select platform_core.tenant_table('steps.one', 'select')",
    "insert into steps.one (tenant_id) select '018f2b6e-7c1a-7d3e-9b1a-2f4e6d8c0a12' where false;
     create table steps.two (tenant_id uuid not null primary key)",
];

async fn has_table(database: &TestDatabase, table: &str) -> bool {
    let present =
        format!("select count(*) from (select to_regclass('{table}') as found) as t where found is not null");
    count(database, &present).await == 1
}

#[tokio::test]
async fn two_processes_at_once_apply_each_file_once() {
    let database = TestDb::empty().await;
    let files = made_of(&STEPS);

    let (first, second) = tokio::join!(run(&database, files), run(&database, files));

    let (first, second) = (first.unwrap(), second.unwrap());
    assert_eq!(first.applied + second.applied, first.known);
    assert!(first.applied == 0 || second.applied == 0, "{first:?} {second:?}");
    let applied = count(&database, "select count(*) from steps._migrations where success").await;
    assert_eq!(applied, 2);
}

#[tokio::test]
async fn a_second_run_does_nothing() {
    let database = TestDb::empty().await;
    let first = run(&database, &SHOP).await.unwrap();

    let second = run(&database, &SHOP).await.unwrap();

    assert_eq!(
        second,
        Migrated {
            applied: 0,
            known: first.known
        }
    );
}

#[tokio::test]
async fn a_file_that_was_changed_is_refused() {
    let database = TestDb::empty().await;
    run(&database, made_of(&STEPS)).await.unwrap();

    let refused = run(&database, made_of(&[STEPS[0], "create table steps.three ()"])).await;

    let refused = refused.unwrap_err();
    assert!(
        matches!(refused, MigrateError::Failed { schema: "steps", .. }),
        "{refused:?}"
    );
    assert!(!has_table(&database, "steps.three").await);
}

#[tokio::test]
async fn a_file_that_is_missing_is_refused() {
    let database = TestDb::empty().await;
    run(&database, made_of(&STEPS)).await.unwrap();

    let refused = run(&database, made_of(&STEPS[..1])).await;

    assert!(matches!(refused, Err(MigrateError::Failed { .. })), "{refused:?}");
}

#[tokio::test]
async fn a_file_that_fails_leaves_the_ones_before_it_and_nothing_of_itself() {
    let database = TestDb::empty().await;
    let broken = "create table steps.half (); select nonsense";

    let failed = run(&database, made_of(&[STEPS[0], broken])).await;
    let mended = run(&database, made_of(&STEPS)).await;

    assert!(matches!(failed, Err(MigrateError::Failed { .. })), "{failed:?}");
    assert!(has_table(&database, "steps.one").await);
    assert!(!has_table(&database, "steps.half").await);
    assert_eq!(mended.unwrap().applied, 1);
}

#[tokio::test]
async fn a_login_that_cannot_be_enrolled_is_named_with_the_statement_that_does_it() {
    let database = TestDb::empty().await;
    let (stranger, _) = login(&database, "", false).await;
    let owner_url = SecretString::from(database.owner_url());

    let refused = migrate(&owner_url, Some(&stranger), &[]).await.unwrap_err();

    let text = refused.to_string();
    assert!(
        matches!(refused, MigrateError::RolesMissing { .. }),
        "{refused:?}"
    );
    assert!(
        text.contains(&format!("grant platform_app to \"{stranger}\"")),
        "{text}"
    );
}

#[tokio::test]
async fn a_tenant_table_without_a_proper_tenant_id_is_refused() {
    for column in ["", "tenant_id uuid", "tenant_id text not null"] {
        let database = TestDb::empty().await;
        let table = format!(
            "create table steps.bad ({column}); select platform_core.tenant_table('steps.bad', 'select')"
        );

        let refused = run(&database, made_of(&[&table])).await;

        assert!(
            matches!(refused, Err(MigrateError::Failed { .. })),
            "{column}: {refused:?}"
        );
    }
}

#[tokio::test]
async fn a_privilege_that_policies_do_not_govern_is_not_granted() {
    for helper in ["tenant_table", "global_table"] {
        let database = TestDb::empty().await;
        let table = format!(
            "create table steps.bad (tenant_id uuid not null);
             select platform_core.{helper}('steps.bad', 'select, truncate')"
        );

        let refused = run(&database, made_of(&[&table])).await;

        assert!(
            matches!(refused, Err(MigrateError::Failed { .. })),
            "{helper}: {refused:?}"
        );
    }
}

#[tokio::test]
async fn a_program_learns_which_of_its_tables_are_not_there_yet() {
    let database = TestDb::empty().await;
    let (old, new) = (made_of(&STEPS[..1]), made_of(&STEPS));
    run(&database, old).await.unwrap();
    let db = connect(&database).await;

    let of_old = db.pending(&[old]).await.unwrap();
    let of_new = db.pending(&[new]).await.unwrap();
    let of_another = db.pending(&[&SHOP]).await.unwrap();

    assert_eq!(of_old, []);
    assert_eq!(
        of_new,
        [Pending {
            schema: "steps",
            found: Some(1),
            needed: 2,
            roles: Vec::new(),
        }]
    );
    assert_eq!(of_another[0].found, None);
    run(&database, new).await.unwrap();
    assert_eq!(db.pending(&[new]).await.unwrap(), []);
    assert_eq!(
        db.pending(&[old]).await.unwrap(),
        [],
        "a newer schema still serves"
    );
}

#[tokio::test]
async fn a_database_that_nobody_migrated_lacks_everything() {
    let database = TestDb::empty().await;
    let db = connect(&database).await;

    let pending = db.pending(&[&SHOP]).await.unwrap();

    let schemas: Vec<_> = pending.iter().map(|one| (one.schema, one.found)).collect();
    assert_eq!(schemas, [("platform_core", None), (SHOP.schema, None)]);
    assert_eq!(pending[0].to_string(), "the tables of platform_core are missing");
}

async fn connect(database: &TestDatabase) -> Db {
    let config = DbConfig::new(database.app_url()).with_max_connections(2);
    Db::connect(&config, Sources::system()).await.unwrap()
}

#[tokio::test(start_paused = true)]
async fn a_server_that_never_answers_is_not_waited_for() {
    let silent = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!(
        "postgres://owner@{}/platform?sslmode=disable",
        silent.local_addr().unwrap()
    );

    let migrated = migrate(&SecretString::from(url), None, &[]).await;

    assert!(matches!(migrated, Err(MigrateError::Connect(_))), "{migrated:?}");
}
