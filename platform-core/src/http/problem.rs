//! Problem documents (RFC 9457).

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

use axum::body::Body;
use axum::http::{HeaderName, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use serde_json::Value;
use utoipa::openapi::schema::{Schema, SchemaType, Type};
use utoipa::openapi::{ObjectBuilder, RefOr};
use utoipa::{PartialSchema, ToSchema};

use crate::{Denied, Forbidden, RequestId, StepUpRequired};

/// The media type of a problem document.
pub const PROBLEM_JSON: &str = "application/problem+json";

/// The names that RFC 9457 and this library give a meaning; an extension cannot take one.
const RESERVED: [&str; 8] = [
    "type",
    "title",
    "status",
    "detail",
    "code",
    "instance",
    "request_id",
    "errors",
];

/// An error answer: a problem document of RFC 9457 with a stable `code`.
///
/// Clients branch on the code, people read the detail. Whatever went wrong inside is logged by whoever found it and never put
/// into a problem. The HTTP stack adds the request id as `request_id` and `instance`.
///
/// ```
/// use platform_core::axum::http::StatusCode;
/// use platform_core::http::Problem;
///
/// let problem = Problem::new(StatusCode::CONFLICT, "email_taken", "this address is registered already")
///     .field("email", "taken", "choose another address");
/// assert_eq!(problem.status(), StatusCode::CONFLICT);
/// assert_eq!(problem.code(), "email_taken");
/// assert_eq!(problem.to_value()["errors"][0]["field"], "email");
/// ```
#[derive(Clone, PartialEq)]
pub struct Problem(Box<Document>);

#[derive(Clone, PartialEq)]
struct Document {
    status: StatusCode,
    code: &'static str,
    detail: Cow<'static, str>,
    request_id: Option<RequestId>,
    errors: Vec<FieldError>,
    extensions: BTreeMap<String, Value>,
    retry_after: Option<Duration>,
    headers: Vec<(HeaderName, HeaderValue)>,
}

/// What is wrong with one field of the input.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct FieldError {
    /// The path to the field: `email`, `legs[1].quantity`.
    #[schema(example = "quantity")]
    pub field: String,
    /// A stable word for what is wrong.
    #[schema(example = "out_of_range")]
    pub code: Cow<'static, str>,
    /// The same for people.
    #[schema(example = "must be from 1 to 1000000")]
    pub message: Cow<'static, str>,
}

impl Problem {
    /// A problem with a stable code and a detail that may be shown to whoever asked.
    pub fn new(status: StatusCode, code: &'static str, detail: impl Into<Cow<'static, str>>) -> Self {
        Self(Box::new(Document {
            status,
            code,
            detail: detail.into(),
            request_id: None,
            errors: Vec::new(),
            extensions: BTreeMap::new(),
            retry_after: None,
            headers: Vec::new(),
        }))
    }

    /// 500 `internal`: the cause is in the log, found by the request id.
    pub fn internal() -> Self {
        Self::of_status(StatusCode::INTERNAL_SERVER_ERROR)
    }

    /// 404 `not_found`: there is no such thing, or it is another tenant's.
    pub fn not_found() -> Self {
        Self::of_status(StatusCode::NOT_FOUND)
    }

    /// 401 `unauthenticated`: a credential is needed and none was shown.
    pub fn unauthenticated() -> Self {
        Self::of_status(StatusCode::UNAUTHORIZED)
    }

    /// 503 `unavailable`, to be tried again after a second: something that is needed to answer is gone.
    pub fn unavailable() -> Self {
        Self::of_status(StatusCode::SERVICE_UNAVAILABLE).retry_after(Duration::from_secs(1))
    }

    /// 422 `invalid_body`: the input breaks a rule. Name the fields with [`Problem::field`].
    pub fn invalid_body() -> Self {
        Self::of_status(StatusCode::UNPROCESSABLE_ENTITY)
    }

