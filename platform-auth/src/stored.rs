//! Users, as they are stored.

use platform_core::pg::{DbError, TenantRead, TenantTx};
use platform_core::{PrincipalId, Timestamp};
use platform_crypto::RowId;

use crate::identity::SealedUser;
use crate::user::Account;
use crate::{Role, UserStatus};

/// A user that is to be stored.
pub(crate) struct NewUser<'a> {
    pub(crate) account: Account,
    pub(crate) sealed: &'a SealedUser,
    pub(crate) phc: &'a str,
}

/// A user with the password as it is stored.
pub(crate) struct Candidate {
    pub(crate) stored: StoredUser,
    pub(crate) phc: String,
    pub(crate) changed_at: Timestamp,
    /// Whether somebody has shown that the mail of the address is read.
    pub(crate) is_verified: bool,
    /// Whether signing in takes a code as well.
    pub(crate) has_second_factor: bool,
}

/// A user who has not been erased, still sealed.
pub(crate) struct StoredUser {
    pub(crate) account: Account,
    pub(crate) sealed: SealedUser,
}

/// Stores a user with a password. The address has been reserved by its tag before.
pub(crate) async fn insert(tx: &mut TenantTx, new: &NewUser<'_>) -> Result<(), DbError> {
    let account = &new.account;
    let [email, first_name, last_name] = new.sealed.columns();
    sqlx::query(
        "insert into platform_auth.subject
           (tenant_id, id, email_sealed, first_name_sealed, last_name_sealed, role, created_at)
         values ($1, $2, $3, $4, $5, $6, $7)",
    )
    .bind(tx.tenant())
    .bind(account.id)
    .bind(email)
    .bind(first_name)
    .bind(last_name)
    .bind(account.role.as_str())
    .bind(account.created_at)
    .execute(&mut *tx)
    .await?;
    sqlx::query(
        "insert into platform_auth.password_credential (tenant_id, subject_id, phc, changed_at) values ($1, $2, $3, $4)",
    )
    .bind(tx.tenant())
    .bind(account.id)
    .bind(new.phc)
    .bind(account.created_at)
    .execute(&mut *tx)
    .await?;
    Ok(())
}

/// Replaces what identifies a user, sealed or in the clear as an older release stored it. The tag of the address is not touched.
pub(crate) async fn replace_identity(tx: &mut TenantTx, sealed: &SealedUser) -> Result<(), DbError> {
    let [email, first_name, last_name] = sealed.columns();
    sqlx::query(
        "update platform_auth.subject
         set email = null, email_normalized = null, first_name = null, last_name = null,
             email_sealed = $3, first_name_sealed = $4, last_name_sealed = $5
         where tenant_id = $1 and id = $2",
    )
    .bind(tx.tenant())
    .bind(sealed.id())
    .bind(email)
    .bind(first_name)
    .bind(last_name)
    .execute(&mut *tx)
    .await?;
    Ok(())
}

/// Sets what a user is to the tenant.
pub(crate) async fn set_role(tx: &mut TenantTx, user: PrincipalId, role: Role) -> Result<(), DbError> {
    sqlx::query("update platform_auth.subject set role = $3 where tenant_id = $1 and id = $2")
        .bind(tx.tenant())
        .bind(user)
        .bind(role.as_str())
        .execute(&mut *tx)
        .await?;
    Ok(())
}

/// The user who was found under an e-mail address, if there is one with a password. Asks the database in any case, so that an
/// address that nobody has costs as much.
pub(crate) async fn candidate(read: &mut TenantRead, found: &[RowId]) -> Result<Option<Candidate>, DbError> {
    let ids: Vec<_> = found.iter().map(|row| row.as_uuid()).collect();
    let row: Option<CandidateRow> = sqlx::query_as(
        "select u.tenant_id, u.id, u.email_sealed, u.first_name_sealed, u.last_name_sealed, u.role, u.status, u.created_at, c.phc, c.changed_at,
                u.email_verified_at is not null as is_verified,
                exists (
                  select from platform_auth.totp_credential t
                  where t.tenant_id = u.tenant_id and t.subject_id = u.id and t.confirmed_at is not null
                ) as has_second_factor
         from platform_auth.subject u
         join platform_auth.password_credential c on c.tenant_id = u.tenant_id and c.subject_id = u.id
         where u.tenant_id = $1 and u.id = any($2) and u.erased_at is null and u.email_sealed is not null",
    )
    .bind(read.tenant())
    .bind(ids)
    .fetch_optional(&mut *read)
    .await?;
    row.map(|row| {
        Ok(Candidate {
            stored: row.user.try_into()?,
            phc: row.phc,
            changed_at: row.changed_at,
            is_verified: row.is_verified,
            has_second_factor: row.has_second_factor,
        })
    })
    .transpose()
}

/// A user with a password, by id.
pub(crate) async fn candidate_of(
    read: &mut TenantRead,
    user: PrincipalId,
) -> Result<Option<Candidate>, DbError> {
    candidate(read, &[RowId::from(user)]).await
}

