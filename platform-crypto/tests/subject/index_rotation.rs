//! Rotating the key of blind indexes while they are in use.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use platform_crypto::{KeyError, Keyring, Purpose, RowId, TagError, Tagged};

use crate::blind_index::{LOGIN, find, tag};
use crate::support::{ADA, TTL, World};

fn address(number: usize) -> String {
    format!("customer{number}@example.com")
}

async fn rows_to_retag(world: &World) -> usize {
    let mut read = world.db.read(&world.ctx()).await.unwrap();
    world
        .keyring
        .rows_to_retag(&mut read, &LOGIN, 10_000)
        .await
        .unwrap()
        .len()
}

/// Tags rows again until there are none left; the service would open their values.
async fn retag(world: &World, keyring: &Keyring, values: &BTreeMap<RowId, String>) -> usize {
    let mut done = 0;
    loop {
        let mut tx = world.begin().await;
        let rows = keyring.rows_to_retag(&mut tx, &LOGIN, 20).await.unwrap();
        if rows.is_empty() {
            return done;
        }
        for row in rows {
            let tagged = Tagged::new(row, &values[&row]);
            keyring.tag(&mut tx, &world.ctx(), &LOGIN, &tagged).await.unwrap();
            done += 1;
        }
        tx.commit().await.unwrap();
    }
}

/// The old key can be destroyed once it was retired for two times-to-live.
async fn let_time_pass(world: &World) {
    world.clock.advance(TTL);
    world.keyring.promote(&world.ctx()).await.unwrap();
    world.clock.advance(2 * TTL);
}

// C18
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn while_the_index_key_is_rotated_no_row_is_missed_and_no_value_stands_twice() {
    let world = Arc::new(World::shared().await);
    let ctx = world.ctx();
    let mut values = BTreeMap::new();
    for number in 0..60 {
        let row = RowId::from(world.row());
        tag(&world, &LOGIN, row, &address(number)).await.unwrap();
        values.insert(row, address(number));
    }
    let values = Arc::new(values);
    let stop = Arc::new(AtomicBool::new(false));
    let reads = Arc::new(AtomicUsize::new(0));
    // Processes that hear no messages: one that reads and one that tries to take every value again.
    let (reader, writer) = (world.other_process().await, world.other_process().await);
    let reading = {
        let (world, values, stop, reads) = (world.clone(), values.clone(), stop.clone(), reads.clone());
        tokio::spawn(async move {
            while !stop.load(Ordering::SeqCst) {
                for (row, value) in values.iter() {
                    let mut read = world.db.read(&world.ctx()).await.unwrap();
                    let found = reader.find(&mut read, &world.ctx(), &LOGIN, value).await.unwrap();
                    assert_eq!(found, [*row], "{value} was missed");
                    reads.fetch_add(1, Ordering::SeqCst);
                }
            }
        })
    };
    let writing = {
        let (world, stop) = (world.clone(), stop.clone());
        tokio::spawn(async move {
            let mut refused = 0;
            while !stop.load(Ordering::SeqCst) {
                for number in 0..60 {
                    let mut tx = world.begin().await;
                    let value = address(number);
                    let tagged = Tagged::new(world.row(), &value);
                    let taken = writer.tag(&mut tx, &world.ctx(), &LOGIN, &tagged).await;
                    assert!(matches!(taken, Err(TagError::Taken)), "{value}: {taken:?}");
                    refused += 1;
                }
            }
            refused
        })
    };

    for version in 1..=3 {
        world.keyring.rotate(&ctx, Purpose::Index).await.unwrap();
        let_time_pass(&world).await;
        assert_eq!(retag(&world, &world.keyring, &values).await, 60);
        world
            .keyring
            .destroy(&ctx, Purpose::Index, version)
            .await
            .unwrap();
        let before = reads.load(Ordering::SeqCst);
        crate::support::wait_until(async || {
            world.db.ping().await.unwrap();
            reads.load(Ordering::SeqCst) > before + 60
        })
        .await;
    }

    stop.store(true, Ordering::SeqCst);
    reading.await.unwrap();
    let refused = writing.await.unwrap();
    let left = format!(
        "select count(*) from platform_crypto.blind_tag where tenant_id = '{}'",
        world.tenant
    );
    assert_eq!(
        world.number(&left).await,
        60,
        "one tag for each row, under the last key"
    );
    println!(
        "{} reads and {refused} refused writes beside 3 rotations",
        reads.load(Ordering::SeqCst)
    );
}

// C18
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn processes_that_know_different_keys_cannot_both_take_a_value() {
    let world = Arc::new(World::shared().await);
    tag(&world, &LOGIN, world.row(), "warm@example.com")
        .await
        .unwrap();
    // One process has loaded the first key and hears nothing of the second.
    let stale = world.other_process().await;
    let mut read = world.db.read(&world.ctx()).await.unwrap();
    stale.find(&mut read, &world.ctx(), &LOGIN, ADA).await.unwrap();
    read.finish().await.unwrap();

    for round in 0..12 {
        if round == 4 {
            world
                .keyring
                .rotate_now(&world.ctx(), Purpose::Index)
                .await
                .unwrap();
        }
        let value = address(round);
        let tries: Vec<_> = (0..8)
            .map(|number| {
                let (world, value) = (world.clone(), value.clone());
                let keyring = if number % 2 == 0 {
                    stale.clone()
                } else {
                    world.keyring.clone()
                };
                tokio::spawn(async move {
                    let mut tx = world.begin().await;
                    let tagged = Tagged::new(world.row(), &value);
                    let tagged = keyring.tag(&mut tx, &world.ctx(), &LOGIN, &tagged).await;
                    if tagged.is_ok() {
                        tx.commit().await.unwrap();
                    }
                    tagged
                })
            })
            .collect();
        let mut got = 0;
        for one in tries {
            match one.await.unwrap() {
                Ok(()) => got += 1,
                Err(TagError::Taken) => {}
                Err(error) => panic!("{error:?}"),
            }
        }
        assert_eq!(got, 1, "{value}");
    }
}

