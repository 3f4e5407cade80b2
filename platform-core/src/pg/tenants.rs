//! The tenants of a platform and their hierarchy.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::{TenantId, Timestamp};

use super::{Db, DbError, TenantTx};

/// A tenant's short name in URLs and headers: 1 to 63 of `a-z`, `0-9` and single inner hyphens.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize)]
#[serde(transparent)]
pub struct Slug(String);

/// A text is not a slug.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a slug is 1 to 63 lower-case letters, digits and single hyphens between them")]
pub struct InvalidSlug;

impl Slug {
    /// The slug's text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for Slug {
    type Err = InvalidSlug;

    fn from_str(text: &str) -> Result<Self, InvalidSlug> {
        let allowed = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
        let parts_hold = text
            .split('-')
            .all(|part| !part.is_empty() && part.bytes().all(allowed));
        if text.len() > 63 || !parts_hold {
            return Err(InvalidSlug);
        }
        Ok(Self(text.to_owned()))
    }
}

impl fmt::Display for Slug {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl<'de> Deserialize<'de> for Slug {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}

/// Whether a tenant may be used.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TenantStatus {
    /// In use.
    Active,
    /// Every credential is refused until it is resumed.
    Suspended,
    /// Ended for good; its rows are kept as long as the law says.
    Closed,
}

impl TenantStatus {
    /// The word that is stored and sent.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Active => "active",
            Self::Suspended => "suspended",
            Self::Closed => "closed",
        }
    }

    /// Whatever is not known may not be used.
    pub(super) fn of_stored(word: &str) -> Self {
        match word {
            "active" => Self::Active,
            "suspended" => Self::Suspended,
            _ => Self::Closed,
        }
    }
}

/// A tenant.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Tenant {
    /// Its id.
    pub id: TenantId,
    /// Its short name, unique on the platform.
    pub slug: Slug,
    /// Its name for people.
    pub name: String,
    /// Whether it may be used.
    pub status: TenantStatus,
    /// The tenant above it.
    pub parent: Option<TenantId>,
    /// When it was made.
    #[serde(with = "time::serde::rfc3339")]
    pub created_at: Timestamp,
}

/// A tenant that is to be made.
#[derive(Debug, Clone)]
pub struct NewTenant {
    /// Its short name.
    pub slug: Slug,
    /// Its name for people, 1 to 200 characters.
    pub name: String,
    /// The tenant above it.
    pub parent: Option<TenantId>,
}

/// Why a tenant could not be made.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TenantError {
    /// Another tenant has the slug.
    #[error("the slug is taken")]
    SlugTaken,
    /// The name is empty or longer than 200 characters.
    #[error("a tenant's name has 1 to 200 characters")]
    InvalidName,
    /// There is no such tenant to stand below.
    #[error("the parent tenant does not exist")]
    ParentUnknown,
    /// The hierarchy would get deeper than [`Tenants::DEPTH_MAX`].
    #[error("the hierarchy of tenants is at most {} levels deep", Tenants::DEPTH_MAX)]
    TooDeep,
    /// The database failed.
    #[error("the tenant could not be stored")]
    Db(#[from] DbError),
}

/// A tenant and every tenant below it, for [`Db::read_subtree`]. Only [`Tenants::subtree`] makes one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Subtree {
    root: TenantId,
    tenants: Vec<TenantId>,
}

impl Subtree {
    /// The tenant at the top.
    pub fn root(&self) -> TenantId {
        self.root
    }

    /// All tenants of the subtree, the top one included.
    pub fn tenants(&self) -> &[TenantId] {
        &self.tenants
    }
}

/// A subtree holds more tenants than one read may cover; read it by tenant instead.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SubtreeTooLarge {
    /// More than [`Tenants::SUBTREE_MAX`] tenants.
    #[error("the subtree holds more than {} tenants", Tenants::SUBTREE_MAX)]
    TooLarge,
    /// The database failed.
    #[error("the subtree could not be read")]
    Db(#[from] DbError),
}

/// The directory of tenants. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Tenants {
    db: Db,
}

impl Tenants {
    /// How many levels of tenants may stand below one another.
    pub const DEPTH_MAX: i32 = 16;
    /// How many tenants one subtree read may cover.
    pub const SUBTREE_MAX: usize = 1000;

    /// The directory in this database.
    pub fn new(db: &Db) -> Self {
        Self { db: db.clone() }
    }

    pub(super) fn db(&self) -> &Db {
        &self.db
    }

    pub(super) fn now(&self) -> Timestamp {
        self.db.sources().now()
    }

    /// Makes the tenant whose scope `tx` has: generate a [`TenantId`], begin a transaction under it, and call this, so that the
    /// tenant and everything made with it commit together.
    ///
    /// # Errors
    /// [`TenantError`]; roll `tx` back.
    pub async fn create_in(&self, tx: &mut TenantTx, new: &NewTenant) -> Result<Tenant, TenantError> {
        if new.name.trim().is_empty() || new.name.chars().count() > 200 {
            return Err(TenantError::InvalidName);
        }
        let id = tx.tenant();
        let created_at = self.db.sources().now();
        sqlx::query(
            "insert into platform_core.tenant (id, slug, name, status, parent_id, created_at)
             values ($1, $2, $3, 'active', $4, $5)",
        )
        .bind(id)
        .bind(new.slug.as_str())
        .bind(&new.name)
        .bind(new.parent)
        .bind(created_at)
        .execute(&mut *tx)
        .await
        .map_err(|error| refused(error.into()))?;
        sqlx::query(
            "insert into platform_core.tenant_closure (ancestor, descendant, depth)
             select ancestor, $1, depth + 1 from platform_core.tenant_closure where descendant = $2
             union all select $1, $1, 0",
        )
        .bind(id)
        .bind(new.parent)
        .execute(&mut *tx)
        .await
        .map_err(|error| refused(error.into()))?;
        Ok(Tenant {
            id,
            slug: new.slug.clone(),
            name: new.name.clone(),
            status: TenantStatus::Active,
            parent: new.parent,
            created_at,
        })
    }

