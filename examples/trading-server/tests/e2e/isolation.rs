//! Two tenants, every operation, every table: nothing of the one is within reach of the other.

mod attacker;

use std::collections::BTreeMap;
use std::time::Duration;

use platform_audit::{Action, AuditLog, Event, Outcome, tenant_created, tenant_suspended};
use platform_core::pg::{Db, NewTenant, TenantVerb, Tenants};
use platform_core::testing::assert_tables_isolated;
use platform_core::time::format_description::well_known::Rfc3339;
use platform_core::{RequestContext, Sources, TenantId, sqlx};
use reqwest::Method;
use serde_json::{Value, json};

use attacker::{Attacker, send};

use crate::credentials::{set_up_totp, verify_address};
use crate::echo::Echoes;
use crate::routes::{Operation, answered, coverage, operations};
use crate::support::{Api, DataDir, Launch, PASSWORD, Server, buy, eventually, limit_buy};

/// An id of the right form that nobody has.
const NOBODYS: &str = "01900000-0000-7000-8000-000000000000";

/// When an API key of the test expires.
fn in_an_hour() -> String {
    let at = Sources::system().now() + Duration::from_secs(60 * 60);
    at.format(&Rfc3339).unwrap()
}

/// The victim's idempotency key.
const KEY: &str = "victims-key";

/// Tables that no use of the API fills yet. May only shrink.
const UNTRIED: [&str; 11] = [
    // The sequencer empties it within moments.
    "platform_audit.pending",
    // Only what is being deleted gets there.
    "platform_audit.pruning",
    // Only events that nobody vouches for get there.
    "platform_audit.rejected",
    // Mail is sent within moments.
    "platform_auth.mail",
    "platform_auth.throttle",
    "platform_core.canary",
    // Blocks that no operation of this server uses.
    "platform_core.idempotency_key",
    "platform_core.lease",
    // Only damaged values get there.
    "platform_crypto.reseal_failure",
    // Only the platform's own tenant runs the market.
    "trading.market_event",
    // Only an account with a thousand events gets there.
    "trading.state_hash",
];

#[tokio::test(flavor = "multi_thread")]
async fn no_operation_and_no_table_shows_one_tenant_to_another() {
    let data = DataDir::new();
    let server = Launch::on(&data).start().await;
    let victim = Victim::new(&server, &data).await;
    let operations = operations(&server.api()).await;
    let db = data.connect().await;
    a_suspended_tenant_is_shut_out(&server, &operations, &db).await;

    anonymous_callers_are_refused(&server, &operations).await;
    // Before the attackers give things of their own the names of the victim's.
    foreigners_are_refused(&server, &operations, &victim).await;
    let echoes = Echoes::default();
    for attacker in [
        Attacker::of("globex", "demo@example.com", &echoes),
        Attacker::of("globex", "admin@example.com", &echoes),
        Attacker::of("acme", "mallory@example.com", &echoes),
    ] {
        attacker.tries_everything(&server, &operations, &victim).await;
    }
    a_header_does_not_move_a_caller_to_another_tenant(&server, &operations, &victim, &echoes).await;

    victim.is_unharmed().await;
    tables_are_isolated(&db).await;
}

/// What one user of the first tenant has.
struct Victim {
    api: Api,
    /// Ids that the server made: nobody else may ever read one of them.
    secrets: BTreeMap<&'static str, String>,
    /// What a client chose or was handed to come back with.
    names: Vec<String>,
    before: Value,
}

impl Victim {
    async fn new(server: &Server, data: &DataDir) -> Self {
        let api = server.sign_in("acme", "demo@example.com").await;
        let mut market = buy("AAPL", "2");
        market["client_order_id"] = json!("victims-order");
        let filled = api.with("idempotency-key", KEY).order(&market).await;
        let filled = filled["order"]["id"].as_str().unwrap().to_owned();
        api.order_in(&filled, "filled").await;
        let resting = api.order(&limit_buy("AAPL", "3", "1.00")).await;
        let executions = api.all(&format!("/api/v1/orders/{filled}/executions")).await;
        let account = api.get("/api/v1/account").await.expect(200).json();
        let me = api.get("/api/v1/auth/me").await.expect(200).json();
        let page = api.get("/api/v1/orders?limit=1").await.expect(200).json();
        let watchlist = json!({ "name": "Mine", "symbols": ["AAPL"] });
        let watchlist = api
            .post("/api/v1/watchlists", &watchlist)
            .await
            .expect(201)
            .json();
        let alert = json!({ "symbol": "AAPL", "direction": "above", "price": "999999.00" });
        let alert = api.post("/api/v1/alerts", &alert).await.expect(201).json();
        let (hold, export) = Self::is_looked_after(server, data, "acme").await;
        Self::is_looked_after(server, data, "globex").await;
        let text = |value: &Value| value.as_str().unwrap().to_owned();
        let secrets = BTreeMap::from([
            ("a filled order", filled),
            ("a resting order", text(&resting["order"]["id"])),
            ("an execution", text(&executions[0]["id"])),
            ("a watchlist", text(&watchlist["id"])),
            ("an alert", text(&alert["id"])),
            ("the account", text(&account["id"])),
            ("the user", text(&me["id"])),
            ("the tenant", text(&me["tenant"]["id"])),
            ("a hold on events", hold),
            ("an export of the trail", export),
        ]);
        let names = vec!["victims-order".to_owned(), text(&page["next_cursor"])];
        let before = Self::belongings(&api).await;
        Self {
            api,
            secrets,
            names,
            before,
        }
    }

