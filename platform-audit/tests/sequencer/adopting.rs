//! Going on with a trail that was refused.

use platform_audit::{Action, AdoptError, EventState, Mark, Refusal};
use platform_core::sqlx;

use crate::support::{Trail, settle};
use crate::tampering::{grown, refused, rolled_back, root_at, successor};

#[tokio::test]
async fn an_operator_who_has_looked_goes_on_with_what_there_is_and_that_is_audited() {
    let trail = Trail::new().await;
    let ctx = grown(&trail, 2).await;
    let tenant = ctx.tenant();
    let root = root_at(&trail, tenant, 100).await;
    trail.tamper(&rolled_back(tenant, 100, &root)).await;
    let sequencer = successor(&trail).await;
    refused(&trail, &ctx, &sequencer, Refusal::TreeShrunk).await;
    // The lease went to a successor in the meantime.
    let sequencer = successor(&trail).await;
    settle(&sequencer).await;

    let adopted = sequencer
        .adopt(&trail.audit, &ctx, "restored the backup of Tuesday")
        .await
        .unwrap();

    assert_eq!((adopted.before.head.size, adopted.head.size), (200, 100));
    settle(&sequencer).await;
    assert_eq!(sequencer.health().complaint(), None);
    let proven = trail.prove_whole(tenant).await;
    assert_eq!((proven.size, proven.checkpoints), (102, vec![100, 102]));
    assert_eq!(
        trail.state(&ctx, adopted.event).await,
        Some(EventState::Published)
    );
    let aside = trail.outlet_folder().join(format!("{tenant}.abandoned-1"));
    assert!(aside.join("checkpoints/200").exists());
    let told: String = sqlx::query_scalar("select detail::text from platform_audit.event where action = $1")
        .bind(Action::new("audit.adopt").name())
        .fetch_one(&mut trail.superuser().await)
        .await
        .unwrap();
    assert!(
        told.contains("tree_shrunk") && told.contains("restored the backup of Tuesday"),
        "{told}"
    );
    // And with that it is as any other.
    let next = successor(&trail).await;
    trail.record(&ctx).await;
    settle(&next).await;
    assert_eq!(trail.prove_whole(tenant).await.size, 103);
}

#[tokio::test]
async fn nothing_is_adopted_that_is_well_or_that_contradicts_itself() {
    let trail = Trail::new().await;
    let ctx = grown(&trail, 1).await;
    let sequencer = successor(&trail).await;
    settle(&sequencer).await;
    let well = sequencer.adopt(&trail.audit, &ctx, "why not").await;
    assert!(matches!(well, Err(AdoptError::NotRefused)), "{well:?}");

    trail
        .tamper("update platform_audit.tile set hashes = set_byte(hashes, 0, 1 - get_byte(hashes, 0) % 2)")
        .await;
    let sequencer = successor(&trail).await;
    refused(&trail, &ctx, &sequencer, Refusal::TreeBroken).await;
    let elsewhere = sequencer.adopt(&trail.audit, &ctx, "it looks fine").await;
    assert!(matches!(elsewhere, Err(AdoptError::Elsewhere)), "{elsewhere:?}");
    let sequencer = successor(&trail).await;
    let unsound = sequencer.adopt(&trail.audit, &ctx, "it looks fine").await;

    assert!(
        matches!(unsound, Err(AdoptError::Unsound(Refusal::TreeBroken))),
        "{unsound:?}"
    );
    assert_eq!(
        trail
            .count("platform_audit.event where action = 'audit.adopt'")
            .await,
        0
    );
    let mark = trail.marks().get(ctx.tenant()).unwrap();
    assert!(matches!(
        mark,
        Mark {
            refused: Some(Refusal::TreeBroken),
            ..
        }
    ));
}
