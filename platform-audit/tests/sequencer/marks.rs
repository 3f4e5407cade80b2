//! The marks outside the database, and what becomes of a trail while they are not to be had.

use std::fs::{self, File, OpenOptions};
use std::io::Write as _;
use std::path::PathBuf;

use platform_audit::{EventState, LogKey, Mark, Marks, MarksError, Refusal, Sequencer, SequencerConfig};
use platform_core::{RequestContext, Sources};

use crate::support::{HOST, Trail, settle};

impl Trail {
    fn journal(&self) -> PathBuf {
        self.marks_folder().join("journal")
    }

    async fn record_and_settle(&self, ctx: &RequestContext) {
        self.record(ctx).await;
        self.sql("update platform_audit.lease set until = clock_timestamp()")
            .await;
        settle(&self.sequencer()).await;
    }

    fn open_marks(&self) -> Result<Marks, MarksError> {
        Marks::open(self.marks_folder(), &self.key)
    }

    fn marked(&self, ctx: &RequestContext) -> Option<Mark> {
        self.marks().get(ctx.tenant())
    }
}

#[tokio::test]
async fn a_mark_is_the_head_that_was_signed_and_knows_that_it_is_stored() {
    let trail = Trail::new().await;
    let ctx = trail.tenant();
    trail.record_and_settle(&ctx).await;
    trail.record_and_settle(&ctx).await;

    let mark = trail.marked(&ctx).unwrap();

    assert_eq!((mark.head.size, mark.stored, mark.refused), (2, 2, None));
    let root: Vec<u8> = platform_core::sqlx::query_scalar("select root from platform_audit.tree")
        .fetch_one(&mut trail.superuser().await)
        .await
        .unwrap();
    assert_eq!(mark.head.root.as_bytes().as_slice(), root);
    assert_eq!(trail.marked(&trail.tenant()), None);
}

#[tokio::test]
async fn where_there_are_no_marks_none_are_begun_unless_nothing_was_ever_signed() {
    let trail = Trail::new().await;
    let (ctx, db) = (trail.tenant(), trail.test.db());
    let missing = trail.open_marks();
    assert!(matches!(missing, Err(MarksError::Missing)), "{missing:?}");
    assert!(!trail.marks_folder().exists());

    Marks::open_for(&db, trail.marks_folder(), &trail.key)
        .await
        .unwrap();
    trail.record_and_settle(&ctx).await;
    fs::remove_dir_all(trail.marks_folder()).unwrap();
    let missing = Marks::open_for(&db, trail.marks_folder(), &trail.key).await;

    assert!(matches!(missing, Err(MarksError::Missing)), "{missing:?}");
    assert!(!trail.marks_folder().exists());
    // Also when whoever took them away has taken the checkpoints and the heads of the trees with them.
    trail
        .tamper("delete from platform_audit.checkpoint; delete from platform_audit.tree")
        .await;
    let missing = Marks::open_for(&db, trail.marks_folder(), &trail.key).await;
    assert!(matches!(missing, Err(MarksError::Missing)), "{missing:?}");
}

#[tokio::test]
async fn tenants_that_were_signed_and_have_no_mark_are_counted() {
    let trail = Trail::new().await;
    let (ctx, other) = (trail.tenant(), trail.tenant());
    trail.record_and_settle(&ctx).await;
    trail.record_and_settle(&other).await;
    let marks = Marks::open_or_begin(trail.folder.path().join("elsewhere"), &trail.key).unwrap();
    let config = SequencerConfig::default();
    let sequencer = Sequencer::new(&trail.test.db(), &trail.key, marks, config);

    trail.record(&ctx).await;
    trail
        .sql("update platform_audit.lease set until = clock_timestamp()")
        .await;
    settle(&sequencer).await;

    assert_eq!(sequencer.health().unmarked, 2);
    assert_eq!(sequencer.metrics().tenants_unmarked.get(), 2);
    trail
        .sql("update platform_audit.lease set until = clock_timestamp()")
        .await;
    let marked = trail.sequencer();
    settle(&marked).await;
    assert_eq!(
        marked.health().last_round.map(|_| marked.health().unmarked),
        Some(0)
    );
}