    /// Rows in the tables that only an admin fills; the ids of a hold on events and of an export of the trail.
    async fn is_looked_after(server: &Server, data: &DataDir, tenant: &str) -> (String, String) {
        let admin = server.sign_in(tenant, "admin@example.com").await;
        let users = admin.get("/admin/v1/users").await.expect(200).json();
        let id = users["data"][0]["id"].as_str().unwrap();
        let hold = json!({ "reason": "case 2026-118" });
        admin
            .post(&format!("/admin/v1/users/{id}/holds"), &hold)
            .await
            .expect(201);
        admin.post("/admin/v1/keys/reseal", &json!({})).await.expect(202);
        let role = json!({ "name": "Deputy", "permissions": ["grants:manage"] });
        let role = admin.post("/admin/v1/roles", &role).await.expect(201).json();
        let group = json!({ "name": "Night shift" });
        let group = admin.post("/admin/v1/groups", &group).await.expect(201).json();
        let member = json!({ "member": { "kind": "user", "id": id } });
        let members = format!("/admin/v1/groups/{}/members", group["id"].as_str().unwrap());
        admin.post(&members, &member).await.expect(201);
        let grant = json!({ "principal": { "kind": "group", "id": group["id"] }, "role": role["id"] });
        admin.post("/admin/v1/grants", &grant).await.expect(201);
        let policy = json!({ "version": 0, "settings": { "password_chars_min": 9 } });
        let set = admin.call(Method::PUT, "/admin/v1/policy", Some(&policy)).await;
        set.expect(200);
        let invitation = json!({ "email": "invited@example.com" });
        admin.post("/admin/v1/invitations", &invitation).await.expect(201);
        let host = json!({ "host": format!("{tenant}.example.com") });
        admin.post("/admin/v1/hosts", &host).await.expect(201);
        let hold = admin
            .post("/admin/v1/audit/holds", &hold)
            .await
            .expect(201)
            .json();
        let export = eventually("a signed checkpoint", || async {
            let answer = admin.get("/admin/v1/audit/export").await;
            (answer.status == 200).then_some(answer)
        })
        .await;
        let customer = server.sign_in(tenant, "demo@example.com").await;
        let account = customer.get("/api/v1/account").await.expect(200).json();
        let path = format!(
            "/admin/v1/trading/accounts/{}/adjustments",
            account["id"].as_str().unwrap()
        );
        let adjustment = json!({ "amount": "1.00", "reason": "goodwill" });
        let keyed = admin.with("idempotency-key", "adjustment");
        keyed.post(&path, &adjustment).await.expect(201);
        let watchlist = json!({ "name": "Mine", "symbols": ["AAPL"] });
        admin.post("/api/v1/watchlists", &watchlist).await.expect(201);
        let alert = json!({ "symbol": "AAPL", "direction": "above", "price": "999999.00" });
        admin.post("/api/v1/alerts", &alert).await.expect(201);
        let key = json!({ "name": "Report", "scopes": ["all"], "expires_at": in_an_hour() });
        admin.post("/api/v1/auth/api-keys", &key).await.expect(201);
        let service = json!({ "name": "Settlement" });
        admin
            .post("/admin/v1/service-principals", &service)
            .await
            .expect(201);
        // One-time tokens, a seed and recovery codes.
        let careful = server.api().register(tenant, "careful@example.com").await;
        verify_address(&data.path().join("mail"), &careful, "careful@example.com").await;
        set_up_totp(&careful).await;
        (
            hold["id"].as_str().unwrap().to_owned(),
            export.headers["audit-export-id"].to_str().unwrap().to_owned(),
        )
    }

