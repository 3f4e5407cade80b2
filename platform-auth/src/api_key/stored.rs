//! Keys, as they are stored. Each function is one statement, and each change a conditional one. Who changes several takes them in the order
//! of their ids, so that nobody waits for somebody who waits for them.

use std::collections::BTreeMap;

use platform_core::pg::{DbError, TenantRead, TenantTx};
use platform_core::{OwnedResource, PrincipalId, TenantId, Timestamp};
use serde_json::{Value, json};

use super::{ApiKey, ApiKeyId, ApiKeyToken};

/// A row of the table.
#[derive(sqlx::FromRow)]
struct Row {
    id: ApiKeyId,
    subject_id: PrincipalId,
    of_service: bool,
    name: String,
    scopes: Vec<String>,
    resources: Option<Value>,
    addresses: Option<Vec<String>>,
    created_at: Timestamp,
    created_by: Option<PrincipalId>,
    not_before: Option<Timestamp>,
    expires_at: Timestamp,
    rotated_from: Option<ApiKeyId>,
    rotated_at: Option<Timestamp>,
    revoked_at: Option<Timestamp>,
    revoked_by: Option<PrincipalId>,
    last_used_at: Option<Timestamp>,
}

impl Row {
    fn key(self) -> Result<ApiKey, DbError> {
        Ok(ApiKey {
            id: self.id,
            owner: self.subject_id,
            of_service: self.of_service,
            name: self.name,
            scopes: self.scopes,
            resources: self.resources.as_ref().map(read_resources).transpose()?,
            addresses: self.addresses.as_deref().map(read_addresses).transpose()?,
            created_at: self.created_at,
            created_by: self.created_by,
            not_before: self.not_before,
            expires_at: self.expires_at,
            rotated_from: self.rotated_from,
            rotated_at: self.rotated_at,
            revoked_at: self.revoked_at,
            revoked_by: self.revoked_by,
            last_used_at: self.last_used_at,
        })
    }
}

/// Who owns keys.
#[derive(sqlx::FromRow)]
pub(super) struct Owner {
    pub(super) kind: String,
    status: String,
}

impl Owner {
    pub(super) fn is_active(&self) -> bool {
        self.status == "active"
    }
}

/// The owner of keys that are to be made, who makes no others until the transaction ends, and is neither disabled nor erased. Erased users
/// and deleted services are nobody.
pub(super) async fn lock_owner(tx: &mut TenantTx, id: PrincipalId) -> Result<Option<Owner>, DbError> {
    let owner = sqlx::query_as(
        "select kind, status from platform_auth.subject
         where tenant_id = $1 and id = $2 and erased_at is null and deleted_at is null
         for no key update",
    )
    .bind(tx.tenant())
    .bind(id)
    .fetch_optional(&mut *tx)
    .await?;
    Ok(owner)
}

/// Keeps who may do what in the tenant from being changed until the transaction ends.
pub(super) async fn hold_version(tx: &mut TenantTx) -> Result<(), DbError> {
    sqlx::query("select version from platform_auth.authz_version where tenant_id = $1 for share")
        .bind(tx.tenant())
        .execute(&mut *tx)
        .await?;
    Ok(())
}

/// How many keys of an owner work now or will, and how many there are in all.
pub(super) async fn count(
    tx: &mut TenantTx,
    owner: PrincipalId,
    now: Timestamp,
) -> Result<(i64, i64), DbError> {
    let count = sqlx::query_as(
        "select count(*) filter (where revoked_at is null and expires_at > $3), count(*) from platform_auth.api_key
         where tenant_id = $1 and subject_id = $2",
    )
    .bind(tx.tenant())
    .bind(owner)
    .bind(now)
    .fetch_one(&mut *tx)
    .await?;
    Ok(count)
}