#[tokio::test]
async fn an_index_key_stays_until_every_row_has_moved_to_a_newer_one() {
    let world = World::shared().await;
    let ctx = world.ctx();
    let row = RowId::from(world.row());
    tag(&world, &LOGIN, row, ADA).await.unwrap();
    world.keyring.rotate(&ctx, Purpose::Index).await.unwrap();
    let_time_pass(&world).await;
    assert_eq!(rows_to_retag(&world).await, 1);

    let refused = world.keyring.destroy(&ctx, Purpose::Index, 1).await.unwrap_err();
    assert!(matches!(refused, KeyError::StillNeeded(1)), "{refused:?}");
    assert_eq!(find(&world, &LOGIN, ADA).await, [row]);

    retag(&world, &world.keyring, &BTreeMap::from([(row, ADA.to_owned())])).await;
    assert_eq!(rows_to_retag(&world).await, 0);
    world.keyring.destroy(&ctx, Purpose::Index, 1).await.unwrap();
    assert_eq!(find(&world, &LOGIN, ADA).await, [row]);
    assert!(matches!(
        tag(&world, &LOGIN, world.row(), ADA).await,
        Err(TagError::Taken)
    ));
}

#[tokio::test]
async fn a_search_with_an_old_key_in_memory_learns_of_the_new_one() {
    let world = World::shared().await;
    let ctx = world.ctx();
    let row = RowId::from(world.row());
    tag(&world, &LOGIN, row, ADA).await.unwrap();
    let stale = world.other_process().await;
    let mut tx = world.begin().await;
    stale.find(&mut tx, &ctx, &LOGIN, ADA).await.unwrap();
    tx.rollback().await.unwrap();
    world.keyring.rotate_now(&ctx, Purpose::Index).await.unwrap();
    world.clock.advance(TTL - std::time::Duration::from_secs(1));
    // Only this much later could the old key be destroyed; what the other process has loaded then was loaded in between.
    retag(&world, &world.keyring, &BTreeMap::from([(row, ADA.to_owned())])).await;
    let mut read = world.db.read(&ctx).await.unwrap();

    let found = stale.find(&mut read, &ctx, &LOGIN, ADA).await.unwrap();

    assert_eq!(found, [row]);
}

#[tokio::test]
async fn a_row_that_is_tagged_again_stays_its_subjects() {
    let world = World::shared().await;
    let ctx = world.ctx();
    let customer = world.customer().await;
    let mut tx = world.begin().await;
    let tagged = Tagged::new(customer.row, ADA).of(customer.subject);
    world.keyring.tag(&mut tx, &ctx, &LOGIN, &tagged).await.unwrap();
    tx.commit().await.unwrap();
    world.keyring.rotate_now(&ctx, Purpose::Index).await.unwrap();
    let row = RowId::from(customer.row);
    retag(&world, &world.keyring, &BTreeMap::from([(row, ADA.to_owned())])).await;

    world.keyring.erase(&ctx, customer.subject).await.unwrap();

    assert!(find(&world, &LOGIN, ADA).await.is_empty());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_tag_that_is_being_written_keeps_the_old_key_from_being_destroyed() {
    let world = Arc::new(World::shared().await);
    let ctx = world.ctx();
    tag(&world, &LOGIN, world.row(), "first@example.com")
        .await
        .unwrap();
    // Begun before there was a second key, committed after the first one could have been destroyed.
    let mut tx = world.begin().await;
    let row = RowId::from(world.row());
    let tagged = Tagged::new(row, ADA);
    world.keyring.tag(&mut tx, &ctx, &LOGIN, &tagged).await.unwrap();
    world.keyring.rotate(&ctx, Purpose::Index).await.unwrap();
    let_time_pass(&world).await;
    let first = find(&world, &LOGIN, "first@example.com").await[0];
    retag(
        &world,
        &world.keyring,
        &BTreeMap::from([(first, "first@example.com".to_owned())]),
    )
    .await;
    let destroying = {
        let world = world.clone();
        tokio::spawn(async move { world.keyring.destroy(&world.ctx(), Purpose::Index, 1).await })
    };
    let waiting = "select count(*) from pg_stat_activity where wait_event_type = 'Lock' and query like '%for update%' and datname = current_database()";
    crate::support::wait_until(async || world.number(waiting).await > 0 || destroying.is_finished()).await;
    assert!(!destroying.is_finished(), "it waits for the tag");

    tx.commit().await.unwrap();

    let refused = destroying.await.unwrap().unwrap_err();
    assert!(matches!(refused, KeyError::StillNeeded(1)), "{refused:?}");
    assert_eq!(find(&world, &LOGIN, ADA).await, [row]);
}
