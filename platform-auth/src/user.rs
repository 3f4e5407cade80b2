//! Users, as they are stored.

use std::fmt;

use platform_core::pg::{DbError, TenantRead, TenantTx};
use platform_core::{PrincipalId, Timestamp};

use crate::{EmailAddress, PersonName, Role};

/// A user of a tenant.
#[derive(Clone, PartialEq, Eq)]
pub struct User {
    /// The user's id, which is also that of the principal in a request context.
    pub id: PrincipalId,
    /// The e-mail address as it was entered.
    pub email: String,
    /// The first name, if it was given.
    pub first_name: Option<String>,
    /// The last name, if it was given.
    pub last_name: Option<String>,
    /// What the user is to the tenant.
    pub role: Role,
    /// Whether the user may sign in.
    pub status: UserStatus,
    /// When the user was made.
    pub created_at: Timestamp,
}

/// Whether a user may sign in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum UserStatus {
    /// May sign in.
    Active,
    /// May not; the user's sessions are refused too.
    Disabled,
}

/// Leaves out what is personal.
impl fmt::Debug for User {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("User")
            .field("id", &self.id)
            .field("role", &self.role)
            .field("status", &self.status)
            .finish_non_exhaustive()
    }
}

/// A user that is to be stored.
pub(crate) struct NewUser<'a> {
    pub(crate) id: PrincipalId,
    pub(crate) email: &'a EmailAddress,
    pub(crate) first_name: Option<&'a PersonName>,
    pub(crate) last_name: Option<&'a PersonName>,
    pub(crate) role: Role,
    pub(crate) phc: &'a str,
    pub(crate) created_at: Timestamp,
}

/// A user with the password as it is stored.
pub(crate) struct Candidate {
    pub(crate) user: User,
    pub(crate) phc: String,
    pub(crate) changed_at: Timestamp,
}

/// Stores a user with a password; `None` when the e-mail address is taken. `tx` has to be rolled back then.
pub(crate) async fn insert(tx: &mut TenantTx, new: &NewUser<'_>) -> Result<Option<User>, DbError> {
    let inserted = sqlx::query(
        "insert into platform_auth.subject
           (tenant_id, id, email, email_normalized, first_name, last_name, role, created_at)
         values ($1, $2, $3, $4, $5, $6, $7, $8)",
    )
    .bind(tx.tenant())
    .bind(new.id)
    .bind(new.email.as_entered())
    .bind(new.email.normalized())
    .bind(new.first_name.map(PersonName::as_str))
    .bind(new.last_name.map(PersonName::as_str))
    .bind(new.role.as_str())
    .bind(new.created_at)
    .execute(&mut *tx)
    .await
    .map_err(DbError::from);
    match inserted {
        Err(error) if error.constraint() == Some("subject_email_key") => return Ok(None),
        other => other?,
    };
    sqlx::query(
        "insert into platform_auth.password_credential (tenant_id, subject_id, phc, changed_at) values ($1, $2, $3, $4)",
    )
    .bind(tx.tenant())
    .bind(new.id)
    .bind(new.phc)
    .bind(new.created_at)
    .execute(&mut *tx)
    .await?;
    let name = |name: Option<&PersonName>| name.map(|name| name.as_str().to_owned());
    Ok(Some(User {
        id: new.id,
        email: new.email.as_entered().to_owned(),
        first_name: name(new.first_name),
        last_name: name(new.last_name),
        role: new.role,
        status: UserStatus::Active,
        created_at: new.created_at,
    }))
}

/// The user with this e-mail address, if there is one with a password.
pub(crate) async fn candidate(
    read: &mut TenantRead,
    email: &EmailAddress,
) -> Result<Option<Candidate>, DbError> {
    let row: Option<CandidateRow> = sqlx::query_as(
        "select u.id, u.email, u.first_name, u.last_name, u.role, u.status, u.created_at, c.phc, c.changed_at
         from platform_auth.subject u
         join platform_auth.password_credential c on c.tenant_id = u.tenant_id and c.subject_id = u.id
         where u.tenant_id = $1 and u.email_normalized = $2",
    )
    .bind(read.tenant())
    .bind(email.normalized())
    .fetch_optional(&mut *read)
    .await?;
    row.map(|row| {
        Ok(Candidate {
            user: row.user.into_user()?,
            phc: row.phc,
            changed_at: row.changed_at,
        })
    })
    .transpose()
}

/// Replaces the hash of a password that has not changed since it was read.
pub(crate) async fn rehash(tx: &mut TenantTx, candidate: &Candidate, phc: &str) -> Result<(), DbError> {
    sqlx::query(
        "update platform_auth.password_credential set phc = $4
         where tenant_id = $1 and subject_id = $2 and changed_at = $3",
    )
    .bind(tx.tenant())
    .bind(candidate.user.id)
    .bind(candidate.changed_at)
    .bind(phc)
    .execute(&mut *tx)
    .await?;
    Ok(())
}

pub(crate) async fn by_id(read: &mut TenantRead, id: PrincipalId) -> Result<Option<User>, DbError> {
    let row: Option<UserRow> = sqlx::query_as(
        "select id, email, first_name, last_name, role, status, created_at
         from platform_auth.subject where tenant_id = $1 and id = $2",
    )
    .bind(read.tenant())
    .bind(id)
    .fetch_optional(&mut *read)
    .await?;
    row.map(UserRow::into_user).transpose()
}

/// Users in the order in which they were made.
pub(crate) async fn list(
    read: &mut TenantRead,
    after: Option<PrincipalId>,
    limit: u32,
) -> Result<Vec<User>, DbError> {
    let rows: Vec<UserRow> = sqlx::query_as(
        "select id, email, first_name, last_name, role, status, created_at
         from platform_auth.subject
         where tenant_id = $1 and ($2::uuid is null or id > $2)
         order by id
         limit $3",
    )
    .bind(read.tenant())
    .bind(after)
    .bind(i64::from(limit))
    .fetch_all(&mut *read)
    .await?;
    rows.into_iter().map(UserRow::into_user).collect()
}

#[derive(sqlx::FromRow)]
struct CandidateRow {
    #[sqlx(flatten)]
    user: UserRow,
    phc: String,
    changed_at: Timestamp,
}

#[derive(sqlx::FromRow)]
struct UserRow {
    id: PrincipalId,
    email: String,
    first_name: Option<String>,
    last_name: Option<String>,
    role: String,
    status: String,
    created_at: Timestamp,
}

impl UserRow {
    fn into_user(self) -> Result<User, DbError> {
        let role = self
            .role
            .parse()
            .map_err(|error: crate::UnknownRole| sqlx::Error::ColumnDecode {
                index: "role".to_owned(),
                source: error.into(),
            })?;
        Ok(User {
            id: self.id,
            email: self.email,
            first_name: self.first_name,
            last_name: self.last_name,
            role,
            status: UserStatus::of_stored(&self.status),
            created_at: self.created_at,
        })
    }
}

impl UserStatus {
    /// Whatever is not known to be active may not sign in.
    pub(crate) fn of_stored(word: &str) -> Self {
        match word {
            "active" => Self::Active,
            _ => Self::Disabled,
        }
    }
}
