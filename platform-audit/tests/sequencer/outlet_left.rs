//! What a crash, another process or another hand leaves where checkpoints are published.

use std::fs;
use std::path::PathBuf;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use platform_audit::{Checkpoint, LeafHash, LogKey, Refusal, Sequencer, TreeHead};
use platform_core::Sources;

use crate::support::{Trail, settle};

impl Trail {
    fn outlet_journal(&self) -> PathBuf {
        self.outlet_folder().join("journal")
    }

    /// As if the process had ended and another one begun.
    async fn another_process(&self) -> Sequencer {
        self.sql("update platform_audit.lease set until = clock_timestamp()")
            .await;
        self.sequencer()
    }
}

#[tokio::test]
async fn files_that_a_crash_of_the_machine_has_emptied_are_made_whole_by_the_next_process() {
    let trail = Trail::new().await;
    let (ctx, other) = (trail.tenant(), trail.tenant());
    let sequencer = trail.sequencer();
    for _ in 0..3 {
        trail.record(&ctx).await;
        trail.record(&other).await;
        settle(&sequencer).await;
    }
    let whole = trail.published(&ctx, "checkpoint").unwrap();
    let folder = trail.outlet_folder().join(ctx.tenant().to_string());
    fs::write(folder.join("checkpoint"), "").unwrap();
    fs::write(folder.join("checkpoints/3"), &whole[..20]).unwrap();
    fs::remove_file(folder.join("checkpoints/2")).unwrap();
    fs::remove_dir_all(trail.outlet_folder().join(other.tenant().to_string())).unwrap();

    let next = trail.another_process().await;
    trail.record(&ctx).await;
    settle(&next).await;

    assert_eq!(trail.published(&ctx, "checkpoints/3"), Some(whole));
    assert!(trail.published(&ctx, "checkpoints/2").is_some());
    assert_eq!(trail.published_size(&ctx), Some(4));
    assert_eq!(trail.published_size(&other), Some(3));
    assert!(trail.published(&other, "checkpoints/1").is_some());
    assert_eq!(next.health().complaint(), None);
}

#[tokio::test]
async fn a_checkpoint_is_in_the_journal_when_it_is_published() {
    let trail = Trail::new().await;
    let ctx = trail.tenant();
    trail.record(&ctx).await;
    settle(&trail.sequencer()).await;

    let line = fs::read_to_string(trail.outlet_journal()).unwrap();

    let (tenant, note) = line.trim_end().split_once(' ').unwrap();
    assert_eq!(tenant, ctx.tenant().to_string());
    let note = String::from_utf8(STANDARD.decode(note).unwrap()).unwrap();
    assert_eq!(Some(note), trail.published(&ctx, "checkpoint"));
}

#[tokio::test]
async fn what_cannot_be_read_of_the_journal_is_kept_beside_it_and_the_rest_is_used() {
    let trail = Trail::new().await;
    let ctx = trail.tenant();
    trail.record(&ctx).await;
    settle(&trail.sequencer()).await;
    let sound = fs::read_to_string(trail.outlet_journal()).unwrap();
    let other = trail.tenant().tenant().to_string();
    // Torn, of another tenant, and nothing at all.
    let renamed = sound.replace(&ctx.tenant().to_string(), &other);
    let journal = format!("{renamed}\0\0\0\n{sound}{}", &sound[..sound.len() / 2]);
    fs::write(trail.outlet_journal(), &journal).unwrap();
    fs::remove_dir_all(trail.outlet_folder().join(ctx.tenant().to_string())).unwrap();

    let next = trail.another_process().await;
    trail.record(&ctx).await;
    settle(&next).await;

    assert!(trail.published(&ctx, "checkpoints/1").is_some());
    assert_eq!(trail.published_size(&ctx), Some(2));
    assert!(!trail.outlet_folder().join(other).exists());
    let kept = fs::read_to_string(trail.outlet_folder().join("journal.unread-1")).unwrap();
    assert_eq!(kept, journal);
    assert_eq!(
        fs::read_to_string(trail.outlet_journal())
            .unwrap()
            .lines()
            .count(),
        1
    );
}

