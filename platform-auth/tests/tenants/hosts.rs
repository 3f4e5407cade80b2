use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use axum::http::Method;
use futures::future::join;
use futures::stream::{FuturesUnordered, StreamExt as _};
use platform_auth::{AuthConfig, TxtResolver, TxtUnavailable};
use platform_core::axum;
use platform_core::pg::Tenants;
use serde_json::{Value, json};
use tokio::sync::Semaphore;

use crate::support::{Answer, App, Call, PASSWORD, Place};
use crate::world::{Platform, TENANTS, call, get, post, recorded};

const HOSTS: &str = "/admin/v1/hosts";

/// A DNS that can be away.
#[derive(Debug, Default)]
struct Zone {
    texts: Mutex<BTreeMap<String, Vec<String>>>,
    away: Mutex<bool>,
    asked: Mutex<u32>,
}

#[async_trait]
impl TxtResolver for Zone {
    async fn texts(&self, name: &str) -> Result<Vec<String>, TxtUnavailable> {
        *self.asked.lock().unwrap() += 1;
        match *self.away.lock().unwrap() {
            true => Err(TxtUnavailable),
            false => Ok(self.texts.lock().unwrap().get(name).cloned().unwrap_or_default()),
        }
    }
}

impl Zone {
    fn put(&self, challenge: &Value) {
        let text = |field: &str| challenge[field].as_str().unwrap().to_owned();
        let mut texts = self.texts.lock().unwrap();
        let of_name = texts.entry(text("record")).or_default();
        of_name.extend(["v=spf1 -all".to_owned(), text("text")]);
    }
}

struct World {
    platform: Platform,
    zone: Arc<Zone>,
    place: Place,
    admin: String,
    /// A name that no other test uses.
    host: String,
}

async fn world() -> World {
    let zone = Arc::new(Zone::default());
    let mut config = AuthConfig::default();
    config.txt_resolver = Some(zone.clone());
    let platform = Platform::with(config).await;
    let (place, admin) = platform.make().await;
    let host = format!("{}.example.com", place.slug);
    World {
        platform,
        zone,
        place,
        admin,
        host,
    }
}

impl World {
    fn app(&self) -> &App {
        &self.platform.app
    }

    async fn claim(&self, admin: &str) -> Value {
        let claimed = post(self.app(), admin, HOSTS, json!({ "host": self.host })).await;
        claimed.expect(201).json()
    }

    async fn verify(&self, admin: &str) -> Answer {
        // Somebody may have asked a moment ago.
        self.app().clock.advance(Duration::from_secs(5));
        let path = format!("{HOSTS}/{}/verify", self.host);
        call(self.app(), admin, Method::POST, &path, None).await
    }

    async fn stands_for(&self) -> Option<platform_core::TenantId> {
        let found = Tenants::new(&self.app().db).by_host(&self.host).await.unwrap();
        found.map(|tenant| tenant.id)
    }
}

#[tokio::test]
async fn a_name_stands_for_a_tenant_once_its_record_was_found() {
    let world = world().await;
    let claimed = world.claim(&world.admin).await;
    assert_eq!(claimed["verified"], false);
    assert_eq!(
        claimed["challenge"]["record"],
        format!("_platform-challenge.{}", world.host)
    );
    assert_eq!(world.stands_for().await, None);
    let missing = world.verify(&world.admin).await;
    missing.refused(409, "challenge_missing");
    assert_eq!(missing.json()["record"], claimed["challenge"]["record"]);
    assert_eq!(world.stands_for().await, None);

    world.zone.put(&claimed["challenge"]);
    let verified = world.verify(&world.admin).await.expect(200).json();

    assert_eq!(
        (&verified["verified"], &verified["challenge"]),
        (&json!(true), &Value::Null)
    );
    assert_eq!(world.stands_for().await, Some(world.place.id));
    let body = json!({ "email": "admin@example.com", "password": PASSWORD });
    let by_host = Call::post("/api/v1/auth/login")
        .header("host", world.host.to_uppercase())
        .json(&body);
    assert_eq!(
        world.app().send(by_host).await.expect(200).json()["user"]["tenant"]["id"],
        json!(world.place.id)
    );
    world.verify(&world.admin).await.refused(409, "host_verified");
    post(world.app(), &world.admin, HOSTS, json!({ "host": world.host }))
        .await
        .refused(409, "host_verified");

    let path = format!("{HOSTS}/{}", world.host);
    call(world.app(), &world.admin, Method::DELETE, &path, None)
        .await
        .expect(204);
    assert_eq!(world.stands_for().await, None);
    call(world.app(), &world.admin, Method::DELETE, &path, None)
        .await
        .refused(404, "not_found");
    for action in ["tenant.host_claim", "tenant.host_verify", "tenant.host_remove"] {
        assert_eq!(
            recorded(world.app(), &world.place, action).await.len(),
            1,
            "{action}"
        );
    }
}

