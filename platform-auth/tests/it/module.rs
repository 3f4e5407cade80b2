use std::collections::BTreeSet;
use std::sync::Arc;

use platform_auth::{Auth, MIGRATIONS, TENANT_ADMIN};
use platform_core::Sources;
use platform_core::metrics::Metrics;
use platform_core::runtime::{BuildCx, Descriptor, Module, ModuleError, Parts, Platform};
use serde_json::{Value, json};

use crate::support::App;

/// Another module, which takes the handle.
struct Dependent;

impl Module for Dependent {
    fn descriptor(&self) -> Descriptor {
        Descriptor::new("dependent", "0.1.0").requires("auth", "^0.1")
    }

    fn build(&self, cx: &mut BuildCx<'_>) -> Result<Parts, ModuleError> {
        cx.require::<Auth>().map(|_| Parts::default())
    }
}

async fn platform() -> Platform {
    let app = App::new().await;
    Platform::builder(app.db.clone(), Sources::system(), Metrics::new())
        .module(Dependent)
        .module(app.auth.clone())
        .module(app.keys.clone())
        .authenticate_with(Arc::new(app.auth.clone()))
        .build()
        .unwrap()
}

#[tokio::test]
async fn the_module_brings_its_tables_its_permission_and_its_handle() {
    let platform = platform().await;

    let schemas: Vec<_> = platform
        .migrations()
        .iter()
        .map(|migrations| migrations.schema)
        .collect();
    assert!(schemas.contains(&MIGRATIONS.schema), "{schemas:?}");
    assert!(platform.permissions().contains(&TENANT_ADMIN));
}