    /// Everything that the victim could miss; without prices, which move.
    async fn belongings(api: &Api) -> Value {
        let positions = api.get("/api/v1/portfolio/positions").await.expect(200).json();
        json!({
            "orders": api.all("/api/v1/orders").await,
            "account": api.get("/api/v1/account").await.expect(200).json(),
            "cost": positions["data"][0]["cost"],
            "quantity": positions["data"][0]["quantity"],
        })
    }

    async fn is_unharmed(&self) {
        assert_eq!(Self::belongings(&self.api).await, self.before);
    }

    /// Everything an attacker may know of the victim.
    fn known(&self) -> impl Iterator<Item = &str> {
        self.secrets.values().chain(&self.names).map(String::as_str)
    }
}

async fn anonymous_callers_are_refused(server: &Server, operations: &[Operation]) {
    let coverage = coverage(operations);
    for api in [
        server.api(),
        server.api().tenant("acme"),
        server.api().tenant("umbrella"),
    ] {
        // The same routes are served under both base paths.
        for base in ["/api/", "/api/v1/"] {
            let gaps = coverage.refuses_strangers(async |mut request| {
                request.path = request.path.replacen("/api/v1/", base, 1);
                let answer = crate::routes::send(&api, &request).await;
                let says_how = answer.headers.contains_key("www-authenticate");
                assert!(answer.status != 401 || says_how, "{}", request.path);
                answered(&answer)
            });
            assert_eq!(gaps.await, []);
        }
    }
}

/// To the other tenant's admin, who may do everything there, what is the victim's is what nobody has.
async fn foreigners_are_refused(server: &Server, operations: &[Operation], victim: &Victim) {
    let ids = victim.secrets.values().map(String::as_str);
    let ids: Vec<&str> = ids.filter(|id| id.len() == NOBODYS.len()).collect();
    assert!(ids.len() >= 7, "{ids:?}");
    let api = server.sign_in("globex", "admin@example.com").await;
    let coverage = coverage(operations);
    let gaps = coverage.refuses_foreigners(ids, async |request| {
        answered(&crate::routes::send(&api, &request).await)
    });
    assert_eq!(gaps.await, []);
}

/// The tenant of a token is the token's: a header can neither move a caller nor shut one out.
async fn a_header_does_not_move_a_caller_to_another_tenant(
    server: &Server,
    operations: &[Operation],
    victim: &Victim,
    echoes: &Echoes,
) {
    let attacker = Attacker::of("globex", "trudy@example.com", echoes);
    let plain = attacker.sign_in(server).await;
    for operation in operations {
        if operation.method != Method::GET || operation.id == "stream_quotes" {
            continue;
        }
        let known = &victim.secrets["a filled order"];
        let path = operation.path_with(known);
        let without = plain.get(&path).await;
        for slug in ["acme", "umbrella", "no-such-tenant", "globex"] {
            for api in [
                plain.tenant(slug),
                plain.tenant(slug).with("host", "acme.localhost"),
            ] {
                let answer = api.get(&path).await;
                assert_eq!(answer.verdict(), without.verdict(), "{} {slug}", operation.id);
                attacker.sees_nothing(&answer, victim, operation, known);
            }
        }
    }
    let me = plain
        .tenant("acme")
        .get("/api/v1/auth/me")
        .await
        .expect(200)
        .json();
    assert_eq!(me["tenant"]["slug"], "globex");
}

/// A third tenant: its users are shut out as soon as it is suspended, with whatever token.
async fn a_suspended_tenant_is_shut_out(server: &Server, operations: &[Operation], db: &Db) {
    let tenants = Tenants::new(db);
    let id = TenantId::generate(db.sources());
    let ctx = RequestContext::system(id, "test", db.sources());
    let new = NewTenant {
        slug: "umbrella".parse().unwrap(),
        name: "Umbrella".to_owned(),
        parent: None,
    };
    // Whoever changes the directory records it. These events have no seal, and so get no place in the tree.
    let audit = AuditLog::new(db.sources().clone());
    let mut tx = db.begin(&ctx).await.unwrap();
    tenants.create_in(&mut tx, &new).await.unwrap();
    let made = tenant_created(id, "umbrella");
    audit.record(&mut tx, &ctx, made).await.unwrap();
    tx.commit().await.unwrap();
    let user = server.api().register("umbrella", "alice@example.com").await;
    user.get("/api/v1/account").await.expect(200);

    let mut tx = db.begin(&ctx).await.unwrap();
    tenants
        .transition_in(&mut tx, TenantVerb::Suspend, None)
        .await
        .unwrap();
    audit.record(&mut tx, &ctx, tenant_suspended(id)).await.unwrap();
    tx.commit().await.unwrap();

    let suspended = (403, "tenant_suspended".to_owned());
    // The server hears of it from the database, and what it remembers of a session is no older than a second.
    eventually("the suspension", || async {
        let answer = user.get("/api/v1/account").await;
        (answer.verdict() == suspended).then_some(())
    })
    .await;
    for operation in operations {
        for api in [user.clone(), user.tenant("acme")] {
            let answer = send(&api, operation, &operation.path_with(NOBODYS), None).await;
            assert_eq!(answer.verdict(), suspended, "{}", operation.id);
        }
    }
    let body = json!({ "email": "alice@example.com", "password": PASSWORD });
    for route in ["login", "register"] {
        let path = format!("/api/v1/auth/{route}");
        let answer = server.api().tenant("umbrella").post(&path, &body).await;
        assert_eq!(answer.verdict(), suspended, "{route}");
    }
}

