//! Connections over TCP.
#![cfg(target_os = "linux")]

use std::fs::File;
use std::net::SocketAddr;
use std::os::unix::fs::MetadataExt as _;

use platform_core::Sources;
use platform_core::pg::{Db, DbConfig};
use rustix::fs::{FlockOperation, fcntl_lock};
use rustix::net::{getpeername, sockopt::tcp_nodelay};
use rustix::process::{PidfdFlags, PidfdGetfdFlags, getpid, pidfd_getfd, pidfd_open};
use sqlx::postgres::PgConnectOptions;

use crate::proxy::SlowLine;
use crate::support::{context, shop, tenant};

/// Of every connection of this process to that port, whether the kernel sends at once what is written to it.
fn sends_at_once(port: u16) -> Vec<bool> {
    let process = pidfd_open(getpid(), PidfdFlags::empty()).unwrap();
    let numbers = std::fs::read_dir("/proc/self/fd").unwrap();
    let numbers = numbers.filter_map(|entry| entry.unwrap().file_name().to_str()?.parse().ok());
    let descriptors =
        numbers.filter_map(|number| pidfd_getfd(&process, number, PidfdGetfdFlags::empty()).ok());
    descriptors
        .filter(|descriptor| {
            let peer = getpeername(descriptor).ok().flatten();
            peer.and_then(|peer| SocketAddr::try_from(peer).ok())
                .is_some_and(|peer| peer.port() == port)
        })
        .map(|descriptor| tcp_nodelay(&descriptor).unwrap())
        .collect()
}

#[tokio::test]
async fn no_connection_waits_with_the_end_of_a_long_message_until_its_beginning_is_acknowledged() {
    let test = shop().await;
    let line = SlowLine::to(&test.app_url(), 1).await;
    let target: PgConnectOptions = line.url().parse().unwrap();
    let config = DbConfig::new(line.url()).with_max_connections(3);
    let db = Db::connect(&config, Sources::system()).await.unwrap();
    let ctx = context(tenant());

    let open = [
        db.begin(&ctx).await.unwrap(),
        db.begin(&ctx).await.unwrap(),
        db.begin(&ctx).await.unwrap(),
    ];

    assert_eq!(sends_at_once(target.get_port()), [true; 3]);
    for tx in open {
        tx.rollback().await.unwrap();
    }
}

/// Closing any descriptor of a file gives up the locks (POSIX) that the process has on it.
#[tokio::test]
async fn what_the_process_has_locked_stays_locked_when_connections_are_made() {
    let test = shop().await;
    let line = SlowLine::to(&test.app_url(), 1).await;
    let folder = tempfile::tempdir().unwrap();
    let file = File::create(folder.path().join("lock")).unwrap();
    fcntl_lock(&file, FlockOperation::NonBlockingLockExclusive).unwrap();
    let inode = file.metadata().unwrap().ino();
    let is_locked = || {
        let locks = std::fs::read_to_string("/proc/locks").unwrap();
        locks.lines().any(|line| line.contains(&format!(":{inode} ")))
    };
    assert!(is_locked());

    let db = Db::connect(&DbConfig::new(line.url()), Sources::system())
        .await
        .unwrap();
    db.ping().await.unwrap();

    assert!(is_locked());
}
