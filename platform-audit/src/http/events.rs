//! The events of a tenant, for its admins.

use axum::extract::State;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use platform_core::http::{Caller, Json, Page, PageQuery, Path, Problem, Query};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::NoQuery;
use super::body::EventBody;
use super::filter::filter_query;
use super::module::Audit;
use crate::{AUDIT_READ, EventFilter, EventId, EventPage};

pub(super) fn routes() -> OpenApiRouter<Audit> {
    OpenApiRouter::default()
        .routes(routes!(list))
        .routes(routes!(one))
}

filter_query! {
    /// Which events a list shows: those to which every condition applies.
    ListQuery {
        /// Part of the page.
        #[serde(default)]
        #[param(ignore)]
        #[expect(dead_code, reason = "only the name matters: the value is read with the page")]
        limit: Option<String>,
        /// Part of the page.
        #[serde(default)]
        #[param(ignore)]
        #[expect(dead_code, reason = "only the name matters: the value is read with the page")]
        cursor: Option<String>,
    }
}

/// Look through the trail, newest first.
///
/// A page may be short, even empty, and have a next one: a search looks at no more than 10,000 events at a time.
#[utoipa::path(
    get,
    path = "/events",
    tag = "audit",
    operation_id = "list_audit_events",
    params(ListQuery, PageQuery),
    responses(
        (status = 200, description = "A page of events.", body = Page<EventBody>),
        (status = 400, description = "`invalid_query`, `invalid_cursor`", body = Problem, content_type = "application/problem+json"),
        (status = 403, description = "`forbidden`: needs `audit:read`", body = Problem, content_type = "application/problem+json"),
        (status = 422, description = "`invalid_filter`, `invalid_limit`", body = Problem, content_type = "application/problem+json"),
    ),
    security(("bearer" = [])),
)]
async fn list(
    State(audit): State<Audit>,
    Caller(ctx): Caller,
    Query(query): Query<ListQuery>,
    Query(page): Query<PageQuery>,
) -> Result<Json<Page<EventBody>>, Problem> {
    ctx.require(AUDIT_READ)?;
    let filter = query.filter();
    filter.check()?;
    let page = page.resolve::<EventId>()?;
    let reader = audit.reader(&ctx, "events", &filter).await?;
    let mut read = audit.db.read(&ctx).await?;
    let page = EventPage {
        before: page.after,
        limit: page.limit,
    };
    let list = audit.log.search(&mut read, reader, &filter, page).await?;
    read.finish().await?;
    let next_cursor = list.next.map(cursor);
    Ok(Json(Page {
        data: list.events.into_iter().map(EventBody::from).collect(),
        next_cursor,
    }))
}

/// See an event.
#[utoipa::path(
    get,
    path = "/events/{id}",
    tag = "audit",
    operation_id = "get_audit_event",
    params(("id" = EventId, Path)),
    responses(
        (status = 200, description = "The event.", body = EventBody),
        (status = 403, description = "`forbidden`: needs `audit:read`", body = Problem, content_type = "application/problem+json"),
        (status = 404, description = "`not_found`", body = Problem, content_type = "application/problem+json"),
    ),
    security(("bearer" = [])),
)]
async fn one(
    State(audit): State<Audit>,
    Caller(ctx): Caller,
    Path(id): Path<EventId>,
    Query(_none): Query<NoQuery>,
) -> Result<Json<EventBody>, Problem> {
    ctx.require(AUDIT_READ)?;
    let reader = audit.reader(&ctx, "event", &EventFilter::new()).await?;
    let mut read = audit.db.read(&ctx).await?;
    let event = audit.log.event(&mut read, reader, id).await?;
    read.finish().await?;
    let event = event.ok_or_else(Problem::not_found)?;
    Ok(Json(event.into()))
}

/// Where the next page begins, in the form in which [`PageQuery`] reads it. It need not be the last event of the page.
fn cursor(next: EventId) -> String {
    URL_SAFE_NO_PAD.encode(format!("\"{next}\""))
}