#[tokio::test]
async fn the_directory_is_for_its_owner_alone() {
    use std::os::unix::fs::PermissionsExt as _;
    let trail = Trail::new().await;
    let ctx = trail.tenant();
    trail.record_and_settle(&ctx).await;

    let mode = |path: PathBuf| fs::metadata(path).unwrap().permissions().mode() & 0o7777;

    assert_eq!(mode(trail.marks_folder()), 0o700);
    assert_eq!(mode(trail.journal()), 0o600);
}

#[tokio::test]
async fn a_line_that_was_not_written_to_its_end_is_dropped_and_written_over() {
    let trail = Trail::new().await;
    let ctx = trail.tenant();
    trail.record_and_settle(&ctx).await;
    let whole = fs::read(trail.journal()).unwrap();
    trail.record_and_settle(&ctx).await;
    let longer = fs::read(trail.journal()).unwrap();
    let added = &longer[whole.len()..];

    for kept in [1, 20, 100, added.len() - 1] {
        let mut torn = whole.clone();
        torn.extend_from_slice(&added[..kept.min(added.len() - 1)]);
        fs::write(trail.journal(), &torn).unwrap();
        // A crash leaves the mark behind or before, never something else.
        let size = trail.marked(&ctx).unwrap().head.size;
        assert!((1..=2).contains(&size), "{kept}: {size}");

        trail.record_and_settle(&ctx).await;

        let proven = trail.prove_whole(ctx.tenant()).await;
        assert_eq!(trail.marked(&ctx).unwrap().head.size, proven.size);
    }
}

#[tokio::test]
async fn what_a_crash_leaves_of_the_last_flush_in_any_order_is_dropped() {
    let trail = Trail::new().await;
    let contexts: Vec<_> = (0..20).map(|_| trail.tenant()).collect();
    trail.record_and_settle(&contexts[0]).await;
    for ctx in &contexts {
        trail.record(ctx).await;
    }
    let before = fs::metadata(trail.journal()).unwrap().len();
    trail.record_and_settle(&contexts[0]).await;

    // The first page of the flush was lost, the second is there.
    let mut journal = fs::read(trail.journal()).unwrap();
    let lost = usize::try_from(before).unwrap()..usize::try_from(before).unwrap() + 700;
    journal[lost].fill(0);
    fs::write(trail.journal(), &journal).unwrap();

    assert_eq!(trail.marked(&contexts[0]).unwrap().head.size, 1);
    for ctx in &contexts {
        trail.record_and_settle(ctx).await;
    }
    for ctx in &contexts {
        let proven = trail.prove_whole(ctx.tenant()).await;
        assert_eq!(trail.marked(ctx).unwrap().head.size, proven.size);
    }
}

#[tokio::test]
async fn damage_before_the_last_flush_and_lines_taken_out_are_found() {
    let trail = Trail::new().await;
    let ctx = trail.tenant();
    for _ in 0..6 {
        trail.record_and_settle(&ctx).await;
    }
    let sound = fs::read(trail.journal()).unwrap();
    let lines: Vec<&[u8]> = sound.split_inclusive(|byte| *byte == b'\n').collect();
    let without = |at: usize| [&lines[..at], &lines[at + 1..]].concat().concat();
    let mut swapped = lines.clone();
    swapped.swap(2, 4);
    let mut flipped = sound.clone();
    flipped[lines[0].len() + 10] ^= 1;

    for damaged in [without(1), without(3), swapped.concat(), flipped] {
        fs::write(trail.journal(), &damaged).unwrap();
        let opened = trail.open_marks();
        assert!(matches!(opened, Err(MarksError::Damaged)), "{opened:?}");
    }
    for foreign in [without(0), Vec::new(), b"platform-audit-marks v1 1\n".to_vec()] {
        fs::write(trail.journal(), &foreign).unwrap();
        let opened = trail.open_marks();
        assert!(matches!(opened, Err(MarksError::Foreign)), "{opened:?}");
    }
    fs::write(trail.journal(), &sound).unwrap();
    assert_eq!(trail.marked(&ctx).unwrap().head.size, 6);
    let other = LogKey::generate(HOST, &Sources::system()).unwrap();
    let opened = Marks::open(trail.marks_folder(), &other);
    assert!(matches!(opened, Err(MarksError::Foreign)), "{opened:?}");
}

