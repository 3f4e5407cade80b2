//! The platform's own tenant, its operators, and the command line beside them.

use reqwest::Method;
use serde_json::json;

use crate::support::{DataDir, Launch, PASSWORD};

const TENANTS: &str = "/platform/v1/tenants";

#[tokio::test(flavor = "multi_thread")]
async fn the_admins_of_the_named_tenant_are_operators_and_the_command_line_needs_none() {
    let data = DataDir::new();
    let launch = || Launch::on(&data).env("PLATFORM_PLATFORM_TENANT", "platform");
    // The demo tenants are made where there is no other.
    launch().start().await.stop().await.expect(0, &[]);
    let made = [
        "create-tenant",
        "--slug",
        "platform",
        "--name",
        "Platform",
        "--admin",
        "ops@example.com",
    ];
    let made = made.into_iter().fold(launch(), Launch::arg).run().await;
    made.expect(
        0,
        &[
            "tenant platform (",
            "its admins are the operators of the platform",
        ],
    );
    let password = made.stdout.split_once("password ").unwrap().1;
    let password = password.split_once(',').unwrap().0.to_owned();

    let server = launch().start().await;
    let operator = server
        .api()
        .sign_in("platform", "ops@example.com", &password)
        .await;
    operator.get("/metrics").await.expect(200);
    let page = operator.get(TENANTS).await.expect(200).json();
    let acme = page["data"]
        .as_array()
        .unwrap()
        .iter()
        .find(|tenant| tenant["slug"] == "acme");
    let acme = acme.unwrap()["id"].as_str().unwrap().to_owned();
    let user = server.sign_in("acme", "demo@example.com").await;
    let admin = server.sign_in("acme", "admin@example.com").await;
    admin.get(TENANTS).await.expect(403);

    let suspend = format!("{TENANTS}/{acme}/suspend");
    operator
        .post(&suspend, &json!({ "reason": "ticket 7" }))
        .await
        .expect(200);
    assert_eq!(user.get("/api/v1/auth/me").await.verdict().1, "tenant_suspended");
    let body = json!({ "email": "demo@example.com", "password": PASSWORD });
    let refused = server
        .api()
        .tenant("acme")
        .post("/api/v1/auth/login", &body)
        .await;
    assert_eq!(refused.verdict(), (403, "tenant_suspended".to_owned()));

    let tenant = |verb: &str| {
        let arguments = ["tenant", verb, "--slug", "acme", "--reason", "ticket 8"];
        arguments
            .into_iter()
            .map(str::to_owned)
            .fold(launch(), Launch::arg)
    };
    let listed = launch().arg("tenant").arg("list").run().await;
    listed.expect(
        0,
        &["acme\tsuspended\t", "globex\tactive\t", "platform\tactive\t"],
    );
    tenant("resume")
        .run()
        .await
        .expect(0, &["tenant acme is active now"]);
    user.get("/api/v1/auth/me").await.expect(200);
    tenant("resume").run().await.expect(1, &["the tenant is active"]);
    let trail = admin
        .call(Method::GET, "/admin/v1/audit/events?action=tenant.resume", None)
        .await;
    let trail = trail.expect(200).json();
    assert_eq!(trail["data"].as_array().unwrap().len(), 1, "{trail}");
    tenant("close")
        .run()
        .await
        .expect(0, &["tenant acme is closed now"]);
    assert_eq!(user.get("/api/v1/auth/me").await.status, 401);

    server.stop().await.expect(0, &[]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_tenant_that_a_tenants_admin_made_is_neither_made_again_nor_the_platforms_own() {
    let data = DataDir::new();
    let server = Launch::on(&data).start().await;
    let admin = server.sign_in("acme", "admin@example.com").await;
    let below = json!({
        "slug": "platform", "name": "Platform", "admin": { "email": "eve@example.com", "password": PASSWORD }
    });
    admin.post("/admin/v1/tenants", &below).await.expect(201);
    let make = |slug: &str, who: &str| {
        let words = ["create-tenant", "--name", "X", "--slug", slug, "--admin", who];
        words.into_iter().fold(Launch::on(&data), Launch::arg).run()
    };

    make("platform", "ops@example.com")
        .await
        .expect(1, &["stands below another"]);
    make("initech", "boss@example.com").await.expect(0, &[]);
    make("initech", "ops@example.com")
        .await
        .expect(1, &["exist already"]);
    make("globex", "ops@example.com").await.expect(0, &[]);
    server.stop().await.expect(0, &[]);
    let named = Launch::on(&data).env("PLATFORM_PLATFORM_TENANT", "platform");
    let Err(refused) = named.try_start().await else {
        panic!("it started");
    };

    refused.expect(78, &["cannot be the platform's own"]);
}
