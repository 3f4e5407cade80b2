//! Exports, for a tenant's admins.

use std::time::Duration;

use axum::extract::State;
use axum::http::{HeaderName, Method, StatusCode, header};
use axum::response::{IntoResponse, Response};
use platform_core::http::{Caller, Path, Problem, Query};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::filter::filter_query;
use super::giving::given_out;
use super::module::Audit;
use super::{NoQuery, text};
use crate::{AUDIT_EXPORT, EventFilter, Export, ExportFormat, ExportId, Reader};

/// Names the export, whose manifest is found under it.
pub(super) const EXPORT_ID: HeaderName = HeaderName::from_static("audit-export-id");

/// When to try again where too many are on their way.
const RETRY_WHEN_BUSY: Duration = Duration::from_secs(10);

pub(super) fn routes() -> OpenApiRouter<Audit> {
    OpenApiRouter::default()
        .routes(routes!(export))
        .routes(routes!(manifest))
}

filter_query! {
    /// What is exported, and in which form.
    ExportQuery {
        /// `jsonl`, which can be verified, or `csv` or `ocsf`. `jsonl` unless told otherwise.
        #[serde(default)]
        #[param(example = "jsonl")]
        format: Option<String>,
        /// `whole`: every position up to the newest checkpoint. `selected`: the events that pass the filter. Without it `selected` if
        /// there is a filter.
        #[serde(default)]
        #[param(example = "whole")]
        selection: Option<String>,
        /// For a whole export: the first position, for whoever has those before it already. 0.
        #[serde(default)]
        first_seq: Option<u64>,
    }
}

/// Take the trail, or a part of it, out of the platform.
///
/// The answer is a stream; one that breaks off is not complete, and one of the form `jsonl` says at its end that it is. The header
/// `Audit-Export-Id` names the export. That it was made is recorded in the trail before the first byte.
#[utoipa::path(
    get,
    path = "/export",
    tag = "audit",
    operation_id = "export_audit",
    params(ExportQuery),
    responses(
        (status = 200, description = "The export.", content(
            (String = "application/x-ndjson"),
            (String = "text/csv"),
        )),
        (status = 400, description = "`invalid_query`", body = Problem, content_type = "application/problem+json"),
        (status = 403, description = "`forbidden`: needs `audit:export`", body = Problem, content_type = "application/problem+json"),
        (status = 409, description = "`no_checkpoint`", body = Problem, content_type = "application/problem+json"),
        (status = 422, description = "`invalid_filter`, `invalid_export`, `not_signed`", body = Problem, content_type = "application/problem+json"),
        (status = 503, description = "`exports_busy`, `unavailable`", body = Problem, content_type = "application/problem+json"),
    ),
    security(("bearer" = [])),
)]
async fn export(
    State(audit): State<Audit>,
    method: Method,
    Caller(ctx): Caller,
    Query(query): Query<ExportQuery>,
) -> Result<Response, Problem> {
    ctx.require(AUDIT_EXPORT)?;
    if method != Method::GET {
        // It would be recorded, and nothing exported.
        return Err(Problem::new(
            StatusCode::METHOD_NOT_ALLOWED,
            "method_not_allowed",
            "an export can only be fetched",
        ));
    }
    let format = query.export_format()?;
    let export = query.export()?.format(format).reader(Reader::of(&ctx));
    let place = audit.place(&ctx)?;
    let running = audit.log.export(&audit.db, &audit.key, &ctx, export).await?;
    let id = running.id();
    let (media_type, ending) = match format {
        ExportFormat::JsonLines => ("application/x-ndjson", "jsonl"),
        ExportFormat::Ocsf => ("application/x-ndjson", "ocsf.jsonl"),
        ExportFormat::Csv => ("text/csv; charset=utf-8", "csv"),
    };
    let headers = [
        (header::CONTENT_TYPE, media_type.to_owned()),
        (
            header::CONTENT_DISPOSITION,
            format!("attachment; filename=\"audit-{id}.{ending}\""),
        ),
        (header::CACHE_CONTROL, "no-store".to_owned()),
        (EXPORT_ID, id.to_string()),
    ];
    Ok((headers, given_out(running, place)).into_response())
}

/// 503 `exports_busy`.
pub(super) fn exports_busy() -> Problem {
    let detail = "too many exports are on their way, try again";
    Problem::new(StatusCode::SERVICE_UNAVAILABLE, "exports_busy", detail).retry_after(RETRY_WHEN_BUSY)
}

impl ExportQuery {
    fn export_format(&self) -> Result<ExportFormat, Problem> {
        let word = self.format.as_deref().unwrap_or("jsonl");
        word.parse()
            .map_err(|_| invalid_export("format", "format is jsonl, csv or ocsf"))
    }

    fn export(&self) -> Result<Export, Problem> {
        let filter = self.filter();
        filter.check()?;
        let has_filter = filter != EventFilter::new();
        match (self.selection.as_deref(), has_filter, self.first_seq) {
            (Some("whole"), true, _) => {
                let message = "a whole export has no filter";
                Err(invalid_export("selection", message))
            }
            (Some("whole") | None, false, first) => Ok(Export::whole_from(first.unwrap_or(0))),
            (Some("selected") | None, _, None) => Ok(Export::selected(filter)),
            (Some("selected") | None, _, Some(_)) => {
                let message = "only a whole export begins at a position";
                Err(invalid_export("first_seq", message))
            }
            (Some(_), _, _) => Err(invalid_export("selection", "selection is whole or selected")),
        }
    }
}

fn invalid_export(field: &'static str, message: &'static str) -> Problem {
    let detail = "such an export cannot be made";
    Problem::new(StatusCode::UNPROCESSABLE_ENTITY, "invalid_export", detail).field(
        field,
        "invalid_value",
        message,
    )
}

/// Have the signed manifest of a finished export: its counts and the SHA-256 of its bytes.
#[utoipa::path(
    get,
    path = "/exports/{id}",
    tag = "audit",
    operation_id = "get_audit_export",
    params(("id" = inline(ExportId), Path)),
    responses(
        (status = 200, description = "The note.", body = String, content_type = "text/plain"),
        (status = 403, description = "`forbidden`: needs `audit:export`", body = Problem, content_type = "application/problem+json"),
        (status = 404, description = "`not_found`", body = Problem, content_type = "application/problem+json"),
    ),
    security(("bearer" = [])),
)]
async fn manifest(
    State(audit): State<Audit>,
    Caller(ctx): Caller,
    Path(id): Path<ExportId>,
    Query(_none): Query<NoQuery>,
) -> Result<Response, Problem> {
    ctx.require(AUDIT_EXPORT)?;
    let mut read = audit.db.read(&ctx).await?;
    let manifest = audit.log.export_manifest(&mut read, id).await?;
    read.finish().await?;
    manifest.map_or_else(|| Err(Problem::not_found()), |manifest| Ok(text(manifest.note)))
}
