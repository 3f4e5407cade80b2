//! Asking the database about a key: one question, with what was granted to its owner where that is not known yet.

use std::sync::Arc;

use platform_core::pg::DbError;
use platform_core::{PrincipalId, RequestContext, RequestMeta, Timestamp};
use serde_json::Value;

use super::known::KnownKey;
use super::{ApiKeyId, stored};
use crate::auth::Inner;
use crate::authz::{GrantRow, HeldBy, ROWS_MAX, found_with_grants};
use crate::credential_cache::{CredentialKey, Remembered};
use crate::{AuthenticateError, Fault};

/// The key of a token, whatever state it is in, with its owner and its tenant, and what was granted to the owner unless the version of the
/// tenant is `$5`.
const KEY: &str = found_with_grants!(
    "select k.id as key_id, k.subject_id, k.scopes, k.resources, k.addresses, k.not_before, k.expires_at, k.revoked_at,
          k.last_used_at, s.kind, s.role, s.status, t.status as tenant_status, coalesce(a.version, 0) as version
     from platform_auth.api_key k
     join platform_auth.subject s on s.tenant_id = k.tenant_id and s.id = k.subject_id
     join platform_core.tenant t on t.id = k.tenant_id
     left join platform_auth.authz_version a on a.tenant_id = k.tenant_id
     where k.tenant_id = $1 and k.key_hash = $2",
    ended: "revoked_at",
    columns: "f.key_id, f.subject_id, f.scopes, f.resources, f.addresses, f.not_before, f.expires_at, f.revoked_at,
              f.last_used_at, f.kind, f.role, f.status, f.tenant_status"
);

/// The key, or something that was granted.
#[derive(sqlx::FromRow)]
struct Row {
    key_id: Option<ApiKeyId>,
    subject_id: Option<PrincipalId>,
    scopes: Option<Vec<String>>,
    resources: Option<Value>,
    addresses: Option<Vec<String>>,
    not_before: Option<Timestamp>,
    expires_at: Option<Timestamp>,
    revoked_at: Option<Timestamp>,
    last_used_at: Option<Timestamp>,
    kind: Option<String>,
    role: Option<String>,
    status: Option<String>,
    tenant_status: Option<String>,
    #[sqlx(flatten)]
    granted: GrantRow,
}

/// The key of a token, as it is stored.
pub(super) struct Found {
    pub(super) id: ApiKeyId,
    pub(super) owner: PrincipalId,
    pub(super) scopes: Vec<String>,
    pub(super) limits: stored::Limits,
    pub(super) not_before: Option<Timestamp>,
    pub(super) expires_at: Timestamp,
    pub(super) is_revoked: bool,
    pub(super) last_used_at: Option<Timestamp>,
    pub(super) kind: String,
    pub(super) role: String,
    pub(super) status: String,
    pub(super) tenant_status: String,
    /// How often has it changed who may do what in the tenant?
    pub(super) version: i64,
}

impl Inner {
    /// What there is to know of a key, whatever state it is in: from memory where that is young enough, or by one question, which requests
    /// that want to know the same share. `None` when there is none.
    pub(super) async fn api_key(
        &self,
        key: CredentialKey,
        meta: &RequestMeta,
    ) -> Result<Option<Arc<Remembered<KnownKey>>>, AuthenticateError> {
        let now = self.sources.now();
        Ok(self.api_keys.get(key, now, self.ask_api_key(key, meta)).await?)
    }

    async fn ask_api_key(&self, key: CredentialKey, meta: &RequestMeta) -> Result<Option<KnownKey>, Fault> {
        let before = self.api_keys.last_known(&key);
        // Of one that was revoked nobody asked what was granted.
        let before = before.as_deref().filter(|known| !known.is_revoked());
        // Nobody yet: the tenant is only claimed, and its rows are looked into for this one hash.
        let unknown = RequestContext::anonymous(key.tenant, meta.clone());
        let mut read = self.db.read(&unknown).await?;
        let rows: Vec<Row> = sqlx::query_as(KEY)
            .bind(key.tenant)
            .bind(key.hash)
            .bind(self.sources.now())
            .bind(ROWS_MAX)
            .bind(before.map_or(-1, |known| known.version()))
            .fetch_all(&mut read)
            .await
            .map_err(DbError::from)?;
        // Ends in the background: the request does not wait another round trip for a transaction that only read.
        drop(read);

        let (found, granted): (Vec<Row>, Vec<Row>) = rows.into_iter().partition(|row| row.key_id.is_some());
        let Some(found) = found.into_iter().next().map(Found::of).transpose()?.flatten() else {
            return Ok(None);
        };
        let held_by = HeldBy {
            tenant: key.tenant,
            principal: found.owner,
            // What a revoked key would leave matters no more.
            version: if found.is_revoked { 0 } else { found.version },
        };
        let rows = granted.into_iter().map(|row| row.granted).collect();
        let before = before.map(|known| (known.version(), known.granted()));
        let granted = self.granted(held_by, before, rows)?;
        Ok(Some(KnownKey::new(self, key.tenant, found, granted)))
    }
}

impl Found {
    /// `None` for a row that is something else. A limit that cannot be read is no reason to do without it.
    fn of(row: Row) -> Result<Option<Self>, DbError> {
        let limits = stored::limits(row.resources.as_ref(), row.addresses.as_deref())?;
        let found = || {
            Some(Self {
                id: row.key_id?,
                owner: row.subject_id?,
                scopes: row.scopes?,
                limits,
                not_before: row.not_before,
                expires_at: row.expires_at?,
                is_revoked: row.revoked_at.is_some(),
                last_used_at: row.last_used_at,
                kind: row.kind?,
                role: row.role?,
                status: row.status?,
                tenant_status: row.tenant_status?,
                version: row.granted.version?,
            })
        };
        Ok(found())
    }
}
