//! Dropping the databases that earlier tests left.

use std::time::Duration;

use rustix::process::{Pid, test_kill_process};
use sqlx::Connection as _;

use crate::Sources;

use super::BoxError;
use super::server::{Server, run};
use super::template::OWN_PREFIX;

/// After this time a database without connections belongs to nobody.
const FORGOTTEN_AFTER: Duration = Duration::from_secs(60 * 60);

/// One test process sweeps at a time. ("pltfswep" in ASCII.)
const LOCK_KEY: i64 = 0x706c_7466_7377_6570;

/// Sweeps in a thread of its own, beside the tests. It ends with the process, at any point: what is left, the next one sweeps.
pub(super) fn in_background(server: Server) {
    let sweeping = move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        if let Ok(runtime) = runtime {
            // A database that cannot be dropped is no test's failure.
            let _ = runtime.block_on(sweep(&server));
        }
    };
    let _ = std::thread::Builder::new()
        .name("test database sweep".to_owned())
        .spawn(sweeping);
}

async fn sweep(server: &Server) -> Result<(), BoxError> {
    let mut connection = server.connect().await?;
    let alone: bool = sqlx::query_scalar("select pg_catalog.pg_try_advisory_lock($1)")
        .bind(LOCK_KEY)
        .fetch_one(&mut connection)
        .await?;
    if alone {
        let unused: Vec<String> = sqlx::query_scalar(
            "select d.datname::text from pg_catalog.pg_database d
             where pg_catalog.starts_with(d.datname::text, $1)
               and not exists (select from pg_catalog.pg_stat_activity a where a.datid = d.oid)
             order by d.datname",
        )
        .bind(OWN_PREFIX)
        .fetch_all(&mut connection)
        .await?;
        let now = Sources::system().now().unix_timestamp();
        for name in unused {
            if is_left_over(&name, now, server.is_embedded()) {
                // Refused when somebody connected in the meantime.
                let _ = run(&mut connection, format!("drop database if exists \"{name}\"")).await;
            }
        }
    }
    connection.close().await?;
    Ok(())
}

/// Has the test behind this database ended? A process id says so only on the machine that gave it.
fn is_left_over(name: &str, now: i64, same_machine: bool) -> bool {
    let mut parts = name.trim_start_matches(OWN_PREFIX).split('_');
    let made_at: Option<i64> = parts.next().and_then(|part| part.parse().ok());
    let pid: Option<i32> = parts.next().and_then(|part| part.parse().ok());
    let (Some(made_at), Some(pid)) = (made_at, pid) else {
        return false;
    };
    let age = u64::try_from(now.saturating_sub(made_at)).unwrap_or(0);
    age > FORGOTTEN_AFTER.as_secs() || (same_machine && has_ended(pid))
}

fn has_ended(pid: i32) -> bool {
    let pid = Pid::from_raw(pid.saturating_abs());
    pid.is_none_or(|pid| test_kill_process(pid) == Err(rustix::io::Errno::SRCH))
}

#[cfg(test)]
mod tests {
    use super::is_left_over;

    #[test]
    fn a_database_is_left_over_when_its_process_has_ended_or_after_an_hour() {
        let living = std::process::id();
        let mut child = std::process::Command::new("true").spawn().unwrap();
        let ended = child.id();
        child.wait().unwrap();

        assert!(!is_left_over(&format!("test_own_1000_{living}_0"), 1001, true));
        assert!(is_left_over(&format!("test_own_1000_{ended}_0"), 1001, true));
        assert!(!is_left_over(&format!("test_own_1000_{ended}_0"), 1001, false));
        assert!(is_left_over(&format!("test_own_1000_{living}_0"), 5000, false));
        assert!(!is_left_over("test_own_by_hand", 5000, true));
    }
}