#[tokio::test]
async fn a_claim_keeps_nobody_else_from_the_name_and_who_proves_it_first_has_it() {
    let world = world().await;
    let (other, theirs) = world.platform.make().await;
    let ours = world.claim(&world.admin).await;
    let claimed = world.claim(&theirs).await;
    assert_ne!(ours["challenge"]["text"], claimed["challenge"]["text"]);
    // Theirs is the zone.
    world.zone.put(&claimed["challenge"]);

    world.verify(&world.admin).await.refused(409, "challenge_missing");
    world.verify(&theirs).await.expect(200);

    assert_eq!(world.stands_for().await, Some(other.id));
    world.zone.put(&ours["challenge"]);
    world.verify(&world.admin).await.refused(409, "host_taken");
    assert_eq!(world.stands_for().await, Some(other.id));
    // Taken back, it is ours to prove.
    call(
        world.app(),
        &theirs,
        Method::DELETE,
        &format!("{HOSTS}/{}", world.host),
        None,
    )
    .await
    .expect(204);
    world.verify(&world.admin).await.expect(200);
    assert_eq!(world.stands_for().await, Some(world.place.id));
}

#[tokio::test]
async fn of_two_who_prove_a_name_at_once_one_has_it() {
    let world = world().await;
    let (_, theirs) = world.platform.make().await;
    for token in [&world.admin, &theirs] {
        let claimed = world.claim(token).await;
        world.zone.put(&claimed["challenge"]);
    }

    let (one, two) = join(world.verify(&world.admin), world.verify(&theirs)).await;

    let mut statuses = [one.status.as_u16(), two.status.as_u16()];
    statuses.sort_unstable();
    assert_eq!(statuses, [200, 409]);
    assert!(world.stands_for().await.is_some());
}

#[tokio::test]
async fn a_claim_ends_after_a_week_and_a_new_one_has_another_text() {
    let world = world().await;
    let claimed = world.claim(&world.admin).await;
    world.zone.put(&claimed["challenge"]);
    world.app().clock.advance(Duration::from_secs(7 * 24 * 60 * 60));
    let admin = world
        .app()
        .sign_in(&world.place, "admin@example.com", PASSWORD)
        .await
        .token();

    world.verify(&admin).await.refused(404, "not_found");

    assert_eq!(get(world.app(), &admin, HOSTS).await.json()["data"], json!([]));
    let again = world.claim(&admin).await;
    assert_ne!(again["challenge"]["text"], claimed["challenge"]["text"]);
    world.verify(&admin).await.refused(409, "challenge_missing");
}

#[tokio::test]
async fn the_dns_is_asked_no_more_often_than_every_five_seconds() {
    let world = world().await;
    world.claim(&world.admin).await;
    world.verify(&world.admin).await.refused(409, "challenge_missing");
    let path = format!("{HOSTS}/{}/verify", world.host);

    for _ in 0..5 {
        let answer = call(world.app(), &world.admin, Method::POST, &path, None).await;
        answer.refused(429, "too_many_attempts");
        assert_eq!(answer.headers["retry-after"], "5");
    }

    assert_eq!(*world.zone.asked.lock().unwrap(), 1);
}

#[tokio::test]
async fn while_the_dns_is_away_nothing_is_verified() {
    let world = world().await;
    let claimed = world.claim(&world.admin).await;
    world.zone.put(&claimed["challenge"]);
    *world.zone.away.lock().unwrap() = true;

    world.verify(&world.admin).await.refused(503, "dns_unavailable");

    assert_eq!(world.stands_for().await, None);
    *world.zone.away.lock().unwrap() = false;
    world.verify(&world.admin).await.expect(200);
    let deaf = App::new().await;
    let place = deaf.place().await;
    let admin = deaf.admin(&place).await;
    post(&deaf, &admin, HOSTS, json!({ "host": "a.example.com" }))
        .await
        .expect(201);
    let path = format!("{HOSTS}/a.example.com/verify");
    call(&deaf, &admin, Method::POST, &path, None)
        .await
        .refused(501, "no_resolver");
}