/// Forgets keys of an owner that have not worked since an instant and that no other refers to; says how many.
pub(super) async fn forget(tx: &mut TenantTx, owner: PrincipalId, since: Timestamp) -> Result<u64, DbError> {
    let forgotten = sqlx::query(
        "delete from platform_auth.api_key k
         using (
           select id from platform_auth.api_key old
           where tenant_id = $1 and subject_id = $2 and least(coalesce(revoked_at, expires_at), expires_at) <= $3
             and not exists (
               select from platform_auth.api_key successor
               where successor.tenant_id = old.tenant_id and successor.rotated_from = old.id
             )
           order by id
           for update
         ) gone
         where k.tenant_id = $1 and k.id = gone.id",
    )
    .bind(tx.tenant())
    .bind(owner)
    .bind(since)
    .execute(&mut *tx)
    .await?;
    Ok(forgotten.rows_affected())
}

pub(super) async fn insert(tx: &mut TenantTx, key: &ApiKey, token: &ApiKeyToken) -> Result<(), DbError> {
    let addresses = key.addresses.as_ref();
    let addresses: Option<Vec<_>> = addresses.map(|ranges| ranges.iter().map(ToString::to_string).collect());
    sqlx::query(
        "insert into platform_auth.api_key
           (tenant_id, id, subject_id, name, key_hash, scopes, resources, addresses, created_at, created_by, not_before, expires_at)
         values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)",
    )
    .bind(tx.tenant())
    .bind(key.id)
    .bind(key.owner)
    .bind(&key.name)
    .bind(token.hash())
    .bind(&key.scopes)
    .bind(key.resources.as_deref().map(written_resources))
    .bind(addresses)
    .bind(key.created_at)
    .bind(key.created_by)
    .bind(key.not_before)
    .bind(key.expires_at)
    .execute(&mut *tx)
    .await?;
    Ok(())
}

/// A key that takes the place of another one.
pub(super) struct Successor<'a> {
    pub(super) id: ApiKeyId,
    pub(super) token: &'a ApiKeyToken,
    /// Who has it made.
    pub(super) by: Option<PrincipalId>,
    /// When the old one works no longer.
    pub(super) old_expires_at: Timestamp,
    /// When the new one does not; as long after now as the old one was made for where none is given.
    pub(super) expires_at: Option<Timestamp>,
    /// And never later than this.
    pub(super) latest: Timestamp,
}

/// Puts another key in the place of one that works and has no successor, and gives it back; `None` when the owner has no such key. Of
/// several at the same time one does: the others wait for the row and find it rotated.
pub(super) async fn rotate(
    tx: &mut TenantTx,
    (owner, id): (PrincipalId, ApiKeyId),
    new: &Successor<'_>,
    now: Timestamp,
) -> Result<Option<ApiKey>, DbError> {
    let row: Option<Row> = sqlx::query_as(
        "with old as (
           update platform_auth.api_key
           set rotated_at = $4, expires_at = least(expires_at, $5)
           from (
             select tenant_id, id, expires_at - coalesce(not_before, created_at) as lifetime from platform_auth.api_key
             where tenant_id = $1 and subject_id = $2 and id = $3
             for update
           ) before
           where api_key.tenant_id = before.tenant_id and api_key.id = before.id
             and api_key.revoked_at is null and api_key.rotated_at is null and api_key.expires_at > $4
           returning api_key.*, before.lifetime
         )
         insert into platform_auth.api_key
           (tenant_id, id, subject_id, name, key_hash, scopes, resources, addresses, created_at, created_by, expires_at, rotated_from)
         select tenant_id, $6, subject_id, name, $7, scopes, resources, addresses, $4, $8,
                least(coalesce($9, $4 + greatest(lifetime, interval '1 minute')), $10), id
         from old
         returning id, subject_id,
                   exists (
                     select from platform_auth.subject s
                     where s.tenant_id = api_key.tenant_id and s.id = api_key.subject_id and s.kind = 'service'
                   ) as of_service,
                   name, scopes, resources, addresses, created_at, created_by, not_before, expires_at, rotated_from,
                   rotated_at, revoked_at, revoked_by, last_used_at",
    )
    .bind(tx.tenant())
    .bind(owner)
    .bind(id)
    .bind(now)
    .bind(new.old_expires_at)
    .bind(new.id)
    .bind(new.token.hash())
    .bind(new.by)
    .bind(new.expires_at)
    .bind(new.latest)
    .fetch_optional(&mut *tx)
    .await?;
    row.map(Row::key).transpose()
}

