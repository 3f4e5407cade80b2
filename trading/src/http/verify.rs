//! Whether what is stored is what happened, for administrators.

use std::time::Duration;

use axum::extract::State;
use platform_core::http::{Caller, Json, Page, PageQuery, Problem, Query};
use serde::Serialize;
use utoipa::ToSchema;

use crate::{AccountId, Trading, VerifyFinding, VerifyRequest};

/// How long a page may take.
const WITHIN: Duration = Duration::from_secs(10);
/// Findings that are answered; more are counted.
const FINDINGS_MAX: usize = 100;

/// What verifying a page of accounts came to.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct VerifiedBody {
    /// Whether nothing is wrong with what was looked at.
    clean: bool,
    /// Accounts that were looked at.
    accounts: u64,
    /// Events of theirs that were replayed.
    events: u64,
    /// Whether the sums over all accounts were added up: on the first page, where the time was enough.
    sums_verified: bool,
    /// What is wrong, the first 100.
    findings: Vec<FindingBody>,
    /// How much is wrong.
    findings_total: u64,
    /// An account with so many events that the time of a page is not enough; the server's command `verify` has the time.
    not_verified: Option<AccountId>,
    /// The cursor of the next page; null on the last one.
    next_cursor: Option<String>,
}

/// Something that does not follow from what happened.
#[derive(Debug, Serialize, ToSchema)]
struct FindingBody {
    /// `log`, `state`, `cash`, `position`, `ledger`, `execution`, `order`, or the sum that is wrong.
    #[schema(example = "cash")]
    rule: String,
    /// What it is wrong with: an account and the symbol or the number of a row, a fill, or an order.
    subject: String,
    /// The same in words.
    message: String,
}

impl From<&VerifyFinding> for FindingBody {
    fn from(finding: &VerifyFinding) -> Self {
        Self {
            rule: finding.rule().to_owned(),
            subject: finding.subject(),
            message: finding.to_string(),
        }
    }
}

/// Verify a page of the tenant's accounts: replay what happened to them and compare.
///
/// Changes nothing and is an event of the audit trail. A page ends after ten seconds, also where it has verified fewer accounts than asked
/// for; the accounts of a tenant are verified for one caller at a time.
#[utoipa::path(
    post,
    path = "/trading/verification",
    tag = "accounts",
    operation_id = "verify_accounts",
    params(PageQuery),
    responses(
        (status = 200, description = "What was looked at, and what is wrong.", body = VerifiedBody),
        (status = 403, description = "`forbidden`: needs `trading:view` in the whole tenant", body = Problem, content_type = "application/problem+json"),
        (status = 503, description = "`verification_running`: somebody is at it", body = Problem, content_type = "application/problem+json"),
    ),
    security(("bearer" = [])),
)]
pub(super) async fn verify(
    State(trading): State<Trading>,
    Caller(ctx): Caller,
    Query(query): Query<PageQuery>,
) -> Result<Json<VerifiedBody>, Problem> {
    let page = query.resolve::<AccountId>()?;
    let request = VerifyRequest {
        after: page.after,
        accounts_max: page.limit,
        within: WITHIN,
    };
    let verified = trading.verify_some(&ctx, &request).await?;
    let of = &verified.verification;
    let findings = of.findings.iter().take(FINDINGS_MAX).map(FindingBody::from);
    // The last account that was looked at and, as one row too many, another: the page has a next one.
    let last: Vec<_> = verified.next.into_iter().flat_map(|last| [last, last]).collect();
    Ok(Json(VerifiedBody {
        clean: of.findings_total == 0 && verified.not_verified.is_none(),
        accounts: of.verified.accounts,
        events: of.verified.events,
        sums_verified: verified.are_sums_verified,
        findings: findings.collect(),
        findings_total: of.findings_total,
        not_verified: verified.not_verified,
        next_cursor: Page::build(last, 1, |account| *account).next_cursor,
    }))
}
