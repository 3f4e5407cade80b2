//! The proofs of an order.

use axum::extract::State;
use platform_audit::EventId;
use platform_core::http::{Caller, Json, Page, PageQuery, Path, Problem, Query};

use crate::{OrderId, OrderProof, Trading};

/// A page has no more: each proof reads a path of the tree.
const PAGE_MAX: u32 = 19;

/// Have what the audit trail says of an order of one's account, newest first, with the proofs that it says so.
///
/// A page holds 19 events at most. What somebody else did to the order comes with its proof and without its text.
#[utoipa::path(
    get,
    path = "/orders/{id}/proof",
    tag = "orders",
    operation_id = "get_order_proof",
    params(("id" = OrderId, Path), PageQuery),
    responses(
        (status = 200, description = "A page of events. A young one has no `proof` yet.", body = Page<OrderProof>),
        (status = 404, description = "`not_found`", body = Problem, content_type = "application/problem+json"),
    ),
    security(("bearer" = [])),
)]
pub(super) async fn proof(
    State(trading): State<Trading>,
    Caller(ctx): Caller,
    Path(id): Path<OrderId>,
    Query(page): Query<PageQuery>,
) -> Result<Json<Page<OrderProof>>, Problem> {
    let page = page.resolve::<EventId>()?;
    let limit = page.limit.min(PAGE_MAX);
    let proofs = trading.order_proofs(&ctx, id, (page.after, limit + 1)).await?;
    let proofs = proofs.ok_or_else(Problem::not_found)?;
    Ok(Json(Page::build(proofs, limit, |proof| proof.id)))
}
