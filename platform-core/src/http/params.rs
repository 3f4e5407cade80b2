//! Path and query parameters.

use axum::extract::FromRequestParts;
use axum::extract::path::ErrorKind;
use axum::extract::rejection::PathRejection;
use axum::http::StatusCode;
use axum::http::request::Parts;
use serde::de::DeserializeOwned;

use super::Problem;
use super::explain::explain;

/// The parameters of the route's path. A value that does not fit is 400 `invalid_path`, naming the parameter.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Path<T>(pub T);

/// The parameters after the question mark. A value that does not fit is 400 `invalid_query`, naming the parameter.
///
/// ```
/// use platform_core::http::Query;
///
/// #[derive(serde::Deserialize)]
/// struct Filter { status: Option<String> }
///
/// async fn list(Query(filter): Query<Filter>) -> String {
///     filter.status.unwrap_or_default()
/// }
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Query<T>(pub T);

impl<S, T> FromRequestParts<S> for Path<T>
where
    S: Send + Sync,
    T: DeserializeOwned + Send,
{
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        match axum::extract::Path::from_request_parts(parts, state).await {
            Ok(axum::extract::Path(value)) => Ok(Self(value)),
            Err(rejection) => Err(path_refusal(rejection)),
        }
    }
}

impl<S, T> FromRequestParts<S> for Query<T>
where
    S: Send + Sync,
    T: DeserializeOwned,
{
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        let query = parts.uri.query().unwrap_or_default();
        let pairs = form_pairs(query);
        serde_path_to_error::deserialize(pairs)
            .map(Self)
            .map_err(|error| {
                let (field, code, message) = explain(&error.path().to_string(), &error.inner().to_string());
                let detail = "a query parameter does not have the expected form";
                Problem::new(StatusCode::BAD_REQUEST, "invalid_query", detail).field(field, code, message)
            })
    }
}

fn form_pairs(query: &str) -> serde_urlencoded::Deserializer<'_> {
    serde_urlencoded::Deserializer::new(form_urlencoded::parse(query.as_bytes()))
}

fn path_refusal(rejection: PathRejection) -> Problem {
    let detail = "a parameter of the path does not have the expected form";
    let problem = Problem::new(StatusCode::BAD_REQUEST, "invalid_path", detail);
    let PathRejection::FailedToDeserializePathParams(error) = rejection else {
        tracing::error!("a route reads path parameters that it does not have");
        return Problem::internal();
    };
    match error.into_kind() {
        ErrorKind::ParseErrorAtKey {
            key, expected_type, ..
        } => problem.field(key, "invalid_type", format!("expected {expected_type}")),
        ErrorKind::DeserializeError { key, message, .. } => {
            let (field, code, message) = explain(&key, &message);
            problem.field(field, code, message)
        }
        ErrorKind::InvalidUtf8InPathParam { key } => problem.field(key, "invalid", "not UTF-8"),
        ErrorKind::ParseErrorAtIndex { expected_type, .. } | ErrorKind::ParseError { expected_type, .. } => {
            problem.field(".", "invalid_type", format!("expected {expected_type}"))
        }
        ErrorKind::Message(message) => {
            let (field, code, message) = explain(".", &message);
            problem.field(field, code, message)
        }
        other => {
            tracing::error!(error = %other, "a route's path parameters do not fit its type");
            Problem::internal()
        }
    }
}
