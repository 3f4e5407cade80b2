//! How errors are answered: one conversion for each, and nothing of what happened inside.

use std::time::Duration;

use axum::http::StatusCode;
use platform_core::error_chain;
use platform_core::http::Problem;

use crate::{
    CancelError, FieldError, Invalid, OrderView, PlaceError, PlaceOutcome, Reason, ReplaceError, TradingError,
};

const RETRY_AFTER: Duration = Duration::from_secs(1);
/// About as long as a verification takes.
const VERIFY_AFTER: Duration = Duration::from_secs(10);
/// So long it takes at the most until it is seen that orders of the tenant have ended.
const FULL_RETRY_AFTER: Duration = Duration::from_secs(5);

impl From<TradingError> for Problem {
    fn from(error: TradingError) -> Self {
        match error {
            TradingError::Forbidden(forbidden) => forbidden.into(),
            TradingError::NoPrincipal => Self::new(
                StatusCode::FORBIDDEN,
                "no_account",
                "only a signed-in principal has an account",
            ),
            TradingError::Busy => {
                Self::new(StatusCode::SERVICE_UNAVAILABLE, "busy", error.to_string()).retry_after(RETRY_AFTER)
            }
            TradingError::NotLeading => Self::new(
                StatusCode::SERVICE_UNAVAILABLE,
                "standing_by",
                "this instance stands by and takes no orders",
            )
            .retry_after(RETRY_AFTER),
            TradingError::Verifying => Self::new(
                StatusCode::SERVICE_UNAVAILABLE,
                "verification_running",
                error.to_string(),
            )
            .retry_after(VERIFY_AFTER),
            TradingError::Db(error) => error.into(),
            TradingError::Audit(error) => error.into(),
            TradingError::Inconsistent(_) | TradingError::Unproven(_) => {
                tracing::error!(
                    error = error_chain(&error),
                    "an operation of the brokerage failed"
                );
                Self::internal()
            }
        }
    }
}

impl From<PlaceError> for Problem {
    fn from(error: PlaceError) -> Self {
        match error {
            PlaceError::Fields(problems) => of_fields(&problems),
            PlaceError::UnknownSymbol => invalid_order().field(
                "symbol",
                "unknown_symbol",
                "nothing with this symbol is traded here",
            ),
            PlaceError::Invalid(invalid) => of_invalid(&invalid),
            PlaceError::AccountInactive => Self::new(
                StatusCode::FORBIDDEN,
                "account_suspended",
                "the account may not place orders",
            ),
            PlaceError::TooManyOpenOrders => Self::new(
                StatusCode::UNPROCESSABLE_ENTITY,
                "too_many_open_orders",
                error.to_string(),
            ),
            PlaceError::Full => Self::new(
                StatusCode::TOO_MANY_REQUESTS,
                "open_orders_full",
                error.to_string(),
            )
            .retry_after(FULL_RETRY_AFTER),
            PlaceError::KeyReused => Self::new(
                StatusCode::UNPROCESSABLE_ENTITY,
                "idempotency_key_reused",
                "the idempotency key was used for another order",
            ),
            PlaceError::ClientOrderIdTaken => Self::new(
                StatusCode::UNPROCESSABLE_ENTITY,
                "client_order_id_taken",
                "the client_order_id names an order with other terms",
            ),
            PlaceError::Trading(error) => error.into(),
        }
    }
}

impl From<CancelError> for Problem {
    fn from(error: CancelError) -> Self {
        match error {
            CancelError::NotFound => Self::not_found(),
            CancelError::Closed(order) => closed(&order),
            CancelError::Trading(error) => error.into(),
        }
    }
}

impl From<ReplaceError> for Problem {
    fn from(error: ReplaceError) -> Self {
        match error {
            ReplaceError::NotFound => Self::not_found(),
            ReplaceError::Closed(order) => closed(&order),
            ReplaceError::VersionMismatch(order) => {
                let problem = Self::new(
                    StatusCode::PRECONDITION_FAILED,
                    "version_mismatch",
                    format!("the order has version {}", order.version),
                );
                with_json(problem, "order", &*order)
            }
            ReplaceError::Fields(problems) => of_fields(&problems),
            ReplaceError::Invalid(invalid) => of_invalid(&invalid),
            ReplaceError::AccountInactive => Self::new(
                StatusCode::FORBIDDEN,
                "account_suspended",
                "the account may not change orders",
            ),
            ReplaceError::Trading(error) => error.into(),
        }
    }
}

/// A command on a final order, which is told as it is.
fn closed(order: &OrderView) -> Problem {
    let problem = Problem::new(
        StatusCode::CONFLICT,
        order.status.conflict_code(),
        format!("the order is {}", order.status),
    );
    with_json(problem, "order", order)
}

/// A refusal for a reason of business, with the order that was recorded for it.
pub(super) fn rejected(outcome: &PlaceOutcome, rejection: &str) -> Problem {
    let code = outcome.order.reason.map_or("rejected", Reason::as_str);
    let problem = Problem::new(StatusCode::UNPROCESSABLE_ENTITY, code, rejection.to_owned());
    let problem = with_json(problem, "order", &outcome.order);
    with_json(problem, "buying_power", &outcome.buying_power)
}

fn invalid_order() -> Problem {
    Problem::new(
        StatusCode::UNPROCESSABLE_ENTITY,
        "invalid_order",
        "the order has to be corrected",
    )
}

/// One wrong field gives the problem its code; the list names all of them.
fn of_fields(problems: &[FieldError]) -> Problem {
    let base = match problems {
        [one] => Problem::new(
            StatusCode::UNPROCESSABLE_ENTITY,
            one.problem.code(),
            one.to_string(),
        ),
        _ => invalid_order(),
    };
    problems.iter().fold(base, |problem, one| {
        problem.field(one.field, one.problem.code(), one.problem.to_string())
    })
}

fn of_invalid(invalid: &Invalid) -> Problem {
    match invalid {
        Invalid::NoUsableQuote => Problem::new(
            StatusCode::SERVICE_UNAVAILABLE,
            invalid.code(),
            invalid.to_string(),
        )
        .retry_after(RETRY_AFTER),
        Invalid::State(_) => {
            tracing::error!(error = error_chain(invalid), "an order could not be decided");
            Problem::internal()
        }
        _ => Problem::new(
            StatusCode::UNPROCESSABLE_ENTITY,
            invalid.code(),
            invalid.to_string(),
        ),
    }
}

pub(super) fn with_json(problem: Problem, name: &'static str, value: &impl serde::Serialize) -> Problem {
    match serde_json::to_value(value) {
        Ok(value) => problem.with(name, value),
        Err(_) => problem,
    }
}
