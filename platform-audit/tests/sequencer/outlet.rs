//! Where checkpoints are published.

use std::fs::{self, File};

use platform_audit::{Checkpoint, EventState, Sequencer, SequencerConfig};
use platform_core::RequestContext;

use crate::support::{Trail, settle};

impl Trail {
    pub(crate) fn published(&self, ctx: &RequestContext, name: &str) -> Option<String> {
        let folder = self.outlet_folder().join(ctx.tenant().to_string());
        fs::read_to_string(folder.join(name)).ok()
    }

    pub(crate) fn published_size(&self, ctx: &RequestContext) -> Option<u64> {
        let note = self.published(ctx, "checkpoint")?;
        let tenant = ctx.tenant();
        let opened = Checkpoint::open(&note, &self.key.origin(tenant), &self.key.verifiers(tenant));
        Some(opened.unwrap().head().size)
    }
}

#[tokio::test]
async fn every_checkpoint_is_published_under_its_size_and_the_newest_under_a_name_of_its_own() {
    let trail = Trail::new().await;
    let ctx = trail.tenant();
    let sequencer = trail.sequencer();
    for _ in 0..3 {
        trail.record(&ctx).await;
        settle(&sequencer).await;
    }

    assert_eq!(
        trail.published(&ctx, "checkpoint"),
        trail.published(&ctx, "checkpoints/3")
    );
    let mut names: Vec<_> = fs::read_dir(
        trail
            .outlet_folder()
            .join(ctx.tenant().to_string())
            .join("checkpoints"),
    )
    .unwrap()
    .map(|file| file.unwrap().file_name().into_string().unwrap())
    .collect();
    names.sort();
    assert_eq!(names, ["1", "2", "3"]);
}

#[tokio::test]
async fn while_the_outlet_cannot_be_written_heads_are_signed_and_published_later() {
    let trail = Trail::new().await;
    let (ctx, new) = (trail.tenant(), trail.tenant());
    let sequencer = trail.sequencer();
    trail.record(&ctx).await;
    settle(&sequencer).await;
    let elsewhere = trail.folder.path().join("elsewhere");
    fs::rename(trail.outlet_folder(), &elsewhere).unwrap();
    File::create(trail.outlet_folder()).unwrap();

    let (known, unknown) = (trail.record(&ctx).await, trail.record(&new).await);
    let round = settle(&sequencer).await;

    assert_eq!((round.signed, round.published), (2, 0));
    for (ctx, event) in [(&ctx, known), (&new, unknown)] {
        assert_eq!(trail.state(ctx, event).await, Some(EventState::Integrated));
    }
    assert!(sequencer.health().outlet.is_some());

    fs::remove_file(trail.outlet_folder()).unwrap();
    fs::rename(&elsewhere, trail.outlet_folder()).unwrap();
    let round = settle(&sequencer).await;
    assert_eq!(round.published, 2);
    assert_eq!(sequencer.health().complaint(), None);
    for (ctx, event) in [(&ctx, known), (&new, unknown)] {
        assert_eq!(trail.state(ctx, event).await, Some(EventState::Published));
        trail.prove_whole(ctx.tenant()).await;
    }
}

#[tokio::test]
async fn what_was_signed_without_an_outlet_is_published_when_there_is_one() {
    let trail = Trail::new().await;
    let ctx = trail.tenant();
    let without = Sequencer::new(
        &trail.test.db(),
        &trail.key,
        trail.marks(),
        SequencerConfig::default(),
    );
    let mut last = None;
    for _ in 0..5 {
        last = Some(trail.record(&ctx).await);
        settle(&without).await;
    }
    let last = last.unwrap();
    assert_eq!(trail.state(&ctx, last).await, Some(EventState::Integrated));

    trail
        .sql("update platform_audit.lease set until = clock_timestamp()")
        .await;
    let round = settle(&trail.sequencer()).await;

    assert_eq!((round.signed, round.published), (0, 5));
    assert_eq!(trail.state(&ctx, last).await, Some(EventState::Published));
    assert_eq!(trail.prove_whole(ctx.tenant()).await.checkpoints, [1, 2, 3, 4, 5]);
    assert_eq!(trail.published_size(&ctx), Some(5));
}

