//! Bringing what is under older keys under the newest ones, for a tenant's admins.

use std::sync::Arc;
use std::time::Duration;

use axum::extract::State;
use axum::http::StatusCode;
use platform_core::http::{Caller, Json, Problem};
use platform_core::pg::{DbError, Tenants};
use platform_core::{RequestContext, TenantId, Timestamp, error_chain};
use serde::Serialize;
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;
use utoipa::ToSchema;

use crate::{KEYS_MANAGE, KEYS_READ, KeyError, Keyring, Pacing, ResealProgress, ResealState};

/// How often it is looked for jobs that nobody told of.
const EVERY: Duration = Duration::from_secs(60);

/// Tenants that are looked up at once.
const TENANTS: u32 = 200;

/// A keyring, and how to tell its worker that there is something to do.
#[derive(Debug, Clone)]
pub(super) struct Resealing {
    pub(super) keyring: Keyring,
    pub(super) wanted: Arc<Notify>,
}

/// How far everything is on its way under the newest key.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct ResealBody {
    /// Tables with sealed values for which it was asked, by name.
    tables: Vec<TableBody>,
    /// Keys of data subjects that are still under an older key. Maintenance moves them by itself.
    #[schema(example = 0)]
    subjects_left: u64,
}

/// How far a table is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct TableBody {
    #[schema(example = "crm.customer")]
    table: String,
    /// The version of the data key that its values come under.
    to_version: u32,
    state: ResealWord,
    /// Which pass over the table this is; the last one finds nothing left to do.
    pass: u32,
    /// Values that were sealed anew.
    done: u64,
    /// Values that could not be opened.
    failed: u64,
    /// Rows that this pass has not looked at, counted up to 100,000.
    remaining: Option<u64>,
    #[serde(with = "platform_core::time::serde::rfc3339")]
    #[schema(value_type = String, format = DateTime)]
    started_at: Timestamp,
    #[serde(with = "platform_core::time::serde::rfc3339::option")]
    #[schema(value_type = Option<String>, format = DateTime)]
    finished_at: Option<Timestamp>,
}

/// Whether it goes on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum ResealWord {
    /// It goes on.
    Running,
    /// Nothing is left to do.
    Finished,
    /// A newer key has taken its place.
    Superseded,
}

/// Bring what is under older keys under the newest ones.
///
/// The work goes on in the background and survives a restart. Asked for again it looks once more.
#[utoipa::path(
    post,
    path = "/keys/reseal",
    tag = "keys",
    operation_id = "reseal",
    responses(
        (status = 202, description = "It has begun.", body = ResealBody),
        (status = 403, description = "`forbidden`: needs `keys:manage`", body = Problem, content_type = "application/problem+json"),
        (status = 503, description = "`keys_unavailable`, `unavailable`", body = Problem, content_type = "application/problem+json"),
    ),
    security(("bearer" = [])),
)]
pub(super) async fn start(
    State(resealing): State<Resealing>,
    Caller(ctx): Caller,
) -> Result<(StatusCode, Json<ResealBody>), Problem> {
    ctx.require(KEYS_MANAGE)?;
    resealing.keyring.start_reseal(&ctx).await?;
    resealing.wanted.notify_one();
    Ok((StatusCode::ACCEPTED, Json(body(&resealing.keyring, &ctx).await?)))
}

/// See how far it is.
#[utoipa::path(
    get,
    path = "/keys/reseal",
    tag = "keys",
    operation_id = "get_reseal",
    responses(
        (status = 200, description = "How far it is.", body = ResealBody),
        (status = 403, description = "`forbidden`: needs `keys:read`", body = Problem, content_type = "application/problem+json"),
    ),
    security(("bearer" = [])),
)]
pub(super) async fn progress(
    State(resealing): State<Resealing>,
    Caller(ctx): Caller,
) -> Result<Json<ResealBody>, Problem> {
    ctx.require(KEYS_READ)?;
    Ok(Json(body(&resealing.keyring, &ctx).await?))
}

async fn body(keyring: &Keyring, ctx: &RequestContext) -> Result<ResealBody, KeyError> {
    let tables = keyring.reseal_progress(ctx).await?;
    Ok(ResealBody {
        tables: tables.into_iter().map(TableBody::from).collect(),
        subjects_left: keyring.subjects_to_rewrap(ctx).await?,
    })
}

impl Resealing {
    /// Works on the jobs of all tenants until it is told to stop. A tenant for which it fails does not keep it from the others.
    pub(super) async fn run(&self, stop: CancellationToken) -> Result<(), DbError> {
        let mut tick = tokio::time::interval(EVERY);
        tick.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        loop {
            let wake = async {
                tokio::select! {
                    _ = tick.tick() => {}
                    () = self.wanted.notified() => {}
                }
            };
            if stop.run_until_cancelled(wake).await.is_none() {
                return Ok(());
            }
            self.sweep(&stop).await?;
        }
    }

    async fn sweep(&self, stop: &CancellationToken) -> Result<(), DbError> {
        let tenants = Tenants::new(&self.keyring.inner.db);
        let mut after = None;
        loop {
            let page = tenants.list(after, TENANTS).await?;
            let Some(last) = page.last() else {
                return Ok(());
            };
            after = Some(last.id);
            for tenant in &page {
                if let Err(error) = self.work(tenant.id, stop).await {
                    tracing::warn!(
                        tenant.id = %tenant.id, error = %error_chain(&error),
                        "the values of a tenant could not be sealed anew"
                    );
                }
                if stop.is_cancelled() {
                    return Ok(());
                }
            }
        }
    }

    /// To the end of the tenant's jobs, or until it is told to stop.
    async fn work(&self, tenant: TenantId, stop: &CancellationToken) -> Result<(), KeyError> {
        let ctx = RequestContext::system(tenant, "seal anew", &self.keyring.inner.sources);
        let pacing = Pacing::default();
        while let Some(step) = Box::pin(self.keyring.reseal_step(&ctx, pacing.rows())).await? {
            tracing::debug!(tenant.id = %tenant, moved = step.moved, failed = step.failed, "sealed values anew");
            if stop
                .run_until_cancelled(tokio::time::sleep(pacing.pause()))
                .await
                .is_none()
            {
                return Ok(());
            }
        }
        Ok(())
    }
}

impl From<ResealProgress> for TableBody {
    fn from(progress: ResealProgress) -> Self {
        Self {
            table: progress.table,
            to_version: progress.to_version,
            state: match progress.state {
                ResealState::Running => ResealWord::Running,
                ResealState::Finished => ResealWord::Finished,
                ResealState::Superseded => ResealWord::Superseded,
            },
            pass: progress.pass,
            done: progress.done,
            failed: progress.failed,
            remaining: progress.remaining,
            started_at: progress.started_at,
            finished_at: progress.finished_at,
        }
    }
}
