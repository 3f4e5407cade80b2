//! A row of a table with sealed columns.

use platform_core::TenantId;

use crate::{KeyId, OpenError, OpenKeys, RowId, SealedTable, SubjectId};

/// A row of a table with sealed columns. Derive it: `#[derive(SealedRow)]`, feature `derive`.
///
/// ```
/// # #[cfg(feature = "derive")] {
/// use platform_core::{Sources, TenantId};
/// use platform_crypto::{Budget, DataKey, FieldKey, Keys, Sealed, SealedRow, Secret};
///
/// platform_core::id_type! {
///     /// Names a customer.
///     pub struct CustomerId;
/// }
///
/// // Read it with `sqlx::FromRow`, derived beside.
/// #[derive(SealedRow)]
/// #[sealed(table = "shop.customer")]
/// struct Customer {
///     #[sealed(tenant)]
///     tenant_id: TenantId,
///     #[sealed(row)]
///     id: CustomerId,
///     email: Sealed<String>,
///     phone: Option<Sealed<String>>,
///     visits: i64,
/// }
///
/// let sources = Sources::system();
/// let tenant_id = TenantId::generate(&sources);
/// // From `keyring.keys(&ctx).await?` in a service.
/// let keys = Keys::new(tenant_id, FieldKey::new(DataKey::generate(&sources)), Budget::unlimited());
///
/// let ada = OpenedCustomer {
///     tenant_id,
///     id: CustomerId::generate(&sources),
///     email: Secret::new("ada@example.com".to_owned()),
///     phone: None,
///     visits: 1,
/// };
/// let row: Customer = ada.seal(&keys)?;
/// let opened: OpenedCustomer = row.open(&keys)?;
/// assert_eq!(opened.email.expose(), "ada@example.com");
///
/// // A single value of the row.
/// let email = keys.open(&Customer::EMAIL.at(tenant_id, row.id), &row.email)?;
/// assert_eq!(email.expose(), "ada@example.com");
/// # }
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub trait SealedRow: Sized {
    /// The row with its values opened.
    type Opened;

    /// The table, its sealed columns and the statements that seal them anew.
    const TABLE: &'static SealedTable;

    /// Whose row it is.
    fn tenant(&self) -> TenantId;

    /// Its id.
    fn row(&self) -> RowId;

    /// Whom it is about, when the row says so: its values are sealed under that subject's key.
    fn subject(&self) -> Option<SubjectId>;

    /// The keys its values name, for `Keyring::keys_for`. A value whose header cannot be read names none; opening it says why.
    fn key_ids(&self) -> Vec<KeyId>;

    /// Opens every sealed value of the row.
    ///
    /// # Errors
    /// [`OpenError`] of the first value that does not open with these keys.
    fn open(&self, keys: &impl OpenKeys) -> Result<Self::Opened, OpenError>;
}
