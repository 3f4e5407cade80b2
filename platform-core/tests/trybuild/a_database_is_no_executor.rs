use platform_core::pg::Db;
use platform_core::sqlx;

async fn leak(db: Db) {
    let _ = sqlx::query("select 1").execute(&db).await;
}

fn main() {}
