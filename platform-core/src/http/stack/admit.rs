//! Who may go on to the handler: authentication, rate limit, idempotency key.

use std::sync::Arc;

use axum::extract::{Request, State};
use axum::http::StatusCode;
use axum::http::request::Parts;
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use tracing::{Span, field};

use super::HttpStack;
use super::metrics::Route;
use super::rate::Allowance;
use super::request::idempotency_key;
use crate::http::{AuthOutcome, Problem, Refusal, WatchRefusals};
use crate::{RequestContext, RequestMeta};

/// Finds out who asks and whether they have asked too often, then lets the handler answer.
pub(super) async fn admit(State(stack): State<Arc<HttpStack>>, request: Request, next: Next) -> Response {
    if stack.is_probe(request.uri().path()) {
        return next.run(request).await;
    }
    let (mut parts, body) = request.into_parts();
    let caller = match stack.caller(&parts).await {
        Ok(caller) => caller,
        Err(problem) => return stack.charged(&parts, problem),
    };
    let allowance = match stack.allowance(&parts, caller.as_ref()) {
        Ok(allowance) => allowance,
        Err((problem, allowance)) => return allowance.described(problem.into_response()),
    };
    let answer = match idempotency_key(&parts.headers) {
        Err(invalid) => Problem::new(
            StatusCode::BAD_REQUEST,
            "invalid_idempotency_key",
            invalid.to_string(),
        )
        .into_response(),
        Ok(_) => {
            let watched = stack.watched(caller.as_ref());
            if let Some(caller) = caller {
                parts.extensions.insert(caller);
            }
            let request = Request::from_parts(parts, body);
            let route = watched.is_some().then(|| Route::of(&request));
            let answer = next.run(request).await;
            if let (Some((watch, ctx)), Some(route)) = (watched, route)
                && answer.status() == StatusCode::FORBIDDEN
            {
                watch.refused(refusal(ctx, route, &answer)).await;
            }
            answer
        }
    };
    match allowance {
        Some(allowance) => allowance.described(answer),
        None => answer,
    }
}

impl HttpStack {
    async fn caller(&self, parts: &Parts) -> Result<Option<RequestContext>, Problem> {
        let (Some(authenticate), Some(meta)) = (&self.authenticate, meta(parts)) else {
            return Ok(None);
        };
        match authenticate.authenticate(parts, meta).await {
            AuthOutcome::NotPresent => Ok(None),
            AuthOutcome::Failed(problem) => Err(problem),
            AuthOutcome::Authenticated(ctx) => {
                Span::current().record("tenant.id", field::display(ctx.tenant()));
                Ok(Some(ctx))
            }
        }
    }

    /// Who is to be told when this caller is refused.
    fn watched(&self, caller: Option<&RequestContext>) -> Option<(Arc<dyn WatchRefusals>, RequestContext)> {
        Some((self.refusals.clone()?, caller?.clone()))
    }

    /// The answer to a bad credential, which counts as a request of its address: guessing is not free.
    fn charged(&self, parts: &Parts, problem: Problem) -> Response {
        if !problem.status().is_client_error() {
            return problem.into_response();
        }
        match self.allowance(parts, None) {
            Ok(Some(allowance)) => allowance.described(problem.into_response()),
            Ok(None) => problem.into_response(),
            Err((exhausted, allowance)) => allowance.described(exhausted.into_response()),
        }
    }

    fn allowance(
        &self,
        parts: &Parts,
        caller: Option<&RequestContext>,
    ) -> Result<Option<Allowance>, (Problem, Allowance)> {
        let Some(limiter) = &self.limiter else {
            return Ok(None);
        };
        let address = meta(parts).and_then(|meta| meta.source_address);
        limiter.take(caller, address).map(Some)
    }
}

fn refusal(ctx: RequestContext, route: Route, answer: &Response) -> Refusal {
    let bare = Problem::of_status(StatusCode::FORBIDDEN);
    let problem = answer.extensions().get::<Problem>().unwrap_or(&bare);
    Refusal {
        ctx,
        method: route.method,
        route: route.route,
        code: problem.code(),
        detail: problem.detail().to_owned(),
    }
}

fn meta(parts: &Parts) -> Option<&RequestMeta> {
    parts.extensions.get()
}
