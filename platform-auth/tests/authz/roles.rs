use platform_audit::{Action, AuditLog, Event, Outcome};
use platform_auth::{AuthzError, Effect, InvalidUniqueName, Question, RoleRef, RoleUpdate, TENANT_ADMIN};
use platform_core::{Permission, sqlx};

use super::world::{EVERYBODYS, OPEN, SEE, SEND, World, names, new_role, to_user};

#[tokio::test]
async fn a_role_gives_its_permissions_from_the_next_request_on() {
    let world = World::new().await;
    let ada = world.user("ada").await;
    let admin = world.admin().await;
    let auth = &world.app.auth;
    assert!(world.ctx(&ada).await.require(OPEN).is_err());

    let role = auth
        .create_role(&admin, new_role("Opener", &[OPEN]))
        .await
        .unwrap();
    auth.grant_role(&admin, to_user(ada.id, RoleRef::Custom(role.id)))
        .await
        .unwrap();

    let ctx = world.ctx(&ada).await;
    assert!(ctx.require(OPEN).is_ok());
    assert!(ctx.require(SEND).is_err());
}

#[tokio::test]
async fn a_changed_role_is_changed_for_whoever_has_it() {
    let world = World::new().await;
    let ada = world.user("ada").await;
    let role = world.role("Opener", &[OPEN, SEE]).await;
    world.grant(to_user(ada.id, RoleRef::Custom(role.id))).await;
    assert!(world.ctx(&ada).await.require(OPEN).is_ok());

    let update = RoleUpdate {
        version: role.version,
        name: "Sender".to_owned(),
        permissions: names(&[SEND, SEE]),
    };
    let changed = world
        .app
        .auth
        .update_role(&world.admin().await, role.id, update)
        .await
        .unwrap();

    assert_eq!((changed.name.as_str(), changed.version), ("Sender", 2));
    assert_eq!(
        world.app.auth.role(&world.admin().await, role.id).await.unwrap(),
        Some(changed)
    );
    let ctx = world.ctx(&ada).await;
    assert!(ctx.require(OPEN).is_err());
    assert!(ctx.require(SEND).is_ok() && ctx.require(SEE).is_ok());
}

#[tokio::test]
async fn who_changes_a_role_that_has_changed_meanwhile_is_told() {
    let world = World::new().await;
    let role = world.role("Opener", &[OPEN]).await;
    let admin = world.admin().await;
    let update = |name: &str| RoleUpdate {
        version: 1,
        name: name.to_owned(),
        permissions: names(&[OPEN]),
    };

    let updates = (0..8).map(|number| {
        let (auth, admin, update) = (&world.app.auth, &admin, update(&format!("Opener {number}")));
        async move { auth.update_role(admin, role.id, update).await }
    });
    let answers = futures::future::join_all(updates).await;

    let done = answers.iter().filter(|answer| answer.is_ok()).count();
    let stale = answers
        .iter()
        .filter(|answer| matches!(answer, Err(AuthzError::Stale { version: 2 })))
        .count();
    assert_eq!((done, stale), (1, 7), "{answers:?}");
}

#[tokio::test]
async fn of_roles_made_at_the_same_time_under_one_name_in_several_cases_there_is_one() {
    let world = World::new().await;
    let admin = world.admin().await;

    let made = ["Opener", "OPENER", "opener", "\u{ff2f}pener"].map(|name| {
        let (auth, admin) = (&world.app.auth, &admin);
        async move { auth.create_role(admin, new_role(name, &[OPEN])).await }
    });
    let answers = futures::future::join_all(made).await;

    let taken = |answer: &Result<_, _>| matches!(answer, Err(AuthzError::NameTaken));
    assert_eq!(answers.iter().filter(|answer| answer.is_ok()).count(), 1);
    assert_eq!(
        answers.iter().filter(|answer| taken(answer)).count(),
        3,
        "{answers:?}"
    );
}

#[tokio::test]
async fn a_name_that_is_to_be_taken_for_another_is_refused() {
    let world = World::new().await;
    let admin = world.admin().await;
    for (name, why) in [
        ("Op\u{435}ner", InvalidUniqueName::MixedScripts),
        ("Open\u{202e}er", InvalidUniqueName::Character),
        ("Admin", InvalidUniqueName::Reserved),
        ("", InvalidUniqueName::Length),
    ] {
        let refused = world.app.auth.create_role(&admin, new_role(name, &[])).await;

        assert!(
            matches!(refused, Err(AuthzError::InvalidName(found)) if found == why),
            "{name}"
        );
    }
    assert!(
        world
            .app
            .auth
            .create_role(&admin, new_role("Бухгалтер", &[]))
            .await
            .is_ok()
    );
}

#[tokio::test]
async fn a_role_holds_only_permissions_that_there_are_and_that_a_tenant_may_assign() {
    let world = World::new().await;
    let admin = world.admin().await;
    // Declared by the built-in role alone, of which nobody has said that a tenant may assign it.
    let bare = platform_crypto::SUBJECTS_ERASE;
    let role = world.role("Opener", &[OPEN]).await;

    let unknown = new_role("Other", &[OPEN, Permission::new("parcels:burn")]);
    let unknown = world.app.auth.create_role(&admin, unknown).await;
    assert!(matches!(unknown, Err(AuthzError::UnknownPermission(name)) if name == "parcels:burn"));
    for permission in [EVERYBODYS, bare] {
        for ctx in [&admin, &world.job()] {
            let made = world
                .app
                .auth
                .create_role(ctx, new_role("Other", &[permission]))
                .await;
            assert!(matches!(made, Err(AuthzError::NotAssignable(found)) if found == permission));
            let update = RoleUpdate {
                version: 1,
                name: "Opener".to_owned(),
                permissions: names(&[OPEN, permission]),
            };
            let changed = world.app.auth.update_role(ctx, role.id, update).await;
            assert!(matches!(changed, Err(AuthzError::NotAssignable(found)) if found == permission));
        }
    }

    assert_eq!(world.app.auth.list_roles(&admin, None, 10).await.unwrap(), [role]);
}