    /// The problem that a bare status stands for.
    pub(crate) fn of_status(status: StatusCode) -> Self {
        let (code, detail) = match status {
            StatusCode::UNAUTHORIZED => ("unauthenticated", "sign in to use this resource"),
            StatusCode::FORBIDDEN => ("forbidden", "this is not allowed"),
            StatusCode::NOT_FOUND => ("not_found", "there is no such resource"),
            StatusCode::METHOD_NOT_ALLOWED => ("method_not_allowed", "the resource has no such method"),
            StatusCode::REQUEST_TIMEOUT => ("request_timeout", "the request took too long to arrive"),
            StatusCode::CONFLICT => ("conflict", "the resource has changed in the meantime"),
            StatusCode::PAYLOAD_TOO_LARGE => ("body_too_large", "the body is too large"),
            StatusCode::URI_TOO_LONG => ("uri_too_long", "the address is too long"),
            StatusCode::UNSUPPORTED_MEDIA_TYPE => {
                ("unsupported_media_type", "the body's type is not accepted")
            }
            StatusCode::UNPROCESSABLE_ENTITY => ("invalid_body", "the input does not have the expected form"),
            StatusCode::UPGRADE_REQUIRED => ("upgrade_required", "the resource speaks WebSocket"),
            StatusCode::TOO_MANY_REQUESTS => ("rate_limited", "too many requests"),
            StatusCode::SERVICE_UNAVAILABLE => ("unavailable", "the service cannot answer now, try again"),
            StatusCode::GATEWAY_TIMEOUT => ("deadline_exceeded", "the answer was not ready in time"),
            other if other.is_server_error() => ("internal", "something went wrong on our side"),
            _ => ("bad_request", "the request cannot be understood"),
        };
        Self::new(status, code, detail)
    }

    /// The same problem, naming a field that is wrong.
    #[must_use]
    pub fn field(
        mut self,
        field: impl Into<String>,
        code: &'static str,
        message: impl Into<Cow<'static, str>>,
    ) -> Self {
        self.0.errors.push(FieldError {
            field: field.into(),
            code: Cow::Borrowed(code),
            message: message.into(),
        });
        self
    }

    /// The same problem with a member of its own. The names of the document's own members are kept out.
    #[must_use]
    pub fn with(mut self, name: impl Into<String>, value: Value) -> Self {
        let name = name.into();
        if !RESERVED.contains(&name.as_str()) {
            self.0.extensions.insert(name, value);
        }
        self
    }

    /// The same problem with a `Retry-After` header, rounded up to whole seconds.
    #[must_use]
    pub fn retry_after(mut self, wait: Duration) -> Self {
        self.0.retry_after = Some(wait);
        self
    }

    /// The same problem with a header of its own, such as a challenge or a cookie that is taken back. A second one of a name stands
    /// instead of the first.
    #[must_use]
    pub fn header(mut self, name: HeaderName, value: HeaderValue) -> Self {
        self.0.headers.retain(|(other, _)| *other != name);
        self.0.headers.push((name, value));
        self
    }

    /// The same problem, naming the request. The HTTP stack does this.
    #[must_use]
    pub fn of_request(mut self, id: RequestId) -> Self {
        self.0.request_id = Some(id);
        self
    }

    /// The status of the answer.
    pub fn status(&self) -> StatusCode {
        self.0.status
    }

