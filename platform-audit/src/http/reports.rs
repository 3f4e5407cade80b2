//! Reports, for a tenant's admins.

use axum::extract::State;
use axum::http::{Method, StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use platform_core::http::{Caller, Json, PageQuery, Path, Problem, Query};
use platform_core::{Timestamp, error_chain};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::giving::{Place, given_out};
use super::module::Audit;
use crate::{
    AUDIT_READ, Reader, ReportCursor, ReportError, ReportFormat, ReportKind, ReportOptions, ReportPage,
    ReportRange, RunningReport,
};

pub(super) fn routes() -> OpenApiRouter<Audit> {
    OpenApiRouter::default().routes(routes!(report))
}

/// A page of a report.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct ReportBody {
    /// The rows; every one has every column of the report.
    #[schema(value_type = Vec<Object>)]
    data: Vec<Value>,
    /// The cursor of the next page; null on the last one. It means nothing to a client.
    next_cursor: Option<String>,
}

/// Over which time a report is, and in which form.
#[derive(Debug, Clone, Default, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct ReportQuery {
    /// Stored at this time or later (RFC 3339). Every report needs it but `integrity`.
    #[serde(default, with = "platform_core::time::serde::rfc3339::option")]
    #[param(value_type = Option<String>, format = DateTime)]
    from: Option<Timestamp>,
    /// Stored before this time.
    #[serde(default, with = "platform_core::time::serde::rfc3339::option")]
    #[param(value_type = Option<String>, format = DateTime)]
    to: Option<Timestamp>,
    /// `json`, page by page, or `csv`, all of it in a stream. `json` unless told otherwise.
    #[serde(default)]
    #[param(example = "csv")]
    format: Option<String>,
    /// Read as part of the page.
    #[serde(default)]
    #[param(ignore)]
    limit: Option<String>,
    /// Read as part of the page.
    #[serde(default)]
    #[param(ignore)]
    cursor: Option<String>,
}

/// Read a report.
///
/// `access-by-user`, `privileged-access`, `failed-sign-ins`, `configuration-changes`, `key-operations` and `exports` are over a range of
/// time; `integrity` verifies the whole trail. That it was read is recorded.
#[utoipa::path(
    get,
    path = "/reports/{name}",
    tag = "audit",
    operation_id = "get_audit_report",
    params(("name" = String, Path, description = "Which report."), ReportQuery, PageQuery),
    responses(
        (status = 200, description = "A page of the report, or all of it as a table.", content(
            (ReportBody = "application/json"),
            (String = "text/csv"),
        )),
        (status = 400, description = "`invalid_query`, `invalid_cursor`", body = Problem, content_type = "application/problem+json"),
        (status = 403, description = "`forbidden`: needs `audit:read`", body = Problem, content_type = "application/problem+json"),
        (status = 404, description = "`not_found`: there is no such report", body = Problem, content_type = "application/problem+json"),
        (status = 422, description = "`invalid_range`, `invalid_report`, `invalid_limit`", body = Problem, content_type = "application/problem+json"),
        (status = 503, description = "`exports_busy`, `unavailable`", body = Problem, content_type = "application/problem+json"),
    ),
    security(("bearer" = [])),
)]
async fn report(
    State(audit): State<Audit>,
    method: Method,
    Caller(ctx): Caller,
    Path(name): Path<String>,
    Query(query): Query<ReportQuery>,
    Query(page): Query<PageQuery>,
) -> Result<Response, Problem> {
    ctx.require(AUDIT_READ)?;
    let kind: ReportKind = name.parse().map_err(|_| Problem::not_found())?;
    if method != Method::GET {
        // It would be recorded, and nothing read.
        let detail = "a report can only be fetched";
        return Err(Problem::new(
            StatusCode::METHOD_NOT_ALLOWED,
            "method_not_allowed",
            detail,
        ));
    }
    let options = ReportOptions {
        kind,
        range: query.range(kind)?,
        format: query.report_format()?,
        reader: Reader::of(&ctx),
    };
    if options.format == ReportFormat::Csv {
        if query.limit.is_some() || query.cursor.is_some() {
            return Err(invalid_report("limit", "a table has no pages"));
        }
        let place = audit.place(&ctx)?;
        let running = audit.log.report(&audit.db, &audit.key, &ctx, options).await?;
        return Ok(streamed(kind, running, place));
    }
    let page = page.resolve::<String>()?;
    let after = page.after.map(|after| after.parse::<ReportCursor>()).transpose();
    let page = ReportPage {
        after: after.map_err(|_| invalid_cursor())?,
        limit: page.limit,
    };
    let _place = match kind {
        // It reads the whole trail.
        ReportKind::Integrity => Some(audit.place(&ctx)?),
        _ => None,
    };
    let found = audit
        .log
        .report_rows(&audit.db, &audit.key, &ctx, &options, &page)
        .await?;
    let next = found
        .next
        .map(|next| URL_SAFE_NO_PAD.encode(format!("\"{next}\"")));
    Ok(Json(ReportBody {
        data: found.rows,
        next_cursor: next,
    })
    .into_response())
}

fn streamed(kind: ReportKind, running: RunningReport, place: Place) -> Response {
    let headers = [
        (header::CONTENT_TYPE, "text/csv; charset=utf-8".to_owned()),
        (
            header::CONTENT_DISPOSITION,
            format!("attachment; filename=\"{kind}.csv\""),
        ),
        (header::CACHE_CONTROL, "no-store".to_owned()),
    ];
    (headers, given_out(running, place)).into_response()
}

impl ReportQuery {
    fn range(&self, kind: ReportKind) -> Result<Option<ReportRange>, Problem> {
        match (kind, self.from, self.to) {
            (ReportKind::Integrity, None, None) => Ok(None),
            (ReportKind::Integrity, _, _) => Err(invalid_range("the attestation is about the whole trail")),
            (_, Some(from), Some(to)) => {
                let range = ReportRange::new(from, to);
                range
                    .map(Some)
                    .map_err(|invalid| invalid_range(&invalid.to_string()))
            }
            _ => Err(invalid_range("a report needs from and to")),
        }
    }

    fn report_format(&self) -> Result<ReportFormat, Problem> {
        let word = self.format.as_deref().unwrap_or("json");
        word.parse()
            .map_err(|_| invalid_report("format", "format is json or csv"))
    }
}

/// 422 `invalid_range`, else what the error behind it is.
impl From<ReportError> for Problem {
    fn from(error: ReportError) -> Self {
        match error {
            ReportError::NoRange => invalid_range(&error.to_string()),
            ReportError::Unrecorded(error) => error.into(),
            ReportError::Verify(crate::VerifyError::Db(error)) | ReportError::Db(error) => error.into(),
            other => {
                tracing::error!(error = error_chain(&other), "a report failed: {other}");
                Self::internal()
            }
        }
    }
}

fn invalid_range(message: &str) -> Problem {
    let detail = "the range of time is not one";
    Problem::new(StatusCode::UNPROCESSABLE_ENTITY, "invalid_range", detail).field(
        "from",
        "invalid_value",
        message.to_owned(),
    )
}

fn invalid_report(field: &'static str, message: &'static str) -> Problem {
    let detail = "such a report cannot be made";
    Problem::new(StatusCode::UNPROCESSABLE_ENTITY, "invalid_report", detail).field(
        field,
        "invalid_value",
        message,
    )
}

fn invalid_cursor() -> Problem {
    let detail = "the cursor is not one that this list gave out";
    Problem::new(StatusCode::BAD_REQUEST, "invalid_cursor", detail)
}