#[tokio::test]
async fn a_tenant_has_only_so_many_names() {
    let world = world().await;
    for at in 0..20 {
        let host = json!({ "host": format!("h{at}.{}", world.host) });
        post(world.app(), &world.admin, HOSTS, host).await.expect(201);
    }

    let refused = post(world.app(), &world.admin, HOSTS, json!({ "host": world.host })).await;

    refused.refused(409, "too_many");
    // One that is claimed already is not one more.
    let again = json!({ "host": format!("H3.{}", world.host) });
    post(world.app(), &world.admin, HOSTS, again).await.expect(201);
}

#[tokio::test]
async fn an_operator_gives_tenants_names_and_takes_them() {
    let world = world().await;
    let (other, _) = world.platform.make().await;
    let of = |place: &Place| format!("{TENANTS}/{}/hosts", place.id);
    let operator = &world.platform.operator;
    let body = json!({ "host": world.host });

    let added = post(world.app(), operator, &of(&world.place), body.clone()).await;

    assert_eq!(added.expect(201).json()["verified"], true);
    assert_eq!(world.stands_for().await, Some(world.place.id));
    post(world.app(), operator, &of(&other), body.clone())
        .await
        .refused(409, "host_taken");
    let listed = get(world.app(), operator, &of(&world.place)).await.json();
    assert_eq!(listed["data"][0]["host"], world.host);
    assert_eq!(get(world.app(), &world.admin, HOSTS).await.json(), listed);
    let path = format!("{}/{}", of(&world.place), world.host);
    call(world.app(), operator, Method::DELETE, &path, None)
        .await
        .expect(204);
    assert_eq!(world.stands_for().await, None);
    call(world.app(), operator, Method::DELETE, &path, None)
        .await
        .refused(404, "not_found");
    assert_eq!(recorded(world.app(), &other, "tenant.host_verify").await.len(), 0);
    for (method, path) in [
        (Method::GET, of(&other)),
        (Method::POST, of(&other)),
        (Method::DELETE, path),
    ] {
        let body = (method == Method::POST).then(|| body.clone());
        call(world.app(), &world.admin, method, &path, body)
            .await
            .refused(403, "forbidden");
    }
}

#[tokio::test]
async fn a_name_of_another_tenant_is_like_none_and_what_is_no_name_is_refused() {
    let world = world().await;
    let (_, theirs) = world.platform.make().await;
    world.claim(&world.admin).await;
    let ask = async |method: Method, path: String| call(world.app(), &theirs, method, &path, None).await;

    for (method, end) in [(Method::POST, "/verify"), (Method::DELETE, "")] {
        let unknown = ask(method.clone(), format!("{HOSTS}/nobody.example.com{end}")).await;
        unknown.refused(404, "not_found");
        let foreign = ask(method.clone(), format!("{HOSTS}/{}{end}", world.host)).await;
        assert_eq!(foreign.anonymised(), unknown.anonymised());
        let none = ask(method, format!("{HOSTS}/192.0.2.1{end}")).await;
        assert_eq!(none.anonymised(), unknown.anonymised());
    }
    assert_eq!(get(world.app(), &theirs, HOSTS).await.json()["data"], json!([]));
    for host in [
        "localhost",
        "192.0.2.1",
        "a.example.com:443",
        "*.example.com",
        "",
        &"a.".repeat(600),
    ] {
        post(world.app(), &theirs, HOSTS, json!({ "host": host }))
            .await
            .refused(422, "invalid_body");
    }
    let user = world.app().user(&world.place, "ada@example.com").await;
    get(world.app(), &user, HOSTS).await.refused(403, "forbidden");
    post(world.app(), &user, HOSTS, json!({ "host": world.host }))
        .await
        .refused(403, "forbidden");
}

#[tokio::test]
async fn a_closed_tenant_gives_its_names_up() {
    let world = world().await;
    let (other, theirs) = world.platform.make().await;
    let claimed = world.claim(&world.admin).await;
    world.zone.put(&claimed["challenge"]);
    world.verify(&world.admin).await.expect(200);
    let more = json!({ "host": format!("more.{}", world.host) });
    post(world.app(), &world.admin, HOSTS, more).await.expect(201);

    world.platform.act(&world.place, "close").await.expect(200);

    assert_eq!(world.stands_for().await, None);
    let removed = recorded(world.app(), &world.place, "tenant.host_remove").await;
    let why = json!({ "by_tenant": world.platform.home.id, "why": "tenant_closed" });
    assert_eq!(removed.len(), 2);
    assert!(
        removed
            .iter()
            .all(|(_, _, _, detail)| detail.as_ref() == Some(&why))
    );
    let of_closed = format!("{TENANTS}/{}/hosts", world.place.id);
    let operator = &world.platform.operator;
    assert_eq!(
        get(world.app(), operator, &of_closed).await.json()["data"],
        json!([])
    );
    post(world.app(), operator, &of_closed, json!({ "host": world.host }))
        .await
        .refused(409, "tenant_status");
    let claimed = world.claim(&theirs).await;
    world.zone.put(&claimed["challenge"]);
    world.verify(&theirs).await.expect(200);
    assert_eq!(world.stands_for().await, Some(other.id));
}

