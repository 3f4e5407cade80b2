use platform_core::pg::TenantTx;
use platform_core::sqlx::PgConnection;

fn by_field(tx: TenantTx) {
    let _ = tx.0;
}

fn by_dereference(tx: &mut TenantTx) -> &mut PgConnection {
    &mut **tx
}

fn main() {}