#[tokio::test]
async fn an_older_checkpoint_never_takes_the_place_of_a_newer_one() {
    let trail = Trail::new().await;
    let ctx = trail.tenant();
    let sequencer = trail.sequencer();
    for _ in 0..3 {
        trail.record(&ctx).await;
        settle(&sequencer).await;
    }

    // As after a crash between writing the files and noting it.
    trail
        .sql("update platform_audit.checkpoint set published_at = null where size < 3")
        .await;
    trail
        .sql("update platform_audit.lease set until = clock_timestamp()")
        .await;
    let round = settle(&trail.sequencer()).await;

    assert_eq!(round.published, 2);
    assert_eq!(trail.published_size(&ctx), Some(3));
    trail.prove_whole(ctx.tenant()).await;
}

#[tokio::test]
async fn what_somebody_else_has_put_there_is_replaced_unless_the_log_has_signed_it() {
    let trail = Trail::new().await;
    let ctx = trail.tenant();
    let sequencer = trail.sequencer();
    trail.record(&ctx).await;
    settle(&sequencer).await;
    let folder = trail.outlet_folder().join(ctx.tenant().to_string());

    for garbage in ["", "garbage", "\n99999\n", "\u{0}"] {
        fs::write(folder.join("checkpoint"), garbage).unwrap();
        trail.record(&ctx).await;
        trail
            .sql("update platform_audit.lease set until = clock_timestamp()")
            .await;
        let sequencer = trail.sequencer();
        settle(&sequencer).await;
        assert_eq!(sequencer.health().complaint(), None, "{garbage:?}");
    }

    assert_eq!(trail.published_size(&ctx), Some(5));
}

#[tokio::test]
async fn forged_checkpoints_are_not_published() {
    let trail = Trail::new().await;
    let ctx = trail.tenant();
    let sequencer = trail.sequencer();
    for _ in 0..2 {
        trail.record(&ctx).await;
        settle(&sequencer).await;
    }
    trail
        .tamper(
            "insert into platform_audit.checkpoint (tenant_id, size, root, note)
             select tenant_id, 0, root, 'forged' from platform_audit.checkpoint where size = 1",
        )
        .await;

    trail
        .sql("update platform_audit.lease set until = clock_timestamp()")
        .await;
    let next = trail.sequencer();
    settle(&next).await;

    assert_eq!(trail.published(&ctx, "checkpoints/0"), None);
    assert_eq!(next.health().refused_total, 1);
}

#[tokio::test]
async fn an_outlet_that_does_not_answer_holds_up_publishing_alone() {
    let trail = Trail::new().await;
    let ctx = trail.tenant();
    let folder = trail.outlet_folder().join(ctx.tenant().to_string());
    let pipe = folder.join("checkpoint");
    fs::create_dir_all(&folder).unwrap();
    // Whoever opens it waits for a writer.
    let made = std::process::Command::new("mkfifo").arg(&pipe).status().unwrap();
    assert!(made.success());
    let sequencer = trail.sequencer();
    let event = trail.record(&ctx).await;

    let round = sequencer.round().await.unwrap();

    assert_eq!((round.sequenced, round.signed, round.published), (1, 1, 0));
    assert_eq!(trail.state(&ctx, event).await, Some(EventState::Integrated));
    assert!(sequencer.health().outlet.unwrap().contains("too long"));
    // Nothing else is begun there before that has come back.
    sequencer.round().await.unwrap();
    assert!(!folder.join("checkpoints").exists());
    drop(File::options().write(true).open(&pipe).unwrap());
    fs::remove_file(&pipe).unwrap();
    while trail.state(&ctx, event).await != Some(EventState::Published) {
        sequencer.round().await.unwrap();
    }
    assert_eq!(sequencer.health().complaint(), None);
    let names = fs::read_dir(folder.join("checkpoints")).unwrap().count();
    assert_eq!(names, 1);
}

#[tokio::test]
async fn hundreds_of_checkpoints_are_published_at_once() {
    let trail = Trail::new().await;
    let contexts: Vec<_> = (0..600).map(|_| trail.tenant()).collect();
    for ctx in &contexts {
        trail.record(ctx).await;
    }

    let round = settle(&trail.sequencer()).await;

    assert_eq!((round.signed, round.published), (600, 600));
    for ctx in &contexts {
        assert_eq!(trail.published_size(ctx), Some(1));
    }
}
