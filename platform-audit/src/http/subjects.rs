//! What the trail has about a person, for a tenant's admins.

use axum::extract::State;
use axum::http::{Method, StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use platform_core::error_chain;
use platform_core::http::{Caller, Path, Problem, Query};
use platform_crypto::SubjectId;
use serde_json::json;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::NoQuery;
use super::exports::EXPORT_ID;
use super::giving::given_out;
use super::module::Audit;
use crate::{
    AUDIT_EXPORT, EraseSubjectError, ErasureBasis, ErasureRefused, SUBJECT_EVENTS_MAX, SubjectExportError,
};

pub(super) fn routes() -> OpenApiRouter<Audit> {
    OpenApiRouter::default().routes(routes!(export))
}

/// Give a person what the trail has about them: every event that they did, that was done for them or that has them among its targets,
/// with proofs, and with what was sealed for them opened.
///
/// The answer is a stream; one that breaks off is not complete. The header `Audit-Export-Id` names the export. That it was made is
/// recorded before the first byte.
#[utoipa::path(
    get,
    path = "/subjects/{id}/export",
    tag = "audit",
    operation_id = "export_audit_subject",
    params(("id" = SubjectId, Path)),
    responses(
        (status = 200, description = "The export.", body = String, content_type = "application/x-ndjson"),
        (status = 403, description = "`forbidden`: needs `audit:export`", body = Problem, content_type = "application/problem+json"),
        (status = 404, description = "`not_found`", body = Problem, content_type = "application/problem+json"),
        (status = 409, description = "`no_checkpoint`, `too_many_events`", body = Problem, content_type = "application/problem+json"),
        (status = 503, description = "`exports_busy`, `keys_unavailable`, `unavailable`", body = Problem, content_type = "application/problem+json"),
    ),
    security(("bearer" = [])),
)]
async fn export(
    State(audit): State<Audit>,
    method: Method,
    Caller(ctx): Caller,
    Path(id): Path<SubjectId>,
    Query(_none): Query<NoQuery>,
) -> Result<Response, Problem> {
    ctx.require(AUDIT_EXPORT)?;
    if method != Method::GET {
        // It would be recorded, and nothing exported.
        let detail = "an export can only be fetched";
        return Err(Problem::new(
            StatusCode::METHOD_NOT_ALLOWED,
            "method_not_allowed",
            detail,
        ));
    }
    let keyring = audit.keyring.as_ref().ok_or_else(Problem::not_found)?;
    let place = audit.place(&ctx)?;
    let keys = (&audit.key, keyring);
    let running = audit.log.export_subject(&audit.db, keys, &ctx, id).await?;
    let export = running.id();
    let headers = [
        (header::CONTENT_TYPE, "application/x-ndjson".to_owned()),
        (
            header::CONTENT_DISPOSITION,
            format!("attachment; filename=\"subject-{export}.jsonl\""),
        ),
        (header::CACHE_CONTROL, "no-store".to_owned()),
        (EXPORT_ID, export.to_string()),
    ];
    Ok((headers, given_out(running, place)).into_response())
}

/// What keeps such an export from beginning.
impl From<SubjectExportError> for Problem {
    fn from(error: SubjectExportError) -> Self {
        match error {
            SubjectExportError::Export(error) => error.into(),
            SubjectExportError::TooMany => Self::new(
                StatusCode::CONFLICT,
                "too_many_events",
                "there are more events than can be given out at once, export the trail",
            )
            .with("events_max", json!(SUBJECT_EVENTS_MAX)),
            SubjectExportError::Keys(error) => {
                tracing::error!(
                    error = error_chain(&error),
                    "an export failed for want of keys: {error}"
                );
                keys_unavailable()
            }
        }
    }
}

/// 409 `erasure_refused` with the ground: `basis`, and `holds` or `law` with `until`.
impl From<&ErasureRefused> for Problem {
    fn from(refused: &ErasureRefused) -> Self {
        let problem = Self::new(
            StatusCode::CONFLICT,
            "erasure_refused",
            "events about the person have to be kept as they are",
        )
        .with("basis", json!(refused.basis.code()));
        match &refused.basis {
            ErasureBasis::Held { holds } => problem.with("holds", json!(holds)),
            ErasureBasis::Duty { law, until, .. } => {
                let until = until
                    .to_utc()
                    .format(&platform_core::time::format_description::well_known::Rfc3339);
                problem.with("law", json!(law)).with("until", json!(until.ok()))
            }
        }
    }
}

/// 409 where something stands against it, 404 for whoever has no key.
impl From<EraseSubjectError> for Problem {
    fn from(error: EraseSubjectError) -> Self {
        match error {
            EraseSubjectError::Refused(refused) => Self::from(&refused),
            EraseSubjectError::Held { holds } => {
                let ids: Vec<_> = holds.iter().map(|hold| hold.id).collect();
                let detail = "the person is under a legal hold";
                Self::new(StatusCode::CONFLICT, "legal_hold", detail).with("holds", json!(ids))
            }
            EraseSubjectError::NotFound => Self::not_found(),
            EraseSubjectError::Unrecorded(error) => error.into(),
            EraseSubjectError::Db(error) => error.into(),
            EraseSubjectError::Keys(error) => {
                tracing::error!(
                    error = error_chain(&error),
                    "an erasure failed for want of keys: {error}"
                );
                keys_unavailable()
            }
        }
    }
}

fn keys_unavailable() -> Problem {
    let detail = "the keys cannot be had now, try again";
    Problem::new(StatusCode::SERVICE_UNAVAILABLE, "keys_unavailable", detail)
        .retry_after(std::time::Duration::from_secs(1))
}