/// The application reaches a month of the trail through the table of all months alone.
fn is_partition(table: &str) -> bool {
    ["platform_audit.event_", "platform_audit.entry_"]
        .iter()
        .any(|prefix| table.starts_with(prefix))
}

/// A passkey of somebody, and a challenge that was used: a browser would be needed to make them by the API.
async fn has_passkey(db: &Db, tenant: TenantId) {
    const TESTED: Action = Action::new("test.passkey");
    let ctx = RequestContext::system(tenant, "test", db.sources());
    let audit = AuditLog::new(db.sources().clone());
    let mut tx = db.begin(&ctx).await.unwrap();
    for sql in [
        "insert into platform_auth.webauthn_credential
           (tenant_id, id, subject_id, credential_id, user_handle, credential, name_sealed, sign_count, backup_eligible, backup_state,
            created_at)
         select tenant_id, gen_random_uuid(), id, uuid_send(gen_random_uuid()), gen_random_uuid(), '{}',
                decode(repeat('00', 64), 'hex'), 0, false, false, now()
         from platform_auth.subject where tenant_id = $1",
        "insert into platform_auth.webauthn_challenge (tenant_id, id, redeemed_at, expires_at)
         values ($1, gen_random_uuid(), now(), now())",
    ] {
        sqlx::query(sql).bind(tenant).execute(&mut tx).await.unwrap();
    }
    let event = Event::new(TESTED, Outcome::Success);
    audit.record(&mut tx, &ctx, event).await.unwrap();
    tx.commit().await.unwrap();
}

/// What is kept when a session closes, which none has since the server was started.
async fn has_closed(db: &Db, tenant: TenantId) {
    const TESTED: Action = Action::new("test.close");
    let ctx = RequestContext::system(tenant, "test", db.sources());
    let audit = AuditLog::new(db.sources().clone());
    let mut tx = db.begin(&ctx).await.unwrap();
    for sql in [
        "insert into trading.closing_price (tenant_id, session_close, symbol, price_e4, quote_seq)
         values ($1, now(), 'AAPL', 1, 0)",
        "insert into trading.closing_account
           (tenant_id, account_id, session_close, last_seq, available_cents, held_cents, net_deposits_cents, fees_cents,
            equity_cents, equity_rest_e10)
         select tenant_id, id, now(), 0, 0, 0, 0, 0, 0, 0 from trading.account where tenant_id = $1",
        "insert into trading.closing_position
           (tenant_id, account_id, session_close, symbol, available_e6, held_e6, value_cents, value_rest_e10)
         select tenant_id, account_id, session_close, 'AAPL', 1, 0, 0, 0 from trading.closing_account where tenant_id = $1",
    ] {
        sqlx::query(sql).bind(tenant).execute(&mut tx).await.unwrap();
    }
    let event = Event::new(TESTED, Outcome::Success);
    audit.record(&mut tx, &ctx, event).await.unwrap();
    tx.commit().await.unwrap();
}

/// Every table, with the setting of the other tenant, both ways round.
async fn tables_are_isolated(db: &Db) {
    let tenants = Tenants::new(db);
    let mut ids = Vec::new();
    for slug in ["acme", "globex"] {
        let tenant = tenants.by_slug(&slug.parse().unwrap()).await.unwrap();
        ids.push(tenant.unwrap().id);
    }
    for id in &ids {
        has_passkey(db, *id).await;
        has_closed(db, *id).await;
    }
    for (ours, theirs) in [(ids[1], ids[0]), (ids[0], ids[1])] {
        let tables = assert_tables_isolated(db, ours, theirs).await;
        assert!(tables.tried.len() >= 8, "{tables:?}");
        let unproven: Vec<_> = tables
            .untried
            .iter()
            .map(String::as_str)
            .filter(|untried| !UNTRIED.contains(untried) && !is_partition(untried))
            .collect();
        assert_eq!(unproven, [""; 0], "nothing was proven of these");
    }
}
