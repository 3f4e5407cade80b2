//! The files of a spool.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::PathBuf;

use platform_audit::{AuditLog, LogKey, MIGRATIONS, Spool, SpoolError};
use platform_core::metrics::Metrics;
use platform_core::sqlx::{self, AssertSqlSafe, Connection as _, Executor as _, PgConnection};
use platform_core::testing::TestDb;
use platform_core::{Sources, TenantId};
use platform_crypto::Secret;
use tempfile::TempDir;

use crate::refusals::{denied, gone, spooling, state};
use crate::support::{context, log_key, shared, stored};

fn files(directory: &TempDir, extension: &str) -> Vec<PathBuf> {
    let entries = fs::read_dir(directory.path().join("spool")).unwrap();
    let mut paths: Vec<_> = entries.map(|entry| entry.unwrap().path()).collect();
    paths.retain(|path| path.extension().is_some_and(|found| found == extension));
    paths.sort();
    paths
}

#[tokio::test]
async fn nothing_of_an_event_can_be_read_in_its_file() {
    let test = shared().await;
    let (tenant, ctx) = context(&test).await;
    let directory = TempDir::new().unwrap();
    let log = spooling(&directory, &log_key());
    let file = |at: usize| fs::read(&files(&directory, "event")[at]).unwrap();

    for _ in 0..2 {
        let event = denied("a parcel with a long name");
        log.record_refusal(&gone(), &ctx, event).await.unwrap();
    }

    for at in 0..2 {
        let found = |text: &str| file(at).windows(text.len()).any(|part| part == text.as_bytes());
        for text in ["parcel", "denied", "not_yours", &tenant.to_string(), "occurred"] {
            assert!(!found(text), "{text}");
        }
        let mode = fs::metadata(&files(&directory, "event")[at])
            .unwrap()
            .permissions()
            .mode();
        assert_eq!(mode & 0o777, 0o600);
    }
    assert_ne!(file(0)[1..13], file(1)[1..13], "a nonce is used once");
    let mode = fs::metadata(directory.path().join("spool"))
        .unwrap()
        .permissions()
        .mode();
    assert_eq!(mode & 0o777, 0o700);
}

#[tokio::test]
async fn a_file_that_is_not_what_was_written_is_set_aside_and_counted() {
    let test = shared().await;
    let (_, ctx) = context(&test).await;
    let directory = TempDir::new().unwrap();
    let key = log_key();
    let log = spooling(&directory, &key);
    let other = spooling(&directory, &log_key());
    for _ in 0..6 {
        log.record_refusal(&gone(), &ctx, denied("p")).await.unwrap();
    }
    other.record_refusal(&gone(), &ctx, denied("p")).await.unwrap();
    let paths = files(&directory, "event");
    let bytes = fs::read(&paths[0]).unwrap();
    fs::write(&paths[0], &bytes[..bytes.len() - 1]).unwrap();
    fs::write(&paths[1], b"").unwrap();
    let mut flipped = fs::read(&paths[2]).unwrap();
    flipped[40] ^= 1;
    fs::write(&paths[2], flipped).unwrap();
    // Under the name of another.
    fs::copy(&paths[4], &paths[3]).unwrap();
    fs::write(&paths[5], vec![1; 1 << 20]).unwrap();

    let round = log.worker(&test.db()).round().await.unwrap();

    // That of another key is the sixth.
    assert_eq!((round.drained, round.set_aside, round.kept), (1, 6, 0));
    let left = state(&directory, &key);
    assert_eq!((left.waiting, left.damaged), (0, 6));
    assert_eq!(files(&directory, "damaged").len(), 6);
    assert_eq!(
        stored(&test, &ctx)
            .await
            .iter()
            .filter(|row| row.entry.action == "parcel.send")
            .count(),
        1
    );
    let again = log.worker(&test.db()).round().await.unwrap();
    assert_eq!(
        (again.drained, again.set_aside),
        (0, 0),
        "what was set aside is left alone"
    );
}

#[tokio::test]
async fn what_was_spooled_under_a_key_that_was_replaced_is_recorded() {
    let test = shared().await;
    let (_, ctx) = context(&test).await;
    let directory = TempDir::new().unwrap();
    let (old, new) = (log_key(), log_key());
    spooling(&directory, &old)
        .record_refusal(&gone(), &ctx, denied("p"))
        .await
        .unwrap();
    let both = format!(
        "# The newest first.\n{}\n{}",
        new.to_text().expose(),
        old.to_text().expose()
    );
    let both = LogKey::from_text(&Secret::new(both)).unwrap();
    let log = spooling(&directory, &both);
    log.record_refusal(&gone(), &ctx, denied("q")).await.unwrap();

    let round = log.worker(&test.db()).round().await.unwrap();

    assert_eq!((round.drained, round.set_aside), (2, 0));
}

