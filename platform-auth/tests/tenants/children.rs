use axum::http::{Method, StatusCode};
use futures::future::join3;
use platform_auth::AuthConfig;
use platform_core::pg::{NewTenant, TenantVerb, Tenants};
use platform_core::testing::TestDb;
use platform_core::{RequestContext, TenantId, axum, sqlx};
use serde_json::{Value, json};

use crate::support::{Answer, App, PASSWORD, Place, SCHEMAS};
use crate::world::{Platform, TENANTS, call, fresh_slug, get, new_tenant, post, recorded};

const CHILDREN: &str = "/admin/v1/tenants";

/// Makes a tenant below that of an admin, and signs its own admin in.
async fn child(world: &Platform, admin: &str) -> (Place, String) {
    child_below(world, admin, None).await
}

async fn child_below(world: &Platform, admin: &str, parent: Option<&Place>) -> (Place, String) {
    let slug = fresh_slug(&world.app);
    let mut body = new_tenant(&slug);
    if let Some(parent) = parent {
        body["parent_id"] = json!(parent.id);
    }
    let made = post(&world.app, admin, CHILDREN, body).await;
    let id = made.expect(201).json()["tenant"]["id"]
        .as_str()
        .unwrap()
        .parse()
        .unwrap();
    let place = Place { id, slug };
    let admin = world
        .app
        .sign_in(&place, "admin@example.com", PASSWORD)
        .await
        .token();
    (place, admin)
}

async fn act(world: &Platform, admin: &str, place: &Place, verb: &str) -> Answer {
    post(
        &world.app,
        admin,
        &format!("{CHILDREN}/{}/{verb}", place.id),
        json!({}),
    )
    .await
}

fn ids(page: &Value) -> Vec<String> {
    let data = page["data"].as_array().unwrap();
    data.iter()
        .map(|tenant| tenant["id"].as_str().unwrap().to_owned())
        .collect()
}

#[tokio::test]
async fn an_admin_looks_after_the_tenants_below_and_both_trails_tell() {
    let world = Platform::new().await;
    let (top, admin) = world.make().await;
    let (below, theirs) = child(&world, &admin).await;
    let (bottom, _) = child_below(&world, &admin, Some(&below)).await;

    let listed = get(&world.app, &admin, CHILDREN).await.expect(200).json();
    assert_eq!(ids(&listed), [below.id.to_string(), bottom.id.to_string()]);
    let listed = get(&world.app, &theirs, CHILDREN).await.expect(200).json();
    assert_eq!(ids(&listed), [bottom.id.to_string()]);
    assert_eq!(listed["data"][0]["parent_id"], json!(below.id));

    act(&world, &admin, &below, "suspend").await.expect(200);
    world.app.me(&theirs).await.refused(403, "tenant_suspended");
    act(&world, &admin, &below, "resume").await.expect(200);
    world.app.me(&theirs).await.expect(200);

    let (_, _, _, detail) = recorded(&world.app, &below, "tenant.suspend").await.remove(0);
    assert_eq!(detail.unwrap()["by_tenant"], json!(top.id));
    let ours = recorded(&world.app, &top, "tenant.oversee").await;
    assert_eq!(ours.len(), 4);
}

#[tokio::test]
async fn who_is_not_below_is_like_nobody() {
    let world = Platform::new().await;
    let (top, admin) = world.make().await;
    let (below, theirs) = child(&world, &admin).await;
    let (beside, _) = child(&world, &admin).await;
    let (stranger, _) = world.make().await;
    let nobody = Place {
        id: platform_core::TenantId::generate(world.app.test.sources()),
        slug: String::new(),
    };

    for (method, verb) in [
        (Method::GET, ""),
        (Method::POST, "/suspend"),
        (Method::POST, "/resume"),
    ] {
        let ask = async |token: &str, place: &Place| {
            let path = format!("{CHILDREN}/{}{verb}", place.id);
            let body = (method == Method::POST).then(|| json!({}));
            call(&world.app, token, method.clone(), &path, body).await
        };
        let unknown = ask(&admin, &nobody).await;
        unknown.refused(404, "not_found");
        for (token, place) in [
            (&admin, &stranger),
            (&admin, &top),
            (&theirs, &top),
            (&theirs, &beside),
            (&theirs, &below),
        ] {
            assert_eq!(ask(token, place).await.anonymised(), unknown.anonymised());
        }
    }
    let mut body = new_tenant(&fresh_slug(&world.app));
    body["parent_id"] = json!(stranger.id);
    let foreign = post(&world.app, &admin, CHILDREN, body.clone()).await;
    foreign.refused(422, "invalid_body");
    body["parent_id"] = json!(nobody.id);
    assert_eq!(
        foreign.anonymised(),
        post(&world.app, &admin, CHILDREN, body).await.anonymised()
    );
}