/// Sets the password of a user who has one and is active; says whether it did. See [`change_password`] for the time.
pub(crate) async fn set_password(
    tx: &mut TenantTx,
    user: PrincipalId,
    phc: &str,
    now: Timestamp,
) -> Result<bool, DbError> {
    let set = sqlx::query(
        "update platform_auth.password_credential c
         set phc = $3, changed_at = greatest($4, c.changed_at + interval '1 microsecond'), handed_over_by = null
         from platform_auth.subject u
         where c.tenant_id = $1 and c.subject_id = $2 and u.tenant_id = c.tenant_id and u.id = c.subject_id and u.status = 'active'",
    )
    .bind(tx.tenant())
    .bind(user)
    .bind(phc)
    .bind(now)
    .execute(&mut *tx)
    .await?;
    Ok(set.rows_affected() == 1)
}

/// Replaces a password that has not changed since it was read, and says when: later than the one before in any case, because whoever
/// signs in meanwhile shows by the time which password was verified.
pub(crate) async fn change_password(
    tx: &mut TenantTx,
    candidate: &Candidate,
    phc: &str,
    now: Timestamp,
) -> Result<Option<Timestamp>, DbError> {
    let changed_at = sqlx::query_scalar(
        "update platform_auth.password_credential
         set phc = $4, changed_at = greatest($5, changed_at + interval '1 microsecond'), handed_over_by = null
         where tenant_id = $1 and subject_id = $2 and changed_at = $3
         returning changed_at",
    )
    .bind(tx.tenant())
    .bind(candidate.stored.account.id)
    .bind(candidate.changed_at)
    .bind(phc)
    .bind(now)
    .fetch_optional(&mut *tx)
    .await?;
    Ok(changed_at)
}

/// Notes that somebody else chose the password of a user, and knows it.
pub(crate) async fn hand_over(
    tx: &mut TenantTx,
    user: PrincipalId,
    by: Option<PrincipalId>,
) -> Result<(), DbError> {
    sqlx::query(
        "update platform_auth.password_credential set handed_over_by = $3 where tenant_id = $1 and subject_id = $2",
    )
    .bind(tx.tenant())
    .bind(user)
    .bind(by)
    .execute(&mut *tx)
    .await?;
    Ok(())
}

/// Has the user chosen the password, and nobody else?
pub(crate) async fn has_own_password(tx: &mut TenantTx, user: PrincipalId) -> Result<bool, DbError> {
    let is_own = sqlx::query_scalar(
        "select exists (
           select from platform_auth.password_credential
           where tenant_id = $1 and subject_id = $2 and handed_over_by is null
         )",
    )
    .bind(tx.tenant())
    .bind(user)
    .fetch_one(&mut *tx)
    .await?;
    Ok(is_own)
}

/// Replaces the hash of a password that has not changed since it was read.
pub(crate) async fn rehash(tx: &mut TenantTx, candidate: &Candidate, phc: &str) -> Result<(), DbError> {
    sqlx::query(
        "update platform_auth.password_credential set phc = $4
         where tenant_id = $1 and subject_id = $2 and changed_at = $3",
    )
    .bind(tx.tenant())
    .bind(candidate.stored.account.id)
    .bind(candidate.changed_at)
    .bind(phc)
    .execute(&mut *tx)
    .await?;
    Ok(())
}

pub(crate) async fn by_id(read: &mut TenantRead, id: PrincipalId) -> Result<Option<StoredUser>, DbError> {
    let row: Option<UserRow> = sqlx::query_as(
        "select tenant_id, id, email_sealed, first_name_sealed, last_name_sealed, role, status, created_at
         from platform_auth.subject
         where tenant_id = $1 and id = $2 and erased_at is null and email_sealed is not null",
    )
    .bind(read.tenant())
    .bind(id)
    .fetch_optional(&mut *read)
    .await?;
    row.map(StoredUser::try_from).transpose()
}

/// Users in the order in which they were made, without the erased ones.
pub(crate) async fn list(
    read: &mut TenantRead,
    after: Option<PrincipalId>,
    limit: u32,
) -> Result<Vec<StoredUser>, DbError> {
    let rows: Vec<UserRow> = sqlx::query_as(
        "select tenant_id, id, email_sealed, first_name_sealed, last_name_sealed, role, status, created_at
         from platform_auth.subject
         where tenant_id = $1 and ($2::uuid is null or id > $2) and erased_at is null and email_sealed is not null
         order by id
         limit $3",
    )
    .bind(read.tenant())
    .bind(after)
    .bind(i64::from(limit))
    .fetch_all(&mut *read)
    .await?;
    rows.into_iter().map(StoredUser::try_from).collect()
}

#[derive(sqlx::FromRow)]
struct CandidateRow {
    #[sqlx(flatten)]
    user: UserRow,
    phc: String,
    changed_at: Timestamp,
    is_verified: bool,
    has_second_factor: bool,
}

#[derive(sqlx::FromRow)]
struct UserRow {
    #[sqlx(flatten)]
    sealed: SealedUser,
    role: String,
    status: String,
    created_at: Timestamp,
}

impl TryFrom<UserRow> for StoredUser {
    type Error = DbError;

    fn try_from(row: UserRow) -> Result<Self, DbError> {
        let role: Role = row
            .role
            .parse()
            .map_err(|error: crate::UnknownRole| sqlx::Error::ColumnDecode {
                index: "role".to_owned(),
                source: error.into(),
            })?;
        Ok(Self {
            account: Account {
                id: row.sealed.id(),
                role,
                status: UserStatus::of_stored(&row.status),
                created_at: row.created_at,
            },
            sealed: row.sealed,
        })
    }
}