#[tokio::test]
async fn an_event_whose_id_is_taken_does_not_keep_the_others_waiting() {
    let test = shared().await;
    let (_, ctx) = context(&test).await;
    let directory = TempDir::new().unwrap();
    let log = spooling(&directory, &log_key());
    let id = log.record_refusal(&gone(), &ctx, denied("p")).await.unwrap();
    log.record_refusal(&gone(), &ctx, denied("q")).await.unwrap();
    log.record_alone(&test.db(), &ctx, denied("other").id(id))
        .await
        .unwrap();

    let round = log.worker(&test.db()).round().await.unwrap();

    assert_eq!((round.drained, round.set_aside), (1, 1));
}

#[tokio::test]
async fn what_the_database_refuses_stays_and_is_tried_again() {
    let test = crate::support::own().await;
    let (_, ctx) = context(&test).await;
    let directory = TempDir::new().unwrap();
    let log = spooling(&directory, &log_key());
    log.record_refusal(&gone(), &ctx, denied("p")).await.unwrap();
    let mut owner = crate::support::owner(&test).await;
    let mut run = async |sql: &'static str| {
        platform_core::sqlx::query(sql).execute(&mut owner).await.unwrap();
    };
    // A defect of the database, not an outage.
    run("alter domain platform_audit.reason add constraint none check (value is null) not valid").await;

    // What is refused at once is kept too.
    log.record_refusal(&test.db(), &ctx, denied("q")).await.unwrap();
    let refused = log.worker(&test.db()).round().await.unwrap();
    assert_eq!((refused.drained, refused.kept, refused.set_aside), (0, 2, 0));

    run("alter domain platform_audit.reason drop constraint none").await;
    let round = log.worker(&test.connect_with(2).await).round().await.unwrap();
    assert_eq!((round.drained, round.kept), (2, 0));
}

