//! The story is true.

use std::cell::RefCell;
use std::sync::Arc;

use platform_core::time::OffsetDateTime;
use platform_core::{ManualClock, OsRandom, Sources};
use sealing::story;

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_column_is_sealed_its_key_rotated_under_load_and_a_customer_erased_beyond_a_backup() {
    let start = OffsetDateTime::from_unix_timestamp(1_772_366_400).unwrap();
    let clock = Arc::new(ManualClock::starting_at(start));
    let sources = Sources::shared(clock.clone(), Arc::new(OsRandom));
    let folder = story::folder().unwrap();
    let told = RefCell::new(Vec::new());

    let wait = async |time| clock.advance(time);
    let say = |line: &str| told.borrow_mut().push(line.to_owned());
    story::tell(folder.path(), sources, wait, say).await.unwrap();

    let told = told.into_inner();
    let count = |text: &str| told.iter().filter(|line| line.contains(text)).count();
    assert_eq!(
        count("opened: ada@example.com"),
        1,
        "before the erasure: {told:#?}"
    );
    assert_eq!(
        count("opened: bob@example.com"),
        3,
        "then, now, and in the backup: {told:#?}"
    );
    assert_eq!(count("erased: the key"), 2, "now and in the backup: {told:#?}");
    assert_eq!(count("none failed"), 1, "{told:#?}");
    assert_eq!(count(" 0 values are sealed anew"), 0, "{told:#?}");
    let stored = told.iter().filter(|line| line.contains("stored:"));
    assert!(stored.clone().count() > 0 && stored.clone().all(|line| !line.contains("example.com")));
}