#[tokio::test]
async fn a_role_is_deleted_once_its_grants_are_over_and_its_name_is_free_then() {
    let world = World::new().await;
    let ada = world.user("ada").await;
    let admin = world.admin().await;
    let auth = &world.app.auth;
    let role = world.role("Opener", &[OPEN]).await;
    let mut later = to_user(ada.id, RoleRef::Custom(role.id));
    later.valid_from = Some(world.at(50));
    later.valid_until = Some(world.at(100));
    world.grant(later).await;

    assert!(matches!(
        auth.delete_role(&admin, role.id).await,
        Err(AuthzError::InUse)
    ));
    world.set_clock(100);
    auth.delete_role(&admin, role.id).await.unwrap();

    assert_eq!(auth.role(&admin, role.id).await.unwrap(), None);
    assert!(matches!(
        auth.delete_role(&admin, role.id).await,
        Err(AuthzError::NotFound)
    ));
    let again = auth
        .grant_role(&admin, to_user(ada.id, RoleRef::Custom(role.id)))
        .await;
    assert!(matches!(again, Err(AuthzError::UnknownRole(_))));
    assert_ne!(world.role("opener", &[OPEN]).await.id, role.id);
}

#[tokio::test]
async fn roles_are_listed_in_pages_in_the_order_in_which_they_were_made() {
    let world = World::new().await;
    let admin = world.admin().await;
    let mut made = Vec::new();
    for number in 0..5 {
        // Ids are in the order of their milliseconds.
        world.set_clock(i64::from(number));
        made.push(world.role(&format!("Role {number}"), &[OPEN]).await);
    }

    let first = world.app.auth.list_roles(&admin, None, 2).await.unwrap();
    let rest = world
        .app
        .auth
        .list_roles(&admin, Some(first[1].id), 201)
        .await
        .unwrap();

    assert_eq!([first, rest].concat(), made);
}

#[tokio::test]
async fn permissions_are_listed_with_who_holds_them() {
    let world = World::new().await;

    let listed = world.app.auth.permissions(&world.admin().await).unwrap();

    let find = |permission| {
        listed
            .iter()
            .find(|(info, _)| info.permission() == permission)
            .unwrap()
    };
    assert!(find(OPEN).0.is_assignable() && !find(EVERYBODYS).0.is_assignable());
    assert_eq!(find(TENANT_ADMIN).1, [platform_auth::Role::Admin]);
    assert!(listed.is_sorted_by_key(|(info, _)| info.permission()));
}

#[tokio::test]
async fn who_may_not_manage_roles_neither_sees_nor_makes_them() {
    let world = World::new().await;
    let ada = world.user("ada").await;
    let role = world.role("Opener", &[OPEN]).await;
    let ctx = world.ctx(&ada).await;
    let auth = &world.app.auth;
    let update = RoleUpdate {
        version: 1,
        name: "Mine".to_owned(),
        permissions: Vec::new(),
    };

    let forbidden = |error: AuthzError| matches!(error, AuthzError::Forbidden(_));
    assert!(forbidden(auth.permissions(&ctx).unwrap_err()));
    assert!(forbidden(auth.list_roles(&ctx, None, 10).await.unwrap_err()));
    assert!(forbidden(auth.role(&ctx, role.id).await.unwrap_err()));
    assert!(forbidden(
        auth.create_role(&ctx, new_role("Mine", &[])).await.unwrap_err()
    ));
    assert!(forbidden(
        auth.update_role(&ctx, role.id, update).await.unwrap_err()
    ));
    assert!(forbidden(auth.delete_role(&ctx, role.id).await.unwrap_err()));
    assert_eq!(auth.role(&world.job(), role.id).await.unwrap(), Some(role));
}

/// A permission that was assignable in an older release, or that somebody has written into the table.
#[tokio::test]
async fn a_permission_that_a_tenant_may_not_assign_allows_nothing_however_it_got_into_a_role() {
    let world = World::new().await;
    let ada = world.user("ada").await;
    let role = world.role("Opener", &[OPEN]).await;
    world.grant(to_user(ada.id, RoleRef::Custom(role.id))).await;
    let ctx = world.job();
    let mut tx = world.app.db.begin(&ctx).await.unwrap();
    for name in [EVERYBODYS.name(), "parcels:burn"] {
        sqlx::query(
            "insert into platform_auth.role_permission (tenant_id, role_id, permission) values ($1, $2, $3)",
        )
        .bind(tx.tenant())
        .bind(role.id)
        .bind(name)
        .execute(&mut tx)
        .await
        .unwrap();
    }
    sqlx::query("update platform_auth.authz_version set version = version + 1 where tenant_id = $1")
        .bind(tx.tenant())
        .execute(&mut tx)
        .await
        .unwrap();
    let event = Event::new(Action::new("test.tamper"), Outcome::Success);
    let audit = AuditLog::new(world.app.test.sources().clone());
    audit.record(&mut tx, &ctx, event).await.unwrap();
    tx.commit().await.unwrap();

    let ctx = world.ctx(&ada).await;
    assert!(ctx.require(OPEN).is_ok());
    assert!(ctx.require(EVERYBODYS).is_err());
    let question = Question {
        user: ada.id,
        permission: EVERYBODYS.name().to_owned(),
        on: None,
        at: world.at(0),
    };
    let decision = world
        .app
        .auth
        .explain(&world.admin().await, &question)
        .await
        .unwrap();
    assert_eq!(decision.effect, Effect::Deny);
}
