//! Time, of the clock and of the processor.

use std::fs;
use std::time::{Duration, Instant};

use platform_core::sqlx::{self, PgConnection};
use platform_core::testing::APP_LOGIN;

/// What something has cost so far.
#[derive(Debug, Clone)]
pub(crate) struct Usage {
    at: Instant,
    client: u64,
    /// Nanoseconds of each process of the server that works for the application.
    server: Vec<(i32, u64)>,
}

/// What something has cost: by the clock, and in nanoseconds of the processor on the client's and on the server's side.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Cost {
    pub(crate) wall: Duration,
    pub(crate) client: u64,
    /// 0 where the server runs elsewhere.
    pub(crate) server: u64,
}

impl Usage {
    /// What was used until now for work in this database.
    pub(crate) async fn now(superuser: &mut PgConnection, database: &str) -> Self {
        let pids: Vec<i32> =
            sqlx::query_scalar("select pid from pg_stat_activity where datname = $1 and usename = $2")
                .bind(database)
                .bind(APP_LOGIN)
                .fetch_all(&mut *superuser)
                .await
                .unwrap();
        Self {
            server: pids.into_iter().map(|pid| (pid, of_process(pid))).collect(),
            client: own(),
            at: Instant::now(),
        }
    }
}

/// The difference of two usages. What belongs to a process that has ended in between is not in it.
pub(crate) fn spent(before: &Usage, after: &Usage) -> Cost {
    let before_of = |pid| {
        let known = before.server.iter().find(|(known, _)| *known == pid);
        known.map_or(0, |(_, nanos)| *nanos)
    };
    let server = after.server.iter();
    Cost {
        wall: after.at - before.at,
        client: after.client.saturating_sub(before.client),
        server: server
            .map(|(pid, nanos)| nanos.saturating_sub(before_of(*pid)))
            .sum(),
    }
}

/// The threads of this process.
fn own() -> u64 {
    let threads = fs::read_dir("/proc/self/task").into_iter().flatten().flatten();
    threads
        .map(|thread| nanos_in(&format!("{}/schedstat", thread.path().display())))
        .sum()
}

fn of_process(pid: i32) -> u64 {
    let name = fs::read_to_string(format!("/proc/{pid}/comm")).unwrap_or_default();
    match name.trim() {
        "postgres" => nanos_in(&format!("/proc/{pid}/schedstat")),
        _ => 0,
    }
}

fn nanos_in(schedstat: &str) -> u64 {
    let text = fs::read_to_string(schedstat).unwrap_or_default();
    let first = text.split(' ').next().unwrap_or_default();
    first.parse().unwrap_or(0)
}

/// A number from the environment.
pub(crate) fn setting(name: &str, default: u64) -> u64 {
    let text = std::env::var(name).ok();
    text.and_then(|text| text.parse().ok()).unwrap_or(default)
}

/// How busy the machine has been in the last minute.
pub(crate) fn load() -> String {
    let text = fs::read_to_string("/proc/loadavg").unwrap_or_default();
    text.split(' ').next().unwrap_or_default().to_owned()
}

pub(crate) fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or_default()
}

/// The lower quartile.
pub(crate) fn low(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 4).copied().unwrap_or_default()
}

/// Microseconds for each of so many.
pub(crate) fn micros(nanos: u64, count: u64) -> f64 {
    nanos as f64 / 1_000.0 / count.max(1) as f64
}