#[tokio::test]
async fn a_journal_that_has_grown_long_is_begun_anew_with_every_checkpoint_in_its_file() {
    let trail = Trail::new().await;
    let (ctx, other) = (trail.tenant(), trail.tenant());
    let sequencer = trail.sequencer();
    trail.record(&ctx).await;
    trail.record(&other).await;
    settle(&sequencer).await;
    let lines = fs::read_to_string(trail.outlet_journal()).unwrap();
    fs::write(trail.outlet_journal(), lines.repeat((4 << 20) / lines.len() + 1)).unwrap();
    // Another machine that shares the directory has stopped.
    fs::remove_dir_all(trail.outlet_folder().join(other.tenant().to_string())).unwrap();

    trail.record(&ctx).await;
    settle(&sequencer).await;

    assert_eq!(
        fs::read_to_string(trail.outlet_journal())
            .unwrap()
            .lines()
            .count(),
        1
    );
    assert_eq!(trail.published_size(&ctx), Some(2));
    assert_eq!(trail.published_size(&other), Some(1));
}

#[tokio::test]
async fn a_file_that_another_process_is_writing_is_left_to_it() {
    let trail = Trail::new().await;
    let ctx = trail.tenant();
    let sequencer = trail.sequencer();
    trail.record(&ctx).await;
    settle(&sequencer).await;
    let folder = trail.outlet_folder().join(ctx.tenant().to_string());
    // Processes in other containers have the same number, and begin to count where this one does.
    let theirs: Vec<PathBuf> = (0..2_000)
        .map(|number| format!(".{}-{number}.new", std::process::id()))
        .flat_map(|end| {
            [
                folder.join(format!("checkpoint{end}")),
                folder.join(format!("checkpoints/2{end}")),
            ]
        })
        .collect();
    for file in &theirs {
        fs::write(file, "half").unwrap();
    }

    trail.record(&ctx).await;
    settle(&sequencer).await;

    assert_eq!(trail.published_size(&ctx), Some(2));
    for file in &theirs {
        assert_eq!(fs::read_to_string(file).unwrap(), "half");
    }
    let strays = fs::read_dir(folder.join("checkpoints")).unwrap().count();
    assert_eq!(strays, 2 + theirs.len() / 2);
}

#[tokio::test]
async fn what_was_put_aside_for_a_log_that_was_begun_anew_does_not_come_back() {
    let trail = Trail::new().await;
    let ctx = trail.tenant();
    let sequencer = trail.sequencer();
    trail.record(&ctx).await;
    settle(&sequencer).await;
    trail.sql("create table kept_tree as select * from platform_audit.tree; create table kept_tile as select * from platform_audit.tile")
        .await;
    trail.record(&ctx).await;
    settle(&sequencer).await;
    // As after a restore of the database alone.
    trail
        .tamper(
            "delete from platform_audit.checkpoint where size = 2; delete from platform_audit.leaf where seq = 1;
             delete from platform_audit.entry where id not in (select id from platform_audit.leaf);
             delete from platform_audit.event where id not in (select id from platform_audit.leaf);
             delete from platform_audit.tree; insert into platform_audit.tree select * from kept_tree;
             delete from platform_audit.tile; insert into platform_audit.tile select * from kept_tile",
        )
        .await;
    let next = trail.another_process().await;
    next.round().await.unwrap();
    next.adopt(&trail.audit, &ctx, "restored").await.unwrap();

    let third = trail.another_process().await;
    settle(&third).await;

    assert_eq!(third.health().complaint(), None);
    let size = trail.published_size(&ctx);
    let aside = format!("{}.abandoned-1/checkpoint", ctx.tenant());
    let before = fs::read_to_string(trail.outlet_folder().join(aside)).unwrap();
    assert_eq!(size, Some(2));
    assert_ne!(trail.published(&ctx, "checkpoints/2"), Some(before));
}

