use axum::http::Method;
use platform_core::axum;
use serde_json::json;

use crate::support::App;
use crate::world::{call, get, post, recorded};

const SERVICES: &str = "/admin/v1/service-principals";

#[tokio::test]
async fn a_service_principal_is_no_user_who_could_be_disabled_or_enabled() {
    let app = App::new().await;
    let place = app.place().await;
    let admin = app.admin(&place).await;
    let made = post(&app, &admin, SERVICES, json!({ "name": "Settlement" })).await;
    let id = made.expect(201).json()["id"].as_str().unwrap().to_owned();
    let service = format!("{SERVICES}/{id}");
    let act = async |verb: &str, id: &str| {
        let path = format!("/admin/v1/users/{id}/{verb}");
        call(&app, &admin, Method::POST, &path, None).await
    };
    let nobody = act("disable", &app.test.sources().uuid_v7().to_string()).await;
    nobody.refused(404, "not_found");

    assert_eq!(act("disable", &id).await.anonymised(), nobody.anonymised());
    assert_eq!(get(&app, &admin, &service).await.json()["status"], "active");
    let path = format!("{service}/disable");
    call(&app, &admin, Method::POST, &path, None).await.expect(200);
    assert_eq!(act("enable", &id).await.anonymised(), nobody.anonymised());
    assert_eq!(get(&app, &admin, &service).await.json()["status"], "disabled");
    call(&app, &admin, Method::DELETE, &service, None)
        .await
        .expect(204);
    for verb in ["disable", "enable"] {
        assert_eq!(act(verb, &id).await.anonymised(), nobody.anonymised(), "{verb}");
    }
    for action in ["auth.user_disable", "auth.user_enable"] {
        assert!(recorded(&app, &place, action).await.is_empty(), "{action}");
    }
}
