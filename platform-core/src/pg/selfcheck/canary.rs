//! The live canary: what the catalog says is tried.

use crate::TenantId;

use super::Finding;
use crate::pg::scope::Scope;
use crate::pg::tx::ProbeTx;
use crate::pg::{Db, DbError};

const TABLE: &str = "platform_core.canary";

/// Writes a row as one tenant and looks for it under every scope that must not see it, in a transaction that is rolled back.
pub(super) async fn release(db: &Db) -> Result<Option<Finding>, DbError> {
    let mut probe = db.probe(TenantId::generate(db.sources())).await?;
    let outcome = fly(db, &mut probe).await;
    // Dropping it would do, but not wait until the row is gone. After an error the transaction may have lost its connection.
    let finished = probe.finish().await;
    let code = outcome?;
    finished?;
    Ok(code.map(|code| Finding::of(code, TABLE.to_owned())))
}

async fn fly(db: &Db, probe: &mut ProbeTx) -> Result<Option<&'static str>, DbError> {
    let stranger = TenantId::generate(db.sources());
    let id = db.sources().uuid_v7();
    sqlx::query("insert into platform_core.canary (id) values ($1)")
        .bind(id)
        .execute(&mut *probe)
        .await?;
    if !sees(probe, id).await? {
        return Ok(Some("CANARY_BLIND"));
    }
    for scope in [Scope::Tenant(stranger), Scope::SubtreeRead(vec![stranger])] {
        probe.rescope(&scope).await?;
        if sees(probe, id).await? {
            return Ok(Some("CANARY_LEAKED"));
        }
    }
    probe.unscope().await?;
    // Without a scope there is an error and not an empty answer: a defect has to be loud.
    match sees(probe, id).await {
        Err(DbError::ScopeMissing(_)) => Ok(None),
        Ok(_) => Ok(Some("CANARY_LEAKED")),
        Err(error) => Err(error),
    }
}

/// Is the row shown? Its tenant is not named: the policies alone are on trial.
async fn sees(probe: &mut ProbeTx, id: uuid::Uuid) -> Result<bool, DbError> {
    let seen = sqlx::query_scalar("select exists (select from platform_core.canary where id = $1)");
    Ok(seen.bind(id).fetch_one(probe).await?)
}
