//! What the OpenAPI document says of credentials, beside the `bearer` of every service.

use utoipa::openapi::security::{ApiKey, ApiKeyValue, HttpAuthScheme, HttpBuilder, SecurityScheme};
use utoipa_axum::router::OpenApiRouter;

use super::cookie;
use crate::Auth;

/// No routes, and the schemes of the cookie of a session and of API keys. Whatever takes a credential takes one of the three.
pub(super) fn declared() -> OpenApiRouter<Auth> {
    let cookie = ApiKeyValue::with_description(
        cookie::NAME,
        "The token of a session, for browsers: signing in with `session` as `cookie` sets it. What changes something takes a request of \
         the service's own origin.",
    );
    let key = HttpBuilder::new()
        .scheme(HttpAuthScheme::Bearer)
        .bearer_format("pak1")
        .description(Some(
            "An API key, which a program shows in the place of a session's token. What only a session may do answers 403 \
             `session_required`.",
        ))
        .build();
    let mut routes = OpenApiRouter::default();
    let components = routes.get_openapi_mut().components.get_or_insert_default();
    components.add_security_scheme("session_cookie", SecurityScheme::ApiKey(ApiKey::Cookie(cookie)));
    components.add_security_scheme("api_key", SecurityScheme::Http(key));
    routes
}