#[tokio::test]
async fn a_line_of_another_tenant_or_a_smaller_size_cannot_be_made_without_the_key() {
    let trail = Trail::new().await;
    let (ctx, other) = (trail.tenant(), trail.tenant());
    trail.record_and_settle(&ctx).await;
    trail.record_and_settle(&ctx).await;
    let text = fs::read_to_string(trail.journal()).unwrap();

    for forged in [
        text.replace(&ctx.tenant().to_string(), &other.tenant().to_string()),
        text.replace(" 2 ", " 1 "),
    ] {
        assert_ne!(text, forged);
        fs::write(trail.journal(), forged).unwrap();
        let opened = trail.open_marks();
        assert!(matches!(opened, Err(MarksError::Damaged)), "{opened:?}");
    }
}

#[tokio::test]
async fn a_whole_line_at_the_end_that_is_not_authentic_is_no_torn_one_and_is_not_cut_off() {
    let trail = Trail::new().await;
    let ctx = trail.tenant();
    let sequencer = trail.sequencer();
    trail.record(&ctx).await;
    settle(&sequencer).await;
    let sound = fs::read(trail.journal()).unwrap();
    let mut changed = sound.clone();
    // A digit of the last line's code.
    let at = changed.len() - 2;
    changed[at] = if changed[at] == b'0' { b'1' } else { b'0' };
    fs::write(trail.journal(), &changed).unwrap();

    let event = trail.record(&ctx).await;
    trail
        .sql("update platform_audit.lease set until = clock_timestamp()")
        .await;
    assert!(matches!(trail.open_marks(), Err(MarksError::Damaged)));
    fs::write(trail.journal(), &sound).unwrap();
    let sequencer = trail.sequencer();
    let mut longer = sound.clone();
    longer.extend_from_slice(changed.rsplit(|byte| *byte == b'\n').nth(1).unwrap());
    longer.push(b'\n');
    fs::write(trail.journal(), &longer).unwrap();
    settle(&sequencer).await;

    assert_eq!(trail.state(&ctx, event).await, Some(EventState::Recorded));
    assert!(sequencer.health().complaint().unwrap().contains("damaged"));
    assert_eq!(fs::read(trail.journal()).unwrap(), longer);
}

#[tokio::test]
async fn a_journal_that_is_put_back_while_it_is_in_use_is_noticed_and_nothing_is_signed() {
    let trail = Trail::new().await;
    let ctx = trail.tenant();
    let sequencer = trail.sequencer();
    trail.record(&ctx).await;
    settle(&sequencer).await;
    let earlier = fs::read(trail.journal()).unwrap();
    trail.record(&ctx).await;
    settle(&sequencer).await;
    let current = fs::read(trail.journal()).unwrap();

    fs::write(trail.journal(), &earlier).unwrap();
    let event = trail.record(&ctx).await;
    settle(&sequencer).await;

    assert_eq!(trail.state(&ctx, event).await, Some(EventState::Sequenced));
    assert!(sequencer.health().complaint().unwrap().contains("put back"));
    fs::write(trail.journal(), &current).unwrap();
    settle(&sequencer).await;
    assert_eq!(trail.state(&ctx, event).await, Some(EventState::Published));
    assert_eq!(sequencer.health().complaint(), None);
}

