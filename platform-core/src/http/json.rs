//! JSON bodies.

use std::error::Error;

use axum::RequestExt;
use axum::body::{Body, Bytes};
use axum::extract::{FromRequest, Request};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use http_body_util::{BodyExt, LengthLimitError};
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::Problem;
use super::explain::{explain, trimmed};
use super::object::Object;

/// A JSON body, of a request or of an answer.
///
/// A request must say `Content-Type: application/json` (415 `unsupported_media_type`), hold one JSON value (400 `malformed_json`)
/// of the expected form (422 `invalid_body`, which names the field) and respect the stack's limit (413 `body_too_large`). A type
/// that derives `Deserialize` with `deny_unknown_fields` refuses misspelt fields. A struct is read from an object alone. No value of the body is repeated in a problem.
///
/// ```
/// use platform_core::http::{Json, Problem};
/// use serde::{Deserialize, Serialize};
///
/// #[derive(Deserialize)]
/// #[serde(deny_unknown_fields)]
/// struct NewParcel { weight_grams: u32 }
///
/// #[derive(Serialize)]
/// struct Accepted { price_cents: u32 }
///
/// async fn accept(Json(parcel): Json<NewParcel>) -> Result<Json<Accepted>, Problem> {
///     Ok(Json(Accepted { price_cents: parcel.weight_grams / 10 }))
/// }
/// ```
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Json<T>(pub T);

impl<S, T> FromRequest<S> for Json<T>
where
    S: Send + Sync,
    T: DeserializeOwned,
{
    type Rejection = Problem;

    async fn from_request(request: Request, _: &S) -> Result<Self, Problem> {
        if !says_json(request.headers()) {
            return Err(Problem::new(
                StatusCode::UNSUPPORTED_MEDIA_TYPE,
                "unsupported_media_type",
                "the body must be of the type application/json",
            ));
        }
        let body = collect(request.into_limited_body()).await?;
        parse(&body).map(Self)
    }
}

impl<T: Serialize> IntoResponse for Json<T> {
    fn into_response(self) -> Response {
        match serde_json::to_vec(&self.0) {
            Ok(body) => {
                let json = HeaderValue::from_static("application/json");
                ([(header::CONTENT_TYPE, json)], body).into_response()
            }
            Err(error) => {
                tracing::error!(%error, "an answer cannot be written as JSON");
                Problem::internal().into_response()
            }
        }
    }
}

/// `application/json`, with no parameter but an explicit UTF-8.
fn says_json(headers: &HeaderMap) -> bool {
    let mut values = headers.get_all(header::CONTENT_TYPE).iter();
    let (Some(value), None) = (values.next(), values.next()) else {
        return false;
    };
    let Ok(value) = value.to_str() else {
        return false;
    };
    let (essence, parameter) = value.split_once(';').unwrap_or((value, ""));
    let parameter = parameter.trim().replace('"', "");
    essence.trim().eq_ignore_ascii_case("application/json")
        && (parameter.is_empty() || parameter.eq_ignore_ascii_case("charset=utf-8"))
}

async fn collect(body: Body) -> Result<Bytes, Problem> {
    match body.collect().await {
        Ok(collected) => Ok(collected.to_bytes()),
        Err(error) if is_too_large(&error) => Err(Problem::of_status(StatusCode::PAYLOAD_TOO_LARGE)),
        Err(_) => Err(Problem::new(
            StatusCode::BAD_REQUEST,
            "incomplete_body",
            "the body ended before it was complete",
        )),
    }
}

fn is_too_large(error: &axum::Error) -> bool {
    let mut cause: Option<&(dyn Error + 'static)> = Some(error);
    while let Some(error) = cause {
        if error.is::<LengthLimitError>() {
            return true;
        }
        cause = error.source();
    }
    false
}

fn parse<T: DeserializeOwned>(body: &[u8]) -> Result<T, Problem> {
    let mut deserializer = serde_json::Deserializer::from_slice(body);
    let value = serde_path_to_error::deserialize(Object(&mut deserializer)).map_err(|error| {
        let path = error.path().to_string();
        refusal(&path, error.inner())
    })?;
    deserializer.end().map_err(|error| refusal(".", &error))?;
    Ok(value)
}

fn refusal(path: &str, error: &serde_json::Error) -> Problem {
    if !error.is_data() {
        let place = format!("line {}, column {}", error.line(), error.column());
        let detail = format!("the body is not one JSON value: see {place}");
        return Problem::new(StatusCode::BAD_REQUEST, "malformed_json", detail);
    }
    let (field, code, message) = explain(path, trimmed(&error.to_string()));
    let detail = "the body does not have the expected form";
    Problem::new(StatusCode::UNPROCESSABLE_ENTITY, "invalid_body", detail).field(field, code, message)
}
