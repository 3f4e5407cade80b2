//! A backup of the database, made before an erasure and restored after it.

use std::path::PathBuf;
use std::process::Command;
use std::sync::Arc;

use platform_core::embedded::{Binaries, SearchPath};
use platform_core::pg::{Db, DbConfig};
use platform_core::testing::TestDb;
use platform_crypto::{FileErasureStore, Keyring, Purpose, Tagged};

use crate::blind_index::LOGIN;
use crate::support::{ADA, Customer, TTL, World, keyring_on};

/// The database as it was dumped, in another database, and a process that serves it with the store as it is today.
struct Restored {
    db: Db,
    keyring: Keyring,
}

/// A program of the PostgreSQL that the tests run on.
async fn program(name: &str) -> Command {
    let bin_dir = std::env::var_os("PG_BIN_DIR").map(PathBuf::from);
    let search = SearchPath::new(bin_dir, std::env::var_os("PATH"));
    let beside = Binaries::find(&search).await.unwrap().folder().join(name);
    // A client may be installed apart from its server.
    Command::new(if beside.exists() {
        beside
    } else {
        PathBuf::from(name)
    })
}

async fn dump(world: &World) -> tempfile::NamedTempFile {
    let file = tempfile::NamedTempFile::new().unwrap();
    let output = program("pg_dump")
        .await
        .arg("--dbname")
        .arg(world.test.superuser_url())
        .arg("--file")
        .arg(file.path())
        .output()
        .unwrap();
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    file
}

async fn restore(world: &World, dump: &tempfile::NamedTempFile) -> Restored {
    let database = TestDb::empty().await;
    let output = program("psql")
        .await
        .args(["--quiet", "--set", "ON_ERROR_STOP=1", "--dbname"])
        .arg(database.superuser_url())
        .arg("--file")
        .arg(dump.path())
        .output()
        .unwrap();
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    let db = Db::connect(&DbConfig::new(database.app_url()), world.sources.clone())
        .await
        .unwrap();
    let store = FileErasureStore::open(world.folder.path()).unwrap();
    let keyring = keyring_on(&db, Arc::new(store), world.log.clone()).await;
    Restored { db, keyring }
}

async fn tagged_customer(world: &World, value: &str) -> Customer {
    let customer = world.customer().await;
    let mut tx = world.begin().await;
    let tagged = Tagged::new(customer.row, value).of(customer.subject);
    world
        .keyring
        .tag(&mut tx, &world.ctx(), &LOGIN, &tagged)
        .await
        .unwrap();
    tx.commit().await.unwrap();
    customer
}

// C28
#[tokio::test]
async fn a_backup_from_before_an_erasure_opens_everybody_but_the_erased() {
    let world = World::own().await;
    let ctx = world.ctx();
    let mut customers = Vec::new();
    for number in 0..40 {
        customers.push(tagged_customer(&world, &format!("customer{number}@example.com")).await);
    }
    let dump = dump(&world).await;
    let (gone, kept) = customers.split_at(7);
    for customer in gone {
        world.keyring.erase(&ctx, customer.subject).await.unwrap();
    }

    let restored = restore(&world, &dump).await;

    let mut read = restored.db.read(&ctx).await.unwrap();
    let alive: i64 = platform_core::sqlx::query_scalar(
        "select count(*) from platform_crypto.subject_key where tenant_id = $1 and state = 'live' and wrapped is not null",
    )
    .bind(world.tenant)
    .fetch_one(&mut read)
    .await
    .unwrap();
    read.finish().await.unwrap();
    assert_eq!(alive, 40, "the backup holds the wrapped keys of all");
    for customer in gone {
        assert_eq!(customer.read(&restored.keyring, &ctx).await, customer.destroyed());
    }
    for customer in kept {
        assert_eq!(customer.read(&restored.keyring, &ctx).await.unwrap(), ADA);
    }
}