#[tokio::test]
async fn the_newest_checkpoint_of_a_log_that_was_begun_anew_is_in_the_journal() {
    let trail = Trail::new().await;
    let ctx = trail.tenant();
    let sequencer = trail.sequencer();
    trail.record(&ctx).await;
    settle(&sequencer).await;
    let first = trail.published(&ctx, "checkpoint").unwrap();
    trail.sql("create table kept_tree as select * from platform_audit.tree; create table kept_tile as select * from platform_audit.tile")
        .await;
    trail.record(&ctx).await;
    settle(&sequencer).await;
    trail
        .tamper(
            "delete from platform_audit.checkpoint where size = 2; delete from platform_audit.leaf where seq = 1;
             delete from platform_audit.entry where id not in (select id from platform_audit.leaf);
             delete from platform_audit.event where id not in (select id from platform_audit.leaf);
             delete from platform_audit.tree; insert into platform_audit.tree select * from kept_tree;
             delete from platform_audit.tile; insert into platform_audit.tile select * from kept_tile",
        )
        .await;
    let next = trail.another_process().await;
    next.round().await.unwrap();

    next.adopt(&trail.audit, &ctx, "restored").await.unwrap();

    assert_eq!(trail.published(&ctx, "checkpoint").as_ref(), Some(&first));
    let journal = fs::read_to_string(trail.outlet_journal()).unwrap();
    let notes: Vec<_> = journal
        .lines()
        .map(|line| line.split_once(' ').unwrap().1.to_owned())
        .collect();
    assert_eq!(notes, [STANDARD.encode(first)]);
}

#[tokio::test]
async fn half_a_line_of_a_process_that_was_killed_does_not_spoil_the_next_one() {
    let trail = Trail::new().await;
    let ctx = trail.tenant();
    let sequencer = trail.sequencer();
    trail.record(&ctx).await;
    settle(&sequencer).await;
    let mut journal = fs::read(trail.outlet_journal()).unwrap();
    let half = journal.len() / 2;
    journal.extend_from_within(..half);
    fs::write(trail.outlet_journal(), journal).unwrap();

    trail.record(&ctx).await;
    settle(&sequencer).await;
    let second = trail.published(&ctx, "checkpoints/2");
    fs::remove_dir_all(trail.outlet_folder().join(ctx.tenant().to_string())).unwrap();
    settle(&trail.another_process().await).await;

    assert!(second.is_some());
    assert_eq!(trail.published(&ctx, "checkpoints/2"), second);
}

#[tokio::test]
async fn a_file_that_is_not_the_checkpoint_is_not_taken_for_it() {
    for garbage in ["", "garbage"] {
        let trail = Trail::new().await;
        let ctx = trail.tenant();
        let sequencer = trail.sequencer();
        trail.record(&ctx).await;
        settle(&sequencer).await;
        let folder = trail.outlet_folder().join(ctx.tenant().to_string());
        fs::write(folder.join("checkpoints/2"), garbage).unwrap();

        trail.record(&ctx).await;
        let round = settle(&sequencer).await;

        assert_eq!(round.published, 1);
        let second = trail.published(&ctx, "checkpoint");
        assert_eq!(trail.published(&ctx, "checkpoints/2"), second);
        let lines = fs::read_to_string(trail.outlet_journal()).unwrap();
        assert_eq!(lines.lines().count(), 2);
    }
}

#[tokio::test]
async fn another_head_of_the_same_size_that_the_log_has_signed_is_never_passed_over() {
    let trail = Trail::new().await;
    let (ctx, sound) = (trail.tenant(), trail.tenant());
    let sequencer = trail.sequencer();
    trail.record(&ctx).await;
    settle(&sequencer).await;
    let tenant = ctx.tenant();
    let root = LeafHash::of(b"another history").into();
    let other = Checkpoint::new(trail.key.origin(tenant), TreeHead { size: 2, root })
        .sign(&trail.key.signer(tenant))
        .unwrap();
    let file = trail
        .outlet_folder()
        .join(tenant.to_string())
        .join("checkpoints/2");
    fs::write(&file, other.to_string()).unwrap();

    trail.record(&ctx).await;
    trail.record(&sound).await;
    let round = settle(&sequencer).await;

    assert_eq!((round.signed, round.published), (2, 1));
    assert_eq!(fs::read_to_string(&file).unwrap(), other.to_string());
    assert_eq!(trail.published_size(&ctx), Some(1));
    assert_eq!(trail.published_size(&sound), Some(1));
    let refused = sequencer.health().refused;
    assert_eq!(refused, [(tenant, Refusal::PublishedForked)]);

    // Whoever has looked goes on, and what contradicts is kept beside.
    sequencer.adopt(&trail.audit, &ctx, "looked").await.unwrap();
    trail.record(&ctx).await;
    settle(&sequencer).await;
    assert_eq!(sequencer.health().complaint(), None);
    let aside = format!("{tenant}.abandoned-1/checkpoints/2");
    assert_eq!(
        fs::read_to_string(trail.outlet_folder().join(aside)).unwrap(),
        other.to_string()
    );
    assert!(trail.published_size(&ctx) >= Some(3));
    assert!(trail.published(&ctx, "checkpoints/2").is_some());
}

