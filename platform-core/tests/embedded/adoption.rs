//! What a program that was killed leaves behind.

use std::io::{BufRead as _, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};

use platform_core::embedded::{CameUp, Cluster, StopMode};
use rustix::process::{Pid, Signal, kill_process};

use crate::support::{Place, ask, run, start, stop};

const HOLD: &str = "PLATFORM_TEST_HOLD";

/// Another process that serves `data_dir` until it is killed.
struct Holder(Child);

impl Holder {
    fn start(data_dir: &Path) -> Self {
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args([
                "--exact",
                "adoption::holds_a_cluster_for_another_test",
                "--nocapture",
            ])
            .env(HOLD, data_dir)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let up = lines.map_while(Result::ok).any(|line| line.ends_with("holding"));
        assert!(up, "the process that holds the cluster ended");
        Self(child)
    }

    fn kill(mut self) {
        self.0.kill().unwrap();
        self.0.wait().unwrap();
    }
}

/// Not a test of its own: the other process of the tests below, which sets the variable.
#[tokio::test]
async fn holds_a_cluster_for_another_test() {
    let Some(data_dir) = std::env::var_os(HOLD) else {
        return;
    };
    let _cluster = start(Path::new(&data_dir)).await;
    println!("\nholding");
    std::io::stdin().lines().for_each(drop);
}

#[tokio::test]
async fn a_server_that_outlives_its_program_is_adopted() {
    let place = Place::new();
    let holder = Holder::start(&place.data_dir());
    let endpoint = Cluster::attach(&place.data_dir()).await.unwrap().unwrap();
    run(&endpoint, "create table kept as select 'a row' as what").await;
    let started = ask(&endpoint, "select pg_postmaster_start_time()::text").await;

    holder.kill();
    let cluster = start(&place.data_dir()).await;

    assert_eq!(cluster.report().came_up, CameUp::Adopted);
    assert_eq!(ask(cluster.endpoint(), "select what from kept").await, "a row");
    let now = ask(cluster.endpoint(), "select pg_postmaster_start_time()::text").await;
    assert_eq!(now, started);
    stop(cluster).await;
}

#[tokio::test]
async fn a_dropped_cluster_keeps_running_and_is_adopted() {
    let place = Place::new();
    let first = start(&place.data_dir()).await;
    let pid = first.report().pid;
    assert!(first.is_running());

    drop(first);
    let second = start(&place.data_dir()).await;

    assert_eq!(second.report().came_up, CameUp::Adopted);
    assert_eq!(second.report().pid, pid);
    stop(second).await;
}

#[tokio::test]
async fn a_killed_server_is_started_again_and_recovers() {
    let place = Place::new();
    let first = start(&place.data_dir()).await;
    run(first.endpoint(), "create table kept as select 'a row' as what").await;
    run(first.endpoint(), "checkpoint").await;
    let pid = i32::try_from(first.report().pid).unwrap();

    kill_process(Pid::from_raw(pid).unwrap(), Signal::KILL).unwrap();
    drop(first);
    let second = start(&place.data_dir()).await;

    assert_eq!(second.report().came_up, CameUp::Started);
    assert_eq!(ask(second.endpoint(), "select what from kept").await, "a row");
    stop(second).await;
}

#[tokio::test]
async fn a_pid_file_of_a_process_that_is_something_else_is_cleared_away() {
    let place = Place::new();
    stop(start(&place.data_dir()).await).await;
    let pid_file = place.data_dir().join("pg/postmaster.pid");
    let stale = format!(
        "{}\n{}\n1700000000\n5432\n/nowhere\n\n\nready   \n",
        std::process::id(),
        place.data_dir().join("pg").display()
    );

    for content in [stale.as_str(), ""] {
        std::fs::write(&pid_file, content).unwrap();
        let cluster = start(&place.data_dir()).await;
        assert_eq!(cluster.report().came_up, CameUp::Started);
        stop(cluster).await;
    }
}

#[tokio::test]
async fn attaching_takes_no_lock_and_finds_only_a_server_that_runs() {
    let place = Place::new();
    assert!(Cluster::attach(&place.data_dir()).await.unwrap().is_none());
    let cluster = start(&place.data_dir()).await;

    let attached = Cluster::attach(&place.data_dir()).await.unwrap().unwrap();

    assert_eq!(&attached, cluster.endpoint());
    assert_eq!(ask(&attached, "select 'reached'").await, "reached");
    cluster.stop(StopMode::Fast).await.unwrap();
    assert!(Cluster::attach(&place.data_dir()).await.unwrap().is_none());
}