#[tokio::test]
async fn a_database_that_goes_away_while_the_spool_is_emptied_keeps_the_rest() {
    let test = shared().await;
    let (_, ctx) = context(&test).await;
    let directory = TempDir::new().unwrap();
    let log = spooling(&directory, &log_key());
    for _ in 0..3 {
        log.record_refusal(&gone(), &ctx, denied("p")).await.unwrap();
    }

    let round = log.worker(&gone()).round().await.unwrap();

    assert_eq!((round.drained, round.kept), (0, 3));
    assert_eq!(log.worker(&test.db()).round().await.unwrap().drained, 3);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn processes_that_share_a_directory_record_each_event_once() {
    let test = shared().await;
    let (_, ctx) = context(&test).await;
    let directory = TempDir::new().unwrap();
    let key = log_key();
    let process = |_| {
        let (log, test, ctx) = (spooling(&directory, &key), test.clone(), ctx.clone());
        tokio::spawn(async move {
            let worker = log.worker(&test.db());
            let mut drained = 0;
            for _ in 0..10 {
                log.record_refusal(&gone(), &ctx, denied("p")).await.unwrap();
                drained += worker.round().await.unwrap().drained;
            }
            drained
        })
    };
    let processes: Vec<_> = (0..4).map(process).collect();
    let mut drained = 0;
    for process in processes {
        drained += process.await.unwrap();
    }

    let last = spooling(&directory, &key)
        .worker(&test.db())
        .round()
        .await
        .unwrap();

    assert_eq!(drained + last.drained, 40);
    assert_eq!(state(&directory, &key).waiting, 0);
    assert_eq!(
        stored(&test, &ctx)
            .await
            .iter()
            .filter(|row| row.entry.action == "parcel.send")
            .count(),
        40
    );
}

#[test]
fn a_directory_that_others_may_write_to_is_refused() {
    let directory = TempDir::new().unwrap();
    let path = directory.path().join("spool");
    fs::create_dir(&path).unwrap();

    for mode in [0o770, 0o702, 0o1777] {
        fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
        let refused = Spool::open(&path, &log_key(), &Sources::system());
        assert!(matches!(refused, Err(SpoolError::Exposed { mode: found, .. }) if found == mode));
    }
    fs::set_permissions(&path, fs::Permissions::from_mode(0o700)).unwrap();
    assert!(Spool::open(&path, &log_key(), &Sources::system()).is_ok());
    fs::write(directory.path().join("file"), b"").unwrap();
    let refused = Spool::open(directory.path().join("file"), &log_key(), &Sources::system());
    assert!(matches!(refused, Err(SpoolError::File { .. })));
    let refused = Spool::open(directory.path().join("a/b"), &log_key(), &Sources::system());
    assert!(matches!(refused, Err(SpoolError::File { .. })));
}

#[tokio::test]
async fn what_a_process_left_unfinished_is_tidied_away_and_what_one_is_writing_is_not() {
    let directory = TempDir::new().unwrap();
    let key = log_key();
    let _log: AuditLog = spooling(&directory, &key);
    let path = directory.path().join("spool");
    fs::write(path.join("1-left-over.new"), b"torn").unwrap();
    fs::write(path.join("2-being-written.new"), b"torn").unwrap();
    let writing = fs::File::open(path.join("2-being-written.new")).unwrap();
    writing.try_lock().unwrap();
    fs::write(path.join("somebody's notes"), b"").unwrap();

    let _reopened = spooling(&directory, &key);

    assert_eq!(files(&directory, "new"), [path.join("2-being-written.new")]);
    assert!(path.join("somebody's notes").exists());
    drop(writing);
    let _reopened = spooling(&directory, &key);
    assert!(files(&directory, "new").is_empty());
}

/// Lets the database refuse the events of a tenant, and count how often it was asked.
async fn refuse(test: &TestDb, tenant: TenantId, code: &str) {
    let mut superuser = PgConnection::connect(&test.superuser_url()).await.unwrap();
    let statements = format!(
        "create sequence public.asked;
         grant usage on sequence public.asked to public;
         create function public.refuse() returns trigger language plpgsql as $$
         begin
           perform nextval('public.asked');
           raise exception 'not now' using errcode = '{code}';
         end $$;
         create trigger refused before insert on platform_audit.event
           for each row when (new.tenant_id = '{tenant}') execute function public.refuse()"
    );
    superuser.execute(AssertSqlSafe(statements)).await.unwrap();
}

#[tokio::test]
async fn a_tenant_that_the_database_refuses_does_not_hold_up_the_others_and_is_tried_once_in_a_round() {
    // A lock that does not come free, a statement that is cancelled, and a check that nobody has thought of.
    for code in ["55P03", "57014", "23514"] {
        let test = Box::pin(TestDb::own(&[&MIGRATIONS])).await;
        let ((busy, ctx), (_, other)) = (context(&test).await, context(&test).await);
        let directory = TempDir::new().unwrap();
        let log = spooling(&directory, &log_key());
        for parcel in ["a", "b", "c"] {
            log.record_refusal(&gone(), &ctx, denied(parcel)).await.unwrap();
        }
        for parcel in ["d", "e"] {
            log.record_refusal(&gone(), &other, denied(parcel)).await.unwrap();
        }
        refuse(&test, busy, code).await;

        let round = log.worker(&test.db()).round().await.unwrap();

        assert_eq!((round.drained, round.kept, round.set_aside), (2, 3, 0), "{code}");
        let mut superuser = PgConnection::connect(&test.superuser_url()).await.unwrap();
        let asked: i64 = sqlx::query_scalar("select last_value from public.asked")
            .fetch_one(&mut superuser)
            .await
            .unwrap();
        assert_eq!(asked, 1, "{code}");
        superuser
            .execute("drop trigger refused on platform_audit.event")
            .await
            .unwrap();
        let round = log.worker(&test.db()).round().await.unwrap();
        assert_eq!((round.drained, round.kept), (3, 0), "{code}");
    }
}

#[tokio::test]
async fn an_event_that_is_refused_for_good_does_not_keep_the_others_of_its_tenant_waiting() {
    let test = Box::pin(TestDb::own(&[&MIGRATIONS])).await;
    let (_, ctx) = context(&test).await;
    let directory = TempDir::new().unwrap();
    let log = spooling(&directory, &log_key());
    for parcel in ["never", "a", "b"] {
        log.record_refusal(&gone(), &ctx, denied(parcel)).await.unwrap();
    }
    let mut superuser = PgConnection::connect(&test.superuser_url()).await.unwrap();
    superuser
        .execute(
            "create function public.refuse() returns trigger language plpgsql as $$
             begin
               raise exception 'never' using errcode = '23514';
             end $$;
             create trigger refused before insert on platform_audit.event
               for each row when (new.target_id = 'never') execute function public.refuse()",
        )
        .await
        .unwrap();
    let worker = log.worker(&test.db());

    let first = worker.round().await.unwrap();
    let second = worker.round().await.unwrap();

    assert_eq!((first.drained, first.kept), (0, 3));
    assert_eq!((second.drained, second.kept, second.set_aside), (2, 1, 0));
    log.record_refusal(&gone(), &ctx, denied("c")).await.unwrap();
    let third = worker.round().await.unwrap();
    assert_eq!((third.drained, third.kept), (1, 1));
    // It is tried again all the same.
    superuser
        .execute("drop trigger refused on platform_audit.event")
        .await
        .unwrap();
    assert_eq!(worker.round().await.unwrap().drained, 1);
}

#[tokio::test]
async fn what_a_spool_holds_is_scraped_as_the_worker_has_last_seen_it() {
    let test = shared().await;
    let (_, ctx) = context(&test).await;
    let directory = TempDir::new().unwrap();
    let log = spooling(&directory, &log_key());
    let metrics = Metrics::new();
    log.register(&metrics);
    let has = |line: &str| metrics.encode().lines().any(|found| found == line);
    assert!(has("audit_spool_waiting 0"));

    log.record_refusal(&gone(), &ctx, denied("p")).await.unwrap();
    log.worker(&gone()).round().await.unwrap();

    assert!(has("audit_spool_waiting 1"));
    // A scrape does not look at the disk; the worker does, and says when it cannot be read.
    let path = directory.path().join("spool");
    fs::rename(&path, directory.path().join("away")).unwrap();
    assert!(has("audit_spool_waiting 1"));
    log.worker(&gone()).round().await.unwrap_err();
    assert!(!metrics.encode().contains("audit_spool_waiting 1"));
    fs::rename(directory.path().join("away"), &path).unwrap();
    log.worker(&test.db()).round().await.unwrap();
    assert!(has("audit_spool_waiting 0"));
}
