//! Users that an older release stored in the clear.

use axum::http::StatusCode;
use platform_auth::SealClearError;
use platform_core::sqlx::{Connection, PgConnection};
use platform_core::{PrincipalId, TenantId, axum, sqlx};

use crate::support::{App, Call, PASSWORD, Place};

/// A hash of [`PASSWORD`] comes from a user who is made first.
struct OldRelease {
    superuser: PgConnection,
    phc: String,
}

impl OldRelease {
    async fn on(app: &App, place: &Place) -> Self {
        let model = app.register(place, "model@example.com").await.user_id();
        let mut superuser = app.superuser().await;
        let phc =
            sqlx::query_scalar("select phc from platform_auth.password_credential where subject_id = $1")
                .bind(model)
                .fetch_one(&mut superuser)
                .await
                .unwrap();
        Self { superuser, phc }
    }

    /// Stores a user as the release did that knew no sealing: past the constraint that came with it.
    async fn stores(&mut self, app: &App, tenant: TenantId, email: &str) -> PrincipalId {
        let id = PrincipalId::generate(app.test.sources());
        let mut tx = self.superuser.begin().await.unwrap();
        for statement in [
            "alter table platform_auth.subject drop constraint subject_nothing_in_the_clear",
            "alter table platform_auth.subject drop constraint subject_sealed_or_erased",
            "alter table platform_auth.subject disable trigger is_protected",
            "alter table platform_auth.password_credential disable trigger is_protected",
        ] {
            sqlx::query(statement).execute(&mut *tx).await.unwrap();
        }
        sqlx::query(
            "insert into platform_auth.subject
               (tenant_id, id, email, email_normalized, first_name, last_name, role, created_at)
             values ($1, $2, $3, lower($3), 'Grace', 'Hopper', 'user', now())",
        )
        .bind(tenant)
        .bind(id)
        .bind(email)
        .execute(&mut *tx)
        .await
        .unwrap();
        sqlx::query(
            "insert into platform_auth.password_credential (tenant_id, subject_id, phc, changed_at)
             values ($1, $2, $3, now())",
        )
        .bind(tenant)
        .bind(id)
        .bind(&self.phc)
        .execute(&mut *tx)
        .await
        .unwrap();
        for statement in [
            "alter table platform_auth.subject add constraint subject_nothing_in_the_clear
               check (email is null and email_normalized is null and first_name is null and last_name is null) not valid",
            "alter table platform_auth.subject add constraint subject_sealed_or_erased
               check ((email_sealed is null) = (erased_at is not null)) not valid",
            "alter table platform_auth.subject enable always trigger is_protected",
            "alter table platform_auth.password_credential enable always trigger is_protected",
        ] {
            sqlx::query(statement).execute(&mut *tx).await.unwrap();
        }
        tx.commit().await.unwrap();
        id
    }
}

#[tokio::test]
async fn what_an_older_release_stored_in_the_clear_is_sealed_and_its_users_sign_in() {
    let app = App::own().await;
    let (acme, globex) = (app.place().await, app.place().await);
    let mut old = OldRelease::on(&app, &acme).await;
    for number in 0..120 {
        let email = format!("Grace.Hopper{number}@Navy.example");
        old.stores(&app, acme.id, &email).await;
    }
    let theirs = old.stores(&app, globex.id, "Grace.Hopper0@Navy.example").await;
    assert!(app.dump().await.contains("Hopper"));

    let sealed = app.auth.seal_clear_users().await.unwrap();

    assert_eq!(sealed, 121);
    let dump = app.dump().await.to_lowercase();
    for personal in ["hopper", "navy.example", "grace"] {
        assert!(!dump.contains(personal), "{personal}");
    }
    let signed_in = app.sign_in(&globex, "grace.hopper0@navy.EXAMPLE", PASSWORD).await;
    assert_eq!(signed_in.status, StatusCode::OK, "{}", signed_in.text);
    let user = &signed_in.json()["user"];
    assert_eq!(user["id"], theirs.to_string());
    assert_eq!(user["email"], "Grace.Hopper0@Navy.example");
    assert_eq!(
        (&user["first_name"], &user["last_name"]),
        (&"Grace".into(), &"Hopper".into())
    );
    assert_eq!(
        app.sign_in(&acme, "grace.hopper119@navy.example", PASSWORD)
            .await
            .status,
        StatusCode::OK
    );
    let admin = app.admin(&acme).await;
    let listed = app
        .send(Call::get("/admin/v1/users?limit=200").bearer(&admin))
        .await
        .json();
    assert_eq!(listed["data"].as_array().unwrap().len(), 122);
    // Once more there is nothing to do.
    assert_eq!(app.auth.seal_clear_users().await.unwrap(), 0);
}

#[tokio::test]
async fn several_instances_that_start_at_once_seal_everybody_once() {
    let app = App::own().await;
    let place = app.place().await;
    let mut old = OldRelease::on(&app, &place).await;
    for number in 0..60 {
        old.stores(&app, place.id, &format!("user{number}@example.com"))
            .await;
    }

    let sealing = (0..4).map(|_| app.auth.seal_clear_users());
    let sealed = futures::future::join_all(sealing).await;

    let sealed: u64 = sealed.into_iter().map(Result::unwrap).sum();
    assert_eq!(sealed, 60);
    for number in [0, 30, 59] {
        let answer = app
            .sign_in(&place, &format!("user{number}@example.com"), PASSWORD)
            .await;
        assert_eq!(answer.status, StatusCode::OK, "{}", answer.text);
    }
}

#[tokio::test]
async fn two_addresses_that_count_as_one_now_are_named_and_nobody_is_lost() {
    let app = App::own().await;
    let place = app.place().await;
    let mut old = OldRelease::on(&app, &place).await;
    old.stores(&app, place.id, "strasse@example.com").await;
    let second = old.stores(&app, place.id, "straße@example.com").await;

    let refused = app.auth.seal_clear_users().await.unwrap_err();

    let SealClearError::SameAddress { tenant, user } = refused else {
        panic!("{refused:?}");
    };
    assert_eq!((tenant, user), (place.id, second));
    let mut superuser = app.superuser().await;
    let left: i64 = sqlx::query_scalar("select count(*) from platform_auth.subject where email is not null")
        .fetch_one(&mut superuser)
        .await
        .unwrap();
    assert_eq!(left, 2);
}

#[tokio::test]
async fn an_instance_of_the_older_release_stores_nobody_in_the_clear_any_more() {
    let app = App::own().await;
    let place = app.place().await;
    let mut superuser = app.superuser().await;

    let stored = sqlx::query(
        "insert into platform_auth.subject (tenant_id, id, email, email_normalized, role, created_at)
         values ($1, $2, 'ada@example.com', 'ada@example.com', 'user', now())",
    )
    .bind(place.id)
    .bind(PrincipalId::generate(app.test.sources()))
    .execute(&mut superuser)
    .await;

    let refused = stored.unwrap_err();
    let constraint = refused.as_database_error().and_then(|error| error.constraint());
    assert!(
        constraint.is_some_and(|name| name.starts_with("subject_")),
        "{refused}"
    );
}
