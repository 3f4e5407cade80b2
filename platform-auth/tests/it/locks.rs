//! Seeing in which order rows are taken.

use std::time::Duration;

use platform_core::TenantId;
use platform_core::sqlx::{self, AssertSqlSafe, PgConnection};
use platform_core::uuid::Uuid;

use crate::support::App;

/// How long what must happen soon may take.
const SOON: Duration = Duration::from_secs(20);

/// A row that somebody else holds, and a look at the others of the table.
pub(crate) struct Held {
    table: &'static str,
    holder: PgConnection,
    watcher: PgConnection,
    pid: i32,
}

impl Held {
    pub(crate) async fn row(app: &App, table: &'static str, id: Uuid) -> Self {
        let (mut holder, watcher) = (app.superuser().await, app.superuser().await);
        sqlx::query("begin").execute(&mut holder).await.unwrap();
        let held = sqlx::query(AssertSqlSafe(format!(
            "select from {table} where id = $1 for update"
        )))
        .bind(id)
        .fetch_all(&mut holder)
        .await
        .unwrap();
        assert_eq!(held.len(), 1);
        let pid = sqlx::query_scalar("select pg_backend_pid()")
            .fetch_one(&mut holder)
            .await
            .unwrap();
        Self {
            table,
            holder,
            watcher,
            pid,
        }
    }

    /// Returns once somebody waits for the row.
    pub(crate) async fn is_waited_for(&mut self) {
        let waiting = async {
            loop {
                let is_waited_for: bool = sqlx::query_scalar(
                    "select exists (select from pg_stat_activity where $1 = any (pg_blocking_pids(pid)))",
                )
                .bind(self.pid)
                .fetch_one(&mut self.watcher)
                .await
                .unwrap();
                if is_waited_for {
                    return;
                }
                tokio::task::yield_now().await;
            }
        };
        tokio::time::timeout(SOON, waiting).await.unwrap();
    }

    /// The rows of a tenant that nobody holds, in order.
    pub(crate) async fn free(&mut self, tenant: TenantId) -> Vec<Uuid> {
        let sql = format!(
            "select id from {} where tenant_id = $1 order by id for update skip locked",
            self.table
        );
        sqlx::query_scalar(AssertSqlSafe(sql))
            .bind(tenant)
            .fetch_all(&mut self.watcher)
            .await
            .unwrap()
    }

    pub(crate) async fn release(mut self) {
        sqlx::query("rollback").execute(&mut self.holder).await.unwrap();
    }
}