#[tokio::test]
async fn the_document_describes_each_route_once_and_says_which_need_a_token() {
    let platform = platform().await;
    let document = serde_json::to_value(platform.openapi()).unwrap();

    let mut described = BTreeSet::new();
    for (path, operations) in document["paths"].as_object().unwrap() {
        for (method, operation) in operations.as_object().unwrap() {
            let is_ours = [
                "/auth/",
                "/users",
                "/roles",
                "/groups",
                "/grants",
                "/permissions",
                "/explain",
                "/api-keys",
                "/service-principals",
            ];
            if is_ours.iter().any(|part| path.contains(part)) {
                let protected = operation["security"]
                    == json!([{ "bearer": [] }, { "api_key": [] }, { "session_cookie": [] }]);
                described.insert((format!("{method} {path}"), protected));
            }
        }
    }

    let expected = [
        ("delete /admin/v1/grants/{id}", true),
        ("delete /admin/v1/groups/{id}", true),
        ("delete /admin/v1/groups/{id}/members/{membership_id}", true),
        ("delete /admin/v1/roles/{id}", true),
        ("delete /admin/v1/users/{id}/holds/{hold_id}", true),
        ("get /admin/v1/explain", true),
        ("get /admin/v1/grants", true),
        ("get /admin/v1/grants/{id}", true),
        ("get /admin/v1/groups", true),
        ("get /admin/v1/groups/{id}", true),
        ("get /admin/v1/groups/{id}/members", true),
        ("get /admin/v1/permissions", true),
        ("get /admin/v1/roles", true),
        ("get /admin/v1/roles/{id}", true),
        ("post /admin/v1/grants", true),
        ("post /admin/v1/groups", true),
        ("post /admin/v1/groups/{id}/members", true),
        ("post /admin/v1/roles", true),
        ("put /admin/v1/groups/{id}", true),
        ("put /admin/v1/roles/{id}", true),
        ("get /admin/v1/users", true),
        ("get /admin/v1/users/{id}", true),
        ("post /admin/v1/users", true),
        ("put /admin/v1/users/{id}/role", true),
        ("get /admin/v1/users/{id}/erasure", true),
        ("get /admin/v1/users/{id}/holds", true),
        ("post /admin/v1/users/{id}/erasure", true),
        ("post /admin/v1/users/{id}/holds", true),
        ("delete /admin/v1/api-keys/{id}", true),
        ("delete /admin/v1/service-principals/{id}", true),
        ("delete /admin/v1/service-principals/{id}/api-keys/{key_id}", true),
        ("get /admin/v1/api-keys", true),
        ("get /admin/v1/api-keys/{id}", true),
        ("get /admin/v1/service-principals", true),
        ("get /admin/v1/service-principals/{id}", true),
        ("get /admin/v1/service-principals/{id}/api-keys", true),
        ("post /admin/v1/service-principals", true),
        ("post /admin/v1/service-principals/{id}/api-keys", true),
        (
            "post /admin/v1/service-principals/{id}/api-keys/{key_id}/rotate",
            true,
        ),
        ("post /admin/v1/service-principals/{id}/disable", true),
        ("post /admin/v1/service-principals/{id}/enable", true),
        ("put /admin/v1/service-principals/{id}", true),
        ("delete /api/v1/auth/api-keys/{id}", true),
        ("get /api/v1/auth/api-keys", true),
        ("post /api/v1/auth/api-keys", true),
        ("post /api/v1/auth/api-keys/{id}/rotate", true),
        ("get /api/v1/auth/credentials", true),
        ("get /api/v1/auth/me", true),
        ("post /api/v1/auth/email/verification", false),
        ("post /api/v1/auth/email/verify", false),
        ("post /api/v1/auth/invitations/accept", false),
        ("post /api/v1/auth/login", false),
        ("post /api/v1/auth/login/second-factor", false),
        ("post /api/v1/auth/logout", true),
        ("post /api/v1/auth/password", true),
        ("post /api/v1/auth/password/reset", false),
        ("post /api/v1/auth/password/reset/confirm", false),
        ("post /api/v1/auth/recovery-codes", true),
        ("post /api/v1/auth/register", false),
        ("post /api/v1/auth/totp", true),
        ("post /api/v1/auth/totp/confirm", true),
        ("post /api/v1/auth/totp/disable", true),
        ("delete /admin/v1/users/{id}/sessions", true),
        ("delete /admin/v1/users/{id}/sessions/{session_id}", true),
        ("get /admin/v1/users/{id}/sessions", true),
        ("post /admin/v1/users/{id}/disable", true),
        ("post /admin/v1/users/{id}/enable", true),
        ("delete /api/v1/auth/sessions/{id}", true),
        ("get /api/v1/auth/sessions", true),
        ("post /api/v1/auth/sessions/end-others", true),
        ("post /api/v1/auth/step-up", true),
    ];
    let of_passkeys = [
        ("get /api/v1/auth/passkeys", true),
        ("post /api/v1/auth/login/passkey", false),
        ("post /api/v1/auth/login/passkey/confirm", false),
        ("post /api/v1/auth/passkeys", true),
        ("post /api/v1/auth/passkeys/confirm", true),
        ("post /api/v1/auth/passkeys/{id}/remove", true),
        ("post /api/v1/auth/step-up/passkey", true),
        ("post /api/v1/auth/step-up/passkey/confirm", true),
        ("put /api/v1/auth/passkeys/{id}", true),
    ];
    let with_feature = of_passkeys.into_iter().filter(|_| cfg!(feature = "passkeys"));
    let expected: BTreeSet<_> = expected
        .into_iter()
        .chain(with_feature)
        .map(|(route, protected)| (route.to_owned(), protected))
        .collect();
    assert_eq!(described, expected);
}

#[tokio::test]
async fn the_document_names_the_three_credentials() {
    let platform = platform().await;
    let document = serde_json::to_value(platform.openapi()).unwrap();

    let schemes = &document["components"]["securitySchemes"];
    assert_eq!(
        (&schemes["bearer"]["type"], &schemes["bearer"]["scheme"]),
        (&json!("http"), &json!("bearer"))
    );
    assert_eq!(
        (&schemes["api_key"]["type"], &schemes["api_key"]["scheme"]),
        (&json!("http"), &json!("bearer"))
    );
    assert_eq!(
        (
            &schemes["session_cookie"]["in"],
            &schemes["session_cookie"]["name"]
        ),
        (&json!("cookie"), &json!("__Host-session"))
    );
}

#[tokio::test]
async fn the_document_refers_to_no_schema_that_it_lacks() {
    let platform = platform().await;
    let document = serde_json::to_value(platform.openapi()).unwrap();

    let mut values = vec![&document];
    while let Some(value) = values.pop() {
        match value {
            Value::Array(items) => values.extend(items),
            Value::Object(fields) => {
                if let Some(Value::String(reference)) = fields.get("$ref") {
                    let pointer = reference.trim_start_matches('#');
                    assert!(document.pointer(pointer).is_some(), "{reference}");
                }
                values.extend(fields.values());
            }
            _ => {}
        }
    }
}
