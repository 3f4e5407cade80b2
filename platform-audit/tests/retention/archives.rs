//! Months in files, from events that got their positions at known times.

use std::fs;
use std::io::{BufReader, Read};
use std::path::PathBuf;
use std::time::Duration;

use flate2::read::GzDecoder;
use platform_audit::{
    ARCHIVED, Archive, ArchiveError, ArchiveManifest, ArchiveMonth, ArchiveOptions, ArchiveOutcome,
    ArchiveSummary, Event, LogKey, Outcome, PruneOptions, PruneSummary, Pruner, Report, Retention, Trust,
    Visibility, archive, verify_export,
};
use platform_core::sqlx::{self, Executor};
use platform_core::time::macros::datetime;
use platform_core::{Clock, Sources, SystemClock, Timestamp};
use tempfile::TempDir;

use crate::support::{SENT, Trail, days, event};

const JANUARY: Timestamp = datetime!(2026-01-10 0:00 UTC);
const FEBRUARY: Timestamp = datetime!(2026-02-10 0:00 UTC);
const APRIL: Timestamp = datetime!(2026-04-10 0:00 UTC);

struct World {
    trail: Trail,
    folder: TempDir,
    archive: Archive,
}

impl World {
    async fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        Self {
            archive: Archive::directory(folder.path()),
            trail: Trail::new().await,
            folder,
        }
    }

    /// So many events that were recorded and got their positions then.
    async fn fill(&self, at: Timestamp, count: usize, class: Retention) {
        let events = (0..count).map(|_| event(class.clone())).collect();
        self.trail.record_at(&self.trail.ctx, at, events).await;
        self.trail.sequence_at(Some(at)).await;
    }

    async fn run(&self) -> Result<ArchiveSummary, ArchiveError> {
        self.run_for(&ArchiveOptions::default()).await
    }

    async fn run_for(&self, options: &ArchiveOptions) -> Result<ArchiveSummary, ArchiveError> {
        let trail = &self.trail;
        archive(&trail.test.db(), &trail.log(), &trail.key, &self.archive, options).await
    }

    async fn month(&self, month: &str) -> Result<ArchiveOutcome, ArchiveError> {
        let trail = &self.trail;
        let month: ArchiveMonth = month.parse().unwrap();
        self.archive
            .month_of(&trail.test.db(), &trail.log(), &trail.key, trail.tenant, month)
            .await
    }

    fn folder_of(&self, month: &str) -> PathBuf {
        let log = self
            .folder
            .path()
            .join(self.trail.key.origin(self.trail.tenant).as_str());
        log.join(month.replace('-', "/"))
    }

    fn file(&self, month: &str, name: &str) -> PathBuf {
        self.folder_of(month).join(name)
    }

    fn manifest(&self, month: &str) -> ArchiveManifest {
        let note = fs::read_to_string(self.file(month, "manifest")).unwrap();
        let tenant = self.trail.tenant;
        ArchiveManifest::open(
            &note,
            &self.trail.key.origin(tenant),
            &self.trail.key.verifiers(tenant),
        )
        .unwrap()
    }

    /// What somebody finds who has the file and the public key.
    fn verify(&self, month: &str) -> Report {
        let tenant = self.trail.tenant;
        let trust = Trust::new(self.trail.key.origin(tenant), self.trail.key.verifier(tenant));
        let file = fs::File::open(self.file(month, &self.manifest(month).file)).unwrap();
        verify_export(BufReader::new(GzDecoder::new(file)), &trust).unwrap()
    }

    fn files(&self, month: &str) -> Vec<String> {
        let mut files: Vec<String> = fs::read_dir(self.folder_of(month))
            .unwrap()
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect();
        files.sort();
        files
    }

    async fn prune(&self) -> PruneSummary {
        let options = PruneOptions {
            wait: Duration::ZERO,
            ..PruneOptions::default()
        };
        let trail = &self.trail;
        let pruner = Pruner::new(&trail.test.db(), &trail.log(), &trail.key).archived_in(&self.archive);
        pruner.run(&options).await.unwrap()
    }
}

