use platform_core::pg::Db;
use platform_core::sqlx::PgPool;

fn pool(db: &Db) -> &PgPool {
    &db.inner.pool
}

fn main() {}
