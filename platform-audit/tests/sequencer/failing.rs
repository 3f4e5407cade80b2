//! What a sequencer does while something keeps failing.

use std::time::Duration;

use platform_audit::{LogKey, Marks, Sequencer, SequencerConfig, SequencerError};
use platform_core::Sources;
use platform_core::pg::{Db, DbConfig, DbError};
use platform_core::sqlx::{Connection as _, Executor as _};
use tokio_util::sync::CancellationToken;

use crate::support::{HOST, Trail, settle};

/// Time flies: whoever sleeps is woken at once, and the clock says what it would have been.
#[tokio::test(start_paused = true)]
async fn while_the_database_is_away_rounds_come_less_and_less_often() {
    let folder = tempfile::tempdir().unwrap();
    let key = LogKey::generate(HOST, &Sources::system()).unwrap();
    let marks = Marks::open_or_begin(folder.path().join("marks"), &key).unwrap();
    let db = Db::unconnected(Sources::system());
    let sequencer = Sequencer::new(&db, &key, marks, SequencerConfig::default());
    let stop = CancellationToken::new();
    let (running, token) = (sequencer.clone(), stop.clone());
    let running = tokio::spawn(async move { running.run(token).await });
    let mut failed = Vec::new();

    for _ in 0..10 {
        tokio::time::sleep(Duration::from_secs(60)).await;
        failed.push(sequencer.metrics().rounds_failed.get());
    }

    // 200 ms, 400 ms … 10 s, each shortened by up to a half.
    assert!((6..=24).contains(&failed[0]), "{failed:?}");
    // Then at most one every five seconds, at least one every ten.
    let in_the_last_minute = failed[9] - failed[8];
    assert!((5..=12).contains(&in_the_last_minute), "{failed:?}");
    assert!(sequencer.health().complaint().is_some());
    stop.cancel();
    running.await.unwrap();
}

#[tokio::test]
async fn a_lease_that_cannot_be_renewed_in_time_is_kept_with_all_that_is_known() {
    let trail = Trail::new().await;
    let ctx = trail.tenant();
    let config = DbConfig {
        statement_timeout: Duration::from_millis(200),
        ..DbConfig::new(trail.test.app_url())
    };
    let db = Db::connect(&config, Sources::system()).await.unwrap();
    let sequencer = Sequencer::new(&db, &trail.key, trail.marks(), SequencerConfig::default());
    trail.record(&ctx).await;
    settle(&sequencer).await;
    let mut superuser = trail.superuser().await;
    let mut holding = superuser.begin().await.unwrap();
    holding
        .execute("select from platform_audit.lease for update")
        .await
        .unwrap();

    // Half of the lease's time is over.
    tokio::time::pause();
    tokio::time::advance(SequencerConfig::default().lease).await;
    tokio::time::resume();
    let renewing = sequencer.round().await;

    assert!(
        matches!(renewing, Err(SequencerError::Db(DbError::Timeout(_)))),
        "{renewing:?}"
    );
    assert_eq!(sequencer.health().shards, [0]);
    holding.rollback().await.unwrap();
    trail.record(&ctx).await;
    let round = sequencer.round().await.unwrap();
    assert_eq!((round.shards, round.sequenced, round.signed), (1, 1, 1));
    let taken_anew = trail.count("platform_audit.lease where epoch > 0").await;
    assert_eq!(taken_anew, 0);
    assert_eq!(sequencer.health().complaint(), None);
}
