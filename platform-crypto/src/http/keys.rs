//! A tenant's keys, for its admins.

use axum::extract::State;
use axum::http::StatusCode;
use platform_core::http::{Caller, Json, Path, Problem};

use super::body::{KeyBody, KeyListBody, RotateBody};
use crate::{KEYS_MANAGE, KEYS_READ, Keyring};

/// List the keys of the tenant, destroyed ones included.
#[utoipa::path(
    get,
    path = "/keys",
    tag = "keys",
    operation_id = "list_keys",
    responses(
        (status = 200, description = "Every version of every key.", body = KeyListBody),
        (status = 403, description = "`forbidden`: needs `keys:read`", body = Problem, content_type = "application/problem+json"),
    ),
    security(("bearer" = [])),
)]
pub(super) async fn list(
    State(keyring): State<Keyring>,
    Caller(ctx): Caller,
) -> Result<Json<KeyListBody>, Problem> {
    ctx.require(KEYS_READ)?;
    let keys = keyring.list(&ctx).await?;
    Ok(Json(KeyListBody {
        data: keys.into_iter().map(KeyBody::from).collect(),
    }))
}

/// Make a new version of a key.
///
/// Values are sealed under it from `activates_at` on. What older versions have sealed stays readable.
#[utoipa::path(
    post,
    path = "/keys/rotations",
    tag = "keys",
    operation_id = "rotate_key",
    request_body = RotateBody,
    responses(
        (status = 201, description = "The new version.", body = KeyBody),
        (status = 403, description = "`forbidden`: needs `keys:manage`", body = Problem, content_type = "application/problem+json"),
        (status = 409, description = "`too_many_keys`: destroy old versions first", body = Problem, content_type = "application/problem+json"),
        (status = 503, description = "`keys_unavailable`, `unavailable`", body = Problem, content_type = "application/problem+json"),
    ),
    security(("bearer" = [])),
)]
pub(super) async fn rotate(
    State(keyring): State<Keyring>,
    Caller(ctx): Caller,
    Json(body): Json<RotateBody>,
) -> Result<(StatusCode, Json<KeyBody>), Problem> {
    ctx.require(KEYS_MANAGE)?;
    let purpose = body.purpose.into();
    let key = match body.now {
        false => keyring.rotate(&ctx, purpose).await?,
        true => keyring.rotate_now(&ctx, purpose).await?,
    };
    Ok((StatusCode::CREATED, Json(key.into())))
}

/// Destroy a version of a key, and with it whatever is still sealed under it. Nothing undoes this.
#[utoipa::path(
    delete,
    path = "/keys/{purpose}/{version}",
    tag = "keys",
    operation_id = "destroy_key",
    params(
        ("purpose" = String, Path, description = "`data` or `index`"),
        ("version" = u32, Path, description = "As `list_keys` shows it."),
    ),
    responses(
        (status = 200, description = "The destroyed key.", body = KeyBody),
        (status = 403, description = "`forbidden`: needs `keys:manage`", body = Problem, content_type = "application/problem+json"),
        (status = 404, description = "`not_found`", body = Problem, content_type = "application/problem+json"),
        (status = 409, description = "`key_not_destroyable`, `key_in_use`, `key_needed`", body = Problem, content_type = "application/problem+json"),
    ),
    security(("bearer" = [])),
)]
pub(super) async fn destroy(
    State(keyring): State<Keyring>,
    Caller(ctx): Caller,
    Path((purpose, version)): Path<(String, String)>,
) -> Result<Json<KeyBody>, Problem> {
    ctx.require(KEYS_MANAGE)?;
    // What cannot be a key is not there.
    let purpose = purpose.parse().map_err(|_| Problem::not_found())?;
    let version = version.parse().map_err(|_| Problem::not_found())?;
    let key = keyring.destroy(&ctx, purpose, version).await?;
    Ok(Json(key.into()))
}