#[tokio::test]
async fn months_follow_one_another_without_a_gap_and_each_is_verified_alone() {
    let world = World::new().await;
    world.fill(JANUARY, 300, Retention::REGULATORY).await;
    world.fill(JANUARY + days(5), 1, Retention::REGULATORY).await;
    world.fill(FEBRUARY, 7, Retention::REGULATORY).await;
    world.fill(APRIL, 20, Retention::REGULATORY).await;

    let summary = world.run().await.unwrap();

    assert_eq!((summary.written, summary.events), (3, 328));
    assert!(summary.empty >= 1, "{summary:?}");
    assert_eq!(world.files("2026-01"), ["events-0-300.jsonl.gz", "manifest"]);
    assert_eq!(world.files("2026-02"), ["events-301-307.jsonl.gz", "manifest"]);
    assert_eq!(world.files("2026-04"), ["events-308-327.jsonl.gz", "manifest"]);
    for (month, events, size) in [("2026-01", 301, 301), ("2026-02", 7, 308), ("2026-04", 20, 328)] {
        let report = world.verify(month);
        assert!(report.is_clean(), "{month}: {:?}", report.findings);
        assert_eq!(
            (report.events, report.proven.unwrap().size),
            (events, size),
            "{month}"
        );
        let manifest = world.manifest(month);
        assert_eq!(
            (manifest.events, manifest.leaves, manifest.checkpoint_size),
            (events, 0, size)
        );
        assert_eq!(manifest.month, month);
    }
}

#[tokio::test]
async fn what_is_there_is_never_written_again() {
    let world = World::new().await;
    world.fill(JANUARY, 10, Retention::REGULATORY).await;
    world.run().await.unwrap();
    let read = |name: &str| fs::read(world.file("2026-01", name)).unwrap();
    let before = (read("manifest"), read("events-0-9.jsonl.gz"));

    let again = world.run().await.unwrap();

    assert_eq!((again.written, again.present), (0, 1));
    assert_eq!((read("manifest"), read("events-0-9.jsonl.gz")), before);
    // And said once, where the tenant does not see it.
    let told: Vec<String> =
        sqlx::query_scalar("select visibility::text from platform_audit.event where action = $1")
            .bind(ARCHIVED.name())
            .fetch_all(&mut world.trail.superuser().await)
            .await
            .unwrap();
    assert_eq!(told, ["platform"]);
}

#[tokio::test]
async fn a_month_that_is_not_over_or_not_signed_to_its_end_waits() {
    let world = World::new().await;
    world.fill(JANUARY, 3, Retention::REGULATORY).await;
    let now = ArchiveMonth::of(SystemClock.now()).to_string();
    assert_eq!(world.month(&now).await.unwrap(), ArchiveOutcome::Waiting);
    // An event of the month that has no position yet.
    world
        .trail
        .record_at(
            &world.trail.ctx,
            JANUARY + days(1),
            vec![event(Retention::REGULATORY)],
        )
        .await;
    let mut superuser = world.trail.superuser().await;
    superuser
        .execute("alter table platform_audit.pending disable trigger all")
        .await
        .unwrap();
    superuser
        .execute("update platform_audit.pending set recorded_at = '2026-01-11'")
        .await
        .unwrap();
    assert_eq!(world.month("2026-01").await.unwrap(), ArchiveOutcome::Waiting);
    world.trail.sequence_at(Some(FEBRUARY)).await;
    // Positions that no checkpoint covers.
    superuser
        .execute("delete from platform_audit.checkpoint")
        .await
        .unwrap();
    assert_eq!(world.month("2026-01").await.unwrap(), ArchiveOutcome::Waiting);

    assert!(!world.folder_of("2026-01").exists());
}

