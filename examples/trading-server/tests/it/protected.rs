//! The tables that nobody changes without an audit event.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use platform_audit::{Action, AuditLog, Event, Outcome};
use platform_auth::{
    Auth, AuthConfig, GrantPrincipal, Member, NewGrant, NewRole, ROLES_MANAGE, Role, RoleRef, SealedUser,
    SignIn,
};
use platform_core::pg::{Db, DbError, NewTenant, Tenants};
use platform_core::testing::TestDb;
use platform_core::{Principal, PrincipalId, RequestContext, RequestMeta, TenantId};
use platform_crypto::testing::MemoryErasureStore;
use platform_crypto::{Keyring, SubjectId};
use sqlx::{AssertSqlSafe, Connection as _, PgConnection};
use trading::{
    BoardConfig, Instrument, Placed, QuoteBoard, QuoteSource, QuoteUpdate, TRADE, Ticket, Trading,
    TradingConfig,
};
use trading_server::database::MIGRATIONS;

const TESTED: Action = Action::new("test.change");

/// Every protected table with a change that the application has the grants for, of a row that is there.
const PROTECTED: [(&str, &str); 39] = [
    ("platform_auth.subject", "update platform_auth.subject set role = 'admin' where tenant_id = $1"),
    (
        "platform_auth.password_credential",
        "delete from platform_auth.password_credential where tenant_id = $1",
    ),
    (
        "platform_auth.session",
        "update platform_auth.session set expires_at = expires_at + interval '1 hour' where tenant_id = $1",
    ),
    (
        "platform_auth.authz_version",
        "update platform_auth.authz_version set version = version + 1 where tenant_id = $1",
    ),
    ("platform_auth.role", "update platform_auth.role set version = version + 1 where tenant_id = $1"),
    (
        "platform_auth.role_permission",
        "delete from platform_auth.role_permission where tenant_id = $1",
    ),
    (
        "platform_auth.principal_group",
        "update platform_auth.principal_group set version = version + 1 where tenant_id = $1",
    ),
    ("platform_auth.group_member", "delete from platform_auth.group_member where tenant_id = $1"),
    ("platform_auth.role_grant", "update platform_auth.role_grant set reason = 'x' where tenant_id = $1"),
    (
        "platform_auth.one_time_token",
        "insert into platform_auth.one_time_token (tenant_id, id, subject_id, purpose, token_hash, issued_at, expires_at)
         select tenant_id, gen_random_uuid(), id, 'reset_password', decode(repeat('00', 32), 'hex'), now(), now() + interval '1 hour'
         from platform_auth.subject where tenant_id = $1",
    ),
    (
        "platform_auth.mail",
        "insert into platform_auth.mail
           (tenant_id, id, subject_id, kind, content_sealed, created_at, expires_at, next_attempt_at)
         select tenant_id, gen_random_uuid(), id, 'test', decode(repeat('00', 64), 'hex'), now(), now(), now()
         from platform_auth.subject where tenant_id = $1",
    ),
    (
        "platform_auth.totp_credential",
        "insert into platform_auth.totp_credential (tenant_id, subject_id, seed_sealed, enrolled_at)
         select tenant_id, id, decode(repeat('00', 64), 'hex'), now() from platform_auth.subject where tenant_id = $1",
    ),
    (
        "platform_auth.recovery_code",
        "insert into platform_auth.recovery_code (tenant_id, subject_id, code_hash, created_at)
         select tenant_id, id, decode(repeat('00', 32), 'hex'), now() from platform_auth.subject where tenant_id = $1",
    ),
    (
        "platform_auth.api_key",
        "insert into platform_auth.api_key (tenant_id, id, subject_id, name, key_hash, scopes, created_at, expires_at)
         select tenant_id, gen_random_uuid(), id, 'test', decode(repeat('00', 32), 'hex'), '{all}', now(), now() + interval '1 hour'
         from platform_auth.subject where tenant_id = $1",
    ),
    (
        "platform_auth.tenant_policy",
        "insert into platform_auth.tenant_policy (tenant_id, version, updated_at) select id, 1, now() from platform_core.tenant
         where id = $1 on conflict (tenant_id) do update set version = tenant_policy.version + 1",
    ),
    (
        "platform_auth.invitation",
        "insert into platform_auth.invitation
           (tenant_id, id, subject_id, token_hash, builtin_role, invited_at, expires_at)
         select id, gen_random_uuid(), gen_random_uuid(), sha256(gen_random_uuid()::text::bytea), 'user', now(), now() + interval '1 day'
         from platform_core.tenant where id = $1",
    ),
    (
        "platform_auth.host_claim",
        "insert into platform_auth.host_claim (tenant_id, host, challenge, claimed_at, expires_at)
         select id, gen_random_uuid() || '.example.com', repeat('x', 32), now(), now() + interval '1 day'
         from platform_core.tenant where id = $1",
    ),
    (
        "platform_auth.webauthn_credential",
        "insert into platform_auth.webauthn_credential
           (tenant_id, id, subject_id, credential_id, user_handle, credential, name_sealed, sign_count, backup_eligible, backup_state,
            created_at)
         select tenant_id, gen_random_uuid(), id, uuid_send(gen_random_uuid()), gen_random_uuid(), '{}',
                decode(repeat('00', 64), 'hex'), 0, false, false, now()
         from platform_auth.subject where tenant_id = $1",
    ),
    (
        "platform_auth.webauthn_challenge",
        "insert into platform_auth.webauthn_challenge (tenant_id, id, redeemed_at, expires_at)
         values ($1, gen_random_uuid(), now(), now())",
    ),
    (
        "platform_core.tenant",
        "update platform_core.tenant set status = 'suspended' where id = $1",
    ),
    (
        "platform_core.tenant_closure",
        "insert into platform_core.tenant_closure (ancestor, descendant, depth)
         select t.id, $1, 1 from platform_core.tenant t where t.id <> $1",
    ),
    (
        "platform_core.tenant_host",
        "update platform_core.tenant_host set verified_at = null where owner = $1",
    ),
    (
        "platform_crypto.legal_hold",
        "update platform_crypto.legal_hold set released_at = now() where tenant_id = $1",
    ),
    (
        "platform_crypto.subject_key",
        "update platform_crypto.subject_key set state = 'erasing', erase_requested_at = now() where tenant_id = $1",
    ),
    (
        "platform_crypto.tenant_key",
        "update platform_crypto.tenant_key set activates_at = activates_at - interval '1 second' where tenant_id = $1",
    ),
    (
        "trading.account",
        "update trading.account set available_cents = available_cents + 100 where tenant_id = $1",
    ),
    (
        "trading.adjustment",
        "insert into trading.adjustment
           (tenant_id, id, account_id, amount_cents, reason, status, idempotency_key, requested_by, requested_at, expires_at)
         select tenant_id, gen_random_uuid(), id, 100, 'x', 'pending', gen_random_uuid()::text, owner_id, now(), now()
         from trading.account where tenant_id = $1",
    ),
    (
        "trading.alert",
        "insert into trading.alert
           (tenant_id, id, account_id, symbol, direction, price_e4, created_quote_seq, created_at)
         select tenant_id, gen_random_uuid(), id, 'AAPL', 'above', 1, 0, now() from trading.account where tenant_id = $1",
    ),
    (
        "trading.closing_account",
        "insert into trading.closing_account
           (tenant_id, account_id, session_close, last_seq, available_cents, held_cents, net_deposits_cents, fees_cents,
            equity_cents, equity_rest_e10)
         select tenant_id, id, now(), 0, 0, 0, 0, 0, 0, 0 from trading.account where tenant_id = $1",
    ),
    (
        "trading.closing_position",
        "insert into trading.closing_position
           (tenant_id, account_id, session_close, symbol, available_e6, held_e6, value_cents, value_rest_e10)
         select tenant_id, account_id, session_close, 'AAPL', 1, 0, 0, 0 from trading.closing_account where tenant_id = $1",
    ),
    (
        "trading.closing_price",
        "insert into trading.closing_price (tenant_id, session_close, symbol, price_e4, quote_seq)
         values ($1, now(), 'AAPL', 1, 0)",
    ),
    (
        "trading.event",
        "insert into trading.event select tenant_id, account_id, seq + 1000, kind, order_id, at, payload from trading.event
         where tenant_id = $1",
    ),
    (
        "trading.execution",
        "insert into trading.execution
         select tenant_id, order_id, quote_seq + 1, account_id, symbol, side, quantity_e6, price_e4, cash_cents, fee_cents, executed_at
         from trading.execution where tenant_id = $1",
    ),
    (
        "trading.market_event",
        "insert into trading.market_event (tenant_id, seq, setting, value, reason, at)
         select tenant_id, 1, 'paused', 1, 'x', now() from trading.account where tenant_id = $1 limit 1",
    ),
    ("trading.orders", "update trading.orders set reason = 'x' where tenant_id = $1"),
    ("trading.position", "update trading.position set realized_cents = 7 where tenant_id = $1"),
    (
        "trading.transfer",
        "insert into trading.transfer
         select tenant_id, account_id, seq + 1000, asset, debit, credit, amount, code, order_id, quote_seq, created_at
         from trading.transfer where tenant_id = $1",
    ),
    (
        "trading.watchlist",
        "insert into trading.watchlist (tenant_id, id, account_id, name, created_at)
         select tenant_id, gen_random_uuid(), id, 'x', now() from trading.account where tenant_id = $1",
    ),
    (
        "trading.watchlist_item",
        "insert into trading.watchlist_item (tenant_id, watchlist_id, symbol, added_at)
         select tenant_id, id, 'AAPL', now() from trading.watchlist where tenant_id = $1",
    ),
];

