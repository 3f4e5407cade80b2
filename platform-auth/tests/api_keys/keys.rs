//! Keys as tests make and show them.

use std::net::IpAddr;

use platform_auth::{
    ALL_SCOPES, ApiKeyError, ApiKeyOwner, AuthenticateError, IssuedApiKey, NewApiKey, ServicePrincipal,
};
use platform_core::{Permission, RequestContext, RequestMeta};

use crate::support::App;
use crate::world::{Person, World, names};

pub(crate) const DAY_S: i64 = 24 * 60 * 60;

/// A key for a day.
pub(crate) fn new_key(world: &World, scopes: &[Permission]) -> NewApiKey {
    NewApiKey {
        name: "Nightly report".to_owned(),
        scopes: names(scopes),
        resources: None,
        addresses: None,
        not_before: None,
        expires_at: world.at(DAY_S),
    }
}

/// A key for a day with everything that its owner may do.
pub(crate) fn all(world: &World) -> NewApiKey {
    NewApiKey {
        scopes: vec![ALL_SCOPES.to_owned()],
        ..new_key(world, &[])
    }
}

/// A key of one's own.
pub(crate) async fn own(world: &World, who: &Person, new: NewApiKey) -> IssuedApiKey {
    let ctx = world.ctx(who).await;
    let issued = world
        .app
        .auth
        .create_api_key(&ctx, ApiKeyOwner::Caller, new)
        .await;
    issued.unwrap()
}

pub(crate) async fn service(world: &World, name: &str) -> ServicePrincipal {
    let made = world.app.auth.create_service_principal(&world.job(), name).await;
    made.unwrap()
}

/// A key of a service principal's, by a job of the service.
pub(crate) async fn of_service(
    world: &World,
    service: &ServicePrincipal,
    new: NewApiKey,
) -> Result<IssuedApiKey, ApiKeyError> {
    let owner = ApiKeyOwner::Service(service.id);
    world.app.auth.create_api_key(&world.job(), owner, new).await
}

/// What a request under a key is answered under.
pub(crate) async fn under(app: &App, key: &IssuedApiKey) -> Result<RequestContext, AuthenticateError> {
    shown(app, key.token.expose(), None).await
}

/// The same, from an address.
pub(crate) async fn shown(
    app: &App,
    token: &str,
    from: Option<&str>,
) -> Result<RequestContext, AuthenticateError> {
    let meta = RequestMeta {
        source_address: from.map(|from| from.parse::<IpAddr>().unwrap()),
        ..RequestMeta::internal(app.test.sources())
    };
    app.auth.authenticate_api_key(token, &meta).await
}

pub(crate) fn is_refused(shown: &Result<RequestContext, AuthenticateError>) -> bool {
    matches!(shown, Err(AuthenticateError::InvalidToken))
}