#[tokio::test]
async fn a_run_that_died_between_the_file_and_its_manifest_is_completed() {
    let world = World::new().await;
    world.fill(JANUARY, 10, Retention::REGULATORY).await;
    world.run().await.unwrap();
    let (manifest, file) = (
        world.manifest("2026-01"),
        world.file("2026-01", "events-0-9.jsonl.gz"),
    );
    let bytes = fs::read(&file).unwrap();
    fs::remove_file(world.file("2026-01", "manifest")).unwrap();
    fs::write(world.file("2026-01", "unfinished"), b"half a file").unwrap();

    assert_eq!(world.run().await.unwrap().written, 1);

    assert_eq!(world.manifest("2026-01"), manifest);
    assert_eq!(fs::read(&file).unwrap(), bytes);
    assert_eq!(world.files("2026-01"), ["events-0-9.jsonl.gz", "manifest"]);
    // But nothing is signed that is not what was signed before.
    fs::remove_file(world.file("2026-01", "manifest")).unwrap();
    fs::write(&file, b"something else").unwrap();
    let error = world.run().await.unwrap_err();
    assert!(matches!(error, ArchiveError::NotSigned { .. }), "{error:?}");
    assert_eq!(fs::read(&file).unwrap(), b"something else");
}

#[tokio::test]
async fn two_runs_at_once_write_each_month_once() {
    let world = World::new().await;
    world.fill(JANUARY, 500, Retention::REGULATORY).await;
    world.fill(FEBRUARY, 500, Retention::REGULATORY).await;

    let (one, two) = tokio::join!(world.run(), world.run());

    let (one, two) = (one.unwrap(), two.unwrap());
    assert_eq!(one.written + two.written, 2);
    assert_eq!(one.present + two.present, 2);
    assert!(world.verify("2026-01").is_clean() && world.verify("2026-02").is_clean());
}

#[tokio::test]
async fn a_tenant_or_a_month_alone_can_be_archived() {
    let world = World::new().await;
    world.fill(JANUARY, 3, Retention::REGULATORY).await;
    world.fill(FEBRUARY, 3, Retention::REGULATORY).await;
    let stranger = ArchiveOptions {
        tenant: Some(world.trail.test.tenant().await),
        month: None,
    };
    let february = ArchiveOptions {
        tenant: Some(world.trail.tenant),
        month: Some("2026-02".parse().unwrap()),
    };

    assert_eq!(world.run_for(&stranger).await.unwrap(), ArchiveSummary::default());
    assert_eq!(world.run_for(&february).await.unwrap().written, 1);

    assert!(!world.folder_of("2026-01").exists());
    assert!(world.verify("2026-02").is_clean());
}

