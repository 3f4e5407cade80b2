//! The directory of tenants.

use platform_core::TenantId;
use platform_core::pg::{
    DbError, NewTenant, Slug, Tenant, TenantError, TenantStatus, TenantVerb, Tenants, TransitionError,
};
use platform_core::testing::TestDb;
use proptest::prelude::*;

use crate::support::{context, own_shop, shop, tenant};

fn fresh_slug() -> Slug {
    format!("s-{}", tenant().as_uuid().simple()).parse().unwrap()
}

fn new(slug: &Slug, parent: Option<TenantId>) -> NewTenant {
    NewTenant {
        slug: slug.clone(),
        name: "Test".to_owned(),
        parent,
    }
}

async fn create(test: &TestDb, new: &NewTenant) -> Result<Tenant, TenantError> {
    let mut tx = test.db().begin(&context(tenant())).await?;
    let created = Tenants::new(&test.db()).create_in(&mut tx, new).await?;
    tx.commit().await?;
    Ok(created)
}

#[tokio::test]
async fn a_tenant_is_found_by_its_slug_and_by_its_id() {
    let test = shop().await;
    let tenants = Tenants::new(&test.db());
    let slug = fresh_slug();

    let created = create(&test, &new(&slug, None)).await.unwrap();

    assert_eq!(tenants.by_slug(&slug).await.unwrap(), Some(created.clone()));
    assert_eq!(tenants.by_id(created.id).await.unwrap(), Some(created));
    assert_eq!(tenants.by_id(tenant()).await.unwrap(), None);
    assert_eq!(tenants.by_slug(&fresh_slug()).await.unwrap(), None);
}

#[tokio::test]
async fn a_slug_is_taken_once() {
    let test = shop().await;
    let slug = fresh_slug();
    create(&test, &new(&slug, None)).await.unwrap();

    let again = create(&test, &new(&slug, None)).await;

    assert!(matches!(again, Err(TenantError::SlugTaken)), "{again:?}");
}

#[tokio::test]
async fn a_name_has_1_to_200_characters() {
    let test = shop().await;

    for name in [String::new(), "  ".to_owned(), "é".repeat(201)] {
        let mut new = new(&fresh_slug(), None);
        new.name = name;
        let refused = create(&test, &new).await;
        assert!(matches!(refused, Err(TenantError::InvalidName)), "{refused:?}");
    }
    let mut longest = new(&fresh_slug(), None);
    longest.name = "é".repeat(200);
    create(&test, &longest).await.unwrap();
}

#[tokio::test]
async fn a_parent_has_to_exist() {
    let test = shop().await;

    let refused = create(&test, &new(&fresh_slug(), Some(tenant()))).await;

    assert!(matches!(refused, Err(TenantError::ParentUnknown)), "{refused:?}");
}

#[tokio::test]
async fn the_hierarchy_is_as_deep_as_its_limit_and_no_deeper() {
    let test = shop().await;
    let mut line = vec![create(&test, &new(&fresh_slug(), None)).await.unwrap().id];
    for _ in 0..Tenants::DEPTH_MAX {
        let parent = line.last().copied();
        line.push(create(&test, &new(&fresh_slug(), parent)).await.unwrap().id);
    }

    let too_deep = create(&test, &new(&fresh_slug(), line.last().copied())).await;

    assert!(matches!(too_deep, Err(TenantError::TooDeep)), "{too_deep:?}");
    let tenants = Tenants::new(&test.db());
    assert_eq!(tenants.subtree(line[0]).await.unwrap().tenants(), line);
    assert_eq!(tenants.subtree(line[10]).await.unwrap().tenants(), &line[10..]);
}

#[tokio::test]
async fn a_subtree_past_its_limit_is_refused() {
    let test = own_shop().await;
    let root = create(&test, &new(&fresh_slug(), None)).await.unwrap().id;
    let fill = |rows: usize| {
        format!(
            "with made as (
                 insert into platform_core.tenant (id, slug, name, status, parent_id, created_at)
                 select gen_random_uuid(), gen_random_uuid()::text, 'x', 'active', '{root}', now()
                 from generate_series(1, {rows}) returning id)
             insert into platform_core.tenant_closure (ancestor, descendant, depth) select '{root}', id, 1 from made"
        )
    };
    let tenants = Tenants::new(&test.db());

    crate::support::as_superuser(test.database(), &fill(Tenants::SUBTREE_MAX - 1)).await;
    let largest = tenants.subtree(root).await;
    crate::support::as_superuser(test.database(), &fill(1)).await;
    let too_large = tenants.subtree(root).await;

    assert_eq!(largest.unwrap().tenants().len(), Tenants::SUBTREE_MAX);
    assert!(too_large.is_err());
}

#[tokio::test]
async fn a_host_name_stands_for_a_tenant_once_it_is_verified() {
    let test = shop().await;
    let tenants = Tenants::new(&test.db());
    let owner = create(&test, &new(&fresh_slug(), None)).await.unwrap();
    let host = format!("{}.Example.com", owner.slug);
    let claimed = format!("claimed-{host}");

    let mut tx = test.db().begin(&context(owner.id)).await.unwrap();
    tenants.add_host_in(&mut tx, &host, true).await.unwrap();
    tenants.add_host_in(&mut tx, &claimed, false).await.unwrap();
    tx.commit().await.unwrap();

    let found = tenants.by_host(&host.to_uppercase()).await.unwrap();
    assert_eq!(found.map(|tenant| tenant.id), Some(owner.id));
    assert_eq!(tenants.by_host(&claimed).await.unwrap(), None);
}

