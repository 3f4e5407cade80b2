//! What the owner of a key is told of it.

use platform_auth::{ApiKeyOwner, ApiKeyRotation, NewApiKey};

use crate::keys::{all, new_key, of_service, own, service};
use crate::support::{App, PASSWORD};
use crate::world::{OPEN, Person, World, config, to};

/// A service that sends mail, with an admin and a user who has verified the address.
async fn world() -> (World, Person) {
    let app = App::mailing_with(config()).await;
    let world = World::on(app).await;
    let registered = world.app.registered(&world.place, "ada@example.com").await;
    let ada = Person {
        id: registered.user_id(),
        token: world
            .app
            .sign_in(&world.place, "ada@example.com", PASSWORD)
            .await
            .token(),
    };
    world.app.mails().await;
    (world, ada)
}

#[tokio::test]
async fn the_owner_is_told_by_mail_of_each_key_that_is_made_in_their_name_and_nothing_of_the_key() {
    let (world, ada) = world().await;
    let named = NewApiKey {
        name: "Visit evil.example".to_owned(),
        ..all(&world)
    };
    let issued = own(&world, &ada, named).await;

    let mails = world.app.mails().await;
    let [mail] = &mails[..] else {
        panic!("{} mails", mails.len())
    };
    assert_eq!(mail.to, "ada@example.com");
    assert!(mail.subject.ends_with("an API key was made"), "{}", mail.subject);
    for secret in [
        issued.token.expose(),
        &issued.token.expose()[..20],
        "evil.example",
    ] {
        assert!(!mail.text.contains(secret) && !mail.subject.contains(secret));
    }

    let ctx = world.ctx(&ada).await;
    let rotation = ApiKeyRotation::default();
    let rotated = world
        .app
        .auth
        .rotate_api_key(&ctx, ApiKeyOwner::Caller, issued.key.id, rotation)
        .await;
    assert!(rotated.is_ok());
    let mails = world.app.mails().await;
    assert_eq!(mails.len(), 1, "the one that takes its place is another key");
    assert_eq!(mails[0].to, "ada@example.com");
}

#[tokio::test]
async fn nobody_is_told_of_a_key_that_was_not_made_and_of_one_of_a_service_principal() {
    let (world, ada) = world().await;
    let refused = world
        .app
        .auth
        .create_api_key(
            &world.ctx(&ada).await,
            ApiKeyOwner::Caller,
            new_key(&world, &[OPEN]),
        )
        .await;
    assert!(refused.is_err());
    let settlement = service(&world, "Settlement").await;
    let role = world.role("Opener", &[OPEN]).await;
    world
        .grant(to(
            platform_auth::GrantPrincipal::Service(settlement.id),
            platform_auth::RoleRef::Custom(role.id),
        ))
        .await;
    of_service(&world, &settlement, new_key(&world, &[OPEN]))
        .await
        .unwrap();

    assert_eq!(world.app.mails().await.len(), 0);
}