    /// Lets a host name stand for the tenant of `tx`. `verified` says that its ownership has been proven.
    ///
    /// # Errors
    /// [`DbError::Conflict`] when the name is another tenant's.
    pub async fn add_host_in(&self, tx: &mut TenantTx, host: &str, verified: bool) -> Result<(), DbError> {
        let verified_at = verified.then(|| self.db.sources().now());
        sqlx::query("insert into platform_core.tenant_host (host, owner, verified_at) values ($1, $2, $3)")
            .bind(host.to_ascii_lowercase())
            .bind(tx.tenant())
            .bind(verified_at)
            .execute(tx)
            .await?;
        Ok(())
    }

    /// The tenant with this slug.
    ///
    /// # Errors
    /// [`DbError`] when the database fails.
    pub async fn by_slug(&self, slug: &Slug) -> Result<Option<Tenant>, DbError> {
        let mut read = self.db.global_read().await?;
        let row = sqlx::query_as::<_, Row>(
            "select id, slug, name, status, parent_id, created_at from platform_core.tenant where slug = $1",
        )
        .bind(slug.as_str())
        .fetch_optional(&mut read)
        .await?;
        Ok(row.map(Row::into_tenant))
    }

    /// The tenant for which this verified host name stands, without a port.
    ///
    /// # Errors
    /// [`DbError`] when the database fails.
    pub async fn by_host(&self, host: &str) -> Result<Option<Tenant>, DbError> {
        let mut read = self.db.global_read().await?;
        let row = sqlx::query_as::<_, Row>(
            "select t.id, t.slug, t.name, t.status, t.parent_id, t.created_at
             from platform_core.tenant_host h join platform_core.tenant t on t.id = h.owner
             where h.host = $1 and h.verified_at is not null",
        )
        .bind(host.to_ascii_lowercase())
        .fetch_optional(&mut read)
        .await?;
        Ok(row.map(Row::into_tenant))
    }

    /// The tenant with this id.
    ///
    /// # Errors
    /// [`DbError`] when the database fails.
    pub async fn by_id(&self, id: TenantId) -> Result<Option<Tenant>, DbError> {
        let mut read = self.db.global_read().await?;
        let row = sqlx::query_as::<_, Row>(
            "select id, slug, name, status, parent_id, created_at from platform_core.tenant where id = $1",
        )
        .bind(id)
        .fetch_optional(&mut read)
        .await?;
        Ok(row.map(Row::into_tenant))
    }

    /// Tenants in the order of their ids, at most `limit` after `after`.
    ///
    /// # Errors
    /// [`DbError`] when the database fails.
    pub async fn list(&self, after: Option<TenantId>, limit: u32) -> Result<Vec<Tenant>, DbError> {
        let mut read = self.db.global_read().await?;
        let rows = sqlx::query_as::<_, Row>(
            "select id, slug, name, status, parent_id, created_at from platform_core.tenant
             where id > $1 order by id limit $2",
        )
        .bind(after.map_or(Uuid::nil(), TenantId::as_uuid))
        .bind(i64::from(limit))
        .fetch_all(&mut read)
        .await?;
        Ok(rows.into_iter().map(Row::into_tenant).collect())
    }

    /// The tenant and every tenant below it.
    ///
    /// # Errors
    /// [`SubtreeTooLarge`] past [`Tenants::SUBTREE_MAX`] tenants.
    pub async fn subtree(&self, root: TenantId) -> Result<Subtree, SubtreeTooLarge> {
        let mut read = self.db.global_read().await?;
        let limit = i64::try_from(Self::SUBTREE_MAX + 1).unwrap_or(i64::MAX);
        let tenants: Vec<TenantId> = sqlx::query_scalar(
            "select descendant from platform_core.tenant_closure where ancestor = $1 order by depth, descendant limit $2",
        )
        .bind(root)
        .bind(limit)
        .fetch_all(&mut read)
        .await
        .map_err(DbError::from)?;
        if tenants.len() > Self::SUBTREE_MAX {
            return Err(SubtreeTooLarge::TooLarge);
        }
        Ok(Subtree { root, tenants })
    }
}

#[derive(sqlx::FromRow)]
pub(super) struct Row {
    id: TenantId,
    slug: String,
    name: String,
    status: String,
    parent_id: Option<TenantId>,
    created_at: Timestamp,
}

impl Row {
    pub(super) fn into_tenant(self) -> Tenant {
        let status = TenantStatus::of_stored(&self.status);
        Tenant {
            id: self.id,
            slug: Slug(self.slug),
            name: self.name,
            status,
            parent: self.parent_id,
            created_at: self.created_at,
        }
    }
}

fn refused(error: DbError) -> TenantError {
    match error.constraint() {
        Some("tenant_slug_key") => TenantError::SlugTaken,
        Some("tenant_parent_id_fkey") => TenantError::ParentUnknown,
        Some("tenant_closure_depth_check") => TenantError::TooDeep,
        _ => TenantError::Db(error),
    }
}
