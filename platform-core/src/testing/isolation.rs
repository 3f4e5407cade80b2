//! Proof, table by table, that one tenant's rows are out of another's reach.

use sqlx::AssertSqlSafe;

use crate::pg::{Db, DbError};
use crate::{RequestContext, TenantId};

use super::must;

/// What [`assert_tables_isolated`] has looked at, as `schema.table` in order.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct IsolatedTables {
    /// Tables in which the other tenant has rows: they were really tried.
    pub tried: Vec<String>,
    /// Tables in which it has none, or which the application cannot read: nothing was proven.
    pub untried: Vec<String>,
}

/// A tenant table and what the application may do with it.
#[derive(Debug, sqlx::FromRow)]
struct Table {
    name: String,
    quoted: String,
    selects: bool,
    inserts: bool,
    deletes: bool,
    /// A column it may change, quoted.
    updates: Option<String>,
}

/// Tries every tenant table of the database: with the scope of `ours`, no row of `theirs` is seen, changed, deleted or made.
///
/// The tables are found in the catalog, so that a table of tomorrow is tried too. Give `theirs` rows in as many tables as you
/// can first, and assert on [`IsolatedTables::untried`]. Nothing is committed.
///
/// # Panics
/// When a row of `theirs` was within reach; the message names table and statement. When the database fails.
pub async fn assert_tables_isolated(db: &Db, ours: TenantId, theirs: TenantId) -> IsolatedTables {
    let mut outcome = IsolatedTables::default();
    for table in must("the tenant tables", tables(db, ours).await) {
        let rows = match table.selects {
            true => must(&table.name, rows_of(db, theirs, &table, theirs).await),
            false => 0,
        };
        for statement in table.attempts() {
            let touched = must(&table.name, attempt(db, ours, statement.clone(), theirs).await);
            assert_eq!(touched, 0, "within reach of another tenant: {statement}");
        }
        match rows {
            0 => outcome.untried.push(table.name),
            _ => outcome.tried.push(table.name),
        }
    }
    outcome
}

impl Table {
    /// Statements whose one parameter is the other tenant.
    fn attempts(&self) -> Vec<String> {
        let table = &self.quoted;
        let mut attempts = Vec::new();
        if self.selects {
            attempts.push(format!("select 1 from {table} where tenant_id = $1"));
            attempts.push(format!(
                "select 1 from {table} where tenant_id <> current_setting('platform.tenant_id')::uuid and $1 is not null"
            ));
        }
        if let Some(column) = &self.updates {
            attempts.push(format!(
                "update {table} set {column} = {column} where tenant_id = $1"
            ));
        }
        if self.deletes {
            attempts.push(format!("delete from {table} where tenant_id = $1"));
        }
        if self.inserts {
            // Policies are looked at before NOT NULL and the other constraints.
            attempts.push(format!("insert into {table} (tenant_id) values ($1)"));
        }
        attempts
    }
}

async fn tables(db: &Db, tenant: TenantId) -> Result<Vec<Table>, DbError> {
    let mut read = db.read(&context(db, tenant)).await?;
    let tables = sqlx::query_as(
        "select
             format('%s.%s', n.nspname, c.relname) as name,
             format('%I.%I', n.nspname, c.relname) as quoted,
             has_table_privilege(c.oid, 'SELECT') as selects,
             has_table_privilege(c.oid, 'INSERT') as inserts,
             has_table_privilege(c.oid, 'DELETE') as deletes,
             (
                 select quote_ident(a.attname)
                 from pg_catalog.pg_attribute a
                 where a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped and a.attgenerated = ''
                     and has_column_privilege(c.oid, a.attnum, 'UPDATE')
                 order by a.attnum
                 limit 1
             ) as updates
         from pg_catalog.pg_class c
         join pg_catalog.pg_namespace n on n.oid = c.relnamespace
         where c.relkind in ('r', 'p')
             and n.nspname !~ '^pg_' and n.nspname <> 'information_schema'
             and has_schema_privilege(n.oid, 'USAGE')
             and exists (
                 select from pg_catalog.pg_attribute a
                 where a.attrelid = c.oid and a.attname = 'tenant_id' and not a.attisdropped
             )
         order by name",
    )
    .fetch_all(&mut read)
    .await?;
    read.finish().await?;
    Ok(tables)
}

async fn rows_of(db: &Db, tenant: TenantId, table: &Table, whose: TenantId) -> Result<u64, DbError> {
    let statement = format!("select 1 from {} where tenant_id = $1", table.quoted);
    attempt(db, tenant, statement, whose).await
}

/// How many rows a statement touched; none when the database refused it.
async fn attempt(db: &Db, tenant: TenantId, statement: String, whose: TenantId) -> Result<u64, DbError> {
    let mut tx = db.begin(&context(db, tenant)).await?;
    // Made of this module's text and quoted names.
    let done = sqlx::query(AssertSqlSafe(statement))
        .bind(whose)
        .execute(&mut tx)
        .await;
    tx.rollback().await?;
    match done.map_err(DbError::from) {
        Ok(done) => Ok(done.rows_affected()),
        Err(DbError::Query(refused)) if refused.as_database_error().is_some() => Ok(0),
        Err(DbError::Conflict { .. }) => Ok(0),
        Err(error) => Err(error),
    }
}

fn context(db: &Db, tenant: TenantId) -> RequestContext {
    RequestContext::system(tenant, "isolation test", db.sources())
}
