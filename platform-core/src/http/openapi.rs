//! The OpenAPI document of a service.

use utoipa::openapi::path::Operation;
use utoipa::openapi::security::{HttpAuthScheme, HttpBuilder, SecurityRequirement, SecurityScheme};
use utoipa::openapi::{ComponentsBuilder, ContentBuilder, Info, OpenApi, Ref, ResponseBuilder};
use utoipa::{PartialSchema, ToSchema};

use super::{PROBLEM_JSON, Problem};

/// The scheme that every service has.
const BEARER: &str = "bearer";

/// Finishes the document that a service's routes make up: title and version, the security scheme `bearer`, the schema of a
/// [`Problem`], and a problem as the `default` answer of every operation that names no other.
///
/// An operation that needs a credential says `security(("bearer" = []))`. Where the routes declare further schemes, such as a cookie, each
/// is an alternative for every such operation.
///
/// ```
/// use platform_core::http::openapi;
/// use utoipa::OpenApi;
///
/// #[derive(OpenApi)]
/// struct Parcels;
///
/// let document = openapi::document("Parcels", "1.0.0", &Parcels::openapi());
/// let json = document.to_json()?;
/// assert!(json.contains("\"bearer\""));
/// assert!(json.contains("\"Problem\""));
/// # Ok::<(), serde_json::Error>(())
/// ```
pub fn document(title: &str, version: &str, routes: &OpenApi) -> OpenApi {
    let mut document = routes.clone();
    document.info = Info::new(title, version);
    let mut schemas = vec![(Problem::name().into_owned(), Problem::schema())];
    Problem::schemas(&mut schemas);
    let bearer = HttpBuilder::new()
        .scheme(HttpAuthScheme::Bearer)
        .description(Some("The token that signing in answers."))
        .build();
    let components = ComponentsBuilder::from(document.components.take().unwrap_or_default())
        .schemas_from_iter(schemas)
        .security_scheme(BEARER, SecurityScheme::Http(bearer))
        .build();
    let names = components.security_schemes.keys();
    let others: Vec<_> = names.filter(|name| *name != BEARER).map(alone).collect();
    document.components = Some(components);
    for item in document.paths.paths.values_mut() {
        let operations = [
            &mut item.get,
            &mut item.put,
            &mut item.post,
            &mut item.delete,
            &mut item.options,
            &mut item.head,
            &mut item.patch,
            &mut item.trace,
        ];
        for operation in operations.into_iter().flatten() {
            answer_problems(operation);
            take_also(operation, &others);
        }
    }
    document
}

/// One document of several: the routes, schemas and tags of all.
pub fn merged(documents: impl IntoIterator<Item = OpenApi>) -> OpenApi {
    documents
        .into_iter()
        .fold(OpenApi::default(), OpenApi::merge_from)
}

/// Lets an operation that takes the token of a session be called under each of the others as well.
fn take_also(operation: &mut Operation, others: &[SecurityRequirement]) {
    let Some(alternatives) = &mut operation.security else {
        return;
    };
    if !alternatives.contains(&alone(BEARER)) {
        return;
    }
    for other in others {
        if !alternatives.contains(other) {
            alternatives.push(other.clone());
        }
    }
}

/// The requirement of one scheme, without scopes.
fn alone(scheme: impl Into<String>) -> SecurityRequirement {
    SecurityRequirement::new(scheme, [""; 0])
}

fn answer_problems(operation: &mut Operation) {
    let problem = || {
        let schema = Ref::from_schema_name(Problem::name());
        let content = ContentBuilder::new().schema(Some(schema)).build();
        ResponseBuilder::new()
            .description("The request was refused or failed.")
            .content(PROBLEM_JSON, content)
            .build()
    };
    let answers = &mut operation.responses.responses;
    answers
        .entry("default".to_owned())
        .or_insert_with(|| problem().into());
}