/// What the application may write and no event has to tell of. This list may only shrink.
const OPEN: [(&str, &str); 11] = [
    (
        "platform_core.canary",
        "is always empty: the self-check rolls back what it writes",
    ),
    (
        "platform_core.idempotency_key",
        "is what a client is told a second time, and is forgotten after its days",
    ),
    (
        "platform_core.lease",
        "says which process is at work; what it does there are events of its own",
    ),
    (
        "platform_core.platform_lease",
        "says which process is at work and is no tenant's, so that there is no trail it would belong to",
    ),
    (
        "platform_crypto.blind_tag",
        "follows the user's row, which is protected, and says nothing without it",
    ),
    (
        "platform_crypto.reseal_failure",
        "is a report; the beginning and the end of the job are events",
    ),
    (
        "platform_crypto.reseal_job",
        "is a bookmark; the beginning and the end of the job are events",
    ),
    (
        "platform_crypto.root_key",
        "is no tenant's, so that there is no trail it would belong to; what is done to keys under it is an event",
    ),
    (
        "trading.displayed",
        "is no tenant's; what is taken of the sizes are fills, and those are events",
    ),
    (
        "trading.idempotency",
        "is what a client is told a second time, and is forgotten after its days",
    ),
    (
        "trading.state_hash",
        "follows the log of an account, which is protected, and is worked out from it alone",
    ),
];

