//! The domain: parcels, their rules, their routes.

use axum::extract::State;
use axum::http::StatusCode;
use platform_audit::{Action, AuditError, AuditLog, Event, Outcome};
use platform_core::http::{Caller, Json, Page, PageQuery, PageRequest, Path, Problem, Query};
use platform_core::pg::{Db, DbError, Migrations};
use platform_core::runtime::{BuildCx, Descriptor, Module, ModuleError, OpenApiRouter, Parts};
use platform_core::{Forbidden, Permission, PermissionInfo, RequestContext, Timestamp};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use utoipa_axum::routes;

/// Needed to send parcels and to see them.
pub const SEND: Permission = Permission::new("parcels:send");

const SENT: Action = Action::new("parcel.send");

platform_core::id_type! {
    /// Names a parcel.
    pub struct ParcelId;
}

/// What a client says about a parcel.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewParcel {
    /// 1 to 200 characters.
    #[schema(min_length = 1, max_length = 200)]
    pub recipient: String,
    /// 1 to 31,500.
    #[schema(minimum = 1, maximum = 31_500)]
    pub weight_grams: i64,
}

/// A parcel that was sent.
#[derive(Debug, Serialize, ToSchema, sqlx::FromRow)]
pub struct Parcel {
    /// Its id.
    pub id: ParcelId,
    /// To whom.
    pub recipient: String,
    /// Its weight.
    pub weight_grams: i64,
    /// When.
    #[serde(with = "platform_core::time::serde::rfc3339")]
    #[schema(value_type = String, format = DateTime)]
    pub sent_at: Timestamp,
}

/// Why a parcel was not sent or not found.
#[derive(Debug, thiserror::Error)]
pub enum ParcelError {
    /// The caller may not.
    #[error(transparent)]
    Forbidden(#[from] Forbidden),
    /// The recipient or the weight is out of bounds.
    #[error("a recipient has 1 to 200 characters, a parcel weighs 1 to 31500 grams")]
    OutOfBounds,
    /// The database failed.
    #[error("the parcels could not be reached")]
    Db(#[from] DbError),
    /// The audit event could not be written, so nothing was.
    #[error("the parcel could not be recorded")]
    Audit(#[from] AuditError),
}

/// Parcels of every tenant; cheap to clone.
#[derive(Debug, Clone)]
pub struct Parcels {
    db: Db,
    audit: AuditLog,
}

impl Parcels {
    /// Parcels in this database.
    pub fn new(db: &Db, audit: &AuditLog) -> Self {
        Self {
            db: db.clone(),
            audit: audit.clone(),
        }
    }

    /// Sends a parcel: the row and its audit event commit together or not at all.
    ///
    /// # Errors
    /// [`ParcelError`]; nothing was sent.
    pub async fn send(&self, ctx: &RequestContext, new: NewParcel) -> Result<Parcel, ParcelError> {
        ctx.require(SEND)?;
        let parcel = Parcel {
            id: ParcelId::generate(self.db.sources()),
            recipient: new.recipient,
            weight_grams: new.weight_grams,
            sent_at: self.db.sources().now(),
        };
        let mut tx = self.db.begin(ctx).await?;
        sqlx::query(
            "insert into parcels.parcel (tenant_id, id, recipient, weight_grams, sent_by, sent_at)
             values ($1, $2, $3, $4, $5, $6)",
        )
        .bind(tx.tenant())
        .bind(parcel.id)
        .bind(&parcel.recipient)
        .bind(parcel.weight_grams)
        .bind(ctx.principal().id())
        .bind(parcel.sent_at)
        .execute(&mut tx)
        .await
        .map_err(refused)?;
        let event = Event::new(SENT, Outcome::Success).target("parcel", parcel.id.to_string());
        self.audit.record(&mut tx, ctx, event).await?;
        tx.commit().await?;
        Ok(parcel)
    }

    /// The parcel with this id, when it is the tenant's.
    ///
    /// # Errors
    /// [`ParcelError`] when the caller may not see parcels, or the database fails.
    pub async fn parcel(&self, ctx: &RequestContext, id: ParcelId) -> Result<Option<Parcel>, ParcelError> {
        ctx.require(SEND)?;
        let mut read = self.db.read(ctx).await?;
        let parcel = sqlx::query_as(
            "select id, recipient, weight_grams, sent_at from parcels.parcel where tenant_id = $1 and id = $2",
        )
        .bind(read.tenant())
        .bind(id)
        .fetch_optional(&mut read)
        .await
        .map_err(DbError::from)?;
        Ok(parcel)
    }

    /// The tenant's parcels, newest first: one more than asked for, which tells whether there is another page.
    ///
    /// # Errors
    /// As [`Parcels::parcel`].
    pub async fn list(
        &self,
        ctx: &RequestContext,
        page: &PageRequest<ParcelId>,
    ) -> Result<Vec<Parcel>, ParcelError> {
        ctx.require(SEND)?;
        let mut read = self.db.read(ctx).await?;
        let parcels = sqlx::query_as(
            "select id, recipient, weight_grams, sent_at from parcels.parcel
             where tenant_id = $1 and ($2::uuid is null or id < $2) order by id desc limit $3",
        )
        .bind(read.tenant())
        .bind(page.after)
        .bind(page.fetch())
        .fetch_all(&mut read)
        .await
        .map_err(DbError::from)?;
        Ok(parcels)
    }
}

/// The table's own bounds are the rule; a row that breaks one is the client's mistake.
fn refused(error: sqlx::Error) -> ParcelError {
    match DbError::from(error) {
        DbError::Conflict { .. } => ParcelError::OutOfBounds,
        other => ParcelError::Db(other),
    }
}

impl Module for Parcels {
    fn descriptor(&self) -> Descriptor {
        Descriptor::new("parcels", env!("CARGO_PKG_VERSION"))
            .permission(PermissionInfo::assignable(SEND, "Send parcels and see them"))
    }

    fn migrations(&self) -> Option<&'static Migrations> {
        Some(&crate::MIGRATIONS)
    }

    fn build(&self, _cx: &mut BuildCx<'_>) -> Result<Parts, ModuleError> {
        let routes = OpenApiRouter::new()
            .routes(routes!(send, list))
            .routes(routes!(one))
            .with_state(self.clone());
        Ok(Parts {
            routes: Some(routes),
            ..Parts::default()
        })
    }
}

/// Send a parcel.
#[utoipa::path(
    post,
    path = "/api/v1/parcels",
    request_body = NewParcel,
    responses((status = 201, body = Parcel)),
    security(("bearer" = []))
)]
async fn send(
    State(parcels): State<Parcels>,
    Caller(ctx): Caller,
    Json(new): Json<NewParcel>,
) -> Result<(StatusCode, Json<Parcel>), Problem> {
    let parcel = parcels.send(&ctx, new).await?;
    Ok((StatusCode::CREATED, Json(parcel)))
}