#[tokio::test]
async fn while_the_marks_cannot_be_written_events_are_sequenced_and_nothing_is_signed() {
    let trail = Trail::new().await;
    let (ctx, new) = (trail.tenant(), trail.tenant());
    let sequencer = trail.sequencer();
    trail.record(&ctx).await;
    settle(&sequencer).await;
    let elsewhere = trail.folder.path().join("elsewhere");
    fs::rename(trail.marks_folder(), &elsewhere).unwrap();
    File::create(trail.marks_folder()).unwrap();
    let checkpoints = trail.count("platform_audit.checkpoint").await;

    let (known, unknown) = (trail.record(&ctx).await, trail.record(&new).await);
    let round = settle(&sequencer).await;

    assert_eq!((round.sequenced, round.signed, round.published), (1, 0, 0));
    assert_eq!(trail.state(&ctx, known).await, Some(EventState::Sequenced));
    // A tree that this process has not met yet has to be compared with its mark first.
    assert_eq!(trail.state(&new, unknown).await, Some(EventState::Recorded));
    assert_eq!(trail.count("platform_audit.checkpoint").await, checkpoints);
    assert!(sequencer.health().marks.is_some());

    fs::remove_file(trail.marks_folder()).unwrap();
    fs::rename(&elsewhere, trail.marks_folder()).unwrap();
    settle(&sequencer).await;
    assert_eq!(sequencer.health().complaint(), None);
    assert_eq!(trail.prove_whole(ctx.tenant()).await.checkpoints, [1, 2]);
    assert_eq!(trail.prove_whole(new.tenant()).await.checkpoints, [1]);
}

#[tokio::test]
async fn a_journal_that_vanishes_is_not_begun_anew_by_whoever_uses_it() {
    let trail = Trail::new().await;
    let ctx = trail.tenant();
    let sequencer = trail.sequencer();
    trail.record(&ctx).await;
    settle(&sequencer).await;

    fs::remove_file(trail.journal()).unwrap();
    let event = trail.record(&ctx).await;
    settle(&sequencer).await;

    assert_eq!(trail.state(&ctx, event).await, Some(EventState::Sequenced));
    assert!(sequencer.health().complaint().unwrap().contains("gone"));
    assert!(!trail.journal().exists());
}

#[tokio::test]
async fn whoever_keeps_the_directory_locked_is_waited_for_and_not_for_ever() {
    let trail = Trail::new().await;
    let ctx = trail.tenant();
    let sequencer = trail.sequencer();
    trail.record(&ctx).await;
    settle(&sequencer).await;
    let lock = OpenOptions::new()
        .write(true)
        .open(trail.marks_folder().join("lock"))
        .unwrap();
    lock.lock().unwrap();

    let event = trail.record(&ctx).await;
    sequencer.round().await.unwrap();

    assert_eq!(trail.state(&ctx, event).await, Some(EventState::Sequenced));
    assert!(sequencer.health().complaint().unwrap().contains("locked"));
    lock.unlock().unwrap();
    settle(&sequencer).await;
    assert_eq!(trail.state(&ctx, event).await, Some(EventState::Published));
}

#[tokio::test]
async fn a_journal_that_has_grown_is_written_anew_and_those_who_share_it_notice() {
    let trail = Trail::new().await;
    let ctx = trail.tenant();
    let reader = trail.sequencer();
    trail.record(&ctx).await;
    settle(&reader).await;
    let generation = |trail: &Trail| {
        let text = fs::read_to_string(trail.journal()).unwrap();
        text.lines()
            .next()
            .unwrap()
            .split(' ')
            .nth(2)
            .unwrap()
            .parse::<u32>()
            .unwrap()
    };
    assert_eq!(generation(&trail), 1);
    // Another process writes so much that it begins a new file.
    let contexts: Vec<_> = (0..250).map(|_| trail.tenant()).collect();
    let writer = trail.sequencer();
    for _ in 0..4 {
        for ctx in &contexts {
            trail.record(ctx).await;
        }
        trail
            .sql("update platform_audit.lease set until = clock_timestamp()")
            .await;
        settle(&writer).await;
    }
    assert!(generation(&trail) > 1, "it was not written anew");
    let lines = fs::read_to_string(trail.journal()).unwrap().lines().count();
    assert!(lines < 3 * 251 + 1_024, "{lines}");

    trail
        .sql("update platform_audit.lease set until = clock_timestamp()")
        .await;
    trail.record(&ctx).await;
    settle(&reader).await;

    assert_eq!(reader.health().complaint(), None);
    assert_eq!(trail.marked(&ctx).unwrap().head.size, 2);
    assert_eq!(trail.marked(&contexts[7]).unwrap().head.size, 4);
    assert_eq!(trail.prove_whole(ctx.tenant()).await.size, 2);
}