    /// The stable code.
    pub fn code(&self) -> &'static str {
        self.0.code
    }

    /// What whoever asked may read.
    pub fn detail(&self) -> &str {
        &self.0.detail
    }

    /// The fields that are wrong.
    pub fn errors(&self) -> &[FieldError] {
        &self.0.errors
    }

    /// The document as it is sent.
    pub fn to_value(&self) -> Value {
        let document = &*self.0;
        let title = document.status.canonical_reason().unwrap_or("Error");
        let mut value = serde_json::json!({
            "type": "about:blank",
            "title": title,
            "status": document.status.as_u16(),
            "detail": document.detail,
            "code": document.code,
        });
        if let Some(id) = document.request_id {
            value["instance"] = format!("urn:uuid:{id}").into();
            value["request_id"] = id.to_string().into();
        }
        if !document.errors.is_empty() {
            value["errors"] = serde_json::json!(document.errors);
        }
        for (name, extension) in &document.extensions {
            value[name] = extension.clone();
        }
        value
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let mut response = Response::new(Body::from(self.to_value().to_string()));
        *response.status_mut() = self.status();
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(PROBLEM_JSON));
        headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
        headers.insert(
            header::X_CONTENT_TYPE_OPTIONS,
            HeaderValue::from_static("nosniff"),
        );
        if self.status() == StatusCode::UNAUTHORIZED {
            headers.insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
        }
        if let Some(wait) = self.0.retry_after {
            headers.insert(header::RETRY_AFTER, HeaderValue::from(whole_seconds(wait)));
        }
        for (name, value) in &self.0.headers {
            headers.insert(name, value.clone());
        }
        // The stack finds the problem here, to send it once more with the id of the request.
        response.extensions_mut().insert(self);
        response
    }
}

/// Whole seconds, rounded up: a client that waits that long does not come too early.
pub(crate) fn whole_seconds(wait: Duration) -> u64 {
    wait.as_secs().saturating_add(u64::from(wait.subsec_nanos() > 0))
}

impl From<Forbidden> for Problem {
    fn from(forbidden: Forbidden) -> Self {
        if forbidden.is_until_second_factor() {
            let detail = "this takes a session that began with a second factor";
            return Self::new(StatusCode::FORBIDDEN, "second_factor_required", detail);
        }
        Self::new(StatusCode::FORBIDDEN, "forbidden", forbidden.to_string())
    }
}

/// 401 with the challenge of RFC 9470, section 3: the credential is good, and who shows it has to prove again who it is.
impl From<StepUpRequired> for Problem {
    fn from(required: StepUpRequired) -> Self {
        let seconds = required.max_age.as_secs();
        let challenge = format!("Bearer error=\"insufficient_user_authentication\", max_age=\"{seconds}\"");
        let problem = Self::new(StatusCode::UNAUTHORIZED, "step_up_required", required.to_string())
            .with("max_age_s", seconds.into());
        match HeaderValue::try_from(challenge) {
            Ok(challenge) => problem.header(header::WWW_AUTHENTICATE, challenge),
            Err(_) => problem,
        }
    }
}

/// What may not be known of is not there.
impl From<Denied> for Problem {
    fn from(denied: Denied) -> Self {
        match denied {
            Denied::Hidden => Self::not_found(),
            Denied::Forbidden(forbidden) => forbidden.into(),
        }
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}: {}", self.0.status.as_u16(), self.0.code, self.0.detail)
    }
}

impl fmt::Debug for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Problem({self})")
    }
}

impl std::error::Error for Problem {}

impl PartialSchema for Problem {
    fn schema() -> RefOr<Schema> {
        let text = |description: &str| {
            ObjectBuilder::new()
                .schema_type(Type::String)
                .description(Some(description))
        };
        ObjectBuilder::new()
            .schema_type(SchemaType::Type(Type::Object))
            .description(Some(
                "An error answer (RFC 9457). Branch on `code`, show `detail`.",
            ))
            .property("type", text("Always `about:blank`: `code` tells problems apart."))
            .property("title", text("The status in words."))
            .property(
                "status",
                ObjectBuilder::new()
                    .schema_type(Type::Integer)
                    .description(Some("The HTTP status code.")),
            )
            .property("detail", text("What went wrong, for people."))
            .property("code", text("What went wrong, for programs: stable."))
            .property("instance", text("The request as a `urn:uuid:`."))
            .property("request_id", text("Names the request in the service's logs."))
            .property("errors", Vec::<FieldError>::schema())
            .required("type")
            .required("title")
            .required("status")
            .required("detail")
            .required("code")
            .into()
    }
}

impl ToSchema for Problem {
    fn schemas(schemas: &mut Vec<(String, RefOr<Schema>)>) {
        schemas.push((FieldError::name().into_owned(), FieldError::schema()));
    }
}