#[tokio::test]
async fn the_platforms_own_tenant_is_nobodys_to_look_after_from_above() {
    let test = Box::pin(TestDb::shared(&SCHEMAS)).await;
    let top = test.tenant().await;
    let own = TenantId::generate(test.sources());
    let slug = format!("t-{}", own.as_uuid().simple());
    let row = NewTenant {
        slug: slug.parse().unwrap(),
        name: "Platform".to_owned(),
        parent: Some(top),
    };
    let tenants = Tenants::new(&test.db());
    let ctx = RequestContext::system(own, "make a tenant", test.sources());
    let mut tx = test.db().begin(&ctx).await.unwrap();
    tenants.create_in(&mut tx, &row).await.unwrap();
    tx.commit().await.unwrap();
    let mut config = AuthConfig::default();
    config.platform_tenant = Some(own);
    let world = Platform::on(App::on(test, config).await, own).await;
    let top = Place {
        id: top,
        slug: tenants.by_id(top).await.unwrap().unwrap().slug.to_string(),
    };
    let admin = world.app.admin(&top).await;

    let path = format!("{CHILDREN}/{own}");
    let invite = json!({ "email": "eve@example.com" });
    post(&world.app, &admin, &format!("{path}/invitations"), invite)
        .await
        .refused(404, "not_found");
    get(&world.app, &admin, &path).await.refused(404, "not_found");
    for verb in ["suspend", "resume"] {
        act(&world, &admin, &world.home, verb)
            .await
            .refused(404, "not_found");
    }
    let mut below = new_tenant(&fresh_slug(&world.app));
    below["parent_id"] = json!(own);
    post(&world.app, &admin, CHILDREN, below)
        .await
        .refused(422, "invalid_body");
}

#[tokio::test]
async fn what_was_suspended_from_further_above_is_not_resumed_from_below() {
    let world = Platform::new().await;
    let (_, admin) = world.make().await;
    let (middle, theirs) = child(&world, &admin).await;
    let (bottom, _) = child(&world, &theirs).await;

    world.act(&bottom, "suspend").await.expect(200);
    act(&world, &admin, &bottom, "resume")
        .await
        .refused(409, "set_above");
    act(&world, &theirs, &bottom, "resume")
        .await
        .refused(409, "set_above");
    world.act(&bottom, "resume").await.expect(200);

    act(&world, &admin, &bottom, "suspend").await.expect(200);
    act(&world, &theirs, &bottom, "resume")
        .await
        .refused(409, "set_above");
    act(&world, &admin, &bottom, "resume").await.expect(200);

    act(&world, &theirs, &bottom, "suspend").await.expect(200);
    act(&world, &admin, &bottom, "resume").await.expect(200);
    act(&world, &admin, &middle, "resume")
        .await
        .refused(409, "tenant_status");
}

#[tokio::test]
async fn whoever_stands_above_takes_a_suspension_over() {
    let world = Platform::new().await;
    let (_, admin) = world.make().await;
    let (_, theirs) = child(&world, &admin).await;
    let (bottom, lowest) = child(&world, &theirs).await;
    act(&world, &theirs, &bottom, "suspend").await.expect(200);

    act(&world, &admin, &bottom, "suspend").await.expect(200);

    act(&world, &theirs, &bottom, "resume")
        .await
        .refused(409, "set_above");
    for token in [&admin, &theirs] {
        act(&world, token, &bottom, "suspend")
            .await
            .refused(409, "tenant_status");
    }
    world.act(&bottom, "suspend").await.expect(200);
    for token in [&admin, &theirs] {
        act(&world, token, &bottom, "resume")
            .await
            .refused(409, "set_above");
    }
    world.act(&bottom, "suspend").await.refused(409, "tenant_status");
    world.app.me(&lowest).await.refused(403, "tenant_suspended");
    assert_eq!(recorded(&world.app, &bottom, "tenant.suspend").await.len(), 3);
    world.act(&bottom, "resume").await.expect(200);
    world.app.me(&lowest).await.expect(200);
}

