use platform_core::sqlx;

use crate::support::App;

#[tokio::test]
async fn every_table_is_under_forced_row_level_security() {
    let app = App::new().await;
    let tables: Vec<(String, bool, bool)> = sqlx::query_as(
        "select c.relname::text, c.relrowsecurity and c.relforcerowsecurity,
                exists (select from pg_attribute a where a.attrelid = c.oid and a.attname = 'tenant_id' and a.attnotnull)
         from pg_class c
         where c.relnamespace = 'platform_auth'::regnamespace and c.relkind in ('r', 'p') and c.relname <> '_migrations'
         order by 1",
    )
    .fetch_all(&mut app.superuser().await)
    .await
    .unwrap();

    assert!(
        tables.iter().any(|(name, ..)| name == "tenant_policy"),
        "{tables:?}"
    );
    let open: Vec<_> = tables
        .iter()
        .filter(|(_, forced, of_tenant)| !forced || !of_tenant)
        .collect();
    assert!(open.is_empty(), "{open:?}");
}

#[tokio::test]
async fn every_unique_index_begins_with_the_tenant() {
    let app = App::new().await;
    let others: Vec<String> = sqlx::query_scalar(
        "select i.indexrelid::regclass::text
         from pg_index i
         join pg_class c on c.oid = i.indrelid
         join pg_attribute a on a.attrelid = i.indrelid and a.attnum = i.indkey[0]
         where c.relnamespace = 'platform_auth'::regnamespace and c.relname <> '_migrations'
           and i.indisunique and a.attname <> 'tenant_id'",
    )
    .fetch_all(&mut app.superuser().await)
    .await
    .unwrap();

    assert!(others.is_empty(), "{others:?}");
}

#[tokio::test]
async fn without_a_tenant_a_table_answers_with_an_error_and_not_with_nothing() {
    let app = App::new().await;
    let tables: Vec<String> = sqlx::query_scalar(
        "select c.oid::regclass::text from pg_class c
         where c.relnamespace = 'platform_auth'::regnamespace and c.relkind in ('r', 'p') and c.relname <> '_migrations'",
    )
    .fetch_all(&mut app.superuser().await)
    .await
    .unwrap();
    assert!(!tables.is_empty());

    for table in tables {
        let mut superuser = app.superuser().await;
        // A row that is there is looked at by the policy; an empty table is not looked at at all.
        let statement = format!("explain (analyze, costs off) select * from {table}");
        sqlx::raw_sql("set role platform_app")
            .execute(&mut superuser)
            .await
            .unwrap();
        let asked = sqlx::query(sqlx::AssertSqlSafe(statement))
            .fetch_all(&mut superuser)
            .await;
        let code = asked.err().and_then(|error| {
            let error = error.into_database_error()?;
            error.code().map(std::borrow::Cow::into_owned)
        });
        assert_eq!(code.as_deref(), Some("42704"), "{table}");
    }
}
