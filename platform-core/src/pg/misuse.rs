//! What the compiler refuses, where its words are too many to be compared: each mistake stands beside the same code done right.

/// The database runs no statement; a transaction does.
///
/// ```compile_fail
/// async fn leak(db: platform_core::pg::Db) -> Result<(), platform_core::sqlx::Error> {
///     platform_core::sqlx::query("select 1").execute(&db).await?;
///     Ok(())
/// }
/// ```
///
/// ```
/// async fn keep(mut tx: platform_core::pg::TenantTx) -> Result<(), platform_core::sqlx::Error> {
///     platform_core::sqlx::query("select 1").execute(&mut tx).await?;
///     Ok(())
/// }
/// ```
pub struct Executor;

/// A context is made by whoever has authenticated the caller, not of its parts.
///
/// ```compile_fail
/// fn forge(ctx: platform_core::RequestContext, tenant: platform_core::TenantId) -> platform_core::RequestContext {
///     platform_core::RequestContext { tenant, ..ctx }
/// }
/// ```
///
/// ```
/// fn make(sources: &platform_core::Sources, tenant: platform_core::TenantId) -> platform_core::RequestContext {
///     platform_core::RequestContext::system(tenant, "a job", sources)
/// }
/// ```
pub struct Context;

/// A tenant has no default.
///
/// ```compile_fail
/// let tenant: platform_core::TenantId = Default::default();
/// ```
///
/// ```
/// let tenant: Option<platform_core::TenantId> = Default::default();
/// ```
pub struct Default;

/// A tenant is not any UUID.
///
/// ```compile_fail
/// fn any(uuid: platform_core::uuid::Uuid) -> platform_core::TenantId {
///     uuid.into()
/// }
/// ```
///
/// ```
/// fn any(uuid: platform_core::uuid::Uuid) -> platform_core::uuid::Uuid {
///     uuid.into()
/// }
/// ```
pub struct Conversion;