/// Revokes a key that is not yet and gives it back; `None` when there is none of these owners.
pub(super) async fn revoke(
    tx: &mut TenantTx,
    owner: Option<PrincipalId>,
    id: ApiKeyId,
    (now, by): (Timestamp, Option<PrincipalId>),
) -> Result<Option<ApiKey>, DbError> {
    let row: Option<Row> = sqlx::query_as(
        "update platform_auth.api_key set revoked_at = $4, revoked_by = $5
         where tenant_id = $1 and id = $3 and ($2::uuid is null or subject_id = $2) and revoked_at is null
         returning id, subject_id,
                   exists (
                     select from platform_auth.subject s
                     where s.tenant_id = api_key.tenant_id and s.id = api_key.subject_id and s.kind = 'service'
                   ) as of_service,
                   name, scopes, resources, addresses, created_at, created_by, not_before, expires_at, rotated_from,
                   rotated_at, revoked_at, revoked_by, last_used_at",
    )
    .bind(tx.tenant())
    .bind(owner)
    .bind(id)
    .bind(now)
    .bind(by)
    .fetch_optional(&mut *tx)
    .await?;
    row.map(Row::key).transpose()
}

/// Revokes every key of an owner that works, or will, and says how many.
pub(crate) async fn revoke_all(
    tx: &mut TenantTx,
    owner: PrincipalId,
    (now, by): (Timestamp, Option<PrincipalId>),
) -> Result<u64, DbError> {
    let revoked = sqlx::query(
        "update platform_auth.api_key k set revoked_at = $3, revoked_by = $4
         from (
           select id from platform_auth.api_key
           where tenant_id = $1 and subject_id = $2 and revoked_at is null
           order by id
           for no key update
         ) live
         where k.tenant_id = $1 and k.id = live.id",
    )
    .bind(tx.tenant())
    .bind(owner)
    .bind(now)
    .bind(by)
    .execute(&mut *tx)
    .await?;
    Ok(revoked.rows_affected())
}

/// Deletes every key of an owner, and says how many: what a user calls a key, and from where it is used, may be personal.
pub(crate) async fn forget_all(tx: &mut TenantTx, owner: PrincipalId) -> Result<u64, DbError> {
    let forgotten = sqlx::query(
        "delete from platform_auth.api_key k
         using (
           select id from platform_auth.api_key where tenant_id = $1 and subject_id = $2 order by id for update
         ) gone
         where k.tenant_id = $1 and k.id = gone.id",
    )
    .bind(tx.tenant())
    .bind(owner)
    .execute(&mut *tx)
    .await?;
    Ok(forgotten.rows_affected())
}

/// A key in whatever state, of this owner or of anybody.
pub(super) async fn by_id<'c>(
    executor: impl sqlx::Executor<'c, Database = sqlx::Postgres>,
    (tenant, owner): (TenantId, Option<PrincipalId>),
    id: ApiKeyId,
) -> Result<Option<ApiKey>, DbError> {
    let row: Option<Row> = sqlx::query_as(
        "select id, subject_id,
                exists (
                  select from platform_auth.subject s
                  where s.tenant_id = api_key.tenant_id and s.id = api_key.subject_id and s.kind = 'service'
                ) as of_service,
                name, scopes, resources, addresses, created_at, created_by, not_before, expires_at, rotated_from,
                rotated_at, revoked_at, revoked_by, last_used_at
         from platform_auth.api_key
         where tenant_id = $1 and id = $3 and ($2::uuid is null or subject_id = $2)",
    )
    .bind(tenant)
    .bind(owner)
    .bind(id)
    .fetch_optional(executor)
    .await?;
    row.map(Row::key).transpose()
}

