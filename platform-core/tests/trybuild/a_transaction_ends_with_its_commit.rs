use platform_core::pg::{DbError, TenantTx};
use platform_core::sqlx;

async fn late(mut tx: TenantTx) -> Result<(), DbError> {
    tx.commit().await?;
    sqlx::query("select 1").execute(&mut tx).await?;
    Ok(())
}

fn main() {}
