//! Tags: what they find and what they tell.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use platform_core::sqlx;
use platform_crypto::{BlindIndex, DataKey, LowEntropy, Normalizer, RowId, TagError, Tagged};
use proptest::prelude::*;

use crate::support::{ADA, World};

/// One row for each address.
pub(crate) const LOGIN: BlindIndex = BlindIndex::unique("crm.customer.email", Normalizer::Email);

const NAME: BlindIndex = BlindIndex::sampled("crm.customer.name", Normalizer::Text, 4_096);

const PHONE: BlindIndex = BlindIndex::low_entropy(
    "crm.customer.phone",
    LowEntropy::Phone,
    1_000,
    "callers are found by number",
);

/// Tags a row in a transaction of its own.
pub(crate) async fn tag(
    world: &World,
    index: &BlindIndex,
    row: impl Into<RowId>,
    value: &str,
) -> Result<(), TagError> {
    let mut tx = world.begin().await;
    let tagged = Tagged::new(row, value);
    world.keyring.tag(&mut tx, &world.ctx(), index, &tagged).await?;
    tx.commit().await.unwrap();
    Ok(())
}

pub(crate) async fn find(world: &World, index: &BlindIndex, value: &str) -> Vec<RowId> {
    let mut read = world.db.read(&world.ctx()).await.unwrap();
    let found = world
        .keyring
        .find(&mut read, &world.ctx(), index, value)
        .await
        .unwrap();
    read.finish().await.unwrap();
    found
}

#[tokio::test]
async fn a_row_is_found_by_its_value_however_it_is_typed() {
    let world = World::shared().await;
    let (ada, bob) = (world.row(), world.row());
    tag(&world, &LOGIN, ada, "Ada@Example.com").await.unwrap();
    tag(&world, &LOGIN, bob, "bob@example.com").await.unwrap();

    assert_eq!(find(&world, &LOGIN, " ada@EXAMPLE.com").await, [RowId::from(ada)]);
    assert_eq!(find(&world, &LOGIN, "bob@example.com").await, [RowId::from(bob)]);
    assert!(find(&world, &LOGIN, "eve@example.com").await.is_empty());
    assert!(find(&world, &LOGIN, "").await.is_empty());
}

#[tokio::test]
async fn a_tenant_without_any_key_finds_nothing_and_gets_its_key_with_its_first_tag() {
    let world = World::shared().await;
    assert!(find(&world, &LOGIN, ADA).await.is_empty());

    let row = world.row();
    tag(&world, &LOGIN, row, ADA).await.unwrap();

    assert_eq!(find(&world, &LOGIN, ADA).await, [RowId::from(row)]);
    let elsewhere = world.other_process().await;
    let mut tx = world.begin().await;
    let found = elsewhere.find(&mut tx, &world.ctx(), &LOGIN, ADA).await.unwrap();
    assert_eq!(found, [RowId::from(row)]);
    // And it can still seal.
    let keys = world.keyring.keys(&world.ctx()).await.unwrap();
    assert!(keys.sealing_id().is_some());
}

#[tokio::test]
async fn a_value_that_another_row_has_is_taken() {
    let world = World::shared().await;
    let row = world.row();
    tag(&world, &LOGIN, row, ADA).await.unwrap();

    let mut tx = world.begin().await;
    let other = world.row();
    let tagged = Tagged::new(other, "ADA@example.com");
    let refused = world.keyring.tag(&mut tx, &world.ctx(), &LOGIN, &tagged).await;
    assert!(matches!(refused, Err(TagError::Taken)));

    // The transaction goes on.
    let another = Tagged::new(other, "eve@example.com");
    world
        .keyring
        .tag(&mut tx, &world.ctx(), &LOGIN, &another)
        .await
        .unwrap();
    tx.commit().await.unwrap();
    assert_eq!(find(&world, &LOGIN, ADA).await, [RowId::from(row)]);
    assert_eq!(
        find(&world, &LOGIN, "eve@example.com").await,
        [RowId::from(other)]
    );
}

#[tokio::test]
async fn a_row_that_is_tagged_again_moves_to_its_new_value() {
    let world = World::shared().await;
    let row = world.row();
    tag(&world, &LOGIN, row, ADA).await.unwrap();
    tag(&world, &LOGIN, row, ADA).await.unwrap();

    tag(&world, &LOGIN, row, "ada@lovelace.org").await.unwrap();

    assert!(find(&world, &LOGIN, ADA).await.is_empty());
    assert_eq!(find(&world, &LOGIN, "ada@lovelace.org").await, [RowId::from(row)]);
    // Its old value is free.
    tag(&world, &LOGIN, world.row(), ADA).await.unwrap();
}