/// Those to which rows are added after the event.
const APPENDED: [&str; 3] = ["trading.event", "trading.execution", "trading.transfer"];

/// Updates of nothing but these columns say nothing about anybody's doing.
const IGNORED: [(&str, &[&str]); 5] = [
    ("platform_auth.api_key", &["last_used_at"]),
    ("platform_auth.host_claim", &["checked_at"]),
    ("platform_auth.mail", &["attempts", "next_attempt_at"]),
    ("platform_auth.session", &["idle_expires_at", "last_seen_at"]),
    ("platform_crypto.tenant_key", &["uses"]),
];

async fn superuser(test: &TestDb) -> PgConnection {
    PgConnection::connect(&test.superuser_url()).await.unwrap()
}

#[tokio::test]
async fn every_table_that_the_application_writes_is_protected_or_on_the_list_of_those_that_are_not() {
    let test = Box::pin(TestDb::shared(&MIGRATIONS)).await;
    let written: Vec<(String, bool)> = sqlx::query_as(
        "select format('%s.%s', n.nspname, c.relname),
                count(*) filter (
                  where t.tgenabled = 'A' and (
                    (t.tgname = 'is_protected' and t.tgdeferrable and t.tginitdeferred and t.tgconstraint <> 0)
                    or t.tgname = 'is_not_truncated'
                  )
                ) = 2
                -- After every kind of change: an insert (4) may be asked about by a trigger for statements.
                and bit_or(t.tgtype & 28) filter (where t.tgenabled = 'A' and t.tgname in ('is_protected', 'is_recorded_first')) = 28
         from pg_class c
         join pg_namespace n on n.oid = c.relnamespace
         left join pg_trigger t on t.tgrelid = c.oid and t.tgname in ('is_protected', 'is_recorded_first', 'is_not_truncated')
         where c.relkind in ('r', 'p') and n.nspname not in ('pg_catalog', 'information_schema', 'platform_audit')
           and (has_any_column_privilege('platform_app', c.oid, 'insert, update')
                or has_table_privilege('platform_app', c.oid, 'delete'))
         group by n.nspname, c.relname order by 1",
    )
    .fetch_all(&mut superuser(&test).await)
    .await
    .unwrap();
    let of = |is_protected| -> BTreeSet<&str> {
        let some = written.iter().filter(|(_, protected)| *protected == is_protected);
        some.map(|(name, _)| name.as_str()).collect()
    };

    assert_eq!(of(true), PROTECTED.iter().map(|(name, _)| *name).collect());
    assert_eq!(of(false), OPEN.iter().map(|(name, _)| *name).collect());
}

