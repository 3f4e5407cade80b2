use platform_core::pg::Db;
use platform_core::sqlx::PgPool;

fn by_field(db: &Db) -> &PgPool {
    &db.inner.pool
}

fn by_reference(db: &Db) -> &PgPool {
    db.as_ref()
}

fn main() {}
