//! Is anything still sealed under a key?

use platform_core::pg::TenantTx;

use crate::keyring::KeyError;
use crate::{KeyId, SealedTable};

/// The first of these tables that has a value of the transaction's tenant under this key.
///
/// It reads the tenant's rows until it finds one: where that is too slow, an index on `substring(column from 3 for 16)` helps.
pub(crate) async fn table_that_uses(
    tx: &mut TenantTx,
    tables: &[&'static SealedTable],
    key: KeyId,
) -> Result<Option<&'static str>, KeyError> {
    for table in tables {
        let used: bool = sqlx::query_scalar(table.parts().uses)
            .bind(tx.tenant())
            .bind(key.as_bytes().as_slice())
            .fetch_one(&mut *tx)
            .await?;
        if used {
            return Ok(Some(table.name()));
        }
    }
    Ok(None)
}
