//! What Prometheus sees of the trail, and what the documents say that it sees.

use std::collections::BTreeSet;

use super::support::launch;
use crate::support::{DataDir, buy, eventually};

/// Names of the trail's metrics in a text, as samples have them.
fn named(text: &str) -> BTreeSet<&str> {
    text.split(|c: char| !c.is_ascii_alphanumeric() && c != '_')
        .filter(|word| word.starts_with("audit_"))
        .collect()
}

/// The value of a sample without labels.
fn value(metrics: &str, name: &str) -> f64 {
    let sample = metrics
        .lines()
        .find_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
    sample
        .unwrap_or_else(|| panic!("no {name} in {metrics}"))
        .parse()
        .unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn every_metric_that_the_manual_names_is_there_and_counts_what_happens() {
    let data = DataDir::new();
    let server = launch(&data).env("PLATFORM_METRICS_ACCESS", "open").start().await;
    let admin = server.sign_in("acme", "admin@example.com").await;
    admin.order(&buy("AAPL", "1")).await;

    let metrics = eventually("everything that was recorded to be published", || async {
        let metrics = server.api().get("/metrics").await.expect(200).text.clone();
        let published = value(&metrics, "audit_checkpoints_published_total") > 0.0;
        (published && value(&metrics, "audit_events_waiting") == 0.0).then_some(metrics)
    })
    .await;

    for name in [
        "audit_events_recorded_total",
        "audit_events_sequenced_total",
        "audit_checkpoints_signed_total",
        "audit_sequencer_shards_held",
    ] {
        assert!(value(&metrics, name) > 0.0, "{name}: {metrics}");
    }
    for name in [
        "audit_tenants_refused",
        "audit_events_lost_total",
        "audit_commits_unaudited_total",
        "audit_sequencer_rounds_failed_total",
    ] {
        assert!(value(&metrics, name).abs() < f64::EPSILON, "{name}: {metrics}");
    }

    let manual = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/OPERATIONS.md");
    let manual = std::fs::read_to_string(manual).unwrap();
    let exported = named(&metrics);
    // A family with labels has no sample before there is something to count, and a histogram none of its plain name.
    let is_exported = |name: &str| {
        let family = name.strip_suffix("_total").unwrap_or(name);
        exported.contains(name) || metrics.contains(&format!("# TYPE {family} "))
    };
    // Not metrics but a check of `/health` and the code of a problem.
    let others = ["audit_spool", "audit_pending", "audit_"];
    let missing: Vec<_> = named(&manual)
        .into_iter()
        .filter(|name| !others.contains(name) && !is_exported(name))
        .collect();
    assert_eq!(missing, [""; 0]);
    let families = metrics
        .lines()
        .filter_map(|line| line.strip_prefix("# TYPE audit_")?.split(' ').next());
    for family in families {
        assert!(
            manual.contains(&format!("audit_{family}")),
            "the manual has no audit_{family}"
        );
    }
    server.stop().await.expect(0, &[]);
}
