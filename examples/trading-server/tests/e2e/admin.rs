//! What a tenant's admin sets up with the reference at `/docs` and an HTTP client alone, and finds again in the trail.

use platform_core::Sources;
use reqwest::Method;
use serde_json::{Value, json};
use time::Duration;
use time::format_description::well_known::Rfc3339;

use crate::routes::{Operation, operations};
use crate::support::{Api, DataDir, Launch, eventually};

const FIRST: &str = "seven swans on a lake";

/// An admin who calls nothing that the reference does not describe.
struct Admin {
    api: Api,
    reference: Vec<Operation>,
}

impl Admin {
    async fn call(&self, method: Method, template: &str, id: &str, body: &Value) -> Value {
        let described = self
            .reference
            .iter()
            .find(|operation| operation.method == method && operation.path == template);
        let described = described.unwrap_or_else(|| panic!("{method} {template} is not in the reference"));
        let body = (method == Method::POST).then_some(body);
        let path = described.path_with(id);
        let answer = self.api.call(method.clone(), &path, body).await;
        let expected = if method == Method::POST { 201 } else { 200 };
        answer.expect(expected).json()
    }

    async fn post(&self, template: &str, body: Value) -> Value {
        self.call(Method::POST, template, "", &body).await
    }
}

fn id(of: &Value) -> &str {
    of["id"].as_str().unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn an_admin_sets_up_a_user_a_role_on_one_account_until_tomorrow_and_a_key_for_a_service() {
    let data = DataDir::new();
    let server = Launch::on(&data).start().await;
    let docs = server.api().get("/docs").await;
    docs.expect(200);
    let admin = Admin {
        api: server.sign_in("acme", "admin@example.com").await,
        reference: operations(&server.api()).await,
    };
    let owner = server.sign_in("acme", "demo@example.com").await;
    let account = owner.get("/api/v1/account").await.expect(200).json();
    let tomorrow = (Sources::system().now() + Duration::DAY)
        .format(&Rfc3339)
        .unwrap();

    // A user, who sees the one account and no other.
    let user = json!({ "email": "grace@example.com", "password": FIRST, "first_name": "Grace" });
    let user = admin.post("/admin/v1/users", user).await;
    let role = json!({ "name": "Account viewer", "permissions": ["trading:view"] });
    let role = admin.post("/admin/v1/roles", role).await;
    let on = json!({ "kind": "account", "id": account["id"] });
    let to_user = json!({
        "principal": { "kind": "user", "id": user["id"] },
        "role": role["id"], "resource": on, "valid_until": tomorrow, "reason": "looks after it",
    });
    let granted = admin.post("/admin/v1/grants", to_user).await;
    let grace = server.api().sign_in("acme", "grace@example.com", FIRST).await;
    let own = grace.get("/api/v1/account").await.expect(200).json();
    let path = format!("/api/v1/accounts/{}", id(&account));
    let seen = grace.get(&path).await.expect(200).json();
    assert_eq!(seen["account"]["id"], account["id"]);
    let hidden = format!("/api/v1/accounts/{}", id(&own));
    let demo = owner.get(&path).await;
    assert_eq!(
        demo.verdict(),
        (404, "not_found".to_owned()),
        "nobody granted it to its owner"
    );

    // A service with a key, for as long.
    let service = admin
        .post("/admin/v1/service-principals", json!({ "name": "Statements" }))
        .await;
    let to_service = json!({
        "principal": { "kind": "service", "id": service["id"] },
        "role": role["id"], "resource": on, "valid_until": tomorrow,
    });
    admin.post("/admin/v1/grants", to_service).await;
    let key =
        json!({ "name": "Nightly", "scopes": ["trading:view"], "resources": [on], "expires_at": tomorrow });
    let template = "/admin/v1/service-principals/{id}/api-keys";
    let issued = admin.call(Method::POST, template, id(&service), &key).await;
    let program = server.api().bearer(issued["token"].as_str().unwrap());
    assert_eq!(
        program.get(&path).await.expect(200).json()["account"]["id"],
        account["id"]
    );
    assert_eq!(
        program.get(&hidden).await.verdict(),
        (404, "not_found".to_owned())
    );
    assert_eq!(
        program.get("/api/v1/orders").await.verdict(),
        (403, "forbidden".to_owned())
    );
    assert_eq!(
        program.get("/admin/v1/users").await.verdict(),
        (403, "forbidden".to_owned())
    );

    // Taken back, it is gone.
    let template = "/admin/v1/grants/{id}";
    admin
        .call(Method::DELETE, template, id(&granted), &Value::Null)
        .await;
    assert_eq!(grace.get(&path).await.verdict(), (404, "not_found".to_owned()));

    // All of it is in the trail, under the admin's name.
    let me = admin.api.get("/api/v1/auth/me").await.expect(200).json();
    for (action, target) in [
        ("auth.register", id(&user)),
        ("access.role_create", id(&role)),
        ("access.role_grant", id(&user)),
        ("access.role_revoke", id(&user)),
        ("auth.service_principal_create", id(&service)),
        ("access.role_grant", id(&service)),
        ("auth.api_key_create", issued["key"]["id"].as_str().unwrap()),
    ] {
        eventually(&format!("{action} of {target} in the trail"), || async {
            let path = format!("/admin/v1/audit/events?action={action}&limit=100");
            let events = admin.api.get(&path).await.expect(200).json();
            let found = events["data"].as_array()?.iter().find(|event| {
                let text = event.to_string();
                text.contains(target) && text.contains(id(&me))
            });
            found.map(|_| ())
        })
        .await;
    }
    let ended = server.stop().await;
    for secret in [FIRST, issued["token"].as_str().unwrap(), "grace@"] {
        assert!(!ended.output().contains(secret), "a secret in {}", ended.output());
    }
}