#[tokio::test]
async fn a_host_name_belongs_to_one_tenant() {
    let test = shop().await;
    let tenants = Tenants::new(&test.db());
    let owner = create(&test, &new(&fresh_slug(), None)).await.unwrap();
    let host = format!("{}.example.com", owner.slug);
    let mut tx = test.db().begin(&context(owner.id)).await.unwrap();
    tenants.add_host_in(&mut tx, &host, true).await.unwrap();
    tx.commit().await.unwrap();

    let other = create(&test, &new(&fresh_slug(), None)).await.unwrap();
    let mut tx = test.db().begin(&context(other.id)).await.unwrap();
    let refused = tenants.add_host_in(&mut tx, &host, true).await;

    assert!(matches!(refused, Err(DbError::Conflict { .. })), "{refused:?}");
}

#[tokio::test]
async fn a_status_is_kept() {
    let test = shop().await;
    let tenants = Tenants::new(&test.db());
    let created = create(&test, &new(&fresh_slug(), None)).await.unwrap();

    for verb in [TenantVerb::Suspend, TenantVerb::Resume, TenantVerb::Close] {
        transition(&test, created.id, verb, None).await.unwrap();
        let found = tenants.by_id(created.id).await.unwrap().unwrap();
        assert_eq!(found.status, verb.status());
    }
}

async fn transition(
    test: &TestDb,
    tenant: TenantId,
    verb: TenantVerb,
    by: Option<TenantId>,
) -> Result<TenantStatus, TransitionError> {
    let mut tx = test.db().begin(&context(tenant)).await?;
    let before = Tenants::new(&test.db()).transition_in(&mut tx, verb, by).await?;
    tx.commit().await?;
    Ok(before)
}

#[tokio::test]
async fn a_suspension_is_replaced_from_further_above_and_from_nowhere_else() {
    let test = shop().await;
    let mut line = vec![create(&test, &new(&fresh_slug(), None)).await.unwrap().id];
    for _ in 0..2 {
        let parent = line.last().copied();
        line.push(create(&test, &new(&fresh_slug(), parent)).await.unwrap().id);
    }
    let stranger = create(&test, &new(&fresh_slug(), None)).await.unwrap().id;
    let (top, middle, bottom) = (line[0], line[1], line[2]);
    let suspend = async |by| transition(&test, bottom, TenantVerb::Suspend, by).await;
    let is_not_from = |done: Result<_, _>| {
        matches!(
            done,
            Err(TransitionError::NotFrom {
                status: TenantStatus::Suspended
            })
        )
    };

    assert_eq!(suspend(Some(middle)).await.unwrap(), TenantStatus::Active);
    assert!(is_not_from(suspend(Some(middle)).await));
    assert!(is_not_from(suspend(Some(stranger)).await));
    assert_eq!(suspend(Some(top)).await.unwrap(), TenantStatus::Suspended);
    assert!(is_not_from(suspend(Some(middle)).await));
    let resumed = transition(&test, bottom, TenantVerb::Resume, Some(middle)).await;
    assert!(matches!(resumed, Err(TransitionError::SetAbove)), "{resumed:?}");
    assert_eq!(suspend(None).await.unwrap(), TenantStatus::Suspended);
    assert!(is_not_from(suspend(None).await));
    assert!(is_not_from(suspend(Some(top)).await));
    let resumed = transition(&test, bottom, TenantVerb::Resume, Some(top)).await;
    assert!(matches!(resumed, Err(TransitionError::SetAbove)), "{resumed:?}");
    let resumed = transition(&test, bottom, TenantVerb::Resume, None).await;
    assert_eq!(resumed.unwrap(), TenantStatus::Suspended);
}

#[tokio::test]
async fn a_list_goes_on_where_it_stopped() {
    let test = own_shop().await;
    let tenants = Tenants::new(&test.db());
    let mut made = Vec::new();
    for _ in 0..5 {
        made.push(create(&test, &new(&fresh_slug(), None)).await.unwrap().id);
    }
    made.sort();

    let first = tenants.list(None, 3).await.unwrap();
    let rest = tenants
        .list(first.last().map(|tenant| tenant.id), 3)
        .await
        .unwrap();

    let listed: Vec<_> = first.iter().chain(&rest).map(|tenant| tenant.id).collect();
    assert_eq!(first.len(), 3);
    assert_eq!(listed, made);
}

/// The rule once more, written another way.
fn is_slug(text: &str) -> bool {
    let sound = |c: char| matches!(c, 'a'..='z' | '0'..='9' | '-');
    (1..=63).contains(&text.len())
        && text.chars().all(sound)
        && !text.starts_with('-')
        && !text.ends_with('-')
        && !text.contains("--")
}

proptest! {
    #[test]
    fn a_text_is_a_slug_when_it_follows_the_rule(text in "[a-c0-2-]{0,66}|[a-zA-Z0-9_ .-]{0,8}|\\PC{0,4}") {
        let parsed = text.parse::<Slug>();

        prop_assert_eq!(parsed.is_ok(), is_slug(&text));
        if let Ok(slug) = parsed {
            prop_assert_eq!(slug.as_str(), text);
        }
    }
}
