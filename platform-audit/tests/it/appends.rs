//! Tables that grow by many rows in a transaction: the event comes first.

use platform_core::sqlx::{AssertSqlSafe, Connection, Executor, PgConnection};
use platform_core::testing::TestDb;
use platform_core::{Sources, TenantId};

use crate::support::{context, own, owner, sqlstate};

const TABLES: &str = "
    create schema till;
    grant usage on schema till to platform_app;
    create table till.receipt (
        tenant_id uuid not null default current_setting('platform.tenant_id')::uuid,
        id        int not null,
        seen_at   timestamptz,
        primary key (tenant_id, id)
    );
    select platform_core.tenant_table('till.receipt', 'select, insert, update, delete');
    select platform_audit.protect_appends('till.receipt', '{seen_at}');";

const RECORD: &str = "
    insert into platform_audit.event (id, occurred_at, action, outcome, actor_kind, request_id, trace_id)
    values (gen_random_uuid(), now(), 'till.add', 'success', 'system', gen_random_uuid(), repeat('0', 32))";

/// Every kind of statement that adds rows.
const APPENDS: [&str; 5] = [
    "insert into till.receipt (id) values (1)",
    "insert into till.receipt (id) select n from generate_series(1, 1000) n",
    "merge into till.receipt r using (values (2)) v (id) on r.id = v.id when not matched then insert (id) values (v.id)",
    "with added as (insert into till.receipt (id) values (3) returning 1) select * from added",
    "insert into till.receipt (id) values (4) on conflict (tenant_id, id) do update set id = 5",
];

struct Till {
    test: TestDb,
    tenant: TenantId,
}

impl Till {
    async fn new() -> Self {
        let test = own().await;
        owner(&test).await.execute(TABLES).await.unwrap();
        let (tenant, _) = context(&test).await;
        Self { test, tenant }
    }

    /// What becomes of a transaction of the application: the SQLSTATE of its first refusal, with whether that came with the commit.
    async fn run(&self, statements: &[&str]) -> Result<(), (String, bool)> {
        let mut app = PgConnection::connect(&self.test.app_url()).await.unwrap();
        let begin = format!(
            "begin; set local role platform_app; set local platform.tenant_id = '{}'",
            self.tenant
        );
        execute(&mut app, &begin).await.unwrap();
        for statement in statements {
            execute(&mut app, statement)
                .await
                .map_err(|state| (state, false))?;
        }
        execute(&mut app, "commit").await.map_err(|state| (state, true))
    }
}

async fn execute(connection: &mut PgConnection, sql: &str) -> Result<(), String> {
    let done = connection.execute(AssertSqlSafe(sql.to_owned())).await;
    done.map(|_| ()).map_err(|error| sqlstate(&error))
}

#[tokio::test]
async fn rows_are_added_after_an_event_and_not_before() {
    let at_once = || Err(("PA001".to_owned(), false));
    for append in APPENDS {
        let till = Till::new().await;
        assert_eq!(till.run(&[append]).await, at_once(), "{append}");
        assert_eq!(till.run(&[append, RECORD]).await, at_once(), "{append}");
        assert_eq!(till.run(&[RECORD, append]).await, Ok(()), "{append}");
    }
}

#[tokio::test]
async fn a_statement_that_adds_nothing_needs_no_event() {
    let till = Till::new().await;
    till.run(&[RECORD, APPENDS[0]]).await.unwrap();

    for nothing in [
        "insert into till.receipt (id) values (1) on conflict do nothing",
        "insert into till.receipt (id) select 7 where false",
    ] {
        assert_eq!(till.run(&[nothing]).await, Ok(()), "{nothing}");
    }
}

#[tokio::test]
async fn an_event_that_was_taken_back_or_is_of_another_tenant_or_transaction_does_not_count() {
    let till = Till::new().await;
    till.run(&[RECORD]).await.unwrap();
    let stranger = TenantId::generate(&Sources::system());
    let of_another = format!("set local platform.tenant_id = '{stranger}'");
    let own = format!("set local platform.tenant_id = '{}'", till.tenant);

    for before in [
        vec!["savepoint a", RECORD, "rollback to a"],
        vec![of_another.as_str(), RECORD, own.as_str()],
        vec![],
    ] {
        let statements: Vec<&str> = before.iter().copied().chain([APPENDS[0]]).collect();
        assert_eq!(
            till.run(&statements).await,
            Err(("PA001".to_owned(), false)),
            "{before:?}"
        );
    }
}

#[tokio::test]
async fn updates_and_deletions_are_asked_about_at_the_end() {
    let till = Till::new().await;
    till.run(&[RECORD, APPENDS[1]]).await.unwrap();

    for change in [
        "update till.receipt set id = id + 1000",
        "delete from till.receipt",
    ] {
        assert_eq!(
            till.run(&[change]).await,
            Err(("PA001".to_owned(), true)),
            "{change}"
        );
    }
    let unseen = "update till.receipt set seen_at = now()";
    assert_eq!(till.run(&[unseen]).await, Ok(()), "a column that is left out");
    for change in [
        "update till.receipt set id = id + 1000",
        "delete from till.receipt",
    ] {
        assert_eq!(till.run(&[change, RECORD]).await, Ok(()), "{change}");
    }
}

#[tokio::test]
async fn a_table_that_was_protected_row_by_row_can_be_moved_over_and_no_partition_can() {
    let till = Till::new().await;
    let mut owner = owner(&till.test).await;
    owner
        .execute(
            "create table till.page (tenant_id uuid not null, id int) partition by range (id);
             create table till.page_first partition of till.page for values from (0) to (9);
             create table till.note (tenant_id uuid not null default current_setting('platform.tenant_id')::uuid, id int);
             select platform_core.tenant_table('till.note', 'select, insert');
             select platform_audit.protect('till.note');
             select platform_audit.protect_appends('till.note')",
        )
        .await
        .unwrap();

    let add = "insert into till.note (id) values (1)";
    assert_eq!(till.run(&[add, RECORD]).await, Err(("PA001".to_owned(), false)));
    assert_eq!(till.run(&[RECORD, add]).await, Ok(()));
    for table in ["till.page", "till.page_first"] {
        let call = format!("select platform_audit.protect_appends('{table}')");
        assert_eq!(
            execute(&mut owner, &call).await,
            Err("P0001".to_owned()),
            "{table}"
        );
    }
    assert_eq!(
        till.run(&["select platform_audit.protect_appends('till.note')"])
            .await,
        Err(("42501".to_owned(), false))
    );
}