#[tokio::test]
async fn without_the_permission_nobody_looks_after_tenants_below() {
    let world = Platform::new().await;
    let (top, admin) = world.make().await;
    let (below, _) = child(&world, &admin).await;
    let ada = world.app.user(&top, "ada@example.com").await;

    get(&world.app, &ada, CHILDREN).await.refused(403, "forbidden");
    get(&world.app, &ada, &format!("{CHILDREN}/{}", below.id))
        .await
        .refused(403, "forbidden");
    act(&world, &ada, &below, "suspend")
        .await
        .refused(403, "forbidden");
    post(&world.app, &ada, CHILDREN, new_tenant(&fresh_slug(&world.app)))
        .await
        .refused(403, "forbidden");
}

#[tokio::test]
async fn tenants_stand_below_one_another_only_so_deep() {
    let world = Platform::new().await;
    let (top, admin) = world.make().await;
    let mut parent = top;
    for _ in 0..Tenants::DEPTH_MAX {
        (parent, _) = child_below(&world, &admin, Some(&parent)).await;
    }
    let mut body = new_tenant(&fresh_slug(&world.app));
    body["parent_id"] = json!(parent.id);

    post(&world.app, &admin, CHILDREN, body.clone())
        .await
        .refused(409, "too_deep");

    let ctx = world.app.test.context(parent.id);
    let mut tx = world.app.db.begin(&ctx).await.unwrap();
    Tenants::new(&world.app.db)
        .transition_in(&mut tx, TenantVerb::Close, None)
        .await
        .unwrap();
    tx.commit().await.unwrap();
    post(&world.app, &admin, CHILDREN, body)
        .await
        .refused(422, "invalid_body");
}

/// Puts tenants right below one.
async fn fill(world: &Platform, above: &Place, count: usize) {
    sqlx::query(
        "with made as (
           insert into platform_core.tenant (id, slug, name, status, parent_id, created_at)
           select gen_random_uuid(), gen_random_uuid()::text, 'x', 'active', $1, now() from generate_series(1, $2) returning id
         )
         insert into platform_core.tenant_closure (ancestor, descendant, depth)
         select $1, id, 1 from made union all select id, id, 0 from made",
    )
    .bind(above.id)
    .bind(i32::try_from(count).unwrap())
    .execute(&mut world.app.superuser().await)
    .await
    .unwrap();
}

#[tokio::test]
async fn only_so_many_tenants_stand_below_one_at_any_depth_and_whoever_makes_them() {
    let test = Box::pin(TestDb::own(&SCHEMAS)).await;
    let id = test.tenant().await;
    let mut config = AuthConfig::default();
    config.platform_tenant = Some(id);
    let world = Platform::on(App::on(test, config).await, id).await;
    let (top, admin) = world.make().await;
    let (left, lefts) = child(&world, &admin).await;
    let (right, rights) = child(&world, &admin).await;
    // With those two there is room for one more.
    fill(&world, &top, Tenants::SUBTREE_MAX - 4).await;
    let make = async |token: &str, path: &str, parent: &Place| {
        let mut body = new_tenant(&fresh_slug(&world.app));
        body["parent_id"] = json!(parent.id);
        post(&world.app, token, path, body).await
    };

    let (one, other, third) = join3(
        make(&lefts, CHILDREN, &left),
        make(&rights, CHILDREN, &right),
        make(&world.operator, TENANTS, &right),
    )
    .await;

    let answers = [one, other, third];
    let made = answers
        .iter()
        .filter(|answer| answer.status == StatusCode::CREATED);
    assert_eq!(made.count(), 1);
    for answer in answers
        .iter()
        .filter(|answer| answer.status != StatusCode::CREATED)
    {
        answer.refused(409, "too_many");
    }
    make(&lefts, CHILDREN, &left).await.refused(409, "too_many");
    make(&world.operator, TENANTS, &right)
        .await
        .refused(409, "too_many");
    let subtree = Tenants::new(&world.app.db).subtree(top.id).await.unwrap();
    assert_eq!(subtree.tenants().len(), Tenants::SUBTREE_MAX);
}
