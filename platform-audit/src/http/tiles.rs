//! The log of a tenant under the paths of C2SP `tlog-tiles`, so that tools for such logs can read it.

use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use platform_core::RequestContext;
use platform_core::http::{Caller, Path, Problem, Query};
use utoipa::OpenApi;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::NoQuery;
use super::module::Audit;
use crate::{AUDIT_READ, EntryTile, EventFilter, TileId};

const ENTRIES: &str = "entries/";

pub(super) fn routes() -> OpenApiRouter<Audit> {
    // OpenAPI has no word for a path of any length.
    OpenApiRouter::with_openapi(Tiles::openapi())
        .route("/log/tile/{*path}", get(tile))
        .routes(routes!(checkpoint))
}

#[derive(OpenApi)]
#[openapi(paths(tile))]
struct Tiles;

/// Have the newest signed checkpoint, where tools for logs look for it.
#[utoipa::path(
    get,
    path = "/log/checkpoint",
    tag = "audit",
    operation_id = "get_audit_log_checkpoint",
    responses(
        (status = 200, description = "The note.", body = String, content_type = "text/plain"),
        (status = 403, description = "`forbidden`: needs `audit:read`", body = Problem, content_type = "application/problem+json"),
        (status = 409, description = "`no_checkpoint`", body = Problem, content_type = "application/problem+json"),
    ),
    security(("bearer" = [])),
)]
async fn checkpoint(audit: State<Audit>, caller: Caller, query: Query<NoQuery>) -> Result<Response, Problem> {
    super::log::checkpoint(audit, caller, query).await
}

/// Have a tile of the log, or the entries of one: the paths of C2SP `tlog-tiles`, such as `0/x001/234`, `1/000.p/17` and
/// `entries/000.p/3`.
#[utoipa::path(
    get,
    path = "/log/tile/{path}",
    tag = "audit",
    operation_id = "get_audit_tile",
    params(("path" = String, Path, description = "Level and index, or `entries` and index; several segments.")),
    responses(
        (status = 200, description = "Hashes of 32 bytes, or entries each after its length in two bytes.", body = Vec<u8>, content_type = "application/octet-stream"),
        (status = 403, description = "`forbidden`: needs `audit:read`; `entries_withheld`: an entry needs `audit:platform`", body = Problem, content_type = "application/problem+json"),
        (status = 404, description = "`not_found`: no checkpoint covers all of such a tile", body = Problem, content_type = "application/problem+json"),
        (status = 410, description = "`entries_pruned`: an entry was deleted when its time was over", body = Problem, content_type = "application/problem+json"),
    ),
    security(("bearer" = [])),
)]
async fn tile(
    State(audit): State<Audit>,
    Caller(ctx): Caller,
    Path(path): Path<String>,
    Query(_none): Query<NoQuery>,
) -> Result<Response, Problem> {
    ctx.require(AUDIT_READ)?;
    let entries = path.strip_prefix(ENTRIES);
    // The entries of a tile are named as the tile of level 0 is.
    let name = match entries {
        Some(index) => format!("tile/0/{index}"),
        None => format!("tile/{path}"),
    };
    // What cannot be a tile is not there.
    let (id, width) = TileId::from_path(&name).map_err(|_| Problem::not_found())?;
    let bytes = match entries {
        Some(_) => entry_tile(&audit, &ctx, id, width).await?,
        None => hash_tile(&audit, &ctx, id, width).await?,
    };
    Ok(([(header::CONTENT_TYPE, "application/octet-stream")], bytes).into_response())
}

async fn hash_tile(audit: &Audit, ctx: &RequestContext, id: TileId, width: u16) -> Result<Vec<u8>, Problem> {
    let mut read = audit.db.read(ctx).await?;
    let tile = audit.log.tile(&mut read, id, width).await?;
    read.finish().await?;
    tile.map_or_else(|| Err(Problem::not_found()), |tile| Ok(tile.to_bytes()))
}

async fn entry_tile(audit: &Audit, ctx: &RequestContext, id: TileId, width: u16) -> Result<Vec<u8>, Problem> {
    let reader = audit.reader(ctx, "entries", &EventFilter::new()).await?;
    let mut read = audit.db.read(ctx).await?;
    let tile = audit.log.entry_tile(&mut read, reader, id.index(), width).await?;
    read.finish().await?;
    match tile {
        Some(EntryTile::Bundle(bytes)) => Ok(bytes),
        Some(EntryTile::Withheld) => Err(Problem::new(
            StatusCode::FORBIDDEN,
            "entries_withheld",
            "an entry of this tile is hidden; its hash is in the tile of level 0",
        )),
        Some(EntryTile::Pruned) => Err(Problem::new(
            StatusCode::GONE,
            "entries_pruned",
            "an entry of this tile was deleted when its time was over; its hash is in the tile of level 0",
        )),
        None => Err(Problem::not_found()),
    }
}
