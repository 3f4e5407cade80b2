//! How much memory an export takes. In a process of its own, because nothing else may use memory meanwhile.

#![expect(clippy::unwrap_used, reason = "tests")]

#[path = "../export/support.rs"]
#[allow(dead_code, reason = "the other tests use the rest")]
mod support;

use platform_audit::{EventFilter, Export, ExportFormat};

use platform_core::sqlx;

use crate::support::{Place, many};

const EVENTS: i32 = 100_000;

/// What may be in memory besides: a chunk, its rows, its tiles, and what the allocator keeps.
const GROWTH_KB_MAX: u64 = 16 * 1024;

/// The memory of this process that is in use.
fn resident_kb() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find(|line| line.starts_with("VmRSS:")).unwrap();
    line.split_whitespace().nth(1).unwrap().parse().unwrap()
}

#[tokio::test]
async fn an_export_of_a_hundred_thousand_events_takes_the_memory_of_one_chunk() {
    let place = Place::own().await;
    many(&place, EVENTS).await;
    sqlx::query("analyze platform_audit.event, platform_audit.pending")
        .execute(&mut place.superuser().await)
        .await
        .unwrap();
    place.integrate().await;

    for (export, events) in [
        (Export::whole(), 100_000),
        (Export::selected(EventFilter::new()), 100_000),
        (Export::whole_from(70_000).format(ExportFormat::Csv), 30_000),
        (Export::whole_from(70_000).format(ExportFormat::Ocsf), 30_000),
    ] {
        let began = std::time::Instant::now();
        let mut running = place
            .log
            .export(&place.db, &place.key, &place.ctx, export.clone())
            .await
            .unwrap();
        let (mut chunks, mut bytes, mut lines) = (0_u32, 0_usize, 0_usize);
        let (mut at_first, mut most) = (0, 0);
        while let Some(chunk) = running.next().await.unwrap() {
            chunks += 1;
            bytes += chunk.len();
            lines += chunk.iter().filter(|byte| **byte == b'\n').count();
            if chunks == 20 {
                at_first = resident_kb();
            }
            most = most.max(resident_kb());
        }
        let growth = most.saturating_sub(at_first);
        println!(
            "{export:?}: {bytes} bytes in {chunks} chunks, {growth} kB more at most, {:?}",
            began.elapsed()
        );

        assert!(lines >= events, "{lines}");
        assert!(growth < GROWTH_KB_MAX, "{growth} kB more in {export:?}");
    }
}
