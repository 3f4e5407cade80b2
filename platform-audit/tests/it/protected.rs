//! Tables that nobody changes without an audit event in the same transaction.

use platform_core::sqlx::{self, AssertSqlSafe, Connection, Executor, PgConnection};
use platform_core::testing::TestDb;
use platform_core::{TenantId, pg::DbError};

use crate::support::{context, log, own, owner, sent, sqlstate, superuser};

const TABLES: &str = "
    create schema store;
    grant usage on schema store to platform_app;
    create table store.shelf (
        tenant_id uuid not null default current_setting('platform.tenant_id')::uuid,
        id        int not null,
        label     text,
        seen_at   timestamptz,
        primary key (tenant_id, id)
    );
    create table store.book (
        tenant_id uuid not null default current_setting('platform.tenant_id')::uuid,
        id        int not null,
        shelf_id  int not null,
        primary key (tenant_id, id),
        foreign key (tenant_id, shelf_id) references store.shelf (tenant_id, id) on delete cascade
    );
    create table store.loan (
        tenant_id uuid not null default current_setting('platform.tenant_id')::uuid,
        id        int not null,
        primary key (tenant_id, id)
    ) partition by range (id);
    create table store.loan_first partition of store.loan for values from (0) to (100);
    select platform_core.tenant_table(t, 'select, insert, update, delete')
    from unnest('{store.shelf,store.book,store.loan}'::regclass[]) t;
    select platform_audit.protect('store.shelf', '{seen_at}'), platform_audit.protect('store.book'), platform_audit.protect('store.loan');
    create table store.loan_second partition of store.loan for values from (100) to (200);";

const RECORD: &str = "
    insert into platform_audit.event (id, occurred_at, action, outcome, actor_kind, request_id, trace_id)
    values (gen_random_uuid(), now(), 'shelf.change', 'success', 'system', gen_random_uuid(), repeat('0', 32))";

/// A shelf with a book on it, for the tenant of the settings.
const FILL: &str = "insert into store.shelf (id, label) values (1, 'a'); insert into store.book (id, shelf_id) values (1, 1);
    insert into store.loan (id) values (1), (101)";

/// Every kind of statement that changes a row.
const CHANGES: [&str; 10] = [
    "insert into store.shelf (id) values (2)",
    "insert into store.shelf (id) values (1) on conflict (tenant_id, id) do update set label = 'b'",
    "update store.shelf set label = 'b'",
    "update store.shelf set label = 'b', seen_at = now()",
    "delete from store.book",
    // Takes the book with it.
    "delete from store.shelf",
    "merge into store.shelf s using (values (1)) v (id) on s.id = v.id when matched then update set label = 'b'",
    "with gone as (delete from store.book returning 1) select * from gone",
    "update store.loan set id = id + 1",
    "delete from store.loan where id = 101",
];

struct Store {
    test: TestDb,
    tenant: TenantId,
}

impl Store {
    async fn new() -> Self {
        let test = own().await;
        owner(&test).await.execute(TABLES).await.unwrap();
        let (tenant, _) = context(&test).await;
        let store = Self { test, tenant };
        let mut app = store.app().await;
        run(&mut app, &[RECORD]).await;
        app.execute(FILL).await.unwrap();
        run(&mut app, &["commit"]).await;
        store
    }

    /// A transaction of somebody who has the application's login and writes SQL of their own.
    async fn app(&self) -> PgConnection {
        self.begun(&self.test.app_url(), "set local role platform_app;")
            .await
    }

    async fn begun(&self, url: &str, role: &str) -> PgConnection {
        let mut connection = PgConnection::connect(url).await.unwrap();
        let begin = format!("begin; {role} set local platform.tenant_id = '{}'", self.tenant);
        connection.execute(AssertSqlSafe(begin)).await.unwrap();
        connection
    }
}