#[tokio::test]
async fn what_the_backup_brought_back_is_erased_again_in_the_tables_too() {
    let world = World::own().await;
    let ctx = world.ctx();
    let gone = tagged_customer(&world, "gone@example.com").await;
    let kept = tagged_customer(&world, "kept@example.com").await;
    let dump = dump(&world).await;
    world.keyring.erase(&ctx, gone.subject).await.unwrap();
    let restored = restore(&world, &dump).await;

    assert_eq!(restored.keyring.replay_erasures(&ctx).await.unwrap(), 1);
    assert_eq!(restored.keyring.replay_erasures(&ctx).await.unwrap(), 0);

    let state = async |customer: &Customer| {
        let info = restored.keyring.subject(&ctx, customer.subject).await.unwrap();
        info.unwrap().state.as_str()
    };
    assert_eq!((state(&gone).await, state(&kept).await), ("destroyed", "live"));
    let mut read = restored.db.read(&ctx).await.unwrap();
    let find = restored
        .keyring
        .find(&mut read, &ctx, &LOGIN, "gone@example.com")
        .await;
    assert!(find.unwrap().is_empty());
    let find = restored
        .keyring
        .find(&mut read, &ctx, &LOGIN, "kept@example.com")
        .await;
    assert_eq!(find.unwrap().len(), 1);
}

#[tokio::test]
async fn new_subjects_in_a_restored_database_get_none_of_the_destroyed_slots() {
    let world = World::own().await;
    let ctx = world.ctx();
    world.customer().await;
    let dump = dump(&world).await;
    for _ in 0..30 {
        let later = world.customer().await;
        world.keyring.erase(&ctx, later.subject).await.unwrap();
    }
    let restored = restore(&world, &dump).await;

    for _ in 0..30 {
        let subject = world.subject();
        let mut tx = restored.db.begin(&ctx).await.unwrap();
        let key = restored
            .keyring
            .ensure_subject(&mut tx, &ctx, subject)
            .await
            .unwrap();
        tx.commit().await.unwrap();
        let fresh = keyring_on(
            &restored.db,
            Arc::new(FileErasureStore::open(world.folder.path()).unwrap()),
            world.log.clone(),
        )
        .await;
        let keys = fresh.keys_for(&ctx, [key.id()]).await.unwrap();
        assert!(keys.contains(key.id()));
    }
}

#[tokio::test]
async fn a_backup_from_before_a_rotation_opens_as_long_as_the_root_key_is_there() {
    let world = World::own().await;
    let ctx = world.ctx();
    let (gone, kept) = (world.customer().await, world.customer().await);
    let dump = dump(&world).await;
    world.keyring.rotate_now(&ctx, Purpose::Data).await.unwrap();
    while world.keyring.rewrap_subjects(&ctx, 100).await.unwrap() > 0 {}
    world.clock.advance(2 * TTL);
    world.keyring.destroy(&ctx, Purpose::Data, 1).await.unwrap();
    world.keyring.erase(&ctx, gone.subject).await.unwrap();

    let restored = restore(&world, &dump).await;

    assert_eq!(gone.read(&restored.keyring, &ctx).await, gone.destroyed());
    assert_eq!(kept.read(&restored.keyring, &ctx).await.unwrap(), ADA);
}

#[tokio::test]
async fn a_store_that_was_restored_from_a_copy_forgets_the_erased_again() {
    let world = World::shared().await;
    let ctx = world.ctx();
    let (gone, kept) = (world.customer().await, world.customer().await);
    let file = world.folder.path().join(format!("{}.0.erasure", world.tenant));
    let copy = std::fs::read(&file).unwrap();
    world.keyring.erase(&ctx, gone.subject).await.unwrap();
    std::fs::write(&file, copy).unwrap();

    let keyring = world.other_process().await;
    assert_eq!(keyring.replay_erasures(&ctx).await.unwrap(), 0);

    let bytes = std::fs::read(&file).unwrap();
    let id = platform_crypto::SegmentId {
        tenant: world.tenant,
        number: 0,
    };
    let key = platform_crypto::PuncturableKey::decode(id, &bytes[8..]).unwrap();
    assert_eq!(key.nodes(), 14, "one slot is punctured");
    assert_eq!(gone.read(&keyring, &ctx).await, gone.destroyed());
    assert_eq!(kept.read(&keyring, &ctx).await.unwrap(), ADA);
}
