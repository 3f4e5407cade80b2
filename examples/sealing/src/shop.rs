//! The domain: customers and suppliers, with what is personal sealed.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use platform_core::pg::{Db, DbError, Migrations};
use platform_core::{RequestContext, TenantId};
use platform_crypto::{
    FileErasureStore, Keyring, LocalRoot, OpenError, Sealed, SealedRow, Secret, SubjectId,
};
use sqlx::FromRow;

/// The tables of this service, in the schema `shop`.
pub static MIGRATIONS: Migrations = Migrations {
    schema: "shop",
    migrator: &MIGRATOR,
    roles: &[],
};

static MIGRATOR: sqlx::migrate::Migrator = sqlx::migrate!("./migrations");

/// How long a process uses keys before it looks again; a new key is published for as long before it is used. Minutes in a
/// service; here somebody waits for it.
pub const TTL: Duration = Duration::from_secs(2);

/// The keys of the service: a root key in a file, and a folder for what makes an erasure final. Neither is in the database, and
/// neither belongs into its backup.
///
/// # Errors
/// When the root key is not the one under which the database was sealed, or the folder cannot be used.
pub async fn open_keyring(db: &Db, folder: &Path) -> anyhow::Result<Keyring> {
    let erasure = FileErasureStore::open(folder.join("erasure"))?;
    let root = LocalRoot::from_key_file_or_new(folder.join("root.key"), db.sources())?;
    let keyring = Keyring::builder(db, Arc::new(root))
        .erasure(Arc::new(erasure))
        .ttl(TTL);
    Ok(keyring.sealed::<Customer>().sealed::<Supplier>().open().await?)
}

platform_core::id_type! {
    /// Names a customer.
    pub struct CustomerId;
    /// Names a supplier.
    pub struct SupplierId;
}

/// A person who buys. Sealed under a key of their own, so that they can be erased.
#[derive(Debug, Clone, FromRow, SealedRow)]
#[sealed(table = "shop.customer")]
pub struct Customer {
    /// Whose customer.
    #[sealed(tenant)]
    pub tenant_id: TenantId,
    /// The customer's id.
    #[sealed(row, subject)]
    pub id: CustomerId,
    /// Where to write to.
    #[sealed(padded = 64)]
    pub email: Sealed<String>,
    /// What to call, if anything.
    pub phone: Option<Sealed<String>>,
    /// How many orders there were.
    pub orders: i64,
}

/// A company that sells. Sealed under the tenant's key.
#[derive(Debug, Clone, FromRow, SealedRow)]
#[sealed(table = "shop.supplier")]
pub struct Supplier {
    /// Whose supplier.
    #[sealed(tenant)]
    pub tenant_id: TenantId,
    /// The supplier's id.
    #[sealed(row)]
    pub id: SupplierId,
    /// Where to pay to.
    pub iban: Sealed<String>,
}

/// Customers and suppliers of every tenant; cheap to clone.
#[derive(Debug, Clone)]
pub struct Shop {
    db: Db,
    keyring: Keyring,
}

impl Shop {
    /// A shop on this database, with these keys.
    pub fn new(db: &Db, keyring: &Keyring) -> Self {
        Self {
            db: db.clone(),
            keyring: keyring.clone(),
        }
    }

    /// Adds a customer: the key and the row commit together or not at all.
    ///
    /// # Errors
    /// When the database or the keys fail; nobody was added.
    pub async fn add_customer(
        &self,
        ctx: &RequestContext,
        email: &str,
        phone: Option<&str>,
    ) -> anyhow::Result<CustomerId> {
        let customer = OpenedCustomer {
            tenant_id: ctx.tenant(),
            id: CustomerId::generate(self.db.sources()),
            email: Secret::new(email.to_owned()),
            phone: phone.map(|phone| Secret::new(phone.to_owned())),
            orders: 0,
        };
        let mut tx = self.db.begin(ctx).await?;
        let subject = SubjectId::from_stored(customer.id.as_uuid());
        let key = self.keyring.ensure_subject(&mut tx, ctx, subject).await?;
        let row = customer.seal(&key)?;
        sqlx::query(
            "insert into shop.customer (tenant_id, id, email, phone, orders) values ($1, $2, $3, $4, $5)",
        )
        .bind(row.tenant_id)
        .bind(row.id)
        .bind(&row.email)
        .bind(&row.phone)
        .bind(row.orders)
        .execute(&mut tx)
        .await
        .map_err(DbError::from)?;
        tx.commit().await?;
        Ok(row.id)
    }

    /// Every customer, opened; one who was erased is an error of their own.
    ///
    /// # Errors
    /// When the database or the keys fail.
    pub async fn customers(
        &self,
        ctx: &RequestContext,
    ) -> anyhow::Result<Vec<Result<OpenedCustomer, OpenError>>> {
        let rows = self.stored_customers(ctx).await?;
        Ok(self.keyring.open_all(ctx, &rows).await?)
    }

    /// Every customer as it is stored.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn stored_customers(&self, ctx: &RequestContext) -> anyhow::Result<Vec<Customer>> {
        let mut read = self.db.read(ctx).await?;
        let rows = sqlx::query_as(
            "select tenant_id, id, email, phone, orders from shop.customer where tenant_id = $1 order by id limit 1000",
        )
        .bind(read.tenant())
        .fetch_all(&mut read)
        .await
        .map_err(DbError::from)?;
        read.finish().await?;
        Ok(rows)
    }

    /// Adds a supplier, or changes one's account.
    ///
    /// # Errors
    /// When the database or the keys fail; nothing was changed.
    pub async fn put_supplier(&self, ctx: &RequestContext, id: SupplierId, iban: &str) -> anyhow::Result<()> {
        let keys = self.keyring.keys(ctx).await?;
        let iban = keys.seal(&Supplier::IBAN.at(ctx.tenant(), id), &iban.to_owned())?;
        let mut tx = self.db.begin(ctx).await?;
        sqlx::query(
            "insert into shop.supplier (tenant_id, id, iban) values ($1, $2, $3)
             on conflict (tenant_id, id) do update set iban = excluded.iban",
        )
        .bind(tx.tenant())
        .bind(id)
        .bind(&iban)
        .execute(&mut tx)
        .await
        .map_err(DbError::from)?;
        tx.commit().await?;
        Ok(())
    }

    /// A supplier's account.
    ///
    /// # Errors
    /// When the database or the keys fail, or there is no such supplier.
    pub async fn iban(&self, ctx: &RequestContext, id: SupplierId) -> anyhow::Result<Secret<String>> {
        let row = self.supplier(ctx, id).await?;
        let keys = self.keyring.keys_for(ctx, row.key_ids()).await?;
        Ok(row.open(&keys)?.iban)
    }

    /// A supplier as it is stored.
    ///
    /// # Errors
    /// When the database fails, or there is no such supplier.
    pub async fn supplier(&self, ctx: &RequestContext, id: SupplierId) -> anyhow::Result<Supplier> {
        let mut read = self.db.read(ctx).await?;
        let row =
            sqlx::query_as("select tenant_id, id, iban from shop.supplier where tenant_id = $1 and id = $2")
                .bind(read.tenant())
                .bind(id)
                .fetch_optional(&mut read)
                .await
                .map_err(DbError::from)?;
        read.finish().await?;
        row.context("there is no such supplier")
    }
}