/// Keys in the order in which they were made, in whatever state.
pub(super) async fn list(
    read: &mut TenantRead,
    owner: Option<PrincipalId>,
    after: Option<ApiKeyId>,
    limit: u32,
) -> Result<Vec<ApiKey>, DbError> {
    let rows: Vec<Row> = sqlx::query_as(
        "select id, subject_id,
                exists (
                  select from platform_auth.subject s
                  where s.tenant_id = api_key.tenant_id and s.id = api_key.subject_id and s.kind = 'service'
                ) as of_service,
                name, scopes, resources, addresses, created_at, created_by, not_before, expires_at, rotated_from,
                rotated_at, revoked_at, revoked_by, last_used_at
         from platform_auth.api_key
         where tenant_id = $1 and ($2::uuid is null or subject_id = $2) and ($3::uuid is null or id > $3)
         order by id
         limit $4",
    )
    .bind(read.tenant())
    .bind(owner)
    .bind(after)
    .bind(i64::from(limit))
    .fetch_all(&mut *read)
    .await?;
    rows.into_iter().map(Row::key).collect()
}

/// The only things that a key may act on, and the only networks it may come from.
pub(super) type Limits = (Option<Vec<OwnedResource>>, Option<Vec<super::AddressRange>>);

/// The limits of a key, as they are stored.
pub(super) fn limits(resources: Option<&Value>, addresses: Option<&[String]>) -> Result<Limits, DbError> {
    Ok((
        resources.map(read_resources).transpose()?,
        addresses.map(read_addresses).transpose()?,
    ))
}

/// Notes when keys were used, unless that was noted less than ten minutes before by another instance.
pub(super) async fn note_use(
    tx: &mut TenantTx,
    used: &BTreeMap<ApiKeyId, Timestamp>,
) -> Result<u64, DbError> {
    let (ids, at): (Vec<_>, Vec<_>) = used.iter().map(|(id, at)| (id.as_uuid(), *at)).unzip();
    let noted = sqlx::query(
        "update platform_auth.api_key k set last_used_at = noted.at
         from (
           select u.id, used.at
           from unnest($2::uuid[], $3::timestamptz[]) as used (id, at)
           join platform_auth.api_key u on u.tenant_id = $1 and u.id = used.id
           where u.last_used_at is null or u.last_used_at <= used.at - interval '10 minutes'
           order by u.id
           for no key update of u
         ) noted
         where k.tenant_id = $1 and k.id = noted.id",
    )
    .bind(tx.tenant())
    .bind(ids)
    .bind(at)
    .execute(&mut *tx)
    .await?;
    Ok(noted.rows_affected())
}

fn written_resources(resources: &[OwnedResource]) -> Value {
    let written = |resource: &OwnedResource| json!({ "kind": &*resource.kind, "id": &*resource.id });
    resources.iter().map(written).collect()
}

fn read_resources(stored: &Value) -> Result<Vec<OwnedResource>, DbError> {
    let text = |item: &Value, name: &str| item.get(name).and_then(Value::as_str).map(Box::from);
    let one = |item: &Value| {
        Some(OwnedResource {
            kind: text(item, "kind")?,
            id: text(item, "id")?,
        })
    };
    let read = stored
        .as_array()
        .map(|items| items.iter().map(one).collect::<Option<Vec<_>>>());
    read.flatten().ok_or_else(|| unreadable("resources"))
}

fn read_addresses(stored: &[String]) -> Result<Vec<super::AddressRange>, DbError> {
    let read: Result<Vec<_>, _> = stored.iter().map(|text| text.parse()).collect();
    read.map_err(|_| unreadable("addresses"))
}

fn unreadable(column: &str) -> DbError {
    let error = sqlx::Error::ColumnDecode {
        index: column.to_owned(),
        source: "not what was stored".into(),
    };
    error.into()
}