/// See a parcel.
#[utoipa::path(
    get,
    path = "/api/v1/parcels/{id}",
    params(("id" = ParcelId, Path)),
    responses((status = 200, body = Parcel), (status = 404, body = Problem)),
    security(("bearer" = []))
)]
async fn one(
    State(parcels): State<Parcels>,
    Caller(ctx): Caller,
    Path(id): Path<ParcelId>,
) -> Result<Json<Parcel>, Problem> {
    let parcel = parcels.parcel(&ctx, id).await?;
    parcel.map(Json).ok_or_else(Problem::not_found)
}

/// List the parcels, newest first.
#[utoipa::path(
    get,
    path = "/api/v1/parcels",
    params(PageQuery),
    responses((status = 200, body = Page<Parcel>)),
    security(("bearer" = []))
)]
async fn list(
    State(parcels): State<Parcels>,
    Caller(ctx): Caller,
    Query(query): Query<PageQuery>,
) -> Result<Json<Page<Parcel>>, Problem> {
    let page = query.resolve::<ParcelId>()?;
    let rows = parcels.list(&ctx, &page).await?;
    Ok(Json(Page::build(rows, page.limit, |parcel| parcel.id)))
}

impl From<ParcelError> for Problem {
    fn from(error: ParcelError) -> Self {
        let text = error.to_string();
        match error {
            ParcelError::Forbidden(forbidden) => forbidden.into(),
            ParcelError::OutOfBounds => Self::new(StatusCode::UNPROCESSABLE_ENTITY, "invalid_parcel", text),
            ParcelError::Db(error) => error.into(),
            ParcelError::Audit(error) => error.into(),
        }
    }
}