#[tokio::test]
async fn only_columns_that_say_nothing_about_anybodys_doing_are_left_out() {
    let test = Box::pin(TestDb::shared(&MIGRATIONS)).await;
    // The argument of a trigger has a member for each column that it does not look at.
    let left_out: Vec<(String, Vec<String>)> = sqlx::query_as(
        "select t.tgrelid::regclass::text, array_agg(ignored order by ignored)
         from pg_trigger t
         cross join jsonb_object_keys(split_part(encode(t.tgargs, 'escape'), E'\\\\000', 1)::jsonb) ignored
         where t.tgname = 'is_protected' and t.tgfoid = 'platform_audit.require_audit'::regproc and t.tgnargs > 0
         group by 1 order by 1",
    )
    .fetch_all(&mut superuser(&test).await)
    .await
    .unwrap();

    let left_out: BTreeMap<&str, Vec<&str>> = left_out
        .iter()
        .map(|(table, columns)| (table.as_str(), columns.iter().map(String::as_str).collect()))
        .collect();
    let known = IGNORED.map(|(table, columns)| (table, columns.to_vec()));
    assert_eq!(left_out, BTreeMap::from(known));
}

#[tokio::test]
async fn the_database_refuses_every_change_of_a_protected_table_that_no_event_tells_of() {
    let (test, tenant) = Box::pin(lived_in()).await;
    let db = test.db();
    let audit = AuditLog::new(db.sources().clone());
    let ctx = test.context(tenant);
    // An event of before is no event of this transaction.
    let tested = || Event::new(TESTED, Outcome::Success);
    audit.record_alone(&db, &ctx, tested()).await.unwrap();

    for (table, sql) in PROTECTED {
        let mut tx = db.begin(&ctx).await.unwrap();
        let changed = sqlx::query(sql).bind(tenant).execute(&mut tx).await;
        let refused = match &changed {
            Ok(done) => {
                assert!(done.rows_affected() > 0, "{table} has no row to change");
                tx.commit().await.unwrap_err()
            }
            Err(_) => DbError::from(changed.unwrap_err()),
        };
        assert!(matches!(refused, DbError::Unaudited(_)), "{table}: {refused:?}");

        // The same statement with an event is carried out, and where it is not the statement that asks, whichever comes first.
        let mut tx = db.begin(&ctx).await.unwrap();
        let comes_first = APPENDED.contains(&table);
        if comes_first {
            audit.record(&mut tx, &ctx, tested()).await.unwrap();
        }
        let changed = sqlx::query(sql).bind(tenant).execute(&mut tx).await.unwrap();
        assert!(changed.rows_affected() > 0, "{table} has no row to change");
        if !comes_first {
            audit.record(&mut tx, &ctx, tested()).await.unwrap();
        }
        tx.commit().await.unwrap();
    }
}

#[tokio::test]
async fn not_even_a_superuser_gets_past_by_truncating_or_by_switching_ordinary_triggers_off() {
    let (test, tenant) = Box::pin(lived_in()).await;
    let mut superuser = superuser(&test).await;
    sqlx::query("set session_replication_role = replica")
        .execute(&mut superuser)
        .await
        .unwrap();

    for (table, sql) in PROTECTED {
        let sql = sql.replace("$1", &format!("'{tenant}'"));
        for sql in [sql, format!("truncate {table} cascade")] {
            let refused = sqlx::query(AssertSqlSafe(sql)).execute(&mut superuser).await;
            let refused = refused.unwrap_err();
            let code = refused.as_database_error().and_then(|error| error.code());
            assert_eq!(code.as_deref(), Some("PA001"), "{table}: {refused}");
        }
    }
}

