//! The OpenAPI document.

use axum::http::StatusCode;
use platform_core::http::{Json, Page, PageQuery, Problem, Query, openapi};
use serde::Serialize;
use serde_json::{Value, json};
use utoipa::ToSchema;
use utoipa::openapi::ComponentsBuilder;
use utoipa::openapi::security::{ApiKey, ApiKeyValue, SecurityScheme};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

#[derive(Serialize, ToSchema)]
struct Parcel {
    id: String,
}

#[utoipa::path(get, path = "/parcels", params(PageQuery), security(("bearer" = [])), responses((status = OK, body = Page<Parcel>)))]
async fn list(Query(query): Query<PageQuery>) -> Result<Json<Page<Parcel>>, Problem> {
    let request = query.resolve::<(String,)>()?;
    Ok(Json(Page::build(Vec::new(), request.limit, |parcel: &Parcel| {
        (parcel.id.clone(),)
    })))
}

#[utoipa::path(delete, path = "/parcels", responses((status = NO_CONTENT), (status = "default", description = "own")))]
async fn clear() -> StatusCode {
    StatusCode::NO_CONTENT
}

fn document() -> Value {
    let (_, parcels) = OpenApiRouter::<()>::new()
        .routes(routes!(list, clear))
        .split_for_parts();
    let document = openapi::document("Parcels", "1.2.3", &openapi::merged([parcels]));
    serde_json::to_value(document).unwrap()
}

#[test]
fn the_document_names_the_service_and_how_to_sign_in() {
    let document = document();

    assert_eq!(document["openapi"], "3.1.0");
    assert_eq!(
        (&document["info"]["title"], &document["info"]["version"]),
        (&json!("Parcels"), &json!("1.2.3"))
    );
    assert_eq!(
        document["components"]["securitySchemes"]["bearer"]["scheme"],
        "bearer"
    );
}

#[test]
fn a_scheme_that_the_routes_declare_is_an_alternative_wherever_a_credential_is_needed() {
    let (_, mut parcels) = OpenApiRouter::<()>::new()
        .routes(routes!(list, clear))
        .split_for_parts();
    let cookie = ApiKey::Cookie(ApiKeyValue::new("parcels"));
    let declared = ComponentsBuilder::from(parcels.components.take().unwrap_or_default());
    parcels.components = Some(
        declared
            .security_scheme("cookie", SecurityScheme::ApiKey(cookie))
            .build(),
    );

    let document = serde_json::to_value(openapi::document("Parcels", "1.2.3", &parcels)).unwrap();

    let schemes = &document["components"]["securitySchemes"];
    assert_eq!(
        schemes["cookie"],
        json!({ "type": "apiKey", "in": "cookie", "name": "parcels" })
    );
    let parcels = &document["paths"]["/parcels"];
    assert_eq!(
        parcels["get"]["security"],
        json!([{ "bearer": [] }, { "cookie": [] }])
    );
    assert_eq!(
        parcels["delete"].get("security"),
        None,
        "who needs none needs none"
    );
}

#[test]
fn every_operation_may_answer_a_problem() {
    let document = document();

    let answers = &document["paths"]["/parcels"]["get"]["responses"];
    let schema = &answers["default"]["content"]["application/problem+json"]["schema"];
    assert_eq!(schema["$ref"], "#/components/schemas/Problem");
    let own = &document["paths"]["/parcels"]["delete"]["responses"]["default"];
    assert_eq!(own["description"], "own");
}

#[test]
fn the_schemas_of_problems_and_pages_are_complete() {
    let schemas = &document()["components"]["schemas"];

    assert_eq!(
        schemas["Problem"]["required"],
        json!(["type", "title", "status", "detail", "code"])
    );
    assert!(schemas["FieldError"]["properties"]["field"].is_object());
    assert!(schemas["Page_Parcel"]["properties"]["next_cursor"].is_object());
    assert!(schemas["Parcel"].is_object());
}

#[test]
fn the_parameters_of_a_list_state_their_range() {
    let parameters = &document()["paths"]["/parcels"]["get"]["parameters"];

    let limit = &parameters[0];
    assert_eq!(limit["name"], "limit");
    assert_eq!(limit["required"], false);
    assert_eq!(
        (&limit["schema"]["minimum"], &limit["schema"]["maximum"]),
        (&json!(1), &json!(200))
    );
    assert_eq!(parameters[1]["name"], "cursor");
}