#[tokio::test]
async fn no_name_stands_for_a_tenant_that_is_closed_meanwhile() {
    for _ in 0..4 {
        let world = world().await;
        let claimed = world.claim(&world.admin).await;
        world.zone.put(&claimed["challenge"]);

        let (_, closed) = join(
            world.verify(&world.admin),
            world.platform.act(&world.place, "close"),
        )
        .await;

        closed.expect(200);
        assert_eq!(world.stands_for().await, None);
    }
}

/// A claim that is given up and made again may be looked for at once, as often as the tenant itself may ask.
#[tokio::test]
async fn a_tenant_has_the_dns_asked_so_often_and_keeps_nobody_else_from_it() {
    let world = world().await;
    let path = format!("{HOSTS}/{}", world.host);
    let looked_for = async |admin: &str| {
        world.claim(admin).await;
        let verify = format!("{path}/verify");
        let answer = call(world.app(), admin, Method::POST, &verify, None).await;
        call(world.app(), admin, Method::DELETE, &path, None)
            .await
            .expect(204);
        answer
    };
    for _ in 0..20 {
        looked_for(&world.admin).await.refused(409, "challenge_missing");
    }

    let refused = looked_for(&world.admin).await;

    refused.refused(429, "too_many_lookups");
    assert_eq!(refused.headers["retry-after"], "15");
    assert_eq!(*world.zone.asked.lock().unwrap(), 20);
    let (_, theirs) = world.platform.make().await;
    looked_for(&theirs).await.refused(409, "challenge_missing");
    world.app().clock.advance(Duration::from_secs(15));
    looked_for(&world.admin).await.refused(409, "challenge_missing");
    looked_for(&world.admin).await.refused(429, "too_many_lookups");
}

/// A DNS that answers when it is told to.
#[derive(Debug)]
struct Slow {
    gate: Semaphore,
    under_way: Mutex<usize>,
}

#[async_trait]
impl TxtResolver for Slow {
    async fn texts(&self, _: &str) -> Result<Vec<String>, TxtUnavailable> {
        *self.under_way.lock().unwrap() += 1;
        self.gate.acquire().await.unwrap().forget();
        Ok(Vec::new())
    }
}

#[tokio::test]
async fn so_many_questions_are_under_way_at_once_and_whoever_comes_then_is_told_to_wait() {
    let slow = Arc::new(Slow {
        gate: Semaphore::new(0),
        under_way: Mutex::default(),
    });
    let mut config = AuthConfig::default();
    config.txt_resolver = Some(slow.clone());
    let platform = Platform::with(config).await;
    let (place, admin) = platform.make().await;
    let hosts: Vec<_> = (0..18)
        .map(|at| format!("h{at}.{}.example.com", place.slug))
        .collect();
    for host in &hosts {
        post(&platform.app, &admin, HOSTS, json!({ "host": host }))
            .await
            .expect(201);
    }
    let verify = async |host: &String| {
        let path = format!("{HOSTS}/{host}/verify");
        call(&platform.app, &admin, Method::POST, &path, None).await
    };
    let mut answers: FuturesUnordered<_> = hosts.iter().map(verify).collect();

    // Nobody answers the other 16 yet.
    for _ in 0..2 {
        let refused = answers.next().await.unwrap();
        refused.refused(429, "too_many_lookups");
        assert_eq!(refused.headers["retry-after"], "5");
    }
    slow.gate.add_permits(16);
    let mut looked_for = 0;
    while let Some(answer) = answers.next().await {
        answer.refused(409, "challenge_missing");
        looked_for += 1;
    }

    assert_eq!((looked_for, *slow.under_way.lock().unwrap()), (16, 16));
    slow.gate.add_permits(1);
    // What was refused is not marked as looked for, and its place is free again.
    platform.app.clock.advance(Duration::from_secs(30));
    let again = verify(&hosts[17]).await;
    again.refused(409, "challenge_missing");
}