#[tokio::test]
async fn what_is_hidden_from_the_tenant_is_in_the_archive_too() {
    let world = World::new().await;
    let hidden = Event::new(SENT, Outcome::Success).visibility(Visibility::Platform);
    world
        .trail
        .record_at(&world.trail.ctx, JANUARY, vec![hidden])
        .await;
    world.trail.sequence_at(Some(JANUARY)).await;

    world.run().await.unwrap();

    let mut lines = String::new();
    let file = fs::File::open(world.file("2026-01", "events-0-0.jsonl.gz")).unwrap();
    GzDecoder::new(file).read_to_string(&mut lines).unwrap();
    assert!(
        lines
            .lines()
            .nth(1)
            .unwrap()
            .contains(r#"\"visibility\":\"platform\""#),
        "{lines}"
    );
}

#[tokio::test]
async fn a_trail_that_was_altered_is_not_archived() {
    for (sql, seq) in [
        ("update platform_audit.entry set bytes = 'x' where id = (select id from platform_audit.leaf where seq = 2)", 2),
        ("delete from platform_audit.entry where id = (select id from platform_audit.leaf where seq = 3)", 3),
        ("update platform_audit.leaf set leaf = sha256('x') where seq = 4", 4),
        ("delete from platform_audit.leaf where seq = 4", 4),
        // In all copies but those of the tree.
        (
            "with other as (update platform_audit.entry set bytes = 'x' where id = (select id from platform_audit.leaf where seq = 2))
             update platform_audit.leaf set leaf = sha256('\\x0078') where seq = 2",
            4,
        ),
    ] {
        let world = World::new().await;
        world.fill(JANUARY, 5, Retention::REGULATORY).await;
        let mut superuser = world.trail.superuser().await;
        for table in ["entry", "leaf"] {
            let off = format!("alter table platform_audit.{table} disable trigger is_insert_only");
            superuser.execute(sqlx::AssertSqlSafe(off)).await.unwrap();
        }
        assert!(superuser.execute(sql).await.unwrap().rows_affected() > 0, "{sql}");

        let error = world.run().await.unwrap_err();

        assert!(matches!(error, ArchiveError::Damaged { seq: found, .. } if found == seq), "{sql}: {error:?}");
        assert!(!world.file("2026-01", "manifest").exists());
        assert!(!world.file("2026-01", "events-0-4.jsonl.gz").exists());
    }
}

#[tokio::test]
async fn nothing_is_pruned_that_is_not_in_the_archive_whole_and_signed() {
    let world = World::new().await;
    let long_ago = SystemClock.now() - days(400);
    world.fill(long_ago, 5, Retention::OPERATIONAL).await;
    let month = ArchiveMonth::of(long_ago).to_string();

    assert_eq!(
        (world.prune().await.announced, world.prune().await.unarchived),
        (0, 5)
    );
    world.run().await.unwrap();
    // A file that is not what was signed is no archive.
    let file = world.file(&month, &world.manifest(&month).file);
    let bytes = fs::read(&file).unwrap();
    fs::write(&file, &bytes[..bytes.len() - 1]).unwrap();
    assert_eq!(world.prune().await.unarchived, 5);
    fs::remove_file(&file).unwrap();
    assert_eq!(world.prune().await.unarchived, 5);
    fs::write(&file, bytes).unwrap();

    assert_eq!(world.prune().await.announced, 5);
    world.trail.sequence().await;
    assert_eq!(world.prune().await.deleted, 5);
}

#[tokio::test]
async fn a_manifest_that_another_has_signed_is_noticed() {
    let world = World::new().await;
    world
        .fill(SystemClock.now() - days(400), 5, Retention::OPERATIONAL)
        .await;
    world.run().await.unwrap();
    let mut world = world;
    world.trail.key = LogKey::generate("audit.example.com", &Sources::system()).unwrap();

    let error = world.run().await.unwrap_err();

    assert!(matches!(error, ArchiveError::NotSigned { .. }), "{error:?}");
}

#[tokio::test]
async fn a_month_that_is_archived_after_it_was_pruned_shows_the_hashes() {
    let world = World::new().await;
    let long_ago = SystemClock.now() - days(400);
    let events = (0..9)
        .map(|n| {
            event(if n % 3 == 0 {
                Retention::OPERATIONAL
            } else {
                Retention::REGULATORY
            })
        })
        .collect();
    world.trail.record_at(&world.trail.ctx, long_ago, events).await;
    world.trail.sequence_at(Some(long_ago)).await;
    let pruner = Pruner::new(&world.trail.test.db(), &world.trail.log(), &world.trail.key);
    let options = PruneOptions {
        wait: Duration::ZERO,
        ..PruneOptions::default()
    };
    pruner.run(&options).await.unwrap();
    world.trail.sequence().await;
    assert_eq!(pruner.run(&options).await.unwrap().deleted, 3);

    let month = ArchiveMonth::of(long_ago).to_string();
    let ArchiveOutcome::Written(manifest) = world.month(&month).await.unwrap() else {
        panic!()
    };

    assert_eq!((manifest.events, manifest.leaves), (6, 3));
    let report = world.verify(&month);
    // What the file alone calls pruned is not proven: the event that says so comes behind the month.
    let missing =
        |finding: &platform_audit::Finding| matches!(finding, platform_audit::Finding::Missing { .. });
    assert!(report.findings.iter().all(missing), "{:?}", report.findings);
    assert_eq!((report.events, report.findings.len()), (6, 3));
}

#[test]
fn a_month_is_written_in_one_way() {
    for text in ["2026-01", "1970-12", "9998-06"] {
        assert_eq!(text.parse::<ArchiveMonth>().unwrap().to_string(), text);
    }
    for text in [
        "",
        "2026",
        "2026-0",
        "2026-00",
        "2026-13",
        "2026-1",
        "+2026-01",
        "26-01",
        "1969-12",
        "9999-01",
        "2026-01-01",
    ] {
        assert!(text.parse::<ArchiveMonth>().is_err(), "{text}");
    }
    let december: ArchiveMonth = "2026-12".parse().unwrap();
    assert_eq!(december.ends_at(), datetime!(2027-01-01 0:00 UTC));
    assert_eq!(ArchiveMonth::of(datetime!(2026-12-31 23:59:59 UTC)), december);
}
