use axum::http::Method;
use platform_auth::{AuthConfig, PLATFORM_TENANTS, Role};
use platform_core::runtime::{HEALTH, METRICS};
use platform_core::{RequestContext, RequestMeta, axum};
use serde_json::{Value, json};

use crate::support::{App, Call};
use crate::world::{Platform, TENANTS, call, fresh_slug, get, new_tenant, of, post};

async fn context(app: &App, token: &str) -> RequestContext {
    let meta = RequestMeta::internal(app.test.sources());
    app.auth.authenticate_token(token, &meta).await.unwrap()
}

#[tokio::test]
async fn the_admins_of_the_platforms_own_tenant_are_its_operators_and_nobody_else_is() {
    // Even where a service gives it to every admin.
    let config = AuthConfig::default()
        .grant(Role::Admin, PLATFORM_TENANTS)
        .grant(Role::Admin, METRICS);
    let world = Platform::with(config).await;
    let (_, admin) = world.make().await;
    let user = world.app.user(&world.home, "ada@example.com").await;

    let operator = context(&world.app, &world.operator).await;
    for permission in [PLATFORM_TENANTS, METRICS, HEALTH] {
        assert!(operator.require(permission).is_ok(), "{permission:?}");
        assert!(
            context(&world.app, &admin).await.require(permission).is_err(),
            "{permission:?}"
        );
        assert!(
            context(&world.app, &user).await.require(permission).is_err(),
            "{permission:?}"
        );
    }
}

#[tokio::test]
async fn without_a_platforms_own_tenant_there_are_no_operators() {
    let app = App::with(AuthConfig::default().grant(Role::Admin, PLATFORM_TENANTS)).await;
    let place = app.place().await;
    let admin = app.admin(&place).await;

    get(&app, &admin, TENANTS).await.refused(403, "forbidden");
}

#[tokio::test]
async fn no_route_of_the_operators_lets_anybody_else_in() {
    let world = Platform::new().await;
    let (place, admin) = world.make().await;
    let (theirs, _) = world.make().await;
    let user = world.app.user(&world.home, "ada@example.com").await;
    let why = json!({});
    let routes: Vec<(Method, String, Option<Value>)> = vec![
        (Method::GET, TENANTS.to_owned(), None),
        (
            Method::POST,
            TENANTS.to_owned(),
            Some(new_tenant(&fresh_slug(&world.app))),
        ),
        (Method::GET, format!("{TENANTS}/{}", theirs.id), None),
        (Method::POST, of(&theirs, "suspend"), Some(why.clone())),
        (Method::POST, of(&theirs, "resume"), Some(why.clone())),
        (Method::POST, of(&theirs, "close"), Some(why.clone())),
        (Method::POST, of(&place, "close"), Some(why)),
    ];
    for (method, path, body) in routes {
        for token in [&admin, &user] {
            let answer = call(&world.app, token, method.clone(), &path, body.clone()).await;
            answer.refused(403, "forbidden");
        }
        let anonymous = Call::new(method, &path).at(&place);
        let anonymous = match &body {
            Some(body) => anonymous.json(body),
            None => anonymous,
        };
        world.app.send(anonymous).await.refused(401, "unauthenticated");
    }
    let shown = get(&world.app, &world.operator, &format!("{TENANTS}/{}", theirs.id))
        .await
        .json();
    assert_eq!(shown["status"], "active");
}

#[tokio::test]
async fn an_operator_pages_through_the_tenants_and_finds_none_that_there_is_not() {
    let world = Platform::new().await;
    let (first, _) = world.make().await;
    let (second, _) = world.make().await;
    let mut listed = Vec::new();
    let mut path = format!("{TENANTS}?limit=200");
    loop {
        let page = get(&world.app, &world.operator, &path).await.expect(200).json();
        let data = page["data"].as_array().unwrap();
        listed.extend(
            data.iter()
                .map(|tenant| tenant["id"].as_str().unwrap().to_owned()),
        );
        match page["next_cursor"].as_str() {
            Some(cursor) => path = format!("{TENANTS}?limit=200&cursor={cursor}"),
            None => break,
        }
    }
    for place in [&first, &second] {
        assert_eq!(listed.iter().filter(|id| **id == place.id.to_string()).count(), 1);
    }
    let nobody = format!("{TENANTS}/{}", world.app.test.sources().uuid_v7());
    get(&world.app, &world.operator, &nobody)
        .await
        .refused(404, "not_found");
    for verb in ["suspend", "resume", "close"] {
        post(
            &world.app,
            &world.operator,
            &format!("{nobody}/{verb}"),
            json!({}),
        )
        .await
        .refused(404, "not_found");
    }
    get(&world.app, &world.operator, &format!("{TENANTS}/acme"))
        .await
        .expect(400);
}

#[tokio::test]
async fn operators_cannot_shut_themselves_out() {
    let world = Platform::new().await;

    world.act(&world.home, "suspend").await.refused(409, "own_tenant");
    world.act(&world.home, "close").await.refused(409, "own_tenant");

    get(&world.app, &world.operator, TENANTS).await.expect(200);
}

#[tokio::test]
async fn what_the_operators_trail_cannot_hold_is_not_done() {
    let test = Box::pin(platform_core::testing::TestDb::own(&crate::support::SCHEMAS)).await;
    let id = test.tenant().await;
    let config = {
        let mut config = AuthConfig::default();
        config.platform_tenant = Some(id);
        config
    };
    let world = Platform::on(App::on(test, config).await, id).await;
    let (place, admin) = world.make().await;
    let home = world.home.id;
    platform_core::sqlx::raw_sql(platform_core::sqlx::AssertSqlSafe(format!(
        "alter table platform_audit.event add constraint full_disk check (tenant_id <> '{home}') not valid"
    )))
    .execute(&mut world.app.superuser().await)
    .await
    .unwrap();

    world.act(&place, "suspend").await.refused(500, "internal");

    world.app.me(&admin).await.expect(200);
}