async fn run(connection: &mut PgConnection, statements: &[&'static str]) {
    for statement in statements {
        connection.execute(*statement).await.unwrap();
    }
}

/// What becomes of a transaction: its SQLSTATE, empty when it is committed.
async fn commit(connection: &mut PgConnection, statements: &[&'static str]) -> String {
    for statement in statements.iter().chain(&["commit"]) {
        if let Err(error) = connection.execute(*statement).await {
            return sqlstate(&error);
        }
    }
    String::new()
}

#[tokio::test]
async fn every_kind_of_change_is_refused_without_an_event_and_done_with_one() {
    let store = Store::new().await;

    for change in CHANGES {
        assert_eq!(
            commit(&mut store.app().await, &[change]).await,
            "PA001",
            "{change}"
        );
        let rolled_back = &["savepoint a", RECORD, change, "rollback to a"];
        assert_eq!(commit(&mut store.app().await, rolled_back).await, "", "{change}");
    }
    for statements in CHANGES.map(|change| [change, RECORD]) {
        let done = commit(&mut store.app().await, &statements).await;
        assert_eq!(done, "", "{}", statements[0]);
    }
}

#[tokio::test]
async fn a_statement_that_finds_no_row_needs_no_event() {
    let store = Store::new().await;

    for change in [
        "update store.shelf set label = 'b' where id = 9",
        "delete from store.shelf where false",
    ] {
        assert_eq!(commit(&mut store.app().await, &[change]).await, "", "{change}");
    }
}

#[tokio::test]
async fn the_platforms_own_transaction_hears_by_name_that_nothing_was_audited() {
    let store = Store::new().await;
    let ctx = store.test.context(store.tenant);
    let mut tx = store.test.db().begin(&ctx).await.unwrap();
    sqlx::query("update store.shelf set label = 'c'")
        .execute(&mut tx)
        .await
        .unwrap();

    assert!(matches!(tx.commit().await, Err(DbError::Unaudited(_))));

    let mut tx = store.test.db().begin(&ctx).await.unwrap();
    sqlx::query("update store.shelf set label = 'c'")
        .execute(&mut tx)
        .await
        .unwrap();
    log().record(&mut tx, &ctx, sent("p")).await.unwrap();
    tx.commit().await.unwrap();
}

#[tokio::test]
async fn columns_that_are_left_out_change_freely_and_no_other_does_with_them() {
    let store = Store::new().await;
    let mut owner = owner(&store.test).await;
    let freely = "update store.shelf set seen_at = now() where tenant_id = tenant_id";
    assert_eq!(commit(&mut store.app().await, &[freely]).await, "");
    // A row that stays as it is was not changed.
    assert_eq!(
        commit(&mut store.app().await, &["update store.shelf set label = label"]).await,
        ""
    );

    // A column that comes later is looked at.
    run(
        &mut owner,
        &[
            "alter table store.shelf add column price int",
            "grant update (price) on store.shelf to platform_app",
        ],
    )
    .await;
    assert_eq!(
        commit(&mut store.app().await, &["update store.shelf set price = 1"]).await,
        "PA001"
    );
    assert_eq!(commit(&mut store.app().await, &[freely]).await, "");

    // So is what a trigger changes of its own accord.
    run(
        &mut owner,
        &[
            "create function store.meddle() returns trigger language plpgsql as $$ begin new.label = 'm'; return new; end $$",
            "create trigger meddles before update on store.shelf for each row execute function store.meddle()",
        ],
    )
    .await;
    assert_eq!(commit(&mut store.app().await, &[freely]).await, "PA001");
}

#[tokio::test]
async fn an_event_counts_as_far_as_savepoints_leave_it() {
    let store = Store::new().await;
    const CHANGE: &str = "update store.shelf set label = label || 'x'";

    for (statements, outcome) in [
        (vec!["savepoint a", RECORD, "release a", CHANGE], ""),
        (vec![CHANGE, "savepoint a", RECORD, "release a"], ""),
        (vec!["savepoint a", RECORD, "rollback to a", CHANGE], "PA001"),
        (vec![CHANGE, "savepoint a", RECORD, "rollback to a"], "PA001"),
        (vec!["savepoint a", CHANGE, "rollback to a"], ""),
        (vec![RECORD, "savepoint a", CHANGE, "rollback to a", CHANGE], ""),
        // What was looked at while the event was there is looked at again when it is not any more.
        (
            vec![
                CHANGE,
                "savepoint a",
                RECORD,
                "set constraints all immediate",
                "rollback to a",
            ],
            "PA001",
        ),
        (
            vec![
                "savepoint a",
                RECORD,
                "set constraints all immediate",
                CHANGE,
                "rollback to a",
                CHANGE,
            ],
            "PA001",
        ),
        // Looked at earlier than it could be there.
        (vec!["set constraints all immediate", CHANGE, RECORD], "PA001"),
        (vec![RECORD, "set constraints all immediate", CHANGE], ""),
    ] {
        let found = commit(&mut store.app().await, &statements).await;
        assert_eq!(found, outcome, "{statements:?}");
    }
}

#[tokio::test]
async fn an_event_of_one_tenant_says_nothing_of_anothers_row() {
    let store = Store::new().await;
    let (other, _) = context(&store.test).await;
    let mut app = store.app().await;
    run(&mut app, &[RECORD]).await;
    let rescope = format!("set local platform.tenant_id = '{other}'");
    app.execute(AssertSqlSafe(rescope)).await.unwrap();

    assert_eq!(
        commit(&mut app, &["insert into store.shelf (id) values (7)"]).await,
        "PA001"
    );
}

#[tokio::test]
async fn an_event_of_another_transaction_does_not_count_whatever_its_number() {
    let store = Store::new().await;
    let mut app = store.app().await;
    assert_eq!(commit(&mut app, &[RECORD]).await, "");
    run(&mut app, &["begin"]).await;
    assert_eq!(
        commit(&mut store.app().await, &["update store.shelf set label = 'x'"]).await,
        "PA001"
    );

    // Of a database that was restored: transactions have the numbers of such that were there before.
    let mut superuser = superuser(&store.test).await;
    run(
        &mut superuser,
        &[
            "alter table platform_audit.pending disable trigger all",
            "begin",
            "insert into platform_audit.pending (tenant_id, id, xid, recorded_at)
             select tenant_id, id, pg_current_xact_id(), now() - interval '1 day' from platform_audit.event",
        ],
    )
    .await;
    assert_eq!(
        commit(&mut superuser, &["update store.shelf set label = 'x'"]).await,
        "PA001"
    );
}

#[tokio::test]
async fn nobody_forges_the_work_list() {
    let store = Store::new().await;
    const FORGE: &str = "insert into platform_audit.pending (tenant_id, id) values (current_setting('platform.tenant_id')::uuid, gen_random_uuid())";

    for (url, role) in [
        (store.test.app_url(), "set local role platform_app;"),
        (store.test.app_url(), "set local role platform_sequencer;"),
        (store.test.owner_url(), ""),
        (store.test.superuser_url(), ""),
        (
            store.test.superuser_url(),
            "set local session_replication_role = replica;",
        ),
        (store.test.superuser_url(), "set local role platform_app;"),
    ] {
        for statement in [
            FORGE,
            "update platform_audit.pending set xid = pg_current_xact_id(), recorded_at = now()",
            "truncate platform_audit.pending",
        ] {
            let mut forger = store.begun(&url, role).await;
            let found = commit(&mut forger, &[statement, "update store.shelf set label = 'f'"]).await;
            assert_eq!(found, "42501", "{role} {statement}");
        }
    }
}

#[tokio::test]
async fn neither_the_owner_nor_a_superuser_gets_past_it() {
    let store = Store::new().await;
    let as_owner = &[
        "alter table store.shelf no force row level security",
        "update store.shelf set label = 'o'",
    ];
    let mut owner = store.begun(&store.test.owner_url(), "").await;
    assert_eq!(commit(&mut owner, as_owner).await, "PA001");

    for role in [
        "",
        "set local session_replication_role = replica;",
        "set local role platform_app;",
    ] {
        for change in CHANGES {
            let mut superuser = store.begun(&store.test.superuser_url(), role).await;
            assert_eq!(
                commit(&mut superuser, &[change]).await,
                "PA001",
                "{role} {change}"
            );
        }
        for table in ["store.shelf", "store.book", "store.loan", "store.loan_first"] {
            let mut superuser = store.begun(&store.test.superuser_url(), "").await;
            let sql = format!("truncate {table} cascade");
            let refused = superuser.execute(AssertSqlSafe(sql)).await.unwrap_err();
            assert_eq!(sqlstate(&refused), "PA001", "{table}");
        }
    }
}

#[tokio::test]
async fn the_application_cannot_take_the_protection_away() {
    let store = Store::new().await;

    for statement in [
        "alter table store.shelf disable trigger is_protected",
        "drop trigger is_protected on store.shelf",
        "set session_replication_role = replica",
        "create or replace function platform_audit.require_audit() returns trigger language plpgsql as 'begin return null; end'",
        "alter function platform_audit.require_audit() set enable_indexscan = off",
        "create trigger mine before insert on store.shelf for each row execute function platform_audit.enqueue()",
        "create temporary table event (like platform_audit.event)",
        "create table store.mine ()",
        "truncate store.shelf",
    ] {
        let refused = store.app().await.execute(statement).await.unwrap_err();
        assert_eq!(sqlstate(&refused), "42501", "{statement}: {refused}");
    }
    // A path of its own choosing leads to none of its own objects.
    let path = &[
        "set local search_path = store, public, pg_catalog",
        "update store.shelf set label = 'p'",
    ];
    assert_eq!(commit(&mut store.app().await, path).await, "PA001");
}

#[tokio::test]
async fn rows_that_are_copied_in_are_looked_at_too() {
    let store = Store::new().await;
    // Row-level security does not let the application copy at all.
    let mut app = store.app().await;
    let refused = app
        .copy_in_raw("copy store.shelf (id) from stdin")
        .await
        .err()
        .unwrap();
    assert_eq!(sqlstate(&refused), "0A000");

    let mut superuser = store.begun(&store.test.superuser_url(), "").await;
    let mut copy = superuser
        .copy_in_raw("copy store.shelf (id) from stdin")
        .await
        .unwrap();
    copy.send(b"6\n".as_slice()).await.unwrap();
    copy.finish().await.unwrap();
    assert_eq!(commit(&mut superuser, &[]).await, "PA001");
}

#[tokio::test]
async fn a_table_that_cannot_be_protected_is_refused() {
    let store = Store::new().await;
    let mut owner = owner(&store.test).await;
    run(
        &mut owner,
        &[
            "create table store.bare (id int)",
            "create table store.vague (tenant_id uuid)",
        ],
    )
    .await;

    for call in [
        "select platform_audit.protect('store.bare')",
        "select platform_audit.protect('store.vague')",
        "select platform_audit.protect('store.shelf', '{no_such}')",
        "select platform_audit.protect('store.shelf', '{tenant_id}')",
    ] {
        let refused = owner.execute(call).await.unwrap_err();
        assert_eq!(sqlstate(&refused), "P0001", "{call}: {refused}");
    }
    let refused = store
        .app()
        .await
        .execute("select platform_audit.protect('store.book')")
        .await;
    assert_eq!(sqlstate(&refused.unwrap_err()), "42501");
}
