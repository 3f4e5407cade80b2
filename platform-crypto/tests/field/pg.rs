//! Sealed columns in a real database.

use platform_core::testing::TestDb;
use platform_crypto::{KeyId, Sealed};

use crate::support::*;

#[tokio::test]
async fn a_sealed_value_and_its_key_id_come_back_from_the_database() {
    let db = TestDb::shared(&[]).await;
    let ctx = db.context(db.tenant().await);
    let at = EMAIL.at(ctx.tenant(), row());
    let keys = keys(ctx.tenant());
    let sealed = keys.seal(&at, &text("ada@example.com")).unwrap();

    let mut tx = db.db().begin(&ctx).await.unwrap();
    let (stored, absent, key): (Sealed<String>, Option<Sealed<String>>, KeyId) =
        sqlx::query_as("select $1, null::bytea, substring($1 from 3 for 16)")
            .bind(&sealed)
            .fetch_one(&mut tx)
            .await
            .unwrap();

    assert_eq!(stored, sealed);
    assert_eq!(absent, None);
    assert_eq!(Ok(key), sealed.key_id());
    assert_eq!(keys.open(&at, &stored).unwrap().expose(), "ada@example.com");
}

#[tokio::test]
async fn lists_of_values_and_of_key_ids_go_both_ways() {
    let db = TestDb::shared(&[]).await;
    let ctx = db.context(db.tenant().await);
    let key = field_key();
    let sealed: Vec<_> = (0..3)
        .map(|n| key.seal(&somewhere(&NOTE), &vec![n; 9]).unwrap())
        .collect();

    let mut tx = db.db().begin(&ctx).await.unwrap();
    let (stored, ids): (Vec<Sealed<Vec<u8>>>, Vec<KeyId>) = sqlx::query_as("select $1::bytea[], $2::bytea[]")
        .bind(&sealed)
        .bind(vec![key.id(); 2])
        .fetch_one(&mut tx)
        .await
        .unwrap();

    assert_eq!(stored, sealed);
    assert_eq!(ids, [key.id(), key.id()]);
}

#[tokio::test]
async fn one_unreadable_value_does_not_spoil_a_list() {
    let db = TestDb::shared(&[]).await;
    let ctx = db.context(db.tenant().await);
    let at = EMAIL.at(ctx.tenant(), row());
    let keys = keys(ctx.tenant());
    let sealed = keys.seal(&at, &text("ada@example.com")).unwrap();

    let mut tx = db.db().begin(&ctx).await.unwrap();
    let stored: Vec<(Sealed<String>,)> = sqlx::query_as("values ($1), ('\\x'::bytea), ('\\x00'::bytea)")
        .bind(&sealed)
        .fetch_all(&mut tx)
        .await
        .unwrap();

    let opened: Vec<_> = stored
        .iter()
        .map(|(value,)| keys.open(&at, value).is_ok())
        .collect();
    assert_eq!(opened, [true, false, false]);
}