/// A database with a row of one tenant in every protected table.
async fn lived_in() -> (TestDb, TenantId) {
    let test = Box::pin(TestDb::own(&MIGRATIONS)).await;
    let db = test.db();
    let audit = AuditLog::new(db.sources().clone());
    // The other one is there for the hierarchy.
    made_tenant(&db, &audit, "globex").await;
    let tenant = made_tenant(&db, &audit, "acme").await;
    let ctx = test.context(tenant);
    let keyring = Keyring::builder(&db, Arc::new(platform_crypto::testing::root(db.sources())))
        .erasure(Arc::new(MemoryErasureStore))
        .log(Arc::new(audit.clone()))
        .sealed::<SealedUser>()
        .open()
        .await
        .unwrap();
    let auth = Auth::new(&db, &keyring, &audit, AuthConfig::default());
    let password = || "correct horse battery".into();
    let user = auth
        .ensure_user(tenant, "ada@example.com", password(), Role::User)
        .await
        .unwrap()
        .id();
    let credentials = platform_auth::Credentials {
        email: "ada@example.com".to_owned(),
        password: password(),
    };
    let anonymous = RequestContext::anonymous(tenant, RequestMeta::internal(db.sources()));
    let signed_in = auth.sign_in(&anonymous, credentials).await.unwrap();
    assert!(matches!(signed_in, SignIn::Complete(_)));
    let subject = SubjectId::from_stored(user.as_uuid());
    keyring.place_hold(&ctx, subject, "case 7").await.unwrap();
    granted(&auth, &ctx, user).await;
    let trader = Principal::user(user, [TRADE].into_iter().collect());
    let meta = RequestMeta::internal(db.sources());
    traded(&db, &audit, &RequestContext::authenticated(tenant, trader, meta)).await;
    has_closed(&db, &audit, &ctx).await;
    (test, tenant)
}

/// Gives somebody a role, by way of a group.
async fn granted(auth: &Auth, ctx: &RequestContext, user: PrincipalId) {
    let role = NewRole {
        name: "Deputy".to_owned(),
        permissions: vec![ROLES_MANAGE.name().to_owned()],
    };
    let role = auth.create_role(ctx, role).await.unwrap();
    let group = auth.create_group(ctx, "Night shift").await.unwrap();
    auth.add_member(ctx, group.id, Member::User(user)).await.unwrap();
    let grant = NewGrant {
        principal: GrantPrincipal::Group(group.id),
        role: RoleRef::Custom(role.id),
        on: None,
        valid_from: None,
        valid_until: None,
        reason: None,
    };
    auth.grant_role(ctx, grant).await.unwrap();
}

async fn made_tenant(db: &Db, audit: &AuditLog, slug: &str) -> TenantId {
    let id = TenantId::generate(db.sources());
    let ctx = RequestContext::system(id, "test", db.sources());
    let tenants = Tenants::new(db);
    let mut tx = db.begin(&ctx).await.unwrap();
    let new = NewTenant {
        slug: slug.parse().unwrap(),
        name: slug.to_owned(),
        parent: None,
    };
    tenants.create_in(&mut tx, &new).await.unwrap();
    let host = format!("{slug}.example.com");
    tenants.add_host_in(&mut tx, &host, true).await.unwrap();
    audit
        .record(&mut tx, &ctx, Event::new(TESTED, Outcome::Success))
        .await
        .unwrap();
    tx.commit().await.unwrap();
    id
}

/// Has a session behind it.
async fn has_closed(db: &Db, audit: &AuditLog, ctx: &RequestContext) {
    let mut tx = db.begin(ctx).await.unwrap();
    sqlx::query(
        "insert into trading.closing_account
           (tenant_id, account_id, session_close, last_seq, available_cents, held_cents, net_deposits_cents, fees_cents,
            equity_cents, equity_rest_e10)
         select tenant_id, id, opened_at, 0, 0, 0, 0, 0, 0, 0 from trading.account where tenant_id = $1",
    )
    .bind(ctx.tenant())
    .execute(&mut tx)
    .await
    .unwrap();
    audit
        .record(&mut tx, ctx, Event::new(TESTED, Outcome::Success))
        .await
        .unwrap();
    tx.commit().await.unwrap();
}

/// Buys ten shares.
async fn traded(db: &Db, audit: &AuditLog, ctx: &RequestContext) {
    let symbol = "AAPL".parse().unwrap();
    let board = QuoteBoard::new(
        vec![Instrument::new(symbol, QuoteSource::Replay)],
        BoardConfig::default(),
    );
    let now = db.sources().now();
    let quote = QuoteUpdate {
        symbol,
        bid: "10.00".parse().unwrap(),
        bid_size: "1000".parse().unwrap(),
        ask: "10.01".parse().unwrap(),
        ask_size: "1000".parse().unwrap(),
        last: "10.00".parse().unwrap(),
        source_at: now,
        source: QuoteSource::Replay,
    };
    board.publish(now, vec![quote]);
    let trading = Trading::new(db, audit, &board, TradingConfig::default());
    let ticket = Ticket {
        symbol: Some("AAPL".to_owned()),
        side: Some("buy".to_owned()),
        order_type: Some("market".to_owned()),
        quantity: Some("10".into()),
        ..Ticket::default()
    };
    let placed = trading.place(ctx, &ticket).await.unwrap();
    assert!(matches!(placed, Placed::New(_)), "{placed:?}");
}