#[tokio::test]
async fn processes_with_marks_of_their_own_take_turns() {
    let trail = Trail::new().await;
    let ctx = trail.tenant();
    let folders = [trail.folder.path().join("a"), trail.folder.path().join("b")];
    for turn in 0..6 {
        trail.record(&ctx).await;
        trail
            .sql("update platform_audit.lease set until = clock_timestamp()")
            .await;
        let marks = Marks::open_or_begin(&folders[turn % 2], &trail.key).unwrap();
        let sequencer = Sequencer::new(&trail.test.db(), &trail.key, marks, SequencerConfig::default());
        settle(&sequencer).await;
        assert_eq!(sequencer.health().complaint(), None);
    }

    assert_eq!(trail.prove(ctx.tenant()).await.checkpoints, [1, 2, 3, 4, 5, 6]);
    // One that was away sees the database put back to a state before its last turn, and not to one after it.
    let sizes = folders.map(|folder| {
        Marks::open(folder, &trail.key)
            .unwrap()
            .get(ctx.tenant())
            .unwrap()
            .head
            .size
    });
    assert_eq!(sizes, [5, 6]);
}

#[tokio::test]
async fn a_refusal_is_known_to_all_who_share_the_marks() {
    let trail = Trail::new().await;
    let ctx = trail.tenant();
    trail.record_and_settle(&ctx).await;
    trail
        .tamper("update platform_audit.tile set hashes = sha256('')")
        .await;
    trail.record_and_settle(&ctx).await;
    assert_eq!(trail.marked(&ctx).unwrap().refused, Some(Refusal::TreeBroken));

    // Even when whoever did it has put everything right again.
    trail
        .tamper("update platform_audit.tile set hashes = (select leaf from platform_audit.leaf)")
        .await;
    let sequencer = trail.sequencer();
    trail
        .sql("update platform_audit.lease set until = clock_timestamp()")
        .await;
    settle(&sequencer).await;
    assert_eq!(sequencer.health().refused, [(ctx.tenant(), Refusal::TreeBroken)]);

    sequencer
        .adopt(&trail.audit, &ctx, "a disk was replaced")
        .await
        .unwrap();
    settle(&sequencer).await;
    assert_eq!(sequencer.health().complaint(), None);
    assert_eq!(trail.prove_whole(ctx.tenant()).await.size, 3);
}

#[tokio::test]
async fn garbage_behind_the_end_is_no_reason_to_forget_what_is_before_it() {
    let trail = Trail::new().await;
    let ctx = trail.tenant();
    trail.record_and_settle(&ctx).await;
    let mut journal = OpenOptions::new().append(true).open(trail.journal()).unwrap();
    journal.write_all(&vec![b'x'; 100_000]).unwrap();
    journal.write_all(b"\n\n\0\xff\n").unwrap();

    assert_eq!(trail.marked(&ctx).unwrap().head.size, 1);
    trail.record_and_settle(&ctx).await;

    assert_eq!(trail.marked(&ctx).unwrap().head.size, 2);
    assert!(fs::metadata(trail.journal()).unwrap().len() < 10_000);
}