#[tokio::test]
async fn a_row_without_a_value_has_no_tag() {
    let world = World::shared().await;
    let row = world.row();

    let refused = tag(&world, &LOGIN, row, "  ").await;
    assert!(matches!(refused, Err(TagError::NotIndexable(_))));

    tag(&world, &LOGIN, row, ADA).await.unwrap();
    let mut tx = world.begin().await;
    world.keyring.untag(&mut tx, &LOGIN, row).await.unwrap();
    tx.commit().await.unwrap();
    assert!(find(&world, &LOGIN, ADA).await.is_empty());
}

#[tokio::test]
async fn a_search_finds_rows_of_its_own_tenant_alone() {
    let world = World::shared().await;
    tag(&world, &LOGIN, world.row(), ADA).await.unwrap();
    let other = world.test.tenant().await;
    let ctx = world.test.context(other);

    let mut tx = world.db.begin(&ctx).await.unwrap();
    assert!(
        world
            .keyring
            .find(&mut tx, &ctx, &LOGIN, ADA)
            .await
            .unwrap()
            .is_empty()
    );
    let tagged = Tagged::new(world.row(), ADA);
    world.keyring.tag(&mut tx, &ctx, &LOGIN, &tagged).await.unwrap();
}

#[tokio::test]
async fn equal_values_of_two_tenants_have_different_tags() {
    let world = World::shared().await;
    let other = World::shared().await;
    for world in [&world, &other] {
        tag(world, &LOGIN, world.row(), ADA).await.unwrap();
    }

    let distinct = format!(
        "select count(distinct tag) from platform_crypto.blind_tag where tenant_id in ('{}', '{}')",
        world.tenant, other.tenant
    );
    assert_eq!(world.number(&distinct).await, 2);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn of_thirty_two_rows_that_want_one_value_one_gets_it() {
    let world = Arc::new(World::shared().await);

    let tasks: Vec<_> = (0..32)
        .map(|_| {
            let world = world.clone();
            tokio::spawn(async move { tag(&world, &LOGIN, world.row(), ADA).await })
        })
        .collect();
    let mut got = 0;
    for task in tasks {
        match task.await.unwrap() {
            Ok(()) => got += 1,
            Err(TagError::Taken) => {}
            Err(error) => panic!("{error:?}"),
        }
    }

    assert_eq!(got, 1);
    assert_eq!(find(&world, &LOGIN, ADA).await.len(), 1);
}

// C20
#[tokio::test]
async fn a_sampled_index_finds_candidates_that_have_to_be_opened() {
    let world = World::shared().await;
    let mut rows = BTreeMap::new();
    let mut tx = world.begin().await;
    for number in 0..300 {
        let row = RowId::from(world.row());
        let name = format!("Name {number}");
        let tagged = Tagged::new(world.row(), &name);
        world
            .keyring
            .tag(
                &mut tx,
                &world.ctx(),
                &PHONE,
                &Tagged::new(row, &format!("+4930{number:06}")),
            )
            .await
            .unwrap();
        world
            .keyring
            .tag(&mut tx, &world.ctx(), &NAME, &tagged)
            .await
            .unwrap();
        rows.insert(row, number);
    }
    tx.commit().await.unwrap();

    let mut tags = 0;
    for (row, number) in rows.iter().take(20) {
        let found = find(&world, &PHONE, &format!("0049 30 {number:06}")).await;
        assert!(found.contains(row));
        tags += found.len();
    }
    // 300 rows over 256 tags.
    assert!((20..80).contains(&tags), "{tags}");
}

/// How many values share the tag of one, on average over the values.
fn collisions(index: &BlindIndex, key: &DataKey, values: impl Iterator<Item = String>) -> (usize, f64) {
    let mut tags: BTreeMap<_, usize> = BTreeMap::new();
    let mut count = 0_usize;
    for value in values {
        *tags.entry(index.tag(key, &value).unwrap()).or_default() += 1;
        count += 1;
    }
    let sharing: usize = tags.values().map(|values| values * values).sum();
    #[expect(clippy::float_arithmetic, reason = "a statistic")]
    let average = f64::from(u32::try_from(sharing).unwrap()) / f64::from(u32::try_from(count).unwrap());
    (tags.len(), average)
}

// C20
#[test]
fn a_truncated_index_has_the_rate_of_collisions_that_its_population_asks_for() {
    let key = DataKey::from_bytes([9; 32]);

    // 11 bits for 4,096 values: 2 to a tag, and by chance 1 more for each value (a Poisson distribution).
    assert_eq!(NAME.bits(), 11);
    let (tags, sharing) = collisions(&NAME, &key, (0..4_096).map(|number| format!("name {number}")));
    assert!((1_700..=1_800).contains(&tags), "{tags} of 2,048 tags in use");
    assert!((2.8..3.2).contains(&sharing), "{sharing} values to a tag");

    // 8 bits for 1,000 values: almost 4 to a tag.
    assert_eq!(PHONE.bits(), 8);
    let (tags, sharing) = collisions(&PHONE, &key, (0..1_000).map(|number| format!("+4930{number:06}")));
    assert!((240..=256).contains(&tags), "{tags} of 256 tags in use");
    assert!((4.5..5.4).contains(&sharing), "{sharing} values to a tag");

    let (tags, sharing) = collisions(
        &LOGIN,
        &key,
        (0..4_096).map(|number| format!("{number}@example.com")),
    );
    assert_eq!(tags, 4_096);
    assert!(sharing < 1.001);
}

#[test]
fn a_population_gives_each_tag_two_to_four_values() {
    const fn bits(population: u64) -> u32 {
        BlindIndex::sampled("a.b.c", Normalizer::Text, population).bits()
    }
    assert_eq!(
        [8, 15, 16, 1_000, 1_024, 1_000_000, u64::MAX].map(bits),
        [2, 2, 3, 8, 9, 18, 62]
    );
}

#[test]
fn the_tag_of_a_value_never_changes_between_releases() {
    let key = DataKey::from_bytes([7; 32]);
    let hex = |tag: &[u8]| tag.iter().map(|byte| format!("{byte:02x}")).collect::<String>();

    // Computed by another program from the description alone.
    assert_eq!(
        hex(LOGIN.tag(&key, " Ada@Example.com").unwrap().as_bytes()),
        "b470484dc0b571e3e1a8c7aa7dd28e60"
    );
    assert_eq!(hex(NAME.tag(&key, "Ada Lovelace").unwrap().as_bytes()), "ff20");
    assert_eq!(hex(PHONE.tag(&key, "0049 30 123456").unwrap().as_bytes()), "a8");
}

#[test]
fn index_column_and_rule_each_give_other_tags() {
    const OTHER_COLUMN: BlindIndex = BlindIndex::unique("crm.customer.emails", Normalizer::Email);
    const OTHER_RULE: BlindIndex = BlindIndex::unique("crm.customer.email", Normalizer::Exact);
    let (key, other) = (DataKey::from_bytes([7; 32]), DataKey::from_bytes([8; 32]));

    let tags: BTreeSet<_> = [
        LOGIN.tag(&key, ADA),
        LOGIN.tag(&other, ADA),
        OTHER_COLUMN.tag(&key, ADA),
        OTHER_RULE.tag(&key, ADA),
    ]
    .map(Result::unwrap)
    .into_iter()
    .collect();

    assert_eq!(tags.len(), 4);
}

#[test]
fn neither_a_tag_nor_what_is_tagged_shows_the_value() {
    let tag = LOGIN.tag(&DataKey::from_bytes([7; 32]), ADA).unwrap();
    assert_eq!(format!("{tag:?}"), "Tag(16 B)");
    let tagged = Tagged::new(platform_core::uuid::Uuid::nil(), ADA);
    assert!(!format!("{tagged:?}").contains("ada"));
}

#[tokio::test]
async fn a_tag_stands_in_the_table_with_no_more_bits_than_it_may_have() {
    let world = World::shared().await;
    tag(&world, &NAME, world.row(), "Ada").await.unwrap();
    let mut read = world.db.read(&world.ctx()).await.unwrap();

    let stored: Vec<u8> = sqlx::query_scalar(
        "select tag from platform_crypto.blind_tag where tenant_id = $1 and index_name = $2",
    )
    .bind(world.tenant)
    .bind(NAME.name())
    .fetch_one(&mut read)
    .await
    .unwrap();

    assert_eq!((stored.len(), stored[1] & 0b0001_1111), (2, 0));
}

proptest! {
    #[test]
    fn a_tag_has_exactly_its_bits(value in "[a-z]{1,20}", population in 8..u64::MAX) {
        let index = BlindIndex::sampled("a.b.c", Normalizer::Text, population);
        let tag = index.tag(&DataKey::from_bytes([1; 32]), &value).unwrap();

        let bits = usize::try_from(index.bits()).unwrap();
        prop_assert_eq!(tag.as_bytes().len(), bits.div_ceil(8));
        let spare = tag.as_bytes().len() * 8 - bits;
        prop_assert!(tag.as_bytes().last().unwrap().trailing_zeros() >= u32::try_from(spare).unwrap());
    }
}
