//! Group roles of a crate's own: who makes them, and what an administrator has to do where the program may not.

use platform_core::pg::{Bootstrap, GroupRole, MigrateError, Migrations, Pending, bootstrap, migrate};
use platform_core::secrecy::SecretString;
use platform_core::testing::{APP_LOGIN, OWNER_LOGIN, TestCluster, TestDatabase, TestDb};

use crate::migrations::made_with;
use crate::support::{as_superuser, connect, count, group_role, id, login};

/// A table that the role may read.
fn granting(role: GroupRole) -> String {
    format!(
        "create table steps.one (tenant_id uuid not null primary key);
         select platform_core.tenant_table('steps.one', 'select');
         grant select on steps.one to {}",
        role.name()
    )
}

/// What a server that administrates its own cluster does at every start. Answers the application's login.
async fn boot(database: &TestDatabase, application: &str, crates: &[&'static Migrations]) {
    let plan = Bootstrap {
        superuser_url: SecretString::from(database.superuser_url()),
        database: database.name().to_owned(),
        owner: OWNER_LOGIN.to_owned(),
        application: application.to_owned(),
        crates: crates.to_vec(),
    };
    bootstrap(&plan).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_several_processes_set_up_at_once_is_set_up_once() {
    let server = TestDb::empty().await;
    let application = fresh_login();
    let database = format!("platform_{}", id().simple());

    let setups = (0..8).map(|_| {
        let plan = Bootstrap {
            superuser_url: SecretString::from(server.superuser_url()),
            database: database.clone(),
            owner: OWNER_LOGIN.to_owned(),
            application: application.clone(),
            crates: Vec::new(),
        };
        tokio::spawn(async move { bootstrap(&plan).await })
    });
    for setup in setups.collect::<Vec<_>>() {
        setup.await.unwrap().unwrap();
    }

    as_superuser(&server, &format!("drop database {database}")).await;
}

async fn migrate_as_owner(
    database: &TestDatabase,
    application: Option<&str>,
    crates: &[&'static Migrations],
) -> Result<(), MigrateError> {
    let owner_url = SecretString::from(database.owner_url());
    migrate(&owner_url, application, crates).await.map(|_| ())
}

/// Can the login take the role, and use the schema and read the table under it? And is the role one that holds no other power?
async fn assert_works(database: &TestDatabase, login: &str, role: GroupRole) {
    let role = role.name();
    let works = count(
        database,
        &format!(
            "select count(*) from pg_roles
             where rolname = '{role}'
                 and pg_has_role('{login}', rolname, 'member')
                 and has_schema_privilege(rolname, 'steps', 'usage')
                 and has_table_privilege(rolname, 'steps.one', 'select')
                 and not (rolcanlogin or rolsuper or rolbypassrls or rolcreatedb or rolcreaterole)"
        ),
    )
    .await;
    assert_eq!(works, 1);
}

fn fresh_login() -> String {
    format!("app_{}", id().simple())
}

#[tokio::test]
async fn a_server_of_its_own_makes_the_roles_that_the_owner_may_not_make() {
    let database = TestDb::empty().await;
    let (role, application) = (group_role(), fresh_login());
    let crates = [made_with(&[&granting(role)], &[role])];

    boot(&database, &application, &crates).await;
    migrate_as_owner(&database, None, &crates).await.unwrap();

    assert_works(&database, &application, role).await;
}

#[tokio::test]
async fn a_release_that_brings_a_role_finds_the_schema_of_the_one_before_and_opens_it() {
    let database = TestDb::empty().await;
    let (role, application) = (group_role(), fresh_login());
    let table = "create table steps.one (tenant_id uuid not null primary key)";
    let grant = format!("grant select on steps.one to {}", role.name());
    let old = [made_with(&[table], &[])];
    let new = [made_with(&[table, &grant], &[role])];
    boot(&database, &application, &old).await;
    migrate_as_owner(&database, None, &old).await.unwrap();

    for _ in 0..2 {
        boot(&database, &application, &new).await;
        migrate_as_owner(&database, None, &new).await.unwrap();
    }

    assert_works(&database, &application, role).await;
}

#[tokio::test]
async fn an_owner_that_may_not_make_roles_says_everything_an_administrator_has_to_run() {
    let database = TestDb::empty().await;
    let (first, second) = (group_role(), group_role());
    let (application, _) = login(&database, "", false).await;
    let crates = [made_with(&[&granting(first)], &[first, second])];

    let refused = migrate_as_owner(&database, Some(&application), &crates).await;

    let Err(MigrateError::RolesMissing { remediation }) = refused else {
        panic!("{refused:?}");
    };
    assert_eq!(
        count(
            &database,
            "select count(*) from pg_namespace where nspname = 'steps'"
        )
        .await,
        0,
        "nothing was done"
    );
    as_superuser(&database, &remediation).await;
    migrate_as_owner(&database, Some(&application), &crates)
        .await
        .unwrap();
    assert_works(&database, &application, first).await;
}

#[tokio::test]
async fn a_role_that_is_there_and_was_not_given_to_the_application_is_named() {
    let database = TestDb::empty().await;
    let role = group_role();
    let (application, _) = login(&database, "", true).await;
    let crates = [made_with(&[&granting(role)], &[role])];
    as_superuser(&database, &format!("create role {} nologin", role.name())).await;

    let refused = migrate_as_owner(&database, Some(&application), &crates).await;

    let Err(MigrateError::RolesMissing { remediation }) = refused else {
        panic!("{refused:?}");
    };
    assert_eq!(
        remediation,
        format!("grant {} to \"{application}\";", role.name())
    );
}

#[tokio::test]
async fn an_owner_that_may_make_roles_makes_them_itself() {
    let database = TestDb::empty().await;
    let role = group_role();
    let (owner, _) = login(&database, "createrole", false).await;
    let (application, _) = login(&database, "", true).await;
    as_superuser(
        &database,
        &format!("grant create on database {} to {owner}", database.name()),
    )
    .await;
    let owner_url = SecretString::from(database.owner_url().replacen(OWNER_LOGIN, &owner, 1));
    let crates = [made_with(&[&granting(role)], &[role])];

    migrate(&owner_url, Some(&application), &crates).await.unwrap();

    assert_works(&database, &application, role).await;
}

#[tokio::test]
async fn databases_for_tests_have_the_roles_of_their_migrations() {
    let role = GroupRole::new("platform_test_reader");
    let migrations = made_with(&[&granting(role)], &[role]);

    let empty = TestDb::empty_for(&[migrations]).await;
    migrate_as_owner(&empty, None, &[migrations]).await.unwrap();
    let own = TestDb::own(&[migrations]).await;
    let cluster = TestCluster::on_disk(&[migrations]).await;

    for database in [&empty, own.database(), cluster.database()] {
        assert_works(database, APP_LOGIN, role).await;
    }
}

#[tokio::test]
async fn a_program_learns_at_its_start_which_roles_its_login_may_not_take() {
    let database = TestDb::empty().await;
    let (given, kept, absent) = (group_role(), group_role(), group_role());
    let (application, url) = login(&database, "", true).await;
    let table = "create table steps.one (tenant_id uuid not null primary key)";
    let plain = made_with(&[table], &[]);
    migrate_as_owner(&database, Some(&application), &[plain])
        .await
        .unwrap();
    let statements = format!(
        "create role {0}; grant {0} to {application}; create role {1}",
        given.name(),
        kept.name()
    );
    as_superuser(&database, &statements).await;
    let with_roles = made_with(&[table], &[given, kept, absent]);
    let db = connect(url, |config| config.max_connections = 1).await;

    let pending = db.pending(&[with_roles]).await.unwrap();

    assert_eq!(db.pending(&[plain]).await.unwrap(), []);
    assert_eq!(
        pending,
        [Pending {
            schema: "steps",
            found: Some(1),
            needed: 1,
            roles: vec![kept, absent],
        }]
    );
    let text = format!(
        "the tables of steps are there, and the login may not take {}, {}",
        kept.name(),
        absent.name()
    );
    assert_eq!(pending[0].to_string(), text);
}
