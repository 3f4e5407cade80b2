//! The events that every service has.

use platform_audit::{
    ATTESTED, AuditError, Changes, Event, Outcome, SignInFailure, access_denied, api_key_created,
    api_key_revoked, api_key_rotated, configuration_changed, credential_changed, data_exported,
    permission_granted, permission_revoked, registered, role_changed, role_granted, role_revoked,
    session_ended, sign_in_failed, sign_in_succeeded, signed_out, support_accessed, tenant_closed,
    tenant_created, tenant_resumed, tenant_suspended,
};
use platform_core::pg::DbError;
use platform_core::{Permission, PrincipalId, Sources, TenantId, sqlx};
use serde_json::json;

use crate::support::{context, log, own, owner, sealed_log, sent, shared, stored};

fn all(user: PrincipalId, tenant: TenantId) -> Vec<Event> {
    let session = Sources::system().uuid_v7();
    let changes = || Changes::new().field("limit", 1, 2);
    let permission = Permission::new("parcel:send");
    vec![
        registered(user, "ada@example.com"),
        sign_in_succeeded(user, "password"),
        sign_in_failed("ada@example.com", SignInFailure::WrongPassword(user)),
        signed_out(user),
        credential_changed(user, "password"),
        session_ended(user, session, "revoked"),
        role_granted(user, "clerk"),
        role_revoked(user, "clerk"),
        role_changed("clerk", changes()),
        permission_granted(user, permission),
        permission_revoked(user, permission),
        access_denied("GET", "/v1/parcels/{id}", "forbidden"),
        support_accessed("case-7"),
        api_key_created("k-1", user),
        api_key_rotated("k-1", user),
        api_key_revoked("k-1", user),
        configuration_changed("parcels.limit", changes()),
        data_exported("parcels", "csv", &json!({ "rows": 3 })),
        tenant_created(tenant, "acme"),
        tenant_suspended(tenant),
        tenant_resumed(tenant),
        tenant_closed(tenant),
    ]
}

/// Action, activity, outcome, severity, class: what a report or an alarm relies on.
const RECORDED: [&str; 22] = [
    "access.deny other denied medium security route",
    "access.permission_grant grant success medium regulatory user",
    "access.permission_revoke revoke success medium regulatory user",
    "access.role_change update success high regulatory role",
    "access.role_grant grant success medium regulatory user",
    "access.role_revoke revoke success medium regulatory user",
    "auth.api_key_create create success medium regulatory api_key",
    "auth.api_key_revoke revoke success medium regulatory api_key",
    "auth.api_key_rotate update success low regulatory api_key",
    "auth.credential_change update success medium regulatory user",
    "auth.register create success informational regulatory user",
    "auth.session_end sign_out success low security user",
    "auth.sign_in sign_in failure low security user",
    "auth.sign_in sign_in success informational security user",
    "auth.sign_out sign_out success informational security user",
    "config.change update success medium regulatory setting",
    "data.export export success medium regulatory data",
    "support.access read success high regulatory matter",
    "tenant.close delete success high regulatory tenant",
    "tenant.create create success medium regulatory tenant",
    "tenant.resume update success medium regulatory tenant",
    "tenant.suspend update success high regulatory tenant",
];

#[tokio::test]
async fn an_event_has_one_name_weight_and_class_wherever_it_is_recorded() {
    let test = shared().await;
    let (tenant, ctx) = context(&test).await;
    let user = PrincipalId::generate(test.sources());
    let mut tx = test.db().begin(&ctx).await.unwrap();
    log().record_all(&mut tx, &ctx, all(user, tenant)).await.unwrap();
    tx.commit().await.unwrap();

    let rows = stored(&test, &ctx).await;

    let mut recorded: Vec<_> = rows
        .iter()
        .map(|row| {
            let entry = &row.entry;
            assert_eq!(entry.visibility.as_str(), "tenant");
            let target = row.target_kind.as_deref().unwrap_or("none");
            format!(
                "{} {} {} {} {} {target}",
                entry.action, entry.activity, entry.outcome, entry.severity, entry.retention
            )
        })
        .collect();
    recorded.sort();
    assert_eq!(recorded, RECORDED);
}

#[tokio::test]
async fn an_event_of_an_old_name_is_the_one_it_was() {
    let user = PrincipalId::generate(&Sources::system());
    assert_eq!(platform_audit::REGISTERED.name(), "auth.register");
    assert_eq!(platform_audit::SIGNED_IN.name(), "auth.sign_in");
    assert_eq!(platform_audit::SIGNED_OUT.name(), "auth.sign_out");
    assert!(signed_out(user).check().is_ok());
    assert_eq!(ATTESTED.name(), "audit.attest");
}

const SHELF: [&str; 4] = [
    "create schema shelf",
    "grant usage on schema shelf to platform_app",
    "create table shelf.book (tenant_id uuid not null default current_setting('platform.tenant_id')::uuid, id uuid not null, primary key (tenant_id, id))",
    "select platform_core.tenant_table('shelf.book', 'select, insert'), platform_audit.protect('shelf.book')",
];

#[tokio::test]
async fn a_change_without_an_event_is_committed_with_a_reason_and_not_unseen() {
    let test = own().await;
    let (_, ctx) = context(&test).await;
    let mut owner = owner(&test).await;
    for sql in SHELF {
        sqlx::query(sql).execute(&mut owner).await.unwrap();
    }
    let log = sealed_log();
    let put = async || {
        let mut tx = test.db().begin(&ctx).await.unwrap();
        sqlx::query("insert into shelf.book (id) values (gen_random_uuid())")
            .execute(&mut tx)
            .await
            .unwrap();
        tx
    };
    assert!(matches!(put().await.commit().await, Err(DbError::Unaudited(_))));

    log.commit_unaudited(put().await, &ctx, "repair").await.unwrap();

    let entry = &stored(&test, &ctx).await[0].entry;
    assert_eq!(
        (entry.action.as_str(), entry.outcome),
        ("audit.unaudited_commit", Outcome::Success)
    );
    assert_eq!(
        (entry.reason.as_deref(), entry.severity.as_str()),
        (Some("repair"), "high")
    );
    assert_eq!(log.counts().unaudited, 1);
    // Without a reason there is no way.
    let refused = log.commit_unaudited(put().await, &ctx, "").await;
    assert!(matches!(refused, Err(AuditError::Invalid(_))));
    assert_eq!(stored(&test, &ctx).await.len(), 1);
    // An event that is recorded already says nothing of another change.
    let id = log
        .record_alone(
            &test.db(),
            &ctx,
            sent("p").id(platform_audit::EventId::generate(test.sources())),
        )
        .await
        .unwrap();
    let mut tx = put().await;
    log.record(&mut tx, &ctx, sent("p").id(id)).await.unwrap();
    assert!(matches!(tx.commit().await, Err(DbError::Unaudited(_))));
}