#[tokio::test]
async fn what_another_key_of_the_log_has_signed_stays_in_the_journal_for_whoever_has_the_key() {
    let trail = Trail::new().await;
    let (ctx, other) = (trail.tenant(), trail.tenant());
    trail.record(&ctx).await;
    settle(&trail.sequencer()).await;
    // Another process has the next key already, and this one does not.
    let host = trail.key.host().as_str();
    let new_key = LogKey::generate(host, &Sources::system()).unwrap();
    let tenant = other.tenant();
    let root = LeafHash::of(b"theirs").into();
    let note = Checkpoint::new(new_key.origin(tenant), TreeHead { size: 7, root })
        .sign(&new_key.signer(tenant))
        .unwrap()
        .to_string();
    let theirs = format!("{tenant} {}\n", STANDARD.encode(&note));
    let mut journal = fs::read_to_string(trail.outlet_journal()).unwrap();
    journal.push_str(&theirs);
    fs::write(trail.outlet_journal(), &journal).unwrap();

    for _ in 0..2 {
        let next = trail.another_process().await;
        trail.record(&ctx).await;
        settle(&next).await;
    }

    let left = fs::read_to_string(trail.outlet_journal()).unwrap();
    assert!(left.starts_with(&theirs), "{left}");
    assert_eq!(left.lines().count(), 2);
    assert!(!trail.outlet_folder().join("journal.unread-1").exists());
    assert_eq!(trail.published_size(&ctx), Some(3));
}

#[tokio::test]
async fn a_thousand_journals_that_cannot_be_read_do_not_stop_publishing() {
    let trail = Trail::new().await;
    let ctx = trail.tenant();
    trail.record(&ctx).await;
    settle(&trail.sequencer()).await;
    for number in 1..=1_000 {
        fs::write(
            trail.outlet_folder().join(format!("journal.unread-{number}")),
            "old",
        )
        .unwrap();
    }
    fs::write(trail.outlet_journal(), "torn").unwrap();

    let next = trail.another_process().await;
    trail.record(&ctx).await;
    settle(&next).await;

    assert_eq!(next.health().complaint(), None);
    assert_eq!(trail.published_size(&ctx), Some(2));
    let last = trail.outlet_folder().join("journal.unread-1000");
    assert_eq!(fs::read_to_string(last).unwrap(), "torn");
}

#[tokio::test]
async fn a_process_that_has_nothing_to_publish_makes_emptied_files_whole_too() {
    let trail = Trail::new().await;
    let ctx = trail.tenant();
    trail.record(&ctx).await;
    settle(&trail.sequencer()).await;
    let whole = trail.published(&ctx, "checkpoint").unwrap();
    let folder = trail.outlet_folder().join(ctx.tenant().to_string());
    fs::write(folder.join("checkpoint"), "").unwrap();
    fs::write(folder.join("checkpoints/1"), "").unwrap();

    let next = trail.another_process().await;
    let round = next.round().await.unwrap();

    assert_eq!((round.sequenced, round.published), (0, 0));
    assert_eq!(trail.published(&ctx, "checkpoint").as_ref(), Some(&whole));
    assert_eq!(trail.published(&ctx, "checkpoints/1"), Some(whole));
}
