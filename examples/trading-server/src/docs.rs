//! The reference page of the API, made from its OpenAPI document. Everything it loads comes from this server.

use platform_core::axum::Router;
use platform_core::axum::http::{HeaderValue, header};
use platform_core::axum::middleware::map_response;
use platform_core::axum::response::Response;
use utoipa_swagger_ui::{Config, SwaggerUi};

/// The page needs its own scripts and styles, and inline styles; nothing from elsewhere.
const POLICY: HeaderValue = HeaderValue::from_static(
    "default-src 'none'; script-src 'self' 'unsafe-inline'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; \
     connect-src 'self'; font-src 'self'; frame-ancestors 'none'",
);

/// The page at `/docs`.
pub fn routes() -> Router {
    let page = SwaggerUi::new("/docs").config(Config::new(["/openapi.json"]));
    Router::from(page).layer(map_response(allow))
}

async fn allow(mut response: Response) -> Response {
    response
        .headers_mut()
        .insert(header::CONTENT_SECURITY_POLICY, POLICY);
    response
}
